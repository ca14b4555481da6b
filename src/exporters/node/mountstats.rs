//! NFS mounts seen from the client, from `/proc/self/mountstats` (nfsstat(8), mountstats(8)).

use std::collections::BTreeSet;

use super::{CollectError, Collector, Families, Host, Metric, Off};

const MOUNT: &[&str] = &["export", "protocol", "mountaddr"];
const TRANSPORT: &[&str] = &["export", "protocol", "mountaddr", "transport"];
const OPERATION: &[&str] = &["export", "protocol", "mountaddr", "operation"];
const AGE: Metric =
    Metric::counter("node_mountstats_nfs_age_seconds_total", "How long the mount exists.")
        .with(MOUNT);
const POINT: Metric =
    Metric::gauge("node_mountstats_nfs_mountpoint_info", "Where an NFS mount is; always 1.")
        .with(&["export", "protocol", "mountaddr", "mountpoint"]);

/// In the order of the line `bytes:`.
const BYTES: [Metric; 8] = [
    Metric::counter("node_mountstats_nfs_read_bytes_total", "Bytes that applications read.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_write_bytes_total", "Bytes that applications wrote.")
        .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_direct_read_bytes_total",
        "Bytes that applications read past the cache.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_direct_write_bytes_total",
        "Bytes that applications wrote past the cache.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_total_read_bytes_total", "Bytes read from the server.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_total_write_bytes_total", "Bytes written to the server.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_read_pages_total", "Pages read from the server.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_write_pages_total", "Pages written to the server.")
        .with(MOUNT),
];

/// In the order of the line `events:`, without [`CONGESTION_WAIT`].
const EVENTS: [Metric; 26] = [
    Metric::counter(
        "node_mountstats_nfs_event_inode_revalidate_total",
        "Cached attributes of an inode checked with the server.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_dnode_revalidate_total",
        "Cached directory entries checked with the server.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_data_invalidate_total",
        "Caches of an inode's data thrown away.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_attribute_invalidate_total",
        "Cached attributes of an inode thrown away.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_open_total", "Files and directories opened.")
        .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_vfs_lookup_total",
        "Names looked up in a directory.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_access_total", "Permissions checked.")
        .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_vfs_update_page_total",
        "Pages updated and perhaps written.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_read_page_total", "Pages read one by one.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_read_pages_total", "Groups of pages read.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_write_page_total", "Pages written one by one.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_write_pages_total", "Groups of pages written.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_getdents_total", "Directories read.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_setattr_total", "Attributes set.").with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_vfs_flush_total",
        "Waiting writes sent to the server at once.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_fsync_total", "Files and directories synced.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_lock_total", "Locks asked for.").with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_vfs_file_release_total", "Files closed.")
        .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_truncation_total", "Files that were cut short.")
        .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_write_extension_total",
        "Files grown by a write past their end.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_silly_rename_total",
        "Files removed while they were open.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_short_read_total",
        "Reads that gave less than was asked for.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_short_write_total",
        "Writes that took less than was given.",
    )
    .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_jukebox_delay_total",
        "Answers that put off the client because of slow storage.",
    )
    .with(MOUNT),
    Metric::counter("node_mountstats_nfs_event_pnfs_read_total", "Reads past the metadata server.")
        .with(MOUNT),
    Metric::counter(
        "node_mountstats_nfs_event_pnfs_write_total",
        "Writes past the metadata server.",
    )
    .with(MOUNT),
];
/// A field of `events:` that no kernel counts any more.
const CONGESTION_WAIT: usize = 18;

/// Field of the line `xprt:` (as of TCP, version 1.1, behind the protocol) and its metric.
const TRANSPORTS: [(usize, Metric); 10] = [
    (
        1,
        Metric::counter(
            "node_mountstats_nfs_transport_bind_total",
            "Times a connection to the server was begun from a new port.",
        )
        .with(TRANSPORT),
    ),
    (
        2,
        Metric::counter(
            "node_mountstats_nfs_transport_connect_total",
            "TCP connections made to the server.",
        )
        .with(TRANSPORT),
    ),
    (
        4,
        Metric::gauge(
            "node_mountstats_nfs_transport_idle_time_seconds",
            "Time since the server was last spoken to.",
        )
        .with(TRANSPORT),
    ),
    (
        5,
        Metric::counter(
            "node_mountstats_nfs_transport_sends_total",
            "Requests sent to the server.",
        )
        .with(TRANSPORT),
    ),
    (
        6,
        Metric::counter(
            "node_mountstats_nfs_transport_receives_total",
            "Answers received from the server.",
        )
        .with(TRANSPORT),
    ),
    (
        7,
        Metric::counter(
            "node_mountstats_nfs_transport_bad_transaction_ids_total",
            "Answers to requests that nobody made.",
        )
        .with(TRANSPORT),
    ),
    (
        9,
        Metric::counter(
            "node_mountstats_nfs_transport_backlog_queue_total",
            "Requests that were waiting for a slot, added up at each request.",
        )
        .with(TRANSPORT),
    ),
    (
        10,
        Metric::gauge(
            "node_mountstats_nfs_transport_maximum_rpc_slots",
            "Most requests that were ever under way at once.",
        )
        .with(TRANSPORT),
    ),
    (
        11,
        Metric::counter(
            "node_mountstats_nfs_transport_sending_queue_total",
            "Requests that were waiting to be sent, added up at each request.",
        )
        .with(TRANSPORT),
    ),
    (
        12,
        Metric::counter(
            "node_mountstats_nfs_transport_pending_queue_total",
            "Requests that were waiting for an answer, added up at each request.",
        )
        .with(TRANSPORT),
    ),
];

