//! Two containers would have one name on the networks.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S111",
    name: "duplicate-host",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, .. }: &Input<'_>, findings: &mut Findings) {
    for (at, host) in topology.hosts.iter().enumerate() {
        let Some(first) = topology.hosts[..at].iter().find(|known| known.name == host.name) else {
            continue;
        };
        // Two services of one name are S005.
        if first.what != host.what {
            findings.push(
                RULE.says(format!(
                    "{} and {} are both the host `{}`",
                    first.what, host.what, host.name
                ))
                .at(first.span, "this one")
                .also(host.span, "and this one")
                .help("rename the service: the names of monitoring parts are theirs"),
            );
        }
    }
}

const EXPLAIN: &str = r##"The monitoring parts are containers called `prometheus`, `alertmanager`, `pushgateway`, `grafana` and
`NAME-exporter`. A service of such a name would take the other's place in compose.yaml.

    service "grafana" { image "shop/grafana-proxy:1" }
    grafana

Rename the service."##;
