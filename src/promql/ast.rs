//! The syntax tree: what the parser builds, the evaluator runs and lint reads.
//!
//! Every node knows its bytes in the text. Durations stay expressions (`[5m * 2]`, `offset step()`)
//! until the query's step and range are known: [`DurationExpr::resolve`].

use crate::model::{Matcher, Timestamp};

pub use super::duration_expr::{DurationContext, DurationError, DurationExpr};
use super::function::Function;

/// Greatest height of a tree. Deeper text is a parse error, so recursion over a tree is safe.
pub const MAX_DEPTH: usize = 256;

/// A range of bytes in the text: `start` inside, `end` outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// How many bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds no byte.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Line and column, both from 1, of the first byte; columns count bytes, as Prometheus does.
    pub fn line_column(self, text: &str) -> (usize, usize) {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        (line, column)
    }
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number per step.
    Scalar,
    /// One sample per series.
    Vector,
    /// A window of samples per series.
    Matrix,
    /// A string.
    String,
}

impl ValueType {
    /// The word of error messages and documentation: `instant vector`.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }

    /// The word of the HTTP API: `vector`.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `1.5`, `0x1F`, `5m`
    Number(NumberLiteral),
    /// `"text"`
    String(StringLiteral),
    /// `up{job="node"} offset 5m`
    Vector(VectorSelector),
    /// `up[5m]`
    Matrix(MatrixSelector),
    /// `rate(up[5m])[1h:1m]`
    Subquery(Subquery),
    /// `rate(up[5m])`
    Call(Call),
    /// `sum by (job) (up)`
    Aggregate(Aggregate),
    /// `a + on (job) b`
    Binary(Binary),
    /// `-up`
    Unary(Unary),
    /// `(up)`
    Paren(Paren),
    /// What could not be read; only [`super::parse_recovering`] gives such a node.
    Broken(Broken),
}

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLiteral {
    /// The value; a duration is in seconds.
    pub value: f64,
    /// Whether it was written as a duration (`5m`).
    pub duration: bool,
    /// Where it stands.
    pub span: Span,
}

/// A string.
#[derive(Debug, Clone, PartialEq)]
pub struct StringLiteral {
    /// The text without quotes and escapes. Escapes that make no UTF-8 (`"\xff"`) became U+FFFD, which
    /// cannot be written itself: a label's name with it is invalid.
    pub value: String,
    /// Where it stands, with its quotes.
    pub span: Span,
}

/// A label name in `by (…)`, `on (…)`, `group_left (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelName {
    /// The name, unquoted.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A matcher of a selector and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectorMatcher {
    /// The condition.
    pub matcher: Matcher,
    /// All of it; the metric name in front of the braces counts as a matcher on `__name__`.
    pub span: Span,
    /// The value with its quotes; for a metric name in front of the braces the name.
    pub value_span: Span,
}

/// How an instant or range selector treats the edges of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edges {
    /// Only samples inside the window.
    #[default]
    Plain,
    /// `anchored`: with the last sample before the window.
    Anchored,
    /// `smoothed`: interpolated at both edges.
    Smoothed,
}

/// What follows `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// A fixed time, in milliseconds.
    Time(Timestamp),
    /// `start()`: start of the query.
    Start,
    /// `end()`: end of the query.
    End,
}

/// An instant selector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric name, if written in front of the braces.
    pub name: Option<String>,
    /// All conditions, the metric name included (first, if it stands before the braces).
    pub matchers: Vec<SelectorMatcher>,
    /// What follows `offset`; a minus sign is part of the expression.
    pub offset: Option<DurationExpr>,
    /// What follows `@`.
    pub at: Option<At>,
    /// `anchored` or `smoothed`.
    pub edges: Edges,
    /// Whether this is the second argument of `info()`, which may match everything.
    pub info_labels: bool,
    /// All of it with its modifiers.
    pub span: Span,
}

impl VectorSelector {
    /// The conditions alone.
    pub fn plain_matchers(&self) -> impl Iterator<Item = &Matcher> + Clone {
        self.matchers.iter().map(|entry| &entry.matcher)
    }
}

/// A range selector.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// The series; offset and `@` that follow the brackets are stored here.
    pub selector: VectorSelector,
    /// Length of the window.
    pub range: DurationExpr,
    /// The brackets.
    pub range_span: Span,
    /// All of it with its modifiers.
    pub span: Span,
}

