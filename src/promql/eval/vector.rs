//! Functions of instant vectors: arithmetic of single samples, labels, order, histograms.

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashMap;
use regex::Regex;

use super::super::ast::{Call, Span};
use super::super::{Expr, QueryError};
use super::aggregate::nan_last;
use super::hist::Hist;
use super::labels;
use super::matrix::{ABSENT, Head, Matrix, Steps};
use super::quantiles::{self, Classic, NanObservations};
use super::{Evaluator, Result, format, same_labels};
use crate::model::{Histogram, is_stale};
use crate::storage::{LabelSet, Symbol};

/// The smaller one; NaN if either is NaN.
pub(super) fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// The greater one; NaN if either is NaN.
pub(super) fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The function of one number with this name.
pub(super) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        _ => return None,
    })
}

/// Changes every float; histograms and names go.
pub(super) fn map(matrix: &mut Matrix, change: impl Fn(usize, f64) -> f64) {
    matrix.retain_floats();
    let steps = matrix.steps.max(1);
    for row in matrix.values.chunks_exact_mut(steps) {
        for (step, value) in row.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = change(step, *value);
            }
        }
    }
    matrix.heads.iter_mut().for_each(|head| head.drop_name = true);
}

/// A figure of every histogram; floats go.
pub(super) fn of_histograms(name: &str, matrix: &Matrix) -> Matrix {
    let mut result = Matrix::new(matrix.steps);
    for row in matrix.rows().filter(|row| !row.hists.is_empty()) {
        let head = Head { labels: row.head.labels.clone(), drop_name: true };
        let at = result.push_absent(head);
        for (step, histogram) in row.hists.iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            result.values_mut(at)[step] = match name {
                "histogram_count" => histogram.count,
                "histogram_sum" => histogram.sum,
                "histogram_avg" => histogram.sum / histogram.count,
                "histogram_stddev" => quantiles::native_variance(&Hist::from(&**histogram)).sqrt(),
                _ => quantiles::native_variance(&Hist::from(&**histogram)),
            };
        }
    }
    result.drop_empty_rows();
    result
}

/// Whether histograms are added up below while only their counts and sums are asked for: then
/// Prometheus notes resets while it reads, and warns where they contradict one another.
pub(super) fn reads_only_counts(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Vector(_) => true,
        Expr::Aggregate(aggregate) => reads_only_counts(&aggregate.expr),
        Expr::Unary(unary) => reads_only_counts(&unary.expr),
        Expr::Call(call) => {
            matches!(call.function.name, "sum_over_time" | "avg_over_time")
                && matches!(call.args[0].unwrap_parens(), Expr::Matrix(_))
        }
        _ => false,
    }
}

