//! A template shows a label that the alert's expression does not give.

use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned, most_similar, quoted_list};
use crate::manifest::{Alert, Block, RuleGroup, place_in};
use crate::template::{self, ReferenceKind};

pub(super) const RULE: Rule = Rule {
    code: "S403",
    name: "template-unknown-label",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for (expression, _) in input.judged() {
        let Site::Alert(group, alert) = expression.site else { continue };
        for text in texts(alert) {
            if text.contains("{{") {
                template(input, expression, (group, alert), text, findings);
            }
        }
    }
}

/// Everything of an alert that is a template.
fn texts(alert: &Alert) -> impl Iterator<Item = &Spanned<String>> {
    let named = [&alert.summary, &alert.description, &alert.runbook_url].into_iter().flatten();
    named.chain(alert.annotations.iter().chain(&alert.labels).map(|(_, text)| text))
}

fn template(
    input: &Input<'_>,
    expression: &Expression<'_>,
    (group, alert): (&RuleGroup, &Block<Alert>),
    text: &Spanned<String>,
    findings: &mut Findings,
) {
    let flow = expression.flows(&input.known).result();
    for reference in template::references(text) {
        let ReferenceKind::Label(name) = &reference.kind else { continue };
        if reference.tested || flow.can_have(name) {
            continue;
        }
        // The name itself stands at the end of `$labels.name` and in the middle of `"name"`.
        let read = text.get(reference.offset..reference.offset + reference.len).unwrap_or_default();
        let Some(at) = read.rfind(name.as_str()) else { continue };
        let start = reference.offset + at;
        let place = place_in(input.files, text, start..start + name.len());
        let own = group.labels.iter().chain(&alert.labels).any(|(label, _)| label.value == *name)
            || name == "alertname"
            || name == "severity" && alert.severity.is_some();
        let labels = flow.may.iter().map(String::as_str);
        let meant = most_similar(name, labels.clone()).filter(|_| !own);
        let help = if own {
            "`$labels` has the labels of the expression's result, not those that the alert adds"
                .to_owned()
        } else if let Some(meant) = meant {
            format!("did you mean `{meant}`?")
        } else if flow.may.is_empty() {
            "the result has no labels at all".to_owned()
        } else {
            format!("the result has {}", quoted_list(labels))
        };
        let mut finding = RULE
            .says(format!("alert `{}`: its expression gives no label `{name}`", alert.name))
            .at(place, "always empty")
            .help(help);
        if let Some(loss) = flow.lost(name) {
            let dropped = loss.record.unwrap_or_else(|| expression.place(input.files, loss.at));
            finding = finding.also(dropped, "dropped here");
        }
        if let Some(meant) = meant
            && input.files.text(place) == name
        {
            finding = finding.replace(&format!("write `{meant}`"), place, meant);
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"`$labels` holds the labels of the expression's result. A label that an aggregation dropped, or a name that
is misspelt, gives an empty text in the message that wakes somebody.

    alert "Errors" {
        expr "sum by (job) (rate(errors_total[5m])) > 1"
        summary "{{ $labels.instance }} has errors"
    }

Keep the label, `sum by (job, instance)`, or show another one. The labels that the alert itself adds,
`alertname` and `severity` among them, are not in `$labels`."##;
