//! `/metrics`: what this server says of itself, under the names of Prometheus where it has them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;

use super::Prometheus;
use super::api::{ApiError, Params, compressed};
use crate::catalogue::{Families, Metric, TEXT_FORMAT, write_text};
use crate::exporters::process;
use crate::rules::GroupStatus;
use crate::storage::StoreStats;

const BUILD_INFO: Metric =
    Metric::gauge("prometheus_build_info", "Always 1; the label names the version.")
        .with(&["version"]);
const READY: Metric = Metric::gauge("prometheus_ready", "1 once queries are answered.");
const RELOAD_SUCCESSFUL: Metric = Metric::gauge(
    "prometheus_config_last_reload_successful",
    "1 if the last attempt to load the configuration succeeded.",
);
const RELOAD_TIME: Metric = Metric::gauge(
    "prometheus_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was loaded.",
);
const QUERIES: Metric = Metric::gauge("prometheus_engine_queries", "Queries that run now.");
const QUERIES_MAX: Metric =
    Metric::gauge("prometheus_engine_queries_concurrent_max", "Most queries that run at once.");
const QUERY_SAMPLES: Metric = Metric::counter(
    "prometheus_engine_query_samples_total",
    "Samples that queries looked at, counted at each step.",
);
const QUERY_SECONDS: Metric = Metric::counter(
    "stackctl_query_seconds_total",
    "Time that queries took on computing threads, writing the answer included.",
);
const QUERY_COUNT: Metric =
    Metric::counter("stackctl_queries_total", "Queries that have ended, well or not.");
const HEAD_SERIES: Metric = Metric::gauge("prometheus_tsdb_head_series", "Series in memory.");
const HEAD_CHUNKS: Metric = Metric::gauge("prometheus_tsdb_head_chunks", "Chunks in memory.");
const HEAD_MIN: Metric =
    Metric::gauge("prometheus_tsdb_head_min_time", "Oldest sample in memory, milliseconds.");
const HEAD_MAX: Metric =
    Metric::gauge("prometheus_tsdb_head_max_time", "Newest sample in memory, milliseconds.");
const HEAD_MIN_SECONDS: Metric =
    Metric::gauge("prometheus_tsdb_head_min_time_seconds", "Oldest sample in memory, seconds.");
const HEAD_MAX_SECONDS: Metric =
    Metric::gauge("prometheus_tsdb_head_max_time_seconds", "Newest sample in memory, seconds.");
const LOWEST: Metric =
    Metric::gauge("prometheus_tsdb_lowest_timestamp", "Oldest sample of all, milliseconds.");
const LOWEST_SECONDS: Metric =
    Metric::gauge("prometheus_tsdb_lowest_timestamp_seconds", "Oldest sample of all, seconds.");
const APPENDED: Metric = Metric::counter(
    "prometheus_tsdb_head_samples_appended_total",
    "Samples taken since the start.",
);
const PARTITIONS: Metric =
    Metric::gauge("prometheus_tsdb_blocks_loaded", "Sealed partitions on disk.");
const DISK_BYTES: Metric =
    Metric::gauge("prometheus_tsdb_storage_blocks_bytes", "Bytes of the sealed partitions.");
const LOG_BYTES: Metric =
    Metric::gauge("prometheus_tsdb_wal_storage_size_bytes", "Bytes of the open window's log.");
const RULE_EVALUATIONS: Metric =
    Metric::counter("prometheus_rule_evaluations_total", "Rules that were evaluated.")
        .with(&["rule_group"]);
const RULE_FAILURES: Metric =
    Metric::counter("prometheus_rule_evaluation_failures_total", "Rule evaluations that failed.")
        .with(&["rule_group"]);
const GROUP_INTERVAL: Metric =
    Metric::gauge("prometheus_rule_group_interval_seconds", "Time between two evaluations.")
        .with(&["rule_group"]);
const GROUP_ITERATIONS: Metric =
    Metric::counter("prometheus_rule_group_iterations_total", "Evaluations, missed ones included.")
        .with(&["rule_group"]);
const GROUP_MISSED: Metric = Metric::counter(
    "prometheus_rule_group_iterations_missed_total",
    "Evaluations that fell out because the one before took too long.",
)
.with(&["rule_group"]);
const GROUP_DURATION: Metric = Metric::gauge(
    "prometheus_rule_group_last_duration_seconds",
    "How long the last evaluation took.",
)
.with(&["rule_group"]);
const GROUP_TIME: Metric = Metric::gauge(
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    "When the last evaluation began.",
)
.with(&["rule_group"]);
const GROUP_SAMPLES: Metric = Metric::gauge(
    "prometheus_rule_group_last_evaluation_samples",
    "Samples that the last evaluation gave.",
)
.with(&["rule_group"]);
const GROUP_RULES: Metric =
    Metric::gauge("prometheus_rule_group_rules", "Rules in the group.").with(&["rule_group"]);
