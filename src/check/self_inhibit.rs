//! An inhibition whose sources are its targets.

use super::routing::Conditions;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule =
    Rule { code: "S415", name: "self-inhibit", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for inhibit in stack.alertmanager.iter().flat_map(|alertmanager| &alertmanager.inhibit) {
        let sides = (Conditions::of(&inhibit.source), Conditions::of(&inhibit.target));
        let (Some(source), Some(target)) = sides else { continue };
        if source.lies_within(&target) && target.lies_within(&source) {
            findings.push(
                RULE.says("this inhibition does nothing: every source of it is a target as well")
                    .at(inhibit.target.span, "the same alerts")
                    .also(inhibit.source.span, "as these")
                    .help("let the target ask for other alerts than the source does"),
            );
        }
    }
}

const EXPLAIN: &str = r##"Two alerts that are both source and target of an inhibition do not keep each other quiet: else both would be
lost. Where source and target ask for the same, that is so for all of them, and the inhibition does nothing.

    inhibit source=#"severity="critical""# target=#"severity="critical""# equal="instance"

Let the target ask for other alerts: `target=#"severity="warning""#`."##;
