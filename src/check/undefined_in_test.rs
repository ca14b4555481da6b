//! A test names an alert, a receiver or a mute that does not exist.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Slo;

pub(super) const RULE: Rule = Rule {
    code: "S430",
    name: "undefined-in-test",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let mut alerts: Vec<&str> = stack.alerts().map(|alert| alert.name.as_str()).collect();
    if !stack.slos.is_empty() {
        alerts.extend(Slo::ALERTS);
    }
    let manager = stack.alertmanager.as_deref();
    let receivers: Vec<&str> = manager
        .map(|manager| manager.receivers.iter().map(|one| one.name.as_str()).collect())
        .unwrap_or_default();
    let mutes: Vec<&str> = manager
        .map(|manager| manager.mutes.iter().map(|one| one.name.as_str()).collect())
        .unwrap_or_default();
    let mut look = |said: &Spanned<String>, what: &str, known: &[&str]| {
        if !known.contains(&said.as_str()) {
            let known = known.iter().copied();
            let finding = RULE
                .says(format!("a test names the {what} `{said}`, and there is none"))
                .at(said.span, format!("no {what} of this name"))
                .help(did_you_mean(said, known.clone(), &format!("{what}s here")));
            findings.push(mending::rename_to_similar(finding, files, said.span, said, known));
        }
    };
    for at in stack.tests.iter().flat_map(|test| &test.at) {
        for fires in &at.fires {
            look(&fires.alert, "alert", &alerts);
            for (said, what, known) in [
                (&fires.routed_to, "receiver", &receivers),
                (&fires.muted_by, "mute", &mutes),
                (&fires.inhibited_by, "alert", &alerts),
            ] {
                if let Some(said) = said {
                    look(said, what, known);
                }
            }
        }
        for name in at.silent.iter().flat_map(|silent| &silent.alerts) {
            look(name, "alert", &alerts);
        }
    }
}

const EXPLAIN: &str = r#"An alert that does not exist never fires, so `fires` can only fail, and `silent` always passes and shows
nothing: most often the alert was renamed. The same holds for a receiver and for a mute.

    alert "TargetDown" for="2m" { expr "up == 0" }
    test "down" { series "up" "0x5"; at "3m" { fires "TargetDwon" } }

Correct the name. The alerts of an `slo` are called `ErrorBudgetBurnFast` and `ErrorBudgetBurnSlow`."#;
