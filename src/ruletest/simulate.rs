//! Plays series to rules: at every instant that counts the samples up to it are put into a store in memory
//! and the groups that are due are evaluated, one after the other in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::demand::{Demand, Stretches, Surroundings};
use super::millis;
use crate::model::{Histogram, Labels, Timestamp};
use crate::promql::series_notation::{SeriesDescription, SeriesValue};
use crate::promql::{self, Expr, QueryOptions, Value};
use crate::rules::{AlertStatus, Group, Manager, Options, Rule, RunningGroup};
use crate::storage::{Append, Batch, FloatRow, HistogramRow, MemoryStore, SeriesId};

/// How often groups are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each at its own interval.
    Own,
    /// All at this one, as `promtool test rules` does.
    Every(Duration),
}

/// What the rules are, and what they know of their server.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The groups in the order of their evaluation.
    pub groups: Vec<Group>,
    /// How often they are evaluated.
    pub pace: Pace,
    /// Labels of the server, which templates know and alerts get when they are sent.
    pub external_labels: Labels,
    /// Where users reach the server; for templates.
    pub external_url: String,
    /// How far an instant selector looks back.
    pub lookback: Duration,
    /// Step of a subquery that names none.
    pub default_step: Duration,
}

/// Series with their values, one at each interval from the start on.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Time of the first values and of the first evaluation.
    pub start: Timestamp,
    /// Time between two values.
    pub interval: Duration,
    /// The series; of two with the same labels the later one counts.
    pub series: Vec<SeriesDescription>,
}

impl Timeline {
    /// When each series begins.
    fn first_values(&self) -> Vec<(Labels, Timestamp)> {
        let begin = |series: &SeriesDescription| {
            let first = series.values.iter().position(|value| *value != SeriesValue::Missing)?;
            Some((series.labels.clone(), self.start + first as i64 * millis(self.interval)))
        };
        self.series.iter().filter_map(begin).collect()
    }
}

/// What a run is to remember, and for how long it is to go on.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// Times at which the state of all alerts is asked for.
    pub moments: Vec<Timestamp>,
    /// Expressions that will be asked, and when.
    pub queries: Vec<(Timestamp, Expr)>,
    /// Whether every evaluation counts: a failure anywhere is a failure of the test.
    pub thorough: bool,
}

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// A rule could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFailure {
    /// Name of its group.
    pub group: String,
    /// What it records or alerts.
    pub rule: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub message: String,
}

/// What an alerting rule said at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which rule: place of its group, and its place in the group.
    pub rule: (usize, usize),
    /// Name of the alert.
    pub alert: String,
    /// When it was evaluated last, at or before the moment.
    pub evaluated_at: Timestamp,
    /// Its alerts, pending and firing.
    pub alerts: Vec<AlertStatus>,
}

/// A simulation that has ended.
pub struct Run {
    store: Arc<MemoryStore>,
    options: QueryOptions,
    start: Timestamp,
    first_values: Vec<(Labels, Timestamp)>,
    moments: BTreeMap<Timestamp, Vec<Seen>>,
    failures: Vec<RuleFailure>,
}

