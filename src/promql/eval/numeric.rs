//! Numeric building blocks: compensated sums, means that survive overflow, quantiles, regression.

/// A Kahan–Neumaier sum: the rounding error of every addition is carried along.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    pub sum: f64,
    pub compensation: f64,
}

impl Sum {
    pub fn of(value: f64) -> Self {
        Self { sum: value, compensation: 0.0 }
    }

    #[inline]
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    #[inline]
    pub fn value(self) -> f64 {
        self.sum + self.compensation
    }
}

/// A mean: sum over count, and incremental from the moment on where the sum would overflow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Sum::of(value);
            return;
        }
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        self.sum.sum *= weight;
        self.sum.compensation *= weight;
        self.sum.add(value / self.count);
    }

    pub fn value(self) -> f64 {
        if self.incremental {
            self.sum.value()
        } else {
            self.sum.sum / self.count + self.sum.compensation / self.count
        }
    }
}

/// Running variance (Welford), as the aggregation operators compute it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            // A lone NaN or infinity has no spread that could be told.
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    pub fn value(self) -> f64 {
        self.squares / self.count
    }
}

/// Variance of a window, compensated.
pub(super) fn variance_over_time(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    let mut count = 0.0;
    for &value in values {
        count += 1.0;
        let delta = value - mean.value();
        mean.add(delta / count);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / count
}

/// Orders floats with NaN before everything else.
fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal),
    }
}

/// The q-quantile by linear interpolation; sorts the values. NaN is the smallest value.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| nan_first(*a, *b));
    let rank = q * (values.len() as f64 - 1.0);
    let lower = (rank.floor().max(0.0)) as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Slope (per second) and the value at `origin` of the least-squares line.
pub(super) fn regression(times: &[i64], values: &[f64], origin: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|&value| value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut xs, mut ys, mut xys, mut x2s] = [Sum::default(); 4];
    for (&time, &y) in times.iter().zip(values) {
        let x = (time - origin) as f64 / 1000.0;
        xs.add(x);
        ys.add(y);
        xys.add(x * y);
        x2s.add(x * x);
    }
    let n = values.len() as f64;
    let (x, y, xy, x2) = (xs.value(), ys.value(), xys.value(), x2s.value());
    let slope = (xy - x * y / n) / (x2 - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Holt's linear method: smoothed level after the last of at least two values.
pub(super) fn double_exponential_smoothing(values: &[f64], smoothing: f64, trend: f64) -> f64 {
    let (mut before, mut level) = (0.0, values[0]);
    let mut slope = values[1] - values[0];
    for (i, &value) in values.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        before = level;
        level = next;
    }
    level
}

/// Median of the distances to the median; NaN if any value is.
pub(super) fn median_absolute_deviation(values: &mut [f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, values);
    for value in values.iter_mut() {
        *value = (*value - median).abs();
    }
    quantile(0.5, values)
}

/// Whether two numbers differ by less than a part of their size.
pub(super) fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_between_large_ones() {
        let mut sum = Sum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.value(), 2.0);
    }

    #[test]
    fn a_mean_does_not_overflow() {
        let mut mean = Mean::default();
        for value in [f64::MAX, f64::MAX, f64::MAX] {
            mean.add(value);
        }
        assert!(almost_equal(mean.value(), f64::MAX, 1e-12));
    }

    #[test]
    fn quantiles_interpolate_and_take_nan_for_the_smallest() {
        assert_eq!(quantile(0.5, &mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(0.25, &mut [0.0, 1.0]), 0.25);
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.0, &mut [1.0, f64::NAN]), 1.0);
        assert_eq!(quantile(-1.0, &mut [1.0]), f64::NEG_INFINITY);
    }

    #[test]
    fn a_line_is_found_again() {
        let (slope, at) = regression(&[0, 1000, 2000], &[1.0, 3.0, 5.0], 2000);
        assert_eq!((slope, at), (2.0, 5.0));
        assert_eq!(regression(&[0, 1000], &[7.0, 7.0], 0), (0.0, 7.0));
    }
}
