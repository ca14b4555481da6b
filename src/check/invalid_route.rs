//! Routes, inhibitions and mutes that Alertmanager does not take.

use super::{Input, Rule, did_you_mean};
use crate::alerting::{matchers, quiet};
use crate::diag::{Files, Findings, Severity, Spanned};
use crate::manifest::{Block, DurationText, Times, When, place_in};
use crate::wire::alertmanager::TimeSpec;

pub(super) const RULE: Rule = Rule {
    code: "S418",
    name: "invalid-route",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let mutes: Vec<&str> = alertmanager.mutes.iter().map(|mute| mute.name.as_str()).collect();
    if let Some(route) = &alertmanager.route {
        grouping(&route.group_by, findings);
        not_zero("group_interval", route.group_interval.as_ref(), findings);
        not_zero("repeat_interval", route.repeat_interval.as_ref(), findings);
        branches(&route.when, &mutes, files, findings);
    }
    for inhibit in &alertmanager.inhibit {
        matching(&inhibit.source, files, findings);
        matching(&inhibit.target, files, findings);
    }
    for mute in &alertmanager.mutes {
        if let Some(when) = &mute.when {
            matching(when, files, findings);
        }
        for said in mute.times() {
            times(&mute.name, &said, findings);
        }
    }
}

fn branches(whens: &[Block<When>], mutes: &[&str], files: &Files, findings: &mut Findings) {
    for when in whens {
        matching(&when.matchers, files, findings);
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
        branches(&when.when, mutes, files, findings);
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

fn matching(said: &Spanned<String>, files: &Files, findings: &mut Findings) {
    let Err(wrong) = matchers::parse(said) else { return };
    let place =
        if wrong.at.is_empty() { said.span } else { place_in(files, said, wrong.at.clone()) };
    findings.push(
        RULE.says(format!("`{said}` cannot be read as matchers: {wrong}"))
            .at(place, "not a matcher")
            .help("matchers are a label, `=`, `!=`, `=~` or `!~`, and a value in quotes"),
    );
}

/// What Alertmanager does not take as a time, asked of the same code that tells which instants lie in it.
fn times(name: &str, said: &Times, findings: &mut Findings) {
    let mut says = |text: &Spanned<String>, what: &str, help: String| {
        findings.push(
            RULE.says(format!("mute `{name}`: `{text}` is no {what}"))
                .at(text.span, format!("not a {what}"))
                .help(help),
        );
    };
    for (time, last) in [(said.from, 23), (said.to, 24)] {
        let Some(time) = time else { continue };
        // An hour of one digit is rendered with two.
        let minute = quiet::minute_of_day(&format!("{:0>5}", time.as_str()));
        if minute.is_none_or(|minute| minute / 60 > last) {
            says(time, "time of day", "times go from `00:00` to `24:00`".to_owned());
        }
    }
    let wrong = |spec: TimeSpec| quiet::Span::new(&spec).err().map(|wrong| wrong.what);
    for days in said.on {
        // A range over the end of the week is rendered day by day.
        let wrong = days.split(':').find_map(|day| {
            wrong(TimeSpec { weekdays: vec![day.trim().to_owned()], ..TimeSpec::default() })
        });
        if wrong.is_some() || days.split(':').count() > 2 {
            says(days, "day of the week", did_you_mean(days, quiet::DAYS, "days"));
        }
    }
    for months in said.months {
        let spec = TimeSpec { months: vec![months.value.clone()], ..TimeSpec::default() };
        if let Some(what) = wrong(spec) {
            let known = quiet::MONTHS;
            let help = if months.contains(':') {
                "a range ends behind its beginning, in the same year".to_owned()
            } else {
                did_you_mean(months, known, "months")
            };
            says(months, what, help);
        }
    }
    for days in said.days_of_month {
        let spec = TimeSpec { days_of_month: vec![days.value.clone()], ..TimeSpec::default() };
        if let Some(what) = wrong(spec) {
            says(
                days,
                what,
                "days go from `1` to `31`, and from `-31` to `-1`, the last".to_owned(),
            );
        }
    }
    for years in said.years {
        let spec = TimeSpec { years: vec![years.value.clone()], ..TimeSpec::default() };
        if let Some(what) = wrong(spec) {
            says(years, what, "write `2026`, or `2026:2028`".to_owned());
        }
    }
    if let Some(zone) = said.timezone
        && let Some(what) =
            wrong(TimeSpec { location: Some(zone.value.clone()), ..TimeSpec::default() })
    {
        let help = "write a name of the time zone database: `Europe/Berlin`";
        says(zone, what, help.to_owned());
    }
}

const EXPLAIN: &str = r##"Alertmanager refuses a configuration with a matcher that it cannot read, a quiet time that is not defined, a
label that stands twice in `group_by`, or an interval of 0.

    route "ops" {
        when "severity" to="pager"
        when #"team=~"(shop""# { mute "nigth" }
    }

A matcher is a label, one of `=`, `!=`, `=~`, `!~`, and a value: `severity="critical"`."##;