impl Evaluator<'_> {
    /// `round`, `clamp`, `clamp_min`, `clamp_max`.
    pub(super) fn bounded(&mut self, name: &str, args: &[Expr], steps: Steps) -> Result<Matrix> {
        let mut matrix = self.eval_vector(&args[0], steps)?;
        let mut numbers = Vec::new();
        for arg in &args[1..] {
            numbers.push(self.eval_scalar(arg, steps)?);
        }
        match name {
            "round" => map(&mut matrix, |step, value| {
                let inverse = 1.0 / numbers.first().map_or(1.0, |to| to[step]);
                (value * inverse + 0.5).floor() / inverse
            }),
            "clamp_min" => map(&mut matrix, |step, value| max(value, numbers[0][step])),
            "clamp_max" => map(&mut matrix, |step, value| min(value, numbers[0][step])),
            _ => {
                map(&mut matrix, |step, value| {
                    let (low, high) = (numbers[0][step], numbers[1][step]);
                    if high < low { ABSENT } else { max(low, min(high, value)) }
                });
                matrix.drop_empty_rows();
            }
        }
        Ok(matrix)
    }

    /// `sort*`: puts the rows of an instant query in order.
    pub(super) fn sorted(&mut self, call: &Call, steps: Steps) -> Result<Matrix> {
        let name = call.function.name;
        let mut names = Vec::new();
        for arg in &call.args[1..] {
            let label = self.eval_string(arg, steps)?;
            names.push(self.symbols.intern(&label));
        }
        let mut matrix = self.eval_vector(&call.args[0], steps)?;
        let by_value = matches!(name, "sort" | "sort_desc");
        if steps.count > 1 || self.step != 0 && self.start != self.end {
            let message =
                "sort is ineffective for range queries since results are always ordered by labels";
            self.notes.warn(call.span, message.to_owned());
            if by_value {
                matrix.retain_floats();
            }
            return Ok(matrix);
        }
        if by_value {
            matrix.retain_floats();
        }
        let mut order: Vec<usize> = (0..matrix.len()).collect();
        if by_value {
            let descending = name == "sort_desc";
            order.sort_by(|a, b| nan_last(matrix.values[*a], matrix.values[*b], descending));
        } else {
            let text = |labels: &LabelSet, name| self.symbols.resolve(labels.get(name));
            let compare = |a: &usize, b: &usize| {
                let (a, b) = (&matrix.heads[*a].labels, &matrix.heads[*b].labels);
                let by_names = names.iter().map(|name| natural(text(a, *name), text(b, *name)));
                by_names
                    .fold(Ordering::Equal, Ordering::then)
                    .then_with(|| labels::compare(a, b, &self.symbols))
            };
            order.sort_by(compare);
            if name == "sort_by_label_desc" {
                order.reverse();
            }
        }
        let mut sorted = Matrix::with_capacity(matrix.steps, matrix.len());
        for row in order {
            let row = matrix.row(row);
            sorted.push(row.head.clone(), row.values, row.hists.to_vec());
        }
        Ok(sorted)
    }

    /// `label_replace(v, dst, replacement, src, regex)`.
    pub(super) fn label_replace(&mut self, args: &[Expr], steps: Steps) -> Result<Matrix> {
        let target = self.eval_string(&args[1], steps)?;
        let replacement = self.eval_string(&args[2], steps)?;
        let source = self.eval_string(&args[3], steps)?;
        let pattern = self.eval_string(&args[4], steps)?;
        let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| {
            QueryError::Execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        if !is_label_name(&target) {
            let message = format!("invalid destination label name in label_replace(): {target}");
            return Err(QueryError::Execution(message));
        }
        let mut matrix = self.eval_vector(&args[0], steps)?;
        let (target, source) = (self.symbols.intern(&target), self.symbols.intern(&source));
        // Many series share few values: each is matched once.
        let mut known: HashMap<Symbol, Option<Symbol>> = HashMap::new();
        for head in &mut matrix.heads {
            let value = head.labels.get(source);
            let replaced = *known.entry(value).or_insert_with(|| {
                let text = self.symbols.resolve(value);
                let captures = regex.captures(text)?;
                let mut expanded = String::new();
                captures.expand(&replacement, &mut expanded);
                Some(self.symbols.intern(&expanded))
            });
            if let Some(replaced) = replaced {
                head.labels = labels::with(&head.labels, target, replaced, &self.symbols);
                if target == Symbol::METRIC_NAME {
                    head.drop_name = false;
                }
            }
        }
        merge_same(matrix)
    }

    /// `label_join(v, dst, separator, src…)`.
    pub(super) fn label_join(&mut self, args: &[Expr], steps: Steps) -> Result<Matrix> {
        let target = self.eval_string(&args[1], steps)?;
        let separator = self.eval_string(&args[2], steps)?;
        let mut sources = Vec::new();
        for arg in &args[3..] {
            let name = self.eval_string(arg, steps)?;
            if !is_label_name(&name) {
                let message = format!("invalid source label name in label_join(): {name}");
                return Err(QueryError::Execution(message));
            }
            sources.push(self.symbols.intern(&name));
        }
        if !is_label_name(&target) {
            let message = format!("invalid destination label name in label_join(): {target}");
            return Err(QueryError::Execution(message));
        }
        let target = self.symbols.intern(&target);
        let mut matrix = self.eval_vector(&args[0], steps)?;
        for head in &mut matrix.heads {
            let parts: Vec<&str> =
                sources.iter().map(|name| self.symbols.resolve(head.labels.get(*name))).collect();
            let joined = self.symbols.intern(&parts.join(&separator));
            head.labels = labels::with(&head.labels, target, joined, &self.symbols);
            if target == Symbol::METRIC_NAME {
                head.drop_name = false;
            }
        }
        merge_same(matrix)
    }

    /// `histogram_quantile(q, v)` and `histogram_quantiles(v, label, q…)`.
    pub(super) fn histogram_quantile(&mut self, call: &Call, steps: Steps) -> Result<Matrix> {
        let several = call.function.name == "histogram_quantiles";
        let (vector, q_args) = if several {
            (&call.args[0], &call.args[2..])
        } else {
            (&call.args[1], &call.args[..1])
        };
        let label = if several {
            let label = self.eval_string(&call.args[1], steps)?;
            if !is_label_name(&label) {
                let message = format!("invalid label name {label:?}");
                return Err(QueryError::Execution(message));
            }
            Some(self.symbols.intern(&label))
        } else {
            None
        };
        let mut quantiles = Vec::new();
        for arg in q_args {
            let values = self.eval_scalar(arg, steps)?;
            for &q in &values {
                if q.is_nan() || !(0.0..=1.0).contains(&q) {
                    self.notes.bad_quantile(arg.span(), q);
                }
            }
            quantiles.push(values);
        }
        let groups = self.bucket_groups(vector, steps)?;
        let span = vector.span();
        let mut result = Matrix::new(steps.count);
        let mut rows: HashMap<(usize, Option<Symbol>), usize> = HashMap::new();
        let mut buckets = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let metric = self.name_of(&group.head.labels);
            for step in 0..steps.count {
                let native = group.native(step);
                group.classic(step, &mut buckets);
                if native.is_some() && !buckets.is_empty() {
                    self.mixed_kinds(span, &metric);
                    continue;
                }
                if native.is_none() && buckets.is_empty() {
                    continue;
                }
                let native = native.map(|histogram| Hist::from(&**histogram));
                for values in &quantiles {
                    let q = values[step];
                    let value = if let Some(hist) = &native {
                        let (value, nan) = quantiles::native_quantile(q, hist);
                        let consequence = match nan {
                            Some(NanObservations::ResultNan) => "result is NaN",
                            Some(NanObservations::Skewed) => "result is skewed higher",
                            None => "",
                        };
                        if nan.is_some() {
                            let message = format!(
                                "input to histogram_quantile has NaN observations, {consequence}"
                            );
                            self.notes.inform(span, super::notes::for_metric(message, &metric));
                        }
                        value
                    } else {
                        let mut scratch = buckets.clone();
                        let (value, mended) = quantiles::classic_quantile(q, &mut scratch);
                        if let Some(mended) = mended {
                            let (from, to) = mended.between;
                            let message = format!(
                                "input to histogram_quantile needed to be fixed for monotonicity \
                                 (see https://prometheus.io/docs/prometheus/latest/querying/\
                                 functions/#histogram_quantile), from buckets {} to {}, with a \
                                 max diff of {}",
                                format::float_g(from),
                                format::float_g(to),
                                format::float_g(mended.most)
                            );
                            self.notes.inform(span, super::notes::for_metric(message, &metric));
                        }
                        value
                    };
                    let text = label.map(|_| self.symbols.intern(&format::float_open_metrics(q)));
                    let row = *rows.entry((index, text)).or_insert_with(|| {
                        let mut head = group.head.clone();
                        if let (Some(label), Some(text)) = (label, text) {
                            head.labels = labels::with(&head.labels, label, text, &self.symbols);
                        }
                        result.push_absent(head)
                    });
                    result.values_mut(row)[step] = value;
                }
            }
        }
        result.drop_empty_rows();
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    /// `histogram_fraction(lower, upper, v)`.
    pub(super) fn histogram_fraction(&mut self, args: &[Expr], steps: Steps) -> Result<Matrix> {
        let lower = self.eval_scalar(&args[0], steps)?;
        let upper = self.eval_scalar(&args[1], steps)?;
        let groups = self.bucket_groups(&args[2], steps)?;
        let span = args[2].span();
        let mut result = Matrix::new(steps.count);
        let mut buckets = Vec::new();
        for group in groups {
            let metric = self.name_of(&group.head.labels);
            let row = result.push_absent(group.head.clone());
            for step in 0..steps.count {
                let native = group.native(step);
                group.classic(step, &mut buckets);
                let value = match native {
                    Some(_) if !buckets.is_empty() => {
                        self.mixed_kinds(span, &metric);
                        continue;
                    }
                    Some(histogram) => {
                        let inside = lower[step] < upper[step];
                        if histogram.sum.is_nan() && histogram.count > 0.0 && inside {
                            let message = "input to histogram_fraction has NaN observations, \
                                           which are excluded from all fractions";
                            let message = super::notes::for_metric(message.to_owned(), &metric);
                            self.notes.inform(span, message);
                        }
                        let hist = Hist::from(&**histogram);
                        quantiles::native_fraction(lower[step], upper[step], &hist)
                    }
                    None if buckets.is_empty() => continue,
                    None => quantiles::classic_fraction(lower[step], upper[step], &mut buckets),
                };
                result.values_mut(row)[step] = value;
            }
        }
        result.drop_empty_rows();
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    fn mixed_kinds(&mut self, span: Span, metric: &str) {
        let message = "vector contains a mix of classic and native histograms".to_owned();
        self.notes.warn(span, super::notes::for_metric(message, metric));
    }

    /// The series of a vector by histogram: buckets with their bounds, and native histograms.
    fn bucket_groups(&mut self, vector: &Expr, steps: Steps) -> Result<Vec<BucketGroup>> {
        let matrix = self.eval_vector(vector, steps)?;
        let le = self.symbols.intern("le");
        let mut bounds: HashMap<Symbol, Option<f64>> = HashMap::new();
        let mut index: HashMap<LabelSet, usize> = HashMap::new();
        let mut groups: Vec<BucketGroup> = Vec::new();
        for row in matrix.rows() {
            let has_floats = row.values.iter().any(|value| !is_stale(*value));
            let text = row.head.labels.get(le);
            let upper =
                *bounds.entry(text).or_insert_with(|| parse_bound(self.symbols.resolve(text)));
            if has_floats && upper.is_none() {
                let metric = self.name_of(&row.head.labels);
                let message = format!(
                    "bucket label \"le\" is missing or has a malformed value of {:?}",
                    self.symbols.resolve(text)
                );
                self.notes.warn(vector.span(), super::notes::for_metric(message, &metric));
            }
            // A native histogram keeps a label `le`, should it have one.
            let float_key = labels::retain(&row.head.labels, |name| name != le);
            let mut group = |key: LabelSet| {
                let at = *index.entry_ref(&key).or_insert(groups.len());
                if at == groups.len() {
                    let head = Head { labels: key, drop_name: true };
                    groups.push(BucketGroup { head, buckets: Vec::new(), native: Vec::new() });
                }
                at
            };
            let classic = upper.filter(|_| has_floats).map(|upper| (group(float_key), upper));
            let native = (!row.hists.is_empty()).then(|| group(row.head.labels.clone()));
            if let Some((at, upper)) = classic {
                groups[at].buckets.push((upper, row.values.to_vec()));
            }
            if let Some(at) = native {
                groups[at].native = row.hists.to_vec();
            }
        }
        self.release(matrix.len(), steps.count);
        Ok(groups)
    }
}

/// One classic or native histogram at all steps.
struct BucketGroup {
    head: Head,
    /// Upper bound and cumulative counts.
    buckets: Vec<(f64, Vec<f64>)>,
    native: Vec<Option<Arc<Histogram>>>,
}

impl BucketGroup {
    fn native(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.native.get(step).and_then(Option::as_ref)
    }

    fn classic(&self, step: usize, into: &mut Vec<Classic>) {
        into.clear();
        let present = self.buckets.iter().filter(|bucket| !is_stale(bucket.1[step]));
        into.extend(present.map(|bucket| Classic { upper: bucket.0, count: bucket.1[step] }));
    }
}

/// Whether a text can name a label: anything but nothing, and what was no UTF-8 when it was read.
pub(super) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// Value of a label `le`, as Go reads floats.
fn parse_bound(text: &str) -> Option<f64> {
    // `from_str` takes the same words (inf, infinity, nan), in any case and with a sign.
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

/// Compares with runs of digits as numbers: `x9` before `x10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let (Some(&one), Some(&other)) = (left.first(), right.first()) {
        let mut taken = (1, 1);
        if one.is_ascii_digit() && other.is_ascii_digit() {
            let (digits, value) = leading_number(left);
            let (other_digits, other_value) = leading_number(right);
            let by_value = value.len().cmp(&other_value.len()).then_with(|| value.cmp(other_value));
            match by_value.then(digits.cmp(&other_digits)) {
                Ordering::Equal => taken = (digits, other_digits),
                order => return order,
            }
        } else if one != other {
            return one.cmp(&other);
        }
        left = &left[taken.0..];
        right = &right[taken.1..];
    }
    left.len().cmp(&right.len())
}

