//! Attributes of network devices, from `/sys/class/net`; on request from netlink.

use super::host::number;
use super::netclass_netlink::{self, OTHER_NAME};
use super::{CollectError, Collector, Families, Host, Metric, On, netclass_told};

const DEVICE: &[&str] = &["device"];
pub(super) const UP: Metric =
    Metric::gauge("node_network_up", "Whether a device's operational state is `up`.").with(DEVICE);
pub(super) const INFO: Metric =
    Metric::gauge("node_network_info", "What a network device is; always 1.").with(&[
        "device",
        "address",
        "broadcast",
        "duplex",
        "operstate",
        "adminstate",
        "ifalias",
    ]);
pub(super) const SPEED: Metric =
    Metric::gauge("node_network_speed_bytes", "Bytes per second a device can carry.").with(DEVICE);

pub(super) const ADDRESS_ASSIGN: Metric = Metric::gauge(
    "node_network_address_assign_type",
    "How the hardware address came about: 0 permanent, 1 random, 2 stolen, 3 set.",
)
.with(DEVICE);
pub(super) const CARRIER: Metric =
    Metric::gauge("node_network_carrier", "Whether a device has a physical link.").with(DEVICE);
pub(super) const CARRIER_CHANGES: Metric = Metric::counter(
    "node_network_carrier_changes_total",
    "How often the physical link came or went.",
)
.with(DEVICE);
pub(super) const CARRIER_UP: Metric =
    Metric::counter("node_network_carrier_up_changes_total", "How often the physical link came.")
        .with(DEVICE);
pub(super) const CARRIER_DOWN: Metric =
    Metric::counter("node_network_carrier_down_changes_total", "How often the physical link went.")
        .with(DEVICE);
pub(super) const DEVICE_ID: Metric = Metric::gauge(
    "node_network_device_id",
    "Number that tells devices with one hardware address apart.",
)
.with(DEVICE);
pub(super) const DORMANT: Metric =
    Metric::gauge("node_network_dormant", "Whether a device waits for an outside event.")
        .with(DEVICE);
pub(super) const FLAGS: Metric =
    Metric::gauge("node_network_flags", "Flags of a device as in netdevice(7).").with(DEVICE);
pub(super) const INDEX: Metric =
    Metric::gauge("node_network_iface_id", "The kernel's number of a device.").with(DEVICE);
pub(super) const LINK: Metric =
    Metric::gauge("node_network_iface_link", "Number of the device this one is built on.")
        .with(DEVICE);
pub(super) const LINK_MODE: Metric = Metric::gauge(
    "node_network_iface_link_mode",
    "How the link state is found: 0 default, 1 dormant.",
)
.with(DEVICE);
pub(super) const MTU: Metric =
    Metric::gauge("node_network_mtu_bytes", "Largest packet a device carries.").with(DEVICE);
pub(super) const NAME_ASSIGN: Metric = Metric::gauge(
    "node_network_name_assign_type",
    "How the name came about: 1 unpredictably, 2 predictably, 3 by a user, 4 renamed.",
)
.with(DEVICE);
pub(super) const GROUP: Metric =
    Metric::gauge("node_network_net_dev_group", "Group a device belongs to.").with(DEVICE);
pub(super) const QUEUE: Metric =
    Metric::gauge("node_network_transmit_queue_length", "Packets that may wait to be sent.")
        .with(DEVICE);
pub(super) const PROTOCOL: Metric =
    Metric::gauge("node_network_protocol_type", "Kind of device: 1 is Ethernet, 772 is loopback.")
        .with(DEVICE);

// The counters that come on request are declared by the collector `netdev`.
pub(super) const COLLECTOR: Collector = Collector {
    name: "netclass",
    start: On,
    metrics: &[
        UP,
        INFO,
        OTHER_NAME,
        SPEED,
        ADDRESS_ASSIGN,
        CARRIER,
        CARRIER_CHANGES,
        CARRIER_UP,
        CARRIER_DOWN,
        DEVICE_ID,
        DORMANT,
        FLAGS,
        INDEX,
        LINK,
        LINK_MODE,
        MTU,
        NAME_ASSIGN,
        GROUP,
        QUEUE,
        PROTOCOL,
    ],
    collect,
};

/// Attributes that are a number. Those that make no sense for a device cannot be read.
pub(super) const NUMBERS: [(&str, Metric); 16] = [
    ("addr_assign_type", ADDRESS_ASSIGN),
    ("carrier", CARRIER),
    ("carrier_changes", CARRIER_CHANGES),
    ("carrier_up_count", CARRIER_UP),
    ("carrier_down_count", CARRIER_DOWN),
    ("dev_id", DEVICE_ID),
    ("dormant", DORMANT),
    ("flags", FLAGS),
    ("ifindex", INDEX),
    ("iflink", LINK),
    ("link_mode", LINK_MODE),
    ("mtu", MTU),
    ("name_assign_type", NAME_ASSIGN),
    ("netdev_group", GROUP),
    ("tx_queue_len", QUEUE),
    ("type", PROTOCOL),
];
pub(super) const FLAG_UP: u64 = 1;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    if host.settings.netclass_netlink {
        return netclass_netlink::collect(host, out);
    }
    let told = netclass_told::ask(host);
    for device in host.list("sys/class/net")? {
        if !host.settings.netclass.takes(&device) {
            continue;
        }
        let told = told.get(&device);
        let folder = match told {
            Some(_) => None,
            None => host.folder(&format!("sys/class/net/{device}")),
        };
        let line = |file: &str| match (told, &folder) {
            (Some(told), _) => told.line(host, &device, file),
            (None, folder) => folder.as_ref()?.line(file),
        };
        // `bonding_masters` is a file among the devices.
        if told.is_none() && folder.is_none() {
            continue;
        }
        let text = |file: &str| line(file).unwrap_or_default();
        let mut admin = "unknown";
        for (file, metric) in &NUMBERS {
            let read = || number(&line(file)?);
            if let Some(value) = told.map_or_else(read, |told| told.number(file, read)) {
                if *file == "flags" {
                    admin = if value as u64 & FLAG_UP == 0 { "down" } else { "up" };
                }
                out.put(metric, &[&device], value);
            }
        }
        let [address, broadcast, state, alias] = match told {
            Some(told) => [
                told.address.clone(),
                told.broadcast.clone(),
                told.state.to_owned(),
                told.alias.clone(),
            ],
            None => ["address", "broadcast", "operstate", "ifalias"].map(text),
        };
        out.put(&UP, &[&device], f64::from(u8::from(state == "up")));
        let duplex = text("duplex");
        let labels = [&*device, &address, &broadcast, &duplex, &state, admin, &alias];
        out.put(&INFO, &labels, 1.0);
        if let Some(megabits) = line("speed").and_then(|line| number(&line)) {
            // Devices that do not know their speed say -1.
            if megabits >= 0.0 || !host.settings.netclass_ignore_invalid_speed {
                out.put(&SPEED, &[&device], megabits * 1000.0 * 1000.0 / 8.0);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn attributes_of_devices_are_shown_and_files_among_them_are_not() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_network_flags{device=\"eth0\"} 4867\n"), "{samples}");
        assert!(samples.contains("node_network_speed_bytes{device=\"eth0\"} 1.25e+08\n"));
        assert!(samples.contains(
            "node_network_info{address=\"02:00:00:00:00:01\",adminstate=\"up\",broadcast=\"\",\
             device=\"eth0\",duplex=\"full\",ifalias=\"uplink\",operstate=\"up\"} 1\n"
        ));
        assert!(!samples.contains("bonding_masters"));
    }
}
