//! Native histograms as the evaluator calculates with them: populated buckets by index, so that
//! addition, subtraction, change of resolution and reset detection are merges of two sorted lists.

use crate::model::{BucketSpan, CounterReset, Histogram};

use super::numeric::Sum;

/// Index and count of a bucket; ascending by index in every list.
pub(super) type Bucket = (i32, f64);

/// A histogram in the form for arithmetic.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Hist {
    pub schema: i8,
    pub hint: CounterReset,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive: Vec<Bucket>,
    pub negative: Vec<Bucket>,
    pub custom: Vec<f64>,
}

/// Exponential and custom buckets cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incompatible;

/// What had to be done to combine two histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Combined {
    /// Custom bounds differed and were reduced to the common ones.
    pub reconciled: bool,
    /// One says "reset", the other "no reset".
    pub collision: bool,
}

/// A bucket with its bounds, for walking over all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

impl From<&Histogram> for Hist {
    fn from(histogram: &Histogram) -> Self {
        Self {
            schema: histogram.schema,
            hint: histogram.counter_reset,
            zero_threshold: histogram.zero_threshold,
            zero_count: histogram.zero_count,
            count: histogram.count,
            sum: histogram.sum,
            positive: unpack(&histogram.positive_spans, &histogram.positive),
            negative: unpack(&histogram.negative_spans, &histogram.negative),
            custom: histogram.custom_values.clone(),
        }
    }
}

impl From<&Hist> for Histogram {
    fn from(hist: &Hist) -> Self {
        let (positive_spans, positive) = pack(&hist.positive);
        let (negative_spans, negative) = pack(&hist.negative);
        Self {
            schema: hist.schema,
            counter_reset: hist.hint,
            zero_threshold: hist.zero_threshold,
            zero_count: hist.zero_count,
            count: hist.count,
            sum: hist.sum,
            positive_spans,
            positive,
            negative_spans,
            negative,
            custom_values: hist.custom.clone(),
        }
    }
}

fn unpack(spans: &[BucketSpan], counts: &[f64]) -> Vec<Bucket> {
    let mut buckets = Vec::with_capacity(counts.len());
    let (mut index, mut counts) = (0_i32, counts.iter());
    for span in spans {
        index = index.saturating_add(span.offset);
        for _ in 0..span.length {
            let Some(&count) = counts.next() else { return buckets };
            buckets.push((index, count));
            index = index.saturating_add(1);
        }
    }
    buckets
}

/// Empty buckets are left out.
fn pack(buckets: &[Bucket]) -> (Vec<BucketSpan>, Vec<f64>) {
    let (mut spans, mut counts) = (Vec::<BucketSpan>::new(), Vec::new());
    let mut next = 0;
    for &(index, count) in buckets.iter().filter(|bucket| bucket.1 != 0.0) {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index.wrapping_sub(next), length: 1 }),
        }
        next = index.wrapping_add(1);
        counts.push(count);
    }
    (spans, counts)
}

/// Upper bound of bucket `index` of an exponential schema.
fn exponential_bound(index: i32, schema: i8) -> f64 {
    let exponent = f64::from(index) * f64::from(-i32::from(schema)).exp2();
    if exponent == 1024.0 {
        // The last regular bucket; observations beyond it go to the next, infinite one.
        return f64::MAX;
    }
    exponent.exp2()
}

fn custom_bound(index: i32, custom: &[f64]) -> f64 {
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(index) => custom.get(index).copied().unwrap_or(f64::INFINITY),
    }
}

/// The bucket of a lower resolution that an index falls into.
fn widen(index: i32, shift: u32) -> i32 {
    if shift == 0 { index } else { ((index.wrapping_sub(1)) >> shift.min(31)) + 1 }
}

fn push(list: &mut Vec<Bucket>, index: i32, count: f64) {
    match list.last_mut() {
        Some(last) if last.0 == index => last.1 += count,
        _ => list.push((index, count)),
    }
}

