//! PromQL evaluation against scripts in the notation of Prometheus' own suite: ours in
//! `tests/promql/`, and the reference's cases where they are at hand.

mod given;
mod script;
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use stackctl::model::Labels;
use stackctl::promql::series_notation::SeriesValue;
use stackctl::promql::{self, QueryError, QueryOptions, Value};
use stackctl::storage::{Append, Batch, FloatRow, HistogramRow, MemoryStore, SeriesId};

use self::given::{Element, Given, GivenValue, Row, almost_equal, same_histogram};
use self::script::{Check, Command, Eval, Sample, parse_script};
use self::served::Served;
use crate::support::{self, Needs, Test};

pub const TESTS: &[Test] = &[
    ("own_scripts_pass", Needs::Nothing, own_scripts),
    ("reference_cases_pass", Needs::Shared("conformance/promql"), reference_cases),
    ("reference_cases_pass_over_http", Needs::Shared("conformance/promql"), served_cases),
    ("no_series_is_decoded_twice", Needs::Nothing, decoded_once),
    ("limits_end_a_query", Needs::Nothing, limits),
    ("deep_expressions_are_evaluated", Needs::Nothing, deep_expressions),
];

/// The share of the reference's cases that must pass; it only ever rises.
const REQUIRED_SHARE: f64 = 1.0;

const MINUTE: i64 = 60_000;

/// Who is asked: the engine itself, or a server.
trait Asked {
    /// An answer at a time or, where there is a step, over a range.
    fn ask(&self, eval: &Eval, times: (i64, i64, i64)) -> Result<Given, String>;
}

impl Asked for MemoryStore {
    fn ask(&self, eval: &Eval, times: (i64, i64, i64)) -> Result<Given, String> {
        let expr = promql::parse(&eval.expr).map_err(|errors| errors.first().to_string())?;
        let options = QueryOptions { text: eval.expr.as_str().into(), ..QueryOptions::default() };
        let (start, end, step) = times;
        let answer = if step == 0 {
            promql::instant(self, &expr, end, &options)
        } else {
            let step = Duration::from_millis(step.unsigned_abs());
            promql::range(self, &expr, start, end, step, &options)
        };
        answer.map(|answer| Given::from(&answer)).map_err(|err| err.to_string())
    }
}

#[derive(Default)]
struct Loaded {
    /// Series by labels, samples by time.
    series: BTreeMap<Labels, BTreeMap<i64, Sample>>,
}

impl From<&Loaded> for MemoryStore {
    fn from(loaded: &Loaded) -> Self {
        let store = Self::default();
        let mut batch = Batch::default();
        for (labels, samples) in &loaded.series {
            let series = store.register(labels).expect("a memory store takes any series");
            for (&time, (value, start)) in samples {
                push(&mut batch, series, time, *start, value);
            }
        }
        let outcome = store.append(&batch).expect("a memory store takes any batch");
        assert_eq!(outcome.rejected_floats, []);
        store
    }
}

fn push(batch: &mut Batch, series: SeriesId, time: i64, start_time: i64, value: &SeriesValue) {
    match value {
        SeriesValue::Missing => {}
        SeriesValue::Float(value) => {
            batch.floats.push(FloatRow { series, time, start_time, value: *value });
        }
        SeriesValue::Histogram { histogram, .. } => {
            let value = Arc::clone(histogram);
            batch.histograms.push(HistogramRow { series, time, start_time, value });
        }
    }
}

fn check_notes(kind: &str, checks: &[Check], none: bool, notes: &[String]) -> Result<(), String> {
    if none && !notes.is_empty() {
        return Err(format!("unexpected {kind}: {notes:?}"));
    }
    if checks.is_empty() {
        return Ok(());
    }
    if notes.is_empty() {
        return Err(format!("no {kind} annotation"));
    }
    for check in checks {
        if !notes.iter().any(|note| check.passes(note)) {
            return Err(format!("no {kind} as expected, but {notes:?}"));
        }
    }
    match notes.iter().find(|note| !checks.iter().any(|check| check.passes(note))) {
        Some(note) => Err(format!("unexpected {kind} {note:?}")),
        None => Ok(()),
    }
}

