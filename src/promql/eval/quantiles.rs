//! Quantiles and fractions of histograms: classic ones (cumulative `le` buckets) and native ones.

use super::hist::{Hist, Range};
use super::numeric::almost_equal;

/// A classic bucket: upper bound and cumulative count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Classic {
    pub upper: f64,
    pub count: f64,
}

/// Counts that differ relatively by less than this are taken for rounding errors.
const ROUNDING: f64 = 1e-12;

/// What was mended in cumulative buckets that decrease.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mended {
    /// Bounds of the first and the last bucket that was raised.
    pub between: (f64, f64),
    /// Largest decrease.
    pub most: f64,
}

/// Sorts and sums up buckets of the same bound. `None` unless the last bound is +Inf.
fn prepare(buckets: &mut Vec<Classic>) -> Option<()> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    Some(())
}

/// The q-quantile of a classic histogram, and whether its counts had to be made monotonic.
pub(super) fn classic_quantile(q: f64, buckets: &mut Vec<Classic>) -> (f64, Option<Mended>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if prepare(buckets).is_none() {
        return (f64::NAN, None);
    }
    let mut mended: Option<Mended> = None;
    let mut highest = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == highest {
            continue;
        }
        if almost_equal(highest, bucket.count, ROUNDING) {
            bucket.count = highest;
        } else if bucket.count < highest {
            let most = highest - bucket.count;
            let before = mended.unwrap_or(Mended { between: (bucket.upper, bucket.upper), most });
            mended = Some(Mended {
                between: (before.between.0, bucket.upper),
                most: before.most.max(most),
            });
            bucket.count = highest;
        } else {
            highest = bucket.count;
        }
    }
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, mended);
    }
    let rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    let bucket = buckets[at];
    let value = if at == last {
        buckets[last - 1].upper
    } else if at == 0 && bucket.upper <= 0.0 {
        bucket.upper
    } else {
        let below = if at == 0 { Classic { upper: 0.0, count: 0.0 } } else { buckets[at - 1] };
        let inside = (rank - below.count) / (bucket.count - below.count);
        below.upper + (bucket.upper - below.upper) * inside
    };
    (value, mended)
}

/// The share of observations between two values in a classic histogram.
pub(super) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<Classic>) -> f64 {
    if prepare(buckets).is_none() || buckets.len() < 2 {
        return f64::NAN;
    }
    let total = buckets[buckets.len() - 1].count;
    if total == 0.0 || total.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut below = Classic { upper: f64::NEG_INFINITY, count: 0.0 };
    if buckets[0].upper > 0.0 {
        below.upper = 0.0;
    }
    let mut ranges = Vec::with_capacity(buckets.len());
    for bucket in buckets.iter() {
        ranges.push(Range {
            lower: below.upper,
            upper: bucket.upper,
            count: bucket.count - below.count,
        });
        below = *bucket;
    }
    let linear = |_: &Range| true;
    let rank = |value| rank_of(value, ranges.iter().copied(), linear).unwrap_or(total).min(total);
    (rank(upper) - rank(lower)) / total
}

/// Observations at or below a value; `None` if it lies above all buckets.
fn rank_of(
    value: f64,
    ranges: impl Iterator<Item = Range>,
    linear: impl Fn(&Range) -> bool,
) -> Option<f64> {
    let mut rank = 0.0;
    for range in ranges {
        if range.lower >= value {
            return Some(rank);
        }
        if range.upper > value {
            return Some(rank + range.count * share_below(value, &range, linear(&range)));
        }
        rank += range.count;
    }
    None
}

/// Which part of a bucket lies below a value inside it.
fn share_below(value: f64, range: &Range, linear: bool) -> f64 {
    if linear {
        // Nothing can be told inside an infinite bucket.
        if range.lower == f64::NEG_INFINITY {
            return 1.0;
        }
        if range.upper == f64::INFINITY {
            return 0.0;
        }
        return (value - range.lower) / (range.upper - range.lower);
    }
    let [lower, upper, value_log] = [range.lower, range.upper, value].map(|v| v.abs().log2());
    if value > 0.0 {
        (value_log - lower) / (upper - lower)
    } else {
        1.0 - (value_log - upper) / (lower - upper)
    }
}

/// A zero bucket beside buckets of one sign only holds observations of that sign.
fn one_sided(hist: &Hist, mut range: Range) -> Range {
    if range.lower <= 0.0 && range.upper >= 0.0 {
        if hist.negative.is_empty() && !hist.positive.is_empty() {
            range.lower = 0.0;
        } else if hist.positive.is_empty() && !hist.negative.is_empty() {
            range.upper = 0.0;
        }
    }
    range
}

/// What NaN observations did to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NanObservations {
    /// The rank falls among them.
    ResultNan,
    /// They count as greater than all others.
    Skewed,
}

