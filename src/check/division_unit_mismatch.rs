//! Seconds are taken for bytes, or a share for percent.

use super::bounds;
use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity};
use crate::model::MatchOp;
use crate::promql::Expr;
use crate::promql::ast::{AggregateOp, Binary, BinaryOp, VectorSelector};

pub(super) const RULE: Rule = Rule {
    code: "S324",
    name: "division-unit-mismatch",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Units that names end in.
const UNITS: [&str; 9] = [
    "seconds",
    "milliseconds",
    "bytes",
    "celsius",
    "volts",
    "amperes",
    "joules",
    "meters",
    "grams",
];

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        if matches!(expression.site, Site::Test(_)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        tree.walk(&mut |node, _| {
            let Expr::Binary(binary) = node else { return };
            let found = units(expression, binary, files)
                .or_else(|| share_as_percent(expression, binary, files));
            if let Some(found) = found {
                findings.push(found);
            }
        });
    }
}

/// `x_seconds > y_bytes`, `x_seconds / y_bytes`
fn units(expression: &Expression<'_>, binary: &Binary, files: &Files) -> Option<Finding> {
    let (left, right) = (unit(&binary.lhs)?, unit(&binary.rhs)?);
    let verb = match binary.op {
        op if op.is_comparison() => "compared with",
        BinaryOp::Add => "added to",
        BinaryOp::Sub => "diminished by",
        // Bytes by seconds is a speed; seconds by bytes is nothing that anyone measures.
        BinaryOp::Div if (left, right) == ("seconds", "bytes") => "divided by",
        _ => return None,
    };
    if left == right {
        return None;
    }
    Some(
        RULE.says(format!("{}: {left} are {verb} {right}", expression.site.what()))
            .at(expression.place(files, binary.op_span), "two units")
            .also(expression.place(files, binary.lhs.span()), left)
            .also(expression.place(files, binary.rhs.span()), right)
            .help("bring both sides to one unit"),
    )
}

/// The unit of what is measured, from the end of its name, through what leaves units alone.
fn unit(expr: &Expr) -> Option<&'static str> {
    match expr.unwrap_parens() {
        Expr::Vector(selector) => named_unit(selector),
        Expr::Unary(unary) => unit(&unary.expr),
        Expr::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Avg
            | AggregateOp::Min
            | AggregateOp::Max
            | AggregateOp::Sum
            | AggregateOp::Quantile
            | AggregateOp::Topk
            | AggregateOp::Bottomk => unit(&aggregate.expr),
            _ => None,
        },
        Expr::Call(call) => match call.function.name {
            "avg_over_time" | "min_over_time" | "max_over_time" | "last_over_time" | "increase"
            | "delta" => match call.args.first()?.unwrap_parens() {
                Expr::Matrix(matrix) => named_unit(&matrix.selector),
                _ => None,
            },
            "abs" | "ceil" | "floor" | "sort" | "sort_desc" => unit(call.args.first()?),
            _ => None,
        },
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::Add | BinaryOp::Sub) => {
            unit(&binary.lhs).filter(|left| unit(&binary.rhs) == Some(left))
        }
        _ => None,
    }
}

fn named_unit(selector: &VectorSelector) -> Option<&'static str> {
    let (name, _) = selector.metric()?;
    let name = name.strip_suffix("_total").unwrap_or(name);
    // A recorded name has its operations behind it, and a moment is no length of time.
    if name.contains(':') || name.ends_with("timestamp_seconds") || name.ends_with("_time_seconds")
    {
        return None;
    }
    UNITS.into_iter().find(|unit| name.strip_suffix(unit).is_some_and(|front| front.ends_with('_')))
}

