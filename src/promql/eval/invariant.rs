//! Which expressions give the same at every step: those whose selectors all carry `@`.

use super::super::Expr;

/// Functions whose result depends on the step's time even if their arguments do not.
const TIMELY: [&str; 12] = [
    "time",
    "timestamp",
    "predict_linear",
    "info",
    "minute",
    "hour",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];

/// Whether one evaluation serves all steps.
pub(super) fn is_invariant(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Vector(selector) => selector.at.is_some(),
        Expr::Matrix(matrix) => matrix.selector.at.is_some(),
        Expr::Subquery(subquery) => subquery.at.is_some(),
        Expr::Paren(paren) => is_invariant(&paren.expr),
        Expr::Unary(unary) => is_invariant(&unary.expr),
        Expr::Binary(binary) => is_invariant(&binary.lhs) && is_invariant(&binary.rhs),
        Expr::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_deref().is_none_or(is_invariant)
        }
        Expr::Call(call) => timeless(call.function.name, &call.args),
        Expr::Broken(_) => false,
    }
}

fn timeless(name: &str, args: &[Expr]) -> bool {
    // A time-dependent function of a pinned sample is pinned as well, except `timestamp` of an
    // expression, which is the step's own time, and those that look at the evaluation time.
    if TIMELY.contains(&name) {
        let by_value = !matches!(name, "time" | "timestamp" | "predict_linear" | "info");
        return by_value && args.len() == 1 && is_invariant(&args[0]);
    }
    args.iter().all(is_invariant)
}
