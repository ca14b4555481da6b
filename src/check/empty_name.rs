//! Something has an empty text for its name.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};

pub(super) const RULE: Rule =
    Rule { code: "S015", name: "empty-name", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut named: Vec<(&str, &Spanned<String>)> = Vec::new();
    named.extend(stack.header.iter().map(|header| ("stack", &header.name)));
    named.extend(stack.networks.iter().map(|network| ("network", &network.name)));
    named.extend(stack.volumes().map(|name| ("volume", name)));
    named.extend(stack.secrets.iter().map(|secret| ("secret", &secret.name)));
    named.extend(stack.services.iter().map(|service| ("service", &service.name)));
    named.extend(stack.exporters.iter().map(|exporter| ("exporter", &exporter.name)));
    named.extend(stack.externals.iter().map(|external| ("external", &external.name)));
    if let Some(prometheus) = &stack.prometheus {
        named.extend(prometheus.scrapes.iter().map(|scrape| ("scrape", &scrape.job)));
        named.extend(prometheus.federate.iter().map(|federate| ("federate", &federate.job)));
    }
    named.extend(stack.rules.iter().map(|group| ("rules", &group.name)));
    named.extend(stack.records().map(|record| ("record", &record.name)));
    named.extend(stack.alerts().map(|alert| ("alert", &alert.name)));
    named.extend(stack.slos.iter().map(|slo| ("slo", &slo.name)));
    if let Some(alertmanager) = &stack.alertmanager {
        named.extend(alertmanager.receivers.iter().map(|receiver| ("receiver", &receiver.name)));
    }
    if let Some(grafana) = &stack.grafana {
        named.extend(grafana.datasources.iter().map(|source| ("datasource", &source.name)));
        named.extend(grafana.dashboards.iter().map(|dashboard| ("dashboard", &dashboard.title)));
    }
    for (what, name) in named.into_iter().filter(|(_, name)| name.trim().is_empty()) {
        findings.push(
            RULE.says(format!("`{what}` has an empty name"))
                .at(name.span, "nothing in it")
                .help("give it a name; others refer to it by that"),
        );
    }
}

const EXPLAIN: &str = r##"A name is what others refer to, and what the rendered files are made of: an alert, a scrape job or a group of
rules without one is refused by Prometheus.

    alert "" { expr "up == 0" }
    alert "TargetDown" { expr "up == 0" }"##;
