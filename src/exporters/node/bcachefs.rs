//! bcachefs file systems, from `/sys/fs/bcachefs`.

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const UUID: &[&str] = &["uuid"];
const ALGORITHM: &[&str] = &["uuid", "algorithm"];
const WRITES: &[&str] = &["uuid", "type"];
const DEVICE: &[&str] = &["uuid", "device"];
const INFO: Metric = Metric::gauge("node_bcachefs_info", "A file system; always 1.").with(UUID);
const CACHE: Metric = Metric::gauge(
    "node_bcachefs_btree_cache_size_bytes",
    "Memory that the cache of the file system's trees takes.",
)
.with(UUID);
const COMPRESSED: Metric = Metric::gauge(
    "node_bcachefs_compression_compressed_bytes",
    "Size of compressed data, by algorithm.",
)
.with(ALGORITHM);
const UNCOMPRESSED: Metric = Metric::gauge(
    "node_bcachefs_compression_uncompressed_bytes",
    "Size the compressed data had before, by algorithm.",
)
.with(ALGORITHM);
const ERRORS: Metric =
    Metric::counter("node_bcachefs_errors_total", "Errors of the file system by kind.")
        .with(&["uuid", "error_type"]);
const TREE_WRITES: Metric =
    Metric::counter("node_bcachefs_btree_writes_total", "Writes of trees by kind.").with(WRITES);
const TREE_WRITE_SIZE: Metric = Metric::gauge(
    "node_bcachefs_btree_write_average_size_bytes",
    "Average size of the writes of trees by kind.",
)
.with(WRITES);
const DEVICE_INFO: Metric =
    Metric::gauge("node_bcachefs_device_info", "A device of the file system; always 1.")
        .with(&["uuid", "device", "label", "state"]);
const BUCKET_SIZE: Metric =
    Metric::gauge("node_bcachefs_device_bucket_size_bytes", "Size of a device's buckets.")
        .with(DEVICE);
const BUCKETS: Metric =
    Metric::gauge("node_bcachefs_device_buckets", "Buckets of a device.").with(DEVICE);
const DURABILITY: Metric = Metric::gauge(
    "node_bcachefs_device_durability",
    "How many copies one copy on the device counts as.",
)
.with(DEVICE);
const IO_DONE: Metric = Metric::counter(
    "node_bcachefs_device_io_done_bytes_total",
    "Bytes read from or written to a device, by kind of data.",
)
.with(&["uuid", "device", "operation", "data_type"]);
const IO_ERRORS: Metric = Metric::counter(
    "node_bcachefs_device_io_errors_total",
    "Errors of a device since the file system was made.",
)
.with(&["uuid", "device", "type"]);
const COUNTERS: Metric =
    Metric::counter("node_bcachefs_", "A counter of the file system since it was made.")
        .with(UUID)
        .open();

pub(super) const COLLECTOR: Collector = Collector {
    name: "bcachefs",
    start: On,
    metrics: &[
        INFO,
        CACHE,
        COMPRESSED,
        UNCOMPRESSED,
        ERRORS,
        TREE_WRITES,
        TREE_WRITE_SIZE,
        DEVICE_INFO,
        BUCKET_SIZE,
        BUCKETS,
        DURABILITY,
        IO_DONE,
        IO_ERRORS,
        COUNTERS,
    ],
    collect,
};

const FOLDER: &str = "sys/fs/bcachefs";
const MALFORMED: CollectError = CollectError::Malformed(FOLDER);

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for uuid in host.list(FOLDER)? {
        let path = format!("{FOLDER}/{uuid}");
        if host.path(&path).is_dir() {
            show(host, &path, &uuid, out)?;
        }
    }
    Ok(())
}

fn show(host: &Host, path: &str, uuid: &str, out: &mut Families) -> Result<(), CollectError> {
    let size = |text: &str| human(text).ok_or(MALFORMED);
    out.put(&INFO, &[uuid], 1.0);
    let cache = host.line(&format!("{path}/btree_cache_size")).unwrap_or_default();
    out.put(&CACHE, &[uuid], if cache.is_empty() { 0.0 } else { size(&cache)? });
    // Tables with a header: `lz4  48.9G  71.2G  62.5k`.
    let compression = host.read_if_any(&format!("{path}/compression_stats"))?;
    for line in compression.iter().flat_map(|text| text.lines().skip(1)) {
        if let [algorithm, compressed, before, ..] = fields(line)[..] {
            let algorithm = algorithm.trim_end_matches(':');
            out.put(&COMPRESSED, &[uuid, algorithm], size(compressed)?);
            out.put(&UNCOMPRESSED, &[uuid, algorithm], size(before)?);
        }
    }
    let writes = host.read_if_any(&format!("{path}/btree_write_stats"))?;
    for line in writes.iter().flat_map(|text| text.lines().skip(1)) {
        if let [kind, count, average, ..] = fields(line)[..] {
            let kind = kind.trim_end_matches(':');
            out.put(&TREE_WRITES, &[uuid, kind], count.parse().map_err(|_| MALFORMED)?);
            out.put(&TREE_WRITE_SIZE, &[uuid, kind], size(average)?);
        }
    }
    let errors = host.read_if_any(&format!("{path}/errors"))?;
    for line in errors.iter().flat_map(|text| text.lines()) {
        if let [kind, count, ..] = fields(line)[..] {
            out.put(&ERRORS, &[uuid, kind], count.parse().map_err(|_| MALFORMED)?);
        }
    }
    for counter in host.list(&format!("{path}/counters")).unwrap_or_default() {
        let text = host.read(&format!("{path}/counters/{counter}"))?;
        let value = text.lines().find_map(|line| line.strip_prefix("since filesystem creation:"));
        let value = value.map(size).transpose()?.unwrap_or(0.0);
        let name = format!("{}{}_total", COUNTERS.name, super::sysctl::sanitize(&counter));
        out.put_dynamic(&name, MetricType::Counter, COUNTERS.help, [("uuid", uuid)], value);
    }
    for name in host.list(path)? {
        if let Some(device) = name.strip_prefix("dev-") {
            show_device(host, &format!("{path}/{name}"), uuid, device, out)?;
        }
    }
    Ok(())
}

