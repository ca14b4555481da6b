//! Aggregation operators. Groups are arrays of symbol ids; running figures are kept per group and
//! step, so that a range function below hands over its rows without a matrix in between.

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashMap;

use super::super::ast::{Aggregate, AggregateOp, Span};
use super::super::{Expr, QueryError};
use super::hist::{Hist, HistSum};
use super::matrix::{ABSENT, Cell, Head, Matrix, Row, Steps};
use super::numeric::{self, Mean, Sum, Variance};
use super::range::{self, Resets};
use super::{Evaluator, Result, format, labels};
use crate::model::{Histogram, is_stale};
use crate::storage::{LabelSet, Symbol};

/// The groups found so far, numbered in order of appearance.
struct Grouper {
    without: bool,
    names: Vec<Symbol>,
    index: HashMap<LabelSet, usize>,
    heads: Vec<Head>,
}

impl Grouper {
    fn new(evaluator: &Evaluator, aggregate: &Aggregate) -> Self {
        let mut names = evaluator.label_symbols(&aggregate.grouping.labels);
        if !aggregate.grouping.without {
            // Groups keep their labels sorted by name.
            names.sort_by(|a, b| evaluator.symbols.resolve(*a).cmp(evaluator.symbols.resolve(*b)));
            names.dedup();
        }
        Self {
            without: aggregate.grouping.without,
            names,
            index: HashMap::new(),
            heads: Vec::new(),
        }
    }

    /// The group's own labels of a series.
    fn key(&self, evaluator: &Evaluator, labels: &LabelSet) -> LabelSet {
        if self.without {
            return labels::retain(labels, |name| {
                !evaluator.reserved.contains(name) && !self.names.contains(&name)
            });
        }
        let pairs = self.names.iter().map(|name| (*name, labels.get(*name)));
        LabelSet::from_sorted(pairs.filter(|pair| pair.1 != Symbol::EMPTY).collect::<Vec<_>>())
    }

    fn group(&mut self, evaluator: &Evaluator, head: &Head) -> usize {
        let key = self.key(evaluator, &head.labels);
        let next = self.heads.len();
        let group = *self.index.entry_ref(&key).or_insert(next);
        if group == next {
            self.heads.push(Head { labels: key, drop_name: head.drop_name });
        } else {
            self.heads[group].drop_name |= head.drop_name;
        }
        group
    }
}

