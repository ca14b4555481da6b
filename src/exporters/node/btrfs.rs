//! Btrfs file systems, from `/sys/fs/btrfs`, and what is told of their devices where they are mounted.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::fd::AsFd;

use super::btrfs_ioctl::{self, Device, ERRORS};
use super::host::Folder;
use super::{CollectError, Collector, Families, Host, Metric, On, filesystem};

const UUID: &[&str] = &["uuid"];
const INFO: Metric = Metric::gauge("node_btrfs_info", "A file system that is mounted; always 1.")
    .with(&["label", "uuid"]);
const GLOBAL_RESERVE: Metric =
    Metric::gauge("node_btrfs_global_rsv_size_bytes", "Size of the global reserve.").with(UUID);
const COMMITS: Metric =
    Metric::counter("node_btrfs_commits_total", "Commits of a file system.").with(UUID);
const LAST_COMMIT: Metric =
    Metric::gauge("node_btrfs_last_commit_seconds", "How long the last commit took.").with(UUID);
const MAX_COMMIT: Metric =
    Metric::gauge("node_btrfs_max_commit_seconds", "How long the slowest commit took.").with(UUID);
const COMMIT_TIME: Metric =
    Metric::counter("node_btrfs_commit_seconds_total", "Time all commits took together.")
        .with(UUID);
const RESERVED: Metric =
    Metric::gauge("node_btrfs_reserved_bytes", "Room reserved for a kind of data.")
        .with(&["block_group_type", "uuid"]);
const LAYOUT: &[&str] = &["block_group_type", "mode", "uuid"];
const USED: Metric =
    Metric::gauge("node_btrfs_used_bytes", "Room a kind of data uses in a layout.").with(LAYOUT);
const SIZE: Metric =
    Metric::gauge("node_btrfs_size_bytes", "Room a kind of data has in a layout.").with(LAYOUT);
const RATIO: Metric = Metric::gauge(
    "node_btrfs_allocation_ratio",
    "How many bytes on disks a byte of data needs in a layout.",
)
.with(LAYOUT);
const DEVICE: &[&str] = &["btrfs_dev_uuid", "device", "uuid"];
/// Without the device's own UUID where the file system does not answer.
const DEVICE_SIZE: Metric =
    Metric::gauge("node_btrfs_device_size_bytes", "Size of a device of a file system.")
        .with(DEVICE);
const DEVICE_UNUSED: Metric = Metric::gauge(
    "node_btrfs_device_unused_bytes",
    "Room on a device that no kind of data has been given.",
)
.with(DEVICE);
const DEVICE_ERRORS: Metric = Metric::counter(
    "node_btrfs_device_errors_total",
    "Errors a file system has met on a device, by their kind.",
)
.with(&["btrfs_dev_uuid", "device", "type", "uuid"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "btrfs",
    start: On,
    metrics: &[
        INFO,
        GLOBAL_RESERVE,
        COMMITS,
        LAST_COMMIT,
        MAX_COMMIT,
        COMMIT_TIME,
        RESERVED,
        USED,
        SIZE,
        RATIO,
        DEVICE_SIZE,
        DEVICE_UNUSED,
        DEVICE_ERRORS,
    ],
    collect,
};

const SECTOR_BYTES: f64 = 512.0;
const MILLISECONDS: f64 = 1000.0;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const FOLDER: &str = "sys/fs/btrfs";
    let mut names = host.list_if_any(FOLDER, "")?;
    // Beside the file systems there is `features`.
    names.retain(|name| name.contains('-'));
    let told = if names.is_empty() { BTreeMap::new() } else { ask(host) };
    for name in names {
        let path = format!("{FOLDER}/{name}");
        let Some(folder) = host.folder(&path) else { continue };
        let uuid = folder.line("metadata_uuid").filter(|uuid| !uuid.is_empty());
        let uuid = uuid.as_deref().unwrap_or(&name);
        let number = |file: &str| folder.number(file).unwrap_or(0.0);
        out.put(&INFO, &[&folder.line("label").unwrap_or_default(), uuid], 1.0);
        out.put(&GLOBAL_RESERVE, &[uuid], number("allocation/global_rsv_size"));
        commits(&folder, uuid, out);
        let devices = host.list_if_any(&format!("{path}/devices"), "")?;
        match told.get(&name) {
            Some(told) => told.iter().for_each(|device| show(device, uuid, out)),
            None => {
                for device in &devices {
                    let size = number(&format!("devices/{device}/size")) * SECTOR_BYTES;
                    let Metric { name, kind, help, .. } = DEVICE_SIZE;
                    out.put_dynamic(
                        name,
                        kind,
                        help,
                        [("device", &**device), ("uuid", uuid)],
                        size,
                    );
                }
            }
        }
        for kind in ["data", "metadata", "system"] {
            let kind_path = format!("allocation/{kind}");
            out.put(&RESERVED, &[kind, uuid], number(&format!("{kind_path}/bytes_reserved")));
            for mode in host.list_if_any(&format!("{path}/{kind_path}"), "")? {
                // The folders among the files are layouts.
                let layout = format!("{kind_path}/{mode}");
                let Some(layout) = host.folder(&format!("{path}/{layout}")) else { continue };
                let labels = [kind, &*mode, uuid];
                out.put(&USED, &labels, layout.number("used_bytes").unwrap_or(0.0));
                out.put(&SIZE, &labels, layout.number("total_bytes").unwrap_or(0.0));
                out.put(&RATIO, &labels, ratio(&mode, devices.len() as f64));
            }
        }
    }
    Ok(())
}

