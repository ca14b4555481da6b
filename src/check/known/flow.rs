//! Labels on their way through an expression: which ones the result of each node can have, which it
//! surely has, and where the others got lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::page::Nature;
use super::{Known, Reads};
use crate::model::{METRIC_NAME, MatchOp};
use crate::promql::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, VectorSelector,
};
use crate::promql::{Expr, Span, ValueType};

/// Labels of the elements of a vector. The metric name is not among them.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// Labels that an element may have.
    pub may: BTreeSet<String>,
    /// Labels that every element has.
    pub must: BTreeSet<String>,
    /// Whether there may be labels that are not named in `may`.
    pub open: bool,
    /// Where labels got lost, the innermost place first.
    pub losses: Vec<Loss>,
    /// How the values move.
    pub nature: Nature,
    /// Whether values of several series were put together.
    pub aggregated: bool,
}

/// A place where labels got lost.
#[derive(Debug, Clone)]
pub struct Loss {
    /// What drops them: the aggregation's labels, or its operator, a function's name, an operator.
    pub at: Span,
    /// How.
    pub how: Lost,
    /// The labels that were there before.
    pub labels: BTreeSet<String>,
}

/// How labels get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// An aggregation.
    Aggregation,
    /// `on` or `ignoring` of an operator between two vectors.
    Matching,
    /// A function such as `histogram_quantile`, `absent`.
    Function,
}

impl Flow {
    /// Anything at all.
    pub fn anything() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Exactly these labels.
    pub fn exactly<'l>(labels: impl IntoIterator<Item = &'l str>) -> Self {
        let may: BTreeSet<String> = labels.into_iter().map(str::to_owned).collect();
        Self { must: may.clone(), may, ..Self::default() }
    }

    /// Whether an element can have the label.
    pub fn can_have(&self, label: &str) -> bool {
        self.open || label == METRIC_NAME || self.may.contains(label)
    }

    /// Whether every element has the label.
    pub fn surely_has(&self, label: &str) -> bool {
        self.must.contains(label)
    }

    /// Where the label got lost on its way here; `None` if it never was there.
    pub fn lost(&self, label: &str) -> Option<&Loss> {
        self.losses.iter().rev().find(|loss| loss.labels.contains(label))
    }

    fn with(mut self, nature: Nature, aggregated: bool) -> Self {
        self.nature = nature;
        self.aggregated = aggregated;
        self
    }

    fn keep(&mut self, at: Span, how: Lost, mut keep: impl FnMut(&str) -> bool) {
        let lost: BTreeSet<String> = self.may.iter().filter(|name| !keep(name)).cloned().collect();
        if lost.is_empty() {
            return;
        }
        self.may.retain(|name| !lost.contains(name));
        self.must.retain(|name| !lost.contains(name));
        self.losses.push(Loss { at, how, labels: lost });
    }
}

/// The labels at every node of one expression.
#[derive(Debug, Default)]
pub struct Flows {
    by_span: HashMap<Span, Arc<Flow>>,
    root: Arc<Flow>,
}

impl Flows {
    /// Follows the labels through an expression without mistakes.
    pub fn of(known: &Known<'_>, expr: &Expr) -> Self {
        let mut walker = Walker { known, by_span: HashMap::new() };
        let root = walker.flow(expr);
        Self { by_span: walker.by_span, root }
    }

    /// Labels of the result.
    pub fn result(&self) -> &Flow {
        &self.root
    }

    /// Labels of a node of the expression; anything for a node of another one.
    pub fn at(&self, node: &Expr) -> Arc<Flow> {
        // No two nodes have the same place: whatever stands around another one adds a character.
        self.by_span.get(&node.span()).cloned().unwrap_or_else(|| Arc::new(Flow::anything()))
    }
}

struct Walker<'k, 'a> {
    known: &'k Known<'a>,
    by_span: HashMap<Span, Arc<Flow>>,
}

impl Walker<'_, '_> {
    fn flow(&mut self, expr: &Expr) -> Arc<Flow> {
        let flow = match expr {
            Expr::Number(_) | Expr::String(_) => Arc::default(),
            Expr::Vector(selector) => Arc::new(self.selector(selector)),
            Expr::Matrix(matrix) => Arc::new(self.selector(&matrix.selector)),
            Expr::Subquery(node) => self.flow(&node.expr),
            Expr::Paren(node) => self.flow(&node.expr),
            Expr::Unary(node) => {
                let inner = self.flow(&node.expr);
                if node.negative { moved(inner, Nature::Unknown) } else { inner }
            }
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => Arc::new(self.aggregate(aggregate)),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Broken(broken) => {
                for child in &broken.children {
                    self.flow(child);
                }
                Arc::new(Flow::anything())
            }
        };
        self.by_span.insert(expr.span(), flow.clone());
        flow
    }

