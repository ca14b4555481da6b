//! Attributes of network devices as netlink tells them (rtnetlink(7)), for `netclass` on request: one
//! question for all devices, and one for the links of those that have any. What the kernel tells neither
//! way comes from sysfs.

use std::collections::BTreeMap;

use super::ethtool_links::{self, links};
use super::netclass::{
    ADDRESS_ASSIGN, CARRIER, CARRIER_CHANGES, CARRIER_DOWN, CARRIER_UP, DEVICE_ID, DORMANT,
    FLAG_UP, FLAGS, GROUP, INDEX, INFO, LINK, LINK_MODE, MTU, NAME_ASSIGN, PROTOCOL, QUEUE, SPEED,
    UP,
};
use super::netlink::{self, Attributes, Link};
use super::{CollectError, Families, Host, Metric, netdev};
use crate::model::MetricType;

pub(super) const OTHER_NAME: Metric =
    Metric::gauge("node_network_altnames_info", "Another name of a network device; always 1.")
        .with(&["altname", "device"]);

/// Attributes that are a number, by their kinds `IFLA_…` in `linux/if_link.h`.
const NUMBERS: [(u16, Metric); 10] = [
    (4, MTU),
    (13, QUEUE),
    (17, LINK_MODE),
    // The kernel's `dormant` is a state of operation; the reference shows the mode of the link.
    (17, DORMANT),
    (27, GROUP),
    (33, CARRIER),
    (35, CARRIER_CHANGES),
    (47, CARRIER_UP),
    (48, CARRIER_DOWN),
    (LINKED, LINK),
];
const ADDRESS: u16 = 1;
const BROADCAST: u16 = 2;
const LINKED: u16 = 5;
const OPERSTATE: u16 = 16;
const ALIAS: u16 = 20;
const PROPERTIES: u16 = 52;
const ALTERNATIVE_NAME: u16 = 53;

/// States of operation by their numbers (RFC 2863).
pub(super) const STATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

pub(super) fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    // A kernel before 5.6 does not know the question; it tells neither speed nor duplex.
    let ends = links().unwrap_or_else(|err| {
        tracing::debug!("speeds of links: {err}");
        BTreeMap::new()
    });
    let answer = netlink::dump(netlink::GET_LINKS, &[0; 16], |message| {
        let Some(link) = Link::read(message) else { return };
        if host.settings.netclass.takes(&link.name) {
            show(host, message, &link, ends.get(&link.name), out);
        }
    });
    answer.map_err(|source| CollectError::Call { call: "netlink", source })
}

fn show(
    host: &Host,
    message: &[u8],
    link: &Link,
    ends: Option<&ethtool_links::Link>,
    out: &mut Families,
) {
    let device = [&*link.name];
    let (head, attributes) = message.split_at(16);
    let flags = Attributes::u32(&head[8..12]);
    out.put(&PROTOCOL, &device, f64::from(u16::from_ne_bytes([head[2], head[3]])));
    out.put(&INDEX, &device, f64::from(link.index));
    out.put(&FLAGS, &device, f64::from(flags));
    let (mut state, mut linked) = (STATES[0], false);
    let (mut address, mut broadcast, mut alias) = (String::new(), String::new(), String::new());
    for (kind, value) in Attributes(attributes) {
        for (_, metric) in NUMBERS.iter().filter(|(number, _)| *number == kind) {
            out.put(metric, &device, Attributes::number(value) as f64);
        }
        match kind {
            LINKED => linked = true,
            ADDRESS => address = hardware(value),
            BROADCAST => broadcast = hardware(value),
            ALIAS => alias = Attributes::text(value),
            OPERSTATE => {
                let number = value.first().copied().unwrap_or_default();
                state = STATES.get(usize::from(number)).copied().unwrap_or(STATES[0]);
            }
            PROPERTIES => {
                let names = Attributes(value).filter(|(kind, _)| *kind == ALTERNATIVE_NAME);
                for (_, name) in names {
                    out.put(&OTHER_NAME, &[&Attributes::text(name), &link.name], 1.0);
                }
            }
            _ => {}
        }
    }
    // A device that is built on no other has no such attribute; sysfs shows its own number.
    if !linked {
        out.put(&LINK, &device, f64::from(link.index));
    }
    out.put(&UP, &device, f64::from(u8::from(state == "up")));
    let admin = if flags & FLAG_UP as u32 == 0 { "down" } else { "up" };
    let folder = host.folder(&format!("sys/class/net/{}", link.name));
    // Written as ethtool says it.
    let duplex = match ends.map(|ends| ends.duplex) {
        None => "",
        Some(0) => "Half",
        Some(1) => "Full",
        Some(_) => "Unknown",
    };
    let labels = [&*link.name, &address, &broadcast, duplex, state, admin, &alias];
    out.put(&INFO, &labels, 1.0);
    let number = |file| folder.as_ref().and_then(|folder| folder.number(file));
    for (file, metric) in [
        ("addr_assign_type", ADDRESS_ASSIGN),
        ("dev_id", DEVICE_ID),
        ("name_assign_type", NAME_ASSIGN),
    ] {
        if let Some(value) = number(file) {
            out.put(&metric, &device, value);
        }
    }
    if let Some(ends) = ends {
        // The reference takes the word for an unknown speed for a number.
        let unknown = ends.megabits > i32::MAX as u32;
        if !(unknown && host.settings.netclass_ignore_invalid_speed) {
            out.put(&SPEED, &device, f64::from(ends.megabits) * 1000.0 * 1000.0 / 8.0);
        }
    }
    if host.settings.netclass_counters {
        // Gauges here, as in the reference; counters where `netdev` shows them.
        netdev::put_detailed(link, None, MetricType::Gauge, out);
    }
}

