//! A rule sets a label that the whole server sets as well.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::{Map, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S905",
    name: "rule-label-vs-external",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    for (what, labels) in labels(stack) {
        for (name, value) in labels {
            let Some(external) = prometheus.external_labels.get(name) else { continue };
            // A template takes over what the series has; the same value hides nothing.
            if value.contains("{{") || external.value == value.value {
                continue;
            }
            findings.push(
                RULE.says(format!(
                    "label `{name}` of {what} takes the place of the external label `{name}`"
                ))
                .at(name.span, format!("leaves as `{value}`"))
                .also(external.span, "all else leaves with this")
                .help("rename the label of the rule"),
            );
        }
    }
}

/// Labels that rules set, with whose they are.
fn labels(stack: &Stack) -> impl Iterator<Item = (String, &Map<String>)> {
    let groups =
        stack.rules.iter().map(|group| (format!("rule group `{}`", group.name), &group.labels));
    let alerts = stack.alerts().map(|alert| (format!("alert `{}`", alert.name), &alert.labels));
    let records =
        stack.records().map(|record| (format!("recording rule `{}`", record.name), &record.labels));
    let slos = stack.slos.iter().map(|slo| (format!("slo `{}`", slo.name), &slo.labels));
    groups.chain(alerts).chain(records).chain(slos)
}

const EXPLAIN: &str = r##"External labels say where alerts and samples come from. They are added to what leaves the server, but not where a
label of that name is there already: an alert with a label `dc` of its own arrives as if it came from another site.

    prometheus { external_labels dc="eu1" }
    rules "shop" { alert "Down" { expr "up == 0"; labels dc="all" } }

Give the rule's label another name, or leave it out."##;
