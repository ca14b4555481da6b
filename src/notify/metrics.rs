//! `prometheus_notifications_…`: what became of the alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::catalogue::{Families, Metric};
use crate::model::MetricType;

const SENT: Metric =
    Metric::counter("prometheus_notifications_sent_total", "Alerts that were sent, taken or not.")
        .with(&["alertmanager"]);
const ERRORS: Metric = Metric::counter(
    "prometheus_notifications_errors_total",
    "Alerts that were sent and not taken.",
)
.with(&["alertmanager"]);
const DROPPED: Metric = Metric::counter(
    "prometheus_notifications_dropped_total",
    "Alerts that no Alertmanager took, or for which the queue had no room.",
);
const LENGTH: Metric =
    Metric::gauge("prometheus_notifications_queue_length", "Alerts that wait to be sent.");
const CAPACITY: Metric =
    Metric::gauge("prometheus_notifications_queue_capacity", "Alerts that may wait to be sent.");
const DISCOVERED: Metric = Metric::gauge(
    "prometheus_notifications_alertmanagers_discovered",
    "Alertmanagers that alerts are sent to.",
);
/// A summary without quantiles.
const LATENCY: &str = "prometheus_notifications_latency_seconds";

#[derive(Debug, Clone, Default)]
struct Tally {
    sent: usize,
    errors: usize,
    requests: u64,
    seconds: f64,
    /// Why the last request failed.
    failure: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Counters {
    dropped: Mutex<u64>,
    by_url: Mutex<BTreeMap<String, Tally>>,
}

impl Counters {
    /// Counts alerts that nobody gets.
    pub fn lose(&self, alerts: usize) {
        *self.dropped.lock() += alerts as u64;
    }

    /// Counts a request; returns why the one before failed.
    pub fn sent(
        &self,
        url: &str,
        alerts: usize,
        took: Duration,
        failure: Option<String>,
    ) -> Option<String> {
        let mut by_url = self.by_url.lock();
        let tally = by_url.entry(url.to_owned()).or_default();
        tally.sent += alerts;
        tally.errors += if failure.is_some() { alerts } else { 0 };
        tally.requests += 1;
        tally.seconds += took.as_secs_f64();
        std::mem::replace(&mut tally.failure, failure)
    }

    /// Writes the figures; those of an Alertmanager begin at 0 when it is found.
    pub fn expose(&self, known: &[String], waiting: usize, capacity: usize, out: &mut Families) {
        let by_url = self.by_url.lock();
        for url in known {
            let Tally { sent, errors, requests, seconds, .. } =
                by_url.get(url).cloned().unwrap_or_default();
            out.put(&SENT, &[url], sent as f64);
            out.put(&ERRORS, &[url], errors as f64);
            for (suffix, value) in [("_sum", seconds), ("_count", requests as f64)] {
                let help = "Time that requests took.";
                let labels = [("alertmanager", url.as_str())];
                out.put_part(LATENCY, MetricType::Summary, help, suffix, labels, value);
            }
        }
        out.put(&DROPPED, &[], *self.dropped.lock() as f64);
        out.put(&LENGTH, &[], waiting as f64);
        out.put(&CAPACITY, &[], capacity as f64);
        out.put(&DISCOVERED, &[], known.len() as f64);
    }
}
