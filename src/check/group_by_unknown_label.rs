//! Alerts are grouped by a label that none of them has.

use super::{Input, Rule, mending, routing::Declared};
use crate::diag::{Findings, Severity, most_similar};

pub(super) const RULE: Rule = Rule {
    code: "S424",
    name: "group-by-unknown-label",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(first) = stack.alertmanager.as_ref().and_then(|it| it.route.as_ref()) else { return };
    for (index, route) in routing.routes.iter().enumerate() {
        let labels = route.when.map_or(&first.group_by, |when| &when.group_by);
        let alerts: Vec<&Declared<'_>> = routing.reaching(index).collect();
        // That nothing gets here is said already.
        if labels.is_empty() || alerts.is_empty() {
            continue;
        }
        for label in labels.iter().filter(|label| label.value != "...") {
            if alerts.iter().any(|alert| alert.can_have(label)) {
                continue;
            }
            let mut finding = RULE
                .says(format!("no alert that gets here has the label `{label}`"))
                .at(label.span, "groups nothing");
            let names: Vec<&str> =
                alerts.iter().flat_map(|alert| alert.possible_labels()).collect();
            let lost = alerts.iter().find_map(|alert| alert.loses(label));
            if let Some(lost) = lost {
                finding = finding
                    .also(lost, format!("`{label}` is lost here"))
                    .help("keep the label in the expression, or leave it out here");
            } else if let Some(similar) = most_similar(label, names.iter().copied()) {
                finding = finding.help(format!("did you mean `{similar}`?"));
                finding = mending::rename(finding, files, label.span, label, similar);
            } else {
                // A list that is the same in many stacks does no harm.
                finding.severity = Severity::Info;
                finding = finding.help("leave it out, or give an alert this label");
            }
            findings.push(finding);
        }
    }
}

const EXPLAIN: &str = r##"`group_by` puts alerts with the same values of these labels into one message. A label that no alert has does not
tell any of them apart: a misspelt one makes one large message of what was meant to be many.

    rules "r" { alert "TargetDown" severity="critical" { expr "up == 0" } }
    alertmanager {
        receiver "ops" { webhook (secret)"hook" }
        route "ops" { group_by "alertname" "instnce" }
    }

Correct the name, or leave it out:

    route "ops" { group_by "alertname" "instance" }

The rule knows the labels that a rule sets, the external ones, and those that the series of an alert's expression have; `sum by (job)`
leaves `job` alone. A label without a similar one is only worth an information."##;