fn check_matrix(eval: &Eval, series: &[Row]) -> Result<(), String> {
    let (start, _, step) = eval.times;
    let mut missing: Vec<&Labels> = eval.series.iter().map(|series| &series.0).collect();
    let mut before: Option<Vec<(&str, &str)>> = None;
    for Row { labels, floats, histograms } in series {
        let flat: Vec<_> = labels.iter().collect();
        if before.as_ref().is_some_and(|before| *before > flat) {
            return Err("matrix not sorted by labels".to_owned());
        }
        before = Some(flat);
        let Some((_, values)) = eval.series.iter().find(|series| series.0 == *labels) else {
            return Err(format!("unexpected series {labels} {floats:?}"));
        };
        missing.retain(|expected| *expected != labels);
        let (mut expected_floats, mut expected) = (Vec::new(), Vec::new());
        for (index, value) in values.iter().enumerate() {
            let time = start + index as i64 * step;
            match value {
                SeriesValue::Missing => {}
                SeriesValue::Float(value) => expected_floats.push((time, *value)),
                SeriesValue::Histogram { histogram, .. } => expected.push((time, histogram)),
            }
        }
        let same = |(a, b): (&(i64, f64), &(i64, f64))| a.0 == b.0 && almost_equal(a.1, b.1);
        if floats.len() != expected_floats.len() || !floats.iter().zip(&expected_floats).all(same) {
            return Err(format!("{labels}: {floats:?}, expected {expected_floats:?}"));
        }
        if histograms.len() != expected.len() {
            let (found, expected) = (histograms.len(), expected.len());
            return Err(format!("{labels}: {found} histograms, expected {expected}"));
        }
        for ((time, found), (expected_time, expected)) in histograms.iter().zip(expected) {
            if *time != expected_time {
                return Err(format!("{labels}: histogram at {time}, expected {expected_time}"));
            }
            same_histogram(expected, found).map_err(|err| format!("{labels} at {time}: {err}"))?;
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("missing series {missing:?}")) }
}

fn check_vector(eval: &Eval, elements: &[Element]) -> Result<(), String> {
    let mut missing: Vec<&Labels> = eval.series.iter().map(|series| &series.0).collect();
    for (position, (labels, value, histogram)) in elements.iter().enumerate() {
        let Some(expected) = eval.series.iter().position(|series| series.0 == *labels) else {
            return Err(format!("unexpected series {labels} {value}"));
        };
        if !missing.contains(&labels) {
            return Err(format!("series {labels} twice"));
        }
        missing.retain(|other| *other != labels);
        if eval.ordered && expected != position {
            return Err(format!("{labels} at position {position}, expected {expected}"));
        }
        match (eval.series[expected].1.first(), histogram) {
            (Some(SeriesValue::Histogram { histogram: expected, .. }), Some(found)) => {
                same_histogram(expected, found).map_err(|err| format!("{labels}: {err}"))?;
            }
            (Some(SeriesValue::Float(expected)), None) if almost_equal(*expected, *value) => {}
            (None | Some(SeriesValue::Missing), None) if *value == 0.0 => {}
            (expected, _) => {
                return Err(format!("{labels}: {value} {histogram:?}, expected {expected:?}"));
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("missing series {missing:?}")) }
}

fn check_value(eval: &Eval, given: &Given) -> Result<(), String> {
    match (&given.value, eval.scalar) {
        (GivenValue::Scalar(value), Some(expected)) if almost_equal(*value, expected) => Ok(()),
        (GivenValue::Scalar(value), expected) => {
            Err(format!("scalar {value}, expected {expected:?}"))
        }
        (_, Some(expected)) => Err(format!("no scalar, expected {expected}")),
        (GivenValue::String(text), _) => {
            let matches = eval.string.as_ref() == Some(text);
            matches.then_some(()).ok_or_else(|| format!("string {text:?}"))
        }
        (GivenValue::Matrix(series), _) => check_matrix(eval, series),
        (GivenValue::Vector(elements), _) => check_vector(eval, elements),
    }
}

/// The step in the middle of a range query, as a vector.
fn middle(given: &Given, at: i64) -> Vec<Element> {
    let GivenValue::Matrix(series) = &given.value else { return Vec::new() };
    let mut elements = Vec::new();
    for Row { labels, floats, histograms } in series {
        if let Some((_, value)) = floats.iter().find(|point| point.0 == at) {
            elements.push((labels.clone(), *value, None));
        }
        if let Some((_, histogram)) = histograms.iter().find(|point| point.0 == at) {
            elements.push((labels.clone(), 0.0, Some(histogram.clone())));
        }
    }
    elements
}

fn judge(store: &impl Asked, eval: &Eval) -> Result<(), String> {
    let answer = match store.ask(eval, eval.times_asked()) {
        Ok(_) if !eval.fail.is_empty() => return Err("a result, expected an error".to_owned()),
        Ok(answer) => answer,
        Err(message) if eval.fail.iter().any(|check| check.passes(&message)) => return Ok(()),
        Err(message) => return Err(format!("error: {message}")),
    };
    check_notes("warning", &eval.warn, eval.no_warn, &answer.warnings)?;
    check_notes("info", &eval.info, eval.no_info, &answer.infos)?;
    check_value(eval, &answer)?;
    let depends_on_query = Regex::new(r"(start|end|range|step)\(\)").unwrap();
    let instant_only = eval.range_vector || eval.string.is_some() || eval.ordered;
    if eval.times.2 != 0 || instant_only || depends_on_query.is_match(&eval.expr) {
        return Ok(());
    }
    // What holds at one time also holds as a step of a range query.
    let at = eval.times.1;
    let answer = store
        .ask(eval, (at - MINUTE, at + MINUTE, MINUTE))
        .map_err(|err| format!("as a range query: {err}"))?;
    let elements = middle(&answer, at);
    let verdict = match eval.scalar {
        Some(expected) => {
            let found = elements.first().map(|element| element.1);
            let same = found.is_some_and(|found| almost_equal(found, expected));
            same.then_some(()).ok_or_else(|| format!("scalar {found:?}"))
        }
        None => check_vector(eval, &elements),
    };
    verdict.map_err(|err| format!("as a range query: {err}"))
}

/// Runs a script: how many cases there are, and which fail with what.
fn run_script<S: Asked + for<'a> From<&'a Loaded>>(name: &str, text: &str) -> (usize, Vec<String>) {
    let mut loaded = Loaded::default();
    let mut store: Option<S> = None;
    let (mut count, mut failures) = (0, Vec::new());
    for command in parse_script(text) {
        match command {
            Command::Clear => {
                loaded = Loaded::default();
                store = None;
            }
            Command::Load(series) => {
                store = None;
                for (labels, samples) in series {
                    loaded.series.entry(labels).or_default().extend(samples);
                }
            }
            Command::Eval(eval) => {
                count += 1;
                let store = store.get_or_insert_with(|| S::from(&loaded));
                if let Err(reason) = judge(store, &eval) {
                    failures.push(format!("{name}:{}: {}\n    {reason}", eval.line, eval.expr));
                }
            }
        }
    }
    (count, failures)
}

fn scripts(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut scripts: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("{}: {err}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a readable script"))
        })
        .collect();
    scripts.sort();
    scripts
}

