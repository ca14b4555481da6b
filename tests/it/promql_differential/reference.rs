//! The witness: evaluates a tree one step at a time over plain lists of labels and samples, by the
//! formulas of the documentation. Slow on purpose, and without a line of the engine's evaluator; only
//! the parser's tree is shared.

use std::collections::{BTreeMap, BTreeSet};

use stackctl::model::{MatchOp, is_stale};
use stackctl::promql::ast::{
    AggregateOp, At, BinaryOp, Cardinality, DurationContext, DurationExpr, Expr, MatrixSelector,
    Subquery, VectorMatching, VectorSelector,
};
use stackctl::promql::{Function, ValueType};

use super::data::{Data, Labels};
use super::functions::{self, Window};
use super::numbers;

/// Name of the label that holds the metric's name.
pub const NAME: &str = "__name__";

/// What kind of fault ends an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Two elements with the same labels.
    SameLabels,
    /// More partners than the operator allows.
    Matching,
    /// A parameter that means nothing.
    Parameter,
}

pub type Result<T> = std::result::Result<T, Fault>;

/// One element of an instant vector.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: Labels,
    /// The name goes away when the query ends.
    pub drop_name: bool,
    pub value: f64,
}

impl Sample {
    fn mapped(&self, value: f64) -> Self {
        Self { labels: self.labels.clone(), drop_name: true, value }
    }
}

/// What an expression gives at one time.
#[derive(Debug, Clone)]
pub enum Value {
    Scalar(f64),
    Text(String),
    Vector(Vec<Sample>),
}

/// Samples of one series in a window.
pub struct Series {
    pub labels: Labels,
    pub drop_name: bool,
    pub points: Vec<(i64, f64)>,
}

/// One query.
pub struct Reference<'a> {
    pub data: &'a Data,
    pub start: i64,
    pub end: i64,
    /// 0 for an instant query.
    pub step: i64,
    /// State of the noise; 0 is none. With noise every inexact result is off by some 1e-12, which
    /// shows whether an answer hangs on the rounding.
    pub noise: u64,
    /// Several elements were equally good, or the answer hangs on the order of steps.
    pub ambiguous: bool,
    /// Elements with and without a name that goes away came together.
    pub mixed_names: bool,
}

const LOOKBACK: i64 = 300_000;
const DEFAULT_STEP: i64 = 60_000;

impl<'a> Reference<'a> {
    pub fn new(data: &'a Data, start: i64, end: i64, step: i64) -> Self {
        Self { data, start, end, step, noise: 0, ambiguous: false, mixed_names: false }
    }

    /// The answer at one time: names are gone from what loses them, and labels are unique.
    pub fn at(&mut self, expr: &Expr, time: i64) -> Result<Value> {
        let mut value = self.eval(expr, time)?;
        if let Value::Vector(samples) = &mut value {
            for sample in samples.iter_mut().filter(|sample| sample.drop_name) {
                sample.labels.remove(NAME);
            }
            unique(samples)?;
        }
        Ok(value)
    }

