//! Answers of queries as JSON, written straight from columns and symbols. Prometheus' number format:
//! values are strings of the shortest digits, times are seconds with milliseconds if there are any.

use std::io::Write;

use hashbrown::HashMap;

use crate::model::{Histogram, Timestamp};
use crate::promql::{MatrixSeries, Value, VectorSample};
use crate::storage::{LabelSet, QuerySymbols, Symbol};

/// Appends `{"resultType":…,"result":…}`.
pub fn write_value(out: &mut Vec<u8>, value: &Value, symbols: &QuerySymbols) {
    out.extend_from_slice(b"\"resultType\":\"");
    out.extend_from_slice(value.type_name().as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    let mut labels = LabelWriter::new(symbols);
    match value {
        Value::Scalar(time, value) => write_point(out, *time, *value),
        Value::String(time, text) => {
            out.push(b'[');
            write_time(out, *time);
            out.push(b',');
            write_string(out, text);
            out.push(b']');
        }
        Value::Vector(samples) => {
            // A guess that saves most of the regrowing: labels of 150 bytes, one point.
            out.reserve(samples.len() * 190);
            list(out, samples, |out, sample| write_sample(out, sample, &mut labels));
        }
        Value::Matrix(series) => {
            let points: usize = series.iter().map(|series| series.values.len()).sum();
            out.reserve(series.len() * 160 + points * 24);
            list(out, series, |out, series| write_series(out, series, &mut labels));
        }
    }
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn write_sample(out: &mut Vec<u8>, sample: &VectorSample, labels: &mut LabelWriter<'_>) {
    out.extend_from_slice(b"{\"metric\":");
    labels.write(out, &sample.labels);
    match &sample.histogram {
        None => {
            out.extend_from_slice(b",\"value\":");
            write_point(out, sample.time, sample.value);
        }
        Some(histogram) => {
            out.extend_from_slice(b",\"histogram\":");
            write_histogram_point(out, sample.time, histogram);
        }
    }
    out.push(b'}');
}

fn write_series(out: &mut Vec<u8>, series: &MatrixSeries, labels: &mut LabelWriter<'_>) {
    let MatrixSeries { labels: set, times, values, histograms } = series;
    out.extend_from_slice(b"{\"metric\":");
    labels.write(out, set);
    if !times.is_empty() || histograms.is_empty() {
        out.extend_from_slice(b",\"values\":[");
        for (index, (time, value)) in times.iter().zip(values).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_point(out, *time, *value);
        }
        out.push(b']');
    }
    if !histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":");
        list(out, histograms, |out, (time, histogram)| {
            write_histogram_point(out, *time, histogram);
        });
    }
    out.push(b'}');
}

/// Appends `[<time>,"<value>"]`.
pub fn write_point(out: &mut Vec<u8>, time: Timestamp, value: f64) {
    out.push(b'[');
    write_time(out, time);
    out.extend_from_slice(b",\"");
    write_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// Appends milliseconds as seconds: `1435781451.781`, `1.500`, `-3`.
pub fn write_time(out: &mut Vec<u8>, time: Timestamp) {
    if time < 0 {
        out.push(b'-');
    }
    let milliseconds = time.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(milliseconds / 1000).as_bytes());
    let rest = milliseconds % 1000;
    if rest != 0 {
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
        out.push(b'.');
        out.extend_from_slice(&digits);
    }
}

/// Appends the shortest digits that round-trip; an exponent only below 1e-6 and from 1e21.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    // Most samples are counts: whole numbers below 2^53 are exact.
    if value.abs() < 9_007_199_254_740_992.0 && value == value.trunc() {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        return;
    }
    let size = value.abs();
    if (1e-5..1e15).contains(&size) {
        // Within these bounds ryu writes no exponent, and the value is no whole number.
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if (1e-6..1e21).contains(&size) {
        write!(out, "{value}").expect("writing to a vector");
    } else {
        write_scientific(out, value);
    }
}

/// Appends a float as Go's `%e` with the shortest digits: `1e+00`, `2.5e-07`, `+Inf`.
pub fn write_scientific(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        write_float(out, value);
        return;
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{digits}e{sign}{exponent:0>2}").expect("writing to a vector");
}

/// Appends a quoted string with JSON's escapes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[done..index]);
        done = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => write!(out, "\\u{control:04x}").expect("writing to a vector"),
        }
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

/// Writes label sets as objects; each distinct pair is resolved and escaped once per answer.
pub struct LabelWriter<'a> {
    symbols: &'a QuerySymbols,
    /// Where the escaped `"name":"value"` of a pair stands in `text`.
    known: HashMap<(Symbol, Symbol), (u32, u32)>,
    text: Vec<u8>,
}

impl<'a> LabelWriter<'a> {
    /// A writer without any pair yet.
    pub fn new(symbols: &'a QuerySymbols) -> Self {
        Self { symbols, known: HashMap::new(), text: Vec::new() }
    }

