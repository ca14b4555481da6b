//! A dashboard shows a metric that nothing in the stack exposes.

use super::expressions::Site;
use super::{Input, Rule, unknown_metric};
use crate::diag::{Findings, Severity};
use crate::manifest::address::host_of;

pub(super) const RULE: Rule = Rule {
    code: "S501",
    name: "panel-unknown-metric",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    if input.stack.prometheus.is_none() || asks_others(input) {
        return;
    }
    for expression in &input.expressions {
        if matches!(expression.site, Site::Panel(..) | Site::Variable(..) | Site::Annotation(..)) {
            unknown_metric::report(&RULE, input, expression, findings);
        }
    }
}

/// Whether a data source shows series of another server: nothing is known of those.
pub(super) fn asks_others(input: &Input<'_>) -> bool {
    let sources = input.stack.grafana.iter().flat_map(|grafana| &grafana.datasources);
    sources.filter(|source| source.plugin() == "prometheus").any(|source| {
        source.url.as_ref().is_some_and(|url| {
            let address = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            host_of(address.split('/').next().unwrap_or(address)) != "prometheus"
        })
    })
}

const EXPLAIN: &str = r##"Nothing in the stack exposes or records the metric that a panel, a variable or an annotation asks for: it
shows no data, and nobody is told why. Dashboards that were made for other versions of an exporter are
the usual reason.

    timeseries "CPU" { query "rate(node_cpu[5m])" }   // node_cpu_seconds_total since node_exporter 0.16

In dashboards from files the place is that in the file. Nothing is said while a data source shows series of a Prometheus
outside of the stack. `stackctl explain S303` says where the knowledge of metrics comes from."##;
