//! What somebody should know before they let a change happen.

use std::collections::BTreeSet;

use super::changes::{Change, Fate};
use super::compose::PORTS;
use super::model::{Kind, Model, REACHES, Thing, Value};
use crate::model::{ByteSize, format_duration, parse_duration};
use crate::promql;

/// A change that may hurt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// What it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What happens, as a sentence without its subject.
    pub message: String,
}

/// All that may hurt, in the order of the changes.
pub fn risks(changes: &[Change<'_>], after: &Model) -> Vec<Risk> {
    let mut risks = Vec::new();
    for change in changes {
        let mut say = |message: String| {
            let thing = change.thing();
            risks.push(Risk { kind: thing.kind, name: thing.name.clone(), message });
        };
        match change.thing().kind {
            Kind::Alert => nobody(change, &mut say),
            Kind::Service => service(change, &mut say),
            Kind::Prometheus => {
                retention(change, &mut say);
                interval(change, after, &mut say);
            }
            Kind::Job => interval(change, after, &mut say),
            _ => {}
        }
        trust(change, &mut say);
    }
    risks
}

fn nobody(change: &Change<'_>, say: &mut impl FnMut(String)) {
    let reaches = |thing: Option<&Thing>| thing?.set_of(REACHES).map(BTreeSet::is_empty);
    match (change.fate, reaches(change.before), reaches(change.after)) {
        (Fate::Changed, Some(false), Some(true)) => say("no longer reaches anyone".to_owned()),
        (Fate::Added, _, Some(true)) => say("reaches nobody".to_owned()),
        _ => {}
    }
}

fn service(change: &Change<'_>, say: &mut impl FnMut(String)) {
    let Some(after) = change.after else { return };
    let ports = |thing: Option<&Thing>| {
        thing.and_then(|thing| thing.set_of(PORTS)).cloned().unwrap_or_default()
    };
    let before = ports(change.before);
    let open = |port: &&String| {
        let local = ["127.", "[::1]:", "::1:", "localhost:"];
        !local.iter().any(|start| port.starts_with(start))
    };
    for port in ports(Some(after)).iter().filter(open).filter(|port| !before.contains(*port)) {
        say(format!("is published beyond this machine: {port}"));
    }
    let privileged =
        |thing: Option<&Thing>| thing.and_then(|thing| thing.text("privileged")) == Some("true");
    if privileged(Some(after)) && !privileged(change.before) {
        say("has all rights of the host".to_owned());
    }
}

fn retention(change: &Change<'_>, say: &mut impl FnMut(String)) {
    let (Some(before), Some(after)) = (change.before, change.after) else { return };
    if let (Some(a), Some(b)) = (before.text("retention time"), after.text("retention time"))
        && let (Ok(old), Ok(new)) = (parse_duration(a), parse_duration(b))
        && new < old
    {
        say(format!("keeps samples for {b} instead of {a}: what is older is deleted"));
    }
    if let (Some(a), Some(b)) = (before.text("retention size"), after.text("retention size"))
        && let (Ok(old), Ok(new)) = (a.parse::<ByteSize>(), b.parse::<ByteSize>())
        && new < old
    {
        say(format!("keeps {b} of samples instead of {a}: the oldest beyond it are deleted"));
    }
    if before.attributes.contains_key("alertmanagers")
        && !after.attributes.contains_key("alertmanagers")
    {
        say("sends alerts to no Alertmanager any more".to_owned());
    }
}

/// Windows of rules that held two samples before and no longer do.
fn interval(change: &Change<'_>, after: &Model, say: &mut impl FnMut(String)) {
    let every = |thing: Option<&Thing>| parse_duration(thing?.text("scrape_interval")?).ok();
    let (Some(old), Some(new)) = (every(change.before), every(change.after)) else { return };
    if change.fate != Fate::Changed || new <= old {
        return;
    }
    let job = change.thing();
    let rules =
        after.things.iter().filter(|thing| matches!(thing.kind, Kind::Alert | Kind::Record));
    for rule in rules {
        let Some(Value::Expr(text)) = rule.attributes.get("expr") else { continue };
        let Ok(expr) = promql::parse(text) else { continue };
        let narrow = expr.selectors().into_iter().filter(|used| {
            let of_job = used.selector.matchers.iter().all(|entry| {
                let matcher = &entry.matcher;
                matcher.name != "job" || job.kind != Kind::Job || matcher.matches(&job.name)
            });
            let named = used.selector.matchers.iter().any(|entry| entry.matcher.name == "job");
            // Without a word about the job it may be any: only a change of all jobs counts then.
            of_job && (named || job.kind == Kind::Prometheus)
        });
        let window = narrow
            .filter_map(|used| used.range?.constant())
            .filter_map(|ms| Some(std::time::Duration::from_millis(u64::try_from(ms).ok()?)))
            .filter(|window| *window >= old * 2 && *window < new * 2)
            .min();
        if let Some(window) = window {
            let (window, new) = (format_duration(window), format_duration(new));
            say(format!(
                "scrapes every {new}: the window [{window}] of {} `{}` no longer holds two samples",
                rule.kind.word(),
                rule.name
            ));
        }
    }
}

/// Certificates that are no longer looked at.
fn trust(change: &Change<'_>, say: &mut impl FnMut(String)) {
    for difference in &change.differences {
        let on = |value: Option<&Value>| matches!(value, Some(Value::Text(text)) if text == "true");
        let skips = difference.name.ends_with("insecure_skip_verify")
            || difference.name.ends_with("tlsSkipVerify");
        if skips && on(difference.after) && !on(difference.before) {
            say("trusts any certificate".to_owned());
        }
    }
}