    /// Appends `{"name":"value",…}`.
    pub fn write(&mut self, out: &mut Vec<u8>, labels: &LabelSet) {
        out.push(b'{');
        for (index, &pair) in labels.pairs().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let (start, end) = *self.known.entry(pair).or_insert_with(|| {
                let start = self.text.len() as u32;
                write_string(&mut self.text, self.symbols.resolve(pair.0));
                self.text.push(b':');
                write_string(&mut self.text, self.symbols.resolve(pair.1));
                (start, self.text.len() as u32)
            });
            out.extend_from_slice(&self.text[start as usize..end as usize]);
        }
        out.push(b'}');
    }
}

fn write_histogram_point(out: &mut Vec<u8>, time: Timestamp, histogram: &Histogram) {
    out.push(b'[');
    write_time(out, time);
    out.push(b',');
    write_histogram(out, histogram);
    out.push(b']');
}

/// Appends `{"count":"…","sum":"…","buckets":[[rule,"lower","upper","count"],…]}` with the populated
/// buckets only, ascending. The rule says which bounds belong to the bucket: 0 the upper, 1 the lower,
/// 2 none, 3 both.
pub fn write_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.extend_from_slice(b"{\"count\":\"");
    write_float(out, histogram.count);
    out.extend_from_slice(b"\",\"sum\":\"");
    write_float(out, histogram.sum);
    out.push(b'"');
    let buckets = populated_buckets(histogram);
    if !buckets.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        list(out, &buckets, |out, bucket| {
            let Bucket { rule, lower, upper, count } = bucket;
            out.push(b'[');
            out.push(b'0' + rule);
            for number in [lower, upper, count] {
                out.extend_from_slice(b",\"");
                write_float(out, *number);
                out.push(b'"');
            }
            out.push(b']');
        });
    }
    out.push(b'}');
}

struct Bucket {
    rule: u8,
    lower: f64,
    upper: f64,
    count: f64,
}

fn populated_buckets(histogram: &Histogram) -> Vec<Bucket> {
    let mut buckets = Vec::with_capacity(histogram.positive.len() + histogram.negative.len() + 1);
    let zero = histogram.zero_threshold;
    for (index, count) in indexed(&histogram.negative_spans, &histogram.negative) {
        let (lower, upper) = bounds(histogram, index);
        // The zero bucket may reach into the first buckets beside it.
        buckets.push(Bucket { rule: 1, lower: -upper, upper: -lower.max(zero), count });
    }
    buckets.reverse();
    // A difference may have fewer than none there; Prometheus does not show it then.
    if histogram.zero_count > 0.0 {
        let count = histogram.zero_count;
        buckets.push(Bucket { rule: 3, lower: -zero, upper: zero, count });
    }
    for (index, count) in indexed(&histogram.positive_spans, &histogram.positive) {
        let (lower, upper) = bounds(histogram, index);
        if histogram.schema == Histogram::CUSTOM {
            let rule = if index == 0 { 3 } else { 0 };
            buckets.push(Bucket { rule, lower, upper, count });
        } else {
            buckets.push(Bucket { rule: 0, lower: lower.max(zero), upper, count });
        }
    }
    buckets.retain(|bucket| bucket.count != 0.0);
    buckets
}

fn indexed<'a>(
    spans: &'a [crate::model::BucketSpan],
    counts: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0_i32;
    let indices = spans.iter().flat_map(move |span| {
        let first = next.saturating_add(span.offset);
        next = first.saturating_add(span.length.min(i32::MAX as u32) as i32);
        first..next
    });
    indices.zip(counts.iter().copied())
}

fn bounds(histogram: &Histogram, index: i32) -> (f64, f64) {
    if histogram.schema != Histogram::CUSTOM {
        return (
            exponential_bound(histogram.schema, index.saturating_sub(1)),
            exponential_bound(histogram.schema, index),
        );
    }
    let bound = |index: i32| usize::try_from(index).ok().map(|i| histogram.custom_values.get(i));
    let lower =
        bound(index.saturating_sub(1)).map_or(f64::NEG_INFINITY, |b| *b.unwrap_or(&f64::INFINITY));
    let upper = bound(index).map_or(f64::NEG_INFINITY, |b| *b.unwrap_or(&f64::INFINITY));
    (lower, upper)
}

