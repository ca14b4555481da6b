//! Figures of the store's inner life as metrics; those that every store has are in `web::metrics`.

use crate::catalogue::{Families, Metric};
use crate::tsdb::Metrics;

const REJECTED: Metric =
    Metric::counter("stackctl_tsdb_samples_rejected_total", "Samples rejected since the start.");
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
    ];
    for (metric, value) in plain {
        out.put(metric, &[], value as f64);
    }
    let damaged =
        [("partition", damaged_partitions), ("block", damaged_blocks), ("log", damaged_frames)];
    for (place, count) in damaged {
        out.put(&DAMAGED, &[place], count as f64);
    }
}
