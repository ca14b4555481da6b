//! Evaluation over decoded columns: what a query costs per series, without disk and JSON.

use std::sync::LazyLock;
use std::time::Duration;

use divan::Bencher;
use stackctl::model::Labels;
use stackctl::promql::{self, QueryOptions};
use stackctl::storage::{Append, Batch, FloatRow, MemoryStore};

fn main() {
    divan::main();
}

const STEP: i64 = 15_000;

/// 10,000 series in 100 jobs with 241 samples each: one hour.
static STORE: LazyLock<MemoryStore> = LazyLock::new(|| {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for index in 0..10_000 {
        let (job, instance) = ((index % 100).to_string(), index.to_string());
        let labels = Labels::from_pairs([
            ("__name__", "requests_total"),
            ("job", job.as_str()),
            ("instance", instance.as_str()),
        ]);
        let series = store.register(&labels).expect("a memory store takes any series");
        for at in 0..=240 {
            let value = (at * (index % 7 + 1)) as f64;
            batch.floats.push(FloatRow { series, time: at * STEP, start_time: 0, value });
        }
    }
    store.append(&batch).expect("a memory store takes any batch");
    store
});

fn instant(bencher: Bencher, query: &str) {
    let expr = promql::parse(query).expect("valid PromQL");
    let options = QueryOptions::default();
    bencher.bench(|| promql::instant(&*STORE, &expr, 240 * STEP, &options).expect("an answer"));
}

/// One hour in steps of 15 seconds.
fn range(bencher: Bencher, query: &str) {
    let expr = promql::parse(query).expect("valid PromQL");
    let options = QueryOptions::default();
    let step = Duration::from_millis(STEP.unsigned_abs());
    bencher
        .bench(|| promql::range(&*STORE, &expr, 0, 240 * STEP, step, &options).expect("an answer"));
}

#[divan::bench]
fn selector_10k(bencher: Bencher) {
    instant(bencher, "requests_total");
}

#[divan::bench]
fn sum_by_job_10k(bencher: Bencher) {
    instant(bencher, "sum by (job) (requests_total)");
}

#[divan::bench]
fn rate_10k(bencher: Bencher) {
    instant(bencher, "rate(requests_total[5m])");
}

#[divan::bench]
fn ratio_10k(bencher: Bencher) {
    instant(bencher, "requests_total / requests_total");
}

#[divan::bench]
fn rate_over_one_column(bencher: Bencher) {
    range(bencher, r#"rate(requests_total{instance="77"}[5m])"#);
}

#[divan::bench(sample_count = 10)]
fn sum_by_job_of_rate_10k_series_241_steps(bencher: Bencher) {
    range(bencher, "sum by (job) (rate(requests_total[5m]))");
}

#[divan::bench(sample_count = 10)]
fn max_over_time_10k_series_241_steps(bencher: Bencher) {
    range(bencher, "max(max_over_time(requests_total[5m]))");
}
