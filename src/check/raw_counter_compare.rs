//! An alert compares the value of a counter with a number.

use super::expressions::{Expression, Site};
use super::known::{Flows, Nature};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::promql::ast::{Binary, BinaryOp};
use crate::promql::{Expr, SelectorUse, ValueType};

pub(super) const RULE: Rule = Rule {
    code: "S308",
    name: "raw-counter-compare",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Beginnings of the names of counters of broken hardware: the first one asks for a new part, however
/// long ago it was.
const DAMAGE: [&str; 6] = [
    "node_edac_",
    "node_btrfs_device_errors_total",
    "nvme_media_errors_total",
    "smartctl_device_media_errors",
    "smartctl_device_num_err_log_entries",
    "ipmi_sel_",
];

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
    let Expr::Number(limit) = number.unwrap_parens() else { return };
    let flows = expression.flows(&input.known);
    let place = expression.place(input.files, series.span());
    if let Some(share) = quotient(flows, series) {
        findings.push(
            RULE.says(format!(
                "{}: a quotient of two counters is that of all the time since their process started",
                expression.site.what()
            ))
            .at(expression.place(input.files, share.op_span), "of two counters")
            .help(
                "divide what they grew of late: `rate(…[5m]) / rate(…[5m])`; the older the process, \
                 the less this moves",
            ),
        );
        return;
    }
    // One is as much as there needs to be of some.
    let any = limit.value <= 0.0 || limit.value <= 1.0 && binary.op.as_str().ends_with('=');
    let for_ever = any && counts_damage(series);
    if !bigger || flows.at(series).nature != Nature::Counter || for_ever {
        return;
    }
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

/// The division of one counter by another that decides about a value. What was subtracted or read at
/// another time is somebody's own way to say how much it grew.
fn quotient<'e>(flows: &Flows, node: &'e Expr) -> Option<&'e Binary> {
    let Expr::Binary(binary) = node.unwrap_parens() else { return None };
    let counter = |side: &Expr| {
        let now =
            |used: &SelectorUse<'_>| used.selector.offset.is_none() && used.selector.at.is_none();
        flows.at(side).nature == Nature::Counter && side.selectors().iter().all(now)
    };
    let number = |side: &Expr| matches!(side.unwrap_parens(), Expr::Number(_));
    match binary.op {
        BinaryOp::Div if counter(&binary.lhs) && counter(&binary.rhs) => Some(binary),
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Sub if number(&binary.rhs) => {
            quotient(flows, &binary.lhs)
        }
        BinaryOp::Mul | BinaryOp::Sub if number(&binary.lhs) => quotient(flows, &binary.rhs),
        _ => None,
    }
}

/// Whether all of the series count damage that stays until somebody changes a part.
fn counts_damage(series: &Expr) -> bool {
    let used = series.selectors();
    let names = used.iter().map(|used| used.metric().map(|(name, _)| name));
    !used.is_empty()
        && names.into_iter().all(|name| {
            name.is_some_and(|name| DAMAGE.iter().any(|family| name.starts_with(family)))
        })
}

const EXPLAIN: &str = r##"The value of a counter is the sum since its process started. It passes any limit some day, and then the
alert fires until the next restart.

    alert "Errors" { expr "api_errors_total > 10" }

Compare how much it grew of late:

    alert "Errors" { expr "increase(api_errors_total[1h]) > 10" }

The quotient of two counters is a mean since the process started, and moves ever less:

    alert "Errors" { expr "api_errors_total / api_requests_total > 0.1" }
    alert "Errors" { expr "rate(api_errors_total[5m]) / rate(api_requests_total[5m]) > 0.1" }

Counters of broken hardware (`node_edac_…`, `node_btrfs_device_errors_total`, media errors of disks) may be compared with 0: one
error is a reason to change the part, however long ago it was."##;
