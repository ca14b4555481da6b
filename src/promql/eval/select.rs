//! Reading series: instant selectors with their lookback, and range vectors with their windows.

use std::sync::Arc;

use super::super::ast::{At, DurationExpr, Edges, VectorSelector};
use super::super::{Expr, QueryError};
use super::hist::Hist;
use super::matrix::{ABSENT, Cell, Head, HistCell, Matrix, Steps};
use super::{Evaluator, Result, bad_duration};
use crate::model::{CounterReset, Histogram, Matcher, TimeRange, Timestamp, is_stale};
use crate::storage::Columns;

/// What an instant selector is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The sample itself.
    Value,
    /// When it was taken, in seconds.
    Time,
    /// Since when it counts, in seconds; 0 where it is not known.
    StartTime,
}

/// Where a selector looks from a step: at the step's time or a fixed one, minus an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub at: Option<Timestamp>,
    pub offset: i64,
}

impl Place {
    #[inline]
    pub fn of(self, time: Timestamp) -> Timestamp {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }
}

/// The windows of a range vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// Length in milliseconds.
    pub range: i64,
    pub place: Place,
    pub edges: Edges,
    pub lookback: i64,
}

/// The samples of one window, as half-open index ranges into the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub floats: (usize, usize),
    pub hists: (usize, usize),
    /// The window is `(start, end]`.
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Windows {
    /// Samples to read for all windows.
    fn read_range(&self, steps: Steps) -> TimeRange {
        let (left, right) = match self.edges {
            Edges::Plain => (0, 0),
            Edges::Anchored => (self.lookback, 0),
            Edges::Smoothed => (self.lookback, self.lookback),
        };
        let first = self.place.of(steps.start).saturating_sub(self.range).saturating_sub(left);
        let last = self.place.of(steps.end()).saturating_add(right);
        TimeRange::new(first.saturating_add(1), last)
    }

    /// The window of every step, found with pointers that only move forward.
    pub fn bounds(&self, columns: &Columns, steps: Steps) -> Vec<Bounds> {
        let (mut floats, mut hists) = ((0, 0), (0, 0));
        let slide = |times: &[Timestamp], at: &mut (usize, usize), start, end| {
            at.0 += times[at.0..].iter().take_while(|time| **time <= start).count();
            at.1 = at.1.max(at.0);
            at.1 += times[at.1..].iter().take_while(|time| **time <= end).count();
        };
        let windows = steps.times().map(|time| {
            let end = self.place.of(time);
            let start = end.saturating_sub(self.range);
            slide(&columns.times, &mut floats, start, end);
            slide(&columns.histogram_times, &mut hists, start, end);
            Bounds { floats, hists, start, end }
        });
        windows.collect()
    }
}

