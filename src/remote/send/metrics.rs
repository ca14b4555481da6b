//! `prometheus_remote_storage_…` of what is sent.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::catalogue::{Families, Metric};
use crate::model::MetricType;

const QUEUE: &[&str] = &["remote_name", "url"];
const REASON: &[&str] = &["reason", "remote_name", "url"];

/// Kinds of what is sent; the families are named alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Samples,
    Histograms,
    Exemplars,
    Metadata,
}

/// The families of a kind: what was sent, failed, was sent again, waits.
const KINDS: [(Metric, Metric, Metric); 4] = [
    (
        Metric::counter("prometheus_remote_storage_samples_total", "Samples sent.").with(QUEUE),
        Metric::counter("prometheus_remote_storage_samples_failed_total", "Samples not taken.")
            .with(QUEUE),
        Metric::counter("prometheus_remote_storage_samples_retried_total", "Samples sent again.")
            .with(QUEUE),
    ),
    (
        Metric::counter("prometheus_remote_storage_histograms_total", "Histograms sent.")
            .with(QUEUE),
        Metric::counter(
            "prometheus_remote_storage_histograms_failed_total",
            "Histograms not taken.",
        )
        .with(QUEUE),
        Metric::counter(
            "prometheus_remote_storage_histograms_retried_total",
            "Histograms sent again.",
        )
        .with(QUEUE),
    ),
    (
        Metric::counter("prometheus_remote_storage_exemplars_total", "Exemplars sent.").with(QUEUE),
        Metric::counter("prometheus_remote_storage_exemplars_failed_total", "Exemplars not taken.")
            .with(QUEUE),
        Metric::counter(
            "prometheus_remote_storage_exemplars_retried_total",
            "Exemplars sent again.",
        )
        .with(QUEUE),
    ),
    (
        Metric::counter("prometheus_remote_storage_metadata_total", "Metadata sent.").with(QUEUE),
        Metric::counter("prometheus_remote_storage_metadata_failed_total", "Metadata not taken.")
            .with(QUEUE),
        Metric::counter("prometheus_remote_storage_metadata_retried_total", "Metadata sent again.")
            .with(QUEUE),
    ),
];
const DROPPED: Metric =
    Metric::counter("prometheus_remote_storage_samples_dropped_total", "Samples left out.")
        .with(REASON);
const PENDING: Metric =
    Metric::gauge("prometheus_remote_storage_samples_pending", "Samples that wait.").with(QUEUE);
const BYTES: Metric =
    Metric::counter("prometheus_remote_storage_bytes_total", "Bytes sent.").with(QUEUE);
const SHARDS: Metric = Metric::gauge("prometheus_remote_storage_shards", "Senders.").with(QUEUE);
const SHARDS_DESIRED: Metric =
    Metric::gauge("prometheus_remote_storage_shards_desired", "Senders wanted.").with(QUEUE);
const SHARDS_MAX: Metric =
    Metric::gauge("prometheus_remote_storage_shards_max", "Most senders.").with(QUEUE);
const SHARDS_MIN: Metric =
    Metric::gauge("prometheus_remote_storage_shards_min", "Fewest senders.").with(QUEUE);
const HIGHEST_SENT: Metric = Metric::gauge(
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
    "Newest sample sent.",
)
.with(QUEUE);
pub(super) const HIGHEST: Metric = Metric::gauge(
    "prometheus_remote_storage_highest_timestamp_in_seconds",
    "Newest sample to be sent.",
);
pub(super) const HELD: Metric = Metric::gauge(
    "stackctl_remote_storage_held_bytes",
    "Bytes of segments of the log that only receivers still need.",
);
pub(super) const SHORTENED: Metric = Metric::counter(
    "stackctl_remote_storage_segments_dropped_total",
    "Segments of the log removed before a receiver had them, for want of room.",
);
const DURATION: &str = "prometheus_remote_storage_sent_batch_duration_seconds";
const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0];

/// Why rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `write_relabel_configs` drop the series.
    Relabelled,
    /// Older than `sample_age_limit`.
    TooOld,
    /// Only a damaged frame named the series.
    Unknown,
}

const REASONS: [(Reason, &str); 3] = [
    (Reason::Relabelled, "dropped_series"),
    (Reason::TooOld, "too_old"),
    (Reason::Unknown, "unintentionally_dropped_series"),
];

/// See the module.
#[derive(Debug, Default)]
pub struct Counters {
    sent: [AtomicU64; 4],
    failed: [AtomicU64; 4],
    retried: [AtomicU64; 4],
    dropped: [AtomicU64; 3],
    bytes: AtomicU64,
    pub pending: AtomicU64,
    pub shards: AtomicU64,
    pub desired: AtomicU64,
    highest: AtomicI64,
    /// Requests by time, those beyond the last bound too, and the sum of all.
    durations: Mutex<([u64; BOUNDS.len() + 1], f64)>,
}

impl Counters {
    /// Counts a request that was taken.
    pub fn sent(&self, kinds: &[Kind], bytes: usize, took: Duration, newest: i64) {
        count(&self.sent, kinds);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.highest.fetch_max(newest, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let mut durations = self.durations.lock();
        durations.0[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        durations.1 += seconds;
    }

    /// Counts a request that the receiver refused for good.
    pub fn failed(&self, kinds: &[Kind]) {
        count(&self.failed, kinds);
    }

    /// Counts a request that is sent again.
    pub fn retried(&self, kinds: &[Kind]) {
        count(&self.retried, kinds);
    }

    /// Counts rows that are left out.
    pub fn dropped(&self, reason: Reason, rows: usize) {
        self.dropped[reason as usize].fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Writes the figures of a receiver.
    pub fn expose(&self, queue: [&str; 2], shards: (usize, usize), out: &mut Families) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        for (at, (sent, failed, retried)) in KINDS.iter().enumerate() {
            out.put(sent, &queue, load(&self.sent[at]));
            out.put(failed, &queue, load(&self.failed[at]));
            out.put(retried, &queue, load(&self.retried[at]));
        }
        for (reason, word) in REASONS {
            let labels = [word, queue[0], queue[1]];
            out.put(&DROPPED, &labels, load(&self.dropped[reason as usize]));
        }
        out.put(&PENDING, &queue, load(&self.pending));
        out.put(&BYTES, &queue, load(&self.bytes));
        out.put(&SHARDS, &queue, load(&self.shards));
        out.put(&SHARDS_DESIRED, &queue, load(&self.desired));
        out.put(&SHARDS_MIN, &queue, shards.0 as f64);
        out.put(&SHARDS_MAX, &queue, shards.1 as f64);
        let highest = self.highest.load(Ordering::Relaxed) as f64 / 1000.0;
        out.put(&HIGHEST_SENT, &queue, highest);
        let (buckets, sum) = *self.durations.lock();
        let mut part = |suffix, bound: Option<&str>, value| {
            let labels = [("remote_name", queue[0]), ("url", queue[1])];
            let labels = labels.into_iter().chain(bound.map(|bound| ("le", bound)));
            let help = "Time that requests took.";
            out.put_part(DURATION, MetricType::Histogram, help, suffix, labels, value);
        };
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&buckets) {
            below += count;
            part("_bucket", Some(&bound.to_string()), below as f64);
        }
        let all = buckets.iter().sum::<u64>() as f64;
        part("_bucket", Some("+Inf"), all);
        part("_sum", None, sum);
        part("_count", None, all);
    }
}

fn count(counters: &[AtomicU64; 4], kinds: &[Kind]) {
    for kind in kinds {
        counters[*kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}