fn show_device(
    host: &Host,
    path: &str,
    uuid: &str,
    device: &str,
    out: &mut Families,
) -> Result<(), CollectError> {
    let line = |name: &str| host.line(&format!("{path}/{name}")).unwrap_or_default();
    let number = |name: &str| host.number(&format!("{path}/{name}")).unwrap_or(0.0);
    out.put(&DEVICE_INFO, &[uuid, device, &line("label"), &line("state")], 1.0);
    let bucket = line("bucket_size");
    let bucket = if bucket.is_empty() { Some(0.0) } else { human(&bucket) };
    out.put(&BUCKET_SIZE, &[uuid, device], bucket.ok_or(MALFORMED)?);
    out.put(&BUCKETS, &[uuid, device], number("nbuckets"));
    out.put(&DURABILITY, &[uuid, device], number("durability"));
    // `read:` and `write:` each go before their lines `btree : 5242880`.
    let done = host.read_if_any(&format!("{path}/io_done"))?;
    let mut operation = None;
    for line in done.iter().flat_map(|text| text.lines()) {
        let Some((kind, value)) = line.split_once(':') else { continue };
        let (kind, value) = (kind.trim(), value.trim());
        if value.is_empty() && ["read", "write"].contains(&kind) {
            operation = Some(kind.to_owned());
        } else if let Some(operation) = &operation {
            let value = value.parse().map_err(|_| MALFORMED)?;
            out.put(&IO_DONE, &[uuid, device, operation, kind], value);
        }
    }
    // Errors are told since the file system was made, and once more since they were last reset.
    let errors = host.read_if_any(&format!("{path}/io_errors"))?;
    let lines = errors.iter().flat_map(|text| text.lines());
    let ours = lines
        .skip_while(|line| !line.starts_with("IO errors since filesystem creation"))
        .skip(1)
        .take_while(|line| !line.starts_with("IO errors since "));
    for line in ours {
        let Some((kind, value)) = line.split_once(':') else { continue };
        let value = value.trim().parse().map_err(|_| MALFORMED)?;
        out.put(&IO_ERRORS, &[uuid, device, kind.trim()], value);
    }
    Ok(())
}

fn fields(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().collect()
}

/// `28.2k` is 28876: sizes have a binary unit and are cut to whole bytes.
fn human(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text.bytes().last()?.to_ascii_lowercase();
    let (digits, power) = match b"kmgtpe".iter().position(|known| *known == unit) {
        Some(at) => (&text[..text.len() - 1], at as i32 + 1),
        None => (text, 0),
    };
    let value: f64 = digits.trim().parse().ok()?;
    Some((value * 1024_f64.powi(power)).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(human("28.2k\n"), Some(28_876.0));
        assert_eq!(human("2.05G"), Some(2_201_170_739.0));
        assert_eq!(human("720"), Some(720.0));
        assert_eq!(human("1.5x"), None);
        assert_eq!(human(""), None);
    }

    #[test]
    fn a_file_system_and_its_devices_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for line in [
            "node_bcachefs_btree_writes_total{type=\"initial\",uuid=\"f00d\"} 3.298401e+06",
            "node_bcachefs_btree_write_average_size_bytes{type=\"initial\",uuid=\"f00d\"} 102400",
            "node_bcachefs_compression_compressed_bytes{algorithm=\"lz4\",uuid=\"f00d\"} 1024",
            "node_bcachefs_data_read_total{uuid=\"f00d\"} 2048",
            "node_bcachefs_device_info{device=\"4\",label=\"disk-4\",state=\"[rw] ro\",uuid=\"f00d\"} 1",
            "node_bcachefs_device_io_done_bytes_total{data_type=\"btree\",device=\"4\",\
             operation=\"write\",uuid=\"f00d\"} 16384",
            "node_bcachefs_device_io_errors_total{device=\"4\",type=\"read\",uuid=\"f00d\"} 7",
            "node_bcachefs_errors_total{error_type=\"btree_node_read_err\",uuid=\"f00d\"} 5",
        ] {
            assert!(samples.contains(&format!("{line}\n")), "{line}\n{samples}");
        }
        assert_eq!(samples.lines().count(), 16, "{samples}");
    }
}
