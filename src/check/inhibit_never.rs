//! An inhibition that can never happen.

use super::routing::{Conditions, Declared};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};

pub(super) const RULE: Rule = Rule {
    code: "S414",
    name: "inhibit-never",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    let judged = !routing.alerts.is_empty();
    let Some(alertmanager) = stack.alertmanager.as_ref().filter(|_| judged) else { return };
    for inhibit in &alertmanager.inhibit {
        let sides = (Conditions::of(&inhibit.source), Conditions::of(&inhibit.target));
        let (Some(source), Some(target)) = sides else { continue };
        let meeting = |side: &Conditions<'_>| -> Vec<&Declared<'_>> {
            routing.alerts.iter().filter(|alert| side.may_hold(alert)).collect()
        };
        let (sources, targets) = (meeting(&source), meeting(&target));
        let mut says = |text: &Spanned<String>, what: &str| {
            findings.push(
                RULE.says(format!("this inhibition never happens: {what}"))
                    .at(text.span, "holds for no alert")
                    .help("correct the matchers, or remove the inhibition"),
            );
        };
        if sources.is_empty() {
            says(&inhibit.source, "no alert of the stack can be its source");
        }
        if targets.is_empty() {
            says(&inhibit.target, "no alert of the stack can be its target");
        }
        if sources.is_empty() || targets.is_empty() {
            continue;
        }
        let differs = inhibit.equal.iter().find(|label| !can_be_equal(&sources, &targets, label));
        if let Some(label) = differs {
            findings.push(
                RULE.says(format!(
                    "this inhibition never happens: no source and target have the same `{label}`"
                ))
                .at(label.span, "never equal")
                .also(inhibit.source.span, "the sources")
                .also(inhibit.target.span, "the targets")
                .help(format!("take `{label}` out of `equal`, or give the alerts such a label")),
            );
        }
    }
}

/// Whether a label may be the same on a source and on a target.
fn can_be_equal(sources: &[&Declared<'_>], targets: &[&Declared<'_>], label: &str) -> bool {
    sources.iter().any(|source| {
        targets.iter().any(|target| match (source.label(label), target.label(label)) {
            (Some(source), Some(target)) => source == target,
            // One side has it, and the other never does.
            (Some(""), None) => !target.surely_has(label),
            (None, Some("")) => !source.surely_has(label),
            _ => true,
        })
    })
}

const EXPLAIN: &str = r##"An inhibition needs an alert that can be its source, another that can be its target, and the labels of `equal`
with the same values on both. If no alert of the stack can be one of them, it does nothing.

    alert "DatabaseDown" severity="critical" { expr "mysql_up == 0" }
    inhibit source=#"severity="page""# target=#"severity="warning""# equal="instance"

Correct the matchers, or remove it."##;
