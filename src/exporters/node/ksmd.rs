//! Merging of equal memory pages, from `/sys/kernel/mm/ksm`.

use super::{CollectError, Collector, Families, Host, Metric, Off};

const FULL_SCANS: Metric =
    Metric::counter("node_ksmd_full_scans_total", "How often all mergeable memory was scanned.");
const MERGE_ACROSS: Metric = Metric::gauge(
    "node_ksmd_merge_across_nodes",
    "Whether pages of different NUMA nodes are merged.",
);
const SHARED: Metric = Metric::gauge("node_ksmd_pages_shared", "Merged pages that are in use.");
const SHARING: Metric =
    Metric::gauge("node_ksmd_pages_sharing", "Places that use the merged pages.");
const TO_SCAN: Metric =
    Metric::gauge("node_ksmd_pages_to_scan", "Pages to scan before each pause.");
const UNSHARED: Metric =
    Metric::gauge("node_ksmd_pages_unshared", "Unique pages that are compared again and again.");
const VOLATILE: Metric =
    Metric::gauge("node_ksmd_pages_volatile", "Pages that change too fast to be merged.");
const RUN: Metric = Metric::gauge(
    "node_ksmd_run",
    "Whether pages are merged (1), left as they are (0) or separated (2).",
);
const SLEEP: Metric = Metric::gauge("node_ksmd_sleep_seconds", "Pause between two scans.");

pub(super) const COLLECTOR: Collector = Collector {
    name: "ksmd",
    start: Off,
    metrics: &[FULL_SCANS, MERGE_ACROSS, SHARED, SHARING, TO_SCAN, UNSHARED, VOLATILE, RUN, SLEEP],
    collect,
};

/// File, metric and how many make up its unit.
const FILES: [(&str, Metric, f64); 9] = [
    ("full_scans", FULL_SCANS, 1.0),
    ("merge_across_nodes", MERGE_ACROSS, 1.0),
    ("pages_shared", SHARED, 1.0),
    ("pages_sharing", SHARING, 1.0),
    ("pages_to_scan", TO_SCAN, 1.0),
    ("pages_unshared", UNSHARED, 1.0),
    ("pages_volatile", VOLATILE, 1.0),
    ("run", RUN, 1.0),
    ("sleep_millisecs", SLEEP, 1000.0),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let malformed = CollectError::Malformed("sys/kernel/mm/ksm/run");
    // A kernel without NUMA has no `merge_across_nodes`; without `run` there is nothing at all.
    host.read("sys/kernel/mm/ksm/run")?.trim().parse::<u64>().map_err(|_| malformed)?;
    for (file, metric, unit) in &FILES {
        if let Some(value) = host.number(&format!("sys/kernel/mm/ksm/{file}")) {
            out.put(metric, &[], value / unit);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn what_the_kernel_has_is_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_ksmd_full_scans_total 323\nnode_ksmd_run 1\nnode_ksmd_sleep_seconds 0.02\n"
        );
    }
}
