//! A quantile is asked of something that has no buckets.

use super::expressions::Expression;
use super::known::{Lost, Nature};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::Aggregate;

pub(super) const RULE: Rule = Rule {
    code: "S321",
    name: "histogram-misuse",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    input.look_everywhere(findings, look);
}

fn look(input: &Input<'_>, expression: &Expression<'_>, tree: &Expr, findings: &mut Findings) {
    let flows = expression.flows(&input.known);
    tree.walk(&mut |node, _| {
        let Expr::Call(call) = node else { return };
        let series = match call.function.name {
            "histogram_quantile" => call.args.get(1),
            "histogram_fraction" => call.args.get(2),
            "histogram_quantiles" => call.args.first(),
            _ => return,
        };
        let Some(series) = series else { return };
        let flow = flows.at(series);
        // A native histogram has its buckets inside; of a metric that is not known nothing is said.
        if flow.can_have("le") {
            return;
        }
        let what = expression.site.what();
        let name = call.function.name;
        if let Some(loss) =
            flow.lost("le").filter(|loss| loss.how == Lost::Aggregation && loss.record.is_none())
        {
            let inside = |node: &&Aggregate| super::known::grouping_span(node) == loss.at;
            let aggregate = aggregates(series).into_iter().find(inside);
            let Some(aggregate) = aggregate else { return };
            let place = expression.place(input.files, loss.at);
            let mut finding = RULE
                .says(format!("{what}: `{name}` needs the label `le`, and this drops it"))
                .at(place, "drops `le`")
                .also(expression.place(input.files, call.name_span), "needs it")
                .help("keep the buckets apart: `by (le)`, with further labels behind");
            let text = input.files.text(place);
            let written = expression.text.value.get(loss.at.start..loss.at.end);
            if written == Some(text) && !aggregate.grouping.without {
                let by = if aggregate.grouping.labels.is_empty() {
                    // `sum(x)`, not `sum by () (x)`.
                    let rest = &expression.text.value[loss.at.end..];
                    rest.trim_start().starts_with('(').then(|| format!("{text} by (le) "))
                } else {
                    Some(format!("le, {text}"))
                };
                if let Some(by) = by {
                    finding = finding.replace("keep `le`", place, by);
                }
            }
            findings.push(finding);
        } else if matches!(flow.nature, Nature::Counter | Nature::Gauge) && !flow.may.is_empty() {
            let place = expression.place(input.files, series.span());
            findings.push(
                RULE.says(format!("{what}: `{name}` of something that has no buckets"))
                    .at(place, "has no label `le`")
                    .help("give it the rate of a histogram's `_bucket` series"),
            );
        }
    });
}

/// All aggregations of an expression.
fn aggregates(expr: &Expr) -> Vec<&Aggregate> {
    let mut found = Vec::new();
    expr.walk(&mut |node, _| {
        if let Expr::Aggregate(aggregate) = node {
            found.push(aggregate);
        }
    });
    found
}

const EXPLAIN: &str = r##"The buckets of a histogram are told apart by the label `le`, and `histogram_quantile` needs all of them.
An aggregation that drops the label, or a metric that has no buckets, gives nothing.

    expr "histogram_quantile(0.9, sum(rate(api_seconds_bucket[5m])))"

Keep the label:

    expr "histogram_quantile(0.9, sum by (le) (rate(api_seconds_bucket[5m])))""##;
