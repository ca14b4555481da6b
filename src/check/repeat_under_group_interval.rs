//! Messages cannot be sent again more often than groups are looked at.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Block, DurationText, When};
use crate::model::format_duration;

pub(super) const RULE: Rule = Rule {
    code: "S416",
    name: "repeat-under-group-interval",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// What holds where nothing is said, in milliseconds.
const GROUP_INTERVAL: i64 = 5 * 60_000;
const REPEAT_INTERVAL: i64 = 4 * 3_600_000;

type Said<'a> = Option<&'a Spanned<DurationText>>;

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(route) = stack.alertmanager.as_ref().and_then(|known| known.route.as_ref()) else {
        return;
    };
    let (group, repeat) = (route.group_interval.as_ref(), route.repeat_interval.as_ref());
    one((group, repeat), (group, repeat), findings);
    below(&route.when, (group, repeat), findings);
}

fn below<'a>(whens: &'a [Block<When>], above: (Said<'a>, Said<'a>), findings: &mut Findings) {
    for when in whens {
        let own = (when.group_interval.as_ref(), when.repeat_interval.as_ref());
        let settled = (own.0.or(above.0), own.1.or(above.1));
        one(own, settled, findings);
        below(&when.when, settled, findings);
    }
}

/// Looks at what holds at one route, if it says anything of it itself.
fn one(own: (Said<'_>, Said<'_>), (group, repeat): (Said<'_>, Said<'_>), findings: &mut Findings) {
    let group_ms = group.map_or(GROUP_INTERVAL, |group| group.ms);
    let repeat_ms = repeat.map_or(REPEAT_INTERVAL, |repeat| repeat.ms);
    let Some(span) = own.1.or(own.0).map(|said| said.span) else { return };
    // An interval of 0 is a mistake of its own.
    if repeat_ms >= group_ms || repeat_ms == 0 {
        return;
    }
    let text = |ms: i64| format_duration(std::time::Duration::from_millis(ms.unsigned_abs()));
    let finding = RULE
        .says(format!(
            "messages are not sent again every {}: groups are looked at every {}",
            text(repeat_ms),
            text(group_ms)
        ))
        .at(span, format!("{} in effect", text(group_ms)));
    let other = [group, repeat].into_iter().flatten().find(|said| said.span != span);
    let finding = match other {
        Some(other) => finding.also(other.span, "the other interval"),
        None => finding,
    };
    findings.push(finding.help(format!(
        "lengthen `repeat_interval`, or shorten `group_interval` to at most `{}`{}",
        text(repeat_ms),
        if group.is_none() { ": it is `5m` where nothing is said" } else { "" }
    )));
}

const EXPLAIN: &str = r##"Alertmanager looks at a group of alerts once in each `group_interval` (5 minutes where nothing is said), and
only then decides whether to repeat a message. A shorter `repeat_interval` has no effect.

    route "ops" group_interval="10m" repeat_interval="1m"

Lengthen `repeat_interval`, or shorten `group_interval`."##;
