//! A written group of rules has the name of one that is derived from an objective.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S329",
    name: "duplicate-group",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut seen: Vec<(String, Span)> =
        stack.rules.iter().map(|group| (group.name.value.clone(), group.name.span)).collect();
    for slo in &stack.slos {
        for name in slo.groups() {
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
                findings.push(
                    RULE.says(format!("two groups of rules are called `{name}`"))
                        .at(*first, "this group")
                        .also(slo.name.span, "a group of this name follows from the objective")
                        .help("rename one: `slo-` before the name of an objective is taken"),
                );
            } else {
                seen.push((name, slo.name.span));
            }
        }
    }
}

const EXPLAIN: &str = r##"The rules of an objective are groups called `slo-NAME` and `slo-NAME-long`, and Prometheus refuses two groups
of one name in a file.

    rules "slo-checkout" { record "a" { expr "1" } }
    slo "checkout" objective=99.9 { total "hits_total"; errors "faults_total" }

Rename the group or the objective."##;
