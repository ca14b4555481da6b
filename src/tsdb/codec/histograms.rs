//! Columns of native histograms: the layout once per run, every count a column of its own
//! (docs/format/chunk.md).

use std::sync::Arc;

use super::bytes::{Damaged, Reader, put_varint, put_zigzag};
use super::floats::{self, Scratch};
use crate::model::{BucketSpan, CounterReset, Histogram};

/// Buckets of one side, spans and custom bounds of one histogram.
const MOST_PARTS: usize = 1 << 16;
/// Floats in all histograms of one chunk.
const MOST_FLOATS: usize = 1 << 24;

fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.positive.len() == b.positive.len()
        && a.negative.len() == b.negative.len()
        && bits(&a.custom_values) == bits(&b.custom_values)
}

/// Appends a column.
pub fn put(out: &mut Vec<u8>, histograms: &[Arc<Histogram>], scratch: &mut Scratch) {
    let mut column = Vec::with_capacity(histograms.len());
    for run in histograms.chunk_by(|a, b| same_layout(a, b)) {
        let first = &run[0];
        put_varint(out, run.len() as u64);
        out.push(first.schema as u8);
        out.extend_from_slice(&first.zero_threshold.to_bits().to_le_bytes());
        for spans in [&first.positive_spans, &first.negative_spans] {
            put_varint(out, spans.len() as u64);
            for span in spans {
                put_zigzag(out, i64::from(span.offset));
                put_varint(out, u64::from(span.length));
            }
        }
        put_varint(out, first.positive.len() as u64);
        put_varint(out, first.negative.len() as u64);
        put_varint(out, first.custom_values.len() as u64);
        floats::put(out, &first.custom_values, scratch);
        out.extend(run.iter().map(|histogram| histogram.counter_reset as u8));
        let mut put_column = |of: &dyn Fn(&Histogram) -> f64| {
            column.clear();
            column.extend(run.iter().map(|histogram| of(histogram)));
            floats::put(out, &column, scratch);
        };
        put_column(&|histogram| histogram.count);
        put_column(&|histogram| histogram.sum);
        put_column(&|histogram| histogram.zero_count);
        for bucket in 0..first.positive.len() {
            put_column(&|histogram| histogram.positive[bucket]);
        }
        for bucket in 0..first.negative.len() {
            put_column(&|histogram| histogram.negative[bucket]);
        }
    }
}

/// Reads a column of `count` histograms and appends it to `out`.
pub fn read(
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<Arc<Histogram>>,
) -> Result<(), Damaged> {
    let (mut left, mut floats_left) = (count, MOST_FLOATS);
    let mut column = Vec::new();
    while left > 0 {
        let length = reader.count(left)?;
        if length == 0 {
            return Err(Damaged("an empty run of histograms"));
        }
        let schema = reader.byte()? as i8;
        let zero_threshold = f64::from_bits(reader.bits()?);
        let positive_spans = read_spans(reader)?;
        let negative_spans = read_spans(reader)?;
        let positive = reader.count(MOST_PARTS)?;
        let negative = reader.count(MOST_PARTS)?;
        let bounds = reader.count(MOST_PARTS)?;
        let needed = length.saturating_mul(positive + negative + 3 + bounds);
        floats_left = floats_left.checked_sub(needed).ok_or(Damaged("too many buckets"))?;
        let mut custom_values = Vec::new();
        floats::read(reader, bounds, 0..bounds, &mut custom_values)?;
        let mut run = Vec::with_capacity(length);
        for &reset in reader.take(length)? {
            run.push(Histogram {
                schema,
                counter_reset: counter_reset(reset)?,
                zero_threshold,
                positive_spans: positive_spans.clone(),
                positive: Vec::with_capacity(positive),
                negative_spans: negative_spans.clone(),
                negative: Vec::with_capacity(negative),
                custom_values: custom_values.clone(),
                ..Histogram::default()
            });
        }
        let mut read_column = |into: &dyn Fn(&mut Histogram, f64)| {
            column.clear();
            floats::read(reader, length, 0..length, &mut column)?;
            run.iter_mut().zip(&column).for_each(|(histogram, &value)| into(histogram, value));
            Ok(())
        };
        read_column(&|histogram, value| histogram.count = value)?;
        read_column(&|histogram, value| histogram.sum = value)?;
        read_column(&|histogram, value| histogram.zero_count = value)?;
        for _ in 0..positive {
            read_column(&|histogram, value| histogram.positive.push(value))?;
        }
        for _ in 0..negative {
            read_column(&|histogram, value| histogram.negative.push(value))?;
        }
        out.extend(run.into_iter().map(Arc::new));
        left -= length;
    }
    Ok(())
}

