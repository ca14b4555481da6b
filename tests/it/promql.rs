//! PromQL evaluation against scripts in the notation of Prometheus' own suite: ours in
//! `tests/promql/`, and the reference's cases where they are at hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use stackctl::model::{Histogram, Labels, is_stale};
use stackctl::promql::series_notation::{SeriesLine, SeriesValue, parse_line, parse_series};
use stackctl::promql::{self, Answer, MatrixSeries, QueryError, QueryOptions, Value};
use stackctl::storage::{Append, Batch, FloatRow, HistogramRow, MemoryStore, Select, SeriesId};

use crate::support::{self, Needs, Test};

pub const TESTS: &[Test] = &[
    ("own_scripts_pass", Needs::Nothing, own_scripts),
    ("reference_cases_pass", Needs::Shared("conformance/promql"), reference_cases),
    ("no_series_is_decoded_twice", Needs::Nothing, decoded_once),
    ("limits_end_a_query", Needs::Nothing, limits),
    ("deep_expressions_are_evaluated", Needs::Nothing, deep_expressions),
];

/// The share of the reference's cases that must pass; it only ever rises.
const REQUIRED_SHARE: f64 = 1.0;

const MINUTE: i64 = 60_000;

/// A sample of a load: value and start timestamp.
type Sample = (SeriesValue, i64);

#[derive(Default)]
struct Loaded {
    /// Series by labels, samples by time.
    series: BTreeMap<Labels, BTreeMap<i64, Sample>>,
}

impl Loaded {
    fn store(&self) -> MemoryStore {
        let store = MemoryStore::default();
        let mut batch = Batch::default();
        for (labels, samples) in &self.series {
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

/// What an annotation or an error must say.
enum Check {
    Any,
    Text(String),
    Regex(Regex),
}

impl Check {
    fn new(mode: Option<(&str, &str)>) -> Self {
        match mode {
            None => Self::Any,
            Some(("msg", text)) => Self::Text(text.trim().to_owned()),
            Some((_, text)) => Self::Regex(Regex::new(text.trim()).expect("a regex of the suite")),
        }
    }

    fn passes(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(expected) => expected == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Default)]
struct Eval {
    line: usize,
    expr: String,
    /// Start, end and step; an instant evaluation has step 0.
    times: (i64, i64, i64),
    fail: Vec<Check>,
    warn: Vec<Check>,
    info: Vec<Check>,
    no_warn: bool,
    no_info: bool,
    ordered: bool,
    range_vector: bool,
    string: Option<String>,
    scalar: Option<f64>,
    series: Vec<(Labels, Vec<SeriesValue>)>,
}

enum Command {
    Clear,
    Load(Vec<(Labels, Vec<(i64, Sample)>)>),
    Eval(Box<Eval>),
}

fn duration(text: &str) -> i64 {
    if text == "0" {
        return 0;
    }
    let millis = stackctl::promql::number::parse_duration(text);
    i64::try_from(millis.unwrap_or_else(|err| panic!("{text}: {err}"))).expect("a short duration")
}

/// Splits a script into commands; a comment ends a block, as an empty line does.
fn parse_script(text: &str) -> Vec<Command> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| if line.trim_start().starts_with('#') { "" } else { line.trim() })
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = at;
        at += 1;
        let Some(word) = lines[first].split_whitespace().next() else { continue };
        if word == "clear" {
            commands.push(Command::Clear);
            continue;
        }
        while at < lines.len() && !lines[at].is_empty() {
            at += 1;
        }
        let block = &lines[first..at];
        if word.starts_with("load") {
            commands.push(Command::Load(parse_load(block)));
        } else {
            commands.push(Command::Eval(Box::new(parse_eval(first + 1, block))));
        }
    }
    commands
}

fn parse_load(block: &[&str]) -> Vec<(Labels, Vec<(i64, Sample)>)> {
    let mut words = block[0].split_whitespace();
    let nhcb = words.next() == Some("load_with_nhcb");
    let step = duration(words.next().expect("a load has an interval"));
    let mut loaded = Vec::new();
    let mut starts: Option<Vec<Option<i64>>> = None;
    for line in &block[1..] {
        match parse_line(line).unwrap_or_else(|err| panic!("{line}: {err}")) {
            SeriesLine::StartTimes { offsets, .. } => starts = Some(offsets),
            SeriesLine::Samples(series) => {
                let starts = starts.take().unwrap_or_default();
                let mut samples = Vec::new();
                for (index, value) in series.values.into_iter().enumerate() {
                    let time = index as i64 * step;
                    let start = starts.get(index).copied().flatten().map_or(0, |s| time + s);
                    if value != SeriesValue::Missing {
                        samples.push((time, (value, start)));
                    }
                }
                loaded.push((series.labels, samples));
            }
        }
    }
    if nhcb {
        let native = with_custom_buckets(&loaded);
        loaded.extend(native);
    }
    loaded
}

