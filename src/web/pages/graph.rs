//! `/graph`: the query box, its result as a table or as a line chart.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::chart::{self, COLORS, Chart};
use super::render;
use crate::model::{Histogram, Timestamp, format_duration, now, parse_duration};
use crate::promql::{self, Answer, ParseError, QueryError, QueryOptions, Value, ValueType};
use crate::storage::{LabelSet, QuerySymbols};
use crate::web::Prometheus;
use crate::web::api::{Params, parse_time};

/// Steps of a chart whose step is chosen here.
const STEPS: i64 = 250;
/// Most rows of a table: a page is for reading.
const MOST_ROWS: usize = 1000;
/// Most lines of a chart.
const MOST_LINES: usize = 50;

/// What the query box holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Form {
    expr: String,
    range: String,
    end: String,
    step: String,
    tab: String,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            expr: String::new(),
            range: "1h".to_owned(),
            end: String::new(),
            step: String::new(),
            tab: "table".to_owned(),
        }
    }
}

impl Form {
    /// Reads our own names of parameters, and those of Prometheus' links (`g0.expr`, `g0.tab` …).
    fn from_params(params: &Params) -> Self {
        let first = |names: [&str; 2]| {
            names.iter().map(|name| params.get(name)).find(|text| !text.is_empty())
        };
        let text = |names| first(names).unwrap_or_default().trim().to_owned();
        let range = text(["range", "g0.range_input"]);
        Self {
            expr: text(["expr", "g0.expr"]),
            range: if range.is_empty() { "1h".to_owned() } else { range },
            end: text(["end", "g0.end_input"]),
            step: text(["step", "g0.step_input"]),
            tab: match first(["tab", "g0.tab"]) {
                Some("graph" | "0") => "graph".to_owned(),
                _ => "table".to_owned(),
            },
        }
    }

    fn times(&self, now: Timestamp) -> Result<Times, Failure> {
        let millis = |what: &str, text: &str| {
            parse_duration(text)
                .ok()
                .map(|duration| duration.as_millis() as i64)
                .filter(|millis| *millis > 0)
                .ok_or_else(|| Failure::plain(format!("{what}: {text:?} is not a length of time")))
        };
        let range = millis("range", &self.range)?;
        let end = match self.end.as_str() {
            "" => now,
            text => parse_end(text)
                .ok_or_else(|| Failure::plain(format!("end: {text:?} is not a time")))?,
        };
        let step = match self.step.as_str() {
            "" | "auto" => auto_step(range),
            text => match text.parse::<f64>() {
                Ok(seconds) if seconds >= 0.001 => (seconds * 1000.0) as i64,
                _ => millis("step", text)?,
            },
        };
        if range / step > 11_000 {
            let message = format!("a step of {} gives more than 11,000 points", self.step);
            return Err(Failure::plain(message));
        }
        Ok(Times { start: end.saturating_sub(range), end, step })
    }
}

/// As [`parse_time`], and what people write: `2026-03-02 09:00`.
fn parse_end(text: &str) -> Option<Timestamp> {
    parse_time(text).or_else(|| {
        let text = text.trim_end_matches("UTC").trim_end().replace(' ', "T");
        let time: jiff::civil::DateTime = text.parse().ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
    })
}

/// A round step that gives about [`STEPS`] points, at least a second.
fn auto_step(range: i64) -> i64 {
    const ROUND: [i64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
    let least = range / STEPS;
    let round = ROUND.iter().map(|seconds| seconds * 1000).find(|step| *step >= least);
    round.unwrap_or_else(|| (least / 14_400_000 + 1) * 14_400_000)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    start: Timestamp,
    end: Timestamp,
    step: i64,
}

/// What is shown instead of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Failure {
    message: String,
    /// The line of the query at fault with carets below; empty where there is no place.
    excerpt: String,
}

impl Failure {
    fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), excerpt: String::new() }
    }

    fn parse(text: &str, error: &ParseError) -> Self {
        let ParseError { span, line, column, .. } = error;
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        // The column counts bytes; carets stand below characters.
        let before = shown.get(..(column - 1).min(shown.len())).unwrap_or(shown);
        let rest = shown.get(before.len()..).unwrap_or_default();
        let covered = rest.get(..span.len().min(rest.len())).unwrap_or(rest);
        let carets = covered.chars().count().max(1);
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        Self {
            message: error.to_string(),
            excerpt: format!("{shown}\n{indent}{}", "^".repeat(carets)),
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::plain(error.to_string())
    }
}

#[derive(Debug, Default, Serialize)]
struct Row {
    series: String,
    value: String,
    color: usize,
}

