//! Disks cached by faster ones, from `/sys/fs/bcache` (bcache in the kernel's documentation).

use super::host::Folder;
use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

const SET: &[&str] = &["uuid"];
const BACKING: &[&str] = &["backing_device", "uuid"];
const CACHE: &[&str] = &["cache_device", "uuid"];

/// File, and its unit.
type Row = (Metric, (&'static str, f64));

const fn row(metric: Metric, file: &'static str) -> Row {
    (metric, (file, 1.0))
}

const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric::gauge(name, help).with(labels)
}

const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    Metric::counter(name, help).with(labels)
}

/// Of a cache set.
#[rustfmt::skip] // one metric a line
const SETS: [Row; 10] = [
    row(gauge("node_bcache_average_key_size_sectors", "Average data of a key in the tree.", SET), "average_key_size"),
    row(gauge("node_bcache_btree_cache_size_bytes", "Memory the tree's cache uses.", SET), "btree_cache_size"),
    row(gauge("node_bcache_cache_available_percent", "How much of the cache is not dirty.", SET), "cache_available_percent"),
    row(gauge("node_bcache_congested", "Whether the cache is congested.", SET), "congested"),
    row(gauge("node_bcache_root_usage_percent", "How full the tree's root is.", SET), "root_usage_percent"),
    row(gauge("node_bcache_tree_depth", "Depth of the tree.", SET), "tree_depth"),
    row(gauge("node_bcache_active_journal_entries", "Journal entries newer than the tree.", SET), "internal/active_journal_entries"),
    row(gauge("node_bcache_btree_nodes", "Nodes of the tree.", SET), "internal/btree_nodes"),
    (gauge("node_bcache_btree_read_average_duration_seconds", "How long reading the tree takes.", SET), ("internal/btree_read_average_duration_us", 1e-9)),
    row(counter("node_bcache_cache_read_races_total", "Reads whose data was gone when they ended.", SET), "internal/cache_read_races"),
];

/// Of a disk that is cached.
#[rustfmt::skip] // one metric a line
const BACKINGS: [Row; 8] = [
    row(gauge("node_bcache_dirty_data_bytes", "Data in the cache that the disk does not have yet.", BACKING), "dirty_data"),
    row(counter("node_bcache_bypassed_bytes_total", "Data that went past the cache.", BACKING), "stats_total/bypassed"),
    row(counter("node_bcache_cache_hits_total", "Requests the cache had the data for.", BACKING), "stats_total/cache_hits"),
    row(counter("node_bcache_cache_misses_total", "Requests the cache did not have the data for.", BACKING), "stats_total/cache_misses"),
    row(counter("node_bcache_cache_bypass_hits_total", "Requests past the cache that it had the data for.", BACKING), "stats_total/cache_bypass_hits"),
    row(counter("node_bcache_cache_bypass_misses_total", "Requests past the cache that it had no data for.", BACKING), "stats_total/cache_bypass_misses"),
    row(counter("node_bcache_cache_miss_collisions_total", "Misses whose data a write had brought meanwhile.", BACKING), "stats_total/cache_miss_collisions"),
    row(counter("node_bcache_cache_readaheads_total", "How often was read ahead.", BACKING), "stats_total/cache_readaheads"),
];

/// How fast dirty data is written back; by the line of `writeback_rate_debug`.
#[rustfmt::skip] // one metric a line
const WRITEBACK: [Row; 5] = [
    row(gauge("node_bcache_writeback_rate", "Rate of writing back, in bytes a second.", BACKING), "rate:"),
    row(gauge("node_bcache_dirty_target_bytes", "Dirty data that is aimed at.", BACKING), "target:"),
    row(gauge("node_bcache_writeback_rate_proportional_term", "Part of the rate that follows the dirty data.", BACKING), "proportional:"),
    row(gauge("node_bcache_writeback_rate_integral_term", "Part of the rate that follows its history.", BACKING), "integral:"),
    row(gauge("node_bcache_writeback_change", "Last change of the rate.", BACKING), "change:"),
];

/// Of a disk that caches.
#[rustfmt::skip] // one metric a line
const CACHES: [Row; 3] = [
    row(gauge("node_bcache_io_errors", "Errors of late; they are forgotten with time.", CACHE), "io_errors"),
    row(counter("node_bcache_metadata_written_bytes_total", "Written that is not data.", CACHE), "metadata_written"),
    row(counter("node_bcache_written_bytes_total", "Data written to the cache.", CACHE), "written"),
];

