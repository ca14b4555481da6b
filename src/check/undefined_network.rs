//! A service or part is to be on a network that is not declared.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Stack;

pub(super) const RULE: Rule = Rule {
    code: "S020",
    name: "undefined-network",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let declared: Vec<&str> = stack.networks.iter().map(|network| network.name.as_str()).collect();
    for name in used(stack).filter(|name| !declared.contains(&name.as_str())) {
        let known = did_you_mean(name, declared.iter().copied(), "networks here");
        let finding = RULE
            .says(format!("network `{name}` is not declared"))
            .at(name.span, "not declared")
            .help(format!("{known}; or declare it: `network \"{name}\"`"));
        let known = declared.iter().copied();
        findings.push(mending::rename_to_similar(finding, files, name.span, name, known));
    }
}

/// Names of networks wherever something is put on one.
fn used(stack: &Stack) -> impl Iterator<Item = &Spanned<String>> {
    let services = stack.services.iter().map(|service| &service.networks);
    let exporters = stack.exporters.iter().map(|exporter| &exporter.networks);
    let stores = stack.stores.iter().map(|store| &store.networks);
    let parts = [
        stack.prometheus.as_ref().map(|part| &part.networks),
        stack.grafana.as_ref().map(|part| &part.networks),
        stack.alertmanager.as_ref().map(|part| &part.networks),
        stack.pushgateway.as_ref().map(|part| &part.networks),
    ];
    services.chain(exporters).chain(stores).chain(parts.into_iter().flatten()).flatten()
}

const EXPLAIN: &str = r##"Compose refuses a service that is on a network which is not declared at the top level; and two services of
which one is on a misspelt network do not reach each other.

    network "front"
    service "api" { image "api:1.1"; networks "fronnt" }

Correct the name, or declare the network: `network "fronnt"`."##;
