//! Reads, writes and queues of block devices, from `/proc/diskstats` (iostats in the kernel's
//! documentation), and what udev knows about them.

use super::{CollectError, Collector, Families, Host, Metric, On};

const DEVICE: &[&str] = &["device"];
const READS: Metric =
    Metric::counter("node_disk_reads_completed_total", "Reads completed.").with(DEVICE);
const READS_MERGED: Metric =
    Metric::counter("node_disk_reads_merged_total", "Reads merged into others.").with(DEVICE);
const READ_BYTES: Metric =
    Metric::counter("node_disk_read_bytes_total", "Bytes read.").with(DEVICE);
const READ_TIME: Metric =
    Metric::counter("node_disk_read_time_seconds_total", "Time all reads took together.")
        .with(DEVICE);
const WRITES: Metric =
    Metric::counter("node_disk_writes_completed_total", "Writes completed.").with(DEVICE);
const WRITES_MERGED: Metric =
    Metric::counter("node_disk_writes_merged_total", "Writes merged into others.").with(DEVICE);
const WRITTEN_BYTES: Metric =
    Metric::counter("node_disk_written_bytes_total", "Bytes written.").with(DEVICE);
const WRITE_TIME: Metric =
    Metric::counter("node_disk_write_time_seconds_total", "Time all writes took together.")
        .with(DEVICE);
const NOW: Metric = Metric::gauge("node_disk_io_now", "Requests under way right now.").with(DEVICE);
const IO_TIME: Metric = Metric::counter(
    "node_disk_io_time_seconds_total",
    "Time during which at least one request was under way.",
)
.with(DEVICE);
const WEIGHTED: Metric = Metric::counter(
    "node_disk_io_time_weighted_seconds_total",
    "Time all requests waited and ran, added up.",
)
.with(DEVICE);
const DISCARDS: Metric =
    Metric::counter("node_disk_discards_completed_total", "Discards completed.").with(DEVICE);
const DISCARDS_MERGED: Metric =
    Metric::counter("node_disk_discards_merged_total", "Discards merged into others.").with(DEVICE);
const DISCARDED: Metric =
    Metric::counter("node_disk_discarded_sectors_total", "Sectors discarded.").with(DEVICE);
const DISCARD_TIME: Metric =
    Metric::counter("node_disk_discard_time_seconds_total", "Time all discards took together.")
        .with(DEVICE);
const FLUSHES: Metric =
    Metric::counter("node_disk_flush_requests_total", "Flushes completed.").with(DEVICE);
const FLUSH_TIME: Metric = Metric::counter(
    "node_disk_flush_requests_time_seconds_total",
    "Time all flushes took together.",
)
.with(DEVICE);
const INFO: Metric = Metric::gauge("node_disk_info", "What a block device is; always 1.").with(&[
    "device",
    "major",
    "minor",
    "path",
    "wwn",
    "model",
    "serial",
    "revision",
    "rotational",
]);
const FILESYSTEM: Metric =
    Metric::gauge("node_disk_filesystem_info", "What a block device holds; always 1.")
        .with(&["device", "type", "usage", "uuid", "version"]);
const MAPPER: Metric = Metric::gauge(
    "node_disk_device_mapper_info",
    "What a device of the device mapper stands for; always 1.",
)
.with(&["device", "name", "uuid", "vg_name", "lv_name", "lv_layer"]);
const WRITE_CACHE: Metric =
    Metric::gauge("node_disk_ata_write_cache", "Whether an ATA disk has a write cache.")
        .with(DEVICE);
const WRITE_CACHE_ENABLED: Metric = Metric::gauge(
    "node_disk_ata_write_cache_enabled",
    "Whether an ATA disk's write cache is switched on.",
)
.with(DEVICE);
const ROTATION: Metric = Metric::gauge(
    "node_disk_ata_rotation_rate_rpm",
    "Revolutions per minute of an ATA disk; 0 for one that does not turn.",
)
.with(DEVICE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "diskstats",
    start: On,
    metrics: &[
        READS,
        READS_MERGED,
        READ_BYTES,
        READ_TIME,
        WRITES,
        WRITES_MERGED,
        WRITTEN_BYTES,
        WRITE_TIME,
        NOW,
        IO_TIME,
        WEIGHTED,
        DISCARDS,
        DISCARDS_MERGED,
        DISCARDED,
        DISCARD_TIME,
        FLUSHES,
        FLUSH_TIME,
        INFO,
        FILESYSTEM,
        MAPPER,
        WRITE_CACHE,
        WRITE_CACHE_ENABLED,
        ROTATION,
    ],
    collect,
};

const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 0.001;

