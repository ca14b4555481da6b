//! Routes ask for the severity of alerts, and an alert has none.

use super::routing::Routing;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S402",
    name: "missing-severity",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { routing, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(asking) = asks_for_severity(routing) else { return };
    for alert in routing.alerts.iter().filter(|alert| !alert.doubtful) {
        let Some(node) = alert.node else { continue };
        // Some label of the rule may be the severity of a series.
        let from_series = node.expr.contains("severity") || node.expr.contains("ALERTS");
        if alert.sets("severity") || from_series {
            continue;
        }
        findings.push(
            RULE.says(format!("alert `{}` has no severity, and routes ask for one", alert.name))
                .at(alert.span, "no severity")
                .also(asking, "asks for the severity")
                .help("say how bad it is: `severity=\"warning\"`"),
        );
    }
}

/// The first route that does.
fn asks_for_severity(routing: &Routing<'_>) -> Option<crate::diag::Span> {
    let conditions = routing.routes.iter().filter_map(|route| route.conditions.as_ref());
    let asking = conditions.into_iter().find(|conditions| {
        conditions.matchers.iter().any(|placed| placed.matcher.name == "severity")
    });
    asking.map(|conditions| conditions.text.span)
}

const EXPLAIN: &str = r##"Where routes tell alerts apart by their severity, an alert without one goes where nobody may have meant it to
go: to the first receiver, or to whoever gets what is not critical.

    alert "TargetDown" { expr "up == 0" }
    route "ops" { when #"severity="critical""# to="pager" }

Say how bad it is: `severity="warning"`."##;
