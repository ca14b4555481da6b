//! Runs the collectors for a scrape and answers over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use axum::routing::get;
use parking_lot::Mutex;

use super::{COLLECTORS, CollectError, Collector, Config, Host};
use crate::catalogue::{Families, Metric};
use crate::exporters::flags::FlagError;
use crate::exporters::http::{self, Scrapes};
use crate::exporters::watched::{self, Gate, Patience};

const DURATION: Metric = Metric::gauge(
    "node_scrape_collector_duration_seconds",
    "How long a collector took in this scrape.",
)
.with(&["collector"]);
const SUCCESS: Metric = Metric::gauge(
    "node_scrape_collector_success",
    "Whether a collector could show what it is there for.",
)
.with(&["collector"]);
const BUILD: Metric =
    Metric::gauge("node_exporter_build_info", "Which build of the exporter this is; always 1.")
        .with(&["branch", "goarch", "goos", "goversion", "revision", "tags", "version"]);

pub(super) const METRICS: &[Metric] = &[DURATION, SUCCESS, BUILD];

/// A running node exporter.
#[derive(Debug, Clone)]
pub struct Exporter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    enabled: Vec<Enabled>,
    patience: Patience,
    telemetry_path: String,
    scrapes: Scrapes,
}

#[derive(Debug)]
struct Enabled {
    collector: &'static Collector,
    gate: Gate,
    /// What was last logged, so that the log tells changes and not every scrape.
    trouble: Mutex<Option<String>>,
}

impl Exporter {
    /// Makes an exporter; fails on filters that do not parse or exclude each other.
    pub fn new(config: &Config) -> Result<Self, FlagError> {
        let host = Host::new(config)?;
        let enabled = COLLECTORS
            .iter()
            .filter(|collector| config.collectors.contains(collector.name))
            .map(|collector| Enabled {
                collector,
                gate: Gate::default(),
                trouble: Mutex::default(),
            })
            .collect();
        let exists = |mark: &str| Path::new(mark).exists();
        let is_set = |variable: &str| std::env::var_os(variable).is_some();
        if config.rootfs == Path::new("/") && in_container(exists, is_set) {
            tracing::warn!("in a container without --path.rootfs: the container is measured");
        }
        let inner = Inner {
            host,
            enabled,
            patience: Patience { slow: Duration::from_millis(250), deadline: config.deadline },
            telemetry_path: config.serving.telemetry_path.clone(),
            scrapes: Scrapes::new(config.max_requests, config.exporter_metrics),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Names of the collectors that run.
    pub fn enabled(&self) -> impl Iterator<Item = &'static str> {
        self.inner.enabled.iter().map(|enabled| enabled.collector.name)
    }

    /// Runs the enabled collectors, or only some of them, on threads of their own. Blocks, at most for
    /// the configured deadline; call it where blocking is allowed.
    pub fn collect(&self, only: Option<&[String]>) -> Families {
        let wanted: Vec<usize> = (0..self.inner.enabled.len())
            .filter(|&at| {
                let name = self.inner.enabled[at].collector.name;
                only.is_none_or(|only| only.iter().any(|wanted| wanted == name))
            })
            .collect();
        let inner = Arc::clone(&self.inner);
        let jobs = wanted.clone();
        let answers = watched::run("node-collector", wanted.len(), inner.patience, move |job| {
            inner.enabled[jobs[job]].run(&inner.host, inner.patience.deadline)
        });
        self.inner.host.end_of_scrape();
        let mut families = Families::default();
        for (at, answer) in wanted.into_iter().zip(answers) {
            let enabled = &self.inner.enabled[at];
            let name = enabled.collector.name;
            let outcome = answer.unwrap_or_else(|| Outcome {
                families: Families::default(),
                took: self.inner.patience.deadline,
                result: Err(CollectError::Other("no answer within the deadline".to_owned())),
            });
            enabled.log(&outcome.result);
            families.merge(outcome.families);
            families.put(&DURATION, &[name], outcome.took.as_secs_f64());
            families.put(&SUCCESS, &[name], f64::from(u8::from(outcome.result.is_ok())));
        }
        let version = env!("CARGO_PKG_VERSION");
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        families.put(&BUILD, &["", arch, std::env::consts::OS, "", "", "stackctl", version], 1.0);
        families
    }

    /// The pages: the exposition at the telemetry path, the landing page at `/`, 404 elsewhere.
    pub fn router(&self) -> Router {
        let mut router = Router::new().route(&self.inner.telemetry_path, get(metrics));
        if self.inner.telemetry_path != "/" {
            router = router.route("/", get(landing));
        }
        router.with_state(self.clone())
    }

    /// Which collectors a query asks for: `None` for all enabled ones.
    fn select(&self, query: Option<&str>) -> Result<Option<Vec<String>>, String> {
        let collect = http::parameters(query, "collect[]");
        let exclude = http::parameters(query, "exclude[]");
        if !collect.is_empty() && !exclude.is_empty() {
            return Err("collect[] and exclude[] cannot be combined".to_owned());
        }
        for name in &collect {
            if !COLLECTORS.iter().any(|collector| collector.name == *name) {
                return Err(format!("there is no collector `{name}`"));
            }
            if !self.enabled().any(|enabled| enabled == name) {
                return Err(format!("collector `{name}` is not enabled"));
            }
        }
        if !collect.is_empty() {
            return Ok(Some(collect));
        }
        if exclude.is_empty() {
            return Ok(None);
        }
        let rest = self.enabled().filter(|name| !exclude.iter().any(|excluded| excluded == name));
        Ok(Some(rest.map(str::to_owned).collect()))
    }
}

async fn metrics(
    State(exporter): State<Exporter>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let scrapes = &exporter.inner.scrapes;
    let _in_flight = match scrapes.begin() {
        Ok(in_flight) => in_flight,
        Err(refused) => return *refused,
    };
    let only = match exporter.select(query.as_deref()) {
        Ok(only) => only,
        Err(reason) => return http::bad_request(reason),
    };
    let worker = exporter.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let families = worker.collect(only.as_deref());
        worker.inner.scrapes.answer(families, &headers)
    });
    answer.await.unwrap_or_else(|err| scrapes.fail(format!("the scrape failed: {err}\n")))
}