/// Columns behind the device's name, in their order, with the unit of each. Older kernels have fewer.
const COLUMNS: [(Metric, f64); 17] = [
    (READS, 1.0),
    (READS_MERGED, 1.0),
    (READ_BYTES, SECTOR_BYTES),
    (READ_TIME, MILLISECOND),
    (WRITES, 1.0),
    (WRITES_MERGED, 1.0),
    (WRITTEN_BYTES, SECTOR_BYTES),
    (WRITE_TIME, MILLISECOND),
    (NOW, 1.0),
    (IO_TIME, MILLISECOND),
    (WEIGHTED, MILLISECOND),
    (DISCARDS, 1.0),
    (DISCARDS_MERGED, 1.0),
    (DISCARDED, 1.0),
    (DISCARD_TIME, MILLISECOND),
    (FLUSHES, 1.0),
    (FLUSH_TIME, MILLISECOND),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/diskstats")?;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(device)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(CollectError::Malformed("proc/diskstats"));
        };
        if !host.settings.disks.takes(device) {
            continue;
        }
        describe(host, major, minor, device, out);
        for ((metric, unit), field) in COLUMNS.iter().zip(fields) {
            let value: f64 =
                field.parse().map_err(|_| CollectError::Malformed("proc/diskstats"))?;
            out.put(metric, &[device], value * unit);
        }
    }
    Ok(())
}

/// What udev and sysfs know; a device they do not know has empty labels.
fn describe(host: &Host, major: &str, minor: &str, device: &str, out: &mut Families) {
    let udev = host.read(&format!("udev/b{major}:{minor}")).ok();
    let property = |name: &str| {
        let lines = udev.as_deref().unwrap_or_default().lines();
        lines
            .filter_map(|line| line.strip_prefix("E:")?.split_once('='))
            .find_map(|(known, value)| (known == name).then_some(value))
    };
    let text = |name: &str| property(name).unwrap_or_default();
    // SCSI's own serial number, where there is one, is the one printed on the disk.
    let serial = property("SCSI_IDENT_SERIAL").unwrap_or_else(|| text("ID_SERIAL_SHORT"));
    let rotational = host.line(&format!("sys/block/{device}/queue/rotational"));
    let labels = [
        device,
        major,
        minor,
        text("ID_PATH"),
        text("ID_WWN"),
        text("ID_MODEL"),
        serial,
        text("ID_REVISION"),
        rotational.as_deref().unwrap_or("0"),
    ];
    out.put(&INFO, &labels, 1.0);
    if let Some(name) = property("DM_NAME") {
        let labels = [
            device,
            name,
            text("DM_UUID"),
            text("DM_VG_NAME"),
            text("DM_LV_NAME"),
            text("DM_LV_LAYER"),
        ];
        out.put(&MAPPER, &labels, 1.0);
    }
    if let Some(kind) = property("ID_FS_TYPE").filter(|kind| !kind.is_empty()) {
        let labels = [device, kind, text("ID_FS_USAGE"), text("ID_FS_UUID"), text("ID_FS_VERSION")];
        out.put(&FILESYSTEM, &labels, 1.0);
    }
    if text("ID_ATA").is_empty() {
        return;
    }
    for (metric, name) in [
        (&WRITE_CACHE, "ID_ATA_WRITE_CACHE"),
        (&WRITE_CACHE_ENABLED, "ID_ATA_WRITE_CACHE_ENABLED"),
        (&ROTATION, "ID_ATA_ROTATION_RATE_RPM"),
    ] {
        if let Some(value) = property(name).and_then(|value| value.parse().ok()) {
            out.put(metric, &[device], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn counters_come_in_seconds_and_bytes() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_disk_read_bytes_total{device=\"sda\"} 512000\n"));
        assert!(
            samples
                .contains("node_disk_io_time_seconds_total{device=\"sda\"} 60.730000000000004\n")
        );
        assert!(samples.contains("node_disk_flush_requests_total{device=\"sda\"} 1555\n"));
        assert!(!samples.contains("flush_requests_total{device=\"dm-0\"}"), "an older line");
        assert!(!samples.contains("sda1"), "partitions are left out");
    }

    #[test]
    fn udev_tells_what_a_device_is() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let info = "node_disk_info{device=\"sda\",major=\"8\",minor=\"0\",model=\"TESTDISK\",\
            path=\"pci-0000:00:1f.2-ata-1\",revision=\"A1\",rotational=\"1\",serial=\"SN42\",\
            wwn=\"0x5000\"} 1\n";
        assert!(samples.contains(info), "{samples}");
        assert!(samples.contains("node_disk_ata_rotation_rate_rpm{device=\"sda\"} 7200\n"));
        assert!(samples.contains("lv_name=\"root\",name=\"vg-root\""), "{samples}");
        assert!(samples.contains("node_disk_filesystem_info{device=\"dm-0\",type=\"ext4\""));
    }
}
