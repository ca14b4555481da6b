//! How many series an expression gives: what recording rules will write. Selectors give the series of
//! their jobs, aggregations as many groups as their labels have values, but never more than go in.

use std::collections::HashMap;

use super::{JobCost, page};
use crate::catalogue::{figures, known_values};
use crate::check::known::{Known, Role, Series};
use crate::model::{METRIC_NAME, MatchOp, Matcher};
use crate::promql::Expr;
use crate::promql::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, VectorSelector,
};

/// Series that are read and of which nothing is known.
const UNKNOWN: f64 = 10.0;

pub(super) struct Rows<'k> {
    known: &'k Known<'k>,
    /// Targets of the jobs, by name.
    targets: HashMap<&'k str, f64>,
    /// What earlier rules record.
    recorded: HashMap<String, f64>,
}

impl<'k> Rows<'k> {
    pub(super) fn new(known: &'k Known<'k>, jobs: &'k [JobCost]) -> Self {
        let targets = jobs.iter().map(|job| (job.job.as_str(), job.targets as f64)).collect();
        Self { known, targets, recorded: HashMap::new() }
    }

    /// Remembers what a rule gives, for those that read it.
    pub(super) fn recorded(&mut self, name: &str, series: f64) {
        *self.recorded.entry(name.to_owned()).or_default() += series;
    }

    /// Series of the result.
    pub(super) fn of(&self, expr: &Expr) -> f64 {
        match expr {
            Expr::Number(_) | Expr::String(_) | Expr::Broken(_) => 1.0,
            Expr::Vector(selector) => self.selected(selector),
            Expr::Matrix(matrix) => self.selected(&matrix.selector),
            Expr::Subquery(subquery) => self.of(&subquery.expr),
            Expr::Unary(unary) => self.of(&unary.expr),
            Expr::Paren(paren) => self.of(&paren.expr),
            Expr::Call(call) => self.called(call),
            Expr::Aggregate(aggregate) => self.aggregated(aggregate),
            Expr::Binary(binary) => self.joined(binary),
        }
    }

    fn selected(&self, selector: &VectorSelector) -> f64 {
        let reads = self.known.reads(selector);
        let fixed: Vec<&Matcher> = selector
            .plain_matchers()
            .filter(|matcher| matcher.op == MatchOp::Equal && matcher.name != METRIC_NAME)
            .collect();
        let sum: f64 = reads.series.iter().map(|series| self.series(series, &fixed)).sum();
        if sum > 0.0 { sum } else { UNKNOWN }
    }

    fn series(&self, series: &Series<'_>, fixed: &[&Matcher]) -> f64 {
        match series {
            Series::Recorded(record) => {
                let own = self.recorded.get(&record.name).copied().unwrap_or(UNKNOWN);
                let by = |label: &str| figures::usual_values(label) as f64;
                let divided = fixed.iter().map(|matcher| by(&matcher.name)).product::<f64>();
                (own / divided.max(1.0)).max(1.0)
            }
            Series::Alerts(..) => UNKNOWN,
            Series::Scraped(job, metric) => {
                let targets = self.targets.get(job.name.as_str()).copied().unwrap_or(1.0);
                let page = match metric.role {
                    Role::Synthetic => 1,
                    _ => page::series(metric).0,
                };
                let mut all = page as f64 * targets;
                for matcher in fixed {
                    if metric.labels.iter().any(|label| *label == matcher.name) {
                        let known = known_values(&metric.name, &matcher.name);
                        let values = known.map_or_else(
                            || figures::usual_values(&matcher.name),
                            |values| values.len() as u64,
                        );
                        all /= values.max(1) as f64;
                    } else if matcher.name == "instance" {
                        all /= targets.max(1.0);
                    }
                }
                all.max(1.0)
            }
        }
    }

    /// How many values a label has in what an expression reads.
    fn values(&self, expr: &Expr, label: &str) -> f64 {
        let mut most: f64 = 0.0;
        let mut jobs: Vec<&str> = Vec::new();
        let mut instances = 0.0;
        expr.walk(&mut |node, _| {
            let selector = match node {
                Expr::Vector(selector) => selector,
                Expr::Matrix(matrix) => &matrix.selector,
                _ => return,
            };
            let reads = self.known.reads(selector);
            let fixed = selector
                .plain_matchers()
                .any(|matcher| matcher.op == MatchOp::Equal && matcher.name == label);
            for series in &reads.series {
                let values = match series {
                    _ if fixed => 1.0,
                    Series::Scraped(job, metric) => {
                        if label == "job" || label == "instance" {
                            if !jobs.contains(&job.name.as_str()) {
                                jobs.push(&job.name);
                                instances +=
                                    self.targets.get(job.name.as_str()).copied().unwrap_or(1.0);
                            }
                            continue;
                        }
                        match known_values(&metric.name, label) {
                            Some(values) => values.len() as f64,
                            None if metric.labels.iter().any(|own| own == label) => {
                                figures::usual_values(label) as f64
                            }
                            None => 1.0,
                        }
                    }
                    Series::Recorded(_) | Series::Alerts(..) => figures::usual_values(label) as f64,
                };
                most = most.max(values);
            }
        });
        match label {
            "job" => most.max(jobs.len() as f64),
            "instance" => most.max(instances),
            _ => most,
        }
        .max(1.0)
    }

    fn aggregated(&self, aggregate: &Aggregate) -> f64 {
        let all = self.of(&aggregate.expr);
        let labels = aggregate.grouping.labels.iter().map(|label| label.name.as_str());
        let values: f64 = labels.map(|label| self.values(&aggregate.expr, label)).product();
        let groups =
            if aggregate.grouping.without { (all / values).max(1.0) } else { values.min(all) };
        let number = || match aggregate.param.as_deref() {
            Some(Expr::Number(number)) => number.value.max(1.0),
            _ => UNKNOWN,
        };
        match aggregate.op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
                all.min(groups * number())
            }
            AggregateOp::CountValues => groups * UNKNOWN,
            _ => groups,
        }
    }

    fn called(&self, call: &Call) -> f64 {
        let vectors =
            call.args.iter().filter(|arg| !matches!(arg, Expr::Number(_) | Expr::String(_)));
        let rows = vectors.map(|arg| self.of(arg)).fold(1.0, f64::max);
        match call.function.name {
            "absent" | "absent_over_time" | "scalar" | "vector" | "time" => 1.0,
            "histogram_quantile" => (rows / figures::usual_values("le") as f64).max(1.0),
            _ => rows,
        }
    }

    fn joined(&self, binary: &Binary) -> f64 {
        let (left, right) = (self.of(&binary.lhs), self.of(&binary.rhs));
        let Some(matching) = &binary.matching else { return left.max(right) };
        match (binary.op, matching.cardinality) {
            (BinaryOp::Or, _) => left + right,
            (BinaryOp::And | BinaryOp::Unless, _) | (_, Cardinality::ManyToOne) => left,
            (_, Cardinality::OneToMany) => right,
            _ => left.min(right),
        }
    }
}
