//! The evaluator: runs a syntax tree over anything that can [`Select`].
//!
//! An instant query is a range query of one step. Every expression becomes a [`matrix::Matrix`]
//! (series × steps), a column of numbers or a string; range functions slide over the decoded columns
//! of one series at a time, and labels stay symbol ids until the answer is written.

mod aggregate;
mod binary;
mod call;
mod extended;
mod format;
mod hist;
mod info;
mod invariant;
mod labels;
mod matrix;
mod notes;
mod numeric;
mod quantiles;
mod range;
mod rate;
mod select;
mod time;
mod trim;
mod vector;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use self::labels::Reserved;
use self::matrix::{Cell, Head, Matrix, Steps};
use self::notes::Notes;
use super::ast::{DurationContext, Span};
use super::{
    Answer, Expr, MatrixSeries, QueryError, QueryOptions, QueryStats, Value, ValueType,
    VectorSample,
};
use crate::model::{Timestamp, is_stale};
use crate::storage::{LabelSet, QuerySymbols, Select};

type Result<T> = std::result::Result<T, QueryError>;

/// Evaluates at one time. A range vector gives a matrix of its raw samples.
pub fn instant(
    store: &dyn Select,
    expr: &Expr,
    at: Timestamp,
    options: &QueryOptions,
) -> Result<Answer> {
    let steps = Steps::once(at);
    let mut evaluator = Evaluator::new(store, options, steps, true);
    let value = match expr.value_type() {
        ValueType::Matrix => Value::Matrix(evaluator.raw_matrix(expr, steps)?),
        _ => match evaluator.eval(expr, steps)? {
            Evaluated::Scalar(values) => Value::Scalar(at, values[0]),
            Evaluated::String(text) => Value::String(at, text),
            Evaluated::Vector(matrix) => Value::Vector(evaluator.vector_answer(&matrix, at)?),
        },
    };
    Ok(evaluator.answer(value))
}

/// Evaluates at `start`, `start + step` … up to `end`, and gives a matrix sorted by labels. The
/// expression must be a scalar or an instant vector; `step` is cut to whole milliseconds.
pub fn range(
    store: &dyn Select,
    expr: &Expr,
    start: Timestamp,
    end: Timestamp,
    step: Duration,
    options: &QueryOptions,
) -> Result<Answer> {
    let kind = expr.value_type();
    if matches!(kind, ValueType::String | ValueType::Matrix) {
        return Err(QueryError::Parse(format!(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            kind.documented()
        )));
    }
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted";
        return Err(QueryError::Parse(message.to_owned()));
    }
    if end < start {
        return Err(QueryError::Parse("end timestamp must not be before start time".to_owned()));
    }
    let count = end.saturating_sub(start) / step + 1;
    if count as u64 > options.max_samples {
        return Err(QueryError::TooManySamples);
    }
    let steps = Steps { start, step, count: count as usize };
    let mut evaluator = Evaluator::new(store, options, Steps { ..steps }, false);
    evaluator.end = end;
    let value = match evaluator.eval(expr, steps)? {
        Evaluated::Scalar(values) => Value::Matrix(vec![MatrixSeries {
            labels: LabelSet::default(),
            times: steps.times().collect(),
            values,
            histograms: Vec::new(),
        }]),
        Evaluated::String(_) => unreachable!("strings were refused above"),
        Evaluated::Vector(matrix) => Value::Matrix(evaluator.matrix_answer(&matrix, steps)?),
    };
    Ok(evaluator.answer(value))
}

/// What an expression gives at every step.
enum Evaluated {
    /// One number per step.
    Scalar(Vec<f64>),
    /// One string for all steps.
    String(String),
    /// Series.
    Vector(Matrix),
}

/// State of one query.
struct Evaluator<'a> {
    store: &'a dyn Select,
    symbols: QuerySymbols,
    reserved: Reserved,
    options: &'a QueryOptions,
    /// First step of the query.
    start: Timestamp,
    /// End of the query as asked for; the last step may come before it.
    end: Timestamp,
    /// Step of the query; 0 for an instant query.
    step: i64,
    lookback: i64,
    notes: Notes,
    stats: QueryStats,
    /// Samples held by matrices that are not consumed yet.
    live: u64,
    /// Inside an expression that gives the same at every step.
    invariant: bool,
    /// Some operator left two series with the same labels at one step.
    may_collide: bool,
    /// Under `histogram_count` and its like, where resets are noted while reading.
    watch_resets: bool,
}