    fn blur(&mut self, value: f64) -> f64 {
        if self.noise == 0 || !value.is_finite() {
            return value;
        }
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        let share = (self.noise >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        // Sums that cancel out leave an absolute error.
        value * (1.0 + share * 2e-12) + share * 2e-13
    }

    fn millis(&self, duration: &DurationExpr) -> i64 {
        let context = DurationContext { step: self.step, range: self.end - self.start };
        duration.resolve(context).expect("generated durations have a value")
    }

    /// The time that offset and `@` lead to.
    fn moved(&self, time: i64, at: Option<At>, offset: Option<&DurationExpr>) -> i64 {
        let fixed = match at {
            None => time,
            Some(At::Time(fixed)) => fixed,
            Some(At::Start) => self.start,
            Some(At::End) => self.end,
        };
        fixed - offset.map_or(0, |offset| self.millis(offset))
    }

    fn eval(&mut self, expr: &Expr, time: i64) -> Result<Value> {
        let value = match expr {
            Expr::Number(number) => Value::Scalar(number.value),
            Expr::String(text) => Value::Text(text.value.clone()),
            Expr::Paren(inner) => return self.eval(&inner.expr, time),
            Expr::Vector(selector) => Value::Vector(
                self.instant(selector, time)
                    .into_iter()
                    .map(|(labels, (_, value))| Sample { labels, drop_name: false, value })
                    .collect(),
            ),
            Expr::Unary(unary) => match self.eval(&unary.expr, time)? {
                value if !unary.negative => return Ok(value),
                Value::Scalar(value) => Value::Scalar(-value),
                Value::Vector(samples) => {
                    Value::Vector(samples.iter().map(|s| s.mapped(-s.value)).collect())
                }
                Value::Text(_) => unreachable!("the parser refuses it"),
            },
            Expr::Aggregate(_) => Value::Vector(self.aggregate(expr, time)?),
            Expr::Binary(_) => self.binary(expr, time)?,
            Expr::Call(call) => self.call(call.function, &call.args, time)?,
            Expr::Matrix(_) | Expr::Subquery(_) | Expr::Broken(_) => {
                unreachable!("the parser refuses it")
            }
        };
        if let Value::Vector(samples) = &value {
            unique(samples)?;
        }
        Ok(value)
    }

    fn vector(&mut self, expr: &Expr, time: i64) -> Result<Vec<Sample>> {
        match self.eval(expr, time)? {
            Value::Vector(samples) => Ok(samples),
            _ => unreachable!("the parser has checked the types"),
        }
    }

    fn scalar(&mut self, expr: &Expr, time: i64) -> Result<f64> {
        match self.eval(expr, time)? {
            Value::Scalar(value) => Ok(value),
            _ => unreachable!("the parser has checked the types"),
        }
    }

    fn text(&mut self, expr: &Expr, time: i64) -> Result<String> {
        match self.eval(expr, time)? {
            Value::Text(text) => Ok(text),
            _ => unreachable!("the parser has checked the types"),
        }
    }

    fn selected(&self, selector: &VectorSelector) -> Vec<&'a (Labels, Vec<(i64, f64)>)> {
        let passes = |labels: &Labels| {
            selector.plain_matchers().all(|matcher| {
                let value = labels.get(&matcher.name).map_or("", String::as_str);
                let regex = || regex::Regex::new(&format!("^(?s:{})$", matcher.value)).unwrap();
                match matcher.op {
                    MatchOp::Equal => value == matcher.value,
                    MatchOp::NotEqual => value != matcher.value,
                    MatchOp::Regex => regex().is_match(value),
                    MatchOp::NotRegex => !regex().is_match(value),
                }
            })
        };
        self.data.series.iter().filter(|(labels, _)| passes(labels)).collect()
    }

    /// The newest sample of each series that is not older than the lookback, unless it is stale.
    fn instant(&self, selector: &VectorSelector, time: i64) -> Vec<(Labels, (i64, f64))> {
        let at = self.moved(time, selector.at, selector.offset.as_ref());
        let newest = |points: &[(i64, f64)]| {
            let inside = |point: &&(i64, f64)| point.0 > at - LOOKBACK && point.0 <= at;
            points.iter().rfind(inside).copied().filter(|point| !is_stale(point.1))
        };
        self.selected(selector)
            .into_iter()
            .filter_map(|(labels, points)| Some((labels.clone(), newest(points)?)))
            .collect()
    }

