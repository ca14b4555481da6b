//! Which evaluations a test can see the results of. A test of a month at fifteen seconds has 172,800
//! evaluations of each rule; most tests ask at a few moments, and a moment depends on what its selectors
//! look back on. What is computed here errs on the side of too much, so results stay the same.

use crate::model::{METRIC_NAME, Timestamp};
use crate::promql::Expr;
use crate::promql::ast::{At, DurationContext, DurationExpr, Edges, VectorSelector};
use crate::rules::{Group, Rule};

/// Stretches of time, both ends inside, sorted and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stretches(Vec<(Timestamp, Timestamp)>);

impl Stretches {
    /// Whether the time lies in one of them.
    pub fn contain(&self, time: Timestamp) -> bool {
        let next = self.0.partition_point(|(start, _)| *start <= time);
        next > 0 && self.0[next - 1].1 >= time
    }

    /// Adds a stretch; says whether that made a difference.
    fn add(&mut self, start: Timestamp, end: Timestamp) -> bool {
        if start > end {
            return false;
        }
        let first = self.0.partition_point(|(_, known)| *known < start);
        let behind = self.0.partition_point(|(known, _)| *known <= end);
        if let [known] = &self.0[first..behind]
            && known.0 <= start
            && end <= known.1
        {
            return false;
        }
        let mut joined = (start, end);
        for known in &self.0[first..behind] {
            joined = (joined.0.min(known.0), joined.1.max(known.1));
        }
        self.0.splice(first..behind, [joined]);
        true
    }
}

/// What surrounds the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// Time of the first evaluation.
    pub start: Timestamp,
    /// Time of the last question.
    pub end: Timestamp,
    /// Milliseconds that an instant selector looks back.
    pub lookback: i64,
    /// Milliseconds of the step of a subquery that names none.
    pub default_step: i64,
    /// Milliseconds between two evaluations where all groups have the same; else their own.
    pub pace: Option<i64>,
}

/// For each rule of each group, when its evaluations count.
pub(super) struct Demand<'a> {
    groups: &'a [Group],
    surroundings: Surroundings,
    stretches: Vec<Vec<Stretches>>,
    /// Rules to look at: group, rule, and a stretch of their evaluations.
    open: Vec<(usize, usize, Timestamp, Timestamp)>,
}

impl<'a> Demand<'a> {
    /// Nothing is asked for yet.
    pub fn new(groups: &'a [Group], surroundings: Surroundings) -> Self {
        let stretches =
            groups.iter().map(|group| vec![Stretches::default(); group.rules.len()]).collect();
        Self { groups, surroundings, stretches, open: Vec::new() }
    }

    /// Every evaluation of every rule counts.
    pub fn everything(&mut self) {
        let Surroundings { start, end, .. } = self.surroundings;
        for group in 0..self.groups.len() {
            for rule in 0..self.groups[group].rules.len() {
                self.rule(group, rule, start, end);
            }
        }
    }

    /// The state of all alerts at a time is asked for.
    pub fn alerts_at(&mut self, time: Timestamp) {
        for (place, group) in self.groups.iter().enumerate() {
            for (index, rule) in group.rules.iter().enumerate() {
                let Rule::Alert(alert) = rule else { continue };
                // One that fires may be kept from long ago; else nothing before the hold time counts.
                let start = if alert.keep_firing_for.is_zero() {
                    time - millis(alert.hold) - 2 * self.interval(place)
                } else {
                    self.surroundings.start
                };
                self.rule(place, index, start, time);
            }
        }
        self.follow();
    }

    /// The value of an expression at a time is asked for.
    pub fn expression_at(&mut self, expr: &Expr, time: Timestamp) {
        self.expression(expr, time, time);
        self.follow();
    }

    /// When the evaluations of each rule of each group count.
    pub fn settle(mut self) -> Vec<Vec<Stretches>> {
        self.follow();
        self.stretches
    }

    fn interval(&self, group: usize) -> i64 {
        self.surroundings.pace.unwrap_or_else(|| millis(self.groups[group].interval))
    }