/// Plays the series to the rules up to the last question. A thorough run ends at the first instant at
/// which a rule fails.
pub fn simulate(setting: &Setting, timeline: &Timeline, questions: &Questions) -> Run {
    let start = timeline.start;
    let asked = questions.moments.iter().copied().chain(questions.queries.iter().map(|q| q.0));
    let end = asked.max().unwrap_or(start).max(start);
    let wanted = wanted(setting, questions, start, end);
    let options = QueryOptions {
        lookback: setting.lookback,
        default_step: setting.default_step,
        ..QueryOptions::default()
    };
    let store = Arc::new(MemoryStore::default());
    let mut feed = Feed::new(&store, timeline);
    let groups = running_groups(setting, &options, &store);
    let mut run = Run {
        store,
        options,
        start,
        first_values: timeline.first_values(),
        moments: BTreeMap::new(),
        failures: Vec::new(),
    };
    let mut moments = questions.moments.clone();
    moments.sort_unstable();
    moments.dedup();
    let mut moments = moments.into_iter().peekable();
    let mut due = vec![start; groups.len()];
    let mut evaluated: Vec<Vec<Option<Timestamp>>> =
        setting.groups.iter().map(|group| vec![None; group.rules.len()]).collect();
    while let Some(now) = due.iter().copied().min().filter(|now| *now <= end) {
        while let Some(moment) = moments.next_if(|moment| *moment < now) {
            run.remember(moment, setting, &groups, &evaluated);
        }
        for (place, group) in groups.iter().enumerate() {
            if due[place] != now {
                continue;
            }
            let interval = interval(setting, place);
            due[place] = now + interval;
            let counts = |rule: usize| wanted[place][rule].contain(now);
            if !(0..wanted[place].len()).any(counts) {
                continue;
            }
            feed.until(&run.store, now);
            for (rule, last) in evaluated[place].iter_mut().enumerate() {
                if counts(rule) {
                    // What was left out may have ended an alert.
                    if last.is_some_and(|last| last + interval != now) {
                        group.forget(rule);
                    }
                    *last = Some(now);
                }
            }
            for (rule, message) in group.evaluate_some(now, counts) {
                let Group { name, rules, .. } = &setting.groups[place];
                run.failures.push(RuleFailure {
                    group: name.clone(),
                    rule: rules[rule].name().to_owned(),
                    at: now,
                    message,
                });
            }
        }
        if questions.thorough && !run.failures.is_empty() {
            return run;
        }
    }
    for moment in moments {
        run.remember(moment, setting, &groups, &evaluated);
    }
    // promtool knows nothing newer than its last evaluation.
    let last = match setting.pace {
        Pace::Own => end,
        Pace::Every(interval) => end - (end - start) % millis(interval).max(1),
    };
    feed.until(&run.store, last);
    run
}

fn interval(setting: &Setting, group: usize) -> i64 {
    match setting.pace {
        Pace::Own => millis(setting.groups[group].interval).max(1),
        Pace::Every(interval) => millis(interval).max(1),
    }
}

fn wanted(
    setting: &Setting,
    questions: &Questions,
    start: Timestamp,
    end: Timestamp,
) -> Vec<Vec<Stretches>> {
    let surroundings = Surroundings {
        start,
        end,
        lookback: millis(setting.lookback),
        default_step: millis(setting.default_step),
        pace: match setting.pace {
            Pace::Own => None,
            Pace::Every(interval) => Some(millis(interval)),
        },
    };
    let mut demand = Demand::new(&setting.groups, surroundings);
    if questions.thorough {
        demand.everything();
    }
    for moment in &questions.moments {
        demand.alerts_at(*moment);
    }
    for (time, expr) in &questions.queries {
        demand.expression_at(expr, *time);
    }
    demand.settle()
}

fn running_groups(
    setting: &Setting,
    query: &QueryOptions,
    store: &Arc<MemoryStore>,
) -> Vec<Arc<RunningGroup>> {
    let options = Options {
        external_url: setting.external_url.clone(),
        external_labels: setting.external_labels.clone(),
        query: query.clone(),
        timeout: Duration::from_secs(3600),
        ..Options::default()
    };
    // Nobody listens: the state of the alerts is looked at instead.
    let (manager, _) = Manager::new(Arc::clone(store) as _, options);
    // The first groups of a manager take up what was before a restart, and are silent until they have.
    manager.apply(Vec::new(), 0);
    manager.apply(setting.groups.clone(), 0);
    manager.groups()
}

