//! The output of containers grows until the disk is full.

use super::{Input, Rule, containers};
use crate::diag::{Findings, Severity, quoted_list};
use crate::manifest::Logging;

pub(super) const RULE: Rule = Rule {
    code: "S617",
    name: "missing-log-rotation",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let without: Vec<_> = containers::all(stack)
        .into_iter()
        .filter(|container| !container.logging.is_some_and(rotates))
        .collect();
    let Some((first, others)) = without.split_first() else { return };
    let names = quoted_list(without.iter().map(|container| container.name.as_str()));
    let finding = RULE
        .says(format!("nothing rotates the output of {names}"))
        .at(first.span, "no limit of its size")
        .help("say it once for all, at the top of the manifest: `logging \"json-file\" { options max-size=\"10m\" max-file=\"3\" }`");
    let also = |finding: crate::diag::Finding, other: &containers::Container<'_>| {
        finding.also(other.span, "")
    };
    findings.push(others.iter().fold(finding, also));
}

/// Whether the driver keeps no more than so much; those that send the output away keep nothing.
fn rotates(logging: &Logging) -> bool {
    match logging.driver.as_ref().map(|driver| driver.as_str()) {
        None | Some("json-file") => logging.options.get("max-size").is_some(),
        Some(_) => true,
    }
}

const EXPLAIN: &str = r##"Docker keeps what a container prints in one file that it never shortens, unless it is told to.

    service "shop" { image "example/shop:1.4.0" }

Say it once for all containers, at the top of the manifest:

    logging "json-file" { options max-size="10m" max-file="3" }

A driver that sends the output away (`journald`, `syslog`, …) or rotates by itself (`local`) is as good. Only said when
asked for: `lint deny="security"`."##;