fn own_scripts() {
    let mut failures = Vec::new();
    for (name, text) in scripts(&support::repository("tests/promql")) {
        failures.extend(run_script::<MemoryStore>(&name, &text).1);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn reference_cases() {
    all_reference_cases::<MemoryStore>();
}

fn served_cases() {
    all_reference_cases::<Served>();
}

fn all_reference_cases<S: Asked + for<'a> From<&'a Loaded>>() {
    let (mut total, mut passed) = (0, 0);
    let mut all = Vec::new();
    for (name, text) in scripts(&support::shared("conformance/promql")) {
        let (count, failures) = run_script::<S>(&name, &text);
        println!("{name:32} {:4}/{count}", count - failures.len());
        total += count;
        passed += count - failures.len();
        all.extend(failures);
    }
    println!("{:32} {passed:4}/{total}", "total");
    for failure in &all {
        println!("{failure}");
    }
    assert!(total > 0, "no cases were found");
    let share = passed as f64 / total as f64;
    assert!(share >= REQUIRED_SHARE, "{passed} of {total} pass:\n{}", all.join("\n"));
}

fn sample_store(series: usize, samples: i64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for index in 0..series {
        let number = index.to_string();
        let labels = Labels::from_pairs([("__name__", "m"), ("i", number.as_str())]);
        let series = store.register(&labels).unwrap();
        for at in 0..samples {
            let value = at as f64;
            batch.floats.push(FloatRow { series, time: at * 15_000, start_time: 0, value });
        }
    }
    store.append(&batch).unwrap();
    store
}

fn decoded_once() {
    let store = sample_store(5, 400);
    let decoded = |text: &str| {
        let expr = promql::parse(text).unwrap();
        let options = QueryOptions::default();
        let step = Duration::from_secs(15);
        let answer = promql::range(&store, &expr, 600_000, 3_600_000, step, &options).unwrap();
        answer.stats.series_decoded
    };
    assert_eq!(decoded("sum(rate(m[5m]))"), 5);
    assert_eq!(decoded("m"), 5);
    assert_eq!(decoded("max_over_time(rate(m[1m])[10m:30s])"), 5);
    assert_eq!(decoded("m @ 100"), 5);
    assert_eq!(decoded("topk(2, m) / on() group_left sum(m)"), 10);
}

fn limits() {
    let store = sample_store(20, 10);
    let ask = |options: &QueryOptions| {
        let expr = promql::parse("m").unwrap();
        promql::instant(&store, &expr, 60_000, options).map(|_| ())
    };
    assert!(ask(&QueryOptions::default()).is_ok());
    let few = QueryOptions { max_samples: 10, ..QueryOptions::default() };
    assert!(matches!(ask(&few), Err(QueryError::TooManySamples)));
    let late = QueryOptions {
        deadline: std::time::Instant::now().checked_sub(Duration::from_secs(1)),
        ..QueryOptions::default()
    };
    assert!(matches!(ask(&late), Err(QueryError::Timeout)));
    let cancel = Some(Arc::new(std::sync::atomic::AtomicBool::new(true)));
    let gone = QueryOptions { cancel, ..QueryOptions::default() };
    assert!(matches!(ask(&gone), Err(QueryError::Canceled)));
}

fn deep_expressions() {
    let store = sample_store(2, 10);
    let nested = [("-(", ")"), ("abs(", ")"), ("sum by (i) (", ")"), ("1 + (", ")"), ("", " or m")];
    for (open, close) in nested {
        let depth = if open.is_empty() { 200 } else { 45 };
        let text = format!("{}m{}", open.repeat(depth), close.repeat(depth));
        let expr = promql::parse(&text).expect("not too deep");
        let options = QueryOptions::default();
        let step = Duration::from_secs(15);
        let answer = promql::range(&store, &expr, 0, 60_000, step, &options).expect("an answer");
        let Value::Matrix(series) = answer.value else { panic!("no matrix") };
        assert_eq!(series.len(), 2, "{open}");
    }
}
