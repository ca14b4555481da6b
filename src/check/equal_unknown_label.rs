//! An inhibition asks for the same value of a label that neither side has.

use super::routing::{Conditions, Declared};
use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity, most_similar};

pub(super) const RULE: Rule = Rule {
    code: "S425",
    name: "equal-unknown-label",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    for inhibit in &alertmanager.inhibit {
        let sides = (Conditions::of(&inhibit.source), Conditions::of(&inhibit.target));
        let (Some(source), Some(target)) = sides else { continue };
        let of = |side: &Conditions<'_>| -> Vec<&Declared<'_>> {
            routing.alerts.iter().filter(|alert| side.may_hold(alert)).collect()
        };
        let (sources, targets) = (of(&source), of(&target));
        // That there are none is said already.
        if sources.is_empty() || targets.is_empty() {
            continue;
        }
        let alerts: Vec<&Declared<'_>> = sources.into_iter().chain(targets).collect();
        for label in &inhibit.equal {
            if alerts.iter().any(|alert| alert.can_have(label)) {
                continue;
            }
            let finding = RULE
                .says(format!("neither the sources nor the targets have the label `{label}`"))
                .at(label.span, "always equal, for it is always missing")
                .also(inhibit.source.span, "the sources")
                .also(inhibit.target.span, "the targets");
            let names = alerts.iter().flat_map(|alert| alert.possible_labels());
            findings.push(match most_similar(label, names) {
                Some(near) => {
                    let finding = finding.help(format!("did you mean `{near}`?"));
                    mending::rename(finding, files, label.span, label, near)
                }
                None => finding.help("take it out of `equal`, or give the alerts this label"),
            });
        }
    }
}

const EXPLAIN: &str = r##"An inhibition silences a target when a source fires and the labels of `equal` are the same on both. A label that is
missing on both sides counts as the same. So a misspelt name in `equal` is no narrower condition but none at all: one source
silences every target.

    inhibit source=#"severity="critical""# target=#"severity="warning""# equal="instnce"

Write the label that the alerts have:

    inhibit source=#"severity="critical""# target=#"severity="warning""# equal="instance"

The rule knows the labels that rules set, the external ones, and those of the series of each alert's expression."##;