    fn rule(&mut self, group: usize, rule: usize, start: Timestamp, end: Timestamp) {
        let (start, end) = (start.max(self.surroundings.start), end.min(self.surroundings.end));
        if self.stretches[group][rule].add(start, end) {
            self.open.push((group, rule, start, end));
        }
    }

    fn follow(&mut self) {
        let groups = self.groups;
        while let Some((place, index, start, end)) = self.open.pop() {
            let group = &groups[place];
            let rule = &group.rules[index];
            let offset = millis(group.query_offset);
            self.expression(&rule.query().expr, start - offset, end);
            if let Rule::Alert(alert) = rule {
                let mut texts = alert.labels.iter().chain(&alert.annotations);
                // Whatever a template asks: it is a text that may be put together.
                if texts.any(|(_, text)| text.contains("{{") && text.contains("query")) {
                    self.everything_until(end);
                }
            }
        }
    }

    fn everything_until(&mut self, end: Timestamp) {
        for group in 0..self.groups.len() {
            for rule in 0..self.groups[group].rules.len() {
                self.rule(group, rule, self.surroundings.start, end);
            }
        }
    }

    /// An expression is evaluated at every time between two.
    fn expression(&mut self, expr: &Expr, start: Timestamp, end: Timestamp) {
        match expr {
            Expr::Vector(selector) => self.selector(selector, 0, start, end),
            Expr::Matrix(matrix) => {
                self.selector(&matrix.selector, length(&matrix.range), start, end);
            }
            Expr::Subquery(subquery) => {
                let (start, end) = self.moved(subquery.offset.as_ref(), subquery.at, start, end);
                let step = subquery.step.as_ref().map_or(self.surroundings.default_step, length);
                let first = start.saturating_sub(length(&subquery.range)).saturating_sub(step);
                self.expression(&subquery.expr, first, end);
            }
            other => {
                // `info()` selects by itself whatever is an info metric.
                if matches!(other, Expr::Call(call) if call.function.name == "info") {
                    self.everything_until(end);
                }
                for child in other.children() {
                    self.expression(child, start, end);
                }
            }
        }
    }

    /// The times that a modifier turns a stretch of evaluation times into.
    fn moved(
        &self,
        offset: Option<&DurationExpr>,
        at: Option<At>,
        start: Timestamp,
        end: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let (start, end) = match at {
            Some(At::Time(time)) => (time, time),
            // The time of the whole query: in a subquery that is later.
            Some(At::Start | At::End) => (start, self.surroundings.end),
            None => (start, end),
        };
        let offset =
            offset.and_then(|offset| offset.resolve(DurationContext::default()).ok()).unwrap_or(0);
        (start.saturating_sub(offset), end.saturating_sub(offset))
    }

    fn selector(
        &mut self,
        selector: &VectorSelector,
        range: i64,
        start: Timestamp,
        end: Timestamp,
    ) {
        let (start, end) = self.moved(selector.offset.as_ref(), selector.at, start, end);
        // `anchored` sees beyond the beginning of its window, `smoothed` beyond both ends.
        let lookback = self.surroundings.lookback;
        let first = start.saturating_sub(range).saturating_sub(lookback);
        let behind = if selector.edges == Edges::Smoothed { lookback } else { 0 };
        let last = end.saturating_add(behind);
        let groups = self.groups;
        for (place, group) in groups.iter().enumerate() {
            let (offset, interval) = (millis(group.query_offset), self.interval(place));
            for (index, rule) in group.rules.iter().enumerate() {
                match rule {
                    Rule::Record(record) if may_select(selector, &record.name) => {
                        self.rule(place, index, first.saturating_sub(interval), last + offset);
                    }
                    Rule::Alert(_)
                        if ["ALERTS", "ALERTS_FOR_STATE"]
                            .iter()
                            .any(|name| may_select(selector, name)) =>
                    {
                        self.rule(place, index, self.surroundings.start, last + offset);
                    }
                    Rule::Record(_) | Rule::Alert(_) => {}
                }
            }
        }
    }
}

