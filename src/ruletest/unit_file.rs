//! The unit test files of `promtool test rules`, with its verdicts: every group is evaluated at the file's
//! interval, alerts and samples must be exactly those expected, and a rule that fails anywhere fails the
//! test. Documented under "Unit testing for rules".

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::hints::{self, without_name};
use super::simulate::{Pace, Point, Questions, Run, Setting, Timeline, simulate};
use super::{millis, show_millis};
use crate::model::{Histogram, Labels, Timestamp, parse_duration};
use crate::promql::number::format_float;
use crate::promql::series_notation::{
    SeriesDescription, SeriesValue, parse_metric, parse_series, parse_values,
};
use crate::promql::{self, Expr};
use crate::rules::{AlertState, Defaults, Group, RuleText, find_files, load};
use crate::wire::rule_tests as wire;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileReport {
    /// What is odd and no mistake: a pattern without a rule file.
    pub warnings: Vec<String>,
    /// The tests that were chosen.
    pub tests: Vec<TestReport>,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestReport {
    /// Its name; its number, where it has none.
    pub name: String,
    /// Its place in the file, from 0.
    pub place: usize,
    /// What is not as expected; nothing if it passed.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub took: Duration,
}

/// Something is not as expected, or cannot be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What it is about.
    pub site: Site,
    /// One sentence.
    pub message: String,
    /// Expected and found, and what may help; a line each.
    pub notes: Vec<String>,
}

/// A part of a test, by its place from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// The test as a whole.
    Test,
    /// An entry of `input_series`.
    Series(usize),
    /// An entry of `alert_rule_test`.
    Alert(usize),
    /// An entry of `promql_expr_test`.
    Expr(usize),
}

impl Problem {
    fn new(site: Site, message: impl Into<String>) -> Self {
        Self { site, message: message.into(), notes: Vec::new() }
    }
}

/// Reads a file and runs those of its tests whose name is wanted. Rule files are looked for beside it.
/// The error is a mistake of the file as a whole.
pub fn check(path: &Path, text: &str, wanted: &dyn Fn(&str) -> bool) -> Result<FileReport, String> {
    let mut report = FileReport::default();
    // An empty file has no tests.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(report);
    }
    let file: wire::UnitTestFile = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let wire::UnitTestFile {
        rule_files,
        evaluation_interval,
        group_eval_order,
        tests,
        fuzzy_compare,
    } = file;
    let interval = interval(evaluation_interval.as_deref(), Duration::from_secs(60))
        .map_err(|error| format!("evaluation_interval: {error}"))?;
    let mut order = HashMap::new();
    for (place, name) in group_eval_order.into_iter().enumerate() {
        if let Some(name) = order.insert(name.clone(), place).map(|_| name) {
            return Err(format!("group_eval_order names {name:?} twice"));
        }
    }
    let base = path.parent().unwrap_or(Path::new(""));
    let mut rules = Vec::new();
    for pattern in rule_files {
        let found: Vec<_> = find_files(base, std::slice::from_ref(&pattern))
            .into_iter()
            .filter(|file| file.is_file())
            .collect();
        if found.is_empty() {
            report.warnings.push(format!("no file matches `{pattern}`"));
        }
        for file in found {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file).map_err(|err| format!("{name}: {err}"))?;
            rules.push(RuleText { name, text });
        }
    }
    let common = Common { interval, order, rules, fuzzy: fuzzy_compare };
    for (place, test) in tests.into_iter().enumerate() {
        let name = match &test.name {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("test {}", place + 1),
        };
        if wanted(&name) {
            let begun = Instant::now();
            let problems = common.run(test);
            report.tests.push(TestReport { name, place, problems, took: begun.elapsed() });
        }
    }
    Ok(report)
}

/// What all tests of a file share.
struct Common {
    interval: Duration,
    order: HashMap<String, usize>,
    rules: Vec<RuleText>,
    fuzzy: bool,
}

/// An entry of `alert_rule_test`, settled.
struct AlertQuestion {
    time: Timestamp,
    alert: String,
    expected: Vec<(Labels, Labels)>,
}

impl Common {
    fn groups(&self, interval: Duration) -> Result<Vec<Group>, Vec<Problem>> {
        let defaults = Defaults { interval, query_offset: Duration::ZERO };
        let mut groups = load(&self.rules, defaults).map_err(|errors| {
            errors
                .iter()
                .map(|error| Problem::new(Site::Test, error.to_string()))
                .collect::<Vec<_>>()
        })?;
        // A group that is not named may stand anywhere: here with the first.
        groups.sort_by_key(|group| self.order.get(&group.name).copied().unwrap_or(0));
        Ok(groups)
    }

