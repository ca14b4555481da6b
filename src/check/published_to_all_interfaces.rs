//! A database or an exporter is reachable from every network of the host.

use super::topology::Host;
use super::{Input, Rule, guarded, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Service;

pub(super) const RULE: Rule = Rule {
    code: "S108",
    name: "published-to-all-interfaces",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    let parts = guarded::all(stack);
    let asks = |host: &Host<'_>| parts.iter().any(|part| part.host == host.name && part.asks());
    for host in &topology.hosts {
        for listen in &host.listens {
            let Some((bind, port)) = &listen.published else { continue };
            let open = matches!(bind.as_str(), "0.0.0.0" | "::" | "[::]" | "*");
            if !open || !is_private(host, listen.port) || asks(host) {
                continue;
            }
            let finding = RULE
                .says(format!("port {port} of {} is open to every network of the host", host.what))
                .at(listen.span, "published on every interface")
                .help("publish it on the loopback: `bind=\"127.0.0.1\"`, or leave it unpublished");
            let place = host.service.and_then(|service| bind_of(service, listen.port));
            findings.push(match place {
                Some(said) => {
                    mending::rename(finding, files, said.span, said, "127.0.0.1").as_a_choice()
                }
                None => finding,
            });
        }
    }
}

/// Where the address is written that a port of a service is published on.
fn bind_of(service: &Service, port: u16) -> Option<&Spanned<String>> {
    service.ports.iter().find(|published| published.number.value == port)?.bind.as_ref()
}

/// Images whose port nobody but the stack should reach.
const DATABASES: [&str; 10] = [
    "mysql",
    "mariadb",
    "postgres",
    "redis",
    "valkey",
    "mongo",
    "memcached",
    "elasticsearch",
    "opensearch",
    "rabbitmq",
];
const DATABASE_PORTS: [u16; 8] = [3306, 5432, 6379, 27017, 11211, 9200, 5672, 1433];

fn is_private(host: &Host<'_>, port: u16) -> bool {
    let Some(service) = host.service else {
        // Exporters and the push gateway ask for no password, unless they are told to.
        return host.name.ends_with("-exporter") || host.name == "pushgateway";
    };
    let image = service.image.as_ref().map_or("", |image| image.as_str());
    let image = image.rsplit('/').next().unwrap_or(image);
    let name = image.split([':', '@']).next().unwrap_or(image);
    DATABASES.contains(&name) || DATABASE_PORTS.contains(&port)
}

const EXPLAIN: &str = r##"A database port that is bound to every interface is tried by strangers within the hour, and Docker's
port rules come before the firewall's.

    service "db" { image "mysql:8.4.6"; port 3306 bind="0.0.0.0" }

Publish it on the loopback (the default) or not at all; other containers reach it without publishing."##;
