//! None of the stack's alerts meets what a route asks for.

use super::routing::{Answer, Conditions, Declared, Routing};
use super::shadowed_route::shadowing;
use super::{Input, Rule};
use crate::alerting::matchers::Placed;
use crate::diag::{Files, Finding, Findings, Severity, most_similar, quoted_list};
use crate::manifest::place_in;
use crate::model::MatchOp;

pub(super) const RULE: Rule = Rule {
    code: "S412",
    name: "route-matches-no-alert",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { routing, files, .. }: &Input<'_>, findings: &mut Findings) {
    if !routing.alerts.is_empty() && !routing.routes.is_empty() {
        let all: Vec<&Declared<'_>> = routing.alerts.iter().collect();
        below(routing, 0, &all, files, findings);
    }
}

/// Looks at the routes below one that these alerts get to.
fn below(
    routing: &Routing<'_>,
    index: usize,
    alerts: &[&Declared<'_>],
    files: &Files,
    findings: &mut Findings,
) {
    for child in &routing.routes[index].children {
        let met = alerts.iter().copied().filter(|alert| routing.meets(*child, alert) > Answer::No);
        let met: Vec<&Declared<'_>> = met.collect();
        if !met.is_empty() {
            below(routing, *child, &met, files, findings);
        } else if shadowing(routing, *child).is_some() {
            // Said already.
        } else if let Some(conditions) = &routing.routes[*child].conditions {
            let which = if index > 0 { "alert that gets here" } else { "alert of the stack" };
            findings.push(never_met(&RULE, conditions, alerts, (which, "route"), files));
        }
    }
}

/// Says that none of these alerts meets some conditions, and what was most likely meant: which alerts
/// they are, and what asks.
pub(super) fn never_met(
    rule: &Rule,
    conditions: &Conditions<'_>,
    alerts: &[&Declared<'_>],
    (which, asking): (&str, &str),
    files: &Files,
) -> Finding {
    let failing = conditions
        .matchers
        .iter()
        .find(|placed| alerts.iter().all(|alert| alert.meets(&placed.matcher) == Answer::No));
    let Some(placed) = failing else {
        return rule
            .says(format!("no {which} meets all that this {asking} asks for"))
            .at(conditions.text.span, "each holds for some alert, and all together for none")
            .help(format!("ask for less, or remove the {asking}"));
    };
    let Placed { matcher, .. } = placed;
    let place = conditions.place(files, placed);
    let mut values: Vec<&str> = Vec::new();
    for value in alerts.iter().filter_map(|alert| alert.label(&matcher.name)) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() {
        let names: Vec<&str> = alerts.iter().flat_map(|alert| alert.possible_labels()).collect();
        let mut finding = rule
            .says(format!("no {which} has the label `{}`", matcher.name))
            .at(place, "no alert has this label");
        if let Some(lost) = alerts.iter().find_map(|alert| alert.loses(&matcher.name)) {
            finding = finding.also(lost, format!("`{}` is lost here", matcher.name));
            return finding
                .help(format!("keep the label in the expression, or remove the {asking}"));
        }
        let Some(similar) = most_similar(&matcher.name, names) else {
            return finding.help(format!("give an alert this label, or remove the {asking}"));
        };
        let name = place_in(files, conditions.text, placed.name.clone());
        let finding = finding.help(format!("did you mean `{similar}`?"));
        return if files.text(name) == matcher.name {
            finding.replace("correct the name", name, similar)
        } else {
            finding
        };
    }
    let finding =
        rule.says(format!("no {which} meets `{{{matcher}}}`")).at(place, "holds for no alert");
    let known =
        format!("values of `{}` here: {}", matcher.name, quoted_list(values.iter().copied()));
    let similar = (matcher.op == MatchOp::Equal).then(|| most_similar(&matcher.value, values));
    let Some(similar) = similar.flatten() else { return finding.help(known) };
    let finding = finding.help(format!("did you mean `{similar}`? {known}"));
    // Within the quotes of the value, which may be escaped themselves.
    let quotes = usize::from(conditions.text[placed.value.clone()].starts_with('"'));
    let inner = placed.value.start + quotes..placed.value.end - quotes;
    let value = place_in(files, conditions.text, inner);
    let plain = similar.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if plain && files.text(value) == matcher.value {
        finding.replace("correct the value", value, similar)
    } else {
        finding
    }
}

const EXPLAIN: &str = r##"The labels of every alert are known as far as its rule sets them. A route that none of the stack's alerts can
meet is dead: mostly a label or a value is misspelt, or the alert is gone.

    alert "TargetDown" severity="critical" { expr "up == 0" }
    route "ops" { when #"severity="crtical""# to="pager" }

Correct the matcher, or remove the route. Labels that come from series are not judged."##;