const POOL_TARGETS: Metric =
    Metric::gauge("prometheus_target_scrape_pool_targets", "Targets that are scraped.")
        .with(&["scrape_job"]);
const THREADS: Metric = Metric::gauge("process_threads", "Threads of the process.");

pub(super) async fn metrics(
    State(web): State<Arc<Prometheus>>,
    params: Params,
) -> Result<Response, ApiError> {
    // Figures of the store and of the process come from the disk.
    let task = tokio::task::spawn_blocking(move || {
        let mut families = Families::default();
        gather(&web, &mut families);
        let mut text = String::new();
        write_text(&families, &mut text);
        compressed(text.into_bytes(), TEXT_FORMAT, params.accepts)
    });
    task.await.map_err(|error| {
        crate::promql::QueryError::Execution(format!("cannot gather metrics: {error}")).into()
    })
}

fn gather(web: &Prometheus, out: &mut Families) {
    let loaded = web.loaded();
    let number = |is: bool| if is { 1.0 } else { 0.0 };
    out.put(&BUILD_INFO, &[&web.options.version], 1.0);
    out.put(&READY, &[], number(web.is_ready()));
    out.put(&RELOAD_SUCCESSFUL, &[], number(loaded.reload_successful));
    out.put(&RELOAD_TIME, &[], seconds(loaded.loaded_at));
    out.put(&QUERIES, &[], web.pool.running() as f64);
    out.put(&QUERIES_MAX, &[], web.pool.size() as f64);
    out.put(&QUERY_SAMPLES, &[], web.pool.samples.load(Ordering::Relaxed) as f64);
    let (finished, busy) = web.pool.finished();
    out.put(&QUERY_COUNT, &[], finished as f64);
    out.put(&QUERY_SECONDS, &[], busy);
    web.requests.put(out);
    for group in web.rules.status() {
        put_group(&group, out);
    }
    for pool in (web.targets)() {
        out.put(&POOL_TARGETS, &[&pool.job], pool.active.len() as f64);
    }
    if web.is_ready() {
        put_store(&web.store.stats(0), out);
    }
    process::put(out);
    if let Ok(stat) = procfs::process::Process::myself().and_then(|myself| myself.stat()) {
        out.put(&THREADS, &[], stat.num_threads as f64);
    }
    for add in web.other_metrics() {
        add(out);
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn put_group(group: &GroupStatus, out: &mut Families) {
    // As Prometheus names a group.
    let name = format!("{};{}", group.file, group.name);
    let labels = [name.as_str()];
    out.put(&RULE_EVALUATIONS, &labels, group.evaluations as f64);
    out.put(&RULE_FAILURES, &labels, group.failures as f64);
    out.put(&GROUP_INTERVAL, &labels, group.interval.as_secs_f64());
    out.put(&GROUP_ITERATIONS, &labels, (group.iterations + group.missed) as f64);
    out.put(&GROUP_MISSED, &labels, group.missed as f64);
    out.put(&GROUP_DURATION, &labels, group.evaluation_time.as_secs_f64());
    out.put(&GROUP_TIME, &labels, group.last_evaluation.map_or(0.0, seconds));
    out.put(&GROUP_SAMPLES, &labels, group.samples as f64);
    out.put(&GROUP_RULES, &labels, group.rules.len() as f64);
}

fn put_store(stats: &StoreStats, out: &mut Families) {
    out.put(&HEAD_SERIES, &[], stats.head_series as f64);
    out.put(&HEAD_CHUNKS, &[], stats.head_chunks as f64);
    out.put(&APPENDED, &[], stats.samples_appended as f64);
    out.put(&PARTITIONS, &[], stats.partitions as f64);
    out.put(&DISK_BYTES, &[], stats.disk_bytes.saturating_sub(stats.log_bytes) as f64);
    out.put(&LOG_BYTES, &[], stats.log_bytes as f64);
    for (time, millis, in_seconds) in [
        (stats.head_min_time, HEAD_MIN, HEAD_MIN_SECONDS),
        (stats.head_max_time, HEAD_MAX, HEAD_MAX_SECONDS),
        (stats.min_time, LOWEST, LOWEST_SECONDS),
    ] {
        // A store without samples has no times.
        if let Some(time) = time {
            out.put(&millis, &[], time as f64);
            out.put(&in_seconds, &[], seconds(time));
        }
    }
}
