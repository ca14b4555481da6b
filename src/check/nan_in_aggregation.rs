//! One division of nothing by nothing makes a whole sum NaN.

use super::bounds;
use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::promql::ast::{AggregateOp, Binary, BinaryOp};
use crate::promql::{Expr, Span, ValueType};

pub(super) const RULE: Rule = Rule {
    code: "S320",
    name: "nan-in-aggregation",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Words in names of what is never zero where it is measured at all: capacities and limits.
const CAPACITIES: [&str; 16] = [
    "size",
    "limit",
    "max",
    "memtotal",
    "capacity",
    "total_bytes",
    "quota",
    "allocatable",
    "cpus",
    "cores",
    "interval",
    "threshold",
    "replicas",
    "info",
    "period",
    "boot",
];

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        if matches!(expression.site, Site::Test(_)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, _| {
            let (inside, name, span) = match node {
                Expr::Aggregate(aggregate)
                    if matches!(
                        aggregate.op,
                        AggregateOp::Sum
                            | AggregateOp::Avg
                            | AggregateOp::Stddev
                            | AggregateOp::Stdvar
                    ) =>
                {
                    (&*aggregate.expr, aggregate.op.as_str(), aggregate.op_span)
                }
                _ => return,
            };
            if let Some(binary) = division(inside)
                && let Some(finding) = poisoned(expression, binary, name, span, files)
            {
                findings.push(finding);
            }
        });
    }
}

/// The division whose result comes to the aggregation with nothing that would leave NaN out.
fn division(expr: &Expr) -> Option<&Binary> {
    match expr.unwrap_parens() {
        Expr::Binary(binary) => match binary.op {
            BinaryOp::Div if binary.matching.is_some() => Some(binary),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Unless => {
                division(&binary.lhs).or_else(|| division(&binary.rhs))
            }
            // Comparisons leave NaN out.
            _ => None,
        },
        Expr::Unary(unary) => division(&unary.expr),
        Expr::Call(call) if matches!(call.function.name, "abs" | "round" | "ceil" | "floor") => {
            call.args.first().and_then(division)
        }
        _ => None,
    }
}

fn poisoned(
    expression: &Expression<'_>,
    binary: &Binary,
    name: &str,
    aggregation: Span,
    files: &Files,
) -> Option<Finding> {
    let (above, below) = (bounds::of(&binary.lhs), bounds::of(&binary.rhs));
    let zero = |bounds: bounds::Bounds| bounds.low <= 0.0 && bounds.high >= 0.0;
    let filtered = |expr: &Expr| {
        matches!(
            expr.unwrap_parens(),
            Expr::Binary(inner) if inner.op.is_comparison() && !inner.return_bool
        )
    };
    if !zero(above) || !zero(below) || filtered(&binary.rhs) || filtered(&binary.lhs) {
        return None;
    }
    let measured = binary.rhs.selectors();
    let never_zero = |metric: &str| {
        let lower = metric.to_ascii_lowercase();
        CAPACITIES.iter().any(|word| lower.contains(word))
    };
    let rest = measured.iter().filter(|found| {
        found.metric().is_some_and(|(metric, _)| !never_zero(metric) || found.range.is_some())
    });
    if binary.rhs.value_type() != ValueType::Vector || rest.count() == 0 {
        return None;
    }
    let place = expression.place(files, binary.rhs.span());
    let text = files.text(place);
    // What is one name or call needs no parentheses of its own.
    let inner = match &*binary.rhs {
        Expr::Binary(_) => format!("(({text}) > 0)"),
        _ => format!("({text} > 0)"),
    };
    Some(
        RULE.says(format!(
            "{}: where both sides are 0 the quotient is NaN, and then all of `{name}` is",
            expression.site.what()
        ))
        .at(place, "may be 0")
        .also(expression.place(files, aggregation), "NaN if one is")
        .help("leave series out that have nothing to divide by: `a / (b > 0)`")
        .replace("divide by what is above 0", place, inner),
    )
}

const EXPLAIN: &str = r##"0 / 0 is NaN, and a sum or an average with one NaN in it is NaN. So one instance without traffic empties
the graph of all of them, and no comparison with the result is true.

    expr "sum(rate(errors_total[5m]) / rate(requests_total[5m])) > 0.1"
    expr "sum(rate(errors_total[5m]) / (rate(requests_total[5m]) > 0)) > 0.1"

Often the quotient of the sums is meant: `sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))`. What
is named like a capacity (`…_size_bytes`, `…_max_connections`, `…_limit`) is taken for never zero."##;