impl Evaluator<'_> {
    pub(super) fn duration(&self, expr: &DurationExpr, positive: bool) -> Result<i64> {
        let context = self.durations();
        let resolved =
            if positive { expr.resolve_positive(context) } else { expr.resolve(context) };
        resolved.map_err(|err| bad_duration(err.span, err.message, &self.options.text))
    }

    fn place(&self, at: Option<At>, offset: Option<&DurationExpr>) -> Result<Place> {
        Ok(Place {
            at: self.fixed_time(at),
            offset: offset.map_or(Ok(0), |offset| self.duration(offset, false))?,
        })
    }

    /// Where a selector looks.
    pub(super) fn place_of(&self, selector: &VectorSelector) -> Result<Place> {
        self.place(selector.at, selector.offset.as_ref())
    }

    /// Hands over the decoded columns of every series that passes, one after the other.
    pub(super) fn each_series(
        &mut self,
        matchers: &[Matcher],
        range: TimeRange,
        mut each: impl FnMut(&mut Self, &Head, &mut Columns) -> Result<()>,
    ) -> Result<()> {
        let mut range = range;
        if self.watch_resets {
            // The first sample that is used needs one to be compared with.
            range.start = range.start.saturating_sub(self.lookback);
        }
        let series = self.store.select(matchers, range, &self.symbols)?;
        let mut columns = Columns::default();
        for index in 0..series.len() {
            if index % 256 == 0 {
                self.check_time()?;
            }
            series.read(index, range, &mut columns)?;
            self.stats.series_decoded += 1;
            if columns.is_empty() {
                continue;
            }
            let head = Head { labels: series.labels(index).clone(), drop_name: false };
            if self.watch_resets && !columns.histograms.is_empty() {
                note_resets(&mut columns);
            }
            each(self, &head, &mut columns)?;
        }
        Ok(())
    }

    /// An instant selector at all steps.
    pub(super) fn select_instant(
        &mut self,
        selector: &VectorSelector,
        steps: Steps,
        wanted: Wanted,
    ) -> Result<Matrix> {
        let place = self.place_of(selector)?;
        let matchers: Vec<Matcher> = selector.plain_matchers().cloned().collect();
        if place.at.is_some() && steps.count > 1 {
            let once =
                self.select_at(&matchers, selector, place, Steps::once(steps.start), wanted)?;
            self.charge(once.len(), steps.count)?;
            return Ok(once.broadcast(steps.count));
        }
        self.select_at(&matchers, selector, place, steps, wanted)
    }

    fn select_at(
        &mut self,
        matchers: &[Matcher],
        selector: &VectorSelector,
        place: Place,
        steps: Steps,
        wanted: Wanted,
    ) -> Result<Matrix> {
        let lookback = self.lookback;
        let smoothed = selector.edges == Edges::Smoothed;
        let first = place.of(steps.start).saturating_sub(lookback).saturating_add(1);
        let ahead = if smoothed { lookback } else { 0 };
        let range = TimeRange::new(first, place.of(steps.end()).saturating_add(ahead));
        let mut matrix = Matrix::new(steps.count);
        let mut values = vec![ABSENT; steps.count];
        let mut hists: Vec<HistCell> = Vec::new();
        self.each_series(matchers, range, |evaluator, head, columns| {
            values.fill(ABSENT);
            hists.clear();
            if smoothed && wanted == Wanted::Value {
                drop_stale(columns);
                evaluator.smooth(
                    head,
                    columns,
                    steps,
                    place,
                    selector.span,
                    (&mut values, &mut hists),
                );
            } else {
                latest(columns, steps, place, lookback, wanted, (&mut values, &mut hists));
            }
            let found = values.iter().filter(|value| !is_stale(**value)).count()
                + hists.iter().flatten().count();
            if found > 0 {
                evaluator.stats.total_samples += found as u64;
                evaluator.charge(1, steps.count)?;
                matrix.push(head.clone(), &values, std::mem::take(&mut hists));
            }
            Ok(())
        })?;
        Ok(matrix)
    }

    /// Hands over every series of a range vector with its windows. Stale markers are gone.
    pub(super) fn each_range(
        &mut self,
        expr: &Expr,
        steps: Steps,
        mut each: impl FnMut(&mut Self, &Head, &Columns, Windows) -> Result<()>,
    ) -> Result<()> {
        match expr.unwrap_parens() {
            Expr::Matrix(matrix) => {
                let selector = &matrix.selector;
                let windows = Windows {
                    range: self.duration(&matrix.range, true)?,
                    place: self.place_of(selector)?,
                    edges: selector.edges,
                    lookback: self.lookback,
                };
                let matchers: Vec<Matcher> = selector.plain_matchers().cloned().collect();
                self.each_series(
                    &matchers,
                    windows.read_range(steps),
                    |evaluator, head, columns| {
                        drop_stale(columns);
                        let held = columns.len();
                        evaluator.charge(1, held)?;
                        each(evaluator, head, columns, windows)?;
                        evaluator.release(1, held);
                        Ok(())
                    },
                )
            }
            Expr::Subquery(subquery) => {
                let range = self.duration(&subquery.range, true)?;
                let place = self.place(subquery.at, subquery.offset.as_ref())?;
                let step = match &subquery.step {
                    Some(step) => self.duration(step, true)?,
                    None => i64::try_from(self.options.default_step.as_millis())
                        .unwrap_or(i64::MAX)
                        .max(1),
                };
                let windows =
                    Windows { range, place, edges: Edges::Plain, lookback: self.lookback };
                let TimeRange { start, end } = windows.read_range(steps);
                // The steps are multiples of the step since 1970, whatever the query's start.
                let first = start.div_euclid(step).saturating_mul(step);
                let first = if first < start { first.saturating_add(step) } else { first };
                if first > end {
                    return Ok(());
                }
                let count = (end.saturating_sub(first) / step) as u64 + 1;
                if count > self.options.max_samples {
                    return Err(QueryError::TooManySamples);
                }
                let inner = Steps { start: first, step, count: count as usize };
                let (outer, watch) = (self.invariant, self.watch_resets);
                self.invariant = false;
                self.watch_resets = false;
                let matrix = self.eval_vector(&subquery.expr, inner);
                self.invariant = outer;
                self.watch_resets = watch;
                let matrix = matrix?;
                let mut columns = Columns::default();
                for row in matrix.rows() {
                    columns.clear();
                    for (index, time) in inner.times().enumerate() {
                        match row.cell(index) {
                            Cell::Absent => {}
                            Cell::Float(value) => {
                                columns.times.push(time);
                                columns.values.push(value);
                            }
                            Cell::Hist(histogram) => {
                                columns.histogram_times.push(time);
                                columns.histograms.push(forget_hint(histogram));
                            }
                        }
                    }
                    if !columns.is_empty() {
                        each(self, row.head, &columns, windows)?;
                    }
                }
                self.release(matrix.len(), matrix.steps);
                Ok(())
            }
            _ => Err(QueryError::Execution("expected a range vector".to_owned())),
        }
    }
}

/// A subquery may repeat or skip samples, so what they say of the sample before is void.
fn forget_hint(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    match histogram.counter_reset {
        CounterReset::Reset | CounterReset::NotReset => Arc::new(Histogram {
            counter_reset: CounterReset::Unknown,
            ..Histogram::clone(histogram)
        }),
        CounterReset::Unknown | CounterReset::Gauge => Arc::clone(histogram),
    }
}

