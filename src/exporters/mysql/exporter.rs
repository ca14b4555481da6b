//! Scrapes servers and answers over HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use parking_lot::{Mutex, RwLock};

use super::my_cnf::{ConfigError, Login, Sections};
use super::queries::{self, Query};
use super::scrape::{Done, Job, Scraped, scrape};
use super::server::Reach;
use super::share::Shared;
use super::{COLLECTORS, Collector, Config};
use crate::catalogue::{Families, Metric};
use crate::exporters::http::{self, Scrapes};

const UP: Metric = Metric::gauge("mysql_up", "Whether the server could be asked.");
const DURATION: Metric = Metric::gauge(
    "mysql_exporter_collector_duration_seconds",
    "How long the connection or a collector took in this scrape.",
)
.with(&["collector"]);
const SUCCESS: Metric = Metric::gauge(
    "mysql_exporter_collector_success",
    "Whether a collector could show what it is there for.",
)
.with(&["collector"]);
const SCRAPES: Metric =
    Metric::counter("mysql_exporter_scrapes_total", "How often the server was scraped.");
const ERRORS: Metric = Metric::counter(
    "mysql_exporter_scrape_errors_total",
    "How often the connection or a collector failed.",
)
.with(&["collector"]);
const LAST_ERROR: Metric = Metric::gauge(
    "mysql_exporter_last_scrape_error",
    "Whether something failed in this scrape; the reason is in the log and on the first page.",
);
const BUILD: Metric =
    Metric::gauge("mysqld_exporter_build_info", "Which build of the exporter this is; always 1.")
        .with(&["branch", "goarch", "goos", "goversion", "revision", "tags", "version"]);
const LOADED: Metric = Metric::gauge(
    "mysqld_exporter_config_last_reload_successful",
    "Whether the option file could be read the last time.",
);
const LOADED_AT: Metric = Metric::gauge(
    "mysqld_exporter_config_last_reload_success_timestamp_seconds",
    "When the option file was last read, in Unix time.",
);

pub(super) const METRICS: &[Metric] =
    &[UP, DURATION, SUCCESS, SCRAPES, ERRORS, LAST_ERROR, BUILD, LOADED, LOADED_AT];

/// How many probed servers' troubles are remembered for the log.
const REMEMBERED: usize = 1000;

/// A running MySQL exporter.
#[derive(Debug, Clone)]
pub struct Exporter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    enabled: Vec<&'static Collector>,
    loaded: RwLock<Loaded>,
    scrapes: Scrapes,
    count: AtomicU64,
    /// Scrapes under way, by server, section and collectors.
    shared: Shared<Families>,
    errors: Mutex<BTreeMap<String, u64>>,
    /// What failed last, by server, so that the log tells changes and not every scrape.
    troubles: Mutex<BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Loaded {
    sections: Sections,
    queries: Arc<[Query]>,
    well: bool,
    at: f64,
    /// State of the files when they were read.
    files: Files,
}

/// When the option file and that of the queries changed last, and their sizes.
type Files = [Option<(SystemTime, u64)>; 2];

fn files(config: &Config) -> Files {
    let state = |path: &Path| {
        let known = path.metadata().ok()?;
        Some((known.modified().ok()?, known.len()))
    };
    [state(&config.my_cnf), config.queries.as_deref().and_then(state)]
}

impl Loaded {
    fn read(config: &Config) -> Result<Self, ConfigError> {
        let files = files(config);
        let sections = config.read_my_cnf()?;
        config.login(&sections, "client")?;
        let queries = match &config.queries {
            Some(path) => queries::read(path)?.into(),
            None => Arc::default(),
        };
        Ok(Self { sections, queries, well: true, at: now(), files })
    }
}

impl Exporter {
    /// Makes an exporter. Fails when the option file cannot be read, when no user is named, or when
    /// the password's file is missing; the server itself may be away.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let loaded = Loaded::read(config)?;
        let enabled = COLLECTORS
            .iter()
            .filter(|collector| config.collectors.contains(collector.name))
            .collect();
        let inner = Inner {
            config: config.clone(),
            enabled,
            loaded: RwLock::new(loaded),
            scrapes: Scrapes::new(0, true),
            count: AtomicU64::new(0),
            shared: Shared::default(),
            errors: Mutex::default(),
            troubles: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Scrapes the configured server with the enabled collectors, or only some of them.
    pub async fn collect(&self, only: &[String], deadline: Duration) -> Families {
        self.read_again_if_changed();
        let mut families = match self.login("client") {
            Ok(login) => self.scrape("client", &login, only, deadline).await,
            Err(err) => {
                // The password's file may have gone since the start.
                self.log("", Some(err.to_string()));
                let mut families = Families::default();
                families.put(&UP, &[], 0.0);
                families.put(&LAST_ERROR, &[], 1.0);
                families
            }
        };
        let count = self.inner.count.fetch_add(1, Ordering::Relaxed) + 1;
        families.put(&SCRAPES, &[], count as f64);
        for (collector, count) in &*self.inner.errors.lock() {
            families.put(&ERRORS, &[collector], *count as f64);
        }
        let loaded = self.inner.loaded.read();
        families.put(&LOADED, &[], f64::from(u8::from(loaded.well)));
        families.put(&LOADED_AT, &[], loaded.at);
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let version = env!("CARGO_PKG_VERSION");
        families.put(&BUILD, &["", arch, std::env::consts::OS, "", "", "stackctl", version], 1.0);
        families
    }

    /// What is wrong with the configured server; `None` when the last scrape went well.
    pub fn trouble(&self) -> Option<String> {
        let target = self.login("client").map(|login| login.target()).unwrap_or_default();
        self.inner.troubles.lock().get(&target).cloned()
    }

    /// The pages: the exposition, `/probe` for other servers, `/-/reload`, the landing page at `/`.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route(&self.inner.config.serving.telemetry_path, get(metrics))
            .route("/probe", get(probe))
            .route("/-/reload", get(reload).post(reload));
        if self.inner.config.serving.telemetry_path != "/" {
            router = router.route("/", get(landing));
        }
        router.with_state(self.clone())
    }

