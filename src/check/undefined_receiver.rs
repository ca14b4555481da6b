//! A route sends to a receiver that is not defined.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Block, When};

pub(super) const RULE: Rule = Rule {
    code: "S409",
    name: "undefined-receiver",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    let Some(route) = &alertmanager.route else { return };
    let mut named = vec![&route.receiver];
    collect(&route.when, &mut named);
    let receivers: Vec<&str> =
        alertmanager.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    for name in named.into_iter().filter(|name| !receivers.contains(&name.as_str())) {
        let known = receivers.iter().copied();
        let finding = RULE
            .says(format!("a route sends to `{name}`, and no receiver has that name"))
            .at(name.span, "not a receiver")
            .help(did_you_mean(name, known.clone(), "receivers here"));
        findings.push(mending::rename_to_similar(finding, files, name.span, name, known));
    }
}

fn collect<'a>(branches: &'a [Block<When>], named: &mut Vec<&'a Spanned<String>>) {
    for branch in branches {
        named.extend(&branch.to);
        collect(&branch.when, named);
    }
}

const EXPLAIN: &str = r##"Alertmanager refuses a configuration with a route to a receiver that does not exist.

    receiver "slack" { slack channel="#ops" }
    route "ops" { when #"severity="critical""# to="slak" }

Correct the name, or define the receiver."##;