/// What the file systems that are mounted tell of their devices, by their folders' names. Each is asked at
/// the first of its mount points that answers.
fn ask(host: &Host) -> BTreeMap<String, Vec<Device>> {
    let mut told = BTreeMap::new();
    let points = match filesystem::mount_points(host, "btrfs") {
        Ok(points) => points,
        Err(err) => {
            tracing::debug!("mount points of btrfs: {err}");
            return told;
        }
    };
    for point in points {
        let answer = btrfs_ioctl::file_system(&point).and_then(|(system, folder)| {
            if let Entry::Vacant(place) = told.entry(system.id.clone()) {
                place.insert(btrfs_ioctl::devices(folder.as_fd(), &system)?);
            }
            Ok(())
        });
        if let Err(err) = answer {
            tracing::debug!(point = %point.display(), "devices of btrfs: {err}");
        }
    }
    told
}

fn show(device: &Device, uuid: &str, out: &mut Families) {
    let Device { name, uuid: own, size_bytes, used_bytes, errors } = device;
    out.put(&DEVICE_SIZE, &[own, name, uuid], *size_bytes as f64);
    out.put(&DEVICE_UNUSED, &[own, name, uuid], size_bytes.saturating_sub(*used_bytes) as f64);
    for (kind, count) in ERRORS.iter().zip(errors) {
        out.put(&DEVICE_ERRORS, &[own, name, kind, uuid], *count as f64);
    }
}

/// Kernels before 5.18 do not tell; then nothing was counted.
fn commits(folder: &Folder, uuid: &str, out: &mut Families) {
    let text = folder.text("commit_stats");
    let value = |name: &str| {
        let lines = text.as_deref().unwrap_or_default().lines();
        let found = lines.filter_map(|line| line.split_once(' ')).find(|(known, _)| *known == name);
        found.and_then(|(_, value)| value.trim().parse::<f64>().ok()).unwrap_or(0.0)
    };
    out.put(&COMMITS, &[uuid], value("commits"));
    out.put(&LAST_COMMIT, &[uuid], value("last_commit_ms") / MILLISECONDS);
    out.put(&MAX_COMMIT, &[uuid], value("max_commit_ms") / MILLISECONDS);
    out.put(&COMMIT_TIME, &[uuid], value("total_commit_ms") / MILLISECONDS);
}

/// Of a layout over so many devices; 0 for one we do not know.
fn ratio(mode: &str, devices: f64) -> f64 {
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => devices / (devices - 1.0),
        "raid6" => devices / (devices - 2.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;
    use crate::exporters::node::host::fixture;

    #[test]
    fn devices_that_were_asked_for_tell_more() {
        let device = Device {
            name: "sda".to_owned(),
            uuid: "5-a".to_owned(),
            size_bytes: 300,
            used_bytes: 40,
            errors: [1, 2, 3, 4, 5],
        };
        let mut out = Families::default();
        show(&device, "0abb-23a9", &mut out);
        let mut text = String::new();
        write_text(&out, &mut text);
        let labels = "btrfs_dev_uuid=\"5-a\",device=\"sda\"";
        let uuid = "uuid=\"0abb-23a9\"";
        for line in [
            format!("node_btrfs_device_size_bytes{{{labels},{uuid}}} 300\n"),
            format!("node_btrfs_device_unused_bytes{{{labels},{uuid}}} 260\n"),
            format!("node_btrfs_device_errors_total{{{labels},type=\"write\",{uuid}}} 1\n"),
            format!("node_btrfs_device_errors_total{{{labels},type=\"generation\",{uuid}}} 5\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn layouts_and_devices_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_btrfs_allocation_ratio{block_group_type=\"data\",mode=\"raid5\",\
             uuid=\"0abb-23a9\"} 1.5\n\
             node_btrfs_commit_seconds_total{uuid=\"0abb-23a9\"} 47.836\n\
             node_btrfs_commits_total{uuid=\"0abb-23a9\"} 25\n\
             node_btrfs_device_size_bytes{device=\"sda\",uuid=\"0abb-23a9\"} 1024\n\
             node_btrfs_device_size_bytes{device=\"sdb\",uuid=\"0abb-23a9\"} 1024\n\
             node_btrfs_device_size_bytes{device=\"sdc\",uuid=\"0abb-23a9\"} 1024\n\
             node_btrfs_global_rsv_size_bytes{uuid=\"0abb-23a9\"} 16384\n\
             node_btrfs_info{label=\"fixture\",uuid=\"0abb-23a9\"} 1\n\
             node_btrfs_last_commit_seconds{uuid=\"0abb-23a9\"} 1\n\
             node_btrfs_max_commit_seconds{uuid=\"0abb-23a9\"} 0\n\
             node_btrfs_reserved_bytes{block_group_type=\"data\",uuid=\"0abb-23a9\"} 0\n\
             node_btrfs_reserved_bytes{block_group_type=\"metadata\",uuid=\"0abb-23a9\"} 0\n\
             node_btrfs_reserved_bytes{block_group_type=\"system\",uuid=\"0abb-23a9\"} 0\n\
             node_btrfs_size_bytes{block_group_type=\"data\",mode=\"raid5\",uuid=\"0abb-23a9\"} 4096\n\
             node_btrfs_used_bytes{block_group_type=\"data\",mode=\"raid5\",uuid=\"0abb-23a9\"} 512\n"
        );
    }
}
