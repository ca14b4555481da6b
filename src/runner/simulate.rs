//! `--simulate`: a service's declared metrics with made-up values, so that alerts and dashboards can
//! be built before the application exports anything. Every page says that it is simulated, and so does
//! the metric `stackctl_simulated`.

use std::f64::consts::TAU;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use crate::catalogue::{Families, Metric, write_text};
use crate::model::MetricType;

/// A metric as the manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Full name.
    pub name: String,
    /// What kind it is.
    pub kind: MetricType,
    /// Label names.
    pub labels: Vec<String>,
}

const SIMULATED: Metric =
    Metric::gauge("stackctl_simulated", "1 for a service whose metrics are made up.")
        .with(&["service"]);
const BUCKETS: [(&str, f64); 8] = [
    ("0.005", 0.05),
    ("0.01", 0.15),
    ("0.05", 0.5),
    ("0.1", 0.75),
    ("0.5", 0.95),
    ("1.0", 0.98),
    ("5.0", 1.0),
    ("+Inf", 1.0),
];
/// Of the same observations.
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.05), ("0.9", 0.4), ("0.99", 4.0)];
/// Mean of an observation, in the unit of the buckets.
const MEAN: f64 = 0.09;
/// A series has one of this many combinations of label values at most.
const COMBINATIONS: usize = 12;

/// Serves the metrics at `path`.
pub fn router(service: &str, path: &str, metrics: Vec<Declared>) -> Router {
    let (service, began) = (service.to_owned(), Instant::now());
    let page = move || {
        let text = exposition(&service, &metrics, began.elapsed());
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text) }
    };
    Router::new().route(path, get(page))
}

fn exposition(service: &str, metrics: &[Declared], elapsed: Duration) -> String {
    let mut families = Families::default();
    families.put(&SIMULATED, &[service], 1.0);
    for Declared { name, kind, labels } in metrics {
        for values in combinations(labels) {
            let pairs = || labels.iter().map(String::as_str).zip(values.iter().copied());
            let character = character(name, &values);
            let (help, seconds) = ("Simulated.", elapsed.as_secs_f64());
            // A rate of its own for each series, with a slow wave in it.
            let events = character * (seconds + 30.0 * (1.0 - (seconds * TAU / 300.0).cos()) / TAU);
            match kind {
                MetricType::Counter => {
                    families.put_dynamic(name, *kind, help, pairs(), events.floor());
                }
                MetricType::Histogram => {
                    let count = events.floor();
                    for (bound, share) in BUCKETS {
                        let labels = pairs().chain([("le", bound)]);
                        let value = (count * share).floor();
                        families.put_part(name, *kind, help, "_bucket", labels, value);
                    }
                    families.put_part(name, *kind, help, "_sum", pairs(), count * MEAN);
                    families.put_part(name, *kind, help, "_count", pairs(), count);
                }
                MetricType::Summary => {
                    let count = events.floor();
                    for (quantile, value) in QUANTILES {
                        let labels = pairs().chain([("quantile", quantile)]);
                        families.put_part(name, *kind, help, "", labels, value);
                    }
                    families.put_part(name, *kind, help, "_sum", pairs(), count * MEAN);
                    families.put_part(name, *kind, help, "_count", pairs(), count);
                }
                _ => {
                    let wave = 1.0 + 0.3 * (seconds * TAU / 120.0 + character).sin();
                    families.put_dynamic(name, MetricType::Gauge, help, pairs(), wave * character);
                }
            }
        }
    }
    let mut text = format!("# Simulated by stackctl for the service `{service}`: no real data.\n");
    write_text(&families, &mut text);
    text
}

/// Combinations of plausible label values.
fn combinations(labels: &[String]) -> Vec<Vec<&'static str>> {
    let mut all = vec![Vec::new()];
    for label in labels {
        let values: &[&str] = match label.as_str() {
            "status" | "code" | "status_code" => &["200", "404", "500"],
            "method" => &["GET", "POST"],
            "route" | "path" | "handler" => &["/", "/simulated"],
            _ => &["simulated"],
        };
        all = all
            .iter()
            .flat_map(|known: &Vec<_>| {
                values.iter().map(move |value| {
                    let mut longer = known.clone();
                    longer.push(*value);
                    longer
                })
            })
            .take(COMBINATIONS)
            .collect();
    }
    all
}

/// A number between 0.5 and 10 that is always the same for a series; errors are rare.
fn character(name: &str, values: &[&str]) -> f64 {
    let mut hasher = DefaultHasher::new();
    (name, values).hash(&mut hasher);
    let usual = 0.5 + (hasher.finish() % 1_000) as f64 / 1_000.0 * 9.5;
    if values.contains(&"500") { usual / 100.0 } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, kind: MetricType, labels: &[&str]) -> Declared {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Declared { name: name.to_owned(), kind, labels }
    }

    #[test]
    fn counters_grow_and_the_page_says_that_it_is_simulated() {
        let metrics = [declared("requests_total", MetricType::Counter, &["status"])];
        let value = |seconds| {
            let text = exposition("app", &metrics, Duration::from_secs(seconds));
            assert!(text.contains("no real data"));
            assert!(text.contains("stackctl_simulated{service=\"app\"} 1"));
            let line = text.lines().find(|line| line.contains("status=\"200\"")).unwrap();
            line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
        };
        assert!(value(60) > value(30));
    }

    #[test]
    fn a_summary_is_complete() {
        let metrics = [declared("seconds", MetricType::Summary, &["method"])];
        let text = exposition("app", &metrics, Duration::from_secs(60));
        assert!(text.contains("# TYPE seconds summary"), "{text}");
        for line in [
            "seconds{method=\"GET\",quantile=\"0.99\"} 4\n",
            "\nseconds_sum{method=\"POST\"} ",
            "\nseconds_count{method=\"POST\"} ",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_histogram_is_complete() {
        let metrics = [declared("seconds", MetricType::Histogram, &[])];
        let text = exposition("app", &metrics, Duration::from_secs(60));
        assert!(text.contains("# TYPE seconds histogram"));
        let number = |prefix: &str| {
            let line = text.lines().find(|line| line.starts_with(prefix)).unwrap();
            line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
        };
        assert_eq!(number("seconds_bucket{le=\"+Inf\"}"), number("seconds_count"));
    }
}