fn merge(
    left: &[Bucket],
    right: &[Bucket],
    mut combine: impl FnMut(f64, f64) -> f64,
) -> Vec<Bucket> {
    let mut merged = Vec::with_capacity(left.len().max(right.len()));
    let (mut at_left, mut at_right) = (0, 0);
    loop {
        let (index, a, b) = match (left.get(at_left), right.get(at_right)) {
            (None, None) => return merged,
            (Some(a), Some(b)) if a.0 == b.0 => (a.0, a.1, b.1),
            (Some(a), other) if other.is_none_or(|b| a.0 < b.0) => (a.0, a.1, 0.0),
            (_, Some(b)) => (b.0, 0.0, b.1),
            (Some(a), None) => (a.0, a.1, 0.0),
        };
        at_left += usize::from(left.get(at_left).is_some_and(|bucket| bucket.0 == index));
        at_right += usize::from(right.get(at_right).is_some_and(|bucket| bucket.0 == index));
        merged.push((index, combine(a, b)));
    }
}

impl Hist {
    pub fn is_custom(&self) -> bool {
        self.schema == Histogram::CUSTOM
    }

    /// Bounds of a positive bucket.
    pub fn bounds(&self, index: i32) -> (f64, f64) {
        if self.is_custom() {
            (custom_bound(index.saturating_sub(1), &self.custom), custom_bound(index, &self.custom))
        } else {
            (
                exponential_bound(index.saturating_sub(1), self.schema),
                exponential_bound(index, self.schema),
            )
        }
    }