    fn run(&self, test: wire::TestGroup) -> Vec<Problem> {
        let wire::TestGroup {
            name: _,
            interval: step,
            input_series,
            alert_rule_test,
            promql_expr_test,
            external_labels,
            external_url,
            start_timestamp,
        } = test;
        let mut problems = Vec::new();
        let mut note = |site, result: Result<(), String>| {
            problems.extend(result.err().map(|message| Problem::new(site, message)));
        };
        let mut step_length = self.interval;
        note(
            Site::Test,
            interval(step.as_deref(), self.interval)
                .map(|found| step_length = found)
                .map_err(|error| format!("interval: {error}")),
        );
        let mut start = 0;
        note(Site::Test, start_of(start_timestamp.as_deref()).map(|time| start = time));
        let mut series = Vec::new();
        for (place, written) in input_series.iter().enumerate() {
            note(Site::Series(place), read_series(written).map(|found| series.push(found)));
        }
        let mut alerts = Vec::new();
        for (place, written) in alert_rule_test.into_iter().enumerate() {
            let settled = settle_alert(written, start).map(|found| alerts.push((place, found)));
            note(Site::Alert(place), settled);
        }
        let mut queries = Vec::new();
        for (place, written) in promql_expr_test.iter().enumerate() {
            let settled = moment(written.eval_time.as_deref(), start)
                .map(|time| queries.push((place, time, written, promql::parse(&written.expr))));
            note(Site::Expr(place), settled);
        }
        if !problems.is_empty() {
            return problems;
        }
        let groups = match self.groups(step_length) {
            Ok(groups) => groups,
            Err(problems) => return problems,
        };
        let setting = Setting {
            groups,
            pace: Pace::Every(self.interval),
            external_labels: Labels::from_pairs(external_labels),
            external_url: external_url.unwrap_or_default(),
            lookback: Duration::from_secs(300),
            default_step: self.interval,
        };
        let timeline = Timeline { start, interval: step_length, series };
        let asked = queries.iter().map(|(_, time, _, expr)| {
            // What cannot be parsed still says how long the test goes on.
            let nothing = || promql::parse("0").expect("a number is an expression");
            (*time, expr.as_ref().map_or_else(|_| nothing(), Expr::clone))
        });
        let questions = Questions {
            moments: alerts.iter().map(|(_, alert)| alert.time).collect(),
            queries: asked.collect(),
            thorough: true,
        };
        let run = simulate(&setting, &timeline, &questions);
        for failure in run.failures() {
            problems.push(Problem::new(
                Site::Test,
                format!(
                    "the rule `{}` fails at {}: {}",
                    failure.rule,
                    show_millis(failure.at - start),
                    failure.message
                ),
            ));
        }
        if !problems.is_empty() {
            return problems;
        }
        for (place, question) in &alerts {
            problems.extend(compare_alerts(&setting, &run, *place, question));
        }
        for (place, time, written, expr) in &queries {
            let site = Site::Expr(*place);
            match expr {
                Err(error) => problems.push(Problem::new(site, error.to_string())),
                Ok(expr) => {
                    let found = self.compare_samples(&setting, &run, *time, written, expr);
                    problems.extend(found.map(|(message, notes)| Problem { site, message, notes }));
                }
            }
        }
        problems
    }