/// The q-quantile of a native histogram.
pub(super) fn native_quantile(q: f64, hist: &Hist) -> (f64, Option<NanObservations>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if hist.count == 0.0 || q.is_nan() || hist.count.is_nan() {
        return (f64::NAN, None);
    }
    // With NaN observations the buckets do not add up to the count, so only the way up is right.
    let upwards = hist.sum.is_nan() || q < 0.5;
    let mut rank = if upwards { q * hist.count } else { (1.0 - q) * hist.count };
    let mut bucket = Range { lower: 0.0, upper: 0.0, count: 0.0 };
    let mut count = 0.0;
    let mut ranges = hist.ranges().filter(|range| range.count != 0.0);
    while let Some(range) = if upwards { ranges.next() } else { ranges.next_back() } {
        bucket = range;
        count += range.count;
        if count >= rank {
            break;
        }
    }
    if hist.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, None);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = one_sided(hist, bucket);
    }
    count = count.min(hist.count);
    if count < rank {
        if hist.sum.is_nan() {
            return (f64::NAN, Some(NanObservations::ResultNan));
        }
        return (if upwards { bucket.upper } else { bucket.lower }, None);
    }
    let nan = hist.sum.is_nan().then_some(NanObservations::Skewed);
    rank = if upwards { rank - (count - bucket.count) } else { count - rank };
    let inside = rank / bucket.count;
    if hist.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return (bucket.lower + (bucket.upper - bucket.lower) * inside, nan);
    }
    let [lower, upper] = [bucket.lower, bucket.upper].map(|bound| bound.abs().log2());
    let value = if bucket.lower > 0.0 {
        (lower + (upper - lower) * inside).exp2()
    } else {
        -(upper + (lower - upper) * (1.0 - inside)).exp2()
    };
    (value, nan)
}

/// The share of observations between two values in a native histogram.
pub(super) fn native_fraction(lower: f64, upper: f64, hist: &Hist) -> f64 {
    if hist.count == 0.0 || hist.count.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    // NaN observations are in the count and in no bucket.
    let total =
        if hist.sum.is_nan() { hist.ranges().map(|range| range.count).sum() } else { hist.count };
    let linear = |range: &Range| hist.is_custom() || (range.lower <= 0.0 && range.upper >= 0.0);
    let rank = |value: f64| {
        let ranges = hist.ranges().map(|range| one_sided(hist, range));
        let rank = rank_of(value, ranges, linear).unwrap_or(total);
        if rank > total { total } else { rank }
    };
    (rank(upper) - rank(lower)) / hist.count
}

/// Estimated variance: every observation is taken for the middle of its bucket.
pub(super) fn native_variance(hist: &Hist) -> f64 {
    let mean = hist.sum / hist.count;
    let mut squares = super::numeric::Sum::default();
    for range in hist.ranges().filter(|range| range.count != 0.0) {
        let middle = if hist.is_custom() {
            f64::midpoint(range.upper, range.lower)
        } else if range.lower <= 0.0 && range.upper >= 0.0 {
            0.0
        } else {
            (range.upper * range.lower).sqrt().copysign(range.upper)
        };
        let distance = middle - mean;
        squares.add(range.count * distance * distance);
    }
    squares.value() / hist.count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(of: &[(f64, f64)]) -> Vec<Classic> {
        of.iter().map(|&(upper, count)| Classic { upper, count }).collect()
    }

    #[test]
    fn classic_quantiles_interpolate_inside_the_bucket() {
        let mut of = buckets(&[(f64::INFINITY, 4.0), (1.0, 2.0), (2.0, 4.0)]);
        assert_eq!(classic_quantile(0.75, &mut of), (1.5, None));
        let mut endless = buckets(&[(1.0, 2.0), (2.0, 4.0)]);
        assert!(classic_quantile(0.75, &mut endless).0.is_nan());
    }

    #[test]
    fn decreasing_counts_are_raised_and_told() {
        let mut of = buckets(&[(1.0, 3.0), (2.0, 2.0), (f64::INFINITY, 4.0)]);
        let (_, mended) = classic_quantile(0.9, &mut of);
        assert_eq!(mended, Some(Mended { between: (2.0, 2.0), most: 1.0 }));
    }

    #[test]
    fn fractions_add_up() {
        let mut of = buckets(&[(1.0, 2.0), (2.0, 4.0), (f64::INFINITY, 4.0)]);
        assert_eq!(classic_fraction(0.0, 1.5, &mut of), 0.75);
        assert_eq!(classic_fraction(1.5, 9.0, &mut of), 0.25);
    }

    #[test]
    fn native_quantile_is_the_inverse_of_the_fraction() {
        let hist = Hist {
            count: 12.0,
            sum: 100.0,
            zero_count: 2.0,
            zero_threshold: 0.001,
            positive: vec![(0, 2.0), (1, 3.0), (3, 1.0), (4, 4.0)],
            ..Hist::default()
        };
        let share = native_fraction(f64::NEG_INFINITY, 6.0, &hist);
        assert!((native_quantile(share, &hist).0 - 6.0).abs() < 1e-9);
    }
}
