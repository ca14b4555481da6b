//! Routes and which device they use, asked of the kernel by netlink (rtnetlink(7)).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::netlink::{self, Attributes};
use super::{CollectError, Collector, Families, Host, Metric, Off};

const INFO: Metric = Metric::gauge("node_network_route_info", "A route; always 1.")
    .with(&["device", "src", "dest", "gw", "priority", "proto", "weight"]);
const ROUTES: Metric =
    Metric::gauge("node_network_routes", "Routes that use a device.").with(&["device"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "network_route", start: Off, metrics: &[INFO, ROUTES], collect };

/// Who made a route: `RTPROT_…` in linux/rtnetlink.h.
const PROTOCOLS: [(u8, &str); 21] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrouted"),
    (42, "babel"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let failed = |source| CollectError::Call { call: "netlink", source };
    let devices = host.device_names()?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    // struct rtmsg, all zero: routes of every family and table.
    netlink::dump(netlink::GET_ROUTES, &[0; 12], |message| {
        let Some(route) = Route::parse(message) else { return };
        for hop in &route.hops {
            let device = devices.get(&hop.device).map_or("", String::as_str);
            let Route { source, target, priority, protocol, .. } = &route;
            let labels = [device, source, target, &hop.gateway, priority, protocol, &hop.weight];
            out.put(&INFO, &labels, 1.0);
            *counts.entry(device.to_owned()).or_default() += 1;
        }
    })
    .map_err(failed)?;
    for (device, count) in counts {
        out.put(&ROUTES, &[&device], count as f64);
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Route {
    source: String,
    target: String,
    priority: String,
    protocol: &'static str,
    hops: Vec<Hop>,
}

#[derive(Debug, Default, PartialEq)]
struct Hop {
    device: u32,
    gateway: String,
    /// Empty unless the route has several hops.
    weight: String,
}

impl Route {
    /// A route to other hosts; local, broadcast and blocked addresses are `None`.
    fn parse(message: &[u8]) -> Option<Self> {
        const UNICAST: u8 = 1;
        const TARGET: u16 = 1;
        const DEVICE: u16 = 4;
        const GATEWAY: u16 = 5;
        const PRIORITY: u16 = 6;
        const PREFERRED_SOURCE: u16 = 7;
        const MULTIPATH: u16 = 9;
        // struct rtmsg: family, length of the target (at 1), …, protocol (at 5), scope, type (at 7), flags.
        let (head, attributes) = message.split_at_checked(12)?;
        if head[7] != UNICAST {
            return None;
        }
        let (mut source, mut target, mut priority) = (String::new(), String::new(), 0);
        let (mut hop, mut hops) = (Hop::default(), Vec::new());
        for (kind, value) in Attributes(attributes) {
            match kind {
                TARGET => target = address(value),
                PREFERRED_SOURCE => source = address(value),
                DEVICE => hop.device = Attributes::u32(value),
                GATEWAY => hop.gateway = address(value),
                PRIORITY => priority = Attributes::u32(value),
                MULTIPATH => hops = multipath(value, GATEWAY),
                _ => {}
            }
        }
        if hops.is_empty() {
            hops.push(hop);
        }
        let protocol = PROTOCOLS.iter().find(|(number, _)| *number == head[5]);
        let target = match head[1] {
            0 => "default".to_owned(),
            length => format!("{target}/{length}"),
        };
        Some(Self {
            source,
            target,
            priority: priority.to_string(),
            protocol: protocol.map_or("unknown", |(_, name)| *name),
            hops,
        })
    }
}

/// Several `struct rtnexthop`: length, flags, weight less one (at 3), device (at 4), attributes.
fn multipath(mut bytes: &[u8], gateway: u16) -> Vec<Hop> {
    let mut hops = Vec::new();
    while let Some(head) = bytes.get(..8) {
        let size = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let Some(attributes) = bytes.get(8..size) else { break };
        let address = Attributes(attributes).find(|(kind, _)| *kind == gateway);
        hops.push(Hop {
            device: Attributes::u32(&head[4..8]),
            gateway: address.map(|(_, value)| self::address(value)).unwrap_or_default(),
            weight: (u32::from(head[3]) + 1).to_string(),
        });
        bytes = bytes.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

fn address(bytes: &[u8]) -> String {
    let address = match <[u8; 4]>::try_from(bytes) {
        Ok(four) => Some(IpAddr::from(four)),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    };
    address.map(|address| address.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::netlink::attribute;
    use super::*;
    use crate::exporters::node::host::fixture;

    fn message(length: u8, protocol: u8, kind: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let head = [2, length, 0, 0, 254, protocol, 0, kind, 0, 0, 0, 0];
        [&head[..], &attributes.concat()].concat()
    }

    #[test]
    fn routes_name_their_way() {
        let default = message(
            0,
            16,
            1,
            &[
                attribute(5, &[192, 0, 2, 1]),
                attribute(4, &2_u32.to_ne_bytes()),
                attribute(6, &100_u32.to_ne_bytes()),
                attribute(7, &[192, 0, 2, 9]),
            ],
        );
        let route = Route::parse(&default).expect("well-formed");
        let hop = Hop { device: 2, gateway: "192.0.2.1".into(), weight: String::new() };
        assert_eq!(
            route,
            Route {
                source: "192.0.2.9".into(),
                target: "default".into(),
                priority: "100".into(),
                protocol: "dhcp",
                hops: vec![hop],
            }
        );
        assert_eq!(Route::parse(&message(32, 2, 2, &[])), None, "local addresses are no routes");
    }

    #[test]
    fn a_route_over_several_hops_has_weights() {
        let gateway = |last| attribute(5, &[192, 0, 2, last]);
        let hop = |device: u32, weight: u8, gateway: Vec<u8>| {
            let size = (8 + gateway.len()) as u16;
            let [low, high] = size.to_ne_bytes();
            [&[low, high, 0, weight][..], &device.to_ne_bytes(), &gateway].concat()
        };
        let hops = [hop(2, 0, gateway(1)), hop(3, 4, gateway(2))].concat();
        let route = message(8, 99, 1, &[attribute(1, &[10, 0, 0, 0]), attribute(9, &hops)]);
        let route = Route::parse(&route).expect("well-formed");
        assert_eq!((&*route.target, route.protocol), ("10.0.0.0/8", "unknown"));
        let hops: Vec<_> =
            route.hops.iter().map(|hop| (hop.device, &*hop.gateway, &*hop.weight)).collect();
        assert_eq!(hops, [(2, "192.0.2.1", "1"), (3, "192.0.2.2", "5")]);
    }

    #[test]
    fn the_kernel_answers() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let infos = samples.lines().filter(|line| line.starts_with(INFO.name)).count();
        let count = |line: &str| line.rsplit_once(' ')?.1.parse::<usize>().ok();
        let routes = samples.lines().filter(|line| line.starts_with(ROUTES.name));
        assert_eq!(routes.filter_map(count).sum::<usize>(), infos);
    }
}
