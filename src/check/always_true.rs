//! A comparison that every value passes.

use super::bounds::{self, Bounds, Outcome, compare};
use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::ast::{AggregateOp, BinaryOp};
use crate::promql::{Expr, Span};

pub(super) const RULE: Rule = Rule {
    code: "S313",
    name: "always-true",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let Some(tree) = expression.sound() else { continue };
        let fires = match expression.site {
            Site::Alert(..) => "so the alert fires for every series that there is",
            Site::Record(..) => "so it leaves nothing out",
            // A panel may draw what it likes, and a test may show what is so.
            _ => continue,
        };
        if let (Site::Alert(..), Some(place)) = (expression.site, always_there(tree)) {
            let what = expression.site.what();
            findings.push(
                RULE.says(format!("{what}: `or vector(…)` gives a sample at all times, {fires}"))
                    .at(expression.place(files, place), "always there")
                    .help(
                        "an alert fires for whatever its expression gives, be it 0: take it away",
                    ),
            );
        }
        tree.walk(&mut |node, path| {
            let Expr::Binary(binary) = node else { return };
            if !binary.op.is_comparison() || one_of_several(node, path) {
                return;
            }
            let (left, right) = (values(&binary.lhs), values(&binary.rhs));
            if compare(binary.op, left, right) != Outcome::Always {
                return;
            }
            let constant = left.constant().is_some();
            let known = if constant { right } else { left };
            let Some(words) = known.words().or_else(|| right.words()) else { return };
            let side = if constant { &binary.rhs } else { &binary.lhs };
            let what = expression.site.what();
            let message = if left.constant().is_some() && right.constant().is_some() {
                format!("{what}: both sides are constants, {fires}")
            } else if words == "NaN" {
                format!("{what}: everything differs from NaN, {fires}")
            } else {
                format!("{what}: this is always true, {fires}")
            };
            let finding = RULE
                .says(message)
                .at(expression.place(files, binary.op_span), "always true")
                .also(expression.place(files, side.span()), words);
            findings.push(match side.unwrap_parens() {
                Expr::Vector(selector) if selector.metric().is_some_and(|(n, _)| n == "up") => {
                    finding.help("a target that cannot be scraped has `up == 0`")
                }
                Expr::Aggregate(node) if node.op == AggregateOp::Count => finding.help(
                    "a count that is there is at least 1; `absent(…)` asks whether there is nothing",
                ),
                _ => finding.help("compare with a value that tells good from bad"),
            });
        });
    }
}

/// What makes an alert fire at all times: `… or vector(0)`, the whole of the expression. An alert that is
/// nothing but a `vector(1)` is meant to.
fn always_there(tree: &Expr) -> Option<Span> {
    let Expr::Binary(binary) = tree.unwrap_parens() else { return None };
    let is_vector = |side: &Expr| matches!(side.unwrap_parens(), Expr::Call(call) if call.function.name == "vector");
    (binary.op == BinaryOp::Or && is_vector(&binary.rhs)).then(|| binary.rhs.span())
}

/// The values that someone may think it has. What exists at all has a count, and `== 1` or `> 0` behind
/// it is a way to ask for that.
fn values(expr: &Expr) -> Bounds {
    let found = bounds::of(expr);
    let existence = match expr.unwrap_parens() {
        Expr::Aggregate(node) => {
            matches!(node.op, AggregateOp::Count | AggregateOp::Group | AggregateOp::CountValues)
        }
        Expr::Call(call) => {
            matches!(
                call.function.name,
                "absent" | "absent_over_time" | "present_over_time" | "count_over_time" | "vector"
            ) && found.low == 1.0
        }
        Expr::Vector(selector) => selector.metric().is_some_and(|(name, _)| name == "ALERTS"),
        _ => false,
    };
    if existence { Bounds { low: found.low.min(0.0), ..found } } else { found }
}

/// `hour() >= 0 and hour() < 6`: one of the bounds of a range, written out.
fn one_of_several(node: &Expr, path: &[&Expr]) -> bool {
    let above = path.iter().rev().find(|above| !matches!(above, Expr::Paren(_)));
    let Some(Expr::Binary(above)) = above else { return filters_already(node) };
    let other = if std::ptr::eq(above.lhs.unwrap_parens(), node) { &above.rhs } else { &above.lhs };
    let sibling = matches!(
        other.unwrap_parens(),
        Expr::Binary(other) if other.op.is_comparison()
    ) && matches!(above.op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless);
    sibling || above.op.is_comparison() || filters_already(node)
}

fn filters_already(node: &Expr) -> bool {
    let Expr::Binary(binary) = node else { return false };
    [&binary.lhs, &binary.rhs].into_iter().any(|side| {
        matches!(side.unwrap_parens(), Expr::Binary(inner) if inner.op.is_comparison() && !inner.return_bool)
    })
}

const EXPLAIN: &str = r##"Every value passes the comparison, so it decides nothing: an alert on it fires for each series that exists,
from the first evaluation on.

    alert "TargetDown" { expr "up >= 0" }           // up is 0 or 1: `up == 0`
    alert "NoWorker" { expr "count(worker_up) >= 0" }    // a count is at least 1: `absent(worker_up)`

`count(x) > 0`, `absent(x) == 1` and `vector(1)` are ways to ask whether something is there, and are left
alone. So is a bound that is written beside another one: `hour() >= 0 and hour() < 6`."##;
