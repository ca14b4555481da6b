//! Which values an expression can have at all: `up` is 0 or 1, a count is never below 1, a rate never
//! negative. Comparisons that are decided by that alone are mistakes.

use crate::promql::Expr;
use crate::promql::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Call};

/// The values that the elements of a result can have, if there is any element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The least.
    pub low: f64,
    /// The greatest; below `low` if there can be no value at all. Both are NaN for NaN alone.
    pub high: f64,
    /// Whether all are integers.
    pub whole: bool,
    /// Whether NaN can be among them.
    pub nan: bool,
}

/// Whether a comparison is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is false whatever the values are.
    Never,
    /// It is true whatever the values are.
    Always,
    /// That depends on the values.
    Depends,
}

const ANY: Bounds = between(f64::NEG_INFINITY, f64::INFINITY).or_nan();
const NOT_NEGATIVE: Bounds = between(0.0, f64::INFINITY);

const fn between(low: f64, high: f64) -> Bounds {
    Bounds { low, high, whole: false, nan: false }
}

const fn whole(low: f64, high: f64) -> Bounds {
    Bounds { low, high, whole: true, nan: false }
}

impl Bounds {
    /// One value.
    fn only(value: f64) -> Self {
        Self { low: value, high: value, whole: value.fract() == 0.0, nan: value.is_nan() }
    }

    const fn or_nan(mut self) -> Self {
        self.nan = true;
        self
    }

    const fn fractions(mut self) -> Self {
        self.whole = false;
        self
    }

    /// The value, if only one is possible.
    pub fn constant(self) -> Option<f64> {
        (self.low.is_nan() || self.low == self.high).then_some(self.low)
    }

    /// Whether no value is possible.
    pub fn is_empty(self) -> bool {
        self.low > self.high
    }

    /// Whether nothing is known but that these are numbers.
    fn is_open(self) -> bool {
        self.low == f64::NEG_INFINITY && self.high == f64::INFINITY
    }

    /// What both allow.
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            whole: self.whole || other.whole,
            nan: self.nan && other.nan,
        }
    }

    /// What one of them allows.
    fn or(self, other: Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return if self.is_empty() { other } else { self };
        }
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            whole: self.whole && other.whole,
            nan: self.nan || other.nan,
        }
    }

    /// What is left of the values after they were compared with others.
    fn filtered(self, op: BinaryOp, other: Self) -> Self {
        if other.low.is_nan() || self.low.is_nan() {
            return if op == BinaryOp::NotEqual { self } else { whole(1.0, 0.0) };
        }
        let above = |value: f64| if self.whole { value.floor() + 1.0 } else { value.next_up() };
        let below = |value: f64| if self.whole { value.ceil() - 1.0 } else { value.next_down() };
        let mut left = self;
        match op {
            BinaryOp::Greater => left.low = self.low.max(above(other.low)),
            BinaryOp::GreaterEqual => left.low = self.low.max(other.low),
            BinaryOp::Less => left.high = self.high.min(below(other.high)),
            BinaryOp::LessEqual => left.high = self.high.min(other.high),
            BinaryOp::Equal => left = self.and(Self { whole: false, ..other }),
            _ => return self,
        }
        left.nan = false;
        left
    }

    /// Values for a sentence: `0 or 1`, `never below 1`; `None` where nothing is known.
    pub fn words(self) -> Option<String> {
        let Self { low, high, .. } = self;
        Some(match (low.is_finite(), high.is_finite()) {
            _ if low.is_nan() => "NaN".to_owned(),
            _ if low == high => format!("always {low}"),
            (true, true) if self.whole && low == 0.0 && high == 1.0 => "0 or 1".to_owned(),
            (true, true) => format!("never below {low} or above {high}"),
            // What a comparison left ends beside the number that was written.
            (true, false) if shorter(low.next_down(), low) => {
                format!("always above {}", low.next_down())
            }
            (false, true) if shorter(high.next_up(), high) => {
                format!("always below {}", high.next_up())
            }
            (true, false) => format!("never below {low}"),
            (false, true) => format!("never above {high}"),
            (false, false) if self.whole => "a whole number".to_owned(),
            (false, false) => return None,
        })
    }
}