    fn selector(&self, selector: &VectorSelector) -> Flow {
        let reads = self.known.reads(selector);
        let mut flow = of_reads(&reads);
        for matcher in selector.plain_matchers().filter(|matcher| matcher.name != METRIC_NAME) {
            match (matcher.op, matcher.value.as_str()) {
                (MatchOp::Equal, "") => {
                    flow.may.remove(&matcher.name);
                    flow.must.remove(&matcher.name);
                }
                // What does not exist at all is another finding; here it counts as written.
                _ if !matcher.matches_empty() => {
                    flow.may.insert(matcher.name.clone());
                    flow.must.insert(matcher.name.clone());
                }
                _ => {}
            }
        }
        flow
    }

    fn call(&mut self, call: &Call) -> Arc<Flow> {
        let args: Vec<Arc<Flow>> = call.args.iter().map(|arg| self.flow(arg)).collect();
        let takes = |index: usize| call.args.get(index).map(Expr::value_type);
        let series = (0..args.len())
            .find(|index| matches!(takes(*index), Some(ValueType::Vector | ValueType::Matrix)));
        let text = |index: usize| match call.args.get(index).map(Expr::unwrap_parens) {
            Some(Expr::String(literal)) => Some(literal.value.as_str()),
            _ => None,
        };
        let name = call.function.name;
        if matches!(name, "absent" | "absent_over_time") {
            return Arc::new(self.absent(call));
        }
        let Some(inner) = series.map(|index| args[index].clone()) else {
            // A vector out of nothing: `vector(1)`, `hour()`.
            return Arc::new(Flow::default().with(Nature::Gauge, false));
        };
        match name {
            "scalar" => Arc::default(),
            "label_replace" | "label_join" => {
                let mut flow = Flow::clone(&inner);
                match text(1) {
                    Some(label) => drop(flow.may.insert(label.to_owned())),
                    None => flow.open = true,
                }
                Arc::new(flow)
            }
            "info" => Arc::new(Flow { open: true, ..Flow::clone(&inner) }),
            "histogram_quantile" | "histogram_fraction" | "histogram_quantiles" => {
                let mut flow = Flow::clone(&inner).with(Nature::Gauge, inner.aggregated);
                flow.keep(call.name_span, Lost::Function, |label| label != "le");
                if name == "histogram_quantiles" {
                    match text(1) {
                        Some(label) => drop(flow.may.insert(label.to_owned())),
                        None => flow.open = true,
                    }
                }
                Arc::new(flow)
            }
            "last_over_time" | "first_over_time" | "sort" | "sort_desc" | "sort_by_label"
            | "sort_by_label_desc" | "abs" | "round" | "ceil" | "floor" => inner,
            // Rates of buckets are buckets still.
            "rate" | "increase" | "irate" => match inner.nature {
                Nature::Bucket => inner,
                _ => moved(inner, Nature::Gauge),
            },
            "delta" | "idelta" | "deriv" | "predict_linear" | "avg_over_time" => {
                moved(inner, Nature::Gauge)
            }
            _ => moved(inner, Nature::Unknown),
        }
    }

    /// `absent` has the labels of its selector's equality matchers, unless one comes twice.
    fn absent(&mut self, call: &Call) -> Flow {
        let selector = match call.args.first().map(Expr::unwrap_parens) {
            Some(Expr::Vector(selector)) => selector,
            Some(Expr::Matrix(matrix)) => &matrix.selector,
            _ => return Flow::default().with(Nature::Gauge, false),
        };
        let matchers = || selector.plain_matchers().filter(|matcher| matcher.name != METRIC_NAME);
        let kept: Vec<&str> = matchers()
            .filter(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty())
            .map(|matcher| matcher.name.as_str())
            .filter(|name| matchers().filter(|other| other.name == *name).count() == 1)
            .collect();
        let mut flow = Flow::exactly(kept).with(Nature::Gauge, false);
        let mut labels = self.selector(selector).may;
        labels.retain(|label| !flow.may.contains(label));
        flow.losses.push(Loss { at: call.name_span, how: Lost::Function, labels });
        flow
    }

    fn aggregate(&mut self, node: &Aggregate) -> Flow {
        if let Some(param) = &node.param {
            self.flow(param);
        }
        let mut flow = Flow::clone(&self.flow(&node.expr));
        match node.op {
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => return flow,
            AggregateOp::Sum | AggregateOp::Avg | AggregateOp::Min | AggregateOp::Max => {
                flow.aggregated = true;
            }
            _ => (flow.nature, flow.aggregated) = (Nature::Gauge, true),
        }
        let names = || node.grouping.labels.iter().map(|label| label.name.as_str());
        let at = grouping_span(node);
        if node.grouping.without {
            flow.keep(at, Lost::Aggregation, |label| !names().any(|name| name == label));
        } else {
            if flow.open {
                // What is asked for may be among the labels that are not known.
                flow.may.extend(names().filter(|name| *name != METRIC_NAME).map(str::to_owned));
            }
            flow.keep(at, Lost::Aggregation, |label| names().any(|name| name == label));
            flow.open = false;
        }
        if node.op == AggregateOp::CountValues {
            match node.param.as_deref().map(Expr::unwrap_parens) {
                Some(Expr::String(label)) => {
                    flow.may.insert(label.value.clone());
                    flow.must.insert(label.value.clone());
                }
                _ => flow.open = true,
            }
        }
        flow
    }

