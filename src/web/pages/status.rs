//! `/config` and `/status`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::{Value, context};

use super::{render, show_bytes, show_count, show_time};
use crate::web::Prometheus;

/// Rows of each table of names and counts.
const TOP: usize = 10;

pub(super) async fn config(State(web): State<Arc<Prometheus>>) -> Response {
    let loaded = web.loaded();
    let context = context! {
        yaml => &loaded.config_yaml,
        loaded_at => show_time(Some(loaded.loaded_at)),
        reload_successful => loaded.reload_successful,
    };
    render(&web, "config.html", "/config", context)
}

pub(super) async fn status(State(web): State<Arc<Prometheus>>) -> Response {
    let store = Arc::clone(&web.store);
    let stats = tokio::task::spawn_blocking(move || store.stats(TOP)).await.unwrap_or_default();
    let loaded = web.loaded();
    let row = |name: &str, value: String| (name.to_owned(), value);
    let mut process = vec![
        row("Version", web.options.version.clone()),
        row("Started", show_time(Some(web.started_at))),
        row("Working directory", web.working_dir.display().to_string()),
        row("Configuration loaded", show_time(Some(loaded.loaded_at))),
        row(
            "Last reload",
            if loaded.reload_successful { "succeeded" } else { "failed" }.to_owned(),
        ),
    ];
    let retention = &loaded.retention;
    if !retention.is_empty() {
        process.push(row("Samples are kept", retention.clone()));
    }
    process.extend(web.alertmanagers().active.into_iter().map(|url| row("Alertmanager", url)));
    let storage = vec![
        row("Series in memory", show_count(stats.head_series)),
        row("Chunks in memory", show_count(stats.head_chunks)),
        row("Label pairs in memory", show_count(stats.head_label_pairs)),
        row("Oldest sample in memory", show_time(stats.head_min_time)),
        row("Newest sample in memory", show_time(stats.head_max_time)),
        row("Oldest sample of all", show_time(stats.min_time)),
        row("Samples taken since the start", show_count(stats.samples_appended)),
        row("Sealed partitions", show_count(stats.partitions)),
        row("On disk", show_bytes(stats.disk_bytes)),
        row("Log of the open window", show_bytes(stats.log_bytes)),
    ];
    let counts = |entries: &[(String, u64)], show: fn(u64) -> String| -> Vec<(String, String)> {
        entries.iter().take(TOP).map(|(name, count)| (name.clone(), show(*count))).collect()
    };
    let flags: Vec<_> = web
        .options
        .flags
        .iter()
        .map(|(name, value)| row(&format!("--{name}"), value.clone()))
        .collect();
    let sections: Vec<Value> = [
        ("Process", process),
        ("Storage", storage),
        ("Metrics with the most series", counts(&stats.series_by_metric, show_count)),
        ("Labels with the most values", counts(&stats.values_by_label, show_count)),
        ("Labels with the longest values together", counts(&stats.bytes_by_label, show_bytes)),
        ("Label pairs on the most series", counts(&stats.series_by_pair, show_count)),
        ("Flags", flags),
    ]
    .into_iter()
    .map(|(title, rows)| context! { title => title, rows => rows })
    .collect();
    render(&web, "status.html", "/status", context! { sections => sections })
}
