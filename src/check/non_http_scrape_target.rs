//! A scrape goes to a port that does not speak HTTP.

use super::topology::Host;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::Protocol;

pub(super) const RULE: Rule = Rule {
    code: "S106",
    name: "non-http-scrape-target",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    for service in &stack.services {
        let Some(metrics) = &service.metrics else { continue };
        if metrics.via.is_some() {
            continue;
        }
        if let Some(host) = topology.host(&service.name) {
            let port = metrics.port.as_ref().map(|port| port.value);
            let what = format!("`metrics` of service `{}`", service.name);
            refuse(host, port, &what, metrics.span(), findings);
        }
    }
    let own = topology.connections.iter().filter(|c| c.from == "prometheus" && c.http);
    for connection in own {
        if let Some(host) = topology.resolve(&connection.host) {
            refuse(host, connection.port, &connection.what, connection.span, findings);
        }
    }
    for scrape in stack.prometheus.iter().flat_map(|prometheus| &prometheus.scrapes) {
        let Some(host) = topology.host(&scrape.job) else { continue };
        // With `metrics` the service itself is at fault, and was told.
        let told = host.service.is_none_or(|service| service.metrics.is_some());
        if scrape.targets.is_empty() && !told {
            let port = scrape.port.as_ref().map(|port| port.value);
            let what = format!("scrape job `{}`", scrape.job);
            refuse(host, port, &what, scrape.job.span, findings);
        }
    }
}

/// Ports of databases and caches that are never HTTP.
const OTHER_PROTOCOLS: [(u16, &str); 6] = [
    (3306, "MySQL's protocol"),
    (5432, "PostgreSQL's protocol"),
    (6379, "the Redis protocol"),
    (27017, "MongoDB's protocol"),
    (11211, "the memcached protocol"),
    (5672, "AMQP"),
];

fn refuse(host: &Host<'_>, port: Option<u16>, what: &str, span: Span, findings: &mut Findings) {
    let listen = match port {
        Some(port) => host.listen(port),
        None => host.listens.first(),
    };
    let Some(listen) = listen else { return };
    let spoken = match listen.protocol {
        Some(Protocol::Http | Protocol::Https) => return,
        Some(Protocol::Fastcgi) => "FastCGI",
        Some(Protocol::Grpc) => "gRPC",
        Some(Protocol::Udp) => "UDP",
        Some(Protocol::Tcp) | None => {
            match OTHER_PROTOCOLS.iter().find(|(port, _)| *port == listen.port) {
                Some((_, spoken)) => spoken,
                None => return,
            }
        }
    };
    let help = if spoken == "FastCGI" {
        "scrape it through the web server in front: `metrics via=\"caddy\"`".to_owned()
    } else {
        "scrape an exporter for it, or a port that speaks HTTP".to_owned()
    };
    findings.push(
        RULE.says(format!(
            "{what} goes to {}:{}, which speaks {spoken}, not HTTP",
            host.name, listen.port
        ))
        .at(span, "cannot be scraped")
        .also(listen.span, "the port")
        .help(help),
    );
}

const EXPLAIN: &str = r##"Prometheus scrapes over HTTP. PHP-FPM speaks FastCGI, databases speak protocols of their own: such a
target would always be down.

    service "app" { expose 9000 protocol="fastcgi"; metrics }

Scrape through the web server in front (`metrics via="caddy"`), or use an exporter."##;
