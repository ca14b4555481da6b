//! ZFS, from the statistics of its kernel module in `/proc/spl/kstat/zfs`. What they count the module
//! does not say, so that they have no type.

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const STATISTIC: Metric =
    Metric::untyped("node_zfs_", "A statistic of ZFS, as its kernel module names it.").open();
const STATE: Metric = Metric::gauge("node_zfs_zpool_state", "Whether a pool is in a state.")
    .with(&["state", "zpool"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "zfs", start: On, metrics: &[STATE, STATISTIC], collect };

/// Files of the whole module, and what their statistics are called after.
const FILES: [(&str, &str); 11] = [
    ("abd", "abdstats"),
    ("arc", "arcstats"),
    ("dbuf", "dbufstats"),
    ("dmu_tx", "dmu_tx"),
    ("dnode", "dnodestats"),
    ("fm", "fm"),
    ("vdev_cache", "vdev_cache_stats"),
    ("vdev_mirror", "vdev_mirror_stats"),
    ("xuio", "xuio_stats"),
    ("zfetch", "zfetchstats"),
    ("zil", "zil"),
];
const STATES: [&str; 7] =
    ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

const FOLDER: &str = "proc/spl/kstat/zfs";
const MALFORMED: CollectError = CollectError::Malformed(FOLDER);

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let entries = host.list(FOLDER)?;
    for (subsystem, file) in FILES {
        // Each came with some version, and some went with another.
        let Some(text) = host.read_if_any(&format!("{FOLDER}/{file}"))? else { continue };
        for (name, kind, value) in table(&text)? {
            if matches!(kind, "3" | "4") {
                put(out, subsystem, name, &[], value)?;
            }
        }
    }
    for pool in entries {
        let path = format!("{FOLDER}/{pool}");
        if let Some(text) = host.read_if_any(&format!("{path}/io"))? {
            io(&pool, &text, out)?;
        }
        for file in host.list_if_any(&path, "objset-")? {
            let Some(text) = host.read_if_any(&format!("{path}/{file}"))? else { continue };
            dataset(&pool, &text, out)?;
        }
        if let Some(text) = host.read_if_any(&format!("{path}/state"))? {
            let now = text.lines().next().unwrap_or_default().trim().to_ascii_lowercase();
            for state in STATES {
                out.put(&STATE, &[state, &pool], f64::from(u8::from(now == state)));
            }
        }
    }
    Ok(())
}

/// Rows of name, kind and value behind the header `name type data`; a value may contain blanks.
fn table(text: &str) -> Result<impl Iterator<Item = (&str, &str, &str)>, CollectError> {
    let mut lines = text.lines();
    lines
        .by_ref()
        .find(|line| line.split_ascii_whitespace().eq(["name", "type", "data"]))
        .ok_or(MALFORMED)?;
    Ok(lines.filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let (kind, value) = rest.trim_start().split_once(' ')?;
        Some((name, kind, value.trim()))
    }))
}

/// Requests of a pool: a line of names and one of values behind a line of its own.
fn io(pool: &str, text: &str, out: &mut Families) -> Result<(), CollectError> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("nread"));
    let names = lines.next().ok_or(MALFORMED)?.split_ascii_whitespace();
    let values = lines.next().ok_or(MALFORMED)?.split_ascii_whitespace();
    for (name, value) in names.zip(values) {
        put(out, "zpool", name, &[("zpool", pool)], value)?;
    }
    Ok(())
}

fn dataset(pool: &str, text: &str, out: &mut Families) -> Result<(), CollectError> {
    let mut dataset = "";
    for (name, kind, value) in table(text)? {
        if name == "dataset_name" {
            dataset = value;
        } else if kind == "4" {
            let labels = [("dataset", dataset), ("zpool", pool)];
            put(out, "zpool_dataset", name, &labels, value)?;
        }
    }
    Ok(())
}

fn put(
    out: &mut Families,
    subsystem: &str,
    name: &str,
    labels: &[(&str, &str)],
    value: &str,
) -> Result<(), CollectError> {
    let value = value.parse().map_err(|_| MALFORMED)?;
    let name = format!("{}{subsystem}_{}", STATISTIC.name, name.replace('-', "_"));
    let labels = labels.iter().copied();
    out.put_dynamic(&name, MetricType::Unknown, STATISTIC.help, labels, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn statistics_pools_and_datasets_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for line in [
            "node_zfs_arc_hits 8.772612e+06\n",
            "node_zfs_arc_memory_available_bytes -10\n",
            "node_zfs_fm_erpt_dropped 18\n",
            "node_zfs_zpool_nread{zpool=\"pool1\"} 1.88416e+06\n",
            "node_zfs_zpool_dataset_nread{dataset=\"pool1/with  blanks\",zpool=\"pool1\"} 28\n",
            "node_zfs_zpool_state{state=\"degraded\",zpool=\"pool1\"} 1\n",
            "node_zfs_zpool_state{state=\"online\",zpool=\"pool1\"} 0\n",
        ] {
            assert!(samples.contains(line), "{line} in {samples}");
        }
        assert!(!samples.contains("arc_text"), "{samples}");
    }
}