/// Cumulative counts by bound, and the series `_sum` and `_count`, of one classic histogram.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: Option<f64>,
}

/// The classic histograms of a load as native ones with custom buckets.
fn with_custom_buckets(
    loaded: &[(Labels, Vec<(i64, Sample)>)],
) -> Vec<(Labels, Vec<(i64, Sample)>)> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in loaded {
        let name = labels.metric_name();
        let Some((base, kind)) = ["_bucket", "_sum", "_count"]
            .into_iter()
            .find_map(|kind| Some((name.strip_suffix(kind)?, kind)))
        else {
            continue;
        };
        let bound: f64 = match (kind, labels.get("le").map(str::parse)) {
            ("_bucket", Some(Ok(bound))) => bound,
            ("_bucket", _) => continue,
            _ => 0.0,
        };
        let mut builder = labels.to_builder();
        builder.set("__name__", base).remove("le");
        let series = found.entry(builder.build()).or_default();
        for (time, (value, _)) in samples {
            let SeriesValue::Float(value) = *value else { continue };
            let slot = series.entry(*time).or_default();
            match kind {
                "_bucket" => slot.buckets.push((bound, value)),
                "_sum" => slot.sum = value,
                _ => slot.count = Some(value),
            }
        }
    }
    let convert = |mut classic: Classic| {
        classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        classic.buckets.dedup_by(|next, kept| next.0 == kept.0);
        let last = classic.buckets.last().map_or(0.0, |bucket| bucket.1);
        let count = classic.count.unwrap_or(last);
        if classic.buckets.last().is_none_or(|bucket| bucket.0 != f64::INFINITY) {
            classic.buckets.push((f64::INFINITY, count));
        }
        let mut histogram = Histogram {
            schema: Histogram::CUSTOM,
            count,
            sum: classic.sum,
            custom_values: classic.buckets.iter().map(|b| b.0).filter(|b| b.is_finite()).collect(),
            ..Histogram::default()
        };
        let mut below = 0.0;
        for (_, cumulative) in &classic.buckets {
            histogram.positive.push(cumulative - below);
            below = *cumulative;
        }
        let length = histogram.positive.len() as u32;
        histogram.positive_spans = vec![stackctl::model::BucketSpan { offset: 0, length }];
        SeriesValue::Histogram { histogram: Arc::new(histogram), hint_given: false }
    };
    let series = found.into_iter().map(|(labels, samples)| {
        (labels, samples.into_iter().map(|(time, c)| (time, (convert(c), 0))).collect())
    });
    series.collect()
}

fn parse_eval(line: usize, block: &[&str]) -> Eval {
    let instant = Regex::new(r"^eval(?:_(\w+))?\s+instant\s+at\s+(\S+)\s+(.+)$").unwrap();
    let range =
        Regex::new(r"^eval(?:_(\w+))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$")
            .unwrap();
    let expect =
        Regex::new(r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$")
            .unwrap();
    let window =
        Regex::new(r"^expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$").unwrap();
    let mut eval = Eval { line, ..Eval::default() };
    let modifier = if let Some(found) = instant.captures(block[0]) {
        let at = duration(&found[2]);
        eval.times = (at, at, 0);
        found[3].clone_into(&mut eval.expr);
        found.get(1).map(|m| m.as_str().to_owned())
    } else {
        let found = range.captures(block[0]).unwrap_or_else(|| panic!("{line}: {}", block[0]));
        eval.times = (duration(&found[2]), duration(&found[3]), duration(&found[4]));
        found[5].clone_into(&mut eval.expr);
        found.get(1).map(|m| m.as_str().to_owned())
    };
    match modifier.as_deref() {
        Some("fail") => eval.fail.push(Check::Any),
        Some("warn") => eval.warn.push(Check::Any),
        Some("info") => eval.info.push(Check::Any),
        Some("ordered") => eval.ordered = true,
        _ => {}
    }
    for text in &block[1..] {
        if let Some(found) = window.captures(text) {
            eval.times = (duration(&found[1]), duration(&found[2]), duration(&found[3]));
            eval.range_vector = true;
        } else if let Some(found) = expect.captures(text) {
            let mode = found.get(2).map(|mode| (mode.as_str(), found.get(3).unwrap().as_str()));
            let check = Check::new(mode);
            match &found[1] {
                "ordered" => eval.ordered = true,
                "fail" => eval.fail.push(check),
                "warn" => eval.warn.push(check),
                "info" => eval.info.push(check),
                "no_warn" => eval.no_warn = true,
                _ => eval.no_info = true,
            }
        } else if let Some(string) = text.strip_prefix("expect string") {
            let string = string.trim();
            let literal = promql::parse(string).expect("a string literal");
            let promql::Expr::String(literal) = literal else { panic!("{line}: no string") };
            eval.string = Some(literal.value);
        } else if let Some(number) = bare_number(text) {
            eval.scalar = Some(number);
        } else {
            let series = parse_series(text).unwrap_or_else(|err| panic!("{line}: {text}: {err}"));
            eval.series.push((series.labels, series.values));
        }
    }
    eval
}

fn bare_number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|number| number as f64);
    }
    text.parse().ok()
}

