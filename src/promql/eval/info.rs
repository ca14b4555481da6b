//! `info()`: adds the data labels of info metrics to the series they describe.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::super::ast::{Call, Edges, Span, VectorSelector};
use super::super::{Expr, QueryError};
use super::labels;
use super::matrix::{Cell, Head, Matrix, Steps};
use super::select::Wanted;
use super::{Evaluator, Result};
use crate::model::{METRIC_NAME, MatchOp, Matcher, is_stale};
use crate::storage::{LabelSet, Symbol};

/// The labels that say which target a series belongs to.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// The conditions on the names of info metrics: `target_info` if there are none, and what ends in
/// `_info` if they only say what it is not.
fn info_names(mut names: Vec<Matcher>) -> Result<Vec<Matcher>> {
    if names.is_empty() {
        return Ok(vec![Matcher::equal(METRIC_NAME, "target_info")]);
    }
    if !names.iter().any(|m| matches!(m.op, MatchOp::Equal | MatchOp::Regex)) {
        let all = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info");
        names.push(all.map_err(|err| QueryError::Execution(err.to_string()))?);
    }
    Ok(names)
}

/// Where the base series read their samples: the info series are looked up there as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Reference {
    at: Option<i64>,
    offset: i64,
}

/// An info series: its key, its labels, and the time of its sample at every step.
struct InfoRow {
    labels: LabelSet,
    times: Vec<f64>,
}

