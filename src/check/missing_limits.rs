//! Containers may use all memory of the machine.

use super::{Input, Rule, containers};
use crate::diag::{Findings, Severity, quoted_list};

pub(super) const RULE: Rule = Rule {
    code: "S616",
    name: "missing-limits",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let without: Vec<_> = containers::all(stack)
        .into_iter()
        .filter(|container| container.resources.is_none_or(|limits| limits.memory.is_none()))
        .collect();
    let Some((first, others)) = without.split_first() else { return };
    let names = quoted_list(without.iter().map(|container| container.name.as_str()));
    let finding = RULE
        .says(format!("nothing limits the memory of {names}"))
        .at(first.span, "no `resources`")
        .help("say it for each, or once for all: `resources memory=\"512MB\"` at the top of the manifest");
    let also = |finding: crate::diag::Finding, other: &containers::Container<'_>| {
        finding.also(other.span, "")
    };
    findings.push(others.iter().fold(finding, also));
}

const EXPLAIN: &str = r##"One container that leaks takes the memory of all others, and the kernel ends whichever it likes.

    service "shop" { image "example/shop:1.4.0" }

Say how much each may use, and at the top of the manifest how much those that say nothing:

    resources cpus=1.0 memory="512MB"
    service "shop" { image "example/shop:1.4.0"; resources memory="2GB" }

Only said when asked for: `lint deny="security"`."##;
