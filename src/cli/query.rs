//! `query`: asks a running server and shows the answer as a table.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use comfy_table::{Table, presets};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::control;
use super::printer::{self, out};
use crate::model::{Labels, parse_duration};

/// Evaluates a PromQL expression on a running server.
#[derive(Debug, Args)]
pub struct Query {
    /// The expression.
    expr: String,
    /// Base URL of the server; that of the running stack if only one runs, else
    /// http://127.0.0.1:9090.
    #[arg(long)]
    url: Option<String>,
    /// Evaluate over this long up to now, as a small plot per series.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    range: Option<Duration>,
    /// Print the server's JSON as it is.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    histogram: Option<serde_json::Value>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// Where a server listens that nobody told otherwise.
const USUAL_URL: &str = "http://127.0.0.1:9090";
/// Columns of a plot.
const WIDTH: u32 = 60;

impl Query {
    /// Exit code 1 if the server refuses the expression.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let (path, form) = self.request();
        let base = server(self.url).await;
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let body = post(&url, form).await.with_context(|| format!("asking {url}"))?;
        let answer: Answer = serde_json::from_slice(&body)
            .with_context(|| format!("{url} gave no answer of the Prometheus API"))?;
        if self.json {
            out().write_all(&body)?;
            writeln!(out())?;
            return Ok(ExitCode::from(u8::from(answer.status != "success")));
        }
        for warning in answer.warnings.iter().chain(&answer.infos) {
            printer::note(warning);
        }
        if answer.status != "success" {
            printer::error(&answer.error);
            return Ok(ExitCode::from(1));
        }
        let Some(Data { result_type, result }) = answer.data else { bail!("{url} sent no data") };
        if matches!(result_type.as_str(), "scalar" | "string") {
            let (_, value): (f64, String) = serde_json::from_value(result)?;
            writeln!(out(), "{value}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let series: Vec<Series> = serde_json::from_value(result)?;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for Series { metric, value, histogram, values } in series {
            let labels = Labels::from_pairs(metric);
            let shown = match (value, histogram) {
                (Some((_, value)), _) => value,
                (None, Some(histogram)) => histogram.to_string(),
                (None, None) => plot(&values),
            };
            table.add_row([describe(&labels), shown]);
        }
        writeln!(out(), "{table}")?;
        Ok(ExitCode::SUCCESS)
    }

    fn request(&self) -> (&'static str, String) {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", &self.expr);
        let Some(range) = self.range else { return ("/api/v1/query", form.finish()) };
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        let step = (range.as_secs_f64() / f64::from(WIDTH)).max(0.001);
        form.append_pair("start", &(now - range.as_secs_f64()).to_string());
        form.append_pair("end", &now.to_string());
        form.append_pair("step", &step.to_string());
        ("/api/v1/query_range", form.finish())
    }
}

/// The server that a command asks: the one that was said, that of the running stack, or the usual one.
pub(super) async fn server(said: Option<String>) -> String {
    match said {
        Some(url) => url,
        None => control::server_url().await.unwrap_or_else(|| USUAL_URL.to_owned()),
    }
}

/// Labels and value of each series that an expression gives now.
pub(super) async fn instant(
    server: &str,
    expr: &str,
) -> anyhow::Result<Vec<(BTreeMap<String, String>, f64)>> {
    let url = format!("{}/api/v1/query", server.trim_end_matches('/'));
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("query", expr);
    let body = post(&url, form.finish()).await.with_context(|| format!("asking {url}"))?;
    let answer: Answer = serde_json::from_slice(&body)
        .with_context(|| format!("{url} gave no answer of the Prometheus API"))?;
    if answer.status != "success" {
        bail!("{url}: {}", answer.error);
    }
    let data = answer.data.with_context(|| format!("{url} sent no data"))?;
    let series: Vec<Series> = serde_json::from_value(data.result)?;
    let value = |series: Series| {
        let value = series.value.and_then(|(_, value)| value.parse().ok()).unwrap_or(f64::NAN);
        (series.metric, value)
    };
    Ok(series.into_iter().map(value).collect())
}

async fn post(url: &str, form: String) -> anyhow::Result<Bytes> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = hyper::Request::post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(form))?;
    Ok(client.request(request).await?.into_body().collect().await?.to_bytes())
}

fn describe(labels: &Labels) -> String {
    match (labels.metric_name(), labels.len()) {
        ("", 0) => "{}".to_owned(),
        _ => labels.to_string(),
    }
}

/// One character per value, lowest to highest, with the range of values behind it.
fn plot(values: &[(f64, String)]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let numbers: Vec<f64> = values.iter().filter_map(|(_, value)| value.parse().ok()).collect();
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let (low, high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let bar = |number: &f64| {
        if !number.is_finite() {
            ' '
        } else if high > low {
            BARS[((number - low) / (high - low) * 7.0).round() as usize]
        } else {
            BARS[3]
        }
    };
    let line: String = numbers.iter().map(bar).collect();
    match numbers.last() {
        Some(last) => format!("{line} {low}…{high}, now {last}"),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::METRIC_NAME;

    #[test]
    fn a_plot_goes_from_the_lowest_to_the_highest_value() {
        let values = ["0", "3.5", "7", "NaN"].map(|text| (0.0, text.to_owned()));
        assert_eq!(plot(&values), "▁▅█  0…7, now NaN");
        assert_eq!(plot(&[(0.0, "2".to_owned())]), "▄ 2…2, now 2");
    }

    #[test]
    fn labels_are_shown_as_a_series() {
        let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "node")]);
        assert_eq!(describe(&labels), r#"up{job="node"}"#);
        assert_eq!(describe(&Labels::empty()), "{}");
    }
}