/// `errors / requests > 5`
fn share_as_percent(
    expression: &Expression<'_>,
    binary: &Binary,
    files: &Files,
) -> Option<Finding> {
    let above = matches!(binary.op, BinaryOp::Greater | BinaryOp::GreaterEqual);
    let below = matches!(binary.op, BinaryOp::Less | BinaryOp::LessEqual);
    let Expr::Number(limit) = binary.rhs.unwrap_parens() else { return None };
    if !(above || below) || !(1.5..=100.0).contains(&limit.value) {
        return None;
    }
    // What is surely between 0 and 1 by itself is told as never or always true.
    let bounds = bounds::of(&binary.lhs);
    if bounds.high <= 1.0 || !is_share(&binary.lhs) {
        return None;
    }
    let decimal = limit.value / 100.0;
    Some(
        RULE.says(format!(
            "{}: a share is between 0 and 1, and it is compared with {}",
            expression.site.what(),
            limit.value
        ))
        .at(expression.place(files, limit.span), "percent?")
        .also(expression.place(files, binary.lhs.span()), "a share")
        .help(format!("write `{decimal}`, or `100 *` in front of the share")),
    )
}

/// Whether it is a part of something by the whole of it.
fn is_share(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Vector(selector) => {
            selector.metric().is_some_and(|(name, _)| name.ends_with("_ratio"))
        }
        Expr::Aggregate(aggregate) => {
            matches!(aggregate.op, AggregateOp::Avg | AggregateOp::Min | AggregateOp::Max)
                && is_share(&aggregate.expr)
        }
        Expr::Binary(binary) if binary.op == BinaryOp::Sub => {
            let one =
                |expr: &Expr| matches!(expr.unwrap_parens(), Expr::Number(n) if n.value == 1.0);
            one(&binary.lhs) && is_share(&binary.rhs)
        }
        Expr::Binary(binary) if binary.op == BinaryOp::Div => part_of(&binary.lhs, &binary.rhs),
        _ => false,
    }
}

/// Whether the first are some of the second: the same counters with more conditions, or what is used or
/// failed of what there is.
fn part_of(part: &Expr, all: &Expr) -> bool {
    // With arithmetic on a side it may be percent already.
    if has_arithmetic(part) || has_arithmetic(all) {
        return false;
    }
    let (parts, wholes) = (part.selectors(), all.selectors());
    let ([part], [all]) = (parts.as_slice(), wholes.as_slice()) else { return false };
    let (Some((part_name, _)), Some((all_name, _))) = (part.metric(), all.metric()) else {
        return false;
    };
    if part_name == all_name {
        let narrower = all.selector.matchers.iter().all(|wanted| {
            part.selector.matchers.iter().any(|entry| entry.matcher == wanted.matcher)
        });
        let more =
            part.selector.matchers.iter().any(|entry| {
                entry.matcher.op != MatchOp::NotEqual || !entry.matcher.value.is_empty()
            });
        let function =
            |call: Option<&crate::promql::ast::Call>| call.map(|call| call.function.name);
        let same = function(part.function) == function(all.function);
        let length = |found: &crate::promql::SelectorUse<'_>| {
            found.range.and_then(crate::promql::ast::DurationExpr::constant)
        };
        return narrower
            && more
            && same
            && length(part) == length(all)
            && part.selector.matchers.len() > all.selector.matchers.len();
    }
    let words = |name: &str, words: &[&str]| {
        let lower = name.to_ascii_lowercase();
        words.iter().any(|word| lower.contains(word))
    };
    let used = words(part_name, &["used", "free", "avail", "usage", "working_set"])
        && words(all_name, &["size", "total", "max", "limit", "capacity"]);
    let same_unit = ["bytes", "inodes", "files", "pages", "blocks"]
        .into_iter()
        .any(|unit| words(part_name, &[unit]) && words(all_name, &[unit]));
    let failed = words(part_name, &["error", "fail", "drop", "reject"])
        && part_name.ends_with("_total")
        && all_name.ends_with("_total")
        && words(all_name, &["request", "attempt", "call", "message", "packet", "quer"])
        && !words(part_name, &["bytes", "seconds"]);
    used && same_unit || failed
}

fn has_arithmetic(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |node, _| found |= matches!(node, Expr::Binary(_)));
    found
}

const EXPLAIN: &str = r##"Names of metrics end in their unit. Seconds beside bytes are a mistake, and so is a share, which is between
0 and 1, beside a number of percent: the alert never fires, or always.

    expr "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 5"
    expr "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 0.05"
    expr "100 * sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 5"

A share is a part of the series by all of them (`x{code="500"}` by `x`), errors by requests, used or free
bytes by a size, and what is named `…_ratio`. Bytes by seconds is a speed and well."##;
