//! `anchored` and `smoothed`: windows that look beyond their edges instead of extrapolating.

use std::sync::Arc;

use super::super::ast::Span;
use super::Evaluator;
use super::hist::Hist;
use super::matrix::{ABSENT, Head, HistCell, Steps};
use super::rate::{self, Kind, Told};
use super::select::{Bounds, Place, seconds};
use crate::model::{CounterReset, Histogram, Timestamp};
use crate::storage::Columns;

/// What is computed over the extended window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Change(Kind),
    Changes,
    Resets,
}

/// One function with its edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub what: What,
    pub smoothed: bool,
    pub range: i64,
    pub lookback: i64,
}

/// Counts changes or resets between neighbouring samples of either kind; a change of kind counts.
pub(super) fn count(
    columns: &Columns,
    (mut float, floats): (usize, usize),
    (mut hist, hists): (usize, usize),
    what: What,
) -> Option<f64> {
    enum Sample<'a> {
        Float(usize),
        Hist(usize, &'a Histogram),
    }
    let mut before: Option<Sample> = None;
    let mut count = 0.0;
    loop {
        let next_float = (float < floats).then(|| columns.times[float]);
        let next_hist = (hist < hists).then(|| columns.histogram_times[hist]);
        let sample = match (next_float, next_hist) {
            (None, None) => return before.map(|_| count),
            (Some(time), other) if other.is_none_or(|other| time < other) => {
                float += 1;
                Sample::Float(float - 1)
            }
            _ => {
                hist += 1;
                Sample::Hist(hist - 1, &columns.histograms[hist - 1])
            }
        };
        let hit = match (&before, &sample) {
            (None, _) => false,
            (Some(Sample::Float(old)), Sample::Float(new)) => {
                let (a, b) = (columns.values[*old], columns.values[*new]);
                if what == What::Changes {
                    a != b && !(a.is_nan() && b.is_nan())
                } else {
                    b < a || rate::restarted(&columns.start_times, &columns.times, *new)
                }
            }
            (Some(Sample::Hist(_, old)), Sample::Hist(at, new)) => {
                let (old, new) = (Hist::from(*old), Hist::from(*new));
                if what == What::Changes {
                    !new.same(&old)
                } else {
                    let starts = &columns.histogram_start_times;
                    new.is_reset_after(&old)
                        || rate::restarted(starts, &columns.histogram_times, *at)
                }
            }
            _ => true,
        };
        count += f64::from(u8::from(hit));
        before = Some(sample);
    }
}

/// The samples that a window uses: from the last one at or before its start, as far as the lookback
/// allows, up to its end or, smoothed, to the first one behind it.
fn reach(times: &[Timestamp], window: &Bounds, job: &Job) -> (usize, usize) {
    let oldest = window.start.saturating_sub(job.lookback);
    let newest = if job.smoothed { window.end.saturating_add(job.lookback) } else { window.end };
    let from = times.partition_point(|time| *time <= oldest);
    let inside = times.partition_point(|time| *time <= window.start);
    let mut to = times.partition_point(|time| *time <= window.end);
    if job.smoothed
        && (to == 0 || times[to - 1] < window.end)
        && times.get(to).is_some_and(|time| *time <= newest)
    {
        to += 1;
    }
    (from.max(inside.saturating_sub(1)).min(to), to)
}

