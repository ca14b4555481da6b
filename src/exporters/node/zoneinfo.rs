//! Memory zones of each NUMA node, from `/proc/zoneinfo` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const ZONE: &[&str] = &["node", "zone"];

/// The kernel's names, in the order of [`METRICS`].
const NAMES: [&str; 34] = [
    "nr_free_pages",
    "min",
    "low",
    "high",
    "scanned",
    "spanned",
    "present",
    "managed",
    "nr_active_anon",
    "nr_inactive_anon",
    "nr_isolated_anon",
    "nr_anon_pages",
    "nr_anon_transparent_hugepages",
    "nr_active_file",
    "nr_inactive_file",
    "nr_isolated_file",
    "nr_file_pages",
    "nr_slab_reclaimable",
    "nr_slab_unreclaimable",
    "nr_mlock_stack",
    "nr_kernel_stack",
    "nr_mapped",
    "nr_dirty",
    "nr_writeback",
    "nr_unevictable",
    "nr_shmem",
    "nr_dirtied",
    "nr_written",
    "numa_hit",
    "numa_miss",
    "numa_foreign",
    "numa_interleave",
    "numa_local",
    "numa_other",
];

const METRICS: &[Metric] = &[
    Metric::gauge("node_zoneinfo_nr_free_pages", "Free pages of a zone.").with(ZONE),
    Metric::gauge(
        "node_zoneinfo_min_pages",
        "Free pages below which only the kernel's own needs are served.",
    )
    .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_low_pages",
        "Free pages below which pages are reclaimed in the background.",
    )
    .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_high_pages",
        "Free pages above which reclaiming in the background stops.",
    )
    .with(ZONE),
    Metric::gauge("node_zoneinfo_scanned_pages", "Pages scanned since the last reclaim.")
        .with(ZONE),
    Metric::gauge("node_zoneinfo_spanned_pages", "Pages a zone spans, with holes.").with(ZONE),
    Metric::gauge("node_zoneinfo_present_pages", "Pages that are really there in a zone.")
        .with(ZONE),
    Metric::gauge("node_zoneinfo_managed_pages", "Present pages that the allocator manages.")
        .with(ZONE),
    Metric::gauge("node_zoneinfo_nr_active_anon_pages", "Anonymous pages used lately.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_inactive_anon_pages", "Anonymous pages not used lately.")
        .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_isolated_anon_pages",
        "Anonymous pages taken off their list for now.",
    )
    .with(ZONE),
    Metric::gauge("node_zoneinfo_nr_anon_pages", "Anonymous pages in use.").with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_anon_transparent_hugepages",
        "Anonymous transparent huge pages in use.",
    )
    .with(ZONE),
    Metric::gauge("node_zoneinfo_nr_active_file_pages", "Pages of files used lately.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_inactive_file_pages", "Pages of files not used lately.")
        .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_isolated_file_pages",
        "Pages of files taken off their list for now.",
    )
    .with(ZONE),
    Metric::gauge("node_zoneinfo_nr_file_pages", "Pages of files.").with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_slab_reclaimable_pages",
        "Pages of object caches that can be reclaimed.",
    )
    .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_slab_unreclaimable_pages",
        "Pages of object caches that cannot be reclaimed.",
    )
    .with(ZONE),
    Metric::gauge(
        "node_zoneinfo_nr_mlock_stack_pages",
        "Locked pages that were found and moved off their list.",
    )
    .with(ZONE),
    Metric::gauge("node_zoneinfo_nr_kernel_stacks", "Stacks of the kernel.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_mapped_pages", "Pages mapped into processes.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_dirty_pages", "Pages that wait to be written.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_writeback_pages", "Pages that are being written.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_unevictable_pages", "Pages that cannot be evicted.").with(ZONE),
    Metric::gauge("node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs.").with(ZONE),
    Metric::counter("node_zoneinfo_nr_dirtied_total", "Pages that became dirty.").with(ZONE),
    Metric::counter("node_zoneinfo_nr_written_total", "Pages that were written.").with(ZONE),
    Metric::counter("node_zoneinfo_numa_hit_total", "Pages allocated in the node that was meant.")
        .with(ZONE),
    Metric::counter(
        "node_zoneinfo_numa_miss_total",
        "Pages allocated here although another node was meant.",
    )
    .with(ZONE),
    Metric::counter(
        "node_zoneinfo_numa_foreign_total",
        "Pages meant for here and allocated elsewhere.",
    )
    .with(ZONE),
    Metric::counter("node_zoneinfo_numa_interleave_total", "Pages allocated here by interleaving.")
        .with(ZONE),
    Metric::counter("node_zoneinfo_numa_local_total", "Pages allocated by a process on this node.")
        .with(ZONE),
    Metric::counter(
        "node_zoneinfo_numa_other_total",
        "Pages allocated by a process on another node.",
    )
    .with(ZONE),
    PROTECTION,
];

const PROTECTION: Metric = Metric::gauge(
    "node_zoneinfo_protection_",
    "Pages of a zone kept back from allocations that could go to a higher zone.",
)
.with(ZONE)
.open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "zoneinfo", start: Off, metrics: METRICS, collect };

const FILE: &str = "proc/zoneinfo";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let malformed = || CollectError::Malformed(FILE);
    let mut zone = None;
    for line in host.read(FILE)?.lines() {
        if let Some(rest) = line.strip_prefix("Node ") {
            let (node, name) = rest.split_once(", zone").ok_or_else(malformed)?;
            zone = Some((node.to_owned(), name.trim().to_owned()));
            continue;
        }
        let (node, name) = zone.as_ref().ok_or_else(malformed)?;
        let line = line.trim();
        let (field, value) = line.split_once(' ').unwrap_or((line, ""));
        if field == "protection:" {
            let values = value.trim().trim_matches(['(', ')']).split(", ");
            for (at, value) in values.filter(|value| !value.is_empty()).enumerate() {
                let value = value.parse().map_err(|_| malformed())?;
                let labels = [("node", node.as_str()), ("zone", name.as_str())];
                let metric = format!("{}{at}", PROTECTION.name);
                out.put_dynamic(&metric, MetricType::Gauge, PROTECTION.help, labels, value);
            }
        } else if let Some(at) = NAMES.iter().position(|known| *known == field) {
            let value = value.trim().parse().map_err(|_| malformed())?;
            out.put(&METRICS[at], &[node, name], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn zones_show_what_they_have() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains(
            "node_zoneinfo_nr_active_anon_pages{node=\"0\",zone=\"DMA\"} 1.175853e+06\n"
        ));
        assert!(samples.contains("node_zoneinfo_high_pages{node=\"0\",zone=\"DMA\"} 14\n"));
        assert!(samples.contains("node_zoneinfo_protection_1{node=\"0\",zone=\"DMA\"} 2039\n"));
        assert!(samples.contains("node_zoneinfo_numa_hit_total{node=\"1\",zone=\"Normal\"} 3\n"));
        assert_eq!(samples.lines().count(), 7, "{samples}");
        assert_eq!(METRICS.len(), NAMES.len() + 1);
    }
}