/// In the order of the lines of the per-operation statistics.
const OPERATIONS: [Metric; 9] = [
    Metric::counter("node_mountstats_nfs_operations_requests_total", "Requests of an operation.")
        .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_transmissions_total",
        "Transmissions of an operation's requests.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_major_timeouts_total",
        "Requests of an operation that timed out.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_sent_bytes_total",
        "Bytes sent for an operation.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_received_bytes_total",
        "Bytes received for an operation.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_queue_time_seconds_total",
        "Time an operation's requests waited to be sent.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_response_time_seconds_total",
        "Time an operation's requests waited for their answer.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_request_time_seconds_total",
        "Time an operation's requests took altogether.",
    )
    .with(OPERATION),
    Metric::counter(
        "node_mountstats_nfs_operations_errors_total",
        "Requests of an operation that failed.",
    )
    .with(OPERATION),
];
/// Fields of an operation that are milliseconds.
const MILLISECONDS: std::ops::Range<usize> = 5..8;

pub(super) const COLLECTOR: Collector =
    Collector { name: "mountstats", start: Off, metrics: &METRICS, collect };

const METRICS: [Metric; COUNT] = {
    let mut all = [AGE; COUNT];
    all[1] = POINT;
    let mut at = 0;
    while at < BYTES.len() {
        all[2 + at] = BYTES[at];
        at += 1;
    }
    at = 0;
    while at < EVENTS.len() {
        all[2 + BYTES.len() + at] = EVENTS[at];
        at += 1;
    }
    at = 0;
    while at < TRANSPORTS.len() {
        all[2 + BYTES.len() + EVENTS.len() + at] = TRANSPORTS[at].1;
        at += 1;
    }
    at = 0;
    while at < OPERATIONS.len() {
        all[2 + BYTES.len() + EVENTS.len() + TRANSPORTS.len() + at] = OPERATIONS[at];
        at += 1;
    }
    all
};
const COUNT: usize = 2 + BYTES.len() + EVENTS.len() + TRANSPORTS.len() + OPERATIONS.len();

const FILE: &str = "proc/self/mountstats";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read(&own(host, "mountstats"))?;
    let infos = host.read(&own(host, "mountinfo"))?;
    let (mut points, mut devices) = (BTreeSet::new(), BTreeSet::new());
    // Both files list the mounts in the same order; only the second tells the server's address.
    let mut infos = infos.lines();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(mount) = line.strip_prefix("device ") else { continue };
        let address = infos.next().and_then(address).unwrap_or_default();
        let fields: Vec<&str> = mount.split_ascii_whitespace().collect();
        let [device, "mounted", "on", point, "with", "fstype", kind, rest @ ..] = &fields[..]
        else {
            return Err(CollectError::Malformed(FILE));
        };
        if rest.is_empty() || !["nfs", "nfs4"].contains(kind) {
            continue;
        }
        let block = std::iter::from_fn(|| lines.next_if(|line| !line.starts_with("device ")));
        let stats = Stats::parse(block).ok_or(CollectError::Malformed(FILE))?;
        for (protocol, _) in &stats.transports {
            let labels = [*device, *protocol, address];
            if points.insert((labels, *point)) {
                out.put(&POINT, &[device, protocol, address, point], 1.0);
            }
            // The same export mounted twice has one set of counters.
            if !devices.insert(labels) {
                break;
            }
            stats.show(labels, out);
        }
    }
    Ok(())
}

/// A file about this process. In a tree that was copied without its links, `self` is a file with the
/// link's target in it.
fn own(host: &Host, file: &str) -> String {
    match host.line("proc/self").filter(|pid| pid.parse::<u32>().is_ok()) {
        Some(pid) => format!("proc/{pid}/{file}"),
        None => format!("proc/self/{file}"),
    }
}

/// The option `addr` behind the dash of a line of mountinfo.
fn address(line: &str) -> Option<&str> {
    let (_, filesystem) = line.split_once(" - ")?;
    filesystem.split(' ').nth(2)?.split(',').find_map(|option| option.strip_prefix("addr="))
}