/// Whether the first number takes far fewer digits.
fn shorter(first: f64, second: f64) -> bool {
    first.to_string().len() + 8 < second.to_string().len()
}

/// Whether a comparison between two sides with these values is decided.
pub fn compare(op: BinaryOp, left: Bounds, right: Bounds) -> Outcome {
    if left.is_empty() || right.is_empty() {
        // What gives nothing was told where it was made empty.
        return Outcome::Depends;
    }
    if left.low.is_nan() || right.low.is_nan() {
        // NaN equals nothing, itself included.
        return if op == BinaryOp::NotEqual { Outcome::Always } else { Outcome::Never };
    }
    let apart = left.high < right.low || right.high < left.low || never_meet(left, right);
    let one = left.low == left.high && right.low == right.high && left.low == right.low;
    let (never, always) = match op {
        BinaryOp::Equal => (apart, one),
        BinaryOp::NotEqual => (one && !left.nan && !right.nan, apart),
        BinaryOp::Greater => (left.high <= right.low, left.low > right.high),
        BinaryOp::GreaterEqual => (left.high < right.low, left.low >= right.high),
        BinaryOp::Less => (left.low >= right.high, left.high < right.low),
        BinaryOp::LessEqual => (left.low > right.high, left.high <= right.low),
        _ => (false, false),
    };
    let nan = (left.nan || right.nan) && op != BinaryOp::NotEqual;
    match (never, always) {
        (true, _) => Outcome::Never,
        (_, true) if !nan => Outcome::Always,
        _ => Outcome::Depends,
    }
}

/// Whole numbers never equal a fraction.
fn never_meet(left: Bounds, right: Bounds) -> bool {
    let fraction = |bounds: Bounds| bounds.constant().is_some_and(|value| value.fract() != 0.0);
    left.whole && fraction(right) || right.whole && fraction(left)
}

/// The same comparison with its sides exchanged.
pub fn turned(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        other => other,
    }
}

/// The values that an expression can have.
pub fn of(expr: &Expr) -> Bounds {
    match expr {
        Expr::Number(number) => Bounds::only(number.value),
        Expr::String(_) | Expr::Broken(_) => ANY,
        Expr::Vector(selector) => metric(selector.metric().map(|(name, _)| name)),
        Expr::Matrix(matrix) => metric(matrix.selector.metric().map(|(name, _)| name)),
        Expr::Subquery(subquery) => of(&subquery.expr),
        Expr::Paren(paren) => of(&paren.expr),
        Expr::Unary(unary) if unary.negative => {
            let Bounds { low, high, whole, nan } = of(&unary.expr);
            Bounds { low: -high, high: -low, whole, nan }
        }
        Expr::Unary(unary) => of(&unary.expr),
        Expr::Aggregate(aggregate) => aggregation(aggregate),
        Expr::Call(call) => called(call),
        Expr::Binary(binary) => operation(binary),
    }
}

/// Series that Prometheus makes itself; of all others a name does not tell the values.
fn metric(name: Option<&str>) -> Bounds {
    match name {
        Some("up") => whole(0.0, 1.0),
        Some("ALERTS") => Bounds::only(1.0),
        Some("scrape_duration_seconds") => NOT_NEGATIVE,
        Some(
            "scrape_samples_scraped"
            | "scrape_samples_post_metric_relabeling"
            | "scrape_series_added",
        ) => whole(0.0, f64::INFINITY),
        _ => ANY,
    }
}

/// Sums of at least one value.
fn sum(one: Bounds) -> Bounds {
    let low = if one.low >= 0.0 { one.low } else { f64::NEG_INFINITY };
    let high = if one.high <= 0.0 { one.high } else { f64::INFINITY };
    Bounds { low, high, ..one }
}

