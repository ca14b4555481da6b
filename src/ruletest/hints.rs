//! Why an alert does not fire, said in a sentence or two: what is pending, which selector finds no series
//! and what is there instead, which value a comparison sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::simulate::{Point, Run, Seen, Setting};
use super::{millis, show_millis};
use crate::diag::{most_similar, quoted_list};
use crate::model::{
    Labels, METRIC_NAME, MatchOp, Matcher, TimeRange, Timestamp, format_duration, is_stale,
};
use crate::promql::ast::{BinaryOp, DurationContext};
use crate::promql::number::format_float;
use crate::promql::{Expr, SelectorUse};
use crate::rules::{AlertState, Rule};
use crate::storage::{Columns, QuerySymbols, Select};

/// Values that one sentence shows.
const SHOWN: usize = 3;

/// Recorded series that are followed one behind the other.
const DEEPEST: usize = 4;

/// What can be said of an alert that does not fire at a moment.
pub fn why_silent(setting: &Setting, run: &Run, alert: &str, moment: Timestamp) -> Vec<String> {
    let mut hints = Vec::new();
    for Seen { rule: (group, place), evaluated_at, alerts, .. } in
        run.seen(moment).iter().filter(|seen| seen.alert == alert)
    {
        let group = &setting.groups[*group];
        let Rule::Alert(rule) = &group.rules[*place] else { continue };
        for pending in alerts.iter().filter(|found| found.state == AlertState::Pending) {
            hints.push(format!(
                "`{}` was pending since {}, and `for` is {}",
                without_name(&pending.labels),
                show_millis(pending.active_at - run.start()),
                format_duration(rule.hold),
            ));
        }
        if alerts.is_empty() {
            let at = *evaluated_at - millis(group.query_offset);
            let asker = Asker { setting, run, text: &rule.query.text, at };
            asker.explain(&rule.query.expr, 0, &mut hints);
        }
    }
    hints.dedup();
    hints.truncate(SHOWN + 1);
    hints
}

/// What can be said of an expression that gives nothing.
pub fn why_empty(
    setting: &Setting,
    run: &Run,
    text: &str,
    expr: &Expr,
    at: Timestamp,
) -> Vec<String> {
    let mut hints = Vec::new();
    Asker { setting, run, text, at }.explain(expr, 0, &mut hints);
    hints.dedup();
    hints.truncate(SHOWN);
    hints
}

/// Labels of an alert without its name.
pub(super) fn without_name(labels: &Labels) -> Labels {
    let mut builder = labels.to_builder();
    builder.remove("alertname");
    builder.build()
}

/// A value as Prometheus writes it.
pub(super) fn show_point(point: &Point) -> String {
    match point {
        Point::Float(value) => format_float(*value),
        Point::Histogram(histogram) => {
            format!("a histogram of {} observations", format_float(histogram.count))
        }
    }
}

/// An expression at a time.
struct Asker<'a> {
    setting: &'a Setting,
    run: &'a Run,
    text: &'a str,
    at: Timestamp,
}

