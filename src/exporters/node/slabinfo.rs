//! The kernel's object caches, from `/proc/slabinfo` (slabinfo(5)); readable by root.

use super::{CollectError, Collector, Families, Host, Metric, Off};

const SLAB: &[&str] = &["slab"];
const ACTIVE: Metric =
    Metric::gauge("node_slabinfo_active_objects", "Objects of a cache that are in use.").with(SLAB);
const OBJECTS: Metric =
    Metric::gauge("node_slabinfo_objects", "Objects of a cache, in use or not.").with(SLAB);
const SIZE: Metric =
    Metric::gauge("node_slabinfo_object_size_bytes", "Size of a cache's objects.").with(SLAB);
const PER_SLAB: Metric =
    Metric::gauge("node_slabinfo_objects_per_slab", "Objects in each slab of a cache.").with(SLAB);
const PAGES: Metric =
    Metric::gauge("node_slabinfo_pages_per_slab", "Pages of each slab of a cache.").with(SLAB);

/// In the order of the columns.
const METRICS: &[Metric] = &[ACTIVE, OBJECTS, SIZE, PER_SLAB, PAGES];

pub(super) const COLLECTOR: Collector =
    Collector { name: "slabinfo", start: Off, metrics: METRICS, collect };

const FILE: &str = "proc/slabinfo";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read(FILE)?;
    // A line with the version and one with the columns go before.
    for line in text.lines().filter(|line| !line.starts_with(['#']) && !line.contains("version:")) {
        let (name, rest) = line.split_once(' ').ok_or(CollectError::Malformed(FILE))?;
        if !host.settings.opt_in.slabs.takes(name) {
            continue;
        }
        let numbers = rest.split(" : ").next().and_then(super::host::numbers);
        let numbers = numbers.filter(|numbers| numbers.len() >= METRICS.len());
        let numbers = numbers.ok_or(CollectError::Malformed(FILE))?;
        for (metric, value) in METRICS.iter().zip(numbers) {
            out.put(metric, &[name], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn caches_are_shown_by_name_and_filtered_both_ways() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_slabinfo_active_objects{slab=\"kmalloc-8192\"} 132\n"));
        assert!(samples.contains("node_slabinfo_pages_per_slab{slab=\"kmalloc-8192\"} 8\n"));
        assert_eq!(samples.lines().count(), 10);
        let host = fixture::host_with(|config| {
            config.opt_in.slabs.include = "k.*".to_owned();
            config.opt_in.slabs.exclude = "8192".to_owned();
        });
        assert_eq!(fixture::samples(&COLLECTOR, &host).lines().count(), 5);
    }
}
