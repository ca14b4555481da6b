//! How many requests were answered, how fast, and how long the answers were.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::catalogue::{Families, Metric, write_go_float};
use crate::model::MetricType;

const SECONDS: [f64; 9] = [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];
const BYTES: [f64; 8] = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const REQUESTS: Metric =
    Metric::counter("prometheus_http_requests_total", "HTTP requests that were answered.")
        .with(&["handler", "code"]);

/// Counts of all handlers.
#[derive(Default)]
pub(super) struct Requests(Mutex<BTreeMap<String, Handler>>);

#[derive(Default)]
struct Handler {
    codes: BTreeMap<u16, u64>,
    seconds: Distribution<9>,
    bytes: Distribution<8>,
}

struct Distribution<const N: usize> {
    buckets: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Distribution<N> {
    fn default() -> Self {
        Self { buckets: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Distribution<N> {
    fn observe(&mut self, bounds: &[f64; N], value: f64) {
        self.count += 1;
        self.sum += value;
        for (bucket, bound) in self.buckets.iter_mut().zip(bounds) {
            *bucket += u64::from(value <= *bound);
        }
    }

    fn put(&self, out: &mut Families, name: &str, help: &str, bounds: &[f64; N], handler: &str) {
        let mut put = |suffix, labels: &[(&str, &str)], value| {
            out.put_part(name, MetricType::Histogram, help, suffix, labels.iter().copied(), value);
        };
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            let mut le = String::new();
            write_go_float(&mut le, *bound);
            put("_bucket", &[("handler", handler), ("le", &le)], *bucket as f64);
        }
        put("_bucket", &[("handler", handler), ("le", "+Inf")], self.count as f64);
        put("_sum", &[("handler", handler)], self.sum);
        put("_count", &[("handler", handler)], self.count as f64);
    }
}

impl Requests {
    /// Counts one answer; `bytes` is `None` where the length is not known beforehand.
    pub fn count(&self, handler: &str, code: u16, took: Duration, bytes: Option<u64>) {
        let mut handlers = self.0.lock();
        if !handlers.contains_key(handler) {
            handlers.insert(handler.to_owned(), Handler::default());
        }
        let entry = handlers.get_mut(handler).expect("it was just put there");
        *entry.codes.entry(code).or_default() += 1;
        entry.seconds.observe(&SECONDS, took.as_secs_f64());
        if let Some(bytes) = bytes {
            entry.bytes.observe(&BYTES, bytes as f64);
        }
    }

    /// Adds the metrics.
    pub fn put(&self, out: &mut Families) {
        for (name, handler) in &*self.0.lock() {
            for (code, count) in &handler.codes {
                out.put(&REQUESTS, &[name, &code.to_string()], *count as f64);
            }
            handler.seconds.put(
                out,
                "prometheus_http_request_duration_seconds",
                "Time until the answer to an HTTP request was ready.",
                &SECONDS,
                name,
            );
            handler.bytes.put(
                out,
                "prometheus_http_response_size_bytes",
                "Length of the bodies of HTTP answers.",
                &BYTES,
                name,
            );
        }
    }
}