impl Asker<'_> {
    fn part(&self, expr: &Expr) -> &str {
        let span = expr.span();
        self.text.get(span.start..span.end).unwrap_or(self.text)
    }

    fn ask(&self, expr: &Expr) -> Vec<(Labels, Point)> {
        self.run.query(self.text, expr, self.at).unwrap_or_default()
    }

    /// Says why an expression gives nothing.
    fn explain(&self, expr: &Expr, depth: usize, hints: &mut Vec<String>) {
        if let Expr::Binary(binary) = expr.unwrap_parens() {
            let left = self.ask(&binary.lhs);
            match binary.op {
                BinaryOp::And if !left.is_empty() => {
                    if self.ask(&binary.rhs).is_empty() {
                        return self.explain(&binary.rhs, depth, hints);
                    }
                    hints.push(format!(
                        "`{}` and `{}` both give series, but none with the same labels",
                        one_line(self.part(&binary.lhs)),
                        one_line(self.part(&binary.rhs)),
                    ));
                    return;
                }
                BinaryOp::And => return self.explain(&binary.lhs, depth, hints),
                BinaryOp::Or => {
                    self.explain(&binary.lhs, depth, hints);
                    return self.explain(&binary.rhs, depth, hints);
                }
                BinaryOp::Unless if left.is_empty() => {
                    return self.explain(&binary.lhs, depth, hints);
                }
                op if op.is_comparison() && !left.is_empty() => {
                    let right = self.ask(&binary.rhs);
                    if right.is_empty() {
                        return self.explain(&binary.rhs, depth, hints);
                    }
                    let (is_number, what) = match &right[..] {
                        [(labels, point)] if labels.is_empty() => (true, show_point(point)),
                        _ => (false, one_line(self.part(&binary.rhs))),
                    };
                    let wanted = if is_number { what } else { format!("`{what}`") };
                    hints.push(format!(
                        "`{}` is {}, and not `{}` {wanted}",
                        one_line(self.part(&binary.lhs)),
                        show_values(&left),
                        op.as_str(),
                    ));
                    return;
                }
                _ => {}
            }
        }
        for found in expr.selectors() {
            self.explain_selector(&found, depth, hints);
        }
    }

    fn explain_selector(&self, found: &SelectorUse<'_>, depth: usize, hints: &mut Vec<String>) {
        let selector = found.selector;
        // What lies in a subquery or at a fixed time is not looked at now.
        if selector.at.is_some() || found.path.iter().any(|node| matches!(node, Expr::Subquery(_)))
        {
            return;
        }
        let duration = |expr: &crate::promql::ast::DurationExpr| {
            expr.resolve(DurationContext::default()).unwrap_or(0)
        };
        let end = self.at - selector.offset.as_ref().map_or(0, duration);
        let length = found.range.map_or(self.run.lookback(), duration);
        let matchers: Vec<Matcher> = selector.plain_matchers().cloned().collect();
        let window = TimeRange::new(end - length + 1, end);
        let shown = one_line(&self.text[selector.span.start..selector.span.end]);
        if self.series(&matchers, window).iter().any(|(_, last)| last.is_some()) {
            return;
        }
        let since = |time: Timestamp| show_millis(time - self.run.start());
        let ever = self.series(&matchers, TimeRange::new(i64::MIN, end));
        if let Some((labels, _)) = ever.first() {
            hints.push(match self.last_value(labels, end) {
                Some(last) => format!("`{labels}` has its last value at {}", since(last)),
                None => format!("`{labels}` has no value"),
            });
            return;
        }
        let later = self
            .run
            .first_values()
            .iter()
            .find(|(labels, first)| *first > end && failing(&matchers, labels).is_empty());
        if let Some((labels, first)) = later {
            hints.push(format!("`{labels}` has its first value at {}", since(*first)));
            return;
        }
        let Some((metric, _)) = found.metric() else {
            hints.push(format!("no series matches `{shown}`"));
            return;
        };
        let same_name = self.series(&[Matcher::equal(METRIC_NAME, metric)], TimeRange::ALL);
        let nearest = same_name.iter().min_by_key(|(labels, _)| failing(&matchers, labels).len());
        if let Some((labels, _)) = nearest {
            hints.push(format!("no series matches `{shown}`: {}", near_miss(&matchers, labels)));
            return;
        }
        let recorded = self
            .setting
            .groups
            .iter()
            .flat_map(|group| &group.rules)
            .find(|rule| matches!(rule, Rule::Record(record) if record.name == metric));
        if let (Some(rule), true) = (recorded, depth < DEEPEST) {
            hints.push(format!("the recording rule `{metric}` gives nothing"));
            let query = rule.query();
            let asker = Asker { text: &query.text, ..*self };
            asker.explain(&query.expr, depth + 1, hints);
            return;
        }
        let names: BTreeSet<String> = self
            .series(&[], TimeRange::ALL)
            .iter()
            .map(|(labels, _)| labels.metric_name().to_owned())
            .collect();
        let names = || names.iter().map(String::as_str);
        hints.push(match most_similar(metric, names()) {
            Some(similar) => format!("there is no series `{metric}`; did you mean `{similar}`?"),
            None if names().next().is_none() => {
                format!("there is no series `{metric}`: the test has none")
            }
            None => format!("there is no series `{metric}`; there are {}", quoted_list(names())),
        });
    }

    /// Series and their last values in a stretch of time; `None` where that is a stale marker or nothing.
    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Vec<(Labels, Option<()>)> {
        let store = self.run.store();
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let Ok(found) = store.select(matchers, range, &symbols) else { return Vec::new() };
        let mut columns = Columns::default();
        (0..found.len())
            .filter_map(|index| {
                found.read(index, range, &mut columns).ok()?;
                let last = columns.values.last().filter(|value| !is_stale(**value)).map(|_| ());
                let last = last.or((!columns.histograms.is_empty()).then_some(()));
                Some((found.labels(index).to_labels(&symbols), last))
            })
            .collect()
    }

    /// Time of the last value of one series up to a time, markers of its end left out.
    fn last_value(&self, labels: &Labels, end: Timestamp) -> Option<Timestamp> {
        let matchers: Vec<Matcher> =
            labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
        let store = self.run.store();
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let range = TimeRange::new(i64::MIN, end);
        let found = store.select(&matchers, range, &symbols).ok()?;
        let index = (0..found.len()).find(|at| found.labels(*at).to_labels(&symbols) == *labels)?;
        let mut columns = Columns::default();
        found.read(index, range, &mut columns).ok()?;
        let floats = columns.times.iter().zip(&columns.values);
        let float = floats.rev().find(|(_, value)| !is_stale(**value)).map(|(time, _)| *time);
        float.max(columns.histogram_times.last().copied())
    }
}

