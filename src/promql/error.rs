//! What is wrong with a text, in the words of Prometheus.

use std::fmt;

use super::ast::Span;

/// Which kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseErrorKind {
    /// The text is no PromQL.
    Syntax,
    /// The text is PromQL, its types do not fit: an argument, an operator, an unknown function.
    Type,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in bytes of the text.
    pub span: Span,
    /// Line of `span.start`, from 1.
    pub line: usize,
    /// Column of `span.start` in bytes, from 1.
    pub column: usize,
    /// What, without position: `unclosed left parenthesis`.
    pub message: String,
    /// Syntax or type.
    pub kind: ParseErrorKind,
    /// The parenthesis, bracket or brace that is not closed, if that is the mistake.
    pub opened: Option<Span>,
    /// Whether it ends at the next comma or bracket of a list, where reading went on: what is told after
    /// it does not follow from it.
    pub contained: bool,
}

impl ParseError {
    pub(super) fn new(text: &str, span: Span, message: String, kind: ParseErrorKind) -> Self {
        let (line, column) = span.line_column(text);
        Self { span, line, column, message, kind, opened: None, contained: false }
    }
}

/// `1:5: parse error: …`, as Prometheus says it.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: parse error: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// All mistakes found in one text, those of the syntax first; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseErrors(pub Vec<ParseError>);

impl ParseErrors {
    /// The one to show if only one can be shown.
    pub fn first(&self) -> &ParseError {
        &self.0[0]
    }
}

/// The first mistake alone, as Prometheus does.
impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

impl std::error::Error for ParseErrors {}