#[derive(Debug, Default)]
struct Shown {
    chart: Option<String>,
    summary: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

pub(super) async fn page(State(web): State<Arc<Prometheus>>, params: Params) -> Response {
    let form = Form::from_params(&params);
    let outcome = if form.expr.is_empty() { None } else { Some(evaluate(&web, &form).await) };
    let mut page = context! { form => Serde(&form) };
    match outcome {
        None => {}
        Some(Err(failure)) => {
            page = context! { error => Serde(&failure), ..page };
        }
        Some(Ok(Shown { chart, summary, rows, notes })) => {
            let result = context! { summary => summary, rows => Serde(&rows) };
            page = context! { chart => chart, notes => notes, result => result, ..page };
        }
    }
    render(&web, "graph.html", "/graph", page)
}

async fn evaluate(web: &Arc<Prometheus>, form: &Form) -> Result<Shown, Failure> {
    let expr =
        promql::parse(&form.expr).map_err(|errors| Failure::parse(&form.expr, errors.first()))?;
    let times = form.times(now())?;
    let kind = expr.value_type();
    let as_chart = form.tab == "graph" && matches!(kind, ValueType::Scalar | ValueType::Vector);
    let options = web.query_options(&form.expr);
    let (pool, store) = (Arc::clone(&web.pool), Arc::clone(&web.store));
    pool.run(web.options.query_timeout, move |turn| {
        let options =
            QueryOptions { cancel: Some(turn.cancel), deadline: Some(turn.deadline), ..options };
        let Times { start, end, step } = times;
        let answer = if as_chart {
            let step = Duration::from_millis(step.unsigned_abs());
            promql::range(&*store, &expr, start, end, step, &options)?
        } else {
            promql::instant(&*store, &expr, end, &options)?
        };
        Ok(show(answer, as_chart.then_some(times)))
    })
    .await
}

fn show(answer: Answer, times: Option<Times>) -> Shown {
    let Answer { symbols, value, mut warnings, infos, .. } = answer;
    warnings.extend(infos);
    let mut shown = Shown { notes: warnings, ..Shown::default() };
    match value {
        Value::Scalar(_, value) => {
            shown.rows.push(Row { series: "scalar".to_owned(), value: number(value), color: 0 });
            "a number".clone_into(&mut shown.summary);
        }
        Value::String(_, text) => {
            shown.rows.push(Row { series: "string".to_owned(), value: text, color: 0 });
            "a string".clone_into(&mut shown.summary);
        }
        Value::Vector(samples) => {
            shown.summary = count(samples.len(), MOST_ROWS);
            shown.rows = samples
                .iter()
                .take(MOST_ROWS)
                .map(|sample| Row {
                    series: name(&sample.labels, &symbols),
                    value: match &sample.histogram {
                        Some(histogram) => describe(histogram),
                        None => number(sample.value),
                    },
                    color: 0,
                })
                .collect();
        }
        Value::Matrix(series) => {
            let most = if times.is_some() { MOST_LINES } else { MOST_ROWS };
            shown.summary = count(series.len(), most);
            for (index, series) in series.iter().take(most).enumerate() {
                let last = match (times, series.values.last(), series.histograms.last()) {
                    (Some(_), Some(value), _) => number(*value),
                    (_, _, Some((_, histogram))) => describe(histogram),
                    (None, ..) => series
                        .times
                        .iter()
                        .zip(&series.values)
                        .map(|(time, value)| format!("{} @{}", number(*value), *time as f64 / 1e3))
                        .collect::<Vec<_>>()
                        .join("\n"),
                    (Some(_), None, None) => String::new(),
                };
                let series = name(&series.labels, &symbols);
                shown.rows.push(Row { series, value: last, color: index % COLORS });
            }
            if let Some(Times { start, end, step }) = times {
                let lines: Vec<_> = series
                    .iter()
                    .take(most)
                    .map(|series| (series.times.as_slice(), series.values.as_slice()))
                    .collect();
                shown.summary = format!(
                    "{}, a point every {}",
                    shown.summary,
                    format_duration(Duration::from_millis(step.unsigned_abs()))
                );
                shown.chart = Some(chart::draw(&Chart { start, end, step, lines }));
            }
        }
    }
    shown
}

fn count(series: usize, most: usize) -> String {
    match series {
        0 => "no series".to_owned(),
        1 => "1 series".to_owned(),
        n if n <= most => format!("{n} series"),
        n => format!("the first {most} of {n} series"),
    }
}

fn number(value: f64) -> String {
    let mut text = Vec::new();
    crate::web::json::write_float(&mut text, value);
    String::from_utf8(text).unwrap_or_default()
}

fn describe(histogram: &Histogram) -> String {
    format!("count {}, sum {}", number(histogram.count), number(histogram.sum))
}

fn name(labels: &LabelSet, symbols: &QuerySymbols) -> String {
    labels.to_labels(symbols).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_round_and_gives_some_hundred_points() {
        let check = |range: &str, expected: &str| {
            let range = parse_duration(range).unwrap().as_millis() as i64;
            let step = Duration::from_millis(auto_step(range).unsigned_abs());
            assert_eq!(format_duration(step), expected);
        };
        check("1m", "1s");
        check("1h", "15s");
        check("1d", "10m");
        check("30d", "4h");
        check("1y", "1d12h");
    }

    #[test]
    fn carets_stand_below_what_is_wrong() {
        let text = "sum by (a) (\n\tüb xxxx)\n";
        let errors = promql::parse(text).unwrap_err();
        let failure = Failure::parse(text, errors.first());
        assert_eq!(failure.excerpt.lines().next(), Some("\tüb xxxx)"));
        let failure = Failure::parse(
            "sum(up) + xyz(up)",
            promql::parse("sum(up) + xyz(up)").unwrap_err().first(),
        );
        assert_eq!(failure.message, "1:11: parse error: unknown function with name \"xyz\"");
        assert_eq!(failure.excerpt, "sum(up) + xyz(up)\n          ^^^");
    }

    #[test]
    fn ends_may_be_written_as_people_do() {
        assert_eq!(parse_end("2015-07-01 20:10:51"), Some(1_435_781_451_000));
        assert_eq!(parse_end("2015-07-01 20:10"), Some(1_435_781_400_000));
        assert_eq!(parse_end("1435781451"), Some(1_435_781_451_000));
        assert_eq!(parse_end("yesterday"), None);
    }
}