fn aggregation(aggregate: &Aggregate) -> Bounds {
    let one = of(&aggregate.expr);
    if one.is_empty() {
        return one;
    }
    let share = aggregate.param.as_deref().map(of).and_then(Bounds::constant);
    match aggregate.op {
        AggregateOp::Sum => sum(one),
        AggregateOp::Count | AggregateOp::CountValues => whole(1.0, f64::INFINITY),
        AggregateOp::Group => Bounds::only(1.0),
        AggregateOp::Stddev | AggregateOp::Stdvar => NOT_NEGATIVE.or_nan(),
        AggregateOp::Avg => one.fractions(),
        AggregateOp::Quantile if share.is_some_and(|q| (0.0..=1.0).contains(&q)) => one.fractions(),
        AggregateOp::Quantile => ANY,
        AggregateOp::Min
        | AggregateOp::Max
        | AggregateOp::Topk
        | AggregateOp::Bottomk
        | AggregateOp::Limitk
        | AggregateOp::LimitRatio => one,
    }
}

fn called(call: &Call) -> Bounds {
    let arg = |index: usize| call.args.get(index).map_or(ANY, of);
    let number = |index: usize| arg(index).constant().filter(|value| !value.is_nan());
    let name = call.function.name;
    // A filter that lets nothing through was told already; these give something for nothing.
    if matches!(name, "absent" | "absent_over_time") {
        return Bounds::only(1.0);
    }
    if call.args.iter().any(|arg| of(arg).is_empty()) {
        return whole(1.0, 0.0);
    }
    match name {
        "present_over_time" => Bounds::only(1.0),
        "count_over_time" => whole(1.0, f64::INFINITY),
        "changes" | "resets" => whole(0.0, f64::INFINITY),
        "rate" | "irate" | "increase" | "time" | "timestamp" | "exp" => NOT_NEGATIVE,
        "stddev_over_time" | "stdvar_over_time" | "mad_over_time" | "sqrt" | "histogram_count"
        | "histogram_stddev" | "histogram_stdvar" => NOT_NEGATIVE.or_nan(),
        "histogram_fraction" => between(0.0, 1.0).or_nan(),
        "sum_over_time" => sum(arg(0)),
        "min_over_time" | "max_over_time" | "last_over_time" | "first_over_time"
        | "label_replace" | "label_join" | "sort" | "sort_desc" | "sort_by_label"
        | "sort_by_label_desc" | "vector" | "info" => arg(0),
        "avg_over_time" => arg(0).fractions(),
        "quantile_over_time" if number(0).is_some_and(|q| (0.0..=1.0).contains(&q)) => {
            arg(1).fractions()
        }
        "scalar" => arg(0).or_nan(),
        "abs" => {
            let Bounds { low, high, whole, nan } = arg(0);
            let least = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
            Bounds { low: least, high: low.abs().max(high.abs()), whole, nan }
        }
        "floor" => {
            Bounds { low: arg(0).low.floor(), high: arg(0).high.floor(), whole: true, ..arg(0) }
        }
        "ceil" => {
            Bounds { low: arg(0).low.ceil(), high: arg(0).high.ceil(), whole: true, ..arg(0) }
        }
        "round" if call.args.len() == 1 => {
            Bounds { low: arg(0).low.floor(), high: arg(0).high.ceil(), whole: true, ..arg(0) }
        }
        "sgn" => whole(-1.0, 1.0).or_nan(),
        "sin" | "cos" | "tanh" => between(-1.0, 1.0).or_nan(),
        "clamp_min" => number(1).map_or(ANY, |least| {
            let Bounds { low, high, nan, .. } = arg(0);
            Bounds { nan, ..between(low.max(least), high.max(least)) }
        }),
        "clamp_max" => number(1).map_or(ANY, |most| {
            let Bounds { low, high, nan, .. } = arg(0);
            Bounds { nan, ..between(low.min(most), high.min(most)) }
        }),
        "clamp" => match (number(1), number(2)) {
            (Some(least), Some(most)) if least <= most => {
                let Bounds { low, high, nan, .. } = arg(0);
                Bounds { nan, ..between(low.clamp(least, most), high.clamp(least, most)) }
            }
            _ => ANY,
        },
        "minute" => whole(0.0, 59.0),
        "hour" => whole(0.0, 23.0),
        "day_of_week" => whole(0.0, 6.0),
        "day_of_month" => whole(1.0, 31.0),
        "day_of_year" => whole(1.0, 366.0),
        "days_in_month" => whole(28.0, 31.0),
        "month" => whole(1.0, 12.0),
        "pi" => Bounds::only(std::f64::consts::PI),
        _ => ANY,
    }
}

