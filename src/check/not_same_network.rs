//! Two hosts that have to talk share no network.

use super::topology::Host;
use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S103",
    name: "not-same-network",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    for connection in &topology.connections {
        if let (Some(from), Some(to)) =
            (topology.resolve(connection.from), topology.resolve(&connection.host))
            && apart(from, to)
        {
            findings.push(unreachable(from, to, connection.span));
        }
    }
    // Derived scrape jobs name no address.
    let Some(prometheus) = topology.host("prometheus") else { return };
    let exporters = stack
        .exporters
        .iter()
        .filter(|exporter| exporter.scrape.as_ref().is_none_or(|scrape| scrape.value))
        .filter_map(|exporter| topology.host(&exporter.host()));
    let services = stack.services.iter().filter_map(|service| {
        let metrics = service.metrics.as_ref()?;
        topology.resolve(metrics.via.as_ref().map_or(service.name.as_str(), |via| via.as_str()))
    });
    for target in exporters.chain(services) {
        if apart(prometheus, target) {
            findings.push(unreachable(prometheus, target, target.span));
        }
    }
}

fn apart(a: &Host<'_>, b: &Host<'_>) -> bool {
    a.name != b.name
        && !a.networks.is_empty()
        && !b.networks.is_empty()
        && !a.networks.iter().any(|network| b.networks.contains(network))
}

fn unreachable(from: &Host<'_>, to: &Host<'_>, span: Span) -> Finding {
    RULE.says(format!("{} cannot reach {}, they share no network", from.what, to.what))
        .at(span, "not reachable")
        .help(format!(
            "{} is on {}, {} on {}; put both on one network",
            from.what,
            from.networks.join(", "),
            to.what,
            to.networks.join(", ")
        ))
}

const EXPLAIN: &str = r##"Names are looked up, and packets delivered, only between containers that share a network.

    network "a"; network "b"
    exporter "mysql" { target "db"; networks "a" }
    prometheus { networks "b" }

Attach both to one network. A part that names no networks is attached to all of them."##;
