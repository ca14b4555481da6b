//! `</` and `>/`: the part of a histogram below or above a value.

use super::hist::{Bucket, Hist};

/// What is left of a bucket: count, and the mean that its observations are taken to have.
struct Left {
    count: f64,
    mean: f64,
}

impl Hist {
    /// Keeps the observations below (`upper`) or above the cut. Count and sum are estimated anew from
    /// the buckets, unless nothing is cut off.
    pub fn trim(&mut self, cut: f64, upper: bool) {
        let mut cut_any = false;
        let (mut count, mut sum) = (0.0, 0.0);
        let mut keep = |bucket: f64, left: Option<Left>| {
            let left = left.unwrap_or(Left { count: 0.0, mean: 0.0 });
            cut_any |= left.count != bucket;
            if left.count != 0.0 {
                count += left.count;
                sum += left.count * left.mean;
            }
            left.count
        };
        let mut positive: Vec<Bucket> = Vec::with_capacity(self.positive.len());
        for &(index, bucket) in self.positive.iter().filter(|bucket| bucket.1 != 0.0) {
            let (lower, high) = self.bounds(index);
            let lower = if self.is_custom() { lower } else { lower.max(self.zero_threshold) };
            let left = if self.is_custom() {
                custom_part(lower, high, bucket, cut, upper)
            } else {
                exponential_part(lower, high, bucket, cut, upper)
            };
            positive.push((index, keep(bucket, left)));
        }
        let mut negative: Vec<Bucket> = Vec::with_capacity(self.negative.len());
        for &(index, bucket) in self.negative.iter().filter(|bucket| bucket.1 != 0.0) {
            let (inner, outer) = self.bounds(index);
            // A mirrored bucket: below the cut is above the mirrored cut.
            let left =
                exponential_part(inner.max(self.zero_threshold), outer, bucket, -cut, !upper)
                    .map(|left| Left { mean: -left.mean, ..left });
            negative.push((index, keep(bucket, left)));
        }
        let mut zero_count = self.zero_count;
        if zero_count > 0.0 {
            let (mut lower, mut high) = (-self.zero_threshold, self.zero_threshold);
            match (self.negative.is_empty(), self.positive.is_empty()) {
                (true, false) => lower = 0.0,
                (false, true) => high = 0.0,
                _ => {}
            }
            zero_count = keep(zero_count, linear_part(lower, high, zero_count, cut, upper));
        }
        if cut_any {
            self.count = count;
            self.sum = sum;
            self.zero_count = zero_count;
            self.positive = positive;
            self.negative = negative;
        }
    }
}

/// `None` if the bucket lies beyond the cut, all of it if it lies before it, else the share that
/// `below` (share below the cut) and the two means give.
fn part(
    (lower, high): (f64, f64),
    bucket: f64,
    (cut, upper): (f64, bool),
    below: impl Fn() -> f64,
    mean: impl Fn(f64, f64) -> f64,
) -> Option<Left> {
    if upper && cut >= high || !upper && cut <= lower {
        return Some(Left { count: bucket, mean: mean(lower, high) });
    }
    if upper && cut <= lower || !upper && cut >= high || cut.is_nan() {
        return None;
    }
    Some(if upper {
        Left { count: bucket * below(), mean: mean(lower, cut) }
    } else {
        Left { count: bucket * (1.0 - below()), mean: mean(cut, high) }
    })
}

fn linear_part(lower: f64, high: f64, bucket: f64, cut: f64, upper: bool) -> Option<Left> {
    let below = || (cut - lower) / (high - lower);
    part((lower, high), bucket, (cut, upper), below, f64::midpoint)
}

fn exponential_part(lower: f64, high: f64, bucket: f64, cut: f64, upper: bool) -> Option<Left> {
    let below = || (cut.log2() - lower.log2()) / (high.log2() - lower.log2());
    part((lower, high), bucket, (cut, upper), below, |a, b| (a * b).sqrt())
}

/// Custom buckets: the first begins at 0 unless it ends below; nothing is known inside an infinite
/// one, so it stays or goes as a whole.
fn custom_part(lower: f64, high: f64, bucket: f64, cut: f64, upper: bool) -> Option<Left> {
    let whole = |mean: f64| Some(Left { count: bucket, mean });
    match (lower == f64::NEG_INFINITY, high == f64::INFINITY) {
        (true, true) => (cut == if upper { f64::INFINITY } else { f64::NEG_INFINITY })
            .then_some(Left { count: bucket, mean: 0.0 }),
        (false, true) if upper => {
            if cut == f64::INFINITY {
                whole(lower)
            } else {
                None
            }
        }
        (false, true) if cut == f64::INFINITY => None,
        (false, true) => whole(lower.max(cut)),
        (true, false) if high < 0.0 => {
            if upper {
                if cut == f64::NEG_INFINITY { None } else { whole(high.min(cut)) }
            } else if cut == f64::NEG_INFINITY {
                whole(high)
            } else {
                None
            }
        }
        (true, false) if !upper && cut < 0.0 && cut > f64::NEG_INFINITY => None,
        (true, false) if !upper && cut >= high => None,
        (true, false) => linear_part(0.0, high, bucket, cut, upper),
        _ => linear_part(lower, high, bucket, cut, upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Histogram;

    fn custom() -> Hist {
        Hist {
            schema: Histogram::CUSTOM,
            count: 5.0,
            sum: 1.0,
            custom: vec![5.0, 10.0],
            positive: vec![(0, 1.0), (1, 2.0), (2, 2.0)],
            ..Hist::default()
        }
    }

    #[test]
    fn what_lies_below_is_kept_and_the_infinite_bucket_goes() {
        let mut hist = custom();
        hist.trim(7.5, true);
        assert_eq!(hist.positive, [(0, 1.0), (1, 1.0), (2, 0.0)]);
        assert_eq!((hist.count, hist.sum), (2.0, 2.5 + 6.25));
    }

    #[test]
    fn a_cut_outside_changes_nothing() {
        let mut hist = custom();
        hist.trim(f64::NEG_INFINITY, false);
        assert_eq!(hist, custom());
    }
}