    /// Reads the option file and the queries again; what is wrong leaves those that were read before.
    fn read_again(&self) -> Result<(), ConfigError> {
        let read = Loaded::read(&self.inner.config);
        let mut loaded = self.inner.loaded.write();
        match read {
            Ok(read) => {
                *loaded = read;
                Ok(())
            }
            Err(err) => {
                loaded.well = false;
                loaded.files = files(&self.inner.config);
                tracing::warn!("the configuration was not read again: {err}");
                Err(err)
            }
        }
    }

    fn read_again_if_changed(&self) {
        let known = self.inner.loaded.read().files;
        if known != files(&self.inner.config) && self.read_again().is_ok() {
            tracing::info!("the configuration has changed and was read again");
        }
    }

    fn login(&self, section: &str) -> Result<Login, ConfigError> {
        self.inner.config.login(&self.inner.loaded.read().sections, section)
    }

    /// Collectors and queries that are enabled and asked for; those of a request that names none of
    /// them are all.
    fn select<'a>(&self, queries: &'a [Query], only: &[String]) -> Vec<Job<'a>> {
        let collectors = self.inner.enabled.iter().copied().map(Job::Collector);
        let all: Vec<Job<'a>> = collectors.chain(queries.iter().map(Job::Query)).collect();
        let chosen = all.iter().copied().filter(|job| only.contains(&job.name()));
        let chosen: Vec<Job<'a>> = if only.is_empty() { Vec::new() } else { chosen.collect() };
        if chosen.is_empty() { all } else { chosen }
    }

    /// One scrape, or the share in another's that asks the same.
    async fn scrape(
        &self,
        section: &str,
        login: &Login,
        only: &[String],
        deadline: Duration,
    ) -> Families {
        let queries = Arc::clone(&self.inner.loaded.read().queries);
        let jobs = self.select(&queries, only);
        let names: Vec<String> = jobs.iter().map(Job::name).collect();
        let question = format!("{} {section} {}", login.target(), names.join(","));
        let scraping = |left| self.scrape_alone(login, &jobs, left);
        self.inner.shared.ask(&question, deadline, scraping).await
    }

    async fn scrape_alone(&self, login: &Login, jobs: &[Job<'_>], left: Duration) -> Families {
        let mut out = Families::default();
        let target = login.target();
        let config = &self.inner.config;
        let reach = Reach::new(login, config);
        let Scraped { connected, done, lost } =
            scrape(jobs, &reach, config, Instant::now() + left).await;
        let took = match connected {
            Ok(took) => took,
            Err(reason) => {
                self.failed("connection");
                self.log(&target, Some(reason));
                out.put(&UP, &[], 0.0);
                out.put(&LAST_ERROR, &[], 1.0);
                return out;
            }
        };
        out.put(&UP, &[], 1.0);
        out.put(&DURATION, &["connection"], took.as_secs_f64());
        let mut trouble: Vec<String> = lost.into_iter().collect();
        for Done { name, took, outcome } in done {
            let label = format!("collect.{name}");
            out.put(&DURATION, &[&label], took.as_secs_f64());
            out.put(&SUCCESS, &[&label], f64::from(u8::from(outcome.is_ok())));
            match outcome {
                Ok(families) => out.merge(families),
                Err(reason) => {
                    self.failed(&label);
                    trouble.extend(reason.map(|reason| format!("{name}: {reason}")));
                }
            }
        }
        trouble.sort_unstable();
        out.put(&LAST_ERROR, &[], f64::from(u8::from(!trouble.is_empty())));
        self.log(&target, (!trouble.is_empty()).then(|| trouble.join("; ")));
        out
    }

    fn failed(&self, what: &str) {
        *self.inner.errors.lock().entry(what.to_owned()).or_default() += 1;
    }

    /// Says what is wrong once, and once that it is well again.
    fn log(&self, target: &str, trouble: Option<String>) {
        let mut troubles = self.inner.troubles.lock();
        match trouble {
            Some(trouble) => {
                if troubles.get(target) != Some(&trouble) {
                    tracing::warn!(%target, "scraping the server failed: {trouble}");
                    if troubles.len() >= REMEMBERED {
                        troubles.clear();
                    }
                    troubles.insert(target.to_owned(), trouble);
                }
            }
            None => {
                if troubles.remove(target).is_some() {
                    tracing::info!(%target, "the server answers again");
                }
            }
        }
    }

    /// How long a scrape may take: as long as the scraper waits, less the offset.
    fn deadline(&self, headers: &HeaderMap) -> Duration {
        let config = &self.inner.config;
        let waits = headers
            .get("x-prometheus-scrape-timeout-seconds")
            .and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
        waits
            .map(|waits| waits - config.timeout_offset)
            .filter(|seconds| *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(config.deadline)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
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
    let only = http::parameters(query.as_deref(), "collect[]");
    let families = exporter.collect(&only, exporter.deadline(&headers)).await;
    scrapes.answer(families, &headers)
}

async fn probe(
    State(exporter): State<Exporter>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parameter = |name| http::parameters(query.as_deref(), name).into_iter().next();
    let Some(target) = parameter("target").filter(|target| !target.is_empty()) else {
        return http::bad_request("target is required");
    };
    exporter.read_again_if_changed();
    let section = parameter("auth_module").unwrap_or_else(|| "client".to_owned());
    let login = match exporter.login(&section).and_then(|login| login.at(&target)) {
        Ok(login) => login,
        Err(err) => return http::bad_request(err.to_string()),
    };
    let only = http::parameters(query.as_deref(), "collect[]");
    let families = exporter.scrape(&section, &login, &only, exporter.deadline(&headers)).await;
    http::page(&families, &headers).0
}

async fn reload(State(exporter): State<Exporter>) -> Response {
    match exporter.read_again() {
        Ok(()) => "ok".into_response(),
        Err(err) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response(),
    }
}

async fn landing(State(exporter): State<Exporter>) -> Html<String> {
    let target = exporter.login("client").map(|login| login.target()).unwrap_or_default();
    let names: Vec<&str> = exporter.inner.enabled.iter().map(|collector| collector.name).collect();
    let state = match exporter.trouble() {
        Some(trouble) => format!("The last scrape of {target} failed: {trouble}."),
        None if exporter.inner.count.load(Ordering::Relaxed) == 0 => {
            format!("{target} has not been scraped yet.")
        }
        None => format!("The last scrape of {target} went well."),
    };
    let lines = [
        format!("Part of stackctl {}.", env!("CARGO_PKG_VERSION")),
        state,
        format!("Collectors: {}.", names.join(", ")),
    ];
    let path = &exporter.inner.config.serving.telemetry_path;
    http::landing("MySQL Exporter", &lines, &[(path, "Metrics")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::Start;

    fn exporter() -> Exporter {
        let config = Config {
            my_cnf: "".into(),
            user: "exporter".into(),
            // Port 1 is nobody's.
            address: "127.0.0.1:1".into(),
            ..Config::default()
        };
        Exporter::new(&config).expect("complete")
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_down_with_a_reason() {
        let exporter = exporter();
        let families = exporter.collect(&[], Duration::from_secs(5)).await;
        let value = |name: &str| {
            let family = families.iter().find(|(known, _)| *known == name);
            family.map(|(_, family)| family.samples[0].value)
        };
        assert_eq!(value("mysql_up"), Some(0.0));
        assert_eq!(value("mysql_exporter_last_scrape_error"), Some(1.0));
        assert_eq!(value("mysql_exporter_scrapes_total"), Some(1.0));
        assert_eq!(value("mysql_exporter_collector_success"), None);
        assert!(exporter.trouble().is_some_and(|trouble| !trouble.is_empty()));
    }

    #[test]
    fn a_request_that_names_no_enabled_collector_gets_all() {
        let exporter = exporter();
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            exporter.select(&[], &only).len()
        };
        let running = COLLECTORS.iter().filter(|collector| collector.start == Start::On).count();
        assert_eq!(names(&["global_status"]), 1);
        assert_eq!(names(&["nonsense"]), running);
        assert_eq!(names(&["heartbeat"]), running, "it is not enabled");
        assert_eq!(names(&[]), running);
    }

    #[test]
    fn the_scraper_says_how_long_it_waits() {
        let exporter = exporter();
        let mut headers = HeaderMap::new();
        assert_eq!(exporter.deadline(&headers), Duration::from_secs(10));
        for (value, expected) in [("5", 4.75), ("0.1", 10.0), ("nonsense", 10.0), ("-3", 10.0)] {
            headers.insert(
                "x-prometheus-scrape-timeout-seconds",
                value.parse().expect("a header value"),
            );
            assert_eq!(exporter.deadline(&headers).as_secs_f64(), expected, "{value}");
        }
    }
}
