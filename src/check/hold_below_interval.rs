//! An alert is to wait for less time than lies between two evaluations.

use std::time::Duration;

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::model::format_duration;

pub(super) const RULE: Rule = Rule {
    code: "S423",
    name: "hold-below-interval",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

/// How often rules are evaluated unless the stack says otherwise.
const DEFAULT_MS: i64 = 60_000;

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let evaluation = stack.prometheus.as_ref().and_then(|part| part.evaluation_interval.as_ref());
    for group in &stack.rules {
        let said = group.interval.as_ref().or(evaluation);
        let interval = said.map_or(DEFAULT_MS, |interval| interval.ms);
        for alert in group.alerts() {
            let Some(hold) = alert.hold.as_ref().filter(|hold| 0 < hold.ms && hold.ms < interval)
            else {
                continue;
            };
            let text = format_duration(Duration::from_millis(interval.unsigned_abs()));
            let finding = RULE
                .says(format!(
                    "alert `{}` waits {} and is looked at every {text} only",
                    alert.name, hold.text
                ))
                .at(hold.span, "shorter than an interval")
                .help(format!("it fires at the second evaluation: say so with `for=\"{text}\"`"));
            findings.push(match said {
                Some(said) => finding.also(said.span, "the interval"),
                None => finding,
            });
        }
    }
}

const EXPLAIN: &str = r##"`for` is counted at evaluations. Shorter than the time between two of them it means one interval: the alert
is pending at the first evaluation and fires at the second one, however short `for` is.

    rules "shop" interval="1m" { alert "Down" for="10s" { expr "up == 0" } }
    rules "shop" interval="15s" { alert "Down" for="30s" { expr "up == 0" } }

Evaluate the group more often, or write what happens anyway."##;