impl<'a> Evaluator<'a> {
    fn new(store: &'a dyn Select, options: &'a QueryOptions, steps: Steps, instant: bool) -> Self {
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let reserved = Reserved::new(&symbols);
        Self {
            store,
            reserved,
            symbols,
            options,
            start: steps.start,
            end: steps.end(),
            step: if instant { 0 } else { steps.step },
            lookback: i64::try_from(options.lookback.as_millis()).unwrap_or(i64::MAX),
            notes: Notes::new(Arc::clone(&options.text)),
            stats: QueryStats::default(),
            live: 0,
            invariant: false,
            may_collide: false,
            watch_resets: false,
        }
    }

    fn durations(&self) -> DurationContext {
        DurationContext { step: self.step, range: self.end.saturating_sub(self.start) }
    }

    /// Evaluates one node at all steps.
    fn eval(&mut self, expr: &Expr, steps: Steps) -> Result<Evaluated> {
        self.check_time()?;
        if steps.count > 1 && !self.invariant && invariant::is_invariant(expr) {
            self.invariant = true;
            let once = self.eval(expr, Steps::once(steps.start));
            self.invariant = false;
            return Ok(match once? {
                Evaluated::Scalar(values) => Evaluated::Scalar(vec![values[0]; steps.count]),
                Evaluated::String(text) => Evaluated::String(text),
                Evaluated::Vector(matrix) => {
                    self.charge(matrix.len(), steps.count)?;
                    Evaluated::Vector(matrix.broadcast(steps.count))
                }
            });
        }
        match expr {
            Expr::Number(number) => Ok(Evaluated::Scalar(vec![number.value; steps.count])),
            Expr::String(string) => Ok(Evaluated::String(string.value.clone())),
            Expr::Paren(paren) => self.eval(&paren.expr, steps),
            Expr::Vector(selector) => {
                self.select_instant(selector, steps, select::Wanted::Value).map(Evaluated::Vector)
            }
            Expr::Unary(unary) => self.unary(unary, steps),
            Expr::Binary(binary) => self.binary(binary, steps),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, steps).map(Evaluated::Vector),
            Expr::Call(call) => self.call(call, steps),
            Expr::Matrix(_) | Expr::Subquery(_) | Expr::Broken(_) => Err(QueryError::Execution(
                format!("unexpected {} in evaluation", expr.value_type().documented()),
            )),
        }
    }

    fn eval_vector(&mut self, expr: &Expr, steps: Steps) -> Result<Matrix> {
        match self.eval(expr, steps)? {
            Evaluated::Vector(matrix) => Ok(matrix),
            _ => Err(QueryError::Execution("expected an instant vector".to_owned())),
        }
    }

    fn eval_scalar(&mut self, expr: &Expr, steps: Steps) -> Result<Vec<f64>> {
        match self.eval(expr, steps)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(QueryError::Execution("expected a scalar".to_owned())),
        }
    }

    /// Text of a string argument.
    fn eval_string(&mut self, expr: &Expr, steps: Steps) -> Result<String> {
        match self.eval(expr, steps)? {
            Evaluated::String(text) => Ok(text),
            _ => Err(QueryError::Execution("expected a string".to_owned())),
        }
    }

    /// Ends the query if nobody may or wants to wait any longer.
    fn check_time(&self) -> Result<()> {
        let cancel = self.options.cancel.as_ref();
        if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(QueryError::Canceled);
        }
        if self.options.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(QueryError::Timeout);
        }
        Ok(())
    }

    /// Accounts for samples that are about to be held.
    fn charge(&mut self, rows: usize, columns: usize) -> Result<()> {
        self.live = self.live.saturating_add((rows as u64).saturating_mul(columns as u64));
        self.stats.peak_samples = self.stats.peak_samples.max(self.live);
        if self.live > self.options.max_samples {
            return Err(QueryError::TooManySamples);
        }
        Ok(())
    }

    /// The counterpart of [`Self::charge`] once a matrix is consumed.
    fn release(&mut self, rows: usize, columns: usize) {
        self.live = self.live.saturating_sub((rows as u64).saturating_mul(columns as u64));
    }

    fn name_of(&self, labels: &LabelSet) -> String {
        labels::metric_name(labels, &self.symbols).to_owned()
    }

    fn answer(self, value: Value) -> Answer {
        let (warnings, infos) = self.notes.finish();
        Answer { symbols: self.symbols, value, warnings, infos, stats: self.stats }
    }

    fn final_labels(&self, head: &Head) -> LabelSet {
        if head.drop_name { self.reserved.strip(&head.labels) } else { head.labels.clone() }
    }

    fn vector_answer(&self, matrix: &Matrix, at: Timestamp) -> Result<Vec<VectorSample>> {
        let dropped = self.may_collide || matrix.heads.iter().any(|head| head.drop_name);
        let mut seen = HashMap::new();
        let mut samples = Vec::with_capacity(matrix.len());
        for row in matrix.rows() {
            let (value, histogram) = match row.cell(0) {
                Cell::Absent => continue,
                Cell::Float(value) => (value, None),
                Cell::Hist(histogram) => (0.0, Some(Arc::clone(histogram))),
            };
            let labels = self.final_labels(row.head);
            // Without a dropped name the sets differ, as every operator keeps them apart.
            if dropped && seen.insert(labels.clone(), ()).is_some() {
                return Err(same_labels());
            }
            samples.push(VectorSample { labels, time: at, value, histogram });
        }
        Ok(samples)
    }

    fn matrix_answer(&self, matrix: &Matrix, steps: Steps) -> Result<Vec<MatrixSeries>> {
        let mut series = Vec::with_capacity(matrix.len());
        for row in matrix.rows() {
            let present = row.values.iter().filter(|value| !is_stale(**value)).count();
            let mut one = MatrixSeries {
                labels: self.final_labels(row.head),
                times: Vec::with_capacity(present),
                values: Vec::with_capacity(present),
                histograms: Vec::new(),
            };
            for (index, &value) in row.values.iter().enumerate() {
                if !is_stale(value) {
                    one.times.push(steps.time(index));
                    one.values.push(value);
                }
            }
            for (index, histogram) in row.hists.iter().enumerate() {
                if let Some(histogram) = histogram {
                    one.histograms.push((steps.time(index), Arc::clone(histogram)));
                }
            }
            if !one.times.is_empty() || !one.histograms.is_empty() {
                series.push(one);
            }
        }
        self.sort_and_merge(series)
    }

    /// Sorts by labels; series that became the same are merged, unless they share a time.
    fn sort_and_merge(&self, mut series: Vec<MatrixSeries>) -> Result<Vec<MatrixSeries>> {
        series.sort_by(|a, b| labels::compare(&a.labels, &b.labels, &self.symbols));
        if !series.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
            return Ok(series);
        }
        let mut merged: Vec<MatrixSeries> = Vec::with_capacity(series.len());
        for one in series {
            match merged.last_mut() {
                Some(last) if last.labels == one.labels => {
                    let floats = last.times.iter().zip(&last.values);
                    let more = one.times.iter().zip(&one.values);
                    let mut points: Vec<(i64, f64)> =
                        floats.chain(more).map(|(time, value)| (*time, *value)).collect();
                    points.sort_by_key(|point| point.0);
                    last.histograms.extend(one.histograms);
                    last.histograms.sort_by_key(|point| point.0);
                    (last.times, last.values) = points.into_iter().unzip();
                    let times = &last.times;
                    if times.windows(2).any(|pair| pair[0] == pair[1])
                        || last.histograms.windows(2).any(|pair| pair[0].0 == pair[1].0)
                        || last.histograms.iter().any(|p| times.binary_search(&p.0).is_ok())
                    {
                        return Err(same_labels());
                    }
                }
                _ => merged.push(one),
            }
        }
        Ok(merged)
    }

    /// The raw samples of a range vector, for an instant query that asks for them.
    fn raw_matrix(&mut self, expr: &Expr, steps: Steps) -> Result<Vec<MatrixSeries>> {
        let mut series = Vec::new();
        self.each_range(expr, steps, |evaluator, head, columns, windows| {
            let bounds = windows.bounds(columns, steps)[0];
            let floats = bounds.floats.0..bounds.floats.1;
            let hists = bounds.hists.0..bounds.hists.1;
            if floats.is_empty() && hists.is_empty() {
                return Ok(());
            }
            evaluator.stats.total_samples += (floats.len() + hists.len()) as u64;
            series.push(MatrixSeries {
                labels: evaluator.final_labels(head),
                times: columns.times[floats.clone()].to_vec(),
                values: columns.values[floats].to_vec(),
                histograms: columns.histogram_times[hists.clone()]
                    .iter()
                    .copied()
                    .zip(columns.histograms[hists].iter().cloned())
                    .collect(),
            });
            Ok(())
        })?;
        self.sort_and_merge(series)
    }
}

fn same_labels() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

fn bad_duration(span: Span, message: &str, text: &str) -> QueryError {
    let (line, column) = if text.is_empty() { (1, span.start + 1) } else { span.line_column(text) };
    QueryError::Parse(format!("{line}:{column}: parse error: {message}"))
}
