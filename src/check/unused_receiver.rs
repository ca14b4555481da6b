//! No route sends to a receiver.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, most_similar};

pub(super) const RULE: Rule = Rule {
    code: "S410",
    name: "unused-receiver",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let known = || alertmanager.receivers.iter().map(|receiver| receiver.name.as_str());
    // A route that names nobody who is there may have meant one of these, and one without its `to` any.
    let mut used: Vec<&str> = Vec::new();
    for name in routing.routes.iter().filter_map(|route| route.receiver) {
        let meant = known().find(|known| *known == name.value);
        let Some(meant) = meant.or_else(|| most_similar(name, known())) else { return };
        used.push(meant);
    }
    if routing.routes_lost || routing.routes.iter().any(|route| route.doubtful) {
        return;
    }
    let used = |name: &str| used.contains(&name);
    for receiver in alertmanager.receivers.iter().filter(|receiver| !used(&receiver.name)) {
        findings.push(
            RULE.says(format!("no route sends to the receiver `{}`", receiver.name))
                .at(receiver.name.span, "never hears of anything")
                .help(format!(
                    "add a route with `to=\"{}\"`, or remove the receiver",
                    receiver.name
                )),
        );
    }
}

const EXPLAIN: &str = r##"A receiver hears of an alert only if a route sends to it. One that no route names was forgotten, or is left
over.

    receiver "ops" { slack channel="#ops" }
    receiver "pager" { webhook (env)"PAGER_URL" }
    route "ops"

Add a route: `when #"severity="critical""# to="pager"`; or remove the receiver."##;
