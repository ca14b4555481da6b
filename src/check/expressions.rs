//! Every PromQL expression of a stack, parsed once, in one list.

use std::ops::Range;
use std::sync::OnceLock;

use super::known::{Flows, Known};
use crate::diag::{Files, Span, Spanned};
use crate::manifest::{
    Alert, Block, Dashboard, Federate, Grafana, Panel, PanelKind, Query, Record, Rule, RuleGroup,
    Slo, Stack, Test, place_in,
};
use crate::promql::{self, Expr, ParseError, ParseOptions, parse_recovering};

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
    flows: OnceLock<Flows>,
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
    /// A query of a panel. Variables are replaced by something of the same length before it is parsed:
    /// by `1m` where a duration belongs, else by letters `v`.
    Panel(&'a Dashboard, &'a Panel, &'a Block<Query>),
}

impl Site<'_> {
    /// What it is, for messages: ``alert `X` ``.
    pub fn what(&self) -> String {
        match self {
            Self::Record(_, record) => format!("recording rule `{}`", record.name),
            Self::Alert(_, alert) => format!("alert `{}`", alert.name),
            Self::Test(test) => format!("test `{}`", test.name),
            Self::SloTotal(slo) => format!("total of slo `{}`", slo.name),
            Self::SloErrors(slo) => format!("errors of slo `{}`", slo.name),
            Self::Federate(federate) => format!("federation job `{}`", federate.job),
            Self::Panel(_, panel, _) => format!("panel `{}`", panel.title),
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

    /// The place in the manifest of a part of the expression.
    pub fn place(&self, files: &Files, part: promql::Span) -> Span {
        self.range(files, part.start..part.end)
    }

    /// The same for a range of bytes of the text.
    pub fn range(&self, files: &Files, range: Range<usize>) -> Span {
        place_in(files, self.text, range)
    }
}

/// Parses every expression of rules, tests, objectives, federation and dashboards.
pub fn all(stack: &Stack) -> Vec<Expression<'_>> {
    let mut found = Vec::new();
    let mut add = |text, site| found.push(parsed(text, text, site));
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
    if let Some(grafana) = &stack.grafana {
        for dashboard in &grafana.dashboards {
            for panel in dashboard.panels() {
                let source = panel.datasource.as_ref().or(dashboard.datasource.as_ref());
                for query in &panel.queries {
                    match query.datasource.as_ref().or(source) {
                        Some(source) if !speaks_promql(grafana, source) => continue,
                        None if panel.kind.value == PanelKind::Logs => continue,
                        _ => {}
                    }
                    let site = Site::Panel(dashboard, panel, query);
                    found.push(parsed(&query.expr, &without_variables(&query.expr), site));
                }
            }
        }
    }
    found
}

fn parsed<'a>(text: &'a Spanned<String>, read: &str, site: Site<'a>) -> Expression<'a> {
    let (tree, errors) = parse_recovering(read, ParseOptions::default());
    Expression { text, site, tree, errors, flows: OnceLock::new() }
}

/// Whether queries to the source are PromQL; nothing is known of variables.
fn speaks_promql(grafana: &Grafana, source: &str) -> bool {
    let known = grafana.datasources.iter().find(|known| {
        known.name.value == source || known.uid.as_ref().is_some_and(|uid| uid.value == source)
    });
    known.is_none_or(|source| source.plugin() == "prometheus")
}

/// Puts something of the same length in the place of dashboard variables (`$job`, `${job:regex}`,
/// `[[job]]`, `$__rate_interval`), so that the rest can be parsed and offsets stay right.
fn without_variables(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_range = false;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '$' if rest.starts_with("${") => rest.find('}').map_or(rest.len(), |end| end + 1),
            '$' => {
                let name = rest[1..].find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                name.map_or(rest.len(), |end| end + 1)
            }
            _ => 0,
        };
        if len > 1 {
            // In a range or after `offset` a duration is wanted, elsewhere a name or number.
            if in_range || out.trim_end().ends_with("offset") {
                out.push_str("1m");
                out.extend(std::iter::repeat_n(' ', len.saturating_sub(2)));
            } else {
                out.extend(std::iter::repeat_n('v', len));
            }
            rest = &rest[len..];
            continue;
        }
        match c {
            '[' | ':' => in_range = c == '[' || in_range,
            ']' => in_range = false,
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_keep_their_length() {
        let check = |text: &str, expected: &str| {
            assert_eq!(without_variables(text), expected);
            assert_eq!(text.len(), expected.len());
        };
        check("rate(x[$__rate_interval])", "rate(x[1m              ])");
        check("x{job=~\"$job\"}", "x{job=~\"vvvv\"}");
        check("topk($n, x)", "topk(vv, x)");
        check("x[1h:${step}]", "x[1h:1m     ]");
        check("x offset $back", "x offset 1m   ");
    }
}