impl Evaluator<'_> {
    /// Evaluates `info(v [, {selector}])`.
    pub(super) fn info(&mut self, call: &Call, steps: Steps) -> Result<Matrix> {
        let base = self.eval_vector(&call.args[0], steps)?;
        let selector = match call.args.get(1).map(Expr::unwrap_parens) {
            Some(Expr::Vector(selector)) => Some(selector),
            _ => None,
        };
        let matchers: Vec<Matcher> =
            selector.map(|s| s.plain_matchers().cloned().collect()).unwrap_or_default();
        let (names, data): (Vec<Matcher>, Vec<Matcher>) =
            matchers.into_iter().partition(|matcher| matcher.name == METRIC_NAME);
        let names = info_names(names)?;
        let identifying = IDENTIFYING.map(|name| self.symbols.intern(name));

        // A series that the positive and negative name matchers select is an info series itself.
        let is_info = |labels: &LabelSet, evaluator: &Self| {
            let name = labels::metric_name(labels, &evaluator.symbols);
            names.iter().all(|matcher| matcher.matches(name))
        };
        let sources: Vec<bool> =
            base.heads.iter().map(|head| is_info(&head.labels, self)).collect();
        let reference = self.reference(&call.args[0])?;
        let info = self.info_rows(&base, &sources, &names, &data, reference, steps)?;

        let key_of = |labels: &LabelSet| identifying.map(|name| labels.get(name));
        let mut by_key: HashMap<[Symbol; 2], Vec<usize>> = HashMap::new();
        for (index, row) in info.iter().enumerate() {
            by_key.entry(key_of(&row.labels)).or_default().push(index);
        }
        let wanted: Vec<Symbol> =
            data.iter().map(|matcher| self.symbols.intern(&matcher.name)).collect();
        let optional = data.iter().all(Matcher::matches_empty);

        let mut result = Matrix::new(steps.count);
        let mut rows: HashMap<LabelSet, usize> = HashMap::new();
        for (index, row) in base.rows().enumerate() {
            let key = key_of(&row.head.labels);
            // A series without any identifying label belongs to no target.
            let candidates = by_key
                .get(&key)
                .filter(|_| key != [Symbol::EMPTY; 2])
                .map_or(&[][..], Vec::as_slice);
            for step in 0..steps.count {
                let cell = row.cell(step);
                if !cell.is_present() {
                    continue;
                }
                let labels = if sources[index] {
                    Some(row.head.labels.clone())
                } else {
                    let added =
                        self.data_labels(&row.head.labels, candidates, &info, step, &wanted)?;
                    match added {
                        Some(labels) => Some(labels),
                        None => optional.then(|| row.head.labels.clone()),
                    }
                };
                let Some(labels) = labels else { continue };
                Self::put(&mut result, &mut rows, labels, row.head.drop_name, step, cell)?;
            }
        }
        self.release(base.len(), steps.count);
        self.charge(result.len(), steps.count)?;
        Ok(result)
    }

    fn put(
        result: &mut Matrix,
        rows: &mut HashMap<LabelSet, usize>,
        labels: LabelSet,
        drop_name: bool,
        step: usize,
        cell: Cell,
    ) -> Result<()> {
        let at = *rows.entry(labels).or_insert_with_key(|labels| {
            result.push_absent(Head { labels: labels.clone(), drop_name })
        });
        if result.row(at).is_present(step) {
            return Err(super::same_labels());
        }
        result.heads[at].drop_name |= drop_name;
        result.set(at, step, cell);
        Ok(())
    }

    /// The labels of a base series with those of its info series at one step; `None` if there is no
    /// info series, or none that has a wanted label which is not optional.
    fn data_labels(
        &self,
        base: &LabelSet,
        candidates: &[usize],
        info: &[InfoRow],
        step: usize,
        wanted: &[Symbol],
    ) -> Result<Option<LabelSet>> {
        // Of several series of one info metric the newest sample counts.
        let mut newest: BTreeMap<Symbol, (f64, usize)> = BTreeMap::new();
        for &candidate in candidates {
            let time = info[candidate].times[step];
            if is_stale(time) {
                continue;
            }
            let name = info[candidate].labels.get(Symbol::METRIC_NAME);
            let known = newest.entry(name).or_insert((time, candidate));
            if time > known.0 {
                *known = (time, candidate);
            }
        }
        if newest.is_empty() {
            return Ok(None);
        }
        let identifying = IDENTIFYING.map(|name| self.symbols.intern(name));
        let mut added: HashMap<Symbol, Symbol> = HashMap::new();
        let mut labels = base.pairs().to_vec();
        for (_, candidate) in newest.values() {
            for &(name, value) in info[*candidate].labels.pairs() {
                if name == Symbol::METRIC_NAME
                    || identifying.contains(&name)
                    || !wanted.is_empty() && !wanted.contains(&name)
                    || base.get(name) != Symbol::EMPTY
                {
                    continue;
                }
                if added.insert(name, value).is_some_and(|before| before != value) {
                    return Err(QueryError::Execution(format!(
                        "conflicting label: {}",
                        self.symbols.resolve(name)
                    )));
                }
                labels::set(&mut labels, name, value, &self.symbols);
            }
        }
        Ok(Some(LabelSet::from_sorted(labels)))
    }

    /// The info series that may describe one of the base series.
    fn info_rows(
        &mut self,
        base: &Matrix,
        sources: &[bool],
        names: &[Matcher],
        data: &[Matcher],
        reference: Reference,
        steps: Steps,
    ) -> Result<Vec<InfoRow>> {
        if base.is_empty() || sources.iter().all(|source| *source) {
            return Ok(Vec::new());
        }
        let mut matchers = names.to_vec();
        matchers.extend(data.iter().cloned());
        let selector = VectorSelector {
            name: None,
            matchers: matchers
                .into_iter()
                .map(|matcher| super::super::ast::SelectorMatcher {
                    matcher,
                    span: Span::default(),
                    value_span: Span::default(),
                })
                .collect(),
            offset: None,
            at: None,
            edges: Edges::Plain,
            info_labels: false,
            span: Span::default(),
        };
        let shifted = match reference.at {
            Some(at) => Steps::once(at.saturating_sub(reference.offset)),
            None => Steps { start: steps.start.saturating_sub(reference.offset), ..steps },
        };
        let values = self.select_instant(&selector, shifted, Wanted::Value)?;
        if values.has_hists() {
            let message = "this should be an info metric, with float samples: ";
            let name = values.rows().find(|row| !row.hists.is_empty());
            let name = name.map(|row| self.name_of(&row.head.labels)).unwrap_or_default();
            return Err(QueryError::Execution(format!("{message}{name}")));
        }
        let times = self.select_instant(&selector, shifted, Wanted::Time)?;
        let rows = times.rows().map(|row| InfoRow {
            labels: row.head.labels.clone(),
            times: if row.values.len() == steps.count {
                row.values.to_vec()
            } else {
                vec![row.values[0]; steps.count]
            },
        });
        Ok(rows.collect())
    }

    /// `@` and `offset` of the selector or subqueries inside of the first argument.
    fn reference(&self, expr: &Expr) -> Result<Reference> {
        Ok(match expr {
            Expr::Vector(selector) => self.reference_of(selector)?,
            Expr::Matrix(matrix) => self.reference_of(&matrix.selector)?,
            Expr::Subquery(subquery) => {
                let inner = self.reference(&subquery.expr)?;
                let offset = subquery
                    .offset
                    .as_ref()
                    .map_or(Ok(0), |offset| self.duration(offset, false))?;
                if inner.at.is_some() {
                    return Ok(inner);
                }
                Reference {
                    at: self.fixed_time(subquery.at),
                    offset: inner.offset.saturating_add(offset),
                }
            }
            Expr::Paren(paren) => self.reference(&paren.expr)?,
            Expr::Unary(unary) => self.reference(&unary.expr)?,
            Expr::Aggregate(aggregate) => self.reference(&aggregate.expr)?,
            Expr::Call(call) => {
                for arg in &call.args {
                    let reference = self.reference(arg)?;
                    if reference != Reference::default() {
                        return Ok(reference);
                    }
                }
                Reference::default()
            }
            Expr::Binary(binary) => {
                let left = self.reference(&binary.lhs)?;
                if left == Reference::default() { self.reference(&binary.rhs)? } else { left }
            }
            Expr::Number(_) | Expr::String(_) | Expr::Broken(_) => Reference::default(),
        })
    }

    fn reference_of(&self, selector: &VectorSelector) -> Result<Reference> {
        let place = self.place_of(selector)?;
        Ok(Reference { at: place.at, offset: place.offset })
    }
}