/// Matchers that a series does not pass.
fn failing<'m>(matchers: &'m [Matcher], labels: &Labels) -> Vec<&'m Matcher> {
    matchers
        .iter()
        .filter(|matcher| !matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
        .collect()
}

/// How the nearest series differs from what was asked for.
fn near_miss(matchers: &[Matcher], labels: &Labels) -> String {
    let parts: Vec<String> = failing(matchers, labels)
        .into_iter()
        .map(|Matcher { name, op, value, .. }| {
            let known = || labels.iter().map(|(name, _)| name).filter(|name| *name != METRIC_NAME);
            match labels.get(name) {
                Some(there) if *op == MatchOp::Equal => {
                    let near = most_similar(value, [there]);
                    let advice = near.map_or(String::new(), |_| "; did you mean that?".to_owned());
                    format!("`{labels}` has `{name}={there:?}`{advice}")
                }
                Some(there) => {
                    format!("`{labels}` has `{name}={there:?}`, against `{}{value:?}`", op.as_str())
                }
                None => match most_similar(name, known()) {
                    Some(similar) => format!(
                        "`{labels}` has no label `{name}`; did you mean the label `{similar}`?"
                    ),
                    None => format!("`{labels}` has no label `{name}`"),
                },
            }
        })
        .collect();
    parts.join(", ")
}

/// The values of a result: `1 for {job="a"}, 2 for {job="b"}`.
fn show_values(values: &[(Labels, Point)]) -> String {
    let mut shown: Vec<String> = values
        .iter()
        .take(SHOWN)
        .map(|(labels, point)| {
            let value = show_point(point);
            if labels.is_empty() { value } else { format!("{value} for `{labels}`") }
        })
        .collect();
    if values.len() > SHOWN {
        shown.push(format!("{} more", values.len() - SHOWN));
    }
    shown.join(", ")
}

/// Line breaks and what surrounds them become one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