fn operation(binary: &Binary) -> Bounds {
    let (left, right) = (of(&binary.lhs), of(&binary.rhs));
    let op = binary.op;
    if op == BinaryOp::Or {
        return left.or(right);
    }
    if left.is_empty() || (right.is_empty() && op != BinaryOp::Unless) {
        return whole(1.0, 0.0);
    }
    if op.is_comparison() {
        if binary.return_bool {
            return match compare(op, left, right) {
                Outcome::Never => Bounds::only(0.0),
                Outcome::Always => Bounds::only(1.0),
                Outcome::Depends => whole(0.0, 1.0),
            };
        }
        let from_right = binary.lhs.value_type() == crate::promql::ValueType::Scalar;
        return if from_right {
            right.filtered(turned(op), left)
        } else {
            left.filtered(op, right)
        };
    }
    let filled = binary
        .matching
        .as_ref()
        .is_some_and(|matching| matching.fill_left.is_some() || matching.fill_right.is_some());
    match op {
        BinaryOp::And | BinaryOp::Unless => left,
        BinaryOp::Atan2 => between(-4.0, 4.0).or_nan(),
        _ if filled => ANY,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => {
            arithmetic(op, left, right)
        }
        BinaryOp::Mod if left.low >= 0.0 => {
            let most = right.low.abs().max(right.high.abs()).min(left.high);
            Bounds { whole: left.whole && right.whole, ..between(0.0, most).or_nan() }
        }
        BinaryOp::Pow => match (left.constant(), right.constant()) {
            (Some(base), Some(power)) => Bounds::only(base.powf(power)),
            _ => ANY,
        },
        _ => ANY,
    }
}

/// Values at the corners: the operators go one way in each operand.
fn arithmetic(op: BinaryOp, left: Bounds, right: Bounds) -> Bounds {
    if let (BinaryOp::Div, None, true) =
        (op, right.constant(), right.low <= 0.0 && right.high >= 0.0)
    {
        return ANY;
    }
    if let (Some(left), Some(right)) = (left.constant(), right.constant()) {
        return Bounds::only(calculate(op, left, right));
    }
    if op == BinaryOp::Div && right.constant() == Some(0.0) || left.is_open() || right.is_open() {
        return ANY;
    }
    let nothing_times_everything = |a: f64, b: f64| {
        op == BinaryOp::Mul && (a == 0.0 && b.is_infinite() || b == 0.0 && a.is_infinite())
    };
    let mut low = f64::INFINITY;
    let mut high = f64::NEG_INFINITY;
    for a in [left.low, left.high] {
        for b in [right.low, right.high] {
            // The infinite end is never reached, and nothing times anything stays nothing.
            let value = if nothing_times_everything(a, b) { 0.0 } else { calculate(op, a, b) };
            if value.is_nan() {
                return ANY;
            }
            low = low.min(value);
            high = high.max(value);
        }
    }
    let whole = op != BinaryOp::Div && left.whole && right.whole;
    Bounds { low, high, whole, nan: left.nan || right.nan }
}

fn calculate(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        _ => a / b,
    }
}

