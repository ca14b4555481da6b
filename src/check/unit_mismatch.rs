//! A panel shows values of one unit as another.

use std::collections::HashMap;

use super::expressions::{Expression, Site};
use super::{Input, Rule};
use crate::dashboards::Panel;
use crate::dashboards::units::{self, Unit};
use crate::diag::{Findings, Severity};
use crate::manifest::place_in;
use crate::promql::ast::{AggregateOp, Binary, BinaryOp, Call};
use crate::promql::{self, Expr};

pub(super) const RULE: Rule = Rule {
    code: "S510",
    name: "unit-mismatch",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Panels that show values as they come.
const PLAIN: [&str; 7] =
    ["timeseries", "stat", "gauge", "bargauge", "piechart", "graph", "singlestat"];

fn check(Input { boards, expressions, files, .. }: &Input<'_>, findings: &mut Findings) {
    let queries = by_panel(expressions);
    for board in &boards.all {
        for panel in &board.content.panels {
            let Some(unit) = &panel.unit else { continue };
            let Some(shown) = units::of_id(unit) else { continue };
            let plain = panel.kind.as_ref().is_some_and(|kind| PLAIN.contains(&kind.as_str()));
            if !plain || panel.reworked {
                continue;
            }
            let asked: Vec<(&Expression<'_>, Option<Unit>)> = queries
                .get(&std::ptr::from_ref(panel))
                .into_iter()
                .flatten()
                .map(|&expression| {
                    let tree = expression.sound();
                    (expression, tree.and_then(|tree| known(value(tree, expression))))
                })
                .collect();
            let wrong = asked.iter().find_map(|(expression, unit)| {
                unit.filter(|unit| !unit.may_be_shown_as(shown)).map(|unit| (expression, unit))
            });
            let Some((expression, meant)) = wrong else { continue };
            let place = expression.range(files, 0..expression.text.len());
            let mut finding = RULE
                .says(format!(
                    "{} shows {} with the unit `{unit}`",
                    board.panel(panel, &panel.pointer),
                    meant.words()
                ))
                .at(unit.span, format!("the unit of {} is `{}`", meant.words(), meant.id()))
                .also(place, format!("gives {}", meant.words()))
                .help(format!("say `unit=\"{}\"`, or convert the value", meant.id()));
            let all_same = asked.len() == panel.targets.len()
                && asked.iter().all(|(_, unit)| *unit == Some(meant));
            if all_same {
                let inside = place_in(files, unit, 0..unit.len());
                finding = finding.replace("name the unit of the values", inside, meant.id());
            }
            findings.push(finding);
        }
    }
}

/// The queries of each panel, by where the panel lies in memory.
fn by_panel<'e, 'a>(
    expressions: &'e [Expression<'a>],
) -> HashMap<*const Panel, Vec<&'e Expression<'a>>> {
    let mut queries: HashMap<*const Panel, Vec<&Expression<'_>>> = HashMap::new();
    for expression in expressions {
        if let Site::Panel(_, panel, _) = expression.site {
            queries.entry(std::ptr::from_ref(panel)).or_default().push(expression);
        }
    }
    queries
}

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    /// Values of a unit.
    Of(Unit),
    /// A number that stands in the text.
    Number(f64),
    /// A moment, in seconds since 1970: `time()`.
    Moment,
    /// Nobody knows.
    Unknown,
}

fn known(value: Value) -> Option<Unit> {
    match value {
        Value::Of(unit) => Some(unit),
        Value::Number(_) | Value::Moment | Value::Unknown => None,
    }
}

fn value(expr: &Expr, expression: &Expression<'_>) -> Value {
    let below = |expr: &Expr| value(expr, expression);
    match expr {
        Expr::Number(number) => Value::Number(number.value),
        Expr::Vector(selector) => named(selector.metric(), expression),
        Expr::Matrix(matrix) => named(matrix.selector.metric(), expression),
        Expr::Paren(paren) => below(&paren.expr),
        Expr::Unary(unary) => below(&unary.expr),
        Expr::Subquery(subquery) => below(&subquery.expr),
        Expr::Call(call) => called(call, expression),
        Expr::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Sum
            | AggregateOp::Avg
            | AggregateOp::Min
            | AggregateOp::Max
            | AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Quantile => below(&aggregate.expr),
            _ => Value::Unknown,
        },
        Expr::Binary(binary) => computed(binary, expression),
        Expr::String(_) | Expr::Broken(_) => Value::Unknown,
    }
}

fn named(metric: Option<(&str, promql::Span)>, expression: &Expression<'_>) -> Value {
    match metric {
        Some((name, place)) if !expression.is_made_up(place) => {
            units::of_metric(name).map_or(Value::Unknown, Value::Of)
        }
        _ => Value::Unknown,
    }
}

