//! An alert says its severity in two ways.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S422",
    name: "severity-twice",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for alert in stack.alerts() {
        let label = alert.labels.iter().find(|(name, _)| name.value == "severity");
        let (Some(setting), Some((name, label))) = (&alert.severity, label) else { continue };
        findings.push(
            RULE.says(format!(
                "alert `{}` says its severity twice, and the label `{label}` wins",
                alert.name
            ))
            .at(setting.span, "not used")
            .also(name.span.to(label.span), "this is")
            .help("keep one of them"),
        );
    }
}

const EXPLAIN: &str = r##"`severity` of an alert becomes its label `severity`. A label of that name among `labels` takes its place, and
what the setting says is lost.

    alert "Down" severity="critical" { expr "up == 0"; labels severity="warning" }
    alert "Down" severity="critical" { expr "up == 0" }

The label of a group is only for alerts that say nothing themselves; that is well."##;
