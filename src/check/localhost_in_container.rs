//! Inside a container, localhost is that container and nothing else.

use super::topology::{Host, Listen};
use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity};
use crate::manifest::address::is_localhost;

pub(super) const RULE: Rule = Rule {
    code: "S105",
    name: "localhost-in-container",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    for connection in topology.connections.iter().filter(|c| is_localhost(&c.host)) {
        let from = topology.resolve(connection.from);
        // Prometheus may well scrape itself.
        if let (Some(from), Some(port)) = (from, connection.port)
            && from.listen(port).is_some()
        {
            continue;
        }
        let listens = |host: &&Host<'_>| {
            let published = |port| {
                move |listen: &Listen| {
                    listen.published.as_ref().is_some_and(|published| published.1 == port)
                }
            };
            connection.port.is_some_and(|port| {
                host.listen(port).is_some() || host.listens.iter().any(published(port))
            })
        };
        let mut listening = topology.hosts.iter().filter(listens);
        let (meant, another) = (listening.next(), listening.next());
        let what = from.map_or("", |from| from.what.as_str());
        let finding = RULE
            .says(format!(
                "{} goes to `{}`, which inside the container of {what} is {what} itself",
                connection.what, connection.host
            ))
            .at(connection.span, "not another service");
        let (Some(host), Some(port)) = (meant, connection.port) else {
            findings.push(finding.help("write the name of the service that is meant"));
            continue;
        };
        let inside = host.listen(port).or(host.listens.first()).map_or(port, |l| l.port);
        let meant = format!("{}:{inside}", host.name);
        let finding = finding.help(format!("write `{meant}`"));
        let written = format!("{}:{port}", connection.host);
        // Which of several is meant is not known.
        findings.push(match another {
            None => mending::rename(finding, files, connection.span, &written, &meant),
            Some(_) => finding,
        });
    }
}

const EXPLAIN: &str = r##"Each container has a localhost of its own. What works on a developer's machine points at nothing once
the program runs in a container.

    scrape "mysql" { target "localhost:9104" }

Write the service's name and its port inside the network: `mysql-exporter:9104`. Natively the name is
mapped to the loopback."##;