    /// Series of a range vector, and the bounds of the window: the left one is outside.
    fn windows(&mut self, expr: &Expr, time: i64) -> Result<(Vec<Series>, i64, i64)> {
        match expr {
            Expr::Paren(inner) => self.windows(&inner.expr, time),
            Expr::Matrix(MatrixSelector { selector, range, .. }) => {
                let end = self.moved(time, selector.at, selector.offset.as_ref());
                let start = end - self.millis(range);
                let series = self.selected(selector).into_iter().map(|(labels, points)| {
                    let inside = |p: &&(i64, f64)| p.0 > start && p.0 <= end && !is_stale(p.1);
                    let points = points.iter().filter(inside).copied().collect();
                    Series { labels: labels.clone(), drop_name: false, points }
                });
                let series = series.filter(|series| !series.points.is_empty()).collect();
                Ok((series, start, end))
            }
            Expr::Subquery(Subquery { expr, range, step, offset, at, .. }) => {
                let end = self.moved(time, *at, offset.as_ref());
                let start = end - self.millis(range);
                let step = step.as_ref().map_or(DEFAULT_STEP, |step| self.millis(step));
                let mut found: BTreeMap<Labels, Series> = BTreeMap::new();
                let mut inner = start.div_euclid(step) * step + step;
                while inner <= end {
                    for sample in self.vector(expr, inner)? {
                        let series = found.entry(sample.labels.clone()).or_insert(Series {
                            labels: sample.labels,
                            drop_name: sample.drop_name,
                            points: Vec::new(),
                        });
                        self.mixed_names |= series.drop_name != sample.drop_name;
                        series.drop_name |= sample.drop_name;
                        series.points.push((inner, sample.value));
                    }
                    inner += step;
                }
                Ok((found.into_values().collect(), start, end))
            }
            _ => unreachable!("the parser has checked the types"),
        }
    }