/// Writes into every histogram but the first whether its count fell, as Prometheus does where only
/// the count or the sum is asked for.
fn note_resets(columns: &mut Columns) {
    let mut before: Option<Hist> = None;
    for histogram in &mut columns.histograms {
        if histogram.is_stale() {
            before = None;
            continue;
        }
        let mut now = Hist::from(&**histogram);
        if now.hint == CounterReset::Unknown
            && let Some(before) = &before
        {
            let reset = now.is_reset_after(before);
            now.hint = if reset { CounterReset::Reset } else { CounterReset::NotReset };
            *histogram =
                Arc::new(Histogram { counter_reset: now.hint, ..Histogram::clone(histogram) });
        }
        before = Some(Hist { hint: CounterReset::Unknown, ..now });
    }
}

/// Leaves the stale markers out.
pub(super) fn drop_stale(columns: &mut Columns) {
    if columns.values.iter().any(|value| is_stale(*value)) {
        let keep: Vec<bool> = columns.values.iter().map(|value| !is_stale(*value)).collect();
        filter(&mut columns.times, &keep);
        filter(&mut columns.start_times, &keep);
        filter(&mut columns.values, &keep);
    }
    if columns.histograms.iter().any(|histogram| histogram.is_stale()) {
        let keep: Vec<bool> = columns.histograms.iter().map(|h| !h.is_stale()).collect();
        filter(&mut columns.histogram_times, &keep);
        filter(&mut columns.histogram_start_times, &keep);
        filter(&mut columns.histograms, &keep);
    }
}

fn filter<T>(list: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    list.retain(|_| keep.next().copied().unwrap_or(true));
}

/// The newest sample of every step within the lookback; a stale marker hides all before it.
fn latest(
    columns: &Columns,
    steps: Steps,
    place: Place,
    lookback: i64,
    wanted: Wanted,
    (values, hists): (&mut [f64], &mut Vec<HistCell>),
) {
    let (mut float, mut hist) = (0, 0);
    for (index, value) in values.iter_mut().enumerate() {
        let end = place.of(steps.time(index));
        let oldest = end.saturating_sub(lookback);
        let forward = |times: &[Timestamp], from: usize| {
            from + times[from..].iter().take_while(|time| **time <= end).count()
        };
        float = forward(&columns.times, float);
        hist = forward(&columns.histogram_times, hist);
        let last = |times: &[Timestamp], next: usize| {
            next.checked_sub(1).map(|at| (times[at], at)).filter(|found| found.0 > oldest)
        };
        let float_found = last(&columns.times, float);
        let hist_found = last(&columns.histogram_times, hist);
        let start_of =
            |starts: &[Timestamp], at: usize| starts.get(at).map_or(0.0, |start| seconds(*start));
        match (float_found, hist_found) {
            (Some((time, at)), other)
                if other.is_none_or(|other| other.0 < time) && !is_stale(columns.values[at]) =>
            {
                *value = match wanted {
                    Wanted::Value => columns.values[at],
                    Wanted::Time => seconds(time),
                    Wanted::StartTime => start_of(&columns.start_times, at),
                };
            }
            (_, Some((time, at))) => {
                let histogram = &columns.histograms[at];
                if histogram.is_stale() {
                    continue;
                }
                match wanted {
                    Wanted::Value => {
                        if hists.is_empty() {
                            hists.resize(steps.count, None);
                        }
                        hists[index] = Some(Arc::clone(histogram));
                    }
                    Wanted::Time => *value = seconds(time),
                    Wanted::StartTime => *value = start_of(&columns.histogram_start_times, at),
                }
            }
            _ => {}
        }
    }
}

/// Milliseconds as seconds.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(samples: &[(i64, f64)]) -> Columns {
        let (times, values) = samples.iter().copied().unzip();
        Columns { times, values, ..Columns::default() }
    }

    #[test]
    fn windows_are_open_on_the_left() {
        let columns = floats(&[(0, 1.0), (10, 2.0), (20, 3.0)]);
        let place = Place { at: None, offset: 0 };
        let windows = Windows { range: 10, place, edges: Edges::Plain, lookback: 0 };
        let bounds = windows.bounds(&columns, Steps { start: 10, step: 10, count: 3 });
        let floats: Vec<_> = bounds.iter().map(|bounds| bounds.floats).collect();
        assert_eq!(floats, [(1, 2), (2, 3), (3, 3)]);
    }

    #[test]
    fn a_stale_marker_hides_at_once_and_the_lookback_is_open() {
        let columns = floats(&[(0, 1.0), (10, ABSENT), (40, 2.0)]);
        let (mut values, mut hists) = ([ABSENT; 6], Vec::new());
        let steps = Steps { start: 5, step: 10, count: 6 };
        let place = Place { at: None, offset: 0 };
        latest(&columns, steps, place, 15, Wanted::Value, (&mut values, &mut hists));
        let found: Vec<_> = values.iter().map(|value| !is_stale(*value)).collect();
        assert_eq!(found, [true, false, false, false, true, false]);
    }
}
