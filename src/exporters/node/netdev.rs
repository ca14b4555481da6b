//! Bytes, packets and errors of network devices: asked of the kernel by netlink, or read from
//! `/proc/net/dev` (proc(5)).

use std::collections::BTreeMap;

use super::{CollectError, Collector, Families, Host, Metric, On, netlink};
use crate::model::MetricType;

/// Without detailed metrics the errors are added up under the column names of `/proc/net/dev`.
const DEVICE: &[&str] = &["device"];
const RECEIVE: Metric =
    Metric::counter("node_network_receive_", "A device's counter of what it received.")
        .with(DEVICE)
        .open();
const TRANSMIT: Metric =
    Metric::counter("node_network_transmit_", "A device's counter of what it sent.")
        .with(DEVICE)
        .open();
const MULTICAST: Metric =
    Metric::counter("node_network_multicast_total", "Multicast packets received.").with(DEVICE);
const COLLISIONS: Metric =
    Metric::counter("node_network_collisions_total", "Collisions while sending.").with(DEVICE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "netdev",
    start: On,
    metrics: &[RECEIVE, TRANSMIT, MULTICAST, COLLISIONS],
    collect,
};

/// `struct rtnl_link_stats64` in its order.
const DETAILED: [&str; 24] = [
    "receive_packets",
    "transmit_packets",
    "receive_bytes",
    "transmit_bytes",
    "receive_errors",
    "transmit_errors",
    "receive_dropped",
    "transmit_dropped",
    "multicast",
    "collisions",
    "receive_length_errors",
    "receive_over_errors",
    "receive_crc_errors",
    "receive_frame_errors",
    "receive_fifo_errors",
    "receive_missed_errors",
    "transmit_aborted_errors",
    "transmit_carrier_errors",
    "transmit_fifo_errors",
    "transmit_heartbeat_errors",
    "transmit_window_errors",
    "receive_compressed",
    "transmit_compressed",
    "receive_nohandler",
];

/// Names as `/proc/net/dev` has them, and which of the above each adds up.
const SUMMED: [(&str, &[usize]); 17] = [
    ("receive_bytes", &[2]),
    ("receive_packets", &[0]),
    ("receive_errs", &[4]),
    ("receive_drop", &[6, 15]),
    ("receive_fifo", &[14]),
    ("receive_frame", &[10, 11, 12, 13]),
    ("receive_compressed", &[21]),
    ("receive_multicast", &[8]),
    ("receive_nohandler", &[23]),
    ("transmit_bytes", &[3]),
    ("transmit_packets", &[1]),
    ("transmit_errs", &[5]),
    ("transmit_drop", &[7]),
    ("transmit_fifo", &[18]),
    ("transmit_colls", &[9]),
    ("transmit_carrier", &[16, 17, 19, 20]),
    ("transmit_compressed", &[22]),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    if !host.settings.netdev_netlink {
        return read(host, out);
    }
    let links =
        netlink::links().map_err(|source| CollectError::Call { call: "netlink", source })?;
    for link in links.iter().filter(|link| host.settings.netdev.takes(&link.name)) {
        let counter = |at: usize| link.counters.get(at).copied();
        if host.settings.netdev_detailed {
            for (at, name) in DETAILED.iter().enumerate() {
                put(out, name, &link.name, counter(at));
            }
        } else {
            for (name, parts) in &SUMMED {
                put(out, name, &link.name, parts.iter().map(|at| counter(*at)).sum());
            }
        }
    }
    Ok(())
}

fn put(out: &mut Families, counter: &str, device: &str, value: Option<u64>) {
    // Old kernels know fewer counters.
    let Some(value) = value else { return };
    let name = format!("node_network_{counter}_total");
    let declared = COLLECTOR.metrics.iter().find(|metric| metric.covers(&name));
    let help = declared.map_or("", |metric| metric.help);
    out.put_dynamic(&name, MetricType::Counter, help, [("device", device)], value as f64);
}

/// Two header lines name the columns: `Inter-| Receive | Transmit`, ` face |bytes packets …|bytes …`.
fn read(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const FILE: &str = "proc/net/dev";
    let malformed = CollectError::Malformed(FILE);
    let text = host.read(FILE)?;
    let mut lines = text.lines().skip(1);
    let mut groups = lines.next().unwrap_or_default().split('|').skip(1);
    let (Some(received), Some(sent)) = (groups.next(), groups.next()) else {
        return Err(malformed);
    };
    let columns: Vec<String> = received
        .split_ascii_whitespace()
        .map(|name| format!("receive_{name}"))
        .chain(sent.split_ascii_whitespace().map(|name| format!("transmit_{name}")))
        .collect();
    let detailed: BTreeMap<&str, &str> = [
        ("receive_errs", "receive_errors"),
        ("receive_drop", "receive_dropped"),
        ("receive_multicast", "multicast"),
        ("transmit_errs", "transmit_errors"),
        ("transmit_drop", "transmit_dropped"),
        ("transmit_colls", "collisions"),
    ]
    .into();
    for line in lines {
        let (device, values) = line.rsplit_once(':').ok_or(CollectError::Malformed(FILE))?;
        let device = device.trim();
        if !host.settings.netdev.takes(device) {
            continue;
        }
        for (column, value) in columns.iter().zip(values.split_ascii_whitespace()) {
            let value = value.parse().map_err(|_| CollectError::Malformed(FILE))?;
            let renamed = detailed.get(column.as_str()).filter(|_| host.settings.netdev_detailed);
            put(out, renamed.unwrap_or(&column.as_str()), device, Some(value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_columns_of_the_file_become_counters() {
        let host = fixture::host_with(|config| config.netdev_netlink = false);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(
            samples.contains("node_network_receive_bytes_total{device=\"eth0\"} 6.8210035552e+10")
        );
        assert!(samples.contains("node_network_transmit_colls_total{device=\"eth0:1\"} 7\n"));
        assert_eq!(samples.lines().count(), 32);
    }

    #[test]
    fn the_kernel_tells_the_same_names() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for (name, _) in &SUMMED {
            assert!(samples.contains(&format!("node_network_{name}_total{{device=\"lo\"}} ")));
        }
        let host = fixture::host_with(|config| config.netdev_detailed = true);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_network_receive_missed_errors_total{device=\"lo\"} "));
        assert!(samples.contains("node_network_multicast_total{device=\"lo\"} "));
    }
}
