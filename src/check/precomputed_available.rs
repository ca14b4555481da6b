//! An expression that a recording rule has computed already.

use std::collections::HashMap;

use super::expressions::Site;
use super::names::is_plain_metric;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::{Block, Record, RuleGroup};
use crate::promql::Expr;

pub(super) const RULE: Rule = Rule {
    code: "S325",
    name: "precomputed-available",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

/// A recording rule that can stand for its expression.
struct Recorded<'a> {
    group: &'a RuleGroup,
    record: &'a Block<Record>,
    expr: &'a Expr,
}

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for record in stack.records() {
        *times.entry(record.name.as_str()).or_default() += 1;
    }
    // By the first metric that is read, so that few are compared.
    let mut recorded: HashMap<&str, Vec<Recorded<'_>>> = HashMap::new();
    for expression in expressions {
        let (Site::Record(group, record), Some(expr)) = (expression.site, expression.sound())
        else {
            continue;
        };
        // With labels of its own, or beside others of its name, it is something else.
        let plain = record.labels.is_empty() && group.labels.is_empty();
        let alone = times.get(record.name.as_str()) == Some(&1);
        let readable = is_plain_metric(&record.name);
        if plain
            && alone
            && readable
            && is_work(expr)
            && let Some(metric) = first_metric(expr)
        {
            recorded.entry(metric).or_default().push(Recorded { group, record, expr });
        }
    }
    if recorded.is_empty() {
        return;
    }
    for expression in expressions {
        let Some(tree) = expression.sound() else { continue };
        let reader = match expression.site {
            Site::Alert(group, alert) => Some((group, alert.name.span)),
            Site::Record(group, record) => Some((group, record.name.span)),
            Site::Panel(_, panel, query)
                if panel.datasource.is_none() && query.datasource.is_none() =>
            {
                None
            }
            _ => continue,
        };
        let mut done: Option<crate::promql::Span> = None;
        tree.walk(&mut |node, _| {
            let inside = done
                .is_some_and(|done| done.start <= node.span().start && node.span().end <= done.end);
            let span = node.span();
            // A dashboard variable is something else at each look.
            let text = expression.text.get(span.start..span.end).unwrap_or_default();
            if inside || !is_work(node) || text.contains('$') {
                return;
            }
            let Some(candidates) = first_metric(node).and_then(|metric| recorded.get(metric))
            else {
                return;
            };
            let found = candidates.iter().find(|candidate| {
                let before = reader.is_none_or(|(group, name)| {
                    group.name.value == candidate.group.name.value
                        && candidate.record.name.span < name
                });
                before && candidate.expr.same(node)
            });
            let Some(Recorded { record, .. }) = found else { return };
            done = Some(span);
            let place = expression.place(files, span);
            findings.push(
                RULE.says(format!(
                    "{}: this is recorded already, as `{}`",
                    expression.site.what(),
                    record.name
                ))
                .at(place, "computed once more")
                .also(record.name.span, "recorded here")
                .help(format!("write `{}`", record.name))
                .replace(
                    "read the recorded series",
                    place,
                    record.name.value.clone(),
                ),
            );
        });
    }
}

/// Whether it costs something: a name alone does not.
fn is_work(expr: &Expr) -> bool {
    matches!(expr, Expr::Aggregate(_) | Expr::Call(_) | Expr::Binary(_))
        && matches!(expr.value_type(), crate::promql::ValueType::Vector)
}

/// The metric that stands first in the text.
fn first_metric(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Vector(selector) => selector.metric().map(|(name, _)| name),
        Expr::Matrix(matrix) => matrix.selector.metric().map(|(name, _)| name),
        _ => expr.children().into_iter().find_map(first_metric),
    }
}

const EXPLAIN: &str = r##"A recording rule computes this very expression at each evaluation. Reading its result is cheaper, shows the
same number as everywhere else, and has only one place to change.

    rules "shop" {
        record "job:errors:rate5m" { expr "sum by (job) (rate(errors_total[5m]))" }
        alert "Errors" { expr "sum by (job) (rate(errors_total[5m])) > 5" }
    }

Write `job:errors:rate5m > 5`. Rules hear of recording rules in front of them in their own group; what
another group records is older (S323). Panels hear of all."##;
