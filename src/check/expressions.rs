//! Every PromQL expression of a stack, parsed once, in one list.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use super::boards::{Board, Boards};
use super::known::{Flows, Known};
use crate::dashboards::variables::{self, Mention};
use crate::dashboards::{Annotation, Panel, Target, Variable};
use crate::diag::{Files, Span, Spanned};
use crate::manifest::{
    Alert, Block, Federate, Record, Rule, RuleGroup, Slo, Stack, Test, place_in,
};
use crate::parallel;
use crate::promql::{self, Expr, ParseError, ParseErrorKind, ParseOptions, parse_recovering};

/// A piece of PromQL and what it belongs to.
pub struct Expression<'a> {
    /// As written.
    pub text: &'a Spanned<String>,
    /// What it is for.
    pub site: Site<'a>,
    /// What could be read of it; whole if there are no [`errors`](Self::errors).
    pub tree: Option<Expr>,
    /// Mistakes; offsets fit the text as written.
    pub errors: Vec<ParseError>,
    /// Where dashboard variables stood: what the tree has there is made up.
    pub made_up: Vec<Range<usize>>,
    flows: OnceLock<Flows>,
    varies: OnceLock<bool>,
}

/// What an expression is for.
#[derive(Clone, Copy)]
pub enum Site<'a> {
    /// A recording rule.
    Record(&'a RuleGroup, &'a Block<Record>),
    /// An alert.
    Alert(&'a RuleGroup, &'a Block<Alert>),
    /// A query of a unit test.
    Test(&'a Block<Test>),
    /// The counter of all events of an objective.
    SloTotal(&'a Block<Slo>),
    /// The counter of bad events of an objective.
    SloErrors(&'a Block<Slo>),
    /// A selector of a federation job.
    Federate(&'a Block<Federate>),
    /// A query of a panel, written in the manifest or in a file. Variables are replaced by something of
    /// the same length before it is parsed: by `1m` where a duration belongs, else by letters `v`.
    Panel(&'a Board<'a>, &'a Panel, &'a Target),
    /// The expression in the query of a dashboard's variable; blanks stand for what is around it.
    Variable(&'a Board<'a>, &'a Variable),
    /// A query whose results are marked in a dashboard.
    Annotation(&'a Board<'a>, &'a Annotation),
}

impl Site<'_> {
    /// What it is, for messages: ``alert `X` ``. Rules ask for it before they know whether they have
    /// something to say, so it becomes a text only there.
    pub fn what(&self) -> &(impl fmt::Display + use<'_>) {
        self
    }

    /// The dashboard that it belongs to.
    pub fn board(&self) -> Option<&Board<'_>> {
        match self {
            Self::Panel(board, ..) | Self::Variable(board, _) | Self::Annotation(board, _) => {
                Some(board)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(_, record) => write!(f, "recording rule `{}`", record.name),
            Self::Alert(_, alert) => write!(f, "alert `{}`", alert.name),
            Self::Test(test) => write!(f, "test `{}`", test.name),
            Self::SloTotal(slo) => write!(f, "total of slo `{}`", slo.name),
            Self::SloErrors(slo) => write!(f, "errors of slo `{}`", slo.name),
            Self::Federate(federate) => write!(f, "federation job `{}`", federate.job),
            Self::Panel(board, panel, target) => f.write_str(&board.panel(panel, &target.pointer)),
            Self::Variable(board, it) => {
                write!(f, "variable `{}`{}", it.name, board.pointer(&it.pointer))
            }
            Self::Annotation(board, it) => {
                write!(f, "annotation `{}`{}", it.name, board.pointer(&it.pointer))
            }
        }
    }
}

impl Expression<'_> {
    /// The tree, if the expression is without a mistake: what rules about its meaning look at.
    pub fn sound(&self) -> Option<&Expr> {
        self.tree.as_ref().filter(|_| self.errors.is_empty())
    }

    /// The labels at every node of [`Self::sound`], followed once; empty where there is no such tree.
    pub fn flows(&self, known: &Known<'_>) -> &Flows {
        self.flows
            .get_or_init(|| self.sound().map_or_else(Flows::default, |tree| Flows::of(known, tree)))
    }

    /// Whether a part of the tree stands for a variable, or has one in it.
    pub fn is_made_up(&self, part: promql::Span) -> bool {
        self.made_up.iter().any(|range| part.start < range.end && range.start < part.end)
    }

    /// Whether variables stand within the values of matchers and in windows only: then labels and names
    /// are what they will be.
    pub fn varies_in_values_alone(&self) -> bool {
        *self.varies.get_or_init(|| self.has_variables_in_values_alone())
    }

    fn has_variables_in_values_alone(&self) -> bool {
        let Some(tree) = self.sound() else { return false };
        let selectors = tree.selectors();
        let values = || {
            let matchers = selectors.iter().flat_map(|used| &used.selector.matchers);
            matchers.filter(|entry| entry.span != entry.value_span).map(|entry| entry.value_span)
        };
        self.made_up.iter().all(|range| {
            let in_value = values().any(|span| span.start < range.start && range.end < span.end);
            let before = self.text.get(..range.start).unwrap_or_default().trim_end();
            in_value || before.ends_with(['[', ':'])
        })
    }

    /// The place in the manifest, or in the file of the dashboard, of a part of the expression.
    pub fn place(&self, files: &Files, part: promql::Span) -> Span {
        self.range(files, part.start..part.end)
    }

    /// The same for a range of bytes of the text.
    pub fn range(&self, files: &Files, range: Range<usize>) -> Span {
        place_in(files, self.text, range)
    }
}

/// So many expressions, or dashboards, are worth a second thread.
pub const MUCH: usize = 200;

/// What is to be parsed: the whole text, or a part of one in which variables may stand.
type Wanted<'a> = (&'a Spanned<String>, Option<Range<usize>>, Site<'a>);

/// Parses every expression of rules, tests, objectives, federation and dashboards.
pub fn all<'a>(stack: &'a Stack, boards: &'a Boards<'a>) -> Vec<Expression<'a>> {
    let mut wanted: Vec<Wanted<'a>> = Vec::new();
    let mut add = |text, site| wanted.push((text, None, site));
    for group in &stack.rules {
        for rule in &group.rules {
            match rule {
                Rule::Record(record) => add(&record.expr, Site::Record(group, record)),
                Rule::Alert(alert) => add(&alert.expr, Site::Alert(group, alert)),
            }
        }
    }
    for test in &stack.tests {
        for expectation in test.at.iter().flat_map(|at| &at.query) {
            add(&expectation.expr, Site::Test(test));
        }
    }
    for slo in &stack.slos {
        add(&slo.total, Site::SloTotal(slo));
        add(&slo.errors, Site::SloErrors(slo));
    }
    for federate in stack.prometheus.iter().flat_map(|prometheus| &prometheus.federate) {
        for selector in &federate.matches {
            add(selector, Site::Federate(federate));
        }
    }
    for board in &boards.all {
        on_board(boards, board, &mut wanted);
    }
    parallel::map(&wanted, wanted.len() > MUCH, |(text, part, site)| match part {
        None => parsed(text, text, *site),
        Some(part) => with_variables(text, part.clone(), *site),
    })
}

fn on_board<'a>(boards: &'a Boards<'a>, board: &'a Board<'a>, wanted: &mut Vec<Wanted<'a>>) {
    for panel in &board.content.panels {
        for target in &panel.targets {
            let Some(expr) = &target.expr else { continue };
            if boards.speaks_promql(board, Board::source_of(panel, target)) {
                wanted.push((expr, Some(0..expr.len()), Site::Panel(board, panel, target)));
            }
        }
    }
    for variable in board.content.variables.iter().filter(|it| it.kind == "query") {
        let Some(query) = &variable.query else { continue };
        let Some(range) = variables::expression_of(query) else { continue };
        if boards.speaks_promql(board, variable.datasource.as_ref()) {
            wanted.push((query, Some(range), Site::Variable(board, variable)));
        }
    }
    for annotation in &board.content.annotations {
        let Some(expr) = &annotation.expr else { continue };
        if boards.speaks_promql(board, annotation.datasource.as_ref()) {
            wanted.push((expr, Some(0..expr.len()), Site::Annotation(board, annotation)));
        }
    }
}

