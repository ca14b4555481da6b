//! Figures of the store's inner life as metrics; those that every store has are in `web::metrics`.

use crate::catalogue::{Families, Metric};
use crate::tsdb::Metrics;

const REJECTED: Metric =
    Metric::counter("stackctl_tsdb_samples_rejected_total", "Samples rejected since the start.");
const KINDS: [&str; 2] = ["float", "histogram"];
const LATE: Metric = Metric::counter(
    "prometheus_tsdb_head_out_of_order_samples_appended_total",
    "Samples stored out of order.",
)
.with(&["type"]);
const REFUSED_LATE: Metric = Metric::counter(
    "prometheus_tsdb_out_of_order_samples_total",
    "Samples rejected for being out of order where none may be.",
)
.with(&["type"]);
const TOO_OLD: Metric = Metric::counter(
    "prometheus_tsdb_too_old_samples_total",
    "Samples rejected for being older than the out-of-order window.",
)
.with(&["type"]);
const RETENTION_SECONDS: Metric = Metric::gauge(
    "prometheus_tsdb_retention_limit_seconds",
    "How long samples are kept; 0 is no limit.",
);
const RETENTION_BYTES: Metric =
    Metric::gauge("prometheus_tsdb_retention_limit_bytes", "Bytes that are kept; 0 is no limit.");
const EXEMPLARS: Metric =
    Metric::gauge("prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars in memory.");
const LOG_SEGMENTS: Metric = Metric::gauge("stackctl_tsdb_log_segments", "Segments of the log.");
const LOG_FAILURES: Metric = Metric::counter(
    "prometheus_tsdb_wal_writes_failed_total",
    "Batches refused because the log could not be written.",
);
const SYNC_FAILURES: Metric =
    Metric::counter("stackctl_tsdb_log_sync_failures_total", "Syncs of the log that failed.");
const SEALED: Metric =
    Metric::counter("stackctl_tsdb_windows_sealed_total", "Windows sealed into partitions.");
const MERGED: Metric =
    Metric::counter("prometheus_tsdb_compactions_total", "Partitions written by merging others.");
const REMOVED: Metric =
    Metric::counter("stackctl_tsdb_partitions_removed_total", "Partitions removed by retention.");
const CACHE_BYTES: Metric =
    Metric::gauge("stackctl_tsdb_cache_bytes", "Bytes of decoded blocks that are kept.");
const DAMAGED: Metric = Metric::counter(
    "stackctl_tsdb_damage_total",
    "Damaged pieces that were found and set aside, by where they were.",
)
.with(&["where"]);

/// Writes the figures.
pub fn expose(figures: &Metrics, out: &mut Families) {
    let Metrics {
        head_series: _,
        samples_appended: _,
        samples_rejected,
        late,
        refused_late,
        too_old,
        exemplars,
        partitions: _,
        partition_bytes: _,
        log_segments,
        log_bytes: _,
        log_failures,
        sync_failures,
        sealed,
        merged,
        removed,
        chunks_decoded: _,
        cache_bytes,
        damaged_partitions,
        damaged_blocks,
        damaged_frames,
        newest: _,
        retention_seconds,
        retention_bytes,
    } = *figures;
    let plain = [
        (&REJECTED, samples_rejected),
        (&EXEMPLARS, exemplars),
        (&LOG_SEGMENTS, log_segments),
        (&LOG_FAILURES, log_failures),
        (&SYNC_FAILURES, sync_failures),
        (&SEALED, sealed),
        (&MERGED, merged),
        (&REMOVED, removed),
        (&CACHE_BYTES, cache_bytes),
        (&RETENTION_SECONDS, retention_seconds),
        (&RETENTION_BYTES, retention_bytes),
    ];
    for (metric, value) in plain {
        out.put(metric, &[], value as f64);
    }
    for (metric, counts) in [(&LATE, late), (&REFUSED_LATE, refused_late), (&TOO_OLD, too_old)] {
        for (kind, count) in KINDS.iter().zip(counts) {
            out.put(metric, &[kind], count as f64);
        }
    }
    let damaged =
        [("partition", damaged_partitions), ("block", damaged_blocks), ("log", damaged_frames)];
    for (place, count) in damaged {
        out.put(&DAMAGED, &[place], count as f64);
    }
}
