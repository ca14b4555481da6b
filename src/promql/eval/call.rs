//! Calls of functions: finds the code for a name.

use super::super::ast::{At, Call, Edges, VectorSelector};
use super::super::{Expr, QueryError, ValueType};
use super::matrix::{ABSENT, Cell, Head, Matrix, Steps};
use super::select::{Wanted, seconds};
use super::{Evaluated, Evaluator, Result, labels, range, time, vector};
use crate::model::{MatchOp, is_stale};
use crate::storage::{LabelSet, Symbol};

/// Functions that may ask for anchored windows.
const ANCHORED: &str = "changes, delta, increase, rate, resets";
/// Functions that may ask for smoothed windows.
const SMOOTHED: &str = "delta, increase, rate";

impl Evaluator<'_> {
    /// Calls a function.
    pub(super) fn call(&mut self, call: &Call, steps: Steps) -> Result<Evaluated> {
        Self::check_edges(call)?;
        let name = call.function.name;
        let args = &call.args;
        if range::is_range_function(name) {
            return self.range_call(call, steps).map(Evaluated::Vector);
        }
        let scalar = |value: f64| Ok(Evaluated::Scalar(vec![value; steps.count]));
        match name {
            "time" => Ok(Evaluated::Scalar(steps.times().map(seconds).collect())),
            "pi" => scalar(std::f64::consts::PI),
            "start" => scalar(seconds(self.start)),
            "end" => scalar(seconds(self.end)),
            "step" => scalar(seconds(self.step)),
            "range" => scalar(seconds(self.end.saturating_sub(self.start))),
            "min_of" | "max_of" => {
                let (a, b) =
                    (self.eval_scalar(&args[0], steps)?, self.eval_scalar(&args[1], steps)?);
                let choose = if name == "min_of" { vector::min } else { vector::max };
                Ok(Evaluated::Scalar(a.iter().zip(b).map(|(a, b)| choose(*a, b)).collect()))
            }
            "scalar" => {
                let matrix = self.eval_vector(&args[0], steps)?;
                Ok(Evaluated::Scalar(to_scalar(&matrix)))
            }
            _ => self.vector_call(call, steps).map(Evaluated::Vector),
        }
    }

    fn vector_call(&mut self, call: &Call, steps: Steps) -> Result<Matrix> {
        let name = call.function.name;
        let args = &call.args;
        match name {
            "vector" => {
                let values = self.eval_scalar(&args[0], steps)?;
                Ok(alone(&values))
            }
            "absent" => {
                let matrix = self.eval_vector(&args[0], steps)?;
                let present = |step| matrix.rows().any(|row| row.is_present(step));
                let values = (0..steps.count).map(|s| if present(s) { ABSENT } else { 1.0 });
                let head = self.absent_head(&args[0]);
                Ok(one_row(head, &values.collect::<Vec<_>>()))
            }
            "absent_over_time" => {
                let mut values = vec![1.0; steps.count];
                self.each_range(&args[0], steps, |_, _, columns, windows| {
                    for (value, bounds) in values.iter_mut().zip(windows.bounds(columns, steps)) {
                        let any =
                            bounds.floats.1 > bounds.floats.0 || bounds.hists.1 > bounds.hists.0;
                        if any {
                            *value = ABSENT;
                        }
                    }
                    Ok(())
                })?;
                let head = self.absent_head(&args[0]);
                Ok(one_row(head, &values))
            }
            "timestamp" | "start_timestamp" => self.sample_times(name, &args[0], steps),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                self.sorted(call, steps)
            }
            "label_replace" => self.label_replace(args, steps),
            "label_join" => self.label_join(args, steps),
            "info" => self.info(call, steps),
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(name, args, steps),
            "histogram_quantile" | "histogram_quantiles" => self.histogram_quantile(call, steps),
            "histogram_fraction" => self.histogram_fraction(args, steps),
            "histogram_count" | "histogram_sum" | "histogram_avg" | "histogram_stddev"
            | "histogram_stdvar" => {
                let before = self.watch_resets;
                let light = matches!(name, "histogram_count" | "histogram_sum" | "histogram_avg");
                self.watch_resets = light && vector::reads_only_counts(&args[0]);
                let matrix = self.eval_vector(&args[0], steps);
                self.watch_resets = before;
                Ok(vector::of_histograms(name, &matrix?))
            }
            _ => {
                if let Some(function) = time::function(name) {
                    let mut matrix = match args.first() {
                        Some(arg) => self.eval_vector(arg, steps)?,
                        None => alone(&steps.times().map(seconds).collect::<Vec<_>>()),
                    };
                    vector::map(&mut matrix, |_, value| function(value));
                    return Ok(matrix);
                }
                let Some(function) = vector::function(name) else {
                    return Err(QueryError::Execution(format!("unknown function {name:?}")));
                };
                let mut matrix = self.eval_vector(&args[0], steps)?;
                vector::map(&mut matrix, |_, value| function(value));
                Ok(matrix)
            }
        }
    }

    /// Refuses `anchored` and `smoothed` where they mean nothing, whatever the data.
    pub(super) fn check_edges(call: &Call) -> Result<()> {
        let name = call.function.name;
        for arg in call.args.iter().filter(|arg| arg.value_type() == ValueType::Matrix) {
            let Expr::Matrix(matrix) = arg.unwrap_parens() else { continue };
            let (word, allowed) = match matrix.selector.edges {
                Edges::Plain => continue,
                Edges::Anchored => ("anchored", ANCHORED),
                Edges::Smoothed => ("smoothed", SMOOTHED),
            };
            if !allowed.split(", ").any(|function| function == name) {
                return Err(QueryError::Execution(format!(
                    "{word} modifier can only be used with: {allowed} - not with {name}"
                )));
            }
        }
        Ok(())
    }

    /// Labels of an absent series: those that the selector fixes with a single `=`.
    fn absent_head(&self, arg: &Expr) -> Head {
        let selector: Option<&VectorSelector> = match arg.unwrap_parens() {
            Expr::Vector(selector) => Some(selector),
            Expr::Matrix(matrix) => Some(&matrix.selector),
            _ => None,
        };
        let mut pairs = Vec::new();
        let matchers: Vec<_> = selector.map(|s| s.plain_matchers().collect()).unwrap_or_default();
        for matcher in &matchers {
            let alone = matchers.iter().filter(|other| other.name == matcher.name).count() == 1;
            if matcher.name != crate::model::METRIC_NAME && matcher.op == MatchOp::Equal && alone {
                let name = self.symbols.intern(&matcher.name);
                let value = self.symbols.intern(&matcher.value);
                labels::set(&mut pairs, name, value, &self.symbols);
            }
        }
        Head { labels: LabelSet::from_sorted(pairs), drop_name: false }
    }

    /// `timestamp` and `start_timestamp`: of a selector's samples; of any other vector the first is
    /// the step's time, and the second is not known.
    fn sample_times(&mut self, name: &str, arg: &Expr, steps: Steps) -> Result<Matrix> {
        let start = name == "start_timestamp";
        if let Expr::Vector(selector) = arg.unwrap_parens() {
            let wanted = if start { Wanted::StartTime } else { Wanted::Time };
            let mut matrix = self.select_instant(selector, steps, wanted)?;
            matrix.heads.iter_mut().for_each(|head| head.drop_name = true);
            return Ok(matrix);
        }
        let mut matrix = self.eval_vector(arg, steps)?;
        if start {
            return Ok(Matrix::new(steps.count));
        }
        for row in 0..matrix.len() {
            for step in 0..steps.count {
                if matrix.row(row).is_present(step) {
                    matrix.set(row, step, Cell::Float(seconds(steps.time(step))));
                }
            }
            matrix.heads[row].drop_name = true;
        }
        Ok(matrix)
    }

    /// The time that `@` names.
    pub(super) fn fixed_time(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.start,
            At::End => self.end,
        })
    }
}

/// The only float of every step; NaN with none or several. Histograms do not count.
fn to_scalar(matrix: &Matrix) -> Vec<f64> {
    let mut values = vec![f64::NAN; matrix.steps];
    let mut found = vec![0_u8; matrix.steps];
    for row in matrix.rows() {
        for (step, &value) in row.values.iter().enumerate() {
            if !is_stale(value) {
                found[step] = found[step].saturating_add(1);
                values[step] = if found[step] == 1 { value } else { f64::NAN };
            }
        }
    }
    values
}

fn one_row(head: Head, values: &[f64]) -> Matrix {
    let mut matrix = Matrix::new(values.len());
    if values.iter().any(|value| !is_stale(*value)) {
        matrix.push(head, values, Vec::new());
    }
    matrix
}

/// One series without labels.
fn alone(values: &[f64]) -> Matrix {
    let mut matrix = Matrix::new(values.len());
    let head =
        Head { labels: LabelSet::from_sorted(Vec::<(Symbol, Symbol)>::new()), drop_name: false };
    matrix.push(head, values, Vec::new());
    matrix
}