fn almost_equal(a: f64, b: f64) -> bool {
    const EPSILON: f64 = 1e-6;
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    if a.is_infinite() || b.is_infinite() {
        return false;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Buckets as the API shows them: rule, lower and upper bound, count; only populated ones.
fn json_buckets(histogram: &Histogram) -> Vec<(u8, f64, f64, f64)> {
    let bound = |index: i32| {
        if histogram.schema == Histogram::CUSTOM {
            return match usize::try_from(index) {
                Err(_) => f64::NEG_INFINITY,
                Ok(index) => histogram.custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            };
        }
        let exponent = f64::from(index) * f64::from(-i32::from(histogram.schema)).exp2();
        if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
    };
    let indexed = |spans: &[stackctl::model::BucketSpan], counts: &[f64]| {
        let mut index = 0;
        let mut buckets = Vec::new();
        let mut counts = counts.iter();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                buckets.push((index, *counts.next().expect("a count per bucket")));
                index += 1;
            }
        }
        buckets
    };
    let zero = histogram.zero_threshold;
    let mut buckets = Vec::new();
    for (index, count) in indexed(&histogram.negative_spans, &histogram.negative).into_iter().rev()
    {
        let (lower, mut upper) = (-bound(index), -bound(index - 1));
        if -zero < upper && upper < 0.0 {
            upper = -zero;
        }
        buckets.push((1, lower, upper, count));
    }
    if histogram.zero_count > 0.0 {
        buckets.push((3, -zero, zero, histogram.zero_count));
    }
    for (index, count) in indexed(&histogram.positive_spans, &histogram.positive) {
        let (mut lower, upper) = (bound(index - 1), bound(index));
        let custom = histogram.schema == Histogram::CUSTOM;
        if !custom && 0.0 < lower && lower < zero {
            lower = zero;
        }
        buckets.push((if custom && index == 0 { 3 } else { 0 }, lower, upper, count));
    }
    buckets.retain(|bucket| bucket.3 != 0.0);
    buckets
}

fn same_histogram(expected: &Histogram, found: &Histogram) -> Result<(), String> {
    for (what, a, b) in [("count", expected.count, found.count), ("sum", expected.sum, found.sum)] {
        if !almost_equal(a, b) {
            return Err(format!("{what} {b}, expected {a}"));
        }
    }
    let (a, b) = (json_buckets(expected), json_buckets(found));
    let same = a.len() == b.len()
        && a.iter().zip(&b).all(|(x, y)| {
            x.0 == y.0 && almost_equal(x.1, y.1) && almost_equal(x.2, y.2) && almost_equal(x.3, y.3)
        });
    if same { Ok(()) } else { Err(format!("buckets {b:?}, expected {a:?}")) }
}

