//! Alerts end in a first receiver that tells nobody.

use super::routing::Answer;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, quoted_list};

pub(super) const RULE: Rule = Rule {
    code: "S413",
    name: "alert-reaches-no-one",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Names that say that nobody is to be told.
const ON_PURPOSE: [&str; 8] =
    ["null", "none", "nobody", "noone", "blackhole", "devnull", "void", "ignore"];

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = stack.alertmanager.as_ref().filter(|_| routing.sound) else { return };
    let receiver = routing.receiver(stack, 0);
    let on_purpose = receiver.is_some_and(|receiver| {
        let letters: String =
            receiver.name.chars().filter(char::is_ascii_alphabetic).collect::<String>();
        ON_PURPOSE.contains(&letters.to_ascii_lowercase().as_str())
    });
    if on_purpose || receiver.is_some_and(|receiver| !receiver.is_empty()) {
        return;
    }
    let here = |ends: Vec<(usize, Answer)>| ends.contains(&(0, Answer::Yes));
    let mut lost: Vec<&str> = Vec::new();
    for alert in routing.alerts.iter().filter(|alert| here(routing.ends(alert))) {
        if !lost.contains(&alert.name.as_str()) {
            lost.push(&alert.name);
        }
    }
    if lost.is_empty() {
        return;
    }
    let (word, end) = if lost.len() == 1 { ("alert", "ends") } else { ("alerts", "end") };
    let message = match receiver {
        Some(receiver) => format!("the receiver `{}` tells nobody", receiver.name),
        None => "there is no receiver".to_owned(),
    };
    let lost = quoted_list(lost);
    let span = receiver.map_or(alertmanager.span(), |receiver| receiver.name.span);
    let finding = RULE
        .says(format!("{message}, and the {word} {lost} {end} there"))
        .at(span, "no one hears of them");
    let route = alertmanager.route.as_ref().map(|route| route.receiver.span);
    let finding = match route {
        Some(route) => finding.also(route, "the first route sends here"),
        None => finding,
    };
    findings.push(finding.help(match receiver {
        Some(_) => "say how it is told: `slack channel=\"#ops\"`, `webhook`, `email` …",
        None => "add a receiver and a route: `receiver \"ops\" { … }`, `route \"ops\"`",
    }));
}

const EXPLAIN: &str = r##"What no branch of the routes takes goes to the first receiver. If that one has no integration, these alerts
fire and nobody hears of them.

    receiver "ops"
    route "ops"

Say how it is told: `receiver "ops" { slack channel="#ops" }`. If that is what you mean, call the receiver
`null`, `none` or `blackhole`."##;
