//! Functions on one number or on one series' window, as the documentation has them.

use super::numbers::{extreme, mean, quantile, variance};

/// Samples of one series; `start` is outside of the window, `end` inside.
pub struct Window<'a> {
    pub points: &'a [(i64, f64)],
    pub start: i64,
    pub end: i64,
    /// When the query is evaluated, which offset and `@` do not move.
    pub time: i64,
}

/// Whether a function's result has no rounding of its own.
pub fn is_exact(name: &str) -> bool {
    matches!(
        name,
        "abs"
            | "ceil"
            | "changes"
            | "clamp"
            | "clamp_max"
            | "clamp_min"
            | "count_over_time"
            | "day_of_month"
            | "day_of_week"
            | "day_of_year"
            | "days_in_month"
            | "first_over_time"
            | "floor"
            | "hour"
            | "idelta"
            | "last_over_time"
            | "max_over_time"
            | "min_over_time"
            | "minute"
            | "month"
            | "present_over_time"
            | "resets"
            | "sgn"
            | "year"
    ) || name.starts_with("ts_of_")
}

/// A function of one number; `None` drops the element.
pub fn map(name: &str, value: f64, rest: &[f64]) -> Option<f64> {
    let lower = |value: f64, bound: f64| {
        if value.is_nan() || bound.is_nan() { f64::NAN } else { value.max(bound) }
    };
    let upper = |value: f64, bound: f64| {
        if value.is_nan() || bound.is_nan() { f64::NAN } else { value.min(bound) }
    };
    Some(match name {
        "abs" => value.abs(),
        "ceil" => value.ceil(),
        "floor" => value.floor(),
        "exp" => value.exp(),
        "ln" => value.ln(),
        "log2" => value.log2(),
        "log10" => value.log10(),
        "sqrt" => value.sqrt(),
        "sgn" if value == 0.0 || value.is_nan() => value,
        "sgn" => value.signum(),
        "sin" => value.sin(),
        "cos" => value.cos(),
        "tan" => value.tan(),
        "asin" => value.asin(),
        "acos" => value.acos(),
        "atan" => value.atan(),
        "sinh" => value.sinh(),
        "cosh" => value.cosh(),
        "tanh" => value.tanh(),
        "asinh" => value.asinh(),
        "acosh" => value.acosh(),
        "atanh" => value.atanh(),
        "deg" => value * 180.0 / std::f64::consts::PI,
        "rad" => value * std::f64::consts::PI / 180.0,
        "round" => {
            let inverse = 1.0 / rest.first().copied().unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        }
        "clamp" if rest[0] > rest[1] => return None,
        "clamp" => lower(upper(value, rest[1]), rest[0]),
        "clamp_min" => lower(value, rest[0]),
        "clamp_max" => upper(value, rest[0]),
        _ => calendar(name, value),
    })
}

/// Whether no date of the calendar is meant: what Go makes of it depends on the processor.
pub fn is_no_date(name: &str, value: f64) -> bool {
    const DATES: &[&str] = &[
        "minute",
        "hour",
        "day_of_week",
        "day_of_month",
        "day_of_year",
        "days_in_month",
        "month",
        "year",
    ];
    DATES.contains(&name) && (value.is_nan() || value.abs() >= 1e11)
}

fn calendar(name: &str, value: f64) -> f64 {
    let stamp = jiff::Timestamp::from_second(value as i64).expect("generated times are near");
    let date = stamp.to_zoned(jiff::tz::TimeZone::UTC);
    match name {
        "minute" => f64::from(date.minute()),
        "hour" => f64::from(date.hour()),
        "day_of_week" => f64::from(date.weekday().to_sunday_zero_offset()),
        "day_of_month" => f64::from(date.day()),
        "day_of_year" => f64::from(date.day_of_year()),
        "days_in_month" => f64::from(date.days_in_month()),
        "month" => f64::from(date.month()),
        "year" => f64::from(date.year()),
        _ => unreachable!("{name} is never generated"),
    }
}

