//! An answer in the form in which it is judged, from the engine itself or from the API.

use serde_json::Value as Json;
use stackctl::model::{Histogram, Labels, is_stale};
use stackctl::promql::{Answer, Value};

/// A query's answer.
pub struct Given {
    pub value: GivenValue,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

/// What it comes to; times in milliseconds.
pub enum GivenValue {
    Scalar(f64),
    String(String),
    Vector(Vec<Element>),
    Matrix(Vec<Row>),
}

/// One element of a vector: labels, and a float or a histogram.
pub type Element = (Labels, f64, Option<Shown>);

/// One series of a matrix.
pub struct Row {
    pub labels: Labels,
    pub floats: Vec<(i64, f64)>,
    pub histograms: Vec<(i64, Shown)>,
}

/// A histogram as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    count: f64,
    sum: f64,
    /// Rule, lower and upper bound, count; only populated ones.
    buckets: Vec<(u8, f64, f64, f64)>,
}

impl From<&Histogram> for Shown {
    fn from(histogram: &Histogram) -> Self {
        Self { count: histogram.count, sum: histogram.sum, buckets: json_buckets(histogram) }
    }
}

impl From<&Answer> for Given {
    fn from(answer: &Answer) -> Self {
        let value = match &answer.value {
            Value::Scalar(_, value) => GivenValue::Scalar(*value),
            Value::String(_, text) => GivenValue::String(text.clone()),
            Value::Vector(samples) => {
                let element = |s: &stackctl::promql::VectorSample| {
                    let histogram = s.histogram.as_deref().map(Shown::from);
                    (s.labels.to_labels(&answer.symbols), s.value, histogram)
                };
                GivenValue::Vector(samples.iter().map(element).collect())
            }
            Value::Matrix(series) => {
                let row = |one: &stackctl::promql::MatrixSeries| Row {
                    labels: one.labels.to_labels(&answer.symbols),
                    floats: one.times.iter().copied().zip(one.values.iter().copied()).collect(),
                    histograms: one
                        .histograms
                        .iter()
                        .map(|(t, h)| (*t, Shown::from(&**h)))
                        .collect(),
                };
                GivenValue::Matrix(series.iter().map(row).collect())
            }
        };
        Self { value, warnings: answer.warnings.clone(), infos: answer.infos.clone() }
    }
}

impl Given {
    /// From the JSON of the API; its error in the words of the engine.
    pub fn read(answer: &Json) -> Result<Self, String> {
        if answer["status"] != "success" {
            let message = answer["error"].as_str().unwrap_or_default();
            return Err(message.trim_start_matches("invalid parameter \"query\": ").to_owned());
        }
        let result = &answer["data"]["result"];
        let value = match answer["data"]["resultType"].as_str() {
            Some("scalar") => GivenValue::Scalar(float(&result[1])),
            Some("string") => GivenValue::String(result[1].as_str().unwrap_or_default().to_owned()),
            Some("vector") => GivenValue::Vector(items(result).iter().map(element).collect()),
            Some("matrix") => GivenValue::Matrix(items(result).iter().map(row).collect()),
            other => return Err(format!("a result of type {other:?}")),
        };
        Ok(Self { value, warnings: notes(&answer["warnings"]), infos: notes(&answer["infos"]) })
    }
}

fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn notes(list: &Json) -> Vec<String> {
    items(list).iter().map(|note| note.as_str().unwrap_or_default().to_owned()).collect()
}

fn float(text: &Json) -> f64 {
    match text.as_str().unwrap_or_default() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}")),
    }
}

fn time(seconds: &Json) -> i64 {
    (seconds.as_f64().expect("a time") * 1000.0).round() as i64
}

fn labels(metric: &Json) -> Labels {
    let metric = metric.as_object().expect("labels");
    Labels::from_pairs(
        metric.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))),
    )
}

fn shown(histogram: &Json) -> Shown {
    let bucket = |bucket: &Json| {
        let rule = bucket[0].as_u64().expect("a rule") as u8;
        (rule, float(&bucket[1]), float(&bucket[2]), float(&bucket[3]))
    };
    Shown {
        count: float(&histogram["count"]),
        sum: float(&histogram["sum"]),
        buckets: items(&histogram["buckets"]).iter().map(bucket).collect(),
    }
}

fn element(element: &Json) -> Element {
    let labels = labels(&element["metric"]);
    match element.get("histogram") {
        Some(histogram) => (labels, 0.0, Some(shown(&histogram[1]))),
        None => (labels, float(&element["value"][1]), None),
    }
}

fn row(row: &Json) -> Row {
    let floats = items(&row["values"]).iter().map(|pair| (time(&pair[0]), float(&pair[1])));
    let histograms = items(&row["histograms"]).iter().map(|pair| (time(&pair[0]), shown(&pair[1])));
    Row {
        labels: labels(&row["metric"]),
        floats: floats.collect(),
        histograms: histograms.collect(),
    }
}

pub fn almost_equal(a: f64, b: f64) -> bool {
    const EPSILON: f64 = 1e-6;
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    if a.is_infinite() || b.is_infinite() {
        return false;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Buckets as the API shows them: rule, lower and upper bound, count; only populated ones.
fn json_buckets(histogram: &Histogram) -> Vec<(u8, f64, f64, f64)> {
    let bound = |index: i32| {
        if histogram.schema == Histogram::CUSTOM {
            return match usize::try_from(index) {
                Err(_) => f64::NEG_INFINITY,
                Ok(index) => histogram.custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            };
        }
        let exponent = f64::from(index) * f64::from(-i32::from(histogram.schema)).exp2();
        if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
    };
    let indexed = |spans: &[stackctl::model::BucketSpan], counts: &[f64]| {
        let mut index = 0;
        let mut buckets = Vec::new();
        let mut counts = counts.iter();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                buckets.push((index, *counts.next().expect("a count per bucket")));
                index += 1;
            }
        }
        buckets
    };
    let zero = histogram.zero_threshold;
    let mut buckets = Vec::new();
    for (index, count) in indexed(&histogram.negative_spans, &histogram.negative).into_iter().rev()
    {
        let (lower, mut upper) = (-bound(index), -bound(index - 1));
        if -zero < upper && upper < 0.0 {
            upper = -zero;
        }
        buckets.push((1, lower, upper, count));
    }
    if histogram.zero_count > 0.0 {
        buckets.push((3, -zero, zero, histogram.zero_count));
    }
    for (index, count) in indexed(&histogram.positive_spans, &histogram.positive) {
        let (mut lower, upper) = (bound(index - 1), bound(index));
        let custom = histogram.schema == Histogram::CUSTOM;
        if !custom && 0.0 < lower && lower < zero {
            lower = zero;
        }
        buckets.push((if custom && index == 0 { 3 } else { 0 }, lower, upper, count));
    }
    buckets.retain(|bucket| bucket.3 != 0.0);
    buckets
}

pub fn same_histogram(expected: &Histogram, found: &Shown) -> Result<(), String> {
    let expected = Shown::from(expected);
    for (what, a, b) in [("count", expected.count, found.count), ("sum", expected.sum, found.sum)] {
        if !almost_equal(a, b) {
            return Err(format!("{what} {b}, expected {a}"));
        }
    }
    let (a, b) = (&expected.buckets, &found.buckets);
    let same = a.len() == b.len()
        && a.iter().zip(b).all(|(x, y)| {
            x.0 == y.0 && almost_equal(x.1, y.1) && almost_equal(x.2, y.2) && almost_equal(x.3, y.3)
        });
    if same { Ok(()) } else { Err(format!("buckets {b:?}, expected {a:?}")) }
}
