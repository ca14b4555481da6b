//! bcachefs file systems, from `/sys/fs/bcachefs`.

use super::host::{Folder, Text, metric_name};
use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const INFO: Metric =
    Metric::gauge("node_bcachefs_info", "A file system that is mounted; always 1.").with(&["uuid"]);
const BTREE_CACHE: Metric =
    Metric::gauge("node_bcachefs_btree_cache_size_bytes", "Memory the trees' cache uses.")
        .with(&["uuid"]);
const ALGORITHM: &[&str] = &["algorithm", "uuid"];
const COMPRESSED: Metric = Metric::gauge(
    "node_bcachefs_compression_compressed_bytes",
    "Size of compressed data as it is stored.",
)
.with(ALGORITHM);
const UNCOMPRESSED: Metric = Metric::gauge(
    "node_bcachefs_compression_uncompressed_bytes",
    "Size of compressed data as it was before.",
)
.with(ALGORITHM);
const ERRORS: Metric = Metric::counter("node_bcachefs_errors_total", "Errors found, by kind.")
    .with(&["error_type", "uuid"]);
const WRITE: &[&str] = &["type", "uuid"];
const WRITES: Metric =
    Metric::counter("node_bcachefs_btree_writes_total", "Writes of tree nodes.").with(WRITE);
const WRITE_SIZE: Metric = Metric::gauge(
    "node_bcachefs_btree_write_average_size_bytes",
    "Average size of a tree node's write.",
)
.with(WRITE);
const DEVICE: &[&str] = &["device", "uuid"];
const DEVICE_INFO: Metric =
    Metric::gauge("node_bcachefs_device_info", "What a device is; always 1.")
        .with(&["device", "label", "state", "uuid"]);
const BUCKET_SIZE: Metric =
    Metric::gauge("node_bcachefs_device_bucket_size_bytes", "Size of a device's buckets.")
        .with(DEVICE);
const BUCKETS: Metric =
    Metric::gauge("node_bcachefs_device_buckets", "Buckets of a device.").with(DEVICE);
const DURABILITY: Metric = Metric::gauge(
    "node_bcachefs_device_durability",
    "For how many copies data on a device counts.",
)
.with(DEVICE);
const IO_DONE: Metric =
    Metric::counter("node_bcachefs_device_io_done_bytes_total", "Bytes read and written.").with(&[
        "data_type",
        "device",
        "operation",
        "uuid",
    ]);
const IO_ERRORS: Metric =
    Metric::counter("node_bcachefs_device_io_errors_total", "Errors of reads and writes.")
        .with(&["device", "type", "uuid"]);
const COUNTER: Metric = Metric::counter(
    "node_bcachefs_",
    "A counter since the file system was made, as bcachefs calls it.",
)
.with(&["uuid"])
.open();

pub(super) const COLLECTOR: Collector = Collector {
    name: "bcachefs",
    start: On,
    metrics: &[
        INFO,
        BTREE_CACHE,
        COMPRESSED,
        UNCOMPRESSED,
        ERRORS,
        WRITES,
        WRITE_SIZE,
        DEVICE_INFO,
        BUCKET_SIZE,
        BUCKETS,
        DURABILITY,
        IO_DONE,
        IO_ERRORS,
        COUNTER,
    ],
    collect,
};

const FOLDER: &str = "sys/fs/bcachefs";
const MALFORMED: CollectError = CollectError::Malformed(FOLDER);

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut found = false;
    for uuid in host.list(FOLDER)? {
        let path = format!("{FOLDER}/{uuid}");
        let Some(folder) = host.folder(&path) else { continue };
        found = true;
        out.put(&INFO, &[&uuid], 1.0);
        let cache = folder.line("btree_cache_size").and_then(|size| number(&size));
        out.put(&BTREE_CACHE, &[&uuid], cache.unwrap_or(0.0));
        tables(&folder, &uuid, out)?;
        for name in host.list_if_any(&format!("{path}/counters"), "")? {
            let Some(text) = folder.text(&format!("counters/{name}")) else { continue };
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix("since filesystem creation:"))
                .map_or(Some(0.0), number)
                .ok_or(MALFORMED)?;
            let name = metric_name(&format!("{}{name}_total", COUNTER.name));
            let labels = [("uuid", &*uuid)];
            out.put_dynamic(&name, MetricType::Counter, COUNTER.help, labels, value);
        }
        for name in host.list_if_any(&path, "dev-")? {
            let Some(folder) = host.folder(&format!("{path}/{name}")) else { continue };
            device(&folder, &name["dev-".len()..], &uuid, out)?;
        }
    }
    if found { Ok(()) } else { Err(CollectError::Nothing(FOLDER)) }
}