/// Runs the function over every window of one series.
pub(super) fn run(
    job: Job,
    columns: &Columns,
    bounds: &[Bounds],
    (values, cells): (&mut [f64], &mut Vec<HistCell>),
    told: &mut Told,
) {
    for (step, window) in bounds.iter().enumerate() {
        let mut floats = reach(&columns.times, window, &job);
        let mut hists = reach(&columns.histogram_times, window, &job);
        // Only the newer one of two anchors counts.
        let anchor = |times: &[Timestamp], (from, to): (usize, usize)| {
            times[from..to].first().copied().filter(|time| *time <= window.start)
        };
        match (anchor(&columns.times, floats), anchor(&columns.histogram_times, hists)) {
            (Some(float), Some(hist)) if float < hist => floats.0 += 1,
            (Some(_), Some(_)) => hists.0 += 1,
            _ => {}
        }
        let inside = |times: &[Timestamp], (from, to): (usize, usize)| {
            let times = &times[from..to];
            // Something must lie inside, or on both sides to interpolate between.
            times.iter().any(|t| window.start < *t && *t <= window.end)
                || job.smoothed
                    && times.first().is_some_and(|t| *t <= window.start)
                    && times.last().is_some_and(|t| *t > window.end)
        };
        if !inside(&columns.times, floats) && !inside(&columns.histogram_times, hists) {
            continue;
        }
        match job.what {
            What::Changes | What::Resets => {
                values[step] = count(columns, floats, hists, job.what).unwrap_or(ABSENT);
            }
            What::Change(kind) => {
                if floats.0 < floats.1 && hists.0 < hists.1 {
                    told.notes.mixed_floats_histograms(told.span, told.metric);
                } else if floats.0 < floats.1 {
                    values[step] = float_change(columns, floats, window, kind, &job);
                } else if let Some(change) = hist_change(columns, hists, window, kind, &job, told) {
                    if cells.is_empty() {
                        cells.resize(values.len(), None);
                    }
                    cells[step] = Some(Arc::new(Histogram::from(&change)));
                }
            }
        }
    }
}

fn share(left: Timestamp, right: Timestamp, at: Timestamp) -> f64 {
    (at - left) as f64 / (right - left) as f64
}

/// Value between two samples. Across a reset a counter starts from 0 after the left sample.
fn between(columns: &Columns, right: usize, at: Timestamp, counter: bool, left_edge: bool) -> f64 {
    let (old, mut new) = (columns.values[right - 1], columns.values[right]);
    let share = share(columns.times[right - 1], columns.times[right], at);
    if counter && new < old {
        if left_edge {
            return new * share;
        }
        new += old;
    }
    old + (new - old) * share
}

fn float_change(
    columns: &Columns,
    (from, to): (usize, usize),
    window: &Bounds,
    kind: Kind,
    job: &Job,
) -> f64 {
    let (mut first, mut last) = (from, to - 1);
    let mut left = columns.values[first];
    let mut right = columns.values[last];
    if job.smoothed && columns.times[first] < window.start && first < last {
        left = between(columns, first + 1, window.start, kind.counter, true);
    }
    if job.smoothed && columns.times[last] > window.end && last > 0 && last > first {
        // Between the same two samples both ends lie on the same side of a reset.
        let same = last == first + 1 && columns.times[first] < window.start;
        right = between(columns, last, window.end, kind.counter, same);
    } else {
        last += 1;
    }
    first += 1;
    let mut change = right - left;
    if kind.counter {
        let mut before = left;
        let inner = columns.values.get(first..last).unwrap_or_default();
        for &value in inner.iter().chain([&right]) {
            if value < before {
                change += before;
            }
            before = value;
        }
    }
    if kind.per_second { change / seconds(job.range) } else { change }
}

/// As [`between`] for histograms.
fn hist_between(
    old: &Hist,
    new: &Hist,
    share: f64,
    (counter, left_edge): (bool, bool),
    told: &mut Told,
) -> Option<Hist> {
    let mut value = new.clone();
    if counter && new.is_reset_after(old) {
        value.scale(share);
        if !left_edge {
            value.hint = old.hint;
            told.combined(value.add(old), "addition").ok()?;
        }
        return Some(value);
    }
    told.combined(value.subtract(old), "subtraction").ok()?;
    value.scale(share);
    told.combined(value.add(old), "addition").ok()?;
    value.hint = old.hint;
    Some(value)
}

