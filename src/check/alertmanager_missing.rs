//! Alerts fire and nobody hears of them.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S420",
    name: "alertmanager-missing",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    if stack.alertmanager.is_some() || stack.prometheus.is_none() || routing.routes_lost {
        return;
    }
    let declared = routing.alerts.iter().filter(|alert| !alert.is_lost()).count();
    let Some(first) = routing.alerts.first().filter(|_| declared > 0) else { return };
    let what = match declared {
        1 => format!("alert `{}` fires and nobody hears of it", first.name),
        some => format!("{some} alerts fire and nobody hears of them"),
    };
    findings.push(
        RULE.says(format!("{what}: the stack has no `alertmanager`"))
            .at(first.span, "seen on pages only")
            .help(
                "add `alertmanager { receiver \"ops\" { … }; route \"ops\" }`; if looking at them is \
                 enough, write `lint allow=\"S420\"`",
            ),
    );
}

const EXPLAIN: &str = r##"Prometheus evaluates alerts and shows them on a page; it tells nobody. For that there is the Alertmanager.

    rules "machine" { alert "TargetDown" { expr "up == 0" } }

Add one:

    alertmanager {
        receiver "ops" { slack channel="#ops" api_url=(secret)"slack_hook" }
        route "ops"
    }

If the page is enough, say so: `lint allow="S420"`."##;
