//! `rate`, `increase` and `delta`: the change over a window, extrapolated to its ends; `irate` and
//! `idelta`: the change between the last two samples.

use std::sync::Arc;

use super::super::ast::Span;
use super::hist::{Combined, Hist, Incompatible};
use super::notes::Notes;
use super::select::{Bounds, seconds};
use crate::model::{CounterReset, Histogram, Timestamp};
use crate::storage::Columns;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Resets are made up for.
    pub counter: bool,
    /// Per second.
    pub per_second: bool,
}

/// Where annotations point to, and which metric they name.
pub(super) struct Told<'a> {
    pub notes: &'a mut Notes,
    pub span: Span,
    pub metric: &'a str,
}

impl Told<'_> {
    /// Notes what a combination of histograms came across. Collisions are not told: resets are
    /// looked for one by one here.
    pub fn combined(
        &mut self,
        result: Result<Combined, Incompatible>,
        during: &str,
    ) -> Result<(), Incompatible> {
        match result {
            Ok(combined) => {
                if combined.reconciled {
                    self.notes.reconciled(self.span, during);
                }
                Ok(())
            }
            Err(incompatible) => {
                self.notes.mixed_schemas(self.span, self.metric);
                Err(incompatible)
            }
        }
    }
}

/// Whether the start timestamps say that the counter began anew between two samples.
pub(super) fn restarted(starts: &[Timestamp], times: &[Timestamp], at: usize) -> bool {
    let Some(&start) = starts.get(at) else { return false };
    let (time, before, start_before) = (times[at], times[at - 1], starts[at - 1]);
    // A sample that starts just where the one before ends is a delta, unless nothing was known of
    // that one's start: then it is the first sample of a counter with an unknown start.
    start != 0
        && start < time
        && (start > before || start == before && start_before != 0 && start_before < before)
}

/// The start timestamp of the first sample of a window, where it can stand for a sample of 0.
fn origin(
    starts: &[Timestamp],
    times: &[Timestamp],
    first: usize,
    left: Timestamp,
) -> Option<Timestamp> {
    let start = *starts.get(first)?;
    (start != 0 && start > left && start < times[first]).then_some(start)
}

/// Warns of samples that start before the one before was taken.
fn warn_of_overlap(
    starts: &[Timestamp],
    times: &[Timestamp],
    window: (usize, usize),
    told: &mut Told,
) {
    if starts.is_empty() {
        return;
    }
    for at in window.0 + 1..window.1 {
        let start = starts[at];
        if start != 0 && start < times[at - 1] && start != starts[at - 1] {
            let message = "sample has start time that overlaps with previous sample timestamp";
            told.notes.warn(told.span, format!("{message} for metric {:?}", told.metric));
            return;
        }
    }
}

/// What resets took away, summed up from the first sample on: the difference of two entries is what
/// must be added to the change between them. `None` if there is no reset at all.
pub(super) fn reset_sums(columns: &Columns) -> Option<Vec<f64>> {
    let Columns { times, values, start_times, .. } = columns;
    let is_reset = |at: usize| values[at] < values[at - 1] || restarted(start_times, times, at);
    let first = (1..values.len()).find(|at| is_reset(*at))?;
    let mut sums = vec![0.0; first];
    let mut sum = 0.0;
    for at in first..values.len() {
        if is_reset(at) {
            sum += values[at - 1];
        }
        sums.push(sum);
    }
    Some(sums)
}

fn correction(columns: &Columns, sums: Option<&Vec<f64>>, first: usize, last: usize) -> f64 {
    let Some(sums) = sums else { return 0.0 };
    if sums[last].is_finite() {
        return sums[last] - sums[first];
    }
    // An infinite sum elsewhere must not spoil this window.
    let Columns { times, values, start_times, .. } = columns;
    (first + 1..=last)
        .filter(|&at| values[at] < values[at - 1] || restarted(start_times, times, at))
        .map(|at| values[at - 1])
        .sum()
}

/// How far the samples of a window reach, and from where a counter of 0 is known.
struct Extent {
    first: Timestamp,
    last: Timestamp,
    /// Samples in the window.
    count: usize,
    /// The start timestamp that stands for a sample of 0.
    origin: Option<Timestamp>,
    /// The first sample says that it is the counter's start.
    starts_here: bool,
}

