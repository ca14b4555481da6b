//! What functions, aggregations and words of PromQL do, in one line each.

use crate::promql::ast::AggregateOp;
use crate::promql::{Arity, Function, ValueType};

/// A function by its name: its signature, and what it gives.
pub fn describe(name: &str) -> Option<(String, &'static str)> {
    let find = |rows: &'static [(&str, &'static str)]| {
        rows.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    };
    if let Some(function) = Function::find(name) {
        return Some((signature(function), find(FUNCTIONS)?));
    }
    let lower = name.to_ascii_lowercase();
    if let Some(op) = AggregateOp::ALL.iter().find(|op| op.as_str() == lower) {
        let param = match op.param_type() {
            Some(kind) => format!("{}, ", word(kind)),
            None => String::new(),
        };
        let signature = format!("{name} by (labels) ({param}vector) → vector");
        return Some((signature, AGGREGATIONS.iter().find(|(known, _)| *known == lower)?.1));
    }
    Some((name.to_owned(), WORDS.iter().find(|(known, _)| *known == lower)?.1))
}

/// Words that stand between operands.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

/// `rate(range vector) → vector`.
fn signature(function: &Function) -> String {
    let least = match function.arity {
        Arity::Exact => function.arg_types.len(),
        Arity::Between { min, .. } | Arity::AtLeast(min) => min,
    };
    let mut arguments: Vec<String> = (0..least.max(function.arg_types.len()))
        .filter_map(|index| {
            let kind = word(function.arg_type(index)?);
            Some(if index < least { kind.to_owned() } else { format!("[{kind}]") })
        })
        .collect();
    if function.max_args().is_none_or(|most| most > arguments.len()) {
        arguments.push("…".to_owned());
    }
    let experimental = if function.experimental { " (experimental)" } else { "" };
    let Function { name, return_type, .. } = function;
    format!("{name}({}) → {}{experimental}", arguments.join(", "), word(*return_type))
}

fn word(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "number",
        ValueType::Vector => "vector",
        ValueType::Matrix => "range vector",
        ValueType::String => "text",
    }
}

const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "the value without its sign"),
    ("absent", "1 if there is no series, nothing otherwise"),
    ("absent_over_time", "1 if no series has a sample in the window, nothing otherwise"),
    ("acos", "arc cosine, in radians"),
    ("acosh", "inverse hyperbolic cosine"),
    ("asin", "arc sine, in radians"),
    ("asinh", "inverse hyperbolic sine"),
    ("atan", "arc tangent, in radians"),
    ("atanh", "inverse hyperbolic tangent"),
    ("avg_over_time", "mean of all samples in the window"),
    ("ceil", "rounded up to a whole number"),
    ("changes", "how often the value changed in the window"),
    ("clamp", "the value, at least the second and at most the third argument"),
    ("clamp_max", "the value, at most the second argument"),
    ("clamp_min", "the value, at least the second argument"),
    ("cos", "cosine of radians"),
    ("cosh", "hyperbolic cosine"),
    ("count_over_time", "how many samples the window holds"),
    ("day_of_month", "day of the month, 1 to 31, of a Unix time; of now without an argument"),
    ("day_of_week", "day of the week, 0 (Sunday) to 6, of a Unix time; of now without an argument"),
    ("day_of_year", "day of the year, 1 to 366, of a Unix time; of now without an argument"),
    (
        "days_in_month",
        "length of the month, 28 to 31 days, of a Unix time; of now without an argument",
    ),
    ("deg", "radians as degrees"),
    ("delta", "how much a gauge changed over the window, extended to its edges"),
    ("deriv", "slope per second of a gauge, by linear regression over the window"),
    (
        "double_exponential_smoothing",
        "a gauge smoothed over the window; the factors for level and trend lie between 0 and 1",
    ),
    ("end", "end of the query's range, in Unix time"),
    ("exp", "e to the power of the value"),
    ("first_over_time", "the oldest sample of the window"),
    ("floor", "rounded down to a whole number"),
    ("histogram_avg", "mean of what a native histogram observed"),
    ("histogram_count", "number of observations of a native histogram"),
    ("histogram_fraction", "part of the observations between two bounds, 0 to 1"),
    (
        "histogram_quantile",
        "the value below which this part (0 to 1) of the observations lies; classic histograms need their `le`",
    ),
    (
        "histogram_quantiles",
        "several quantiles at once, told apart by the label that the second argument names",
    ),
    ("histogram_stddev", "estimated standard deviation of a native histogram's observations"),
    ("histogram_stdvar", "estimated variance of a native histogram's observations"),
    ("histogram_sum", "sum of the observations of a native histogram"),
    ("hour", "hour of the day, 0 to 23 in UTC, of a Unix time; of now without an argument"),
    ("idelta", "difference of the two newest samples of a gauge in the window"),
    ("increase", "how much a counter grew over the window, resets counted, extended to its edges"),
    ("info", "adds the labels of matching info series, `target_info` unless said otherwise"),
    ("irate", "growth per second between the two newest samples of a counter in the window"),
    ("label_join", "sets a label to the values of others, joined by the third argument"),
    ("label_replace", "sets a label from another one: target, replacement, source, pattern"),
    ("last_over_time", "the newest sample of the window"),
    ("ln", "natural logarithm"),
    ("log10", "logarithm to base 10"),
    ("log2", "logarithm to base 2"),
    ("mad_over_time", "median of the absolute distances from the median, over the window"),
    ("max_of", "the greater of two numbers"),
    ("max_over_time", "the greatest sample of the window"),
    ("min_of", "the smaller of two numbers"),
    ("min_over_time", "the smallest sample of the window"),
    ("minute", "minute of the hour, 0 to 59, of a Unix time; of now without an argument"),
    ("month", "month, 1 to 12, of a Unix time; of now without an argument"),
    ("pi", "the number π"),
    (
        "predict_linear",
        "the value of a gauge so many seconds from now, by linear regression over the window",
    ),
    ("present_over_time", "1 for each series with a sample in the window"),
    ("quantile_over_time", "the value below which this part (0 to 1) of the window's samples lies"),
    ("rad", "degrees as radians"),
    ("range", "length of the query's range, in seconds"),
    (
        "rate",
        "growth per second of a counter over the window, resets counted; the window should hold four scrapes",
    ),
    ("resets", "how often a counter began anew in the window"),
    ("round", "rounded to the nearest multiple of the second argument, 1 unless said otherwise"),
    ("scalar", "the value of the only series as a number; NaN when there is not exactly one"),
    ("sgn", "-1, 0 or 1: the sign of the value"),
    ("sin", "sine of radians"),
    ("sinh", "hyperbolic sine"),
    ("sort", "series in the order of their values, smallest first"),
    ("sort_by_label", "series in the order of their labels' values"),
    ("sort_by_label_desc", "series in the reverse order of their labels' values"),
    ("sort_desc", "series in the order of their values, greatest first"),
    ("sqrt", "square root"),
    ("start", "start of the query's range, in Unix time"),
    ("start_timestamp", "when the counting of each sample began, in Unix time"),
    ("stddev_over_time", "standard deviation of the window's samples"),
    ("stdvar_over_time", "variance of the window's samples"),
    ("step", "distance of two evaluations of the query, in seconds"),
    ("sum_over_time", "sum of the window's samples"),
    ("tan", "tangent of radians"),
    ("tanh", "hyperbolic tangent"),
    ("time", "the moment of evaluation, in Unix time"),
    ("timestamp", "when each sample was taken, in Unix time"),
    ("ts_of_first_over_time", "when the oldest sample of the window was taken"),
    ("ts_of_last_over_time", "when the newest sample of the window was taken"),
    (
        "ts_of_max_over_time",
        "when the greatest sample of the window was taken, the last of several",
    ),
    (
        "ts_of_min_over_time",
        "when the smallest sample of the window was taken, the last of several",
    ),
    ("vector", "a number as a series without labels"),
    ("year", "year of a Unix time; of now without an argument"),
];