/// Upper bound of an exponential bucket: 2^(index · 2^−schema).
fn exponential_bound(schema: i8, index: i32) -> f64 {
    if schema <= 0 {
        let power = i64::from(index) << u32::from(schema.unsigned_abs()).min(16);
        return match power {
            // The last bucket ends at the largest float, not at infinity.
            1024 => f64::MAX,
            power => 2f64.powi(power.clamp(-1100, 1100) as i32),
        };
    }
    let parts = 1_i32 << u32::from(schema.unsigned_abs()).min(16);
    let (whole, part) = (index.div_euclid(parts), index.rem_euclid(parts));
    if whole == 1024 && part == 0 {
        return f64::MAX;
    }
    // The fraction first: the whole part is an exact power of two.
    2f64.powf(f64::from(part) / f64::from(parts)) * 2f64.powi(whole)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{BucketSpan, Labels};
    use crate::storage::Symbols;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_have_an_exponent_only_at_the_far_ends() {
        let check = |value: f64, expected: &str| {
            assert_eq!(text(|out| write_float(out, value)), expected);
        };
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-17.0, "-17");
        check(0.1, "0.1");
        check(123_456.789, "123456.789");
        check(1e-6, "0.000001");
        check(1.5e-6, "0.0000015");
        check(9.99e-7, "9.99e-07");
        check(1e-300, "1e-300");
        check(1e15, "1000000000000000");
        check(9_007_199_254_740_993.0, "9007199254740992");
        check(1.234e20, "123400000000000000000");
        check(1e21, "1e+21");
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(0.1 + 0.2, "0.30000000000000004");
    }

    #[test]
    fn the_value_of_an_alert_always_has_an_exponent() {
        let check = |value: f64, expected: &str| {
            assert_eq!(text(|out| write_scientific(out, value)), expected);
        };
        check(0.0, "0e+00");
        check(3.0, "3e+00");
        check(-1234.5, "-1.2345e+03");
        check(1e-7, "1e-07");
        check(1e123, "1e+123");
        check(f64::INFINITY, "+Inf");
    }

    #[test]
    fn times_are_seconds_with_three_decimals_or_none() {
        let check = |time, expected: &str| assert_eq!(text(|out| write_time(out, time)), expected);
        check(1_435_781_451_781, "1435781451.781");
        check(1_500, "1.500");
        check(7, "0.007");
        check(3_000, "3");
        check(-1_050, "-1.050");
    }

    #[test]
    fn strings_are_escaped() {
        let written = text(|out| write_string(out, "a\"\\\n\u{1}ü"));
        assert_eq!(written, r#""a\"\\\n\u0001ü""#);
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), "a\"\\\n\u{1}ü");
    }

    #[test]
    fn a_vector_and_a_matrix_have_prometheus_shape() {
        let symbols = QuerySymbols::new(Arc::new(Symbols::default()));
        let labels =
            LabelSet::intern(&Labels::from_pairs([("__name__", "up"), ("job", "a")]), |t| {
                symbols.intern(t)
            });
        let sample =
            VectorSample { labels: labels.clone(), time: 1500, value: 1.0, histogram: None };
        assert_eq!(
            text(|out| write_value(out, &Value::Vector(vec![sample]), &symbols)),
            r#""resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.500,"1"]}]"#
        );
        let series = MatrixSeries {
            labels,
            times: vec![1000, 2000],
            values: vec![0.5, 1.0],
            histograms: vec![],
        };
        assert_eq!(
            text(|out| write_value(out, &Value::Matrix(vec![series]), &symbols)),
            r#""resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1,"0.5"],[2,"1"]]}]"#
        );
        assert_eq!(
            text(|out| write_value(out, &Value::Scalar(1, f64::NAN), &symbols)),
            r#""resultType":"scalar","result":[0.001,"NaN"]"#
        );
    }

    #[test]
    fn a_histogram_lists_its_populated_buckets_in_ascending_order() {
        let histogram = Histogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 9.0,
            sum: 18.4,
            positive_spans: vec![
                BucketSpan { offset: 0, length: 2 },
                BucketSpan { offset: 1, length: 1 },
            ],
            positive: vec![1.0, 0.0, 3.0],
            negative_spans: vec![BucketSpan { offset: 0, length: 2 }],
            negative: vec![1.0, 2.0],
            ..Histogram::default()
        };
        assert_eq!(
            text(|out| write_histogram(out, &histogram)),
            concat!(
                r#"{"count":"9","sum":"18.4","buckets":[[1,"-2","-1","2"],[1,"-1","-0.5","1"],"#,
                r#"[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"4","8","3"]]}"#
            )
        );
        let negative = Histogram { zero_count: -2.0, ..histogram };
        assert!(!text(|out| write_histogram(out, &negative)).contains("[3,"));
    }

    #[test]
    fn custom_buckets_reach_from_minus_to_plus_infinity() {
        let histogram = Histogram {
            schema: Histogram::CUSTOM,
            count: 3.0,
            sum: 5.0,
            positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
            positive: vec![1.0, 1.0, 1.0],
            custom_values: vec![5.0, 10.0],
            ..Histogram::default()
        };
        assert_eq!(
            text(|out| write_histogram(out, &histogram)),
            concat!(
                r#"{"count":"3","sum":"5","buckets":[[3,"-Inf","5","1"],"#,
                r#"[0,"5","10","1"],[0,"10","+Inf","1"]]}"#
            )
        );
    }

    #[test]
    fn bounds_of_the_finest_and_the_coarsest_schema() {
        assert_eq!(exponential_bound(3, 8), 2.0);
        assert_eq!(exponential_bound(3, 4), std::f64::consts::SQRT_2);
        assert_eq!(exponential_bound(-2, 1), 16.0);
        assert_eq!(exponential_bound(-2, -1), 0.0625);
        assert_eq!(exponential_bound(0, 1024), f64::MAX);
    }
}
