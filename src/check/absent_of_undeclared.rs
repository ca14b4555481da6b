//! `absent` of something that nothing in the stack can ever expose.

use super::expressions::{Expression, Site};
use super::known::Reads;
use super::unknown_label::is_unknown;
use super::unknown_label_value::misses;
use super::unknown_metric::{is_absent, unknown};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::model::METRIC_NAME;
use crate::promql::{SelectorUse, Span};

pub(super) const RULE: Rule = Rule {
    code: "S407",
    name: "absent-of-undeclared",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for (expression, tree) in input.judged() {
        for used in tree.selectors().iter().filter(|used| is_absent(used)) {
            selector(input, expression, used, findings);
        }
    }
}

fn selector(
    input: &Input<'_>,
    expression: &Expression<'_>,
    used: &SelectorUse<'_>,
    findings: &mut Findings,
) {
    let reads = input.known.reads(used.selector);
    let Some((at, why, doubtful)) = nothing(input, used, &reads) else { return };
    let what = expression.site.what();
    let effect = match expression.site {
        Site::Alert(..) => "it fires for ever",
        _ => "it always gives 1",
    };
    let place = expression.place(input.files, at);
    let mut finding = RULE
        .says(format!("{what}: nothing in the stack can ever be there, so {effect}"))
        .at(place, why)
        .help("write what exists, or declare what should expose it");
    if doubtful {
        finding.severity = Severity::Warning;
    }
    findings.push(finding);
}

/// What keeps a selector from ever finding anything, and whether that is not quite certain; `None` if it
/// may find something.
fn nothing(
    input: &Input<'_>,
    used: &SelectorUse<'_>,
    reads: &Reads<'_>,
) -> Option<(Span, &'static str, bool)> {
    if let Some((name, at)) = used.metric()
        && let Some(unknown) = unknown(&input.known, name, reads)
    {
        return Some((at, "no such metric", unknown.doubtful));
    }
    if reads.open() {
        return None;
    }
    used.selector.matchers.iter().find_map(|entry| {
        let matcher = &entry.matcher;
        if matcher.name == METRIC_NAME {
            return None;
        }
        if misses(reads, matcher) {
            return Some((entry.value_span, "no such value", false));
        }
        let missing = !matcher.matches_empty() && is_unknown(&input.known, reads, &matcher.name);
        let name = Span::new(entry.span.start, entry.span.start + matcher.name.len());
        missing.then_some((name, "no such label", false))
    })
}

const EXPLAIN: &str = r##"`absent` gives 1 as long as nothing is there. Nothing in this stack can ever be there: no job exposes such
a metric, or none of its series has that label or value.

    alert "JenkinsDown" { expr #"absent(up{job="jenkins"})"# }     // there is no job `jenkins`

Write the name that exists, or declare the service that should expose it."##;