impl Evaluator<'_> {
    /// Evaluates an aggregation at all steps.
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Matrix> {
        match aggregate.op {
            AggregateOp::CountValues => self.count_values(aggregate, steps),
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => self.pick(aggregate, steps),
            AggregateOp::Quantile => self.quantile(aggregate, steps),
            _ => self.fold(aggregate, steps),
        }
    }

    /// `sum`, `avg`, `min`, `max`, `count`, `group`, `stddev`, `stdvar`.
    fn fold(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Matrix> {
        let mut fold = Fold {
            op: aggregate.op,
            steps: steps.count,
            groups: Grouper::new(self, aggregate),
            floats: Vec::new(),
            hists: Vec::new(),
            ignored: false,
            span: aggregate.expr.span(),
        };
        match aggregate.expr.unwrap_parens() {
            // Straight from the windows into the groups.
            Expr::Call(call)
                if range::is_range_function(call.function.name)
                    && !(steps.count > 1 && super::invariant::is_invariant(&aggregate.expr)) =>
            {
                Self::check_edges(call)?;
                self.range_rows(call, steps, |evaluator, head, values, hists| {
                    fold.row(evaluator, Row { head: &head, values, hists: &hists })
                })?;
            }
            expr => {
                let matrix = self.eval_vector(expr, steps)?;
                for row in matrix.rows() {
                    fold.row(self, row)?;
                }
                self.release(matrix.len(), steps.count);
            }
        }
        Ok(fold.finish(self, aggregate))
    }

    fn quantile(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Matrix> {
        let parameter = self.parameter(aggregate, steps)?;
        let span = aggregate.param.as_ref().map_or(aggregate.span, |param| param.span());
        for &q in &parameter {
            if q.is_nan() || !(0.0..=1.0).contains(&q) {
                self.notes.bad_quantile(span, q);
            }
        }
        let matrix = self.eval_vector(&aggregate.expr, steps)?;
        let mut groups = Grouper::new(self, aggregate);
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (row, head) in matrix.heads.iter().enumerate() {
            let group = groups.group(self, head);
            members.resize_with(groups.heads.len(), Vec::new);
            members[group].push(row);
        }
        if matrix.has_hists() {
            self.histograms_ignored(aggregate);
        }
        let mut result = Matrix::new(steps.count);
        let mut values = Vec::new();
        for (head, rows) in groups.heads.into_iter().zip(members) {
            let at = result.push_absent(head);
            for (step, &q) in parameter.iter().enumerate() {
                values.clear();
                let column = rows.iter().map(|row| matrix.values[row * steps.count + step]);
                values.extend(column.filter(|value| !is_stale(*value)));
                if !values.is_empty() {
                    result.values_mut(at)[step] = numeric::quantile(q, &mut values);
                }
            }
        }
        result.drop_empty_rows();
        self.release(matrix.len(), steps.count);
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    fn parameter(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Vec<f64>> {
        match &aggregate.param {
            Some(param) => self.eval_scalar(param, steps),
            None => Err(QueryError::Execution("the aggregation lacks its parameter".to_owned())),
        }
    }

    fn histograms_ignored(&mut self, aggregate: &Aggregate) {
        let message = format!("ignored histogram in {} aggregation", aggregate.op.as_str());
        self.notes.inform(aggregate.expr.span(), message);
    }

    fn count_values(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Matrix> {
        let param = aggregate.param.as_deref();
        let label = match param {
            Some(param) => self.eval_string(param, steps)?,
            None => String::new(),
        };
        if !super::vector::is_label_name(&label) {
            return Err(QueryError::Execution(format!("invalid label name {label:?}")));
        }
        let name = self.symbols.intern(&label);
        let matrix = self.eval_vector(&aggregate.expr, steps)?;
        let groups = Grouper::new(self, aggregate);
        let mut rows: HashMap<LabelSet, usize> = HashMap::new();
        let mut result = Matrix::new(steps.count);
        for row in matrix.rows() {
            let key = groups.key(self, &row.head.labels);
            for step in 0..steps.count {
                let text = match row.cell(step) {
                    Cell::Absent => continue,
                    Cell::Float(value) => format::float_f(value),
                    Cell::Hist(histogram) => format::histogram(&Hist::from(&**histogram)),
                };
                let value = self.symbols.intern(&text);
                let labels = labels::with(&key, name, value, &self.symbols);
                let at = *rows.entry(labels).or_insert_with_key(|labels| {
                    let labels = labels.clone();
                    result.push_absent(Head { labels, drop_name: row.head.drop_name })
                });
                let slot = &mut result.values_mut(at)[step];
                *slot = if is_stale(*slot) { 1.0 } else { *slot + 1.0 };
            }
        }
        self.release(matrix.len(), steps.count);
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`: some of the series as they are.
    fn pick(&mut self, aggregate: &Aggregate, steps: Steps) -> Result<Matrix> {
        let op = aggregate.op;
        let parameter = self.parameter(aggregate, steps)?;
        let span = aggregate.param.as_ref().map_or(aggregate.span, |param| param.span());
        // Faults of the input come before those of the parameter.
        let matrix = self.eval_vector(&aggregate.expr, steps)?;
        if parameter.iter().any(|k| k.is_nan()) {
            let what = if op == AggregateOp::LimitRatio { "Ratio" } else { "Parameter" };
            return Err(QueryError::Execution(format!("{what} value is NaN")));
        }
        if op == AggregateOp::LimitRatio {
            for &ratio in parameter.iter().filter(|ratio| ratio.abs() > 1.0) {
                self.notes.warn(
                    span,
                    format!(
                        "ratio value should be between -1 and 1, got {}, capping to {}",
                        format::float_g(ratio),
                        format::float_g(ratio.clamp(-1.0, 1.0))
                    ),
                );
            }
        } else {
            // Nothing is asked for, however little that is.
            if parameter.iter().all(|&k| k < 1.0) {
                self.release(matrix.len(), steps.count);
                return Ok(Matrix::new(steps.count));
            }
            for &k in &parameter {
                // The floats next to the ends of the integers are as far as a count goes.
                let direction = match k {
                    _ if k <= -9_223_372_036_854_775_808.0 => "underflows",
                    _ if k >= 9_223_372_036_854_774_784.0 => "overflows",
                    _ => continue,
                };
                let message = format!("Scalar value {} {direction} int64", format::float_f(k));
                return Err(QueryError::Execution(message));
            }
        }
        let mut groups = Grouper::new(self, aggregate);
        let members: Vec<usize> =
            matrix.heads.iter().map(|head| groups.group(self, head)).collect();
        let hashes: Vec<f64> = if op == AggregateOp::LimitRatio {
            matrix.heads.iter().map(|head| self.hash_share(&head.labels)).collect()
        } else {
            Vec::new()
        };
        let mut result = Matrix::new(steps.count);
        // Row of the result for a row of the input.
        let mut target: Vec<Option<usize>> = vec![None; matrix.len()];
        let mut ignored = false;
        let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); groups.heads.len()];
        for (step, &k) in parameter.iter().enumerate() {
            chosen.iter_mut().for_each(Vec::clear);
            for (row, &group) in members.iter().enumerate() {
                let wanted = match matrix.row(row).cell(step) {
                    Cell::Absent => false,
                    Cell::Hist(_) if matches!(op, AggregateOp::Topk | AggregateOp::Bottomk) => {
                        ignored = true;
                        false
                    }
                    _ if op == AggregateOp::LimitRatio => {
                        let ratio = k.clamp(-1.0, 1.0);
                        if ratio >= 0.0 { hashes[row] < ratio } else { hashes[row] >= 1.0 + ratio }
                    }
                    _ if op == AggregateOp::Limitk => (chosen[group].len() as f64) < k.trunc(),
                    _ => true,
                };
                if wanted {
                    chosen[group].push(row);
                }
            }
            for rows in &mut chosen {
                if matches!(op, AggregateOp::Topk | AggregateOp::Bottomk) {
                    let value = |row: &usize| matrix.values[row * steps.count + step];
                    rows.sort_by(|a, b| {
                        let (a, b) = (value(a), value(b));
                        nan_last(a, b, op == AggregateOp::Topk)
                    });
                    rows.truncate(if k < 1.0 { 0 } else { k as usize });
                }
                for &row in rows.iter() {
                    let at = *target[row]
                        .get_or_insert_with(|| result.push_absent(matrix.heads[row].clone()));
                    result.set(at, step, matrix.row(row).cell(step));
                }
            }
        }
        if ignored {
            self.histograms_ignored(aggregate);
        }
        self.release(matrix.len(), steps.count);
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    /// A series' hash as a share of all hashes: in [0, 1].
    fn hash_share(&self, labels: &LabelSet) -> f64 {
        let mut bytes = Vec::with_capacity(256);
        for &(name, value) in labels.pairs() {
            for symbol in [name, value] {
                bytes.extend_from_slice(self.symbols.resolve(symbol).as_bytes());
                bytes.push(0xff);
            }
        }
        xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64
    }
}

/// Order of `topk` (descending) and `bottomk`: NaN comes last in both.
pub(super) fn nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        _ => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

/// Running figure of one group at one step.
#[derive(Debug, Clone, Copy)]
enum Running {
    Nothing,
    Sum(Sum),
    Mean(Mean),
    Extreme(f64),
    Count(f64),
    Variance(Variance),
}

/// The histograms of one group at one step.
enum GroupHist {
    None,
    Running(Box<RunningHist>),
    /// They do not fit together: there is no result.
    Unfit,
}

/// Running histogram of one group at one step.
struct RunningHist {
    sum: HistSum,
    resets: Resets,
}

struct Fold {
    op: AggregateOp,
    steps: usize,
    groups: Grouper,
    /// Group by group.
    floats: Vec<Running>,
    /// Empty, or one entry per group and step.
    hists: Vec<GroupHist>,
    ignored: bool,
    span: Span,
}

impl Fold {
    fn row(&mut self, evaluator: &mut Evaluator, row: Row) -> Result<()> {
        let group = self.groups.group(evaluator, row.head);
        let needed = self.groups.heads.len() * self.steps;
        if self.floats.len() < needed {
            evaluator.charge(1, self.steps)?;
            self.floats.resize(needed, Running::Nothing);
        }
        let slots = &mut self.floats[group * self.steps..(group + 1) * self.steps];
        let op = self.op;
        for (slot, &value) in slots.iter_mut().zip(row.values) {
            if is_stale(value) {
                continue;
            }
            match (slot, op) {
                (Running::Sum(sum), _) => sum.add(value),
                (Running::Mean(mean), _) => mean.add(value),
                (Running::Variance(variance), _) => variance.add(value),
                (Running::Count(count), AggregateOp::Count) => *count += 1.0,
                (Running::Count(_), _) => {}
                (Running::Extreme(best), AggregateOp::Max) => {
                    if value > *best || best.is_nan() {
                        *best = value;
                    }
                }
                (Running::Extreme(best), _) => {
                    if value < *best || best.is_nan() {
                        *best = value;
                    }
                }
                (slot @ Running::Nothing, _) => {
                    *slot = match op {
                        AggregateOp::Sum => Running::Sum(Sum::of(value)),
                        AggregateOp::Avg => {
                            let mut mean = Mean::default();
                            mean.add(value);
                            Running::Mean(mean)
                        }
                        AggregateOp::Stddev | AggregateOp::Stdvar => {
                            let mut variance = Variance::default();
                            variance.add(value);
                            Running::Variance(variance)
                        }
                        AggregateOp::Min | AggregateOp::Max => Running::Extreme(value),
                        _ => Running::Count(1.0),
                    };
                }
            }
        }
        for (step, histogram) in row.hists.iter().enumerate() {
            if let Some(histogram) = histogram {
                self.hist(evaluator, group, step, (row.head, histogram));
            }
        }
        Ok(())
    }

    fn hist(
        &mut self,
        evaluator: &mut Evaluator,
        group: usize,
        step: usize,
        (head, hist): (&Head, &Arc<Histogram>),
    ) {
        let slot = group * self.steps + step;
        match self.op {
            AggregateOp::Count | AggregateOp::Group => {
                self.floats[slot] = match self.floats[slot] {
                    Running::Count(count) if self.op == AggregateOp::Count => {
                        Running::Count(count + 1.0)
                    }
                    _ => Running::Count(1.0),
                };
            }
            AggregateOp::Sum | AggregateOp::Avg => {
                if self.hists.len() <= slot {
                    self.hists.resize_with(self.floats.len(), || GroupHist::None);
                }
                match &mut self.hists[slot] {
                    empty @ GroupHist::None => {
                        let mut resets = Resets::default();
                        resets.see(hist);
                        let sum = HistSum::start(Hist::from(&**hist));
                        *empty = GroupHist::Running(Box::new(RunningHist { sum, resets }));
                    }
                    GroupHist::Unfit => {}
                    GroupHist::Running(current) => {
                        current.resets.see(hist);
                        let term = Hist::from(&**hist);
                        let combined = if self.op == AggregateOp::Sum {
                            current.sum.add(term)
                        } else {
                            current.sum.add_to_mean(term)
                        };
                        match combined {
                            Ok(combined) if combined.reconciled => {
                                evaluator.notes.reconciled(self.span, "aggregation");
                            }
                            Ok(_) => {}
                            Err(_) => {
                                self.hists[slot] = GroupHist::Unfit;
                                let metric = evaluator.name_of(&head.labels);
                                evaluator.notes.mixed_schemas(self.span, &metric);
                            }
                        }
                    }
                }
            }
            _ => self.ignored = true,
        }
    }
}

impl Fold {
    fn finish(self, evaluator: &mut Evaluator, aggregate: &Aggregate) -> Matrix {
        let steps = self.steps;
        if self.ignored {
            evaluator.histograms_ignored(aggregate);
        }
        let span = self.span;
        let mut result = Matrix::with_capacity(steps, self.groups.heads.len());
        let mut mixed = false;
        let mut collided = false;
        for (group, head) in self.groups.heads.into_iter().enumerate() {
            let row = result.push_absent(head);
            for step in 0..steps {
                let slot = group * steps + step;
                let value = match self.floats[slot] {
                    Running::Nothing => ABSENT,
                    Running::Sum(sum) => sum.value(),
                    Running::Mean(mean) => mean.value(),
                    Running::Extreme(value) | Running::Count(value) => value,
                    Running::Variance(variance) if self.op == AggregateOp::Stddev => {
                        variance.value().sqrt()
                    }
                    Running::Variance(variance) => variance.value(),
                };
                match self.hists.get(slot).unwrap_or(&GroupHist::None) {
                    GroupHist::None => result.values_mut(row)[step] = value,
                    _ if !is_stale(value) => mixed = true,
                    GroupHist::Unfit => {}
                    GroupHist::Running(running) => {
                        collided |= running.resets.collide();
                        let hist = if self.op == AggregateOp::Sum {
                            running.sum.sum()
                        } else {
                            running.sum.mean()
                        };
                        result.set_hist(row, step, Arc::new(Histogram::from(&hist)));
                    }
                }
            }
        }
        if mixed {
            let message = "encountered a mix of histograms and floats for aggregation";
            evaluator.notes.warn(span, message.to_owned());
        }
        if collided {
            evaluator.notes.reset_collision(span, "aggregation");
        }
        result.drop_empty_rows();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_never_among_the_first() {
        let mut values = [f64::NAN, 1.0, 3.0];
        values.sort_by(|a, b| nan_last(*a, *b, true));
        assert_eq!(values[..2], [3.0, 1.0]);
        values.sort_by(|a, b| nan_last(*a, *b, false));
        assert_eq!(values[..2], [1.0, 3.0]);
    }
}
