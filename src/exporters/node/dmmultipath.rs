//! Disks that are reached over several paths, from `/sys/block/dm-*` (the device mapper's multipath).

use super::{CollectError, Collector, Families, Host, Metric, On};

const DEVICE: &[&str] = &["device", "sysfs_name"];
const INFO: Metric =
    Metric::gauge("node_dmmultipath_device_info", "What a multipath device is; always 1.").with(&[
        "device",
        "sysfs_name",
        "uuid",
    ]);
const ACTIVE: Metric = Metric::gauge(
    "node_dmmultipath_device_active",
    "Whether a multipath device is active and not suspended.",
)
.with(DEVICE);
const SIZE: Metric =
    Metric::gauge("node_dmmultipath_device_size_bytes", "Size of a multipath device.").with(DEVICE);
const PATHS: Metric =
    Metric::gauge("node_dmmultipath_device_paths", "Paths to a multipath device.").with(DEVICE);
const PATHS_ACTIVE: Metric = Metric::gauge(
    "node_dmmultipath_device_paths_active",
    "Paths to a multipath device that can be used.",
)
.with(DEVICE);
const PATHS_FAILED: Metric = Metric::gauge(
    "node_dmmultipath_device_paths_failed",
    "Paths to a multipath device that cannot be used.",
)
.with(DEVICE);
const PATH_STATE: Metric =
    Metric::gauge("node_dmmultipath_path_state", "State a path is in; always 1.")
        .with(&["device", "path", "state"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "dmmultipath",
    start: On,
    metrics: &[INFO, ACTIVE, SIZE, PATHS, PATHS_ACTIVE, PATHS_FAILED, PATH_STATE],
    collect,
};

const SECTOR_BYTES: f64 = 512.0;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const BLOCK: &str = "sys/block";
    for sysfs_name in host.list(BLOCK)? {
        if !sysfs_name.starts_with("dm-") {
            continue;
        }
        let path = format!("{BLOCK}/{sysfs_name}");
        let Some(folder) = host.folder(&path) else { continue };
        // Other uses of the device mapper have other beginnings: `LVM-`, `CRYPT-` …
        let uuid = folder.line("dm/uuid").filter(|uuid| uuid.starts_with("mpath-"));
        let (Some(uuid), Some(device)) = (uuid, folder.line("dm/name")) else { continue };
        let labels = [&*device, &*sysfs_name];
        out.put(&INFO, &[&device, &sysfs_name, &uuid], 1.0);
        let suspended = folder.number("dm/suspended").is_some_and(|value| value != 0.0);
        out.put(&ACTIVE, &labels, f64::from(u8::from(!suspended)));
        out.put(&SIZE, &labels, folder.number("size").unwrap_or(0.0) * SECTOR_BYTES);
        let (mut active, mut failed) = (0.0, 0.0);
        for slave in host.list_if_any(&format!("{path}/slaves"), "")? {
            let state = host.line(&format!("{BLOCK}/{slave}/device/state"));
            let state = state.as_deref().unwrap_or("unknown");
            // What SCSI and NVMe call a working path.
            if matches!(state, "running" | "live") {
                active += 1.0;
            } else {
                failed += 1.0;
            }
            out.put(&PATH_STATE, &[&device, &slave, state], 1.0);
        }
        out.put(&PATHS, &labels, active + failed);
        out.put(&PATHS_ACTIVE, &labels, active);
        out.put(&PATHS_FAILED, &labels, failed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn working_paths_are_counted_and_other_mappings_left_out() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let count = |name: &str, value: u8| {
            let line = format!(
                "node_dmmultipath_device_{name}{{device=\"mpathA\",sysfs_name=\"dm-5\"}} {value}\n"
            );
            assert!(samples.contains(&line), "{line} in {samples}");
        };
        count("paths", 2);
        count("paths_active", 1);
        count("paths_failed", 1);
        count("active", 1);
        assert!(!samples.contains("vg0"), "{samples}");
    }
}