/// How many digits come first, and those behind the leading zeros.
fn leading_number(text: &[u8]) -> (usize, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zeros = text[..digits].iter().take_while(|byte| **byte == b'0').count();
    (digits, &text[zeros..digits])
}

/// Merges rows that got the same labels; fails where two of them have a sample at one step.
pub(super) fn merge_same(matrix: Matrix) -> Result<Matrix> {
    let mut index: HashMap<LabelSet, usize> = HashMap::with_capacity(matrix.len());
    let unique = matrix.heads.iter().all(|head| index.insert(head.labels.clone(), 0).is_none());
    if unique {
        return Ok(matrix);
    }
    index.clear();
    let mut merged = Matrix::with_capacity(matrix.steps, matrix.len());
    for row in matrix.rows() {
        match index.get(&row.head.labels) {
            None => {
                index.insert(row.head.labels.clone(), merged.len());
                merged.push(row.head.clone(), row.values, row.hists.to_vec());
            }
            Some(&at) => {
                merged.heads[at].drop_name |= row.head.drop_name;
                for step in 0..matrix.steps {
                    let cell = row.cell(step);
                    if cell.is_present() {
                        if merged.row(at).is_present(step) {
                            return Err(same_labels());
                        }
                        merged.set(at, step, cell);
                    }
                }
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_of_labels_are_ordered_as_numbers() {
        assert_eq!(natural("x9", "x10"), Ordering::Less);
        assert_eq!(natural("a", "b"), Ordering::Less);
        assert_eq!(natural("10.0.9.1", "10.0.10.1"), Ordering::Less);
        assert_eq!(natural("7", "7"), Ordering::Equal);
    }

    #[test]
    fn bounds_are_read_as_go_reads_floats() {
        assert_eq!(parse_bound("+Inf"), Some(f64::INFINITY));
        assert_eq!(parse_bound(".5"), Some(0.5));
        assert_eq!(parse_bound("Hello World"), None);
        assert_eq!(parse_bound(""), None);
    }
}
