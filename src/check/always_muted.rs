//! Quiet times that leave no time at which something is sent.

use super::{Input, Rule};
use crate::alerting::quiet::{Span, cover_everything};
use crate::diag::{Findings, Severity};
use crate::manifest::{Mute, MuteMode};
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S427",
    name: "always-muted",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let intervals = render::alertmanager_config(stack, alertmanager).time_intervals;
    // Those that Alertmanager does not take are the business of S418.
    let spans = |name: &str| -> Option<Vec<Span>> {
        let interval = intervals.iter().find(|interval| interval.name == name)?;
        interval.time_intervals.iter().map(|spec| Span::new(spec).ok()).collect()
    };
    let is_quiet = |mute: &Mute| mute.mode.as_ref().is_none_or(|mode| mode.value == MuteMode::Mute);
    let mut told: Vec<&str> = Vec::new();
    for mute in alertmanager.mutes.iter().filter(|mute| is_quiet(mute)) {
        if spans(&mute.name).is_some_and(|spans| cover_everything(&spans)) {
            told.push(&mute.name);
            findings.push(
                RULE.says(format!("mute `{}` is quiet all the time", mute.name))
                    .at(mute.name.span, "no time is left out")
                    .help(
                        "name the days and times; what nobody is to hear of goes to a receiver \
                         called `/dev/null`",
                    ),
            );
        }
    }
    for when in routing.routes.iter().filter_map(|route| route.when) {
        let [first, _, ..] = when.mute.as_slice() else { continue };
        if when.mute.iter().any(|name| told.contains(&name.as_str())) {
            continue;
        }
        let all: Option<Vec<Vec<Span>>> = when.mute.iter().map(|name| spans(name)).collect();
        if all.is_some_and(|all| cover_everything(&all.concat())) {
            let last = when.mute.last().unwrap_or(first);
            findings.push(
                RULE.says("the quiet times of this route are all the time there is")
                    .at(first.span, "nothing is ever sent")
                    .also(last.span, "together with this")
                    .help("take one of them away, or name shorter times"),
            );
        }
    }
}

const EXPLAIN: &str = r##"A quiet time without days and times is all the time, and so are several that complete each other: what is muted by
them is never sent.

    mute "weekdays" on="monday:friday"
    mute "weekend" on="saturday:sunday"
    route "ops" { when #"severity="warning""# { mute "weekdays" "weekend" } }

Leave some time:

    mute "nights" from="20:00" to="07:00"
    mute "weekend" on="saturday:sunday"
    route "ops" { when #"severity="warning""# { mute "nights" "weekend" } }

What is never to be sent has a receiver of its own, called `/dev/null`, or no alert."##;
