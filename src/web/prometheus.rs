//! What the API and the pages show: handles to the engines, filled in by who starts them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use regex::Regex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::measure::Requests;
use super::pool::Pool;
use crate::catalogue::Families;
use crate::model::{Labels, Timestamp, now};
use crate::notify::Addresses;
use crate::promql::QueryOptions;
use crate::remote;
use crate::rules;
use crate::scrape::PoolStatus;
use crate::storage::Select;

/// Gives the state of all scrape pools.
pub type TargetsFn = dyn Fn() -> Vec<PoolStatus> + Send + Sync;
/// Reads the configuration again; the error is what the user sees.
pub type ReloadFn =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;
/// Gives the addresses of the Alertmanagers.
pub type AlertmanagersFn = dyn Fn() -> Addresses + Send + Sync;
/// Adds the metrics of another part to `/metrics`.
pub type MetricsFn = dyn Fn(&mut Families) + Send + Sync;

/// Settings that last as long as the process.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--web.external-url`: where users reach this server, without a slash at the end.
    pub external_url: String,
    /// `--web.route-prefix`: `/`, or a path without a slash at its end.
    pub route_prefix: String,
    /// `--web.page-title`
    pub page_title: String,
    /// `--web.cors.origin`: anchored; origins that may read answers in browsers.
    pub cors_origin: Regex,
    /// `--web.enable-lifecycle`
    pub enable_lifecycle: bool,
    /// `--query.max-concurrency`
    pub max_concurrency: usize,
    /// `--query.timeout`
    pub query_timeout: Duration,
    /// `--query.max-samples`
    pub max_samples: u64,
    /// `--query.lookback-delta`
    pub lookback: Duration,
    /// Version that `buildinfo` names; clients judge features by it.
    pub version: String,
    /// All flags by name without dashes, as they are in force.
    pub flags: BTreeMap<String, String>,
    /// `--storage.remote.read-sample-limit` and `--storage.remote.read-max-bytes-in-frame`
    pub remote_read: remote::ReadLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            external_url: String::new(),
            route_prefix: "/".to_owned(),
            page_title: "stackctl".to_owned(),
            cors_origin: Regex::new("^(?:.*)$").expect("the pattern is constant"),
            enable_lifecycle: false,
            max_concurrency: 20,
            query_timeout: Duration::from_secs(120),
            max_samples: 50_000_000,
            lookback: Duration::from_secs(300),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            flags: BTreeMap::new(),
            remote_read: remote::ReadLimits::default(),
        }
    }
}

/// What a reload may change.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration in force, secrets hidden.
    pub config_yaml: String,
    /// Labels of this server.
    pub external_labels: Labels,
    /// Step of subqueries that name none.
    pub evaluation_interval: Duration,
    /// Whether the last attempt to load succeeded.
    pub reload_successful: bool,
    /// When the configuration in force was loaded.
    pub loaded_at: Timestamp,
    /// How long samples are kept, in words: `15d`; empty if that is unknown.
    pub retention: String,
}

impl Default for Loaded {
    fn default() -> Self {
        Self {
            config_yaml: String::new(),
            external_labels: Labels::empty(),
            evaluation_interval: Duration::from_secs(60),
            reload_successful: true,
            loaded_at: now(),
            retention: String::new(),
        }
    }
}

/// Remote write requests that are read at once.
const CONCURRENT_WRITES: usize = 16;

/// What takes samples by remote write.
pub(super) struct WriteReceiver {
    pub receiver: remote::Receiver,
    pub turns: Semaphore,
}

