//! An alert fires for whatever its expression gives, since nothing is compared.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Stack;
use crate::promql::ast::{Binary, BinaryOp};
use crate::promql::{Expr, ValueType, parse};

pub(super) const RULE: Rule = Rule {
    code: "S401",
    name: "no-comparison",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let (Site::Alert(_, alert), Some(tree)) = (expression.site, expression.sound()) else {
            continue;
        };
        // What is no vector is another rule's.
        if tree.value_type() != ValueType::Vector || is_condition(tree, stack, 0) {
            continue;
        }
        let root = tree.unwrap_parens();
        let place = |span| expression.place(files, span);
        if let Expr::Binary(Binary { op_span, return_bool: true, rhs, .. }) = root {
            let between = op_span.end..rhs.span().start;
            let text = expression.text.get(between.clone()).unwrap_or_default();
            let finding = RULE
                .says(format!("alert `{}` fires whether the comparison holds or not", alert.name))
                .at(place(*op_span), "with `bool` it gives 0 or 1")
                .help("an alert fires for every value, 0 too: leave out `bool`");
            findings.push(match text.find("bool") {
                Some(at) => {
                    let start = op_span.end;
                    let word = expression.range(files, start..start + at + "bool".len());
                    finding.replace("compare without `bool`", word, "")
                }
                None => finding,
            });
            continue;
        }
        let finding = RULE
            .says(format!(
                "alert `{}` fires for every series that its expression gives",
                alert.name
            ))
            .at(place(tree.span()), "not compared with anything");
        findings.push(if above_zero(root) {
            let span = place(tree.span());
            finding.help("say when it is bad, for instance `… > 0`").replace(
                "compare with 0",
                span,
                format!("{} > 0", files.text(span)),
            )
        } else {
            finding.help("say when it is bad, for instance `… == 0` or `… > 100`")
        });
    }
}

/// Whether 0 surely means that nothing happened.
fn above_zero(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Call(call) => {
            matches!(call.function.name, "rate" | "irate" | "increase" | "changes" | "resets")
        }
        Expr::Aggregate(node) => above_zero(&node.expr),
        _ => false,
    }
}

/// Whether what the expression gives is there only while something holds.
fn is_condition(expr: &Expr, stack: &Stack, depth: usize) -> bool {
    let inside = |expr: &Expr| is_condition(expr, stack, depth);
    match expr {
        // A constant is meant to fire always: a watchdog.
        Expr::Number(_) | Expr::String(_) | Expr::Broken(_) => true,
        Expr::Paren(paren) => inside(&paren.expr),
        Expr::Unary(unary) => inside(&unary.expr),
        Expr::Subquery(subquery) => inside(&subquery.expr),
        Expr::Aggregate(aggregate) => inside(&aggregate.expr),
        Expr::Vector(selector) => {
            let Some((name, _)) = selector.metric() else { return false };
            name == "ALERTS" || recorded_condition(name, stack, depth)
        }
        Expr::Matrix(matrix) => {
            let Some((name, _)) = matrix.selector.metric() else { return false };
            name == "ALERTS" || recorded_condition(name, stack, depth)
        }
        Expr::Call(call) => match call.function.name {
            "absent" | "absent_over_time" => true,
            // `vector(1)` is a watchdog, `vector(scalar(…))` is a value.
            "vector" => call.args.iter().all(|arg| matches!(arg.unwrap_parens(), Expr::Number(_))),
            "scalar" => false,
            _ => call.args.iter().filter(|arg| !is_constant(arg)).any(inside),
        },
        Expr::Binary(binary) => match binary.op {
            op if op.is_comparison() => {
                !binary.return_bool || {
                    (!is_constant(&binary.lhs) && inside(&binary.lhs))
                        || (!is_constant(&binary.rhs) && inside(&binary.rhs))
                }
            }
            BinaryOp::And | BinaryOp::Unless => true,
            BinaryOp::Or => inside(&binary.lhs) && inside(&binary.rhs),
            _ => {
                (!is_constant(&binary.lhs) && inside(&binary.lhs))
                    || (!is_constant(&binary.rhs) && inside(&binary.rhs))
            }
        },
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr.value_type(), ValueType::Scalar | ValueType::String)
}

/// Whether a recording rule of this name keeps a condition.
fn recorded_condition(name: &str, stack: &Stack, depth: usize) -> bool {
    // Rules may read each other in a circle.
    depth < 8
        && stack.records().filter(|record| record.name.value == name).any(|record| {
            parse(&record.expr).is_ok_and(|expr| is_condition(&expr, stack, depth + 1))
        })
}

const EXPLAIN: &str = r##"An alert fires for every series that its expression gives, whatever the value is, 0 included. A rate, a
gauge or a sum is there as long as it is measured, so the alert never ends.

    alert "Errors" { expr "rate(errors_total[5m])" }
    alert "Errors" { expr "rate(errors_total[5m]) > 0" }

With `bool` a comparison gives 0 or 1 and leaves nothing out; an alert wants it without. `absent(…)`, `and`,
`unless`, `ALERTS`, recording rules that compare, and `vector(1)` for a watchdog are conditions, too."##;
