//! Alerts end at a receiver that tells nobody.

use std::collections::BTreeMap;

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
    let asked = stack.alertmanager.as_ref().filter(|_| !routing.routes_lost);
    let Some(alertmanager) = asked else { return };
    // Alerts by the route where they end, the routes in their order.
    let mut ended: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for alert in routing.alerts.iter().filter(|alert| !alert.is_lost()) {
        let ends = routing.ends(alert);
        for (route, _) in ends.into_iter().filter(|(_, answer)| *answer == Answer::Yes) {
            let alerts = ended.entry(route).or_default();
            if !alerts.contains(&alert.name.as_str()) {
                alerts.push(&alert.name);
            }
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for (index, lost) in ended {
        let receiver = routing.receiver(stack, index);
        // A name that is no receiver's is a finding of its own, but for the first one.
        let silent = match receiver {
            Some(receiver) => {
                let half_read = routing.half_read.iter().any(|at| receiver.whole.contains(*at));
                receiver.is_empty() && !is_on_purpose(&receiver.name) && !half_read
            }
            None => index == 0 && alertmanager.receivers.is_empty(),
        };
        let name = receiver.map_or("", |receiver| receiver.name.as_str());
        if !silent || told.contains(&name) {
            continue;
        }
        told.push(name);
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
        let finding = match routing.routes[index].receiver {
            Some(route) if index == 0 => finding.also(route.span, "the first route sends here"),
            Some(route) => finding.also(route.span, "this route sends here"),
            None => finding,
        };
        findings.push(finding.help(match receiver {
            Some(_) => "say how it is told: `slack channel=\"#ops\"`, `webhook`, `email` …",
            None => "add a receiver and a route: `receiver \"ops\" { … }`, `route \"ops\"`",
        }));
    }
}

fn is_on_purpose(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    ON_PURPOSE.contains(&letters.to_ascii_lowercase().as_str())
}

const EXPLAIN: &str = r##"What no branch of the routes takes goes to the first receiver. If that one, or another that alerts end at,
has no integration, these alerts fire and nobody hears of them.

    receiver "ops"
    route "ops"

Say how it is told: `receiver "ops" { slack channel="#ops" }`. If that is what you mean, call the receiver
`null`, `none`, `nobody`, `noone`, `blackhole`, `devnull`, `void` or `ignore`."##;