/// The tables of the whole file system: a name, and one or two numbers behind it.
fn tables(folder: &Folder, uuid: &str, out: &mut Families) -> Result<(), CollectError> {
    for (name, values) in rows(folder.text("compression_stats").as_ref(), 1, 2)? {
        out.put(&COMPRESSED, &[&name, uuid], values[0]);
        out.put(&UNCOMPRESSED, &[&name, uuid], values[1]);
    }
    for (name, values) in rows(folder.text("errors").as_ref(), 0, 1)? {
        out.put(&ERRORS, &[&name, uuid], values[0]);
    }
    for (name, values) in rows(folder.text("btree_write_stats").as_ref(), 1, 2)? {
        out.put(&WRITES, &[&name, uuid], values[0]);
        out.put(&WRITE_SIZE, &[&name, uuid], values[1]);
    }
    Ok(())
}

type Rows = Vec<(String, Vec<f64>)>;

/// Rows of a table behind its header: `lz4:  48.9G  71.2G  62.5k`. Shorter ones are left out.
fn rows(text: Option<&Text>, header: usize, columns: usize) -> Result<Rows, CollectError> {
    let mut rows = Vec::new();
    for line in text.map_or("", |text| &**text).lines().skip(header) {
        let mut fields = line.split_ascii_whitespace();
        let Some(name) = fields.next() else { continue };
        let values: Option<Vec<f64>> = fields.take(columns).map(number).collect();
        let values = values.ok_or(MALFORMED)?;
        if values.len() == columns {
            rows.push((name.trim_end_matches(':').to_owned(), values));
        }
    }
    Ok(rows)
}

fn device(
    folder: &Folder,
    device: &str,
    uuid: &str,
    out: &mut Families,
) -> Result<(), CollectError> {
    let text = |file: &str| folder.line(file).unwrap_or_default();
    let size = |file: &str| number(&text(file)).unwrap_or(0.0);
    out.put(&DEVICE_INFO, &[device, &text("label"), &text("state"), uuid], 1.0);
    out.put(&BUCKET_SIZE, &[device, uuid], size("bucket_size"));
    out.put(&BUCKETS, &[device, uuid], size("nbuckets"));
    out.put(&DURABILITY, &[device, uuid], size("durability"));
    // Sections `read:` and `write:` of lines such as `user  :  123`.
    let done = folder.text("io_done");
    let mut operation = "";
    for line in done.as_deref().unwrap_or_default().lines() {
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if value.is_empty() && matches!(name, "read" | "write") {
            operation = if name == "read" { "read" } else { "write" };
        } else if !operation.is_empty() {
            let value = value.parse().map_err(|_| MALFORMED)?;
            out.put(&IO_DONE, &[name, device, operation, uuid], value);
        }
    }
    // The first section is since the file system was made, the second since a moment ago.
    let errors = folder.text("io_errors");
    let lines = errors.as_deref().unwrap_or_default().lines();
    let lines = lines.skip_while(|line| !line.starts_with("IO errors since filesystem creation"));
    for line in lines.skip(1).take_while(|line| !line.starts_with("IO errors since ")) {
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim().parse().map_err(|_| MALFORMED)?;
        out.put(&IO_ERRORS, &[device, name.trim(), uuid], value);
    }
    Ok(())
}

/// A number with a unit of 1024s: `2.05G`, cut to whole ones.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (text, power) = match text.bytes().next_back()?.to_ascii_lowercase() {
        b'k' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 2),
        b'g' => (&text[..text.len() - 1], 3),
        b't' => (&text[..text.len() - 1], 4),
        b'p' => (&text[..text.len() - 1], 5),
        b'e' => (&text[..text.len() - 1], 6),
        _ => (text, 0),
    };
    let value: f64 = text.trim().parse().ok()?;
    Some((value * 1024_f64.powi(power)).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn units_count_by_1024() {
        assert_eq!(number("1.26k"), Some(1290.0));
        assert_eq!(number(" 2.05G\n"), Some(2_201_170_739.0));
        assert_eq!(number("0"), Some(0.0));
        assert_eq!(number(""), None);
        assert_eq!(number("many"), None);
    }

    #[test]
    fn a_file_system_and_its_devices_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for line in [
            "node_bcachefs_btree_write_average_size_bytes{type=\"interior\",uuid=\"beef\"} 1290\n",
            "node_bcachefs_compression_compressed_bytes{algorithm=\"lz4\",uuid=\"beef\"} 1024\n",
            "node_bcachefs_data_read_total{uuid=\"beef\"} 2048\n",
            "node_bcachefs_device_info{device=\"6\",label=\"disk-6\",\
             state=\"[rw] ro evacuating spare\",uuid=\"beef\"} 1\n",
            "node_bcachefs_device_io_done_bytes_total{data_type=\"user\",device=\"6\",\
             operation=\"write\",uuid=\"beef\"} 42\n",
            "node_bcachefs_device_io_errors_total{device=\"6\",type=\"checksum\",uuid=\"beef\"} 5\n",
            "node_bcachefs_errors_total{error_type=\"bset_bad_csum\",uuid=\"beef\"} 2\n",
        ] {
            assert!(samples.contains(line), "{line} in {samples}");
        }
        assert!(!samples.contains("} 9\n"), "since a moment ago: {samples}");
    }
}