    /// All buckets ascending; those that reach into the zero bucket are clipped to it.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = Range> {
        let zero = self.zero_threshold;
        let clip = move |bound: f64| if bound < zero { zero } else { bound };
        let negative = self.negative.iter().rev().map(move |&(index, count)| {
            let (inner, outer) = self.bounds(index);
            Range { lower: -outer, upper: -clip(inner), count }
        });
        let middle = (self.zero_count > 0.0).then_some(Range {
            lower: -zero,
            upper: zero,
            count: self.zero_count,
        });
        let positive = self.positive.iter().map(move |&(index, count)| {
            let (lower, upper) = self.bounds(index);
            Range { lower: if self.is_custom() { lower } else { clip(lower) }, upper, count }
        });
        negative.chain(middle).chain(positive)
    }

    /// Lowers the resolution; a higher or equal schema changes nothing.
    pub fn reduce(&mut self, schema: i8) {
        if self.is_custom() || schema >= self.schema {
            return;
        }
        let shift = (i32::from(self.schema) - i32::from(schema)) as u32;
        for list in [&mut self.positive, &mut self.negative] {
            let mut wider = Vec::with_capacity(list.len());
            for &(index, count) in list.iter() {
                push(&mut wider, widen(index, shift), count);
            }
            *list = wider;
        }
        self.schema = schema;
    }

    /// Observations in a zero bucket of (at least) this threshold. A threshold inside a populated
    /// bucket grows to that bucket's end.
    fn zero_count_within(&self, mut threshold: f64) -> (f64, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        'widen: loop {
            let mut count = self.zero_count;
            for list in [&self.positive, &self.negative] {
                for &(index, bucket) in list {
                    let (lower, upper) = self.bounds(index);
                    if lower >= threshold {
                        break;
                    }
                    if upper > threshold && bucket != 0.0 {
                        threshold = upper;
                        continue 'widen;
                    }
                    count += bucket;
                }
            }
            return (count, threshold);
        }
    }

    fn widen_zero(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_count_within(threshold);
        self.zero_count = count;
        self.zero_threshold = threshold;
        let schema = self.schema;
        for list in [&mut self.positive, &mut self.negative] {
            list.retain(|bucket| {
                exponential_bound(bucket.0.saturating_sub(1), schema) >= threshold
            });
        }
    }

    /// Brings both to the same schema, bounds and zero bucket. True if custom bounds differed.
    fn align(&mut self, other: &mut Self) -> Result<bool, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        if self.is_custom() {
            if self.custom == other.custom {
                return Ok(false);
            }
            let common: Vec<f64> =
                self.custom.iter().filter(|bound| other.custom.contains(bound)).copied().collect();
            self.rebound(&common);
            other.rebound(&common);
            return Ok(true);
        }
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold > other.zero_threshold {
                other.widen_zero(self.zero_threshold);
            } else {
                self.widen_zero(other.zero_threshold);
            }
        }
        let schema = self.schema.min(other.schema);
        self.reduce(schema);
        other.reduce(schema);
        Ok(false)
    }

    fn rebound(&mut self, bounds: &[f64]) {
        let mut moved = Vec::with_capacity(self.positive.len());
        for &(index, count) in &self.positive {
            let upper = custom_bound(index, &self.custom);
            push(&mut moved, bounds.partition_point(|&bound| bound < upper) as i32, count);
        }
        self.positive = moved;
        self.custom = bounds.to_vec();
    }

    fn combine(
        &mut self,
        other: &Self,
        combine: impl Fn(f64, f64) -> f64 + Copy,
    ) -> Result<Combined, Incompatible> {
        let mut other = other.clone();
        let reconciled = self.align(&mut other)?;
        let (hint, collision) = combined_hint(self.hint, other.hint);
        self.hint = hint;
        self.zero_count = combine(self.zero_count, other.zero_count);
        self.count = combine(self.count, other.count);
        self.sum = combine(self.sum, other.sum);
        self.positive = merge(&self.positive, &other.positive, combine);
        self.negative = merge(&self.negative, &other.negative, combine);
        Ok(Combined { reconciled, collision })
    }

    pub fn add(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, |a, b| a + b)
    }

    /// The difference of two histograms is a gauge.
    pub fn subtract(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        let combined = self.combine(other, |a, b| a - b)?;
        self.hint = CounterReset::Gauge;
        Ok(combined)
    }

    fn map(&mut self, change: impl Fn(f64) -> f64) {
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            *count = change(*count);
        }
        self.zero_count = change(self.zero_count);
        self.count = change(self.count);
        self.sum = change(self.sum);
    }

    /// A negative factor makes a gauge of it.
    pub fn scale(&mut self, factor: f64) {
        self.map(|value| value * factor);
        if factor < 0.0 {
            self.hint = CounterReset::Gauge;
        }
    }

    /// Division by zero empties the buckets, since infinitely full ones mean nothing.
    pub fn divide(&mut self, divisor: f64) {
        self.map(|value| value / divisor);
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        if divisor < 0.0 {
            self.hint = CounterReset::Gauge;
        }
    }

    /// Equal in everything but the hint and empty buckets.
    pub fn same(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a == b || a.to_bits() == b.to_bits();
        let lists = |a: &[Bucket], b: &[Bucket]| {
            let mut left = a.iter().filter(|bucket| bucket.1 != 0.0);
            let mut right = b.iter().filter(|bucket| bucket.1 != 0.0);
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some(l), Some(r)) if l.0 == r.0 && same(l.1, r.1) => {}
                    _ => return false,
                }
            }
        };
        self.schema == other.schema
            && self.custom == other.custom
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && lists(&self.positive, &other.positive)
            && lists(&self.negative, &other.negative)
    }

    /// Whether a counter was reset between `previous` and this sample.
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            CounterReset::Reset => return true,
            CounterReset::NotReset => return false,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if self.is_custom() {
            if self.custom == previous.custom {
                return decreased(&previous.positive, &self.positive);
            }
            let (mut now, mut before) = (self.clone(), previous.clone());
            return now.align(&mut before).is_err() || decreased(&before.positive, &now.positive);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_within(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        if self.schema == previous.schema && self.zero_threshold == previous.zero_threshold {
            return decreased(&previous.positive, &self.positive)
                || decreased(&previous.negative, &self.negative);
        }
        let mut before = previous.clone();
        before.widen_zero(self.zero_threshold);
        before.reduce(self.schema);
        decreased(&before.positive, &self.positive) || decreased(&before.negative, &self.negative)
    }
}

