//! Functions of range vectors: each series is decoded once, and its windows slide over the columns.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::QueryError;
use super::super::ast::{Call, Edges};
use super::extended;
use super::hist::{Hist, HistSum};
use super::matrix::{ABSENT, Head, HistCell, Matrix, Steps};
use super::numeric::{self, Mean, Sum};
use super::rate::{self, Kind, LastTwo, Told};
use super::select::{Bounds, Windows, seconds};
use super::{Evaluator, Result};
use crate::model::{Histogram, is_stale};
use crate::storage::Columns;

/// Whether a name is that of a function of a range vector that this file evaluates.
pub(super) fn is_range_function(name: &str) -> bool {
    kind_of(name).is_some()
}

fn kind_of(name: &str) -> Option<Function> {
    use Function as F;
    Some(match name {
        "rate" => F::Change(Kind { counter: true, per_second: true }),
        "increase" => F::Change(Kind { counter: true, per_second: false }),
        "delta" => F::Change(Kind { counter: false, per_second: false }),
        "irate" => F::Instant(Kind { counter: true, per_second: true }),
        "idelta" => F::Instant(Kind { counter: false, per_second: false }),
        "sum_over_time" => F::Sum,
        "avg_over_time" => F::Avg,
        "min_over_time" => F::Min,
        "max_over_time" => F::Max,
        "count_over_time" => F::Count,
        "present_over_time" => F::Present,
        "last_over_time" => F::Last,
        "first_over_time" => F::First,
        "changes" => F::Changes,
        "resets" => F::Resets,
        "stddev_over_time" => F::Stddev,
        "stdvar_over_time" => F::Stdvar,
        "quantile_over_time" => F::Quantile,
        "mad_over_time" => F::Mad,
        "deriv" => F::Deriv,
        "predict_linear" => F::PredictLinear,
        "double_exponential_smoothing" => F::Smoothing,
        "ts_of_first_over_time" => F::TimeOfFirst,
        "ts_of_last_over_time" => F::TimeOfLast,
        "ts_of_min_over_time" => F::TimeOfMin,
        "ts_of_max_over_time" => F::TimeOfMax,
        _ => return None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Change(Kind),
    Instant(Kind),
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Present,
    Last,
    First,
    Changes,
    Resets,
    Stddev,
    Stdvar,
    Quantile,
    Mad,
    Deriv,
    PredictLinear,
    Smoothing,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

impl Function {
    /// Whether only floats count; histograms beside them are told.
    fn ignores_histograms(self) -> bool {
        matches!(
            self,
            Self::Min
                | Self::Max
                | Self::Stddev
                | Self::Stdvar
                | Self::Quantile
                | Self::Mad
                | Self::Deriv
                | Self::PredictLinear
                | Self::Smoothing
                | Self::TimeOfMin
                | Self::TimeOfMax
        )
    }
}

/// One row of the result while it is made.
struct Out {
    values: Vec<f64>,
    hists: Vec<HistCell>,
}

impl Out {
    fn set_hist(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.hists.is_empty() {
            self.hists.resize(self.values.len(), None);
        }
        self.hists[step] = Some(histogram);
    }
}

impl Evaluator<'_> {
    /// Calls a function of a range vector.
    pub(super) fn range_call(&mut self, call: &Call, steps: Steps) -> Result<Matrix> {
        let mut matrix = Matrix::new(steps.count);
        self.range_rows(call, steps, |evaluator, head, values, hists| {
            evaluator.charge(1, steps.count)?;
            matrix.push(head, values, hists);
            Ok(())
        })?;
        Ok(matrix)
    }

    /// As [`Self::range_call`], handing over row by row so that an aggregation needs no matrix.
    pub(super) fn range_rows(
        &mut self,
        call: &Call,
        steps: Steps,
        mut each: impl FnMut(&mut Self, Head, &[f64], Vec<HistCell>) -> Result<()>,
    ) -> Result<()> {
        let function = kind_of(call.function.name).expect("the caller asked `is_range_function`");
        let (mut parameters, mut range) = (Vec::new(), &call.args[0]);
        for arg in &call.args {
            if arg.value_type() == super::ValueType::Matrix {
                range = arg;
            } else {
                parameters.push(self.eval_scalar(arg, steps)?);
            }
        }
        if function == Function::Quantile {
            for &q in &parameters[0] {
                if q.is_nan() || !(0.0..=1.0).contains(&q) {
                    self.notes.bad_quantile(call.args[0].span(), q);
                }
            }
        }
        let keeps_name = matches!(function, Function::Last | Function::First);
        let span = range.span();
        let mut out = Out { values: vec![ABSENT; steps.count], hists: Vec::new() };
        self.each_range(range, steps, |evaluator, head, columns, windows| {
            out.values.fill(ABSENT);
            out.hists.clear();
            let bounds = windows.bounds(columns, steps);
            let used = bounds.iter().map(|b| b.floats.1 - b.floats.0 + b.hists.1 - b.hists.0);
            evaluator.stats.total_samples += used.sum::<usize>() as u64;
            let metric = super::labels::metric_name(&head.labels, &evaluator.symbols);
            let mut told = Told { notes: &mut evaluator.notes, span, metric };
            if windows.edges == Edges::Plain {
                let job = Job { function, columns, bounds: &bounds, steps, windows };
                job.run(&parameters, &mut out, &mut told)?;
            } else {
                let job = extended_job(function, &windows)?;
                extended::run(job, columns, &bounds, (&mut out.values, &mut out.hists), &mut told);
            }
            let empty =
                out.values.iter().all(|v| is_stale(*v)) && out.hists.iter().all(Option::is_none);
            if empty {
                return Ok(());
            }
            if matches!(function, Function::Change(Kind { counter: true, .. }))
                && out.hists.is_empty()
                && !metric.is_empty()
                && !["_total", "_sum", "_count", "_bucket"].iter().any(|end| metric.ends_with(end))
            {
                let message = format!(
                    "metric might not be a counter, name does not end in \
                     _total/_sum/_count/_bucket: {metric:?}"
                );
                told.notes.inform(span, message);
            }
            let drop_name = head.drop_name || !keeps_name;
            let head = Head { labels: head.labels.clone(), drop_name };
            each(evaluator, head, &out.values, std::mem::take(&mut out.hists))
        })
    }
}

fn extended_job(function: Function, windows: &Windows) -> Result<extended::Job> {
    let smoothed = windows.edges == Edges::Smoothed;
    let what = match function {
        Function::Change(kind) => extended::What::Change(kind),
        Function::Changes => extended::What::Changes,
        Function::Resets => extended::What::Resets,
        _ => {
            let message = "anchored and smoothed do not fit this function";
            return Err(QueryError::Execution(message.to_owned()));
        }
    };
    Ok(extended::Job { what, smoothed, range: windows.range, lookback: windows.lookback })
}

/// One function over one series.
struct Job<'a> {
    function: Function,
    columns: &'a Columns,
    bounds: &'a [Bounds],
    steps: Steps,
    windows: Windows,
}

impl Job<'_> {
    fn floats(&self, bounds: &Bounds) -> &[f64] {
        &self.columns.values[bounds.floats.0..bounds.floats.1]
    }

    /// Whether the windows overlap so much that sliding beats looking at each anew.
    fn overlaps(&self) -> bool {
        let work: usize = self.bounds.iter().map(|b| b.floats.1 - b.floats.0).sum();
        work > 2 * self.columns.values.len()
    }

    fn run(&self, parameters: &[Vec<f64>], out: &mut Out, told: &mut Told) -> Result<()> {
        let columns = self.columns;
        if self.function.ignores_histograms() && !columns.histograms.is_empty() {
            let mixed = |b: &Bounds| b.floats.1 > b.floats.0 && b.hists.1 > b.hists.0;
            if self.bounds.iter().any(mixed) {
                told.notes.histograms_ignored_in_range(told.span, told.metric);
            }
        }
        match self.function {
            Function::Change(kind) => self.change(kind, out, told),
            Function::Instant(kind) => self.instant(kind, out, told),
            Function::Sum => {
                self.sums(out);
                self.combined_hists(out, told, HistSum::add, HistSum::sum);
            }
            Function::Avg => {
                self.means(out);
                self.combined_hists(out, told, HistSum::add_to_mean, HistSum::mean);
            }
            Function::Min => self.extremes(out, |new, old| new <= old),
            Function::Max => self.extremes(out, |new, old| new >= old),
            Function::Count => self.each(out, |b| {
                Some((b.floats.1 - b.floats.0 + b.hists.1 - b.hists.0) as f64).filter(|n| *n > 0.0)
            }),
            Function::Present => self
                .each(out, |b| (b.floats.1 > b.floats.0 || b.hists.1 > b.hists.0).then_some(1.0)),
            Function::Last => self.edge(
                out,
                |b| {
                    [
                        (b.floats.1 > b.floats.0).then(|| b.floats.1 - 1),
                        (b.hists.1 > b.hists.0).then(|| b.hists.1 - 1),
                    ]
                },
                |a, b| a > b,
            ),
            Function::First => self.edge(
                out,
                |b| {
                    [
                        (b.floats.1 > b.floats.0).then_some(b.floats.0),
                        (b.hists.1 > b.hists.0).then_some(b.hists.0),
                    ]
                },
                |a, b| a < b,
            ),
            Function::Changes => self.counted(out, extended::What::Changes),
            Function::Resets => self.counted(out, extended::What::Resets),
            Function::Stdvar => {
                self.floats_each(out, |_, _, v| Some(numeric::variance_over_time(v)));
            }
            Function::Stddev => {
                self.floats_each(out, |_, _, v| Some(numeric::variance_over_time(v).sqrt()));
            }
            Function::Quantile => {
                let mut scratch = Vec::new();
                self.floats_each(out, |step, _, values| {
                    scratch.clear();
                    scratch.extend_from_slice(values);
                    Some(numeric::quantile(parameters[0][step], &mut scratch))
                });
            }
            Function::Mad => {
                let mut scratch = Vec::new();
                self.floats_each(out, |_, _, values| {
                    scratch.clear();
                    scratch.extend_from_slice(values);
                    Some(numeric::median_absolute_deviation(&mut scratch))
                });
            }
            Function::Deriv => self.floats_each(out, |_, b, values| {
                let times = &columns.times[b.floats.0..b.floats.1];
                (values.len() > 1).then(|| numeric::regression(times, values, times[0]).0)
            }),
            Function::PredictLinear => self.floats_each(out, |step, b, values| {
                let times = &columns.times[b.floats.0..b.floats.1];
                (values.len() > 1).then(|| {
                    let now = self.steps.time(step);
                    let (slope, value) = numeric::regression(times, values, now);
                    slope * parameters[0][step] + value
                })
            }),
            Function::Smoothing => {
                for (name, factors) in [("smoothing", &parameters[0]), ("trend", &parameters[1])] {
                    let bad = |f: &&f64| **f <= 0.0 || **f >= 1.0;
                    if let Some(factor) = factors.iter().find(bad) {
                        let short = if name == "smoothing" { "sf" } else { "tf" };
                        return Err(QueryError::Execution(format!(
                            "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
                        )));
                    }
                }
                self.floats_each(out, |step, _, values| {
                    let [smoothing, trend] = [parameters[0][step], parameters[1][step]];
                    (values.len() > 1)
                        .then(|| numeric::double_exponential_smoothing(values, smoothing, trend))
                });
            }
            Function::TimeOfFirst => self.each(out, |b| {
                let float = (b.floats.1 > b.floats.0).then(|| columns.times[b.floats.0]);
                let hist = (b.hists.1 > b.hists.0).then(|| columns.histogram_times[b.hists.0]);
                float.into_iter().chain(hist).min().map(seconds)
            }),
            Function::TimeOfLast => self.each(out, |b| {
                let float = (b.floats.1 > b.floats.0).then(|| columns.times[b.floats.1 - 1]);
                let hist = (b.hists.1 > b.hists.0).then(|| columns.histogram_times[b.hists.1 - 1]);
                float.into_iter().chain(hist).max().map(seconds)
            }),
            Function::TimeOfMin => self.time_of(out, |new, old| new <= old),
            Function::TimeOfMax => self.time_of(out, |new, old| new >= old),
        }
        Ok(())
    }

    fn each(&self, out: &mut Out, mut value: impl FnMut(&Bounds) -> Option<f64>) {
        for (bounds, slot) in self.bounds.iter().zip(&mut out.values) {
            *slot = value(bounds).unwrap_or(ABSENT);
        }
    }

    /// For windows that hold at least one float.
    fn floats_each(
        &self,
        out: &mut Out,
        mut value: impl FnMut(usize, &Bounds, &[f64]) -> Option<f64>,
    ) {
        for (step, bounds) in self.bounds.iter().enumerate() {
            let floats = self.floats(bounds);
            if !floats.is_empty() {
                out.values[step] = value(step, bounds, floats).unwrap_or(ABSENT);
            }
        }
    }

    fn change(&self, kind: Kind, out: &mut Out, told: &mut Told) {
        let sums = if kind.counter { rate::reset_sums(self.columns) } else { None };
        for (step, bounds) in self.bounds.iter().enumerate() {
            let range = self.windows.range;
            match (bounds.floats.1 > bounds.floats.0, bounds.hists.1 > bounds.hists.0) {
                (true, true) => told.notes.mixed_floats_histograms(told.span, told.metric),
                (true, false) => {
                    let change =
                        rate::float_change(self.columns, sums.as_ref(), bounds, kind, range, told);
                    out.values[step] = change.unwrap_or(ABSENT);
                }
                (false, true) => {
                    let change = rate::hist_change(self.columns, bounds, kind, range, told);
                    if let Some(histogram) = change {
                        out.set_hist(step, histogram);
                    }
                }
                (false, false) => {}
            }
        }
    }

    fn instant(&self, kind: Kind, out: &mut Out, told: &mut Told) {
        for (step, bounds) in self.bounds.iter().enumerate() {
            match rate::last_two(self.columns, bounds) {
                LastTwo::Floats(at) => {
                    out.values[step] =
                        rate::float_instant(self.columns, at, kind).unwrap_or(ABSENT);
                }
                LastTwo::Hists(at) => {
                    if let Some(hist) = rate::hist_instant(self.columns, at, kind, told) {
                        out.set_hist(step, hist);
                    }
                }
                LastTwo::Mixed => told.notes.mixed_floats_histograms(told.span, told.metric),
                LastTwo::Fewer => {}
            }
        }
    }

    /// Sums from the first sample on, if they are exact: whole numbers below 2^53.
    fn exact_sums(&self) -> Option<Vec<f64>> {
        if !self.overlaps() {
            return None;
        }
        let mut sums = Vec::with_capacity(self.columns.values.len() + 1);
        let (mut sum, mut size) = (0.0, 0.0);
        sums.push(0.0);
        for &value in &self.columns.values {
            sum += value;
            size += value.abs();
            if value.fract() != 0.0 || size.is_nan() || size >= 9_007_199_254_740_992.0 {
                return None;
            }
            sums.push(sum);
        }
        Some(sums)
    }

    fn sums(&self, out: &mut Out) {
        if let Some(sums) = self.exact_sums() {
            self.floats_each(out, |_, b, _| Some(sums[b.floats.1] - sums[b.floats.0]));
            return;
        }
        self.floats_each(out, |_, _, values| {
            let mut sum = Sum::default();
            for value in values {
                sum.add(*value);
            }
            Some(sum.value())
        });
    }

    fn means(&self, out: &mut Out) {
        if let Some(sums) = self.exact_sums() {
            self.floats_each(out, |_, b, values| {
                Some((sums[b.floats.1] - sums[b.floats.0]) / values.len() as f64)
            });
            return;
        }
        self.floats_each(out, |_, _, values| {
            let mut mean = Mean::default();
            for value in values {
                mean.add(*value);
            }
            Some(mean.value())
        });
    }

    /// Sum or mean of the histograms of each window; a mix with floats gives nothing.
    fn combined_hists(
        &self,
        out: &mut Out,
        told: &mut Told,
        add: impl Fn(
            &mut HistSum,
            Hist,
        ) -> std::result::Result<super::hist::Combined, super::hist::Incompatible>,
        finish: impl Fn(&HistSum) -> Hist,
    ) {
        if self.columns.histograms.is_empty() {
            return;
        }
        for (step, bounds) in self.bounds.iter().enumerate() {
            let [first, rest @ ..] = &self.columns.histograms[bounds.hists.0..bounds.hists.1]
            else {
                continue;
            };
            if bounds.floats.1 > bounds.floats.0 {
                told.notes.mixed_floats_histograms(told.span, told.metric);
                out.values[step] = ABSENT;
                continue;
            }
            let mut sum = HistSum::start(Hist::from(&**first));
            let mut resets = Resets::default();
            resets.see(first);
            let fits = rest.iter().all(|next| {
                resets.see(next);
                match add(&mut sum, Hist::from(&**next)) {
                    Ok(combined) => {
                        if combined.reconciled {
                            told.notes.reconciled(told.span, "aggregation");
                        }
                        true
                    }
                    Err(_) => {
                        told.notes.mixed_schemas(told.span, told.metric);
                        false
                    }
                }
            });
            if fits {
                if resets.collide() {
                    told.notes.reset_collision(told.span, "aggregation");
                }
                out.set_hist(step, Arc::new(Histogram::from(&finish(&sum))));
            }
        }
    }

    /// Smallest or greatest value of each window; NaN only if there is nothing else.
    fn extremes(&self, out: &mut Out, wins: impl Fn(f64, f64) -> bool) {
        if !self.overlaps() {
            self.floats_each(out, |_, _, values| {
                values.iter().copied().reduce(|best, value| {
                    if best.is_nan() || wins(value, best) { value } else { best }
                })
            });
            return;
        }
        // Indices of values that may still become the extreme one, best first.
        let mut candidates: VecDeque<usize> = VecDeque::new();
        let mut next = 0;
        let values = &self.columns.values;
        self.floats_each(out, |_, bounds, _| {
            next = next.max(bounds.floats.0);
            while next < bounds.floats.1 {
                if !values[next].is_nan() {
                    while candidates.back().is_some_and(|at| wins(values[next], values[*at])) {
                        candidates.pop_back();
                    }
                    candidates.push_back(next);
                }
                next += 1;
            }
            while candidates.front().is_some_and(|at| *at < bounds.floats.0) {
                candidates.pop_front();
            }
            Some(candidates.front().map_or(f64::NAN, |at| values[*at]))
        });
    }

    fn time_of(&self, out: &mut Out, wins: impl Fn(f64, f64) -> bool) {
        self.floats_each(out, |_, bounds, values| {
            let best = (1..values.len()).fold(0, |best, at| {
                if values[best].is_nan() || wins(values[at], values[best]) { at } else { best }
            });
            Some(seconds(self.columns.times[bounds.floats.0 + best]))
        });
    }

    /// First or last sample of either kind.
    fn edge(
        &self,
        out: &mut Out,
        pick: impl Fn(&Bounds) -> [Option<usize>; 2],
        before: impl Fn(i64, i64) -> bool,
    ) {
        for (step, bounds) in self.bounds.iter().enumerate() {
            let times = (&self.columns.times, &self.columns.histogram_times);
            match pick(bounds) {
                [Some(float), hist] if hist.is_none_or(|h| before(times.0[float], times.1[h])) => {
                    out.values[step] = self.columns.values[float];
                }
                [_, Some(hist)] => out.set_hist(step, Arc::clone(&self.columns.histograms[hist])),
                _ => {}
            }
        }
    }

    /// `changes` and `resets`: with floats alone by a running count, else by walking each window.
    fn counted(&self, out: &mut Out, what: extended::What) {
        if self.columns.histograms.is_empty() {
            let Columns { times, values, start_times, .. } = self.columns;
            let mut counts = Vec::with_capacity(values.len());
            let mut count = 0.0;
            for at in 0..values.len() {
                if at > 0 {
                    let (old, new) = (values[at - 1], values[at]);
                    let hit = match what {
                        extended::What::Changes => new != old && !(new.is_nan() && old.is_nan()),
                        _ => new < old || rate::restarted(start_times, times, at),
                    };
                    count += f64::from(u8::from(hit));
                }
                counts.push(count);
            }
            self.floats_each(out, |_, b, _| Some(counts[b.floats.1 - 1] - counts[b.floats.0]));
            return;
        }
        self.each(out, |bounds| extended::count(self.columns, bounds.floats, bounds.hists, what));
    }
}

/// Whether some histograms say "reset" and others "no reset".
#[derive(Debug, Default)]
pub(super) struct Resets {
    reset: bool,
    not_reset: bool,
}

impl Resets {
    pub fn see(&mut self, histogram: &Histogram) {
        use crate::model::CounterReset;
        self.reset |= histogram.counter_reset == CounterReset::Reset;
        self.not_reset |= histogram.counter_reset == CounterReset::NotReset;
    }

    pub fn collide(&self) -> bool {
        self.reset && self.not_reset
    }
}
