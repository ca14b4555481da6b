//! A name is used as a host of the stack, and nothing in the stack has that name.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Finding, Findings, Severity, Span};
use crate::manifest::address::split_address;
use crate::manifest::codes::UNKNOWN_NODE;

pub(super) const RULE: Rule = Rule {
    code: "S006",
    name: "undefined-service",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    let names = topology.names();
    let told: Vec<Finding> = findings.iter().cloned().collect();
    let mut undefined = |name: &str, what: &str, span: Span| {
        let mut known = did_you_mean(name, names.iter().copied(), "hosts here");
        if !what.ends_with("depends on") {
            known =
                format!("{known}; a host outside of the stack is declared: `external \"{name}\"`");
        }
        let finding = RULE
            .says(format!("{what} `{name}`, and no service or exporter is called that"))
            .at(span, "not defined")
            .help(known);
        let known = names.iter().copied();
        findings.push(mending::rename_to_similar(finding, files, span, name, known));
    };
    for connection in &topology.connections {
        let host = connection.host.as_str();
        // What is no address at all is the business of invalid-target.
        if host.is_empty() || host.contains(char::is_whitespace) {
            continue;
        }
        if topology.resolve(host).is_none() && !topology.is_outside(host) {
            undefined(host, &format!("{} names", connection.what), connection.span);
        }
    }
    for service in &stack.services {
        for dependency in &service.depends_on {
            if topology.resolve(&dependency.name).is_none() {
                let what = format!("service `{}` depends on", service.name);
                undefined(&dependency.name, &what, dependency.name.span);
            }
        }
        if let Some(via) = service.metrics.as_ref().and_then(|metrics| metrics.via.as_ref()) {
            let host = split_address(via).map_or(via.as_str(), |(host, _)| host);
            if topology.resolve(host).is_none() {
                let what = format!("`metrics` of service `{}` goes through", service.name);
                undefined(host, &what, via.span);
            }
        }
    }
    // A job without targets of its own changes a derived one, so that one must exist.
    for scrape in stack.prometheus.iter().flat_map(|prometheus| &prometheus.scrapes) {
        let own = !scrape.targets.is_empty()
            || scrape.file_sd.is_some()
            || !scrape.dns_sd.is_empty()
            || !scrape.http_sd.is_empty();
        // `targets` for `target` was told: it is why there are none.
        let misspelt = |finding: &Finding| {
            finding.code == UNKNOWN_NODE.code && scrape.whole.contains(finding.span())
        };
        if !own && topology.resolve(&scrape.job).is_none() && !told.iter().any(misspelt) {
            undefined(&scrape.job, "a scrape job without targets is called", scrape.job.span);
        }
    }
}

const EXPLAIN: &str = r##"A service, exporter or part is referred to by a name that nothing in the stack has, so the address
could never be looked up: the connection would fail at run time.

    exporter "mysql" { target "databse" }      // the service is called `db`

Write the name of a service or exporter of the stack, or declare a host outside of it:

    external "metrics-store" port=8428"##;