    /// Message and notes where the samples are not those expected.
    fn compare_samples(
        &self,
        setting: &Setting,
        run: &Run,
        time: Timestamp,
        written: &wire::ExprTest,
        expr: &Expr,
    ) -> Option<(String, Vec<String>)> {
        let when = show_millis(time - run.start());
        let mut found = match run.query(&written.expr, expr, time) {
            Ok(found) => found,
            Err(error) => return Some((format!("at {when}: {error}"), Vec::new())),
        };
        let mut expected = Vec::new();
        for sample in &written.exp_samples {
            match read_sample(sample) {
                Ok(sample) => expected.push(sample),
                Err(error) => {
                    return Some((format!("labels {:?}: {error}", sample.labels), vec![]));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let equal = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && self.same(&a.1, &b.1));
        if equal {
            return None;
        }
        let mut notes =
            vec![format!("expected: {}", list(&expected)), format!("found:    {}", list(&found))];
        if found.is_empty() {
            notes.extend(hints::why_empty(setting, run, &written.expr, expr, time));
        }
        Some((format!("at {when}: `{}` gives something else", written.expr.trim()), notes))
    }

    fn same(&self, a: &Point, b: &Point) -> bool {
        match (a, b) {
            (Point::Float(a), Point::Float(b)) => {
                a == b || self.fuzzy && (a.next_up() == *b || a.next_down() == *b)
            }
            (Point::Histogram(a), Point::Histogram(b)) => same_histogram(a, b),
            _ => false,
        }
    }
}

fn list(samples: &[(Labels, Point)]) -> String {
    let shown: Vec<String> = samples
        .iter()
        .map(|(labels, point)| match point {
            Point::Float(value) => format!("{labels} {}", format_float(*value)),
            Point::Histogram(_) => format!("{labels} {}", hints::show_point(point)),
        })
        .collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

fn compare_alerts(
    setting: &Setting,
    run: &Run,
    place: usize,
    question: &AlertQuestion,
) -> Option<Problem> {
    let AlertQuestion { time, alert, expected } = question;
    let firing = run
        .seen(*time)
        .iter()
        .filter(|seen| seen.alert == *alert)
        .flat_map(|seen| &seen.alerts)
        .filter(|status| status.state == AlertState::Firing);
    let mut found: Vec<(Labels, Labels)> =
        firing.map(|status| (status.labels.clone(), status.annotations.clone())).collect();
    found.sort();
    let mut expected = expected.clone();
    expected.sort();
    if found == expected {
        return None;
    }
    let mut notes = Vec::new();
    for (what, list, others) in [
        ("expected, and not there:", &expected, &found),
        ("there, and not expected:", &found, &expected),
    ] {
        let missing = list.iter().filter(|one| !others.contains(one));
        notes.extend(missing.map(|(labels, annotations)| {
            format!("{what} labels {}, annotations {annotations}", without_name(labels))
        }));
    }
    let when = show_millis(*time - run.start());
    let message = if found.is_empty() {
        notes.extend(hints::why_silent(setting, run, alert, *time));
        if !run.seen(*time).iter().any(|seen| seen.alert == *alert) {
            notes.push(format!("no rule has an alert `{alert}`"));
        }
        format!("at {when}: `{alert}` does not fire")
    } else if expected.is_empty() {
        format!("at {when}: `{alert}` fires")
    } else {
        format!("at {when}: other alerts `{alert}` fire than those expected")
    };
    Some(Problem { site: Site::Alert(place), message, notes })
}

/// Two histograms with the same buckets, however those are written.
fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
    let buckets = |spans: &[crate::model::BucketSpan], counts: &[f64]| {
        let mut index = 0_i64;
        let mut counts = counts.iter();
        let mut found = Vec::new();
        for span in spans {
            index += i64::from(span.offset);
            for _ in 0..span.length {
                found.extend(counts.next().filter(|count| **count != 0.0).map(|c| (index, *c)));
                index += 1;
            }
        }
        found
    };
    a.schema == b.schema
        && a.counter_reset == b.counter_reset
        && same(a.zero_threshold, b.zero_threshold)
        && same(a.zero_count, b.zero_count)
        && same(a.count, b.count)
        && same(a.sum, b.sum)
        && a.custom_values == b.custom_values
        && buckets(&a.positive_spans, &a.positive) == buckets(&b.positive_spans, &b.positive)
        && buckets(&a.negative_spans, &a.negative) == buckets(&b.negative_spans, &b.negative)
}

fn interval(text: Option<&str>, default: Duration) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(default) };
    let interval = parse_duration(text).map_err(|error| error.to_string())?;
    Ok(if interval.is_zero() { default } else { interval })
}

fn moment(text: Option<&str>, start: Timestamp) -> Result<Timestamp, String> {
    let since = text.map_or(Ok(Duration::ZERO), parse_duration);
    since.map(|since| start + millis(since)).map_err(|error| format!("eval_time: {error}"))
}

/// Milliseconds since 1970 of `1609459200` or `2021-01-01T00:00:00Z`.
fn start_of(text: Option<&str>) -> Result<Timestamp, String> {
    let Some(text) = text else { return Ok(0) };
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds.saturating_mul(1000));
    }
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|error| format!("start_timestamp: {error}"))
}

fn read_series(written: &wire::InputSeries) -> Result<SeriesDescription, String> {
    let wire::InputSeries { series, values } = written;
    let labels = parse_metric(series).map_err(|error| format!("series {series:?}: {error}"))?;
    let values = parse_values(values).map_err(|error| format!("values {values:?}: {error}"))?;
    Ok(SeriesDescription { labels, values })
}

fn settle_alert(written: wire::AlertTest, start: Timestamp) -> Result<AlertQuestion, String> {
    let wire::AlertTest { eval_time, alertname, exp_alerts } = written;
    if alertname.is_empty() {
        return Err("`alertname` is missing".to_owned());
    }
    let expected = exp_alerts.into_iter().map(|alert| {
        let wire::ExpectedAlert { exp_labels, exp_annotations } = alert;
        let mut labels = Labels::from_pairs(exp_labels).to_builder();
        labels.set("alertname", alertname.as_str());
        (labels.build(), Labels::from_pairs(exp_annotations))
    });
    let expected = expected.collect();
    let time = moment(eval_time.as_deref(), start)?;
    Ok(AlertQuestion { time, alert: alertname, expected })
}

fn read_sample(written: &wire::ExpectedSample) -> Result<(Labels, Point), String> {
    let wire::ExpectedSample { labels, value, histogram } = written;
    let labels = parse_metric(labels).map_err(|error| error.to_string())?;
    let point = match histogram.as_deref() {
        None | Some("") => Point::Float(*value),
        Some(text) => {
            let series = parse_series(&format!("{{}} {text}")).map_err(|err| err.to_string())?;
            match &series.values[..] {
                [SeriesValue::Histogram { histogram, .. }] => Point::Histogram(histogram.clone()),
                [_] => return Err(format!("{text:?} is no histogram")),
                others => return Err(format!("{} histograms, and not one", others.len())),
            }
        }
    };
    Ok((labels, point))
}