    fn call(&mut self, function: &Function, args: &[Expr], time: i64) -> Result<Value> {
        let seconds = time as f64 / 1000.0;
        let vector = match function.name {
            "time" => return Ok(Value::Scalar(seconds)),
            "pi" => return Ok(Value::Scalar(std::f64::consts::PI)),
            "scalar" => {
                let samples = self.vector(&args[0], time)?;
                let alone = if let [one] = &samples[..] { one.value } else { f64::NAN };
                return Ok(Value::Scalar(alone));
            }
            "vector" => {
                let value = self.scalar(&args[0], time)?;
                vec![Sample { labels: Labels::new(), drop_name: false, value }]
            }
            "absent" => {
                let none = self.vector(&args[0], time)?.is_empty();
                absent(&args[0], none)
            }
            "absent_over_time" => {
                let none = self.windows(&args[0], time)?.0.is_empty();
                absent(&args[0], none)
            }
            "timestamp" => {
                if let Expr::Vector(selector) = args[0].unwrap_parens() {
                    let found = self.instant(selector, time).into_iter();
                    found
                        .map(|(labels, (at, _))| Sample {
                            labels,
                            drop_name: true,
                            value: at as f64 / 1000.0,
                        })
                        .collect()
                } else {
                    let samples = self.vector(&args[0], time)?;
                    samples.iter().map(|sample| sample.mapped(seconds)).collect()
                }
            }
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                self.vector(&args[0], time)?
            }
            "label_replace" => self.label_replace(args, time)?,
            "label_join" => self.label_join(args, time)?,
            "histogram_quantile" => self.histogram_quantile(args, time)?,
            _ if args.iter().any(|arg| arg.value_type() == ValueType::Matrix) => {
                self.over_time(function.name, args, time)?
            }
            name => {
                let samples = match args.first() {
                    Some(first) => self.vector(first, time)?,
                    None => {
                        vec![Sample { labels: Labels::new(), drop_name: false, value: seconds }]
                    }
                };
                let rest = args.iter().skip(1).map(|arg| self.scalar(arg, time));
                let rest = rest.collect::<Result<Vec<f64>>>()?;
                let mut mapped = Vec::new();
                for sample in samples {
                    if functions::is_no_date(name, sample.value) {
                        self.ambiguous = true;
                        continue;
                    }
                    if let Some(value) = functions::map(name, sample.value, &rest) {
                        let exact = functions::is_exact(name);
                        let value = if exact { value } else { self.blur(value) };
                        mapped.push(sample.mapped(value));
                    }
                }
                mapped
            }
        };
        Ok(Value::Vector(vector))
    }

    fn over_time(&mut self, name: &str, args: &[Expr], time: i64) -> Result<Vec<Sample>> {
        let mut numbers = Vec::new();
        for arg in args.iter().filter(|arg| arg.value_type() == ValueType::Scalar) {
            numbers.push(self.scalar(arg, time)?);
        }
        let range = args.iter().find(|arg| arg.value_type() == ValueType::Matrix);
        let (series, start, end) = self.windows(range.expect("it was seen"), time)?;
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        let mut samples = Vec::new();
        for series in series {
            let window = Window { points: &series.points, start, end, time };
            if let Some(value) = functions::over_time(name, &window, &numbers) {
                let exact = functions::is_exact(name);
                let value = if exact { value } else { self.blur(value) };
                let drop_name = series.drop_name || !keeps_name;
                samples.push(Sample { labels: series.labels, drop_name, value });
            }
        }
        Ok(samples)
    }

    fn label_replace(&mut self, args: &[Expr], time: i64) -> Result<Vec<Sample>> {
        let mut samples = self.vector(&args[0], time)?;
        let [to, put, from, pattern] = [1, 2, 3, 4].map(|index| self.text(&args[index], time));
        let (to, put, from, pattern) = (to?, put?, from?, pattern?);
        let regex = regex::Regex::new(&format!("^(?s:{pattern})$")).expect("generated");
        for sample in &mut samples {
            let value = sample.labels.get(&from).cloned().unwrap_or_default();
            let Some(found) = regex.captures(&value) else { continue };
            let mut expanded = String::new();
            found.expand(&put, &mut expanded);
            set(&mut sample.labels, &to, expanded);
            if to == NAME {
                sample.drop_name = false;
            }
        }
        Ok(samples)
    }

    fn label_join(&mut self, args: &[Expr], time: i64) -> Result<Vec<Sample>> {
        let mut samples = self.vector(&args[0], time)?;
        let texts = args[1..].iter().map(|arg| self.text(arg, time));
        let texts = texts.collect::<Result<Vec<String>>>()?;
        for sample in &mut samples {
            let value = |name: &String| sample.labels.get(name).cloned().unwrap_or_default();
            let joined: Vec<String> = texts[2..].iter().map(value).collect();
            set(&mut sample.labels, &texts[0], joined.join(&texts[1]));
            if texts[0] == NAME {
                sample.drop_name = false;
            }
        }
        Ok(samples)
    }

    fn histogram_quantile(&mut self, args: &[Expr], time: i64) -> Result<Vec<Sample>> {
        let q = self.scalar(&args[0], time)?;
        let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for mut sample in self.vector(&args[1], time)? {
            let Some(Ok(bound)) = sample.labels.remove("le").map(|le| le.parse()) else { continue };
            groups.entry(sample.labels).or_default().push((bound, sample.value));
        }
        let mut samples = Vec::new();
        for (labels, buckets) in groups {
            let value = self.blur(functions::histogram_quantile(q, buckets));
            samples.push(Sample { labels, drop_name: true, value });
        }
        Ok(samples)
    }

    fn aggregate(&mut self, expr: &Expr, time: i64) -> Result<Vec<Sample>> {
        let Expr::Aggregate(aggregate) = expr else { unreachable!("it was matched") };
        let op = aggregate.op;
        let (mut number, mut text) = (0.0, String::new());
        match (&aggregate.param, op.param_type()) {
            (Some(param), Some(ValueType::String)) => text = self.text(param, time)?,
            (Some(param), _) => number = self.scalar(param, time)?,
            _ => {}
        }
        let choosing = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
        let samples = self.vector(&aggregate.expr, time)?;
        if choosing && number.is_nan() {
            return Err(Fault::Parameter);
        }
        // Less than one is none, but a count that is no number spoils all steps of a query.
        if choosing && number.abs() > 1e18 {
            if number > 0.0 {
                return Err(Fault::Parameter);
            }
            self.ambiguous |= self.step != 0;
        }
        let listed: BTreeSet<&str> =
            aggregate.grouping.labels.iter().map(|label| label.name.as_str()).collect();
        let without = aggregate.grouping.without;
        let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        for sample in samples {
            let mut key = sample.labels.clone();
            key.retain(|name, _| listed.contains(name.as_str()) != without);
            if without {
                key.remove(NAME);
            }
            if op == AggregateOp::CountValues {
                set(&mut key, &text, numbers::plain(sample.value));
            }
            groups.entry(key).or_default().push(sample);
        }
        let mut result = Vec::new();
        for (labels, members) in groups {
            if choosing {
                let (chosen, tie) = numbers::choose(op == AggregateOp::Topk, number, members);
                self.ambiguous |= tie;
                result.extend(chosen);
                continue;
            }
            let drop_name = members.iter().any(|member| member.drop_name);
            self.mixed_names |= drop_name && members.iter().any(|member| !member.drop_name);
            let values: Vec<f64> = members.iter().map(|member| member.value).collect();
            let value = numbers::aggregate(op, number, &values);
            let exact = matches!(
                op,
                AggregateOp::Count
                    | AggregateOp::CountValues
                    | AggregateOp::Group
                    | AggregateOp::Max
                    | AggregateOp::Min
            );
            let value = if exact { value } else { self.blur(value) };
            result.push(Sample { labels, drop_name, value });
        }
        Ok(result)
    }

    fn binary(&mut self, expr: &Expr, time: i64) -> Result<Value> {
        let Expr::Binary(binary) = expr else { unreachable!("it was matched") };
        let lhs = self.eval(&binary.lhs, time)?;
        let rhs = self.eval(&binary.rhs, time)?;
        let (op, as_bool) = (binary.op, binary.return_bool);
        let mut mapped = |samples: Vec<Sample>, scalar: f64, scalar_first: bool| {
            let mut result = Vec::new();
            for sample in samples {
                let (a, b) =
                    if scalar_first { (scalar, sample.value) } else { (sample.value, scalar) };
                if !op.is_comparison() {
                    let value = self.blur_of(op, numbers::arithmetic(op, a, b));
                    result.push(sample.mapped(value));
                } else if as_bool {
                    result.push(sample.mapped(f64::from(u8::from(numbers::holds(op, a, b)))));
                } else if numbers::holds(op, a, b) {
                    result.push(sample);
                }
            }
            Value::Vector(result)
        };
        Ok(match (lhs, rhs) {
            (Value::Scalar(a), Value::Scalar(b)) if op.is_comparison() => {
                Value::Scalar(f64::from(u8::from(numbers::holds(op, a, b))))
            }
            (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(numbers::arithmetic(op, a, b)),
            (Value::Vector(samples), Value::Scalar(scalar)) => mapped(samples, scalar, false),
            (Value::Scalar(scalar), Value::Vector(samples)) => mapped(samples, scalar, true),
            (Value::Vector(lhs), Value::Vector(rhs)) => {
                let matching = binary.matching.as_ref().expect("two vectors are matched");
                Value::Vector(if op.is_set() {
                    self.set_operation(op, matching, lhs, rhs)
                } else {
                    self.pair(op, as_bool, matching, &lhs, &rhs)?
                })
            }
            _ => unreachable!("the parser has checked the types"),
        })
    }

    fn blur_of(&mut self, op: BinaryOp, value: f64) -> f64 {
        let exact = matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Mod);
        if exact { value } else { self.blur(value) }
    }

    fn set_operation(
        &mut self,
        op: BinaryOp,
        matching: &VectorMatching,
        lhs: Vec<Sample>,
        rhs: Vec<Sample>,
    ) -> Vec<Sample> {
        let keys = |samples: &[Sample]| -> BTreeSet<Labels> {
            samples.iter().map(|sample| key(matching, &sample.labels)).collect()
        };
        let (left, right) = (keys(&lhs), keys(&rhs));
        let inside = |keys: &BTreeSet<Labels>, sample: &Sample| {
            keys.contains(&key(matching, &sample.labels))
        };
        match op {
            BinaryOp::And => lhs.into_iter().filter(|s| inside(&right, s)).collect(),
            BinaryOp::Unless => lhs.into_iter().filter(|s| !inside(&right, s)).collect(),
            _ => {
                let drops = |samples: &[Sample]| samples.iter().any(|s| s.drop_name);
                let keeps = |samples: &[Sample]| samples.iter().any(|s| !s.drop_name);
                self.mixed_names |= drops(&lhs) && keeps(&rhs) || keeps(&lhs) && drops(&rhs);
                let more = rhs.into_iter().filter(|s| !inside(&left, s)).collect::<Vec<_>>();
                lhs.into_iter().chain(more).collect()
            }
        }
    }

    fn pair(
        &mut self,
        op: BinaryOp,
        as_bool: bool,
        matching: &VectorMatching,
        lhs: &[Sample],
        rhs: &[Sample],
    ) -> Result<Vec<Sample>> {
        if lhs.is_empty() || rhs.is_empty() {
            return Ok(Vec::new());
        }
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        let mut partners = BTreeMap::new();
        for sample in one {
            if partners.insert(key(matching, &sample.labels), sample).is_some() {
                return Err(Fault::Matching);
            }
        }
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let mut met = BTreeSet::new();
        let mut result = Vec::new();
        for sample in many {
            let group = key(matching, &sample.labels);
            let Some(partner) = partners.get(&group) else { continue };
            let (a, b) =
                if swapped { (partner.value, sample.value) } else { (sample.value, partner.value) };
            let listed = |name: &str| matching.labels.iter().any(|label| label.name == name);
            let mut labels = sample.labels.clone();
            if !op.is_comparison() {
                labels.remove(NAME);
            }
            if one_to_one {
                labels.retain(|name, _| listed(name) == matching.on);
                if !met.insert(group) {
                    return Err(Fault::Matching);
                }
            }
            for include in &matching.include {
                let value = partner.labels.get(&include.name).cloned().unwrap_or_default();
                set(&mut labels, &include.name, value);
            }
            if !one_to_one && !met.insert(labels.clone()) {
                return Err(Fault::Matching);
            }
            let value = if !op.is_comparison() {
                self.blur_of(op, numbers::arithmetic(op, a, b))
            } else if as_bool {
                f64::from(u8::from(numbers::holds(op, a, b)))
            } else if numbers::holds(op, a, b) {
                a
            } else {
                continue;
            };
            let drop_name = op.is_comparison() && (as_bool || sample.drop_name);
            result.push(Sample { labels, drop_name, value });
        }
        Ok(result)
    }
}