/// A hardware address as it is usually written.
pub(super) fn hardware(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use super::super::netclass::COLLECTOR;
    use super::*;
    use crate::catalogue::write_text;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_kernel_tells_of_the_loopback_device() {
        let host = fixture::host_with(|config| config.netclass_netlink = true);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_network_protocol_type{device=\"lo\"} 772\n"), "{samples}");
        assert!(samples.contains("node_network_carrier_changes_total{device=\"lo\"} "));
        assert!(samples.contains(
            "node_network_info{address=\"00:00:00:00:00:00\",adminstate=\"up\",\
             broadcast=\"00:00:00:00:00:00\",device=\"lo\",duplex=\"\",ifalias=\"\","
        ));
        let host = fixture::host_with(|config| {
            config.netclass_netlink = true;
            config.netclass_counters = true;
        });
        let mut families = Families::default();
        collect(&host, &mut families).expect("netlink answers anyone");
        let missed = "node_network_receive_missed_errors_total";
        let missed = families.iter().find(|(name, _)| *name == missed).expect("it is asked for");
        assert_eq!(missed.1.kind, MetricType::Gauge);
    }

    #[test]
    fn speed_and_duplex_are_those_of_the_link() {
        let shown = |ignore, ends: Option<&ethtool_links::Link>| {
            let host = fixture::host_with(|config| config.netclass_ignore_invalid_speed = ignore);
            let name = netlink::attribute(3, b"eth0\0");
            let message = [vec![0; 16], name].concat();
            let link = Link::read(&message).expect("long enough");
            let mut out = Families::default();
            show(&host, &message, &link, ends, &mut out);
            let mut text = String::new();
            write_text(&out, &mut text);
            let duplex = text.split_once("duplex=\"").expect("always shown").1;
            let speed = text.lines().find(|line| line.starts_with("node_network_speed_bytes"));
            let speed = speed.and_then(|line| line.split_once(' '));
            let duplex = duplex.split('"').next().unwrap_or_default().to_owned();
            (duplex, speed.map(|(_, value)| value.to_owned()))
        };
        let (_, mut ends) =
            ethtool_links::Link::parse(&ethtool_links::recorded()).expect("well-formed");
        let full = ("Full".to_owned(), Some("1.25e+08".to_owned()));
        assert_eq!(shown(false, Some(&ends)), full);
        assert_eq!(shown(false, None), (String::new(), None));
        (ends.megabits, ends.duplex) = (u32::MAX, 255);
        let unknown = "Unknown".to_owned();
        assert_eq!(shown(true, Some(&ends)), (unknown.clone(), None));
        assert_eq!(shown(false, Some(&ends)), (unknown, Some("5.36870911875e+14".to_owned())));
    }
}
