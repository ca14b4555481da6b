//! Connection tracking of the packet filter: how full the table is, from
//! `/proc/sys/net/netfilter/nf_conntrack_*`, and events, from `/proc/net/stat/nf_conntrack`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const ENTRIES: Metric =
    Metric::gauge("node_nf_conntrack_entries", "Connections that are tracked right now.");
const LIMIT: Metric =
    Metric::gauge("node_nf_conntrack_entries_limit", "Connections that can be tracked at most.");
const FOUND: Metric =
    Metric::gauge("node_nf_conntrack_stat_found", "Lookups that found a tracked connection.");
const INVALID: Metric =
    Metric::gauge("node_nf_conntrack_stat_invalid", "Packets that cannot be tracked.");
const IGNORE: Metric = Metric::gauge(
    "node_nf_conntrack_stat_ignore",
    "Packets that are tracked already or not to be tracked.",
);
const INSERT: Metric =
    Metric::gauge("node_nf_conntrack_stat_insert", "Connections put into the table.");
const INSERT_FAILED: Metric = Metric::gauge(
    "node_nf_conntrack_stat_insert_failed",
    "Connections that could not be put into the table, mostly because they were there.",
);
const DROP: Metric =
    Metric::gauge("node_nf_conntrack_stat_drop", "Packets dropped because tracking failed.");
const EARLY_DROP: Metric = Metric::gauge(
    "node_nf_conntrack_stat_early_drop",
    "Connections dropped to make room in a full table.",
);
const SEARCH_RESTART: Metric = Metric::gauge(
    "node_nf_conntrack_stat_search_restart",
    "Lookups begun anew because the table was being resized.",
);

/// Metrics of `/proc/net/stat/nf_conntrack` by the name of their column.
const COLUMNS: [(&str, Metric); 8] = [
    ("found", FOUND),
    ("invalid", INVALID),
    ("ignore", IGNORE),
    ("insert", INSERT),
    ("insert_failed", INSERT_FAILED),
    ("drop", DROP),
    ("early_drop", EARLY_DROP),
    ("search_restart", SEARCH_RESTART),
];

pub(super) const COLLECTOR: Collector = Collector {
    name: "conntrack",
    start: On,
    metrics: &[
        ENTRIES,
        LIMIT,
        FOUND,
        INVALID,
        IGNORE,
        INSERT,
        INSERT_FAILED,
        DROP,
        EARLY_DROP,
        SEARCH_RESTART,
    ],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for (metric, path) in [
        (&ENTRIES, "proc/sys/net/netfilter/nf_conntrack_count"),
        (&LIMIT, "proc/sys/net/netfilter/nf_conntrack_max"),
    ] {
        let text = host.read(path)?;
        let value = text.trim().parse().map_err(|_| CollectError::Malformed("nf_conntrack_*"))?;
        out.put(metric, &[], value);
    }
    let text = host.read("proc/net/stat/nf_conntrack")?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    // One line per CPU, in hexadecimal.
    let mut sums = vec![0_u64; names.len()];
    for line in lines {
        for (sum, field) in sums.iter_mut().zip(line.split_ascii_whitespace()) {
            let value = u64::from_str_radix(field, 16);
            *sum += value.map_err(|_| CollectError::Malformed("proc/net/stat/nf_conntrack"))?;
        }
    }
    for (name, metric) in &COLUMNS {
        // A column the kernel no longer has counts as nothing happened.
        let at = names.iter().position(|known| known == name);
        out.put(metric, &[], at.map_or(0, |at| sums[at]) as f64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_lines_of_all_cpus_are_summed() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_nf_conntrack_entries 123\n"));
        assert!(samples.contains("node_nf_conntrack_stat_ignore 19\n"), "{samples}");
        assert!(samples.contains("node_nf_conntrack_stat_search_restart 3\n"), "{samples}");
    }
}
