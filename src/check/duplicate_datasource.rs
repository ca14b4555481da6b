//! Two data sources of Grafana have one identifier, or both are the default.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S512",
    name: "duplicate-datasource",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(grafana) = &stack.grafana else { return };
    let mut seen: Vec<(String, Span)> = Vec::new();
    for source in &grafana.datasources {
        let identifier = source.identifier();
        let place = source.uid.as_ref().map_or(source.name.span, |uid| uid.span);
        match seen.iter().find(|(known, _)| *known == identifier) {
            Some((_, first)) => findings.push(
                RULE.says(format!("two data sources have the identifier `{identifier}`"))
                    .at(place, "again here")
                    .also(*first, "first here")
                    .help("give one of them a `uid` of its own, and use it in its dashboards"),
            ),
            None => seen.push((identifier, place)),
        }
    }
    let mut defaults =
        grafana.datasources.iter().filter_map(|source| source.default.as_ref().filter(|d| d.value));
    let Some(first) = defaults.next() else { return };
    for again in defaults {
        findings.push(
            RULE.says("two data sources are the default")
                .at(again.span, "again here")
                .also(first.span, "first here")
                .help("Grafana takes one: remove `default` from the other"),
        );
    }
}

const EXPLAIN: &str = r##"Grafana does not start with two data sources of one identifier, nor with two that are the default. An
identifier is the `uid`, or the name in lower case where none is written.

    datasource "metrics" type="prometheus" uid="main" default=#true
    datasource "archive" type="prometheus" uid="main" default=#true

Give each a `uid` of its own, and say `default` once."##;
