//! Natively all parts share one host, and two of them listen on the same port.

use super::topology::{Host, Listen};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::Protocol;
use crate::manifest::address::split_address;

pub(super) const RULE: Rule = Rule {
    code: "S110",
    name: "native-port-clash",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, .. }: &Input<'_>, findings: &mut Findings) {
    let mut taken: Vec<(Port, Span, String, Option<u16>)> = Vec::new();
    for host in topology.hosts.iter().filter(|host| !host.contained) {
        for (port, span) in native_ports(host) {
            let clash = taken.iter().find(|(other, _, _, _)| *other == port);
            if let Some((_, first, what, published)) = clash {
                // In containers they clash as well, and host-port-clash has said so.
                if published.is_some() && *published == host_port(host, port.0) {
                    continue;
                }
                findings.push(
                    RULE.says(format!(
                        "natively {what} and {} would both listen on port {}",
                        host.what, port.0
                    ))
                    .at(span, "listens here too")
                    .also(*first, "listens here")
                    .help("let one of the programs listen on another port"),
                );
            } else {
                taken.push((port, span, host.what.clone(), host_port(host, port.0)));
            }
        }
    }
}

/// The published port that leads to a port inside, or is that port of the host.
fn host_port(host: &Host<'_>, port: u16) -> Option<u16> {
    let published = host.listens.iter().filter_map(|listen| {
        let (_, outside) = listen.published.as_ref()?;
        (listen.port == port || *outside == port).then_some(*outside)
    });
    published.min()
}

/// A port, and whether it is one of UDP: those are apart from those of TCP.
type Port = (u16, bool);

fn port_of(listen: &Listen, number: u16) -> (Port, Span) {
    ((number, listen.protocol == Some(Protocol::Udp)), listen.span)
}

/// Ports on the host machine that a part takes when the stack runs natively.
fn native_ports(host: &Host<'_>) -> Vec<(Port, Span)> {
    let Some(service) = host.service else {
        // Parts listen on the port they publish, exporters on their own.
        let port = |listen: &Listen| listen.published.as_ref().map_or(listen.port, |p| p.1);
        return host.listens.iter().map(|listen| port_of(listen, port(listen))).collect();
    };
    let Some(native) = &service.native else { return Vec::new() };
    if let Some(external) = &native.external {
        let port = split_address(external).and_then(|(_, port)| port);
        return port.map(|port| ((port, false), external.span)).into_iter().collect();
    }
    if native.run.is_none() {
        return Vec::new();
    }
    // A program does not know what compose would publish: it listens on the port inside.
    host.listens.iter().map(|listen| port_of(listen, listen.port)).collect()
}

const EXPLAIN: &str = r##"In containers every service has ports of its own. `stackctl up` runs everything on one machine, where
a port can be taken once.

    service "db"    { port 3306; native { run "mariadbd" } }
    service "mysql" { port 3306 host=3307; native { run "mysqld" } }

Let one of the programs listen on another port, or run it elsewhere with `native external=`."##;