/// The factor that extends a change between samples to the window's ends.
fn extrapolation(
    extent: &Extent,
    window: &Bounds,
    kind: Kind,
    first_value: f64,
    change: f64,
    range: i64,
) -> f64 {
    let first = extent.origin.unwrap_or(extent.first);
    let sampled = seconds(extent.last - first);
    let average = if extent.count > 1 {
        seconds(extent.last - extent.first) / (extent.count - 1) as f64
    } else {
        0.0
    };
    let mut to_start = seconds(first - window.start);
    let mut to_end = seconds(window.end - extent.last);
    let threshold = average * 1.1;
    if extent.origin.is_some() || extent.starts_here {
        // A counter cannot have been below 0 before it started.
        to_start = 0.0;
    } else if to_start >= threshold {
        to_start = average / 2.0;
    }
    if kind.counter && extent.origin.is_none() && change > 0.0 && first_value >= 0.0 {
        to_start = to_start.min(sampled * (first_value / change));
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if kind.per_second { factor / seconds(range) } else { factor }
}

/// The change over a window of floats; `None` with fewer than two samples.
pub(super) fn float_change(
    columns: &Columns,
    sums: Option<&Vec<f64>>,
    window: &Bounds,
    kind: Kind,
    range: i64,
    told: &mut Told,
) -> Option<f64> {
    let (first, end) = window.floats;
    let starts = &columns.start_times;
    if first == end {
        return None;
    }
    let last = end - 1;
    let origin =
        kind.counter.then(|| origin(starts, &columns.times, first, window.start)).flatten();
    if last == first && origin.is_none() {
        return None;
    }
    if kind.counter {
        warn_of_overlap(starts, &columns.times, (first, end), told);
    }
    let mut change = columns.values[last] - columns.values[first];
    if kind.counter {
        change += correction(columns, sums, first, last);
    }
    if origin.is_some() {
        change += columns.values[first];
    }
    let extent = Extent {
        first: columns.times[first],
        last: columns.times[last],
        count: end - first,
        origin,
        starts_here: kind.counter && starts.get(first) == Some(&columns.times[first]),
    };
    Some(change * extrapolation(&extent, window, kind, columns.values[first], change, range))
}

/// The change over a window of histograms.
pub(super) fn hist_change(
    columns: &Columns,
    window: &Bounds,
    kind: Kind,
    range: i64,
    told: &mut Told,
) -> Option<Arc<Histogram>> {
    let (first, end) = window.hists;
    if first == end {
        return None;
    }
    let (times, starts) = (&columns.histogram_times, &columns.histogram_start_times);
    let origin = kind.counter.then(|| origin(starts, times, first, window.start)).flatten();
    if end - first < 2 && origin.is_none() {
        return None;
    }
    if kind.counter {
        warn_of_overlap(starts, times, (first, end), told);
    }
    let samples: Vec<Hist> =
        columns.histograms[first..end].iter().map(|h| Hist::from(&**h)).collect();
    let restarts: Vec<bool> =
        (first..end).map(|at| at > first && restarted(starts, times, at)).collect();
    let first_count = samples[0].count;
    let mut change = hist_difference(&samples, &restarts, kind.counter, told)?;
    if origin.is_some() && told.combined(change.add(&samples[0]), "addition").is_err() {
        return None;
    }
    let extent = Extent {
        first: times[first],
        last: times[end - 1],
        count: end - first,
        origin,
        starts_here: kind.counter && starts.get(first) == Some(&times[first]),
    };
    let factor = extrapolation(&extent, window, kind, first_count, change.count, range);
    change.scale(factor);
    change.hint = CounterReset::Gauge;
    Some(Arc::new(Histogram::from(&change)))
}

/// Last minus first, resets made up for.
fn hist_difference(
    samples: &[Hist],
    restarts: &[bool],
    counter: bool,
    told: &mut Told,
) -> Option<Hist> {
    let last = samples.last()?;
    let is_reset = |at: usize| restarts[at] || samples[at].is_reset_after(&samples[at - 1]);
    let is_gauge = |sample: &Hist| sample.hint == CounterReset::Gauge;
    if counter && samples.iter().any(is_gauge) {
        told.notes.not_a_counter(told.span, told.metric);
    }
    let mut base = samples[0].clone();
    if counter && samples.len() > 1 && is_reset(1) {
        // Whatever the first sample looked like, nothing of it is needed.
        base = Hist {
            schema: samples[1].schema,
            custom: samples[1].custom.clone(),
            zero_threshold: samples[1].zero_threshold,
            ..Hist::default()
        };
    }
    let custom = base.is_custom();
    let middle = samples.get(1..samples.len().saturating_sub(1)).unwrap_or_default();
    if last.is_custom() != custom || counter && middle.iter().any(|h| h.is_custom() != custom) {
        told.notes.mixed_schemas(told.span, told.metric);
        return None;
    }
    let mut change = last.clone();
    if counter {
        let schema = samples[1..].iter().map(|h| h.schema).chain([base.schema]).min()?;
        change.reduce(schema);
    }
    told.combined(change.subtract(&base), "subtraction").ok()?;
    if counter {
        let mut before = base;
        for (at, sample) in samples.iter().enumerate().skip(1) {
            if restarts[at] || sample.is_reset_after(&before) {
                told.combined(change.add(&before), "addition").ok()?;
            }
            before = sample.clone();
        }
    } else if !is_gauge(&samples[0]) || !is_gauge(last) {
        told.notes.not_a_gauge(told.span, told.metric);
    }
    change.hint = CounterReset::Gauge;
    Some(change)
}

/// The last two samples of a window, of whatever kind.
pub(super) enum LastTwo {
    Floats(usize),
    Hists(usize),
    Mixed,
    Fewer,
}

pub(super) fn last_two(columns: &Columns, window: &Bounds) -> LastTwo {
    let mut found: Vec<(Timestamp, bool, usize)> = Vec::with_capacity(4);
    for back in 1..=2 {
        if window.floats.1 >= window.floats.0 + back {
            let at = window.floats.1 - back;
            found.push((columns.times[at], false, at));
        }
        if window.hists.1 >= window.hists.0 + back {
            let at = window.hists.1 - back;
            found.push((columns.histogram_times[at], true, at));
        }
    }
    found.sort_by_key(|sample| std::cmp::Reverse(sample.0));
    match found[..] {
        [(_, false, at), (_, false, _), ..] => LastTwo::Floats(at),
        [(_, true, at), (_, true, _), ..] => LastTwo::Hists(at),
        [_, _, ..] => LastTwo::Mixed,
        _ => LastTwo::Fewer,
    }
}

/// `irate` and `idelta` of floats; `at` is the last sample.
pub(super) fn float_instant(columns: &Columns, at: usize, kind: Kind) -> Option<f64> {
    let (before, last) = (columns.values[at - 1], columns.values[at]);
    let interval = columns.times[at] - columns.times[at - 1];
    if interval == 0 {
        return None;
    }
    let reset =
        kind.counter && (last < before || restarted(&columns.start_times, &columns.times, at));
    let change = if reset { last } else { last - before };
    Some(if kind.per_second { change / seconds(interval) } else { change })
}

/// `irate` and `idelta` of histograms; `at` is the last sample.
pub(super) fn hist_instant(
    columns: &Columns,
    at: usize,
    kind: Kind,
    told: &mut Told,
) -> Option<Arc<Histogram>> {
    let times = &columns.histogram_times;
    let interval = times[at] - times[at - 1];
    if interval == 0 {
        return None;
    }
    let before = Hist::from(&*columns.histograms[at - 1]);
    let mut last = Hist::from(&*columns.histograms[at]);
    let gauges = [&before, &last].map(|hist| hist.hint == CounterReset::Gauge);
    if kind.counter && gauges.contains(&true) {
        told.notes.not_a_counter(told.span, told.metric);
    }
    if !kind.counter && gauges.contains(&false) {
        told.notes.not_a_gauge(told.span, told.metric);
    }
    let reset = kind.counter
        && (last.is_reset_after(&before) || restarted(&columns.histogram_start_times, times, at));
    if !reset {
        told.combined(last.subtract(&before), "subtraction").ok()?;
    }
    last.hint = CounterReset::Gauge;
    if kind.per_second {
        last.divide(seconds(interval));
    }
    Some(Arc::new(Histogram::from(&last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(samples: &[(i64, f64)]) -> Columns {
        let (times, values) = samples.iter().copied().unzip();
        Columns { times, values, ..Columns::default() }
    }

    fn increase(columns: &Columns, start: i64, end: i64) -> Option<f64> {
        let sums = reset_sums(columns);
        let floats = (0, columns.times.len());
        let window = Bounds { floats, hists: (0, 0), start, end };
        let kind = Kind { counter: true, per_second: false };
        let mut notes = Notes::default();
        let mut told = Told { notes: &mut notes, span: Span::default(), metric: "" };
        float_change(columns, sums.as_ref(), &window, kind, end - start, &mut told)
    }

    #[test]
    fn a_steady_counter_is_extrapolated_to_both_ends() {
        let of = columns(&[(10_000, 10.0), (20_000, 20.0), (30_000, 30.0)]);
        assert_eq!(increase(&of, 5_000, 35_000), Some(30.0));
        // A gap of more than 1.1 intervals counts for half an interval.
        assert_eq!(increase(&of, 5_000, 60_000), Some(30.0));
    }

    #[test]
    fn resets_are_made_up_for() {
        let of = columns(&[(0, 5.0), (10_000, 8.0), (20_000, 2.0), (30_000, 4.0)]);
        assert_eq!(increase(&of, -1, 30_000).map(f64::round), Some(7.0));
    }

    #[test]
    fn a_start_timestamp_inside_the_window_is_a_sample_of_zero() {
        let mut of = columns(&[(60_000, 6.0)]);
        assert_eq!(increase(&of, 0, 60_000), None);
        of.start_times = vec![30_000];
        assert_eq!(increase(&of, 0, 60_000), Some(6.0));
    }

    #[test]
    fn a_delta_sample_restarts_the_counter_but_an_unknown_start_does_not() {
        let times = [10, 20];
        assert!(restarted(&[5, 10], &times, 1));
        assert!(!restarted(&[0, 10], &times, 1));
        assert!(!restarted(&[10, 10], &times, 1));
        assert!(restarted(&[0, 11], &times, 1));
        assert!(!restarted(&[0, 20], &times, 1));
    }
}