    fn binary(&mut self, node: &Binary) -> Arc<Flow> {
        let (left, right) = (self.flow(&node.lhs), self.flow(&node.rhs));
        let vector = |expr: &Expr| expr.value_type() == ValueType::Vector;
        let Some(matching) = &node.matching else {
            let (inner, on_left) = match (vector(&node.lhs), vector(&node.rhs)) {
                (true, _) => (left, true),
                (_, true) => (right, false),
                _ => return Arc::default(),
            };
            let keeps = match node.op {
                BinaryOp::Mul | BinaryOp::Add => true,
                BinaryOp::Div | BinaryOp::Sub => on_left,
                op => op.is_comparison() && !node.return_bool,
            };
            return if keeps { inner } else { moved(inner, Nature::Unknown) };
        };
        match node.op {
            BinaryOp::And | BinaryOp::Unless => return left,
            BinaryOp::Or => return Arc::new(either(&left, &right)),
            _ => {}
        }
        let names = || matching.labels.iter().map(|label| label.name.as_str());
        let (many, one) = match matching.cardinality {
            Cardinality::OneToMany => (&right, &left),
            _ => (&left, &right),
        };
        let mut flow = Flow::clone(many);
        flow.losses.extend(one.losses.iter().cloned());
        match matching.cardinality {
            Cardinality::ManyToOne | Cardinality::OneToMany => {
                for label in &matching.include {
                    let name = label.name.as_str();
                    flow.must.remove(name);
                    if one.can_have(name) {
                        flow.may.insert(name.to_owned());
                        if one.surely_has(name) {
                            flow.must.insert(name.to_owned());
                        }
                    } else {
                        flow.may.remove(name);
                    }
                }
            }
            _ if matching.on => {
                if flow.open {
                    flow.may.extend(names().map(str::to_owned));
                }
                flow.keep(node.op_span, Lost::Matching, |label| names().any(|name| name == label));
                flow.open = false;
            }
            _ => {
                flow.keep(node.op_span, Lost::Matching, |label| !names().any(|name| name == label));
            }
        }
        let nature = match node.op {
            BinaryOp::Add if left.nature == right.nature => left.nature,
            op if op.is_comparison() && !node.return_bool => left.nature,
            _ => Nature::Unknown,
        };
        let aggregated = left.aggregated || right.aggregated || node.op == BinaryOp::Add;
        Arc::new(flow.with(nature, aggregated))
    }
}

/// The labels of an aggregation as one place: those in its brackets, or the operator if there are none.
pub fn grouping_span(node: &Aggregate) -> Span {
    match (node.grouping.labels.first(), node.grouping.labels.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => node.op_span,
    }
}

fn moved(flow: Arc<Flow>, nature: Nature) -> Arc<Flow> {
    if flow.nature == nature {
        return flow;
    }
    let aggregated = flow.aggregated;
    Arc::new(Arc::unwrap_or_clone(flow).with(nature, aggregated))
}

fn either(left: &Flow, right: &Flow) -> Flow {
    let mut flow = left.clone();
    flow.may.extend(right.may.iter().cloned());
    flow.must.retain(|label| right.must.contains(label));
    flow.open |= right.open;
    flow.losses.extend(right.losses.iter().cloned());
    if flow.nature != right.nature {
        flow.nature = Nature::Unknown;
    }
    flow.aggregated |= right.aggregated;
    flow
}

/// Labels of what a selector reads.
fn of_reads(reads: &Reads<'_>) -> Flow {
    let mut all: Option<Flow> = None;
    for series in &reads.series {
        let next = series.labels();
        match &mut all {
            None => all = Some(next),
            Some(all) => {
                all.may.extend(next.may);
                all.must.retain(|label| next.must.contains(label));
                all.open |= next.open;
                if all.nature != next.nature {
                    all.nature = Nature::Unknown;
                }
                all.aggregated |= next.aggregated;
            }
        }
    }
    let Some(mut flow) = all else { return Flow::anything() };
    if reads.anywhere {
        flow.open = true;
        flow.must.clear();
    }
    // Jobs of which nothing is known may show the same metric, with their own targets' labels.
    for job in &reads.maybe {
        if job.federated.is_some() || job.any_labels || job.any_target_labels {
            flow.open = true;
            flow.must.clear();
        } else {
            flow.may.extend(job.target_labels().map(str::to_owned));
            flow.must.retain(|label| label == "job" || label == "instance");
        }
    }
    flow
}