/// Whether there is always at least one element, whatever is stored: `vector(0)`, `x or vector(0)`.
pub fn never_empty(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(paren) => never_empty(&paren.expr),
        Expr::Unary(unary) => never_empty(&unary.expr),
        Expr::Aggregate(aggregate) => {
            let some = !matches!(
                aggregate.op,
                AggregateOp::Topk
                    | AggregateOp::Bottomk
                    | AggregateOp::Limitk
                    | AggregateOp::LimitRatio
            );
            some && never_empty(&aggregate.expr)
        }
        Expr::Subquery(subquery) => never_empty(&subquery.expr),
        Expr::Call(call) => match call.function.name {
            "vector" => true,
            "minute" | "hour" | "day_of_week" | "day_of_month" | "day_of_year"
            | "days_in_month" | "month" | "year"
                if call.args.is_empty() =>
            {
                true
            }
            "abs" | "ceil" | "floor" | "round" | "clamp_min" | "clamp_max" | "sgn" | "sqrt"
            | "label_replace" | "label_join" | "sort" | "sort_desc" => {
                call.args.first().is_some_and(never_empty)
            }
            _ => false,
        },
        Expr::Binary(binary) => match binary.op {
            BinaryOp::Or => never_empty(&binary.lhs) || never_empty(&binary.rhs),
            op if op.is_comparison() && !binary.return_bool => false,
            // With a number on the other side each element stays.
            _ if binary.matching.is_none() => never_empty(&binary.lhs) || never_empty(&binary.rhs),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    #[test]
    fn values_follow_from_what_functions_are() {
        let check = |text: &str, low: f64, high: f64| {
            let found = of(&parse(text).expect(text));
            assert_eq!((found.low, found.high), (low, high), "{text}");
        };
        let inf = f64::INFINITY;
        check("up", 0.0, 1.0);
        check("up * 100", 0.0, 100.0);
        check("1 - avg(up)", 0.0, 1.0);
        check("sum(up)", 0.0, inf);
        check("-sum(up)", -inf, 0.0);
        check("count(x)", 1.0, inf);
        check("count(x) or vector(0)", 0.0, inf);
        check("rate(x[5m]) * 8", 0.0, inf);
        check("sum(rate(x[5m])) / sum(rate(y[5m]))", -inf, inf);
        check("rate(x[5m]) - rate(y[5m])", -inf, inf);
        check("clamp(x, 1, 5) + 2", 3.0, 7.0);
        check("avg_over_time(up[1h])", 0.0, 1.0);
        check("(x > 5) < 9", 5.0_f64.next_up(), 9.0_f64.next_down());
        check("up > bool 1", 0.0, 0.0);
        check("x == bool 1", 0.0, 1.0);
        check("-(2 ^ 3)", -8.0, -8.0);
        check("rate(x[5m]) / -2", -inf, 0.0);
        check("up / 0", -inf, inf);
        check("(5 < x) * 1", 5.0_f64.next_up(), inf);
        check("min_over_time((x > 3)[1h:1m])", 3.0_f64.next_up(), inf);
        check("a + fill(-5) up", -inf, inf);
    }

    #[test]
    fn comparisons_are_decided_only_where_values_say_so() {
        let check = |text: &str, expected: Outcome| {
            let Expr::Binary(binary) = parse(text).expect(text) else { panic!("{text}") };
            assert_eq!(compare(binary.op, of(&binary.lhs), of(&binary.rhs)), expected, "{text}");
        };
        check("up == 2", Outcome::Never);
        check("up == 0.5", Outcome::Never);
        check("up > 1", Outcome::Never);
        check("up >= 0", Outcome::Always);
        check("up == 0", Outcome::Depends);
        check("avg(up) == 0.5", Outcome::Depends);
        check("x == NaN", Outcome::Never);
        check("x != NaN", Outcome::Always);
        check("count(x) == 0", Outcome::Never);
        check("count(x) or vector(0) == 0", Outcome::Depends);
        check("rate(x[5m]) < 0", Outcome::Never);
        check("rate(x[5m]) / rate(y[5m]) >= 0", Outcome::Depends);
        check("x > Inf", Outcome::Never);
        check("x <= Inf", Outcome::Depends);
        check("1 > bool 2", Outcome::Never);
        check("hour() > 23", Outcome::Never);
        check("(x > 5) < 3", Outcome::Never);
        check("(x > 5) < 6", Outcome::Depends);
        check("(up > 0) < 1", Outcome::Never);
        check("2 == up", Outcome::Never);
    }

    #[test]
    fn some_expressions_always_give_something() {
        let check = |text: &str, expected: bool| {
            assert_eq!(never_empty(&parse(text).expect(text)), expected, "{text}");
        };
        check("vector(0)", true);
        check("sum(x or vector(0))", true);
        check("sum(x) or vector(0) > 1", false);
        check("(sum(x) or vector(0)) * 100", true);
        check("x * on () vector(1)", false);
        check("hour() == 5", false);
        check("hour() == bool 5", true);
        check("hour(x)", false);
        check("absent(x)", false);
    }
}
