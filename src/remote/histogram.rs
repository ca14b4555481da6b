//! Native histograms between their protobuf message and the model.

use crate::model::{BucketSpan, CounterReset, Histogram};
use crate::wire::remote as wire;

impl From<&wire::Histogram> for Histogram {
    fn from(message: &wire::Histogram) -> Self {
        let whole = !matches!(message.count, Some(wire::Count::Float(_)));
        let buckets = |deltas: &[i64], counts: &[f64]| -> Vec<f64> {
            if !whole {
                return counts.to_vec();
            }
            let running = deltas.iter().scan(0_i64, |sum, delta| {
                *sum = sum.wrapping_add(*delta);
                Some(*sum as f64)
            });
            running.collect()
        };
        let spans = |spans: &[wire::BucketSpan]| {
            let span =
                |span: &wire::BucketSpan| BucketSpan { offset: span.offset, length: span.length };
            spans.iter().map(span).collect()
        };
        Self {
            // A number beyond a byte is no schema there is; the store refuses this one.
            schema: i8::try_from(message.schema).unwrap_or(i8::MIN),
            counter_reset: match message.reset_hint() {
                wire::ResetHint::Unknown => CounterReset::Unknown,
                wire::ResetHint::Yes => CounterReset::Reset,
                wire::ResetHint::No => CounterReset::NotReset,
                wire::ResetHint::Gauge => CounterReset::Gauge,
            },
            zero_threshold: message.zero_threshold,
            zero_count: match message.zero_count {
                Some(wire::ZeroCount::Int(count)) => count as f64,
                Some(wire::ZeroCount::Float(count)) => count,
                None => 0.0,
            },
            count: match message.count {
                Some(wire::Count::Int(count)) => count as f64,
                Some(wire::Count::Float(count)) => count,
                None => 0.0,
            },
            sum: message.sum,
            positive_spans: spans(&message.positive_spans),
            positive: buckets(&message.positive_deltas, &message.positive_counts),
            negative_spans: spans(&message.negative_spans),
            negative: buckets(&message.negative_deltas, &message.negative_counts),
            custom_values: message.custom_values.clone(),
        }
    }
}

impl From<&Histogram> for wire::Histogram {
    fn from(histogram: &Histogram) -> Self {
        let Histogram {
            schema,
            counter_reset,
            zero_threshold,
            zero_count,
            count,
            sum,
            positive_spans,
            positive,
            negative_spans,
            negative,
            custom_values,
        } = histogram;
        let spans = |spans: &[BucketSpan]| {
            let span =
                |span: &BucketSpan| wire::BucketSpan { offset: span.offset, length: span.length };
            spans.iter().map(span).collect()
        };
        let hint = match counter_reset {
            CounterReset::Unknown => wire::ResetHint::Unknown,
            CounterReset::Reset => wire::ResetHint::Yes,
            CounterReset::NotReset => wire::ResetHint::No,
            CounterReset::Gauge => wire::ResetHint::Gauge,
        };
        // Floats hold both kinds exactly, so nothing is told of which it was.
        Self {
            count: Some(wire::Count::Float(*count)),
            sum: *sum,
            schema: i32::from(*schema),
            zero_threshold: *zero_threshold,
            zero_count: Some(wire::ZeroCount::Float(*zero_count)),
            negative_spans: spans(negative_spans),
            negative_deltas: Vec::new(),
            negative_counts: negative.clone(),
            positive_spans: spans(positive_spans),
            positive_deltas: Vec::new(),
            positive_counts: positive.clone(),
            reset_hint: hint.into(),
            timestamp: 0,
            custom_values: custom_values.clone(),
            start_timestamp: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_become_counts() {
        let message = wire::Histogram {
            count: Some(wire::Count::Int(6)),
            zero_count: Some(wire::ZeroCount::Int(1)),
            positive_spans: vec![wire::BucketSpan { offset: -1, length: 2 }],
            positive_deltas: vec![3, -1],
            reset_hint: wire::ResetHint::Gauge.into(),
            ..wire::Histogram::default()
        };
        let histogram = Histogram::from(&message);
        assert_eq!(histogram.positive, [3.0, 2.0]);
        assert_eq!((histogram.count, histogram.zero_count), (6.0, 1.0));
        assert_eq!(histogram.counter_reset, CounterReset::Gauge);
    }

    #[test]
    fn floats_are_absolute() {
        let message = wire::Histogram {
            count: Some(wire::Count::Float(2.5)),
            negative_spans: vec![wire::BucketSpan { offset: 0, length: 2 }],
            negative_counts: vec![2.0, 0.5],
            ..wire::Histogram::default()
        };
        let histogram = Histogram::from(&message);
        assert_eq!(histogram.negative, [2.0, 0.5]);
        assert_eq!(Histogram::from(&wire::Histogram::from(&histogram)), histogram);
    }
}
