//! Operators and aggregations on plain numbers.

use stackctl::promql::ast::{AggregateOp, BinaryOp};

use super::reference::Sample;

pub fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => unreachable!("no arithmetic operator"),
    }
}

pub fn holds(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Greater => a > b,
        BinaryOp::Less => a < b,
        BinaryOp::GreaterEqual => a >= b,
        BinaryOp::LessEqual => a <= b,
        _ => unreachable!("no comparison"),
    }
}

/// The least (or greatest) value; NaN only if there is nothing else.
pub fn extreme(greatest: bool, values: &[f64]) -> f64 {
    let numbers = values.iter().copied().filter(|value| !value.is_nan());
    let best = if greatest { numbers.reduce(f64::max) } else { numbers.reduce(f64::min) };
    best.unwrap_or(f64::NAN)
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Population variance.
pub fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64
}

/// The quantile between the two nearest ranks; NaN is the least value.
pub fn quantile(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_nan()).collect();
    let mut numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    numbers.sort_by(|a, b| a.partial_cmp(b).expect("no NaN among them"));
    sorted.extend(numbers);
    let rank = q * (sorted.len() - 1) as f64;
    let (below, weight) = (rank.floor() as usize, rank.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] * (1.0 - weight) + sorted[above] * weight
}

pub fn aggregate(op: AggregateOp, number: f64, values: &[f64]) -> f64 {
    match op {
        AggregateOp::Sum => values.iter().sum(),
        AggregateOp::Avg => mean(values),
        AggregateOp::Count | AggregateOp::CountValues => values.len() as f64,
        AggregateOp::Group => 1.0,
        AggregateOp::Max => extreme(true, values),
        AggregateOp::Min => extreme(false, values),
        AggregateOp::Stdvar => variance(values),
        AggregateOp::Stddev => variance(values).sqrt(),
        AggregateOp::Quantile => quantile(number, values),
        _ => unreachable!("never generated, or a choice"),
    }
}

/// The greatest or least `count` elements, NaN last; and whether another choice were as good.
pub fn choose(greatest: bool, count: f64, mut members: Vec<Sample>) -> (Vec<Sample>, bool) {
    let count = if count < 1.0 { 0 } else { count as usize };
    members.sort_by(|a, b| {
        let by_value = a.value.partial_cmp(&b.value).unwrap_or(std::cmp::Ordering::Equal);
        let by_value = if greatest { by_value.reverse() } else { by_value };
        a.value.is_nan().cmp(&b.value.is_nan()).then(by_value)
    });
    let close =
        |a: f64, b: f64| a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs() || a == b;
    let tie =
        count > 0 && count < members.len() && close(members[count - 1].value, members[count].value);
    members.truncate(count);
    (members, tie)
}

/// As `count_values` writes a number: the shortest digits without an exponent.
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        format!("{value}")
    }
}
