//! An alert compares the value of a counter with a number.

use super::expressions::{Expression, Site};
use super::known::Nature;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::promql::ast::{Binary, BinaryOp};
use crate::promql::{Expr, ValueType};

pub(super) const RULE: Rule = Rule {
    code: "S308",
    name: "raw-counter-compare",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    for (expression, tree) in input.judged() {
        if matches!(expression.site, Site::Alert(..)) {
            condition(input, expression, tree, findings);
        }
    }
}

/// Looks at what decides whether the alert fires; guards behind `and` and `unless` do not.
fn condition(input: &Input<'_>, expression: &Expression<'_>, node: &Expr, findings: &mut Findings) {
    match node.unwrap_parens() {
        Expr::Binary(Binary { op: BinaryOp::And | BinaryOp::Unless, lhs, .. }) => {
            condition(input, expression, lhs, findings);
        }
        Expr::Binary(Binary { op: BinaryOp::Or, lhs, rhs, .. }) => {
            condition(input, expression, lhs, findings);
            condition(input, expression, rhs, findings);
        }
        Expr::Binary(binary) => compared(input, expression, binary, findings),
        Expr::Aggregate(aggregate) => condition(input, expression, &aggregate.expr, findings),
        _ => {}
    }
}

fn compared(
    input: &Input<'_>,
    expression: &Expression<'_>,
    binary: &Binary,
    findings: &mut Findings,
) {
    let (series, number) = match (binary.lhs.value_type(), binary.rhs.value_type()) {
        (ValueType::Vector, ValueType::Scalar) => (&binary.lhs, &binary.rhs),
        (ValueType::Scalar, ValueType::Vector) => (&binary.rhs, &binary.lhs),
        _ => return,
    };
    let bigger = match binary.op {
        BinaryOp::Greater | BinaryOp::GreaterEqual => std::ptr::eq(series, &raw const binary.lhs),
        BinaryOp::Less | BinaryOp::LessEqual => std::ptr::eq(series, &raw const binary.rhs),
        _ => return,
    };
    // A limit that moves with time is a comparison of another kind.
    let constant = matches!(number.unwrap_parens(), Expr::Number(_));
    let flow = expression.flows(&input.known).at(series);
    if !bigger || !constant || flow.nature != Nature::Counter {
        return;
    }
    let place = expression.place(input.files, series.span());
    let finding = RULE
        .says(format!("{}: the value of a counter only grows", expression.site.what()))
        .at(place, "a counter")
        .help(
            "ask how much it grew: `increase(…[1h])`; once above the limit the counter stays there \
             until its process restarts",
        );
    let plain = matches!(&**series, Expr::Vector(selector) if selector.offset.is_none() && selector.at.is_none());
    findings.push(if plain {
        finding
            .replace("ask how much it grew in an hour", Span { len: 0, ..place }, "increase(")
            .replace("", Span::new(place.file, place.end()..place.end()), "[1h])")
            .as_a_choice()
    } else {
        finding
    });
}

const EXPLAIN: &str = r##"The value of a counter is the sum since its process started. It passes any limit some day, and then the
alert fires until the next restart.

    alert "Errors" { expr "api_errors_total > 10" }

Compare how much it grew of late:

    alert "Errors" { expr "increase(api_errors_total[1h]) > 10" }"##;