/// The labels that two elements must share to meet.
fn key(matching: &VectorMatching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| label.name == name);
    let mut key = labels.clone();
    key.retain(|name, _| listed(name) == matching.on && (matching.on || name != NAME));
    key
}

fn set(labels: &mut Labels, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

fn unique(samples: &[Sample]) -> Result<()> {
    let mut seen = BTreeSet::new();
    if samples.iter().all(|sample| seen.insert(&sample.labels)) {
        Ok(())
    } else {
        Err(Fault::SameLabels)
    }
}

/// One element with the labels that the selector fixes by a single `=`.
fn absent(arg: &Expr, none: bool) -> Vec<Sample> {
    let selector = match arg.unwrap_parens() {
        Expr::Vector(selector) => Some(selector),
        Expr::Matrix(matrix) => Some(&matrix.selector),
        _ => None,
    };
    let mut labels = Labels::new();
    if let Some(selector) = selector {
        for matcher in selector.plain_matchers() {
            let times = selector.plain_matchers().filter(|other| other.name == matcher.name);
            if matcher.op == MatchOp::Equal && matcher.name != NAME && times.count() == 1 {
                set(&mut labels, &matcher.name, matcher.value.clone());
            }
        }
    }
    if none { vec![Sample { labels, drop_name: false, value: 1.0 }] } else { Vec::new() }
}