fn called(call: &Call, expression: &Expression<'_>) -> Value {
    let argument =
        |index: usize| call.args.get(index).map_or(Value::Unknown, |expr| value(expr, expression));
    match call.function.name {
        "rate" | "irate" | "deriv" => match argument(0) {
            Value::Of(Unit::Bytes) => Value::Of(Unit::BytesPerSecond),
            Value::Of(Unit::Seconds) => Value::Of(Unit::Ratio),
            _ => Value::Unknown,
        },
        "increase" | "delta" | "idelta" | "avg_over_time" | "min_over_time" | "max_over_time"
        | "last_over_time" | "predict_linear" | "abs" | "ceil" | "floor" | "round" | "sort"
        | "sort_desc" | "clamp" | "clamp_min" | "clamp_max" | "label_replace" | "label_join"
        | "vector" | "scalar" => argument(0),
        "quantile_over_time" => argument(1),
        "histogram_quantile" => call.args.get(1).map_or(Value::Unknown, |expr| {
            let mut selectors = expr.selectors().into_iter();
            match (selectors.next(), selectors.next()) {
                (Some(only), None) => {
                    let name = only.metric();
                    named(name.map(|(name, at)| (name.trim_end_matches("_bucket"), at)), expression)
                }
                _ => Value::Unknown,
            }
        }),
        "time" => Value::Moment,
        _ => Value::Unknown,
    }
}

fn computed(binary: &Binary, expression: &Expression<'_>) -> Value {
    let (left, right) = (value(&binary.lhs, expression), value(&binary.rhs, expression));
    match (binary.op, left, right) {
        // `rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m])`: the mean.
        (BinaryOp::Div, Value::Of(_), _) if mean_of(binary).is_some() => {
            mean_of(binary).map_or(Value::Unknown, Value::Of)
        }
        (BinaryOp::Add | BinaryOp::Sub, Value::Of(unit), Value::Of(other)) if unit == other => {
            Value::Of(unit)
        }
        // `1 - ratio`; seconds since a moment.
        (BinaryOp::Add | BinaryOp::Sub, Value::Of(unit), Value::Number(_))
        | (BinaryOp::Add | BinaryOp::Sub, Value::Number(_), Value::Of(unit)) => Value::Of(unit),
        (BinaryOp::Sub, Value::Moment, _) => Value::Of(Unit::Seconds),
        (BinaryOp::Div, Value::Of(unit), Value::Of(other))
            if unit == other && unit != Unit::Celsius && unit != Unit::Ratio =>
        {
            Value::Of(Unit::Ratio)
        }
        (BinaryOp::Mul, Value::Of(unit), Value::Number(number))
        | (BinaryOp::Mul, Value::Number(number), Value::Of(unit)) => scaled(unit, number),
        (op, left, _) if op.is_comparison() && !binary.return_bool => left,
        (BinaryOp::And | BinaryOp::Unless, left, _) | (BinaryOp::Or, left, Value::Number(_)) => {
            left
        }
        (BinaryOp::Or, left, right) if left == right => left,
        _ => Value::Unknown,
    }
}

/// The unit of what is averaged by dividing the sum of a histogram or summary by its count.
fn mean_of(binary: &Binary) -> Option<Unit> {
    let only = |expr: &Expr| {
        let selectors = expr.selectors();
        let [only] = &selectors[..] else { return None };
        only.metric().map(|(name, _)| name.to_owned())
    };
    let (sum, count) = (only(&binary.lhs)?, only(&binary.rhs)?);
    let base = sum.strip_suffix("_sum")?;
    (count.strip_suffix("_count")? == base).then(|| units::of_metric(base)).flatten()
}

#[allow(clippy::float_cmp)]
fn scaled(unit: Unit, number: f64) -> Value {
    let by = |wanted: f64| number == wanted;
    match unit {
        Unit::Ratio if by(100.0) => Value::Of(Unit::Percent),
        Unit::Bytes if by(8.0) => Value::Of(Unit::Bits),
        Unit::BytesPerSecond if by(8.0) => Value::Of(Unit::BitsPerSecond),
        Unit::Seconds if by(1000.0) => Value::Of(Unit::Milliseconds),
        unit if by(1.0) => Value::Of(unit),
        _ => Value::Unknown,
    }
}

const EXPLAIN: &str = r##"What a query gives and what the panel calls it do not fit: a ratio of 0.97 is shown as 0.97 %, bytes per second
as bits per second, seconds as milliseconds.

    timeseries "In" unit="bps" {                          // bytes: `Bps`, or `* 8` in the query
        query "rate(node_network_receive_bytes_total[$__rate_interval])"
    }

The unit is read off the names of metrics (`_bytes`, `_seconds`, `_ratio`, `_celsius`) and followed through
the expression: rates, quotients, `* 8`, `* 100`, quantiles of histograms. Where a query computes with other
numbers, or the panel transforms its values, nothing is said."##;
