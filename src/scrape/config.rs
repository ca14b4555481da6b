//! prometheus.yml, read, checked as Prometheus checks it, and settled: defaults applied, paths
//! absolute, relabelling compiled.

mod check;
mod load;
mod remote;
mod remote_write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use load::{ConfigError, Locate, explain, load, load_located, settle};
pub use remote_write::{Protocol, RemoteWrite};

use super::relabel::Rule;
use super::text::Format;
use crate::model::Labels;
use crate::wire::prometheus as wire;

/// The settled file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Jobs in the order of the file, those of `scrape_config_files` after them.
    pub jobs: Vec<Job>,
    /// Default time between two scrapes.
    pub scrape_interval: Duration,
    /// Time between two evaluations of a rule group that does not say.
    pub evaluation_interval: Duration,
    /// How far in the past rules are evaluated.
    pub rule_query_offset: Duration,
    /// Added to what leaves the server; environment variables are expanded.
    pub external_labels: Labels,
    /// Absolute paths or globs of rule files.
    pub rule_files: Vec<PathBuf>,
    /// Who is told of alerts.
    pub alerting: Alerting,
    /// Who gets a copy of every sample.
    pub remote_write: Vec<RemoteWrite>,
    /// Everything as it was written, the jobs of `scrape_config_files` included.
    pub written: wire::Config,
}

impl Config {
    /// The file as the configuration page shows it: defaults of the global section and of the jobs
    /// filled in, secrets hidden.
    pub fn to_yaml(&self) -> String {
        let mut shown = self.written.redact();
        let global = &mut shown.global;
        global.scrape_interval = Some(self.scrape_interval.into());
        global.evaluation_interval = Some(self.evaluation_interval.into());
        global.scrape_timeout =
            Some(global.scrape_timeout.unwrap_or(DEFAULT_TIMEOUT.min(self.scrape_interval).into()));
        for (scrape, job) in shown.scrape_configs.iter_mut().zip(&self.jobs) {
            scrape.scrape_interval = Some(job.interval.into());
            scrape.scrape_timeout = Some(job.timeout.into());
            scrape.metrics_path = Some(job.metrics_path.clone());
            scrape.scheme = Some(job.scheme);
            scrape.honor_timestamps = Some(job.honor_timestamps);
            scrape.enable_compression = Some(job.enable_compression.unwrap_or(true));
            scrape.follow_redirects = Some(job.http.follow_redirects.unwrap_or(true));
        }
        serde_yaml::to_string(&shown).unwrap_or_default()
    }
}

/// Prometheus' default for `scrape_interval` and `evaluation_interval`.
pub(super) const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// Prometheus' default for `scrape_timeout`.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// One scrape configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique name.
    pub name: String,
    /// Time between two scrapes.
    pub interval: Duration,
    /// Longest time of a scrape, at most the interval.
    pub timeout: Duration,
    /// Formats to ask for, best first.
    pub protocols: Vec<wire::ScrapeProtocol>,
    /// Format of a page without a usable Content-Type.
    pub fallback_format: Option<Format>,
    /// Path of the page.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: wire::Scheme,
    /// Query parameters.
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are used.
    pub honor_timestamps: bool,
    /// Whether series with their own timestamps get stale markers.
    pub track_timestamps_staleness: bool,
    /// Whether gzip is asked for; unsaid, it is where the page comes over a network.
    pub enable_compression: Option<bool>,
    /// Whether `scrape_timeout_seconds` and its like are stored as well.
    pub extra_scrape_metrics: bool,
    /// Whether names must be letters, digits and underscores.
    pub legacy_names: bool,
    /// What a scrape may bring.
    pub limits: Limits,
    /// Authentication, TLS, redirects, headers; file paths absolute.
    pub http: wire::HttpClient,
    /// Where targets come from.
    pub discovery: Discovery,
    /// Relabelling of targets.
    pub relabel: Vec<Rule>,
    /// Relabelling of samples.
    pub metric_relabel: Vec<Rule>,
}

/// Who is told of alerts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerting {
    /// Relabelling of alerts before they are queued.
    pub relabel: Vec<Rule>,
    /// Groups of Alertmanagers in the order of the file.
    pub managers: Vec<Alertmanagers>,
}

/// Alertmanagers that are found, and told, in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Alertmanagers {
    /// `http` or `https`.
    pub scheme: wire::Scheme,
    /// Path of the endpoint: the prefix and `/api/v2/alerts`.
    pub path: String,
    /// Longest time of a request.
    pub timeout: Duration,
    /// Authentication, TLS, redirects, headers; file paths absolute.
    pub http: wire::HttpClient,
    /// Where their addresses come from.
    pub discovery: Discovery,
    /// Relabelling of their addresses.
    pub relabel: Vec<Rule>,
    /// Relabelling of alerts for this group.
    pub alert_relabel: Vec<Rule>,
}

/// What a scrape may bring; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of the body after decompression.
    pub body_size: u64,
    /// Samples after relabelling.
    pub samples: u64,
    /// Targets of the job.
    pub targets: u64,
    /// Labels of a sample.
    pub labels: u64,
    /// Bytes of a label name.
    pub label_name_length: u64,
    /// Bytes of a label value.
    pub label_value_length: u64,
    /// Dropped targets that are remembered.
    pub keep_dropped_targets: u64,
}

/// Where targets come from; file paths absolute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Discovery {
    /// Written down.
    pub fixed: Vec<wire::StaticConfig>,
    /// In files.
    pub file: Vec<wire::FileSd>,
    /// Over HTTP.
    pub http: Vec<wire::HttpSd>,
    /// From DNS.
    pub dns: Vec<wire::DnsSd>,
}