const AGGREGATIONS: &[(&str, &str)] = &[
    ("avg", "mean of a group"),
    ("bottomk", "the k series with the smallest values of a group"),
    ("count", "number of series of a group"),
    ("count_values", "number of series for each value, which becomes a label"),
    ("group", "1 for each group"),
    ("limit_ratio", "a part of a group's series, chosen by their labels"),
    ("limitk", "any k series of a group"),
    ("max", "greatest value of a group"),
    ("min", "smallest value of a group"),
    ("quantile", "the value below which this part (0 to 1) of a group lies"),
    ("stddev", "standard deviation of a group"),
    ("stdvar", "variance of a group"),
    ("sum", "sum of a group"),
    ("topk", "the k series with the greatest values of a group"),
];

const WORDS: &[(&str, &str)] = &[
    ("anchored", "the window ends exactly at its edges, with the samples before them"),
    ("and", "series of the left side that have a partner on the right"),
    ("atan2", "arc tangent of two sides, with its quadrant"),
    ("bool", "the comparison gives 0 or 1 and drops nothing"),
    ("by", "the labels that make the groups; all others are dropped"),
    ("fill", "the value for partners that are missing"),
    ("fill_left", "the value for partners that are missing on the left"),
    ("fill_right", "the value for partners that are missing on the right"),
    (
        "group_left",
        "several series of the left side may meet one of the right, whose labels named here are taken over",
    ),
    (
        "group_right",
        "several series of the right side may meet one of the left, whose labels named here are taken over",
    ),
    ("ignoring", "the labels that do not count when the two sides are paired"),
    ("offset", "looks that far into the past"),
    ("on", "the labels by which the two sides are paired"),
    ("or", "all series of the left side, and those of the right that have no partner"),
    ("smoothed", "the window ends exactly at its edges, with values interpolated there"),
    ("unless", "series of the left side that have no partner on the right"),
    ("without", "the labels to drop; all others make the groups"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_described() {
        for function in crate::promql::FUNCTIONS {
            let (signature, text) = describe(function.name).expect(function.name);
            assert!(signature.starts_with(function.name) && !text.is_empty());
        }
        assert!(AggregateOp::ALL.iter().all(|op| describe(op.as_str()).is_some()));
        assert_eq!(FUNCTIONS.len(), crate::promql::FUNCTIONS.len());
        assert_eq!(describe("nothing"), None);
    }

    #[test]
    fn a_signature_shows_what_may_be_left_out() {
        let signature = |name| describe(name).map(|(signature, _)| signature);
        assert_eq!(signature("rate").as_deref(), Some("rate(range vector) → vector"));
        assert_eq!(signature("round").as_deref(), Some("round(vector, [number]) → vector"));
        assert_eq!(signature("hour").as_deref(), Some("hour([vector]) → vector"));
        assert_eq!(
            signature("topk").as_deref(),
            Some("topk by (labels) (number, vector) → vector")
        );
    }
}
