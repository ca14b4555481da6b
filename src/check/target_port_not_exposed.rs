//! A connection goes to a port that the host does not listen on.

use super::topology::Topology;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};

pub(super) const RULE: Rule = Rule {
    code: "S102",
    name: "target-port-not-exposed",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    for connection in &topology.connections {
        let (Some(host), Some(port)) = (topology.resolve(&connection.host), connection.port) else {
            continue;
        };
        // A published port that is used inside is the business of host-port-used-inside.
        let published =
            host.listens.iter().any(|l| l.published.as_ref().is_some_and(|p| p.1 == port));
        if host.listens.is_empty() || host.listen(port).is_some() || published {
            continue;
        }
        findings.push(
            RULE.says(format!(
                "{} goes to port {port} of {}, which listens on {}",
                connection.what,
                host.what,
                host.ports()
            ))
            .at(connection.span, "nothing listens there")
            .also(host.span, "declared here")
            .help(format!("use one of its ports, or declare it there: `expose {port}`")),
        );
    }
    for service in &stack.services {
        let Some(port) = service.metrics.as_ref().and_then(|metrics| metrics.port.as_ref()) else {
            continue;
        };
        wrong_port(topology, &service.name, "metrics page", port, findings);
    }
    for scrape in stack.prometheus.iter().flat_map(|prometheus| &prometheus.scrapes) {
        if let Some(port) = &scrape.port
            && scrape.targets.is_empty()
        {
            wrong_port(topology, &scrape.job, "scrape job", port, findings);
        }
    }
}

fn wrong_port(
    topology: &Topology<'_>,
    name: &str,
    what: &str,
    port: &Spanned<u16>,
    findings: &mut Findings,
) {
    let Some(host) = topology.resolve(name) else { return };
    if host.listens.is_empty() || host.listen(port.value).is_some() {
        return;
    }
    let published =
        host.listens.iter().find(|l| l.published.as_ref().is_some_and(|p| p.1 == port.value));
    let help = match published {
        Some(listen) => format!(
            "{} is the published port; inside the network it is `port={}`",
            port.value, listen.port
        ),
        None => format!("{} listens on {}", host.what, host.ports()),
    };
    findings.push(
        RULE.says(format!("the {what} of `{name}` is on port {port}, where it does not listen"))
            .at(port.span, "nothing listens there")
            .help(help),
    );
}

const EXPLAIN: &str = r##"The port is not among those that the service listens on, so the connection would be refused.

    service "whatsapp" { port 5555 }
    scrape "whatsapp" port=5556

Use a port that the service declares with `port` or `expose`, or declare the one it really listens on."##;
