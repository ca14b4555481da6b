//! Bytes, packets and errors of network devices: asked of the kernel by netlink, or read from
//! `/proc/net/dev` (proc(5)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{Attributes, Link};
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

const ADDRESS: Metric =
    Metric::gauge("node_network_address_info", "An address of a network device; always 1.")
        .with(&["address", "device", "netmask", "scope"]);

const COUNTERS: [Metric; 4] = [RECEIVE, TRANSMIT, MULTICAST, COLLISIONS];

pub(super) const COLLECTOR: Collector = Collector {
    name: "netdev",
    start: On,
    metrics: &[RECEIVE, TRANSMIT, MULTICAST, COLLISIONS, ADDRESS],
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
    let settings = &host.settings;
    let links = if settings.netdev_netlink || settings.netdev_addresses {
        let messages =
            host.links().map_err(|source| CollectError::Call { call: "netlink", source })?;
        messages.iter().filter_map(|message| Link::read(message)).collect()
    } else {
        Vec::new()
    };
    if settings.netdev_netlink {
        for link in links.iter().filter(|link| settings.netdev.takes(&link.name)) {
            let alias = alias(host, &link.name);
            if settings.netdev_detailed {
                put_detailed(link, alias.as_deref(), MetricType::Counter, out);
            } else {
                for (name, parts) in &SUMMED {
                    let sum = parts.iter().map(|at| link.counters.get(*at).copied()).sum();
                    put(out, name, MetricType::Counter, &link.name, alias.as_deref(), sum);
                }
            }
        }
    } else {
        read(host, out)?;
    }
    if settings.netdev_addresses {
        addresses(host, &links, out)?;
    }
    Ok(())
}

/// The text an administrator gave a device, where it is a label.
fn alias(host: &Host, device: &str) -> Option<String> {
    let wanted = host.settings.netdev_alias;
    wanted.then(|| host.line(&format!("sys/class/net/{device}/ifalias")).unwrap_or_default())
}

/// Each counter of a device by its own name.
pub(super) fn put_detailed(link: &Link, alias: Option<&str>, kind: MetricType, out: &mut Families) {
    for (at, name) in DETAILED.iter().enumerate() {
        put(out, name, kind, &link.name, alias, link.counters.get(at).copied());
    }
}

fn put(
    out: &mut Families,
    counter: &str,
    kind: MetricType,
    device: &str,
    alias: Option<&str>,
    value: Option<u64>,
) {
    // Old kernels know fewer counters.
    let Some(value) = value else { return };
    let name = format!("node_network_{counter}_total");
    let declared = COUNTERS.iter().find(|metric| metric.covers(&name));
    let help = declared.map_or("", |metric| metric.help);
    let labels = [("device", device)].into_iter().chain(alias.map(|alias| ("ifalias", alias)));
    out.put_dynamic(&name, kind, help, labels, value as f64);
}

fn addresses(host: &Host, links: &[Link], out: &mut Families) -> Result<(), CollectError> {
    const PEER: u16 = 1;
    const LOCAL: u16 = 2;
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    let answer = netlink::dump(netlink::GET_ADDRESSES, &[0; 8], |message| {
        let Some((head, attributes)) = message.split_at_checked(8) else { return };
        let index = Attributes::u32(&head[4..8]);
        let Some(link) = links.iter().find(|link| link.index == index) else { return };
        if !host.settings.netdev.takes(&link.name) {
            return;
        }
        let find = |wanted| Attributes(attributes).find(|(kind, _)| *kind == wanted);
        // At an end of a line to one peer, the local address is the one of this host.
        let found = find(LOCAL).or_else(|| find(PEER)).and_then(|(_, bytes)| address(bytes));
        if let Some(address) = found {
            let labels = [&*address.to_string(), &link.name, &head[1].to_string(), scope(address)];
            out.put(&ADDRESS, &labels, 1.0);
        }
    });
    answer.map_err(|source| CollectError::Call { call: "netlink", source })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    v4().or_else(|_| v6()).ok()
}

/// How far an address reaches, in the words of the reference.
fn scope(address: IpAddr) -> &'static str {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02
        }
    };
    match address {
        _ if link_local || address.is_loopback() => "link-local",
        IpAddr::V6(address) if address.segments()[0] & 0xff0f == 0xff01 => "interface-local",
        IpAddr::V4(address) if address.is_broadcast() => "",
        _ if address.is_multicast() || address.is_unspecified() => "",
        _ => "global",
    }
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
        ("transmit_errs", "transmit_errors"),
        ("transmit_drop", "transmit_dropped"),
    ]
    .into();
    for line in lines {
        let (device, values) = line.rsplit_once(':').ok_or(CollectError::Malformed(FILE))?;
        let device = device.trim();
        if !host.settings.netdev.takes(device) {
            continue;
        }
        let alias = alias(host, device);
        for (column, value) in columns.iter().zip(values.split_ascii_whitespace()) {
            let value = value.parse().map_err(|_| CollectError::Malformed(FILE))?;
            let renamed = detailed.get(column.as_str()).filter(|_| host.settings.netdev_detailed);
            let name = renamed.copied().unwrap_or(column);
            put(out, name, MetricType::Counter, device, alias.as_deref(), Some(value));
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
    fn addresses_and_aliases_are_shown_on_request() {
        let host = fixture::host_with(|config| {
            config.netdev_netlink = false;
            config.netdev_addresses = true;
            config.netdev_alias = true;
        });
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(
            samples.contains("receive_bytes_total{device=\"eth0\",ifalias=\"uplink\"} 6.82"),
            "{samples}"
        );
        assert!(samples.contains("transmit_colls_total{device=\"eth0:1\",ifalias=\"\"} 7\n"));
        assert!(samples.contains(
            "node_network_address_info{address=\"127.0.0.1\",device=\"lo\",netmask=\"8\",\
             scope=\"link-local\"} 1\n"
        ));
        let scopes = ["10.1.2.3", "169.254.1.1", "ff01::1", "fe80::1", "2001:db8::1", "0.0.0.0"]
            .map(|text| scope(text.parse().expect("an address")));
        let expected = ["global", "link-local", "interface-local", "link-local", "global", ""];
        assert_eq!(scopes, expected);
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