fn hist_change(
    columns: &Columns,
    (from, to): (usize, usize),
    window: &Bounds,
    kind: Kind,
    job: &Job,
    told: &mut Told,
) -> Option<Hist> {
    let times = &columns.histogram_times[from..to];
    let samples: Vec<Hist> =
        columns.histograms[from..to].iter().map(|h| Hist::from(&**h)).collect();
    let last = samples.len() - 1;
    let gauge = |hist: &Hist| hist.hint == CounterReset::Gauge;
    if kind.counter && samples.iter().any(gauge) {
        told.notes.not_a_counter(told.span, told.metric);
    }
    if !kind.counter && [&samples[0], &samples[last]].into_iter().any(|end| !gauge(end)) {
        told.notes.not_a_gauge(told.span, told.metric);
    }
    let mut left = samples[0].clone();
    let mut right = samples[last].clone();
    let mut inner = samples.get(1..).unwrap_or_default();
    if job.smoothed && times[0] < window.start && last > 0 {
        let share = share(times[0], times[1], window.start);
        left = hist_between(&samples[0], &samples[1], share, (kind.counter, true), told)?;
    }
    if job.smoothed && times[last] > window.end && last > 0 {
        let share = share(times[last - 1], times[last], window.end);
        let sides = (&samples[last - 1], &samples[last]);
        // Between the same two samples both ends lie on the same side of a reset.
        let same = last == 1 && times[0] < window.start;
        right = hist_between(sides.0, sides.1, share, (kind.counter, same), told)?;
        inner = &samples[1..last];
    }
    if kind.counter {
        // The anchor's layout does not matter if the counter started anew after it.
        if let Some(next) = inner.first()
            && left.is_custom() != next.is_custom()
            && next.is_custom() == right.is_custom()
        {
            left = Hist {
                schema: next.schema,
                custom: next.custom.clone(),
                zero_threshold: next.zero_threshold,
                ..Hist::default()
            };
        }
    }
    let mut change = right.clone();
    told.combined(change.subtract(&left), "subtraction").ok()?;
    if kind.counter {
        // An interpolated left end already counts from the reset before the next sample.
        let interpolated = job.smoothed && times[0] < window.start && last > 0;
        let mut before = left;
        for (at, sample) in inner.iter().enumerate() {
            if !(at == 0 && interpolated) && sample.is_reset_after(&before) {
                told.combined(change.add(&before), "addition").ok()?;
            }
            before = sample.clone();
        }
        if right.count < before.count && right.is_reset_after(&before) {
            told.combined(change.add(&before), "addition").ok()?;
        }
    }
    if kind.per_second {
        change.divide(seconds(job.range));
    }
    change.hint = CounterReset::Gauge;
    Some(change)
}

impl Evaluator<'_> {
    /// A smoothed instant selector: between two samples it interpolates; after the last one it keeps
    /// the last value as long as the lookback allows.
    pub(super) fn smooth(
        &mut self,
        head: &Head,
        columns: &Columns,
        steps: Steps,
        place: Place,
        span: Span,
        (values, cells): (&mut [f64], &mut Vec<HistCell>),
    ) {
        let metric = self.name_of(&head.labels);
        for (index, value) in values.iter_mut().enumerate() {
            let at = place.of(steps.time(index));
            let near = |times: &[Timestamp]| {
                let oldest = at.saturating_sub(self.lookback);
                let newest = at.saturating_add(self.lookback);
                let from = times.partition_point(|time| *time <= oldest);
                let here = times.partition_point(|time| *time <= at);
                let to = times.partition_point(|time| *time <= newest);
                (from, here, to)
            };
            let (from, here, to) = near(&columns.times);
            let (hist_from, hist_here, hist_to) = near(&columns.histogram_times);
            if from < to && hist_from < hist_to {
                self.notes.mixed_floats_histograms(span, &metric);
                continue;
            }
            if from < here {
                *value = if columns.times[here - 1] == at || here == to {
                    columns.values[here - 1]
                } else {
                    between(columns, here, at, false, false)
                };
            } else if hist_from < hist_here {
                let old = &columns.histograms[hist_here - 1];
                let histogram =
                    if columns.histogram_times[hist_here - 1] == at || hist_here == hist_to {
                        Arc::clone(old)
                    } else {
                        let (left, right) = (
                            columns.histogram_times[hist_here - 1],
                            columns.histogram_times[hist_here],
                        );
                        let new = Hist::from(&*columns.histograms[hist_here]);
                        let mut told = Told { notes: &mut self.notes, span, metric: &metric };
                        let share = share(left, right, at);
                        let both = (false, false);
                        match hist_between(&Hist::from(&**old), &new, share, both, &mut told) {
                            Some(hist) => Arc::new(Histogram::from(&hist)),
                            None => continue,
                        }
                    };
                if cells.is_empty() {
                    cells.resize(steps.count, None);
                }
                cells[index] = Some(histogram);
            }
        }
    }
}