fn read_spans(reader: &mut Reader<'_>) -> Result<Vec<BucketSpan>, Damaged> {
    let count = reader.count(MOST_PARTS.min(reader.rest().len()))?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = i32::try_from(reader.zigzag()?).map_err(|_| Damaged("an offset is wide"))?;
        let length = u32::try_from(reader.varint()?).map_err(|_| Damaged("a span is wide"))?;
        spans.push(BucketSpan { offset, length });
    }
    Ok(spans)
}

fn counter_reset(byte: u8) -> Result<CounterReset, Damaged> {
    use CounterReset::{Gauge, NotReset, Reset, Unknown};
    let known = [Unknown, Reset, NotReset, Gauge];
    known.get(usize::from(byte)).copied().ok_or(Damaged("an unknown counter reset"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn growing(count: u32) -> Vec<Arc<Histogram>> {
        (0..count)
            .map(|i| {
                Arc::new(Histogram {
                    schema: 3,
                    counter_reset: CounterReset::NotReset,
                    zero_threshold: 1e-128,
                    zero_count: f64::from(i / 7),
                    count: f64::from(i * 5),
                    sum: f64::from(i) * 0.25,
                    positive_spans: vec![BucketSpan { offset: -3, length: 20 }],
                    positive: (0..20).map(|b| f64::from(i * b)).collect(),
                    ..Histogram::default()
                })
            })
            .collect()
    }

    fn size(histograms: &[Arc<Histogram>]) -> usize {
        let mut bytes = Vec::new();
        put(&mut bytes, histograms, &mut Scratch::default());
        let mut back = Vec::new();
        let mut reader = Reader::new(&bytes);
        read(&mut reader, histograms.len(), &mut back).unwrap();
        assert!(reader.is_empty());
        assert_eq!(back.len(), histograms.len());
        for (a, b) in back.iter().zip(histograms) {
            assert_eq!(a.sum.to_bits(), b.sum.to_bits());
            assert_eq!(a.counter_reset, b.counter_reset);
            assert_eq!((&a.positive, &a.negative), (&b.positive, &b.negative));
            assert!(same_layout(a, b));
        }
        bytes.len()
    }

    #[test]
    fn a_steady_histogram_costs_little_per_bucket() {
        assert!(size(&growing(120)) < 20 * 120);
    }

    #[test]
    fn layouts_and_stale_markers_alternate() {
        let mut histograms = growing(5);
        histograms.insert(2, Arc::new(Histogram::stale()));
        histograms.push(Arc::new(Histogram {
            schema: Histogram::CUSTOM,
            custom_values: vec![0.1, 0.5, 2.5],
            positive_spans: vec![BucketSpan { offset: 0, length: 4 }],
            positive: vec![1.0, 2.0, 3.0, 4.0],
            ..Histogram::default()
        }));
        size(&histograms);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, count in 0usize..300) {
            let _ = read(&mut Reader::new(&bytes), count, &mut Vec::new());
        }

        #[test]
        fn a_flipped_byte_does_not_panic(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = Vec::new();
            put(&mut bytes, &growing(9), &mut Scratch::default());
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = read(&mut Reader::new(&bytes), 9, &mut Vec::new());
        }
    }
}
