//! Two alerts of one group of rules are the same to whoever hears of them.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::{Map, RuleGroup};

pub(super) const RULE: Rule = Rule {
    code: "S408",
    name: "duplicate-alert",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut seen: Vec<(Identity<'_>, Span)> = Vec::new();
    for group in &stack.rules {
        for alert in group.alerts() {
            let severity = alert.severity.as_ref().map(|severity| ("severity", severity.as_str()));
            let identity = identity(&alert.name, severity, &alert.labels, group);
            twice(&RULE, "alert", identity, alert.name.span, &mut seen, findings);
        }
    }
}

/// Name and labels of what a rule gives.
pub(super) type Identity<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// What a rule's name, its labels and those of its group come to.
pub(super) fn identity<'a>(
    name: &'a str,
    own: Option<(&'a str, &'a str)>,
    labels: &'a Map<String>,
    group: &'a RuleGroup,
) -> Identity<'a> {
    fn pair((name, value): &(Spanned<String>, Spanned<String>)) -> (&str, &str) {
        (name, value)
    }
    let mut all: Vec<(&str, &str)> = own.into_iter().chain(labels.iter().map(pair)).collect();
    for (name, value) in group.labels.iter().map(pair) {
        if all.iter().all(|(known, _)| *known != name) {
            all.push((name, value));
        }
    }
    all.sort_unstable();
    (name, all)
}

/// Says so when the identity was there before.
pub(super) fn twice<'a>(
    rule: &Rule,
    what: &str,
    identity: Identity<'a>,
    span: Span,
    seen: &mut Vec<(Identity<'a>, Span)>,
    findings: &mut Findings,
) {
    match seen.iter().find(|(known, _)| *known == identity) {
        Some((_, first)) => findings.push(
            rule.says(format!("{what} `{}` is there twice with the same labels", identity.0))
                .at(span, "again here")
                .also(*first, "first here")
                .help("rename one, or give one of them another label"),
        ),
        None => seen.push((identity, span)),
    }
}

const EXPLAIN: &str = r##"An alert is told apart by its name and labels. Two rules with the same ones are one alert to Alertmanager:
while both fire, they overwrite each other, and when one ends, the other seems to end.

    alert "DiskFull" severity="warning" { expr "disk_used > 80" }
    alert "DiskFull" severity="warning" { expr "disk_used > 90" }

Rename one, or tell them apart by a label: `severity="critical"`."##;