/// An expression that may have variables, and may be a part of its text.
fn with_variables<'a>(
    text: &'a Spanned<String>,
    part: Range<usize>,
    site: Site<'a>,
) -> Expression<'a> {
    let mentions = variables::mentions(text);
    let mut read = variables::masked(text, &mentions);
    if part != (0..text.len()) {
        let blank = |len: usize| " ".repeat(len);
        read =
            format!("{}{}{}", blank(part.start), &read[part.clone()], blank(text.len() - part.end));
    }
    let mut expression = parsed(text, &read, site);
    // What Grafana's own variables hold is known.
    let free = |mention: &&Mention<'_>| !variables::is_built_in(mention.name);
    let free: Vec<Range<usize>> =
        mentions.iter().filter(free).map(|mention| mention.whole.clone()).collect();
    expression.made_up = mentions.into_iter().map(|mention| mention.whole).collect();
    // A variable may hold an operator or half of a number: nothing is known of such texts. That one
    // stands where a number belongs is no mistake of types.
    let touches = |error: &ParseError| {
        let promql::Span { start, end } = error.span;
        free.iter().any(|range| start <= range.end && range.start <= end)
    };
    let unknown = |error: &ParseError| error.kind == ParseErrorKind::Syntax && touches(error);
    if expression.errors.iter().any(unknown) {
        expression.errors.clear();
        expression.tree = None;
    } else {
        let mut errors = std::mem::take(&mut expression.errors);
        errors.retain(|error| !expression.is_made_up(error.span));
        expression.errors = errors;
    }
    expression
}

fn parsed<'a>(text: &'a Spanned<String>, read: &str, site: Site<'a>) -> Expression<'a> {
    let (tree, errors) = parse_recovering(read, ParseOptions::default());
    Expression {
        text,
        site,
        tree,
        errors,
        made_up: Vec::new(),
        flows: OnceLock::new(),
        varies: OnceLock::new(),
    }
}