/// The state behind all handlers of the monitoring server.
pub struct Prometheus {
    /// Samples.
    pub store: Arc<dyn Select>,
    /// Rule groups.
    pub rules: Arc<rules::Manager>,
    /// Scrape pools and their targets.
    pub targets: Arc<TargetsFn>,
    /// Settings.
    pub options: Options,
    /// Where the process was started, for `runtimeinfo`.
    pub working_dir: PathBuf,
    /// When this part was started.
    pub started_at: Timestamp,
    /// Cancelled by `/-/quit`.
    pub quit: CancellationToken,
    reload: Option<Arc<ReloadFn>>,
    receiver: Option<Arc<WriteReceiver>>,
    alertmanagers: Option<Arc<AlertmanagersFn>>,
    metrics: Vec<Arc<MetricsFn>>,
    loaded: RwLock<Arc<Loaded>>,
    ready: AtomicBool,
    pub(super) pool: Arc<Pool>,
    pub(super) requests: Requests,
}

impl Prometheus {
    /// A state that is not ready yet; see [`Self::set_ready`].
    pub fn new(
        store: Arc<dyn Select>,
        rules: Arc<rules::Manager>,
        targets: Arc<TargetsFn>,
        options: Options,
    ) -> Self {
        Self {
            store,
            rules,
            targets,
            pool: Arc::new(Pool::new(options.max_concurrency)),
            options,
            working_dir: std::env::current_dir().unwrap_or_default(),
            started_at: now(),
            quit: CancellationToken::new(),
            reload: None,
            receiver: None,
            alertmanagers: None,
            metrics: Vec::new(),
            loaded: RwLock::default(),
            ready: AtomicBool::new(false),
            requests: Requests::default(),
        }
    }

    /// What `/-/reload` does.
    pub fn on_reload(mut self, reload: Arc<ReloadFn>) -> Self {
        self.reload = Some(reload);
        self
    }

    /// Takes samples by remote write.
    pub fn with_receiver(mut self, receiver: remote::Receiver) -> Self {
        let turns = Semaphore::new(CONCURRENT_WRITES);
        self.receiver = Some(Arc::new(WriteReceiver { receiver, turns }));
        self
    }

    /// Who is told of alerts.
    pub fn with_alertmanagers(mut self, alertmanagers: Arc<AlertmanagersFn>) -> Self {
        self.alertmanagers = Some(alertmanagers);
        self
    }

    /// Adds metrics of another part to `/metrics`.
    pub fn with_metrics(mut self, metrics: Arc<MetricsFn>) -> Self {
        self.metrics.push(metrics);
        self
    }

    /// Tells of a configuration that is now in force.
    pub fn set_loaded(&self, loaded: Loaded) {
        *self.loaded.write() = Arc::new(loaded);
    }

    /// Tells that a reload failed; what was in force stays.
    pub fn set_reload_failed(&self) {
        let mut loaded = self.loaded.write();
        *loaded = Arc::new(Loaded { reload_successful: false, ..(**loaded).clone() });
    }

    /// The configuration in force.
    pub fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read())
    }

    /// Until this is called with `true` every answer but `/-/healthy` is 503.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether queries are answered.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn reload(&self) -> Option<&Arc<ReloadFn>> {
        self.reload.as_ref()
    }

    pub(super) fn receiver(&self) -> Option<&Arc<WriteReceiver>> {
        self.receiver.as_ref()
    }

    pub(super) fn alertmanagers(&self) -> Addresses {
        self.alertmanagers.as_ref().map_or_else(Addresses::default, |addresses| addresses())
    }

    pub(super) fn other_metrics(&self) -> &[Arc<MetricsFn>] {
        &self.metrics
    }

    /// Options of a query without its own deadline.
    pub(super) fn query_options(&self, text: &str) -> QueryOptions {
        QueryOptions {
            lookback: self.options.lookback,
            default_step: self.loaded().evaluation_interval,
            max_samples: self.options.max_samples,
            text: Arc::from(text),
            ..QueryOptions::default()
        }
    }

    /// The path that all pages and endpoints are under, without a slash at the end.
    pub(super) fn prefix(&self) -> &str {
        self.options.route_prefix.trim_end_matches('/')
    }
}
