//! A connection inside the network uses the port that is published on the host.

use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S104",
    name: "host-port-used-inside",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    for connection in &topology.connections {
        let (Some(host), Some(port)) = (topology.resolve(&connection.host), connection.port) else {
            continue;
        };
        if host.listen(port).is_some() {
            continue;
        }
        let published =
            host.listens.iter().find(|l| l.published.as_ref().is_some_and(|p| p.1 == port));
        if let Some(listen) = published {
            let meant = format!("{}:{}", connection.host, listen.port);
            let finding = RULE
                .says(format!(
                    "{} uses {port}, the published port of {}; inside the network it listens on {}",
                    connection.what, host.what, listen.port
                ))
                .at(connection.span, "a port of the host")
                .also(listen.span, "published here")
                .help(format!("write `{meant}`"));
            let written = format!("{}:{port}", connection.host);
            findings.push(mending::rename(finding, files, connection.span, &written, &meant));
        }
    }
}

const EXPLAIN: &str = r##"A published port exists on the host machine only. Between containers the port inside counts.

    grafana port=3001                          // 3001 on the host, 3000 inside
    reverse_proxy "/" to="grafana:3001"

Use the port inside: `to="grafana:3000"`. The native stack maps it by itself."##;