/// By the line of `priority_stats`, which is expensive to read.
#[rustfmt::skip] // one metric a line
const PRIORITIES: [Row; 2] = [
    row(gauge("node_bcache_priority_stats_unused_percent", "How much of the cache holds no data.", CACHE), "Unused:"),
    row(gauge("node_bcache_priority_stats_metadata_percent", "How much of the cache is not data.", CACHE), "Metadata:"),
];

const OF_BACKINGS: [Metric; 13] = joined(&declared(&BACKINGS), &declared(&WRITEBACK));
const OF_CACHES: [Metric; 5] = joined(&declared(&CACHES), &declared(&PRIORITIES));
const OF_DISKS: [Metric; 18] = joined(&OF_BACKINGS, &OF_CACHES);

pub(super) const COLLECTOR: Collector = Collector {
    name: "bcache",
    start: On,
    metrics: &joined::<10, 18, 28>(&declared(&SETS), &OF_DISKS),
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const FOLDER: &str = "sys/fs/bcache";
    for uuid in host.list_if_any(FOLDER, "")? {
        // Beside the sets there are files.
        let path = format!("{FOLDER}/{uuid}");
        let Some(folder) = host.folder(&path).filter(|_| uuid.contains('-')) else { continue };
        files(&folder, &SETS, &[&uuid], out);
        for name in host.list_if_any(&path, "")? {
            let numbered = |prefix: &str| {
                name.strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            let labels = [&*name, &*uuid];
            if numbered("bdev") {
                let Some(folder) = host.folder(&format!("{path}/{name}")) else { continue };
                files(&folder, &BACKINGS, &labels, out);
                lines(&folder, "writeback_rate_debug", &WRITEBACK, &labels, out);
            } else if numbered("cache") {
                let Some(folder) = host.folder(&format!("{path}/{name}")) else { continue };
                files(&folder, &CACHES, &labels, out);
                if host.settings.bcache_priorities {
                    lines(&folder, "priority_stats", &PRIORITIES, &labels, out);
                }
            }
        }
    }
    Ok(())
}

fn files(folder: &Folder, rows: &[Row], labels: &[&str], out: &mut Families) {
    for (metric, (file, unit)) in rows {
        if let Some(value) = folder.line(file).and_then(|text| number(&text)) {
            out.put(metric, labels, value * unit);
        }
    }
}

fn lines(folder: &Folder, file: &str, rows: &[Row], labels: &[&str], out: &mut Families) {
    let Some(text) = folder.text(file) else { return };
    for (metric, (name, unit)) in rows {
        let field = text.lines().find_map(|line| line.strip_prefix(name));
        let value = field.and_then(|field| {
            let field = field.trim();
            number(field.strip_suffix("/sec").or(field.strip_suffix('%')).unwrap_or(field))
        });
        if let Some(value) = value {
            out.put(metric, labels, value * unit);
        }
    }
}

/// A number as the driver writes it: `20.4G`. What stands behind the point counts 1024ths, divided by
/// 100 for show, so that `.10` is more than `.9`.
fn number(text: &str) -> Option<f64> {
    const UNITS: &str = "kMGTPEZY";
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |text| (-1.0, text));
    let last = text.chars().next_back()?;
    let (text, factor) = match UNITS.find(last) {
        Some(at) => (&text[..text.len() - 1], 1024_f64.powi(at as i32 + 1)),
        None => (text, 1.0),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let (whole, part): (f64, f64) = (whole.parse().ok()?, part.parse().ok()?);
    Some(sign * ((whole + part / 10.24) * factor).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn numbers_are_read_as_the_driver_means_them() {
        assert_eq!(number("0"), Some(0.0));
        assert_eq!(number("512"), Some(512.0));
        assert_eq!(number("1.1M"), Some(1_150_976.0));
        assert_eq!(number("-427.5k"), Some(-437_748.0));
        assert_eq!(number("17ms"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn sets_and_their_disks_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_bcache_btree_read_average_duration_seconds{uuid=\"deaddd54-c735\"} 1.305e-06\n\
             node_bcache_cache_hits_total{backing_device=\"bdev0\",uuid=\"deaddd54-c735\"} 546\n\
             node_bcache_dirty_target_bytes{backing_device=\"bdev0\",uuid=\"deaddd54-c735\"} \
             2.189426688e+10\n\
             node_bcache_written_bytes_total{cache_device=\"cache0\",uuid=\"deaddd54-c735\"} 0\n"
        );
        let host = fixture::host_with(|config| config.bcache_priorities = true);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_bcache_priority_stats_unused_percent"), "{samples}");
    }
}
