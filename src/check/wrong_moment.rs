//! A rule reads another moment than it seems to: the future, or a fixed time.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::Expr;
use crate::promql::ast::{At, DurationExpr, Edges};

pub(super) const RULE: Rule = Rule {
    code: "S332",
    name: "wrong-moment",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let (Site::Alert(group, _) | Site::Record(group, _)) = expression.site else { continue };
        let Some(tree) = expression.sound() else { continue };
        let late = group.query_offset.as_ref().map_or(0, |offset| offset.ms);
        let what = expression.site.what();
        tree.walk(&mut |node, path| {
            let (offset, at, edges, span) = match node {
                Expr::Vector(node) => (node.offset.as_ref(), node.at, node.edges, node.span),
                Expr::Matrix(node) => {
                    let selector = &node.selector;
                    (selector.offset.as_ref(), selector.at, selector.edges, node.span)
                }
                Expr::Subquery(node) => (node.offset.as_ref(), node.at, Edges::Plain, node.span),
                _ => return,
            };
            // Inside of a subquery an offset is added to that of the subquery.
            let around: i64 = path
                .iter()
                .map(|above| match above {
                    Expr::Subquery(subquery) => {
                        length(Some(&subquery.range)) + length(subquery.offset.as_ref())
                    }
                    _ => 0,
                })
                .sum();
            let ahead = -length(offset) - around - late;
            if let Some(offset) = offset.filter(|_| ahead > 0) {
                let mut finding = RULE
                    .says(format!("{what}: this reads the future, where there are no samples yet"))
                    .at(expression.place(files, offset.span()), "a negative offset")
                    .help("for the value of an hour ago write `offset 1h`");
                finding.severity = Severity::Error;
                findings.push(finding);
            } else if let Some(At::Time(_)) = at {
                findings.push(
                    RULE.says(format!("{what}: this reads the same moment for ever"))
                        .at(expression.place(files, span), "a fixed time behind `@`")
                        .help("`offset` looks back from the time of the evaluation"),
                );
            } else if edges == Edges::Smoothed && late == 0 && around == 0 {
                findings.push(
                    RULE.says(format!(
                        "{what}: `smoothed` looks at the next sample, and a rule is evaluated before \
                         it is there"
                    ))
                    .at(expression.place(files, span), "needs what comes later")
                    .also(group.name.span, "evaluated at once")
                    .help("evaluate the group a scrape interval late: `query_offset=\"1m\"`"),
                );
            }
        });
    }
}

fn length(duration: Option<&DurationExpr>) -> i64 {
    duration.and_then(DurationExpr::constant).unwrap_or(0)
}

const EXPLAIN: &str = r##"Rules are evaluated now. A negative offset asks for samples that are not there yet, so the result is
empty; `@` with a number gives the same value at every evaluation, until it is older than the retention.

    alert "Slow" { expr "latency_seconds > 2 * (latency_seconds offset -1h)" }
    alert "Slow" { expr "latency_seconds > 2 * (latency_seconds offset 1h)" }

A group with `query_offset` is evaluated that much later, and may look ahead as far."##;
