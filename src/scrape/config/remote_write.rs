//! `remote_write`, settled.

use std::time::Duration;

use super::super::relabel::Rule;
use crate::model::PromDuration;
use crate::wire::prometheus as wire;

/// How samples are written to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// A receiver of samples, with Prometheus' defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteWrite {
    /// Name in metrics and logs; empty where nobody gave one.
    pub name: String,
    /// Where requests go.
    pub url: String,
    /// Longest time of a request.
    pub timeout: Duration,
    /// Authentication, TLS, redirects, headers; file paths absolute.
    pub http: wire::HttpClient,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Relabelling of series.
    pub relabel: Vec<Rule>,
    /// The message.
    pub protocol: Protocol,
    /// Whether exemplars are sent.
    pub exemplars: bool,
    /// Whether native histograms are sent.
    pub histograms: bool,
    /// Samples that a shard reads ahead.
    pub capacity: usize,
    /// Fewest shards.
    pub min_shards: usize,
    /// Most shards.
    pub max_shards: usize,
    /// Most samples of a request.
    pub max_samples: usize,
    /// Longest time that a sample waits for others.
    pub deadline: Duration,
    /// First wait after a failure.
    pub min_backoff: Duration,
    /// Longest wait after a failure.
    pub max_backoff: Duration,
    /// Whether 429 is tried again.
    pub retry_429: bool,
    /// Older samples are left out; zero is no limit.
    pub age_limit: Duration,
    /// Time between two reports of metadata; `None` sends none.
    pub metadata: Option<Duration>,
    /// Most families of one of them.
    pub max_metadata: usize,
    /// A way of signing in that this program does not have.
    pub unsupported: Option<&'static str>,
}

impl RemoteWrite {
    /// From what was written; `http` and `relabel` are its settled parts.
    pub(super) fn new(
        written: &wire::RemoteWrite,
        http: wire::HttpClient,
        relabel: Vec<Rule>,
    ) -> Result<Self, String> {
        let queue = written.queue_config.clone().unwrap_or_default();
        let metadata = written.metadata_config.clone().unwrap_or_default();
        let protocol = match written.protobuf_message.as_deref() {
            None | Some("" | "prometheus.WriteRequest") => Protocol::V1,
            Some("io.prometheus.write.v2.Request") => Protocol::V2,
            Some(other) => {
                return Err(format!("unknown remote write protobuf message {other}"));
            }
        };
        let time = |written: Option<PromDuration>, millis| {
            written.map_or(Duration::from_millis(millis), Duration::from)
        };
        let count = |written: Option<u64>, usual: usize| match written {
            Some(count) if count > 0 => usize::try_from(count).unwrap_or(usize::MAX),
            _ => usual,
        };
        let min_shards = count(queue.min_shards, 1);
        let send_metadata = metadata.send.unwrap_or(true);
        let every = time(metadata.send_interval, 60_000);
        Ok(Self {
            name: written.name.clone().unwrap_or_default(),
            url: written.url.clone(),
            timeout: time(written.remote_timeout, 30_000),
            http,
            headers: written.headers.clone().into_iter().collect(),
            relabel,
            protocol,
            exemplars: written.send_exemplars.unwrap_or(false),
            histograms: written.send_native_histograms.unwrap_or(protocol == Protocol::V2),
            capacity: count(queue.capacity, 10_000),
            min_shards,
            max_shards: count(queue.max_shards, 50).max(min_shards),
            max_samples: count(queue.max_samples_per_send, 2000),
            deadline: time(queue.batch_send_deadline, 5000),
            min_backoff: time(queue.min_backoff, 30),
            max_backoff: time(queue.max_backoff, 5000),
            retry_429: queue.retry_on_http_429.unwrap_or(true),
            age_limit: time(queue.sample_age_limit, 0),
            metadata: (send_metadata && !every.is_zero()).then_some(every),
            max_metadata: count(metadata.max_samples_per_send, 2000),
            unsupported: [
                ("sigv4", written.sigv4.is_some()),
                ("azuread", written.azuread.is_some()),
                ("google_iam", written.google_iam.is_some()),
            ]
            .into_iter()
            .find_map(|(name, given)| given.then_some(name)),
        })
    }
}
