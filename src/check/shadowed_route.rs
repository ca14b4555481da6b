//! A sibling before a route takes everything that the route asks for.

use super::routing::{Conditions, Route, Routing};
use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S411",
    name: "shadowed-route",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { routing, files, .. }: &Input<'_>, findings: &mut Findings) {
    for (index, route) in routing.routes.iter().enumerate() {
        let (Some(own), Some(sibling)) = (&route.conditions, shadowing(routing, index)) else {
            continue;
        };
        let mut finding = RULE
            .says("no alert gets to this route: one before it takes all of them")
            .at(own.text.span, "never reached")
            .also(sibling.text.span, "takes every alert that it asks for")
            .help(
                "put the narrower route first, or let alerts go on to later ones with \
                 `continue=#true`",
            );
        // Of two that ask for the same, the second is shadowed in any order.
        if !sibling.lies_within(own) {
            let node = |text: Span| {
                let asks = |route: &&Route<'_>| {
                    route.conditions.as_ref().is_some_and(|asked| asked.text.span == text)
                };
                routing.routes.iter().find(asks)?.when.map(|when| when.whole)
            };
            let edits = node(own.text.span)
                .zip(node(sibling.text.span))
                .and_then(|(own, wider)| mending::move_before(files, own, wider));
            for (place, text) in edits.into_iter().flatten() {
                finding = finding.replace("put it before the wider one", place, text);
            }
        }
        findings.push(finding.as_a_choice());
    }
}

/// What the first sibling before a route asks for that takes all that the route asks for.
pub(super) fn shadowing<'r>(routing: &'r Routing<'_>, index: usize) -> Option<&'r Conditions<'r>> {
    let route = &routing.routes[index];
    let own = route.conditions.as_ref()?;
    let siblings = &routing.routes[route.parent?].children;
    let before = siblings.iter().take_while(|at| **at != index).map(|at| &routing.routes[*at]);
    let taking = before.filter(|route| !route.goes_on() && !route.doubtful);
    taking.filter_map(|route| route.conditions.as_ref()).find(|sibling| own.lies_within(sibling))
}

const EXPLAIN: &str = r##"Routes are tried in order, and the first one that an alert meets keeps it. A route that asks for no more than
an earlier one already took never sees an alert.

    route "ops" {
        when #"severity=~"critical|warning""# to="mail"
        when #"severity="critical""# to="pager"
    }

Put the narrower route first, or write `continue=#true` at the wider one if both are to hear of it."##;
