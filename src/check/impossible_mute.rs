//! A quiet time that never comes.

use super::{Input, Rule};
use crate::alerting::quiet::Span;
use crate::diag::{Findings, Severity};
use crate::manifest::MuteMode;
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S426",
    name: "impossible-mute",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let intervals = render::alertmanager_config(stack, alertmanager).time_intervals;
    for (mute, interval) in alertmanager.mutes.iter().zip(&intervals) {
        // What Alertmanager does not take is said by S418.
        let spans: Result<Vec<Span>, _> = interval.time_intervals.iter().map(Span::new).collect();
        let Ok(spans) = spans else { continue };
        if spans.iter().any(Span::ever) {
            continue;
        }
        let active = mute.mode.as_ref().is_some_and(|mode| mode.value == MuteMode::Active);
        let consequence = if active { "nothing is ever sent" } else { "nothing is ever held back" };
        let mut finding = RULE
            .says(format!("the time of mute `{}` never comes: {consequence}", mute.name))
            .at(mute.name.span, "never")
            .help("name a day that the months have: `-1` is the last one of each");
        for times in mute.times() {
            for part in times.days_of_month.iter().chain(times.months) {
                finding = finding.also(part.span, "");
            }
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"All conditions of a quiet time narrow each other: the day must be one of the days, in one of the months, in one of
the years. Days that none of the months has make a time that never comes.

    mute "end of month" days_of_month="31" months="april"

Count from the end of the month:

    mute "end of month" days_of_month="-1" months="april""##;