async fn landing(State(exporter): State<Exporter>) -> Html<String> {
    let names: Vec<&str> = exporter.enabled().collect();
    let lines = [
        format!("Part of stackctl {}.", env!("CARGO_PKG_VERSION")),
        format!("Collectors: {}.", names.join(", ")),
    ];
    http::landing("Node Exporter", &lines, &[(&exporter.inner.telemetry_path, "Metrics")])
}

struct Outcome {
    families: Families,
    took: Duration,
    result: Result<(), CollectError>,
}

impl Enabled {
    fn run(&self, host: &Host, deadline: Duration) -> Outcome {
        let mut families = Families::default();
        let start = Instant::now();
        let result = match self.gate.enter(deadline) {
            Some(_pass) => (self.collector.collect)(host, &mut families),
            None => Err(CollectError::Hanging),
        };
        Outcome { families, took: start.elapsed(), result }
    }

    /// Says what is wrong once, and once that it is well again.
    fn log(&self, result: &Result<(), CollectError>) {
        let collector = self.collector.name;
        let now = result.as_ref().err().map(ToString::to_string);
        let mut before = self.trouble.lock();
        if *before == now {
            return;
        }
        match result {
            Ok(()) => tracing::info!(collector, "collects again"),
            Err(err) if err.is_no_data() => tracing::debug!(collector, "nothing to show: {err}"),
            Err(err) => tracing::warn!(collector, "failed: {err}"),
        }
        *before = now;
    }
}

/// Whether this process seems to run in a container: by the files that docker and podman leave, and by
/// the variables that Kubernetes and others set.
fn in_container(exists: impl Fn(&str) -> bool, is_set: impl Fn(&str) -> bool) -> bool {
    ["/.dockerenv", "/run/.containerenv"].into_iter().any(exists)
        || ["KUBERNETES_SERVICE_HOST", "container"].into_iter().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(collectors: &[&'static str]) -> Exporter {
        let config = Config {
            collectors: collectors.iter().copied().collect(),
            exporter_metrics: false,
            ..Config::default()
        };
        Exporter::new(&config).expect("well-formed")
    }

    #[test]
    fn a_query_selects_among_the_enabled_collectors() {
        let exporter = exporter(&["cpu", "stat", "time"]);
        assert_eq!(exporter.select(None), Ok(None));
        assert_eq!(exporter.select(Some("collect[]=cpu")), Ok(Some(vec!["cpu".to_owned()])));
        let rest = vec!["stat".to_owned(), "time".to_owned()];
        assert_eq!(exporter.select(Some("exclude[]=cpu")), Ok(Some(rest)));
        assert!(exporter.select(Some("collect[]=cpu&exclude[]=stat")).is_err());
        assert!(exporter.select(Some("collect[]=arp")).is_err());
        assert!(exporter.select(Some("collect[]=nonsense")).is_err());
    }

    #[test]
    fn containers_are_known_by_their_marks() {
        assert!(!in_container(|_| false, |_| false));
        assert!(in_container(|mark| mark == "/run/.containerenv", |_| false));
        assert!(in_container(|_| false, |variable| variable == "KUBERNETES_SERVICE_HOST"));
    }

    #[test]
    fn a_collector_that_fails_costs_only_itself() {
        let config = Config {
            collectors: ["entropy", "loadavg"].into_iter().collect(),
            procfs: std::env::temp_dir().join("stackctl-no-such-folder"),
            ..Config::default()
        };
        let exporter = Exporter::new(&config).expect("well-formed");
        let families = exporter.collect(None);
        let success = families.iter().find(|(name, _)| *name == SUCCESS.name).map(|(_, family)| {
            family.samples.iter().map(|sample| sample.value).collect::<Vec<_>>()
        });
        assert_eq!(success, Some(vec![0.0, 0.0]));
    }
}
