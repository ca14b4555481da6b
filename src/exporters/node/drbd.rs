//! Replicated block devices, from `/proc/drbd` (DRBD up to 8.4).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const DEVICE: &[&str] = &["device"];
const NODE: &[&str] = &["device", "node"];
const SENT: Metric =
    Metric::counter("node_drbd_network_sent_bytes_total", "Bytes sent to the peer.").with(DEVICE);
const RECEIVED: Metric = Metric::counter(
    "node_drbd_network_received_bytes_total",
    "What was received from the peer, in the unit that /proc/drbd uses.",
)
.with(DEVICE);
const WRITTEN: Metric =
    Metric::counter("node_drbd_disk_written_bytes_total", "Bytes written to the local disk.")
        .with(DEVICE);
const READ: Metric =
    Metric::counter("node_drbd_disk_read_bytes_total", "Bytes read from the local disk.")
        .with(DEVICE);
const ACTIVITY: Metric = Metric::counter(
    "node_drbd_activitylog_writes_total",
    "Updates of the activity log in the metadata.",
)
.with(DEVICE);
const BITMAP: Metric = Metric::counter(
    "node_drbd_bitmap_writes_total",
    "Updates of the bitmap of changed blocks in the metadata.",
)
.with(DEVICE);
const LOCAL: Metric =
    Metric::gauge("node_drbd_local_pending", "Requests to the local disk that are open.")
        .with(DEVICE);
const REMOTE: Metric =
    Metric::gauge("node_drbd_remote_pending", "Requests the peer has not answered yet.")
        .with(DEVICE);
const UNACKNOWLEDGED: Metric = Metric::gauge(
    "node_drbd_remote_unacknowledged",
    "Requests of the peer that were not answered yet.",
)
.with(DEVICE);
const APPLICATION: Metric = Metric::gauge(
    "node_drbd_application_pending",
    "Requests of applications that were not answered yet.",
)
.with(DEVICE);
const EPOCHS: Metric =
    Metric::gauge("node_drbd_epochs", "Epochs of writes that are under way.").with(DEVICE);
const OUT_OF_SYNC: Metric =
    Metric::gauge("node_drbd_out_of_sync_bytes", "Bytes that differ from the peer's.").with(DEVICE);
const PRIMARY: Metric =
    Metric::gauge("node_drbd_node_role_is_primary", "Whether a node is primary.").with(NODE);
const UP_TO_DATE: Metric =
    Metric::gauge("node_drbd_disk_state_is_up_to_date", "Whether a node's disk is up to date.")
        .with(NODE);
const CONNECTED: Metric =
    Metric::gauge("node_drbd_connected", "Whether the device is connected to its peer.")
        .with(DEVICE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "drbd",
    start: Off,
    metrics: &[
        SENT,
        RECEIVED,
        WRITTEN,
        READ,
        ACTIVITY,
        BITMAP,
        LOCAL,
        REMOTE,
        UNACKNOWLEDGED,
        APPLICATION,
        EPOCHS,
        OUT_OF_SYNC,
        PRIMARY,
        UP_TO_DATE,
        CONNECTED,
    ],
    collect,
};

/// Key, metric and unit of each number. The received kibibytes are not scaled: so does the reference
/// program, whose numbers these have to be.
const NUMBERS: [(&str, Metric, f64); 12] = [
    ("ns", SENT, 1024.0),
    ("nr", RECEIVED, 1.0),
    ("dw", WRITTEN, 1024.0),
    ("dr", READ, 1024.0),
    ("al", ACTIVITY, 1.0),
    ("bm", BITMAP, 1.0),
    ("lo", LOCAL, 1.0),
    ("pe", REMOTE, 1.0),
    ("ua", UNACKNOWLEDGED, 1.0),
    ("ap", APPLICATION, 1.0),
    ("ep", EPOCHS, 1.0),
    ("oos", OUT_OF_SYNC, 1024.0),
];

const FILE: &str = "proc/drbd";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let flag = |set: bool| f64::from(u8::from(set));
    let mut device = String::from("unknown");
    for field in host.read(FILE)?.split_ascii_whitespace() {
        let Some((key, value)) = field.split_once(':') else { continue };
        if value.contains(':') {
            continue;
        }
        // `1:` begins the device `drbd1`.
        if value.is_empty() && key.parse::<u64>().is_ok() {
            device = format!("drbd{key}");
        } else if let Some((_, metric, unit)) = NUMBERS.iter().find(|(known, ..)| *known == key) {
            let value: f64 = value.parse().map_err(|_| CollectError::Malformed(FILE))?;
            out.put(metric, &[&device], value * unit);
        } else if key == "cs" {
            out.put(&CONNECTED, &[&device], flag(value == "Connected"));
        } else if let Some((metric, good)) = match key {
            "ro" => Some((&PRIMARY, "Primary")),
            "ds" => Some((&UP_TO_DATE, "UpToDate")),
            _ => None,
        } {
            let (local, remote) = value.split_once('/').ok_or(CollectError::Malformed(FILE))?;
            out.put(metric, &[&device, "local"], flag(local == good));
            out.put(metric, &[&device, "remote"], flag(remote == good));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn a_device_and_its_peer_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_drbd_connected{device=\"drbd0\"} 0\n"));
        assert!(samples.contains("node_drbd_network_sent_bytes_total{device=\"drbd0\"} 2048\n"));
        assert!(
            samples.contains(
                "node_drbd_disk_state_is_up_to_date{device=\"drbd0\",node=\"remote\"} 0\n"
            )
        );
        assert!(samples.contains("node_drbd_out_of_sync_bytes{device=\"drbd0\"} 4096\n"));
        assert_eq!(samples.lines().count(), 17);
    }
}
