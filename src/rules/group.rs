//! A group that runs: evaluates its rules one after the other and remembers their state.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use super::life::{Found, Life, Pace, Restoration, Sending};
use super::manager::Context;
use super::write::{Point, Written, end, write};
use super::{
    Alert, AlertState, AlertStatus, Group, GroupStatus, Query, Record, Rule, RuleHealth, RuleKind,
    RuleStatus,
};
use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher, TimeRange, Timestamp, is_stale};
use crate::promql::{self, Expr, QueryOptions, Value};
use crate::storage::{Columns, QuerySymbols};
use crate::template::{AlertData, Expander};

/// Evaluations after which the state before a restart is restored: the first may come before the
/// first scrapes, the second sees what the recording rules wrote.
const EVALUATIONS_BEFORE_RESTORE: u64 = 2;

/// A group with the state of its rules.
pub struct RunningGroup {
    group: Group,
    context: Arc<Context>,
    /// Held during an evaluation; `false` once the group was replaced.
    alive: Mutex<bool>,
    rules: Vec<Mutex<RuleState>>,
    progress: Mutex<Progress>,
    missed: AtomicU64,
    busy: AtomicBool,
}

/// The right to evaluate a group; given back when it is dropped.
pub(super) struct Turn(Arc<RunningGroup>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

#[derive(Default)]
struct RuleState {
    life: Life,
    written: Written,
    health: RuleHealth,
    last_error: String,
    evaluation_time: Duration,
    last_evaluation: Option<Timestamp>,
    /// Until then no `ALERTS` are written: they would cover up what was before the restart.
    restored: bool,
}

#[derive(Default)]
struct Progress {
    iterations: u64,
    evaluations: u64,
    failures: u64,
    samples: u64,
    evaluation_time: Duration,
    last_evaluation: Option<Timestamp>,
    /// Series of rules that are no more, to be ended by the next evaluation.
    orphans: Written,
}

/// A rule cannot be evaluated; a sentence for the page and the log.
struct RuleError(String);

impl<E: std::error::Error> From<E> for RuleError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl RunningGroup {
    /// A group without past. With `restore` its alerts take up what the store says of them.
    pub(super) fn new(group: Group, context: Arc<Context>, restore: bool) -> Self {
        let rules = group
            .rules
            .iter()
            .map(|_| Mutex::new(RuleState { restored: !restore, ..RuleState::default() }))
            .collect();
        Self {
            group,
            context,
            alive: Mutex::new(true),
            rules,
            progress: Mutex::default(),
            missed: AtomicU64::new(0),
            busy: AtomicBool::new(false),
        }
    }

    /// The rules.
    pub fn definition(&self) -> &Group {
        &self.group
    }

    /// The newest instant, not after `now`, at which this group is due. Groups of one interval are
    /// spread over it by the hash of their names.
    pub fn slot(&self, now: Timestamp) -> Timestamp {
        let interval = self.interval_ms();
        let hash = xxh3_64(format!("{}\0{}", self.group.file, self.group.name).as_bytes());
        let offset = (hash % interval.unsigned_abs()) as i64;
        (now - offset).div_euclid(interval) * interval + offset
    }

    /// Milliseconds between two evaluations.
    pub(super) fn interval_ms(&self) -> i64 {
        i64::try_from(self.group.interval.as_millis()).unwrap_or(i64::MAX / 4).max(1)
    }

    /// The right to evaluate it, unless an earlier evaluation is still under way.
    pub(super) fn begin_turn(self: &Arc<Self>) -> Option<Turn> {
        (!self.busy.swap(true, Ordering::Acquire)).then(|| Turn(Arc::clone(self)))
    }

    /// Whether it runs with these settings.
    pub(super) fn shares(&self, context: &Arc<Context>) -> bool {
        Arc::ptr_eq(&self.context, context)
    }

    /// Counts evaluations that fell out.
    pub(super) fn count_missed(&self, slots: u64) {
        self.missed.fetch_add(slots, Ordering::Relaxed);
    }

    /// Evaluates all rules at one instant. Blocks: call it from a computing thread.
    pub fn evaluate(&self, now: Timestamp) {
        self.evaluate_some(now, |_| true);
    }

    /// The same for those rules whose place in the group is wanted: a test leaves out what nobody asks
    /// for. Gives place and reason of each rule that failed.
    pub fn evaluate_some(
        &self,
        now: Timestamp,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<(usize, String)> {
        let mut failed = Vec::new();
        let alive = self.alive.lock();
        if !*alive {
            return failed;
        }
        let begun = Instant::now();
        let at = now - i64::try_from(self.group.query_offset.as_millis()).unwrap_or(0);
        let (mut samples, mut evaluations) = (0, 0);
        for (place, (rule, state)) in self.group.rules.iter().zip(&self.rules).enumerate() {
            if !wanted(place) {
                continue;
            }
            evaluations += 1;
            let rule_begun = Instant::now();
            let result = match rule {
                Rule::Record(record) => self.evaluate_record(record, state, at),
                Rule::Alert(alert) => self.evaluate_alert(alert, state, now, at),
            };
            let mut state = state.lock();
            state.last_evaluation = Some(now);
            state.evaluation_time = rule_begun.elapsed();
            match result {
                Ok(count) => {
                    samples += count;
                    state.health = RuleHealth::Ok;
                    state.last_error.clear();
                }
                Err(RuleError(message)) => {
                    let (group, rule) = (&self.group.name, rule.name());
                    warn!(%group, %rule, "rule failed: {message}");
                    state.health = RuleHealth::Err;
                    failed.push((place, message.clone()));
                    state.last_error = message;
                }
            }
        }
        let mut progress = self.progress.lock();
        end(&*self.context.store, &mut progress.orphans, at);
        progress.iterations += 1;
        progress.evaluations += evaluations;
        progress.failures += failed.len() as u64;
        progress.samples = samples;
        progress.evaluation_time = begun.elapsed();
        progress.last_evaluation = Some(now);
        let iterations = progress.iterations;
        drop(progress);
        if iterations >= EVALUATIONS_BEFORE_RESTORE {
            self.restore(now);
        }
        failed
    }

    /// Forgets the alerts of a rule, as if it had never been evaluated.
    pub fn forget(&self, place: usize) {
        self.rules[place].lock().life.clear();
    }

    /// Pending and firing alerts of a rule, ordered by labels; none for a recording rule.
    pub fn alerts(&self, place: usize) -> Vec<AlertStatus> {
        self.rules[place].lock().life.status()
    }

    fn evaluate_record(
        &self,
        record: &Record,
        state: &Mutex<RuleState>,
        at: Timestamp,
    ) -> Result<u64, RuleError> {
        let Record { name, query, labels } = record;
        let mut seen = HashSet::new();
        let mut rows = Vec::new();
        for (series, point) in self.context.query(query, at)? {
            let mut series = series.to_builder();
            series.set(METRIC_NAME, name.as_str());
            for (label, value) in labels {
                series.set(label.as_str(), value.as_str());
            }
            let series = series.build();
            if !seen.insert(series.clone()) {
                return Err(RuleError(
                    "vector contains metrics with the same labelset after applying rule labels"
                        .to_owned(),
                ));
            }
            rows.push((series, point));
        }
        let count = rows.len();
        if let Some(limit) = self.group.limit.filter(|limit| count > *limit) {
            return Err(RuleError(format!("exceeded limit of {limit} with {count} series")));
        }
        write(&*self.context.store, rows, at, &mut state.lock().written)?;
        Ok(count as u64)
    }

    fn evaluate_alert(
        &self,
        alert: &Alert,
        state: &Mutex<RuleState>,
        now: Timestamp,
        at: Timestamp,
    ) -> Result<u64, RuleError> {
        let found: Vec<Found> = self
            .context
            .query(&alert.query, at)?
            .into_iter()
            .map(|(series, point)| self.expand(alert, &series, &point, at))
            .collect();
        let mut state = state.lock();
        let active = state.life.step(now, found, alert.pace())?;
        if let Some(limit) = self.group.limit.filter(|limit| active > *limit) {
            state.life.clear();
            return Err(RuleError(format!("exceeded limit of {limit} with {active} alerts")));
        }
        let options = &self.context.options;
        let sending = Sending {
            resend_delay: options.resend_delay,
            interval: self.group.interval,
            external_labels: &options.external_labels,
            generator_url: &self.generator_url(alert),
        };
        let alerts = state.life.take_due(now, sending);
        if !alerts.is_empty() {
            // Nobody listens where no receiver is configured: the rules go on.
            let _ = self.context.alerts.send(alerts);
        }
        if !state.restored {
            return Ok(0);
        }
        let rows: Vec<_> = state
            .life
            .samples(&alert.name)
            .into_iter()
            .map(|(labels, value)| (labels, Point::Float(value)))
            .collect();
        let count = rows.len() as u64;
        write(&*self.context.store, rows, at, &mut state.written)?;
        Ok(count)
    }

    /// Makes an alert of a series: labels and annotations with their templates expanded.
    fn expand(&self, alert: &Alert, series: &Labels, point: &Point, at: Timestamp) -> Found {
        let value = match point {
            Point::Float(value) => *value,
            // What Prometheus shows for a histogram is the value that it does not have.
            Point::Histogram(_) => 0.0,
        };
        let query = |text: &str, at: Timestamp| -> Result<Vec<(Labels, f64)>, String> {
            let expr = promql::parse(text).map_err(|error| error.to_string())?;
            let vector = self.context.vector(text, &expr, at).map_err(|RuleError(text)| text)?;
            let sample = |(labels, point)| match point {
                Point::Float(value) => (labels, value),
                Point::Histogram(histogram) => (labels, histogram.sum),
            };
            Ok(vector.into_iter().map(sample).collect())
        };
        let mut labels = series.to_builder();
        labels.remove(METRIC_NAME);
        let visible = labels.clone().build();
        let options = &self.context.options;
        let expander = Expander { query: &query, now: at };
        let data = AlertData {
            labels: &visible,
            external_labels: &options.external_labels,
            external_url: &options.external_url,
            value,
        };
        let expand = |text: &str| {
            // Most labels are plain words.
            if !text.contains("{{") {
                return text.to_owned();
            }
            expander.expand(text, &data).unwrap_or_else(|error| {
                let alert = &alert.name;
                warn!(%alert, template = %text, "template failed: {error}");
                format!("<error expanding template: {error}>")
            })
        };
        for (name, text) in &alert.labels {
            labels.set(name.as_str(), expand(text));
        }
        labels.set("alertname", alert.name.as_str());
        let annotations = Labels::from_pairs(
            alert.annotations.iter().map(|(name, text)| (name.as_str(), expand(text))),
        );
        Found { labels: labels.build(), annotations, value }
    }

    fn generator_url(&self, alert: &Alert) -> String {
        let expr: String =
            url::form_urlencoded::byte_serialize(alert.query.shown.as_bytes()).collect();
        let base = self.context.options.external_url.trim_end_matches('/');
        format!("{base}/graph?g0.expr={expr}&g0.tab=1")
    }

    /// Restores what was pending or firing before a restart, once.
    fn restore(&self, now: Timestamp) {
        for (rule, state) in self.group.rules.iter().zip(&self.rules) {
            let Rule::Alert(alert) = rule else { continue };
            let mut state = state.lock();
            if state.restored {
                continue;
            }
            let grace = self.context.options.for_grace_period;
            // An alert with a short hold time waits for it rather than for the grace period.
            if alert.hold >= grace {
                match self.context.states_before(alert, now) {
                    Ok(before) => {
                        state.life.restore(alert.pace(), Restoration { now, grace }, |labels| {
                            before.iter().find(|(known, _)| known == labels).map(|(_, at)| *at)
                        });
                    }
                    Err(RuleError(error)) => {
                        warn!(alert = %alert.name, "cannot restore the state of alerts: {error}");
                    }
                }
            }
            state.restored = true;
        }
    }

    /// Takes over the state of the rules that are the same in the group before. What the others wrote
    /// ends with the next evaluation. The old group is over.
    pub(super) fn take_over(&self, old: &Self) {
        let mut alive = old.alive.lock();
        *alive = false;
        let mut taken = vec![false; self.rules.len()];
        let mut orphans = std::mem::take(&mut old.progress.lock().orphans);
        for (rule, state) in old.group.rules.iter().zip(&old.rules) {
            let mut before = std::mem::take(&mut *state.lock());
            let same = self.group.rules.iter().enumerate().position(|(index, candidate)| {
                !taken[index]
                    && candidate.name() == rule.name()
                    && candidate.labels() == rule.labels()
                    && matches!(candidate, Rule::Alert(_)) == matches!(rule, Rule::Alert(_))
            });
            match same {
                Some(index) => {
                    taken[index] = true;
                    *self.rules[index].lock() = before;
                }
                None => orphans.extend(before.written.drain()),
            }
        }
        // A rule may go on under another place with the same series.
        for state in &self.rules {
            let state = state.lock();
            orphans.retain(|labels, _| !state.written.contains_key(labels));
        }
        let before = old.progress.lock();
        *self.progress.lock() = Progress {
            iterations: before.iterations,
            evaluations: before.evaluations,
            failures: before.failures,
            samples: before.samples,
            evaluation_time: before.evaluation_time,
            last_evaluation: before.last_evaluation,
            orphans,
        };
        self.missed.store(old.missed.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Ends all series of a group that is no more.
    pub(super) fn retire(&self, now: Timestamp) {
        let mut alive = self.alive.lock();
        if !std::mem::replace(&mut *alive, false) {
            return;
        }
        let mut series = std::mem::take(&mut self.progress.lock().orphans);
        for state in &self.rules {
            series.extend(std::mem::take(&mut *state.lock()).written.drain());
        }
        end(&*self.context.store, &mut series, now);
    }

    /// What is known of it right now.
    pub fn status(&self) -> GroupStatus {
        let rules = self.group.rules.iter().zip(&self.rules).map(|(rule, state)| {
            let state = state.lock();
            let kind = match rule {
                Rule::Record(_) => RuleKind::Record,
                Rule::Alert(alert) => RuleKind::Alert {
                    state: state.life.state(),
                    hold: alert.hold,
                    keep_firing_for: alert.keep_firing_for,
                    annotations: alert.annotations.clone(),
                    alerts: state.life.status(),
                },
            };
            RuleStatus {
                name: rule.name().to_owned(),
                query: rule.query().shown.clone(),
                labels: rule.labels().to_vec(),
                health: state.health,
                last_error: state.last_error.clone(),
                evaluation_time: state.evaluation_time,
                last_evaluation: state.last_evaluation,
                kind,
            }
        });
        let rules = rules.collect();
        let progress = self.progress.lock();
        GroupStatus {
            name: self.group.name.clone(),
            file: self.group.file.clone(),
            interval: self.group.interval,
            limit: self.group.limit.unwrap_or(0),
            evaluation_time: progress.evaluation_time,
            last_evaluation: progress.last_evaluation,
            iterations: progress.iterations,
            missed: self.missed.load(Ordering::Relaxed),
            evaluations: progress.evaluations,
            failures: progress.failures,
            samples: progress.samples,
            rules,
        }
    }

    /// The furthest state of all alerts.
    pub fn state(&self) -> AlertState {
        self.rules.iter().map(|state| state.lock().life.state()).max().unwrap_or_default()
    }
}

impl Alert {
    fn pace(&self) -> Pace {
        Pace { hold: self.hold, keep_firing_for: self.keep_firing_for }
    }
}

impl Context {
    /// Evaluates an expression to a vector; a scalar counts as a series without labels.
    fn vector(
        &self,
        text: &str,
        expr: &Expr,
        at: Timestamp,
    ) -> Result<Vec<(Labels, Point)>, RuleError> {
        let options = QueryOptions {
            text: Arc::from(text),
            deadline: Some(Instant::now() + self.options.timeout),
            ..self.options.query.clone()
        };
        let answer = promql::instant(&*self.store, expr, at, &options)?;
        match answer.value {
            Value::Vector(samples) => Ok(samples
                .into_iter()
                .map(|sample| {
                    let point = match sample.histogram {
                        Some(histogram) => Point::Histogram(histogram),
                        None => Point::Float(sample.value),
                    };
                    (sample.labels.to_labels(&answer.symbols), point)
                })
                .collect()),
            Value::Scalar(_, value) => Ok(vec![(Labels::empty(), Point::Float(value))]),
            Value::String(..) | Value::Matrix(_) => {
                Err(RuleError("rule result is not a vector or scalar".to_owned()))
            }
        }
    }

    fn query(&self, query: &Query, at: Timestamp) -> Result<Vec<(Labels, Point)>, RuleError> {
        self.vector(&query.text, &query.expr, at)
    }

    /// What `ALERTS_FOR_STATE` says of a rule's alerts: labels as the alert has them, when the last
    /// sample was written, and since when the alert was active then.
    #[allow(clippy::type_complexity)] // one use, one line above says what it is
    fn states_before(
        &self,
        alert: &Alert,
        now: Timestamp,
    ) -> Result<Vec<(Labels, (Timestamp, Timestamp))>, RuleError> {
        let tolerance = i64::try_from(self.options.for_outage_tolerance.as_millis()).unwrap_or(0);
        let range = TimeRange::new(now - tolerance, now);
        let mut matchers = vec![
            Matcher::equal(METRIC_NAME, "ALERTS_FOR_STATE"),
            Matcher::equal("alertname", alert.name.as_str()),
        ];
        // Labels without templates are the same on every alert of the rule.
        for (name, value) in alert.labels.iter().filter(|(_, value)| !value.contains("{{")) {
            matchers.push(Matcher::new(name.as_str(), MatchOp::Equal, value.as_str())?);
        }
        let symbols = QuerySymbols::new(Arc::clone(self.store.symbols()));
        let found = self.store.select(&matchers, range, &symbols)?;
        let mut columns = Columns::default();
        let mut states = Vec::new();
        for index in 0..found.len() {
            found.read(index, range, &mut columns)?;
            if let (Some(&time), Some(&value)) = (columns.times.last(), columns.values.last())
                && !is_stale(value)
            {
                let mut labels = found.labels(index).to_labels(&symbols).to_builder();
                labels.remove(METRIC_NAME);
                states.push((labels.build(), (time, (value * 1000.0) as Timestamp)));
            }
        }
        Ok(states)
    }
}