impl Run {
    fn remember(
        &mut self,
        moment: Timestamp,
        setting: &Setting,
        groups: &[Arc<RunningGroup>],
        evaluated: &[Vec<Option<Timestamp>>],
    ) {
        let mut seen = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            for (index, rule) in setting.groups[place].rules.iter().enumerate() {
                if let (Rule::Alert(alert), Some(evaluated_at)) = (rule, evaluated[place][index]) {
                    let alerts = group.alerts(index);
                    let (rule, alert) = ((place, index), alert.name.clone());
                    seen.push(Seen { rule, alert, evaluated_at, alerts });
                }
            }
        }
        self.moments.insert(moment, seen);
    }

    /// What the alerting rules said at a moment that was asked for, in the order of their evaluation.
    pub fn seen(&self, moment: Timestamp) -> &[Seen] {
        self.moments.get(&moment).map_or(&[], |seen| seen)
    }

    /// Rules that could not be evaluated, in the order of time.
    pub fn failures(&self) -> &[RuleFailure] {
        &self.failures
    }

    /// Time of the first values.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    pub(super) fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// When each of the series that were given begins.
    pub(super) fn first_values(&self) -> &[(Labels, Timestamp)] {
        &self.first_values
    }

    pub(super) fn lookback(&self) -> i64 {
        millis(self.options.lookback)
    }

    /// Evaluates an expression over all series, recorded ones too; a scalar counts as a series without
    /// labels. The error is what a user of Prometheus would read.
    pub fn query(
        &self,
        text: &str,
        expr: &Expr,
        at: Timestamp,
    ) -> Result<Vec<(Labels, Point)>, String> {
        let options = QueryOptions {
            text: Arc::from(text),
            deadline: Some(Instant::now() + Duration::from_secs(3600)),
            ..self.options.clone()
        };
        let answer =
            promql::instant(&*self.store, expr, at, &options).map_err(|error| error.to_string())?;
        match answer.value {
            Value::Vector(samples) => Ok(samples
                .into_iter()
                .map(|sample| {
                    let point =
                        sample.histogram.map_or(Point::Float(sample.value), Point::Histogram);
                    (sample.labels.to_labels(&answer.symbols), point)
                })
                .collect()),
            Value::Scalar(_, value) => Ok(vec![(Labels::empty(), Point::Float(value))]),
            Value::String(..) | Value::Matrix(_) => {
                Err("the result is no vector and no number".to_owned())
            }
        }
    }
}

/// The samples that are still to come.
struct Feed<'t> {
    start: Timestamp,
    interval: i64,
    series: Vec<(SeriesId, &'t [SeriesValue])>,
    /// How many values of each series were given.
    given: usize,
}

impl<'t> Feed<'t> {
    fn new(store: &MemoryStore, timeline: &'t Timeline) -> Self {
        let mut series: IndexMap<&Labels, &[SeriesValue]> = IndexMap::new();
        for SeriesDescription { labels, values } in &timeline.series {
            series.insert(labels, values);
        }
        let series = series.into_iter().map(|(labels, values)| {
            (store.register(labels).expect("a store in memory takes any series"), values)
        });
        Self {
            start: timeline.start,
            interval: millis(timeline.interval).max(1),
            series: series.collect(),
            given: 0,
        }
    }

    /// Puts all samples up to a time into the store.
    fn until(&mut self, store: &MemoryStore, time: Timestamp) {
        let due = usize::try_from((time - self.start) / self.interval + 1).unwrap_or(0);
        if due <= self.given {
            return;
        }
        let mut batch = Batch::default();
        for (series, values) in &self.series {
            let coming = values.iter().enumerate().take(due).skip(self.given);
            for (place, value) in coming {
                let (series, time) = (*series, self.start + place as i64 * self.interval);
                match value {
                    SeriesValue::Missing => {}
                    SeriesValue::Float(value) => {
                        batch.floats.push(FloatRow { series, time, start_time: 0, value: *value });
                    }
                    SeriesValue::Histogram { histogram, .. } => {
                        let value = Arc::clone(histogram);
                        batch.histograms.push(HistogramRow { series, time, start_time: 0, value });
                    }
                }
            }
        }
        self.given = due;
        // A rule may have recorded into the same series; that sample stays.
        store.append(&batch).expect("a store in memory takes any batch");
    }
}