fn ask(store: &dyn Select, eval: &Eval, times: (i64, i64, i64)) -> Result<Answer, String> {
    let expr = promql::parse(&eval.expr).map_err(|errors| errors.first().to_string())?;
    let options = QueryOptions { text: eval.expr.as_str().into(), ..QueryOptions::default() };
    let (start, end, step) = times;
    let answer = if step == 0 {
        promql::instant(store, &expr, end, &options)
    } else {
        let step = Duration::from_millis(step.unsigned_abs());
        promql::range(store, &expr, start, end, step, &options)
    };
    answer.map_err(|err| err.to_string())
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

fn check_matrix(eval: &Eval, answer: &Answer, series: &[MatrixSeries]) -> Result<(), String> {
    let (start, _, step) = eval.times;
    let mut missing: Vec<&Labels> = eval.series.iter().map(|series| &series.0).collect();
    let mut before: Option<Vec<(String, String)>> = None;
    for one in series {
        let labels = one.labels.to_labels(&answer.symbols);
        let flat: Vec<_> = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        if before.as_ref().is_some_and(|before| *before > flat) {
            return Err("matrix not sorted by labels".to_owned());
        }
        before = Some(flat);
        let Some((_, values)) = eval.series.iter().find(|series| series.0 == labels) else {
            return Err(format!("unexpected series {labels} {:?}", one.values));
        };
        missing.retain(|expected| **expected != labels);
        let (mut floats, mut hists) = (Vec::new(), Vec::new());
        for (index, value) in values.iter().enumerate() {
            let time = start + index as i64 * step;
            match value {
                SeriesValue::Missing => {}
                SeriesValue::Float(value) => floats.push((time, *value)),
                SeriesValue::Histogram { histogram, .. } => hists.push((time, histogram)),
            }
        }
        let times: Vec<i64> = floats.iter().map(|point| point.0).collect();
        let found = one.times.iter().zip(&one.values);
        if one.times != times || !found.zip(&floats).all(|((_, a), (_, b))| almost_equal(*a, *b)) {
            return Err(format!(
                "{labels}: {:?} at {:?}, expected {floats:?}",
                one.values, one.times
            ));
        }
        if one.histograms.len() != hists.len() {
            return Err(format!(
                "{labels}: {} histograms, expected {}",
                one.histograms.len(),
                hists.len()
            ));
        }
        for ((time, found), (expected_time, expected)) in one.histograms.iter().zip(hists) {
            if *time != expected_time {
                return Err(format!("{labels}: histogram at {time}, expected {expected_time}"));
            }
            same_histogram(expected, found).map_err(|err| format!("{labels} at {time}: {err}"))?;
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("missing series {missing:?}")) }
}

/// One element of a vector: labels, float, histogram.
type Element = (Labels, f64, Option<Arc<Histogram>>);

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

fn check_value(eval: &Eval, answer: &Answer) -> Result<(), String> {
    match (&answer.value, eval.scalar) {
        (Value::Scalar(_, value), Some(expected)) if almost_equal(*value, expected) => Ok(()),
        (Value::Scalar(_, value), expected) => {
            Err(format!("scalar {value}, expected {expected:?}"))
        }
        (_, Some(expected)) => Err(format!("no scalar, expected {expected}")),
        (Value::String(_, text), _) => {
            let matches = eval.string.as_ref() == Some(text);
            matches.then_some(()).ok_or_else(|| format!("string {text:?}"))
        }
        (Value::Matrix(series), _) => check_matrix(eval, answer, series),
        (Value::Vector(samples), _) => {
            let elements: Vec<Element> = samples
                .iter()
                .map(|s| (s.labels.to_labels(&answer.symbols), s.value, s.histogram.clone()))
                .collect();
            check_vector(eval, &elements)
        }
    }
}

/// The step in the middle of a range query, as a vector.
fn middle(answer: &Answer, at: i64) -> Vec<Element> {
    let Value::Matrix(series) = &answer.value else { return Vec::new() };
    let mut elements = Vec::new();
    for one in series {
        let labels = one.labels.to_labels(&answer.symbols);
        if let Ok(index) = one.times.binary_search(&at) {
            elements.push((labels.clone(), one.values[index], None));
        }
        if let Some((_, histogram)) = one.histograms.iter().find(|point| point.0 == at) {
            elements.push((labels, 0.0, Some(Arc::clone(histogram))));
        }
    }
    elements
}

fn judge(store: &dyn Select, eval: &Eval) -> Result<(), String> {
    let answer = match ask(store, eval, eval.times_asked()) {
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
    let answer = ask(store, eval, (at - MINUTE, at + MINUTE, MINUTE))
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

impl Eval {
    fn times_asked(&self) -> (i64, i64, i64) {
        if self.range_vector { (self.times.1, self.times.1, 0) } else { self.times }
    }
}

/// Runs a script: how many cases there are, and which fail with what.
fn run_script(name: &str, text: &str) -> (usize, Vec<String>) {
    let mut loaded = Loaded::default();
    let mut store: Option<MemoryStore> = None;
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
                let store = store.get_or_insert_with(|| loaded.store());
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
        failures.extend(run_script(&name, &text).1);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn reference_cases() {
    let (mut total, mut passed) = (0, 0);
    let mut all = Vec::new();
    for (name, text) in scripts(&support::shared("conformance/promql")) {
        let (count, failures) = run_script(&name, &text);
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