/// Whether the name passes all that the selector says of names.
fn may_select(selector: &VectorSelector, name: &str) -> bool {
    let mut matchers = selector.plain_matchers().filter(|matcher| matcher.name == METRIC_NAME);
    matchers.all(|matcher| matcher.matches(name))
}

/// Milliseconds; an expression that cannot be evaluated looks at nothing.
fn length(duration: &DurationExpr) -> i64 {
    duration.resolve(DurationContext::default()).unwrap_or(0).max(0)
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 8)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::promql;
    use crate::rules::{Defaults, RuleText, load};

    #[test]
    fn stretches_join() {
        let mut stretches = Stretches::default();
        assert!(stretches.add(10, 20) && stretches.add(40, 50) && stretches.add(0, 5));
        assert!(!stretches.add(12, 18) && !stretches.add(3, 2));
        assert!(stretches.add(20, 30));
        assert_eq!(stretches, Stretches(vec![(0, 5), (10, 30), (40, 50)]));
        assert!(stretches.add(4, 60));
        assert_eq!(stretches, Stretches(vec![(0, 60)]));
        assert!(stretches.contain(0) && stretches.contain(60) && !stretches.contain(61));
    }

    const MINUTE: i64 = 60_000;

    /// Minutes between which each rule counts, if a query is asked at minute 600 and alerts if wanted.
    fn check(rules: &str, query: Option<&str>, expected: &[&[(i64, i64)]]) {
        let defaults = Defaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };
        let file = RuleText {
            name: "r".to_owned(),
            text: format!("groups: [{{name: g, rules: [{rules}]}}]"),
        };
        let groups = load(&[file], defaults).unwrap();
        let surroundings = Surroundings {
            start: 0,
            end: 700 * MINUTE,
            lookback: 5 * MINUTE,
            default_step: MINUTE,
            pace: None,
        };
        let mut demand = Demand::new(&groups, surroundings);
        match query {
            Some(query) => demand.expression_at(&promql::parse(query).unwrap(), 600 * MINUTE),
            None => demand.alerts_at(600 * MINUTE),
        }
        let found: Vec<Vec<(i64, i64)>> = demand.settle()[0]
            .iter()
            .map(|rule| rule.0.iter().map(|(a, b)| (a / MINUTE, b / MINUTE)).collect())
            .collect();
        assert_eq!(found, expected, "{query:?} over {rules}");
    }

    #[test]
    fn a_question_reaches_back_through_recorded_series() {
        let rules = "{record: a, expr: up}, {record: b, expr: 'sum_over_time(a[1h])'}, \
                     {record: c, expr: 'other'}";
        check(rules, Some("a"), &[&[(594, 600)], &[], &[]]);
        check(rules, Some("b offset 10m"), &[&[(518, 590)], &[(584, 590)], &[]]);
        check(rules, Some("max_over_time(a[1h:10m] @ 6000)"), &[&[(24, 100)], &[], &[]]);
        check(rules, Some("{__name__=~'[ab]'}"), &[&[(528, 600)], &[(594, 600)], &[]]);
        check(rules, Some("rate(a[10m] smoothed)"), &[&[(584, 605)], &[], &[]]);
        check("{record: a, expr: 'a + up'}", Some("a"), &[&[(0, 600)]]);
    }

    #[test]
    fn alerts_count_for_their_hold_time_unless_more_is_remembered() {
        let down = "{alert: Down, expr: up == 0, for: 10m}";
        check(down, None, &[&[(588, 600)]]);
        check("{alert: D, expr: up == 0, keep_firing_for: 1m}", None, &[&[(0, 600)]]);
        check(
            &format!("{down}, {{alert: Many, expr: count(ALERTS) > 3}}"),
            None,
            &[&[(0, 600)], &[(0, 600)]],
        );
        let asking = r#"{alert: A, expr: up, annotations: {s: '{{ query "r" }}'}}"#;
        check(&format!("{asking}, {{record: r, expr: up}}"), None, &[&[(0, 600)], &[(0, 600)]]);
    }
}
