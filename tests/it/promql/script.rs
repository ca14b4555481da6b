//! Scripts of PromQL cases: what is loaded, what is asked, and what must come out.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use stackctl::model::{Histogram, Labels};
use stackctl::promql;
use stackctl::promql::series_notation::{SeriesLine, SeriesValue, parse_line, parse_series};

/// A sample of a load: value and start timestamp.
pub type Sample = (SeriesValue, i64);

/// What an annotation or an error must say.
pub enum Check {
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

    pub fn passes(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(expected) => expected == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Default)]
pub struct Eval {
    pub line: usize,
    pub expr: String,
    /// Start, end and step; an instant evaluation has step 0.
    pub times: (i64, i64, i64),
    pub fail: Vec<Check>,
    pub warn: Vec<Check>,
    pub info: Vec<Check>,
    pub no_warn: bool,
    pub no_info: bool,
    pub ordered: bool,
    pub range_vector: bool,
    pub string: Option<String>,
    pub scalar: Option<f64>,
    pub series: Vec<(Labels, Vec<SeriesValue>)>,
}

pub enum Command {
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
pub fn parse_script(text: &str) -> Vec<Command> {
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

impl Eval {
    pub fn times_asked(&self) -> (i64, i64, i64) {
        if self.range_vector { (self.times.1, self.times.1, 0) } else { self.times }
    }
}
