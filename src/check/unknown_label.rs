//! A matcher or a grouping names a label that the series do not have.

use super::expressions::Expression;
use super::known::{Flow, Known, Reads, Series, Values};
use super::unknown_metric::is_absent;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, most_similar, quoted_list};
use crate::model::{METRIC_NAME, MatchOp};
use crate::promql::ast::{Binary, Cardinality, LabelName, SelectorMatcher};
use crate::promql::{Expr, Span};

pub(super) const RULE: Rule = Rule {
    code: "S304",
    name: "unknown-label",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    for used in tree.selectors() {
        if used.selector.info_labels || is_absent(&used) {
            continue;
        }
        let reads = input.known.reads(used.selector);
        for entry in &used.selector.matchers {
            matcher(input, expression, &reads, entry, findings);
        }
    }
    let flows = expression.flows(&input.known);
    tree.walk(&mut |node, _| match node {
        Expr::Aggregate(aggregate) => {
            let inner = flows.at(&aggregate.expr);
            let purpose = if aggregate.grouping.without { "leave out" } else { "group by" };
            for label in &aggregate.grouping.labels {
                named(input, expression, &[&inner], (label, purpose), findings);
            }
        }
        Expr::Binary(Binary { lhs, rhs, matching: Some(matching), .. }) => {
            let (left, right) = (flows.at(lhs), flows.at(rhs));
            let purpose = if matching.on { "match on" } else { "ignore" };
            for label in &matching.labels {
                named(input, expression, &[&left, &right], (label, purpose), findings);
            }
            let one = match matching.cardinality {
                Cardinality::ManyToOne => &right,
                Cardinality::OneToMany => &left,
                Cardinality::OneToOne | Cardinality::ManyToMany => return,
            };
            for label in &matching.include {
                named(input, expression, &[one], (label, "take over"), findings);
            }
        }
        _ => {}
    });
}

/// What is said of a label that a grouping or an operator names and that none of the series can have.
fn named(
    input: &Input<'_>,
    expression: &Expression<'_>,
    flows: &[&Flow],
    (label, purpose): (&LabelName, &str),
    findings: &mut Findings,
) {
    let name = label.name.as_str();
    let known =
        |flow: &&Flow| flow.can_have(name) || flow.lost(name).is_some() || flow.may.is_empty();
    if flows.iter().any(known) {
        return;
    }
    // Naming what is not there does no harm; a misspelt label does.
    let all = flows.iter().flat_map(|flow| &flow.may).map(String::as_str);
    let Some(meant) = similar(name, all) else { return };
    let place = expression.place(input.files, label.span);
    let what = expression.site.what();
    let finding = RULE
        .says(format!("{what}: no series here has a label `{name}` to {purpose}"))
        .at(place, "not a label of these series")
        .help(format!("did you mean `{meant}`?"));
    findings.push(if input.files.text(place) == name {
        finding.replace(&format!("write `{meant}`"), place, meant)
    } else {
        finding
    });
}

fn matcher(
    input: &Input<'_>,
    expression: &Expression<'_>,
    reads: &Reads<'_>,
    entry: &SelectorMatcher,
    findings: &mut Findings,
) {
    let matcher = &entry.matcher;
    let name = matcher.name.as_str();
    // What also passes without the label may be there for other stacks.
    if name == METRIC_NAME || !is_unknown(&input.known, reads, name) {
        return;
    }
    let without = matcher.matches_empty();
    let filters = match matcher.op {
        MatchOp::Equal | MatchOp::Regex => !without,
        MatchOp::NotEqual | MatchOp::NotRegex => true,
    };
    if !filters {
        return;
    }
    let mut labels: Vec<String> = Vec::new();
    for series in &reads.named {
        labels.extend(series.labels().may);
    }
    labels.sort_unstable();
    labels.dedup();
    let meant = similar(name, labels.iter().map(String::as_str));
    if without && meant.is_none() {
        return;
    }
    let metric = reads.named.first().map_or("", |series| series.name());
    let what = expression.site.what();
    let at = Span::new(entry.span.start, entry.span.start + name.len());
    let place = expression.place(input.files, at);
    let effect = if without { "this leaves nothing out" } else { "this matches nothing" };
    let mut finding = RULE
        .says(format!("{what}: `{metric}` has no label `{name}`"))
        .at(place, effect)
        .help(match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("labels: {}", quoted_list(labels.iter().map(String::as_str))),
        });
    if without || reads.open() {
        finding.severity = Severity::Warning;
    }
    if let Some(declared) = reads.named.iter().find_map(Series::place) {
        finding = finding.also(declared, "declared here");
    }
    if let Some(meant) = meant
        && input.files.text(place) == name
    {
        finding = finding.replace(&format!("write `{meant}`"), place, meant);
    }
    findings.push(finding);
}

/// Whether none of the series that have the name can have the label.
pub(super) fn is_unknown(known: &Known<'_>, reads: &Reads<'_>, label: &str) -> bool {
    !known.is_blind()
        && !reads.named.is_empty()
        && reads.named.iter().all(|series| series.values(label) == Values::Absent)
        // Jobs of which nothing is known may have the metric, but not for certain; those that bring
        // series of others may have any label.
        && reads.maybe.iter().all(|job| {
            job.federated.is_none() && !job.any_labels && job.target_values(label) == Values::Absent
        })
}

/// The label that was most likely meant.
pub(super) fn similar<'l>(name: &str, labels: impl Iterator<Item = &'l str>) -> Option<&'l str> {
    most_similar(name, labels.filter(|label| label.len() > 1))
}

const EXPLAIN: &str = r##"A matcher on a label that the series do not have matches nothing, or, with `!=`, everything. A grouping
by such a label puts everything into one group, and `on (…)` with one compares nothing.

    expr #"rate(node_cpu_seconds_total{mod="idle"}[5m])"#      // the label is `mode`

The labels of a series are those that its page gives it and those of its target: `job`, `instance` and
what `labels` of the job or exporter says.

Write the label that exists. A service tells its labels behind the name of the metric:
`counter "api_requests_total" "code" "route"`."##;
