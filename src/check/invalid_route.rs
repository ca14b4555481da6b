//! Routes, inhibitions and mutes that Alertmanager does not take.

use super::{Input, Rule, did_you_mean};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::matchers::matchers;
use crate::manifest::{Block, DurationText, Times, When};
use crate::model::{MatchOp, Matcher};

pub(super) const RULE: Rule = Rule {
    code: "S418",
    name: "invalid-route",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let mutes: Vec<&str> = alertmanager.mutes.iter().map(|mute| mute.name.as_str()).collect();
    if let Some(route) = &alertmanager.route {
        grouping(&route.group_by, findings);
        not_zero("group_interval", route.group_interval.as_ref(), findings);
        not_zero("repeat_interval", route.repeat_interval.as_ref(), findings);
        branches(&route.when, &mutes, findings);
    }
    for inhibit in &alertmanager.inhibit {
        matching(&inhibit.source, findings);
        matching(&inhibit.target, findings);
    }
    for mute in &alertmanager.mutes {
        if let Some(when) = &mute.when {
            matching(when, findings);
        }
        for said in mute.times() {
            times(&mute.name, &said, findings);
        }
    }
}

fn branches(whens: &[Block<When>], mutes: &[&str], findings: &mut Findings) {
    for when in whens {
        matching(&when.matchers, findings);
        grouping(&when.group_by, findings);
        not_zero("group_interval", when.group_interval.as_ref(), findings);
        not_zero("repeat_interval", when.repeat_interval.as_ref(), findings);
        for name in when.mute.iter().chain(&when.active) {
            if !mutes.contains(&name.as_str()) {
                findings.push(
                    RULE.says(format!("a route names the quiet time `{name}`, and there is none"))
                        .at(name.span, "no `mute` of this name")
                        .help(did_you_mean(name, mutes.iter().copied(), "mutes here")),
                );
            }
        }
        branches(&when.when, mutes, findings);
    }
}

fn grouping(labels: &[Spanned<String>], findings: &mut Findings) {
    for (at, label) in labels.iter().enumerate() {
        if label.value == "..." && labels.len() > 1 {
            findings.push(
                RULE.says("`group_by` has `...`, which is every label, and others besides")
                    .at(label.span, "all labels")
                    .help("keep `...`, or keep the others"),
            );
        } else if let Some(first) = labels[..at].iter().find(|known| *known == label) {
            findings.push(
                RULE.says(format!("`group_by` has `{label}` twice"))
                    .at(label.span, "again here")
                    .also(first.span, "first here")
                    .help("remove one"),
            );
        }
    }
}

fn not_zero(name: &str, time: Option<&Spanned<DurationText>>, findings: &mut Findings) {
    if let Some(time) = time.filter(|time| time.ms == 0) {
        findings.push(
            RULE.says(format!("`{name}` is 0"))
                .at(time.span, "never")
                .help("write a time above 0, such as `5m`"),
        );
    }
}

fn matching(said: &Spanned<String>, findings: &mut Findings) {
    let all = matchers(said);
    let wrong = all.iter().find_map(|matcher| refused(matcher).map(|why| (matcher, why)));
    if let Some((matcher, why)) = wrong {
        findings.push(
            RULE.says(format!("`{matcher}` is no matcher: {why}"))
                .at(said.span, "not a matcher")
                .help("matchers are a label, `=`, `!=`, `=~` or `!~`, and a value in quotes"),
        );
    }
}

/// Why a single matcher is none.
fn refused(matcher: &str) -> Option<String> {
    let Some(at) = matcher.find(['=', '!']) else { return Some("it compares nothing".to_owned()) };
    let (name, rest) = matcher.split_at(at);
    if !super::names::is_plain_metric(name.trim()) {
        return Some(format!("`{}` is no name of a label", name.trim()));
    }
    let ops = [("=~", true), ("!~", true), ("!=", false), ("=", false)];
    let Some((op, regex)) = ops.into_iter().find(|(op, _)| rest.starts_with(op)) else {
        return Some("`!` is followed by `=` or `~`".to_owned());
    };
    let value = rest[op.len()..].trim();
    let value = match value.strip_prefix('"') {
        Some(inner) => match inner.strip_suffix('"') {
            Some(inner) => inner,
            None => return Some("the quote is not closed".to_owned()),
        },
        None => value,
    };
    if !regex {
        return None;
    }
    let value = value.replace("\\\\", "\\").replace("\\\"", "\"");
    Matcher::new("", MatchOp::Regex, value).err().map(|err| err.to_string())
}

fn times(name: &str, said: &Times, findings: &mut Findings) {
    const DAYS: [&str; 7] =
        ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let mut says = |text: &Spanned<String>, what: &str, help: String| {
        findings.push(
            RULE.says(format!("mute `{name}`: `{text}` is no {what}"))
                .at(text.span, format!("not a {what}"))
                .help(help),
        );
    };
    for time in said.from.iter().chain(&said.to) {
        let parts = time.split_once(':').and_then(|(hour, minute)| {
            let fits = hour.len() <= 2 && minute.len() == 2;
            fits.then_some((hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?))
        });
        if !parts
            .is_some_and(|(hour, minute)| (hour < 24 && minute < 60) || (hour, minute) == (24, 0))
        {
            says(time, "time of day", "times go from `00:00` to `24:00`".to_owned());
        }
    }
    let names = |range: &str, known: &[&str], numbers: bool| {
        range.split(':').all(|one| {
            known.iter().any(|name| name.eq_ignore_ascii_case(one.trim()))
                || numbers
                    && one.trim().parse::<usize>().is_ok_and(|n| (1..=known.len()).contains(&n))
        })
    };
    for days in said.on.iter().filter(|days| !names(days, &DAYS, false)) {
        says(days, "day of the week", did_you_mean(days, DAYS, "days"));
    }
    for months in said.months.iter().filter(|months| !names(months, &MONTHS, true)) {
        says(months, "month", did_you_mean(months, MONTHS, "months"));
    }
    if let Some(zone) = said.timezone
        && zone.value != "Local"
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        says(
            zone,
            "time zone",
            "write a name of the time zone database: `Europe/Berlin`".to_owned(),
        );
    }
}

const EXPLAIN: &str = r##"Alertmanager refuses a configuration with a matcher that it cannot read, a quiet time that is not defined, a
label that stands twice in `group_by`, or an interval of 0.

    route "ops" {
        when "severity" to="pager"
        when #"team=~"(shop""# { mute "nigth" }
    }

A matcher is a label, one of `=`, `!=`, `=~`, `!~`, and a value: `severity="critical"`."##;