/// A function of one window; `None` where there are too few samples.
pub fn over_time(name: &str, window: &Window<'_>, numbers: &[f64]) -> Option<f64> {
    let points = window.points;
    let values: Vec<f64> = points.iter().map(|point| point.1).collect();
    let (&(first_time, first), &(last_time, last)) = (points.first()?, points.last()?);
    let seconds = |time: i64| time as f64 / 1000.0;
    Some(match name {
        "count_over_time" => values.len() as f64,
        "present_over_time" => 1.0,
        "sum_over_time" => values.iter().sum(),
        "avg_over_time" => mean(&values),
        "min_over_time" => extreme(false, &values),
        "max_over_time" => extreme(true, &values),
        "stdvar_over_time" => variance(&values),
        "stddev_over_time" => variance(&values).sqrt(),
        "quantile_over_time" => quantile(numbers[0], &values),
        "mad_over_time" if values.iter().any(|value| value.is_nan()) => f64::NAN,
        "mad_over_time" => {
            let middle = quantile(0.5, &values);
            let distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
            quantile(0.5, &distances)
        }
        "first_over_time" => first,
        "last_over_time" => last,
        "ts_of_first_over_time" => seconds(first_time),
        "ts_of_last_over_time" => seconds(last_time),
        "ts_of_max_over_time" | "ts_of_min_over_time" => {
            let best = extreme(name == "ts_of_max_over_time", &values);
            let is_best = |p: &&(i64, f64)| p.1 == best || best.is_nan();
            seconds(points.iter().rfind(is_best)?.0)
        }
        "changes" => values
            .windows(2)
            .filter(|pair| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan()))
            .count() as f64,
        "resets" => values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64,
        "irate" | "idelta" => {
            let [.., before, after] = points else { return None };
            if name == "idelta" {
                return Some(after.1 - before.1);
            }
            let gained = if after.1 < before.1 { after.1 } else { after.1 - before.1 };
            gained / seconds(after.0 - before.0)
        }
        "rate" | "increase" | "delta" => extrapolated(name, window)?,
        "deriv" if points.len() > 1 => line(points, first_time).0,
        "predict_linear" if points.len() > 1 => {
            let (slope, now) = line(points, window.time);
            slope * numbers[0] + now
        }
        "deriv" | "predict_linear" => return None,
        _ => unreachable!("{name} is never generated"),
    })
}

/// The change between the first and the last sample, carried on to the edges of the window: half an
/// average distance at most where the edge is far, and never below zero for counters.
fn extrapolated(name: &str, window: &Window<'_>) -> Option<f64> {
    let points = window.points;
    if points.len() < 2 {
        return None;
    }
    let ((first_time, first), (last_time, last)) = (points[0], points[points.len() - 1]);
    let counter = name != "delta";
    let mut change = last - first;
    if counter {
        let resets = points.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        change += resets.map(|pair| pair[0].1).sum::<f64>();
    }
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let sampled = seconds(last_time - first_time);
    let average = sampled / (points.len() - 1) as f64;
    let mut before = seconds(first_time - window.start);
    let mut after = seconds(window.end - last_time);
    if before >= average * 1.1 {
        before = average / 2.0;
    }
    if counter && change > 0.0 && first >= 0.0 {
        before = before.min(sampled * (first / change));
    }
    if after >= average * 1.1 {
        after = average / 2.0;
    }
    let whole = change * ((sampled + before + after) / sampled);
    Some(if name == "rate" { whole / seconds(window.end - window.start) } else { whole })
}

/// Least squares: the slope in seconds, and the value at `origin`.
fn line(points: &[(i64, f64)], origin: i64) -> (f64, f64) {
    let first = points[0].1;
    if points.iter().all(|point| point.1 == first) {
        return if first.is_finite() { (0.0, first) } else { (f64::NAN, f64::NAN) };
    }
    let n = points.len() as f64;
    let (mut x, mut y, mut xy, mut xx) = (0.0, 0.0, 0.0, 0.0);
    for &(time, value) in points {
        let time = (time - origin) as f64 / 1000.0;
        x += time;
        y += value;
        xy += time * value;
        xx += time * time;
    }
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// The quantile of a classic histogram: bounds and cumulative counts.
pub fn histogram_quantile(q: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(last_bound, _)) = buckets.last() else { return f64::NAN };
    if last_bound != f64::INFINITY || buckets.len() < 2 {
        return f64::NAN;
    }
    // Counts that fall are raised to the highest before them.
    let mut highest = f64::NEG_INFINITY;
    for bucket in &mut buckets {
        highest = highest.max(bucket.1);
        bucket.1 = highest;
    }
    let total = buckets[buckets.len() - 1].1;
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = q * total;
    let finite = &buckets[..buckets.len() - 1];
    let Some(at) = finite.iter().position(|bucket| bucket.1 >= rank) else {
        return finite[finite.len() - 1].0;
    };
    let (upper, count) = finite[at];
    if at == 0 && upper <= 0.0 {
        return upper;
    }
    let (lower, below) = if at == 0 { (0.0, 0.0) } else { finite[at - 1] };
    lower + (upper - lower) * ((rank - below) / (count - below))
}
