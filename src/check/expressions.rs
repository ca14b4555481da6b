//! Every PromQL expression of a stack, in one list.

use crate::diag::Spanned;
use crate::manifest::{Grafana, PanelKind, Stack};
use crate::promql::{ParseError, ParseOptions, parse_recovering};

/// A piece of PromQL and what it belongs to.
pub struct Expression<'a> {
    /// As written.
    pub text: &'a Spanned<String>,
    /// ``alert `X` ``, for messages.
    pub owner: String,
    /// Mistakes; offsets fit the text as written.
    pub errors: Vec<ParseError>,
}

/// Parses every expression of rules, tests, objectives, federation and dashboards.
pub fn all<'a>(stack: &'a Stack) -> Vec<Expression<'a>> {
    let mut found = Vec::new();
    let mut add = |text: &'a Spanned<String>, owner: String| {
        let (_, errors) = parse_recovering(text, ParseOptions::default());
        found.push(Expression { text, owner, errors });
    };
    for record in stack.records() {
        add(&record.expr, format!("recording rule `{}`", record.name));
    }
    for alert in stack.alerts() {
        add(&alert.expr, format!("alert `{}`", alert.name));
    }
    for test in &stack.tests {
        for expectation in test.at.iter().flat_map(|at| &at.query) {
            add(&expectation.expr, format!("test `{}`", test.name));
        }
    }
    for slo in &stack.slos {
        add(&slo.total, format!("total of slo `{}`", slo.name));
        add(&slo.errors, format!("errors of slo `{}`", slo.name));
    }
    for federate in stack.prometheus.iter().flat_map(|prometheus| &prometheus.federate) {
        for selector in &federate.matches {
            add(selector, format!("federation job `{}`", federate.job));
        }
    }
    let dashboards = stack
        .grafana
        .iter()
        .flat_map(|grafana| grafana.dashboards.iter().map(move |dashboard| (grafana, dashboard)));
    for (grafana, dashboard) in dashboards {
        for panel in dashboard.panels() {
            let source = panel.datasource.as_ref().or(dashboard.datasource.as_ref());
            for query in &panel.queries {
                match query.datasource.as_ref().or(source) {
                    Some(source) if !speaks_promql(grafana, source) => continue,
                    None if panel.kind.value == PanelKind::Logs => continue,
                    _ => {}
                }
                let (_, errors) =
                    parse_recovering(&without_variables(&query.expr), ParseOptions::default());
                let owner = format!("panel `{}`", panel.title);
                found.push(Expression { text: &query.expr, owner, errors });
            }
        }
    }
    found
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