/// A subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated at each step.
    pub expr: Box<Expr>,
    /// Length of the window.
    pub range: DurationExpr,
    /// The step; `None` is the default step.
    pub step: Option<DurationExpr>,
    /// What follows `offset`.
    pub offset: Option<DurationExpr>,
    /// What follows `@`.
    pub at: Option<At>,
    /// The brackets.
    pub range_span: Span,
    /// All of it with its modifiers.
    pub span: Span,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its signature.
    pub function: &'static Function,
    /// The arguments; their number and types fit the signature after [`super::parse`].
    pub args: Vec<Expr>,
    /// The name.
    pub name_span: Span,
    /// From the name to the closing parenthesis.
    pub span: Span,
}

/// An aggregation over series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// The first argument of `topk`, `quantile`, `count_values` and their like.
    pub param: Option<Box<Expr>>,
    /// The series.
    pub expr: Box<Expr>,
    /// The labels that make the groups.
    pub grouping: Grouping,
    /// The operator's name.
    pub op_span: Span,
    /// All of it.
    pub span: Span,
}

/// `by (…)`, `without (…)`, or neither: one group (`by ()`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grouping {
    /// Whether the labels are those to leave out.
    pub without: bool,
    /// The labels as written.
    pub labels: Vec<LabelName>,
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: Box<Expr>,
    /// Right operand.
    pub rhs: Box<Expr>,
    /// `bool`: a comparison gives 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series are paired; `Some` exactly if both operands are instant vectors.
    pub matching: Option<VectorMatching>,
    /// The operator itself.
    pub op_span: Span,
    /// From the left operand to the right one.
    pub span: Span,
}

/// How many series of each side may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One with one.
    #[default]
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

impl Cardinality {
    /// The word of the API's syntax tree.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// How the series of two instant vectors are paired.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorMatching {
    /// How many may meet.
    pub cardinality: Cardinality,
    /// Labels after `on` or `ignoring`.
    pub labels: Vec<LabelName>,
    /// `on`: only these labels count; otherwise they are left out.
    pub on: bool,
    /// Labels after `group_left`/`group_right`, copied from the "one" side.
    pub include: Vec<LabelName>,
    /// Value for a missing series on the left (`fill`, `fill_left`).
    pub fill_left: Option<f64>,
    /// Value for a missing series on the right (`fill`, `fill_right`).
    pub fill_right: Option<f64>,
}

/// A sign before an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// Whether the sign is a minus.
    pub negative: bool,
    /// The operand: a scalar or an instant vector.
    pub expr: Box<Expr>,
    /// All of it.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    /// What they hold.
    pub expr: Box<Expr>,
    /// With the parentheses.
    pub span: Span,
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// What was understood inside, such as the arguments of an unknown function.
    pub children: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// Operators between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the symbols say it: see `as_str`
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    And,
    Or,
    Unless,
    /// `</`: keeps what lies below, of a histogram.
    TrimUpper,
    /// `>/`: keeps what lies above, of a histogram.
    TrimLower,
}

impl BinaryOp {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    /// Whether it compares, and so filters unless `bool` is given.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Greater
                | Self::Less
                | Self::GreaterEqual
                | Self::LessEqual
        )
    }

    /// `and`, `or`, `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// Aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named as in PromQL
pub enum AggregateOp {
    Avg,
    Bottomk,
    Count,
    CountValues,
    Group,
    Limitk,
    LimitRatio,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    Topk,
}

impl AggregateOp {
    /// All of them, sorted by name.
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::Bottomk,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::LimitRatio,
        Self::Limitk,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::Topk,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Bottomk => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::Topk => "topk",
        }
    }

    /// Type of the first of two arguments; `None` where there is only one.
    pub fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether Prometheus wants its feature flag for it.
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

impl Expr {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(node) => node.span,
            Self::String(node) => node.span,
            Self::Vector(node) => node.span,
            Self::Matrix(node) => node.span,
            Self::Subquery(node) => node.span,
            Self::Call(node) => node.span,
            Self::Aggregate(node) => node.span,
            Self::Binary(node) => node.span,
            Self::Unary(node) => node.span,
            Self::Paren(node) => node.span,
            Self::Broken(node) => node.span,
        }
    }

    /// What it gives, from the signatures; the parser has checked that it holds together.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) | Self::Broken(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(node) => node.function.return_type,
            Self::Binary(node) => match (node.lhs.value_type(), node.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Self::Unary(node) => node.expr.value_type(),
            Self::Paren(node) => node.expr.value_type(),
        }
    }

    /// The expression inside any parentheses around it.
    pub fn unwrap_parens(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }
}
