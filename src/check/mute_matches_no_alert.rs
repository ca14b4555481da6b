//! A quiet time is for alerts that the stack does not have.

use super::route_matches_no_alert::never_met;
use super::routing::{Conditions, Declared};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S428",
    name: "mute-matches-no-alert",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, files, .. }: &Input<'_>, findings: &mut Findings) {
    let alerts: Vec<&Declared<'_>> = routing.alerts.iter().collect();
    if alerts.is_empty() {
        return;
    }
    let mutes = stack.alertmanager.iter().flat_map(|alertmanager| &alertmanager.mutes);
    for when in mutes.filter_map(|mute| mute.when.as_ref()) {
        let Some(conditions) = Conditions::of(when) else { continue };
        if !alerts.iter().any(|alert| conditions.may_hold(alert)) {
            let words = ("alert of the stack", "mute");
            findings.push(never_met(&RULE, &conditions, &alerts, words, files));
        }
    }
}

const EXPLAIN: &str = r##"A quiet time with `when=` is for the alerts that meet it. If none of the stack's alerts can, it keeps nothing quiet: those
that it was meant for are sent at night all the same.

    alert "BackupOld" severity="warning" { expr "time() - backup_last_success_timestamp_seconds > 86400" }
    mute "nights" from="20:00" to="07:00" when=#"severity="warnin""#

Correct the matchers:

    mute "nights" from="20:00" to="07:00" when=#"severity="warning""#"##;