fn decreased(before: &[Bucket], now: &[Bucket]) -> bool {
    let mut now = now.iter().peekable();
    before.iter().any(|&(index, count)| {
        while now.next_if(|bucket| bucket.0 < index).is_some() {}
        let current = now.peek().filter(|bucket| bucket.0 == index).map_or(0.0, |bucket| bucket.1);
        current < count
    })
}

fn combined_hint(a: CounterReset, b: CounterReset) -> (CounterReset, bool) {
    use CounterReset::{Gauge, Unknown};
    match (a, b) {
        _ if a == b => (a, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

/// Sum or mean of histograms with the rounding errors carried along in a second histogram.
#[derive(Debug, Clone, Default)]
pub(super) struct HistSum {
    total: Hist,
    compensation: Hist,
    count: f64,
    incremental: bool,
}

impl HistSum {
    pub fn start(first: Hist) -> Self {
        Self { total: first, compensation: Hist::default(), count: 1.0, incremental: false }
    }

    fn accumulate(&mut self, mut term: Hist) -> Result<Combined, Incompatible> {
        // Both halves change resolution together, hence the compensation follows the total.
        let mut carried = self.compensation.clone();
        carried.schema = self.total.schema;
        carried.custom.clone_from(&self.total.custom);
        carried.zero_threshold = self.total.zero_threshold;
        let reconciled = self.total.align(&mut term)?;
        let mut shape = self.total.clone();
        shape.align(&mut carried)?;
        let (hint, collision) = combined_hint(self.total.hint, term.hint);
        self.total.hint = hint;
        let step = |total: f64, compensation: f64, value: f64| {
            let mut sum = Sum { sum: total, compensation };
            sum.add(value);
            (sum.sum, sum.compensation)
        };
        let total = &mut self.total;
        (total.zero_count, carried.zero_count) =
            step(total.zero_count, carried.zero_count, term.zero_count);
        (total.count, carried.count) = step(total.count, carried.count, term.count);
        (total.sum, carried.sum) = step(total.sum, carried.sum, term.sum);
        for (list, errors, values) in [
            (&mut total.positive, &mut carried.positive, &term.positive),
            (&mut total.negative, &mut carried.negative, &term.negative),
        ] {
            let mut next = Vec::with_capacity(list.len());
            let sums = merge(list, values, |a, b| {
                next.push((a, b));
                a + b
            });
            let known = std::mem::take(errors);
            let mut known = known.iter().peekable();
            for (bucket, (a, b)) in sums.iter().zip(next) {
                while known.next_if(|error| error.0 < bucket.0).is_some() {}
                let error = known.peek().filter(|e| e.0 == bucket.0).map_or(0.0, |e| e.1);
                errors.push((bucket.0, step(a, error, b).1));
            }
            *list = sums;
        }
        self.compensation = carried;
        Ok(Combined { reconciled, collision })
    }

    /// Adds to a sum.
    pub fn add(&mut self, term: Hist) -> Result<Combined, Incompatible> {
        self.count += 1.0;
        self.accumulate(term)
    }

    /// Adds to a mean, which turns incremental where the sum would overflow.
    pub fn add_to_mean(&mut self, mut term: Hist) -> Result<Combined, Incompatible> {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.clone();
            let combined = next.accumulate(term.clone())?;
            if !next.total.overflowed() {
                *self = next;
                return Ok(combined);
            }
            self.incremental = true;
            let before = self.count - 1.0;
            self.total.map(|value| value / before);
            self.compensation.map(|value| value / before);
        }
        let (count, weight) = (self.count, (self.count - 1.0) / self.count);
        self.total.map(|value| value * weight);
        self.compensation.map(|value| value * weight);
        term.map(|value| value / count);
        self.accumulate(term)
    }

    pub fn sum(&self) -> Hist {
        let mut sum = self.total.clone();
        let errors = &self.compensation;
        sum.zero_count += errors.zero_count;
        sum.count += errors.count;
        sum.sum += errors.sum;
        if self.count > 1.0 {
            sum.positive = merge(&sum.positive, &errors.positive, |a, b| a + b);
            sum.negative = merge(&sum.negative, &errors.negative, |a, b| a + b);
        }
        sum
    }

    pub fn mean(&self) -> Hist {
        let mut mean = self.sum();
        if !self.incremental {
            let count = self.count;
            mean.map(|value| value / count);
        }
        mean
    }
}

impl Hist {
    fn overflowed(&self) -> bool {
        self.count.is_infinite()
            || self.sum.is_infinite()
            || self.zero_count.is_infinite()
            || self.positive.iter().chain(&self.negative).any(|bucket| bucket.1.is_infinite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hist(schema: i8, buckets: &[Bucket]) -> Hist {
        let count = buckets.iter().map(|bucket| bucket.1).sum();
        Hist { schema, count, positive: buckets.to_vec(), ..Hist::default() }
    }

    #[test]
    fn packing_keeps_every_populated_bucket() {
        let before = hist(0, &[(-3, 1.0), (-2, 2.0), (5, 4.0)]);
        let packed = Histogram::from(&before);
        assert_eq!(packed.positive_spans.len(), 2);
        assert_eq!(Hist::from(&packed), before);
    }

    #[test]
    fn addition_takes_the_lower_resolution() {
        let mut sum = hist(0, &[(1, 2.0), (2, 2.0)]);
        let combined = sum.add(&hist(-1, &[(1, 1.0)])).unwrap();
        assert_eq!(combined, Combined::default());
        assert_eq!((sum.schema, sum.positive), (-1, vec![(1, 5.0)]));
    }

    #[test]
    fn custom_bounds_are_reduced_to_the_common_ones() {
        let custom = |bounds: &[f64], buckets: &[Bucket]| Hist {
            custom: bounds.to_vec(),
            ..hist(Histogram::CUSTOM, buckets)
        };
        let mut sum = custom(&[5.0, 10.0], &[(0, 1.0), (1, 2.0)]);
        let combined = sum.add(&custom(&[2.0, 10.0], &[(0, 1.0), (2, 7.0)])).unwrap();
        assert!(combined.reconciled);
        assert_eq!((sum.custom, sum.positive), (vec![10.0], vec![(0, 4.0), (1, 7.0)]));
    }

    #[test]
    fn a_decrease_in_one_bucket_is_a_reset() {
        let before = hist(0, &[(0, 1.0), (1, 2.0)]);
        assert!(hist(0, &[(0, 3.0), (1, 1.0)]).is_reset_after(&before));
        assert!(!hist(0, &[(0, 3.0), (1, 2.0)]).is_reset_after(&before));
    }

    #[test]
    fn the_zero_bucket_swallows_what_lies_within() {
        let mut wide = Hist { zero_threshold: 1.5, zero_count: 1.0, ..hist(0, &[(3, 1.0)]) };
        wide.add(&hist(0, &[(0, 2.0), (1, 3.0)])).unwrap();
        assert_eq!((wide.zero_threshold, wide.zero_count), (2.0, 6.0));
    }

    #[test]
    fn sums_keep_small_terms_between_large_ones() {
        let of = |sum: f64| Hist { sum, ..hist(0, &[(0, 1.0)]) };
        let mut total = HistSum::start(of(1.0));
        for sum in [1e100, 1.0, -1e100] {
            total.add(of(sum)).unwrap();
        }
        assert_eq!(total.sum().sum, 2.0);
        assert_eq!(total.mean().sum, 0.5);
    }
}