/// What is told about one NFS mount.
#[derive(Debug, Default, PartialEq)]
struct Stats<'a> {
    age: u64,
    bytes: Vec<u64>,
    events: Vec<u64>,
    /// Protocol and fields of each connection.
    transports: Vec<(&'a str, Vec<u64>)>,
    operations: Vec<(&'a str, Vec<u64>)>,
}

impl<'a> Stats<'a> {
    fn parse(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let numbers = |text: &str| -> Option<Vec<u64>> {
            text.split_ascii_whitespace().map(|field| field.parse().ok()).collect()
        };
        let mut stats = Self::default();
        let mut operations = false;
        for line in lines {
            let Some((key, rest)) = line.trim().split_once(':') else {
                operations |= line.trim() == "per-op statistics";
                continue;
            };
            match key {
                _ if operations => stats.operations.push((key, numbers(rest)?)),
                "age" => stats.age = rest.trim().parse().ok()?,
                "bytes" => stats.bytes = numbers(rest)?,
                "events" => {
                    stats.events = numbers(rest)?;
                    if stats.events.len() > CONGESTION_WAIT {
                        stats.events.remove(CONGESTION_WAIT);
                    }
                }
                "xprt" => {
                    let (protocol, rest) = rest.trim().split_once(' ')?;
                    let mut fields = numbers(rest)?;
                    // UDP has no connections: neither their number nor two times of them.
                    if protocol == "udp" && fields.len() > 2 {
                        fields.splice(2..2, [0; 3]);
                    }
                    stats.transports.push((protocol, fields));
                }
                _ => {}
            }
        }
        Some(stats)
    }

    fn show(&self, labels: [&str; 3], out: &mut Families) {
        // The kernel keeps 64 bits and lets some of them run backwards below zero; the reference program
        // keeps what fits a float exactly.
        let exact = |value: u64| (value % (1 << 53)) as f64;
        let [export, protocol, address] = labels;
        out.put(&AGE, &labels, self.age as f64);
        for (metrics, values) in [(&BYTES[..], &self.bytes), (&EVENTS[..], &self.events)] {
            for (at, metric) in metrics.iter().enumerate() {
                let value = values.get(at).copied().unwrap_or(0);
                out.put(metric, &labels, value as f64);
            }
        }
        for (number, (_, fields)) in self.transports.iter().enumerate() {
            let number = number.to_string();
            for (field, metric) in &TRANSPORTS {
                let value = fields.get(*field).copied().unwrap_or(0);
                let labels = [export, protocol, address, &number];
                out.put(metric, &labels, exact(value));
            }
        }
        for (operation, fields) in &self.operations {
            for (at, metric) in OPERATIONS.iter().enumerate() {
                let value = fields.get(at).copied().unwrap_or(0);
                let value = match at {
                    _ if MILLISECONDS.contains(&at) => exact(value) / 1000.0,
                    _ => value as f64,
                };
                out.put(metric, &[export, protocol, address, operation], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn an_export_that_is_mounted_twice_is_counted_once() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let count = |name: &str| samples.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(count("node_mountstats_nfs_mountpoint_info{"), 2);
        assert_eq!(count("node_mountstats_nfs_age_seconds_total{"), 1);
        assert_eq!(count("node_mountstats_nfs_event_"), EVENTS.len());
        assert_eq!(count("node_mountstats_nfs_transport_"), 2 * TRANSPORTS.len());
        assert_eq!(count("node_mountstats_nfs_operations_"), 2 * OPERATIONS.len());
        let labels = "export=\"192.0.2.1:/srv\",mountaddr=\"192.0.2.1\"";
        for line in [
            format!("age_seconds_total{{{labels},protocol=\"tcp\"}} 13968"),
            format!("event_pnfs_write_total{{{labels},protocol=\"tcp\"}} 27"),
            format!("event_truncation_total{{{labels},protocol=\"tcp\"}} 20"),
            format!(
                "operations_queue_time_seconds_total{{{labels},operation=\"READ\",protocol=\"tcp\"}} 0.006"
            ),
            format!("transport_maximum_rpc_slots{{{labels},protocol=\"tcp\",transport=\"1\"}} 24"),
        ] {
            assert!(
                samples.contains(&format!("node_mountstats_nfs_{line}\n")),
                "{line}\n{samples}"
            );
        }
    }

    #[test]
    fn udp_has_no_connections() {
        let stats = Stats::parse(["xprt: udp 832 0 6428 6427 0 12154 0 24 26 5726"].into_iter());
        let (_, fields) = &stats.expect("well-formed").transports[0];
        assert_eq!(fields[..], [832, 0, 0, 0, 0, 6428, 6427, 0, 12154, 0, 24, 26, 5726]);
        assert_eq!(Stats::parse(["age: x"].into_iter()), None);
    }
}
