//! Neighbours known by ARP, counted by device: asked of the kernel by netlink, or read from
//! `/proc/net/arp` (arp(7), rtnetlink(7)).

use std::collections::BTreeMap;

use super::netlink::{self, Attributes};
use super::{CollectError, Collector, Families, Host, Metric, On};

const ENTRIES: Metric =
    Metric::gauge("node_arp_entries", "Neighbours known on a device.").with(&["device"]);
const STATES: Metric = Metric::gauge("node_arp_states", "Neighbours on a device by their state.")
    .with(&["device", "state"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "arp", start: On, metrics: &[ENTRIES, STATES], collect };

/// Bits of `ndm_state` and how they are called.
const STATE_NAMES: [(u16, &str); 7] = [
    (0x01, "incomplete"),
    (0x02, "reachable"),
    (0x04, "stale"),
    (0x08, "delay"),
    (0x10, "probe"),
    (0x20, "failed"),
    (0x80, "permanent"),
];
const NOARP: u16 = 0x40;
const FAMILY_IPV4: u8 = 2;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut entries: BTreeMap<String, u64> = BTreeMap::new();
    if host.settings.arp_netlink {
        let mut states: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for (device, state) in neighbours(host)? {
            if let Some((_, name)) = STATE_NAMES.iter().find(|(bit, _)| *bit == state) {
                *states.entry((device.clone(), name)).or_default() += 1;
            }
            *entries.entry(device).or_default() += 1;
        }
        for ((device, state), count) in states {
            if host.settings.arp_devices.takes(&device) {
                out.put(&STATES, &[&device, state], count as f64);
            }
        }
    } else {
        let text = host.read("proc/net/arp")?;
        for line in text.lines().skip(1) {
            let device = line.split_ascii_whitespace().next_back();
            let device = device.ok_or(CollectError::Malformed("proc/net/arp"))?;
            *entries.entry(device.to_owned()).or_default() += 1;
        }
    }
    for (device, count) in entries {
        if host.settings.arp_devices.takes(&device) {
            out.put(&ENTRIES, &[&device], count as f64);
        }
    }
    Ok(())
}

/// Device and state of every IPv4 neighbour that was found by ARP.
fn neighbours(host: &Host) -> Result<Vec<(String, u16)>, CollectError> {
    let failed = |source| CollectError::Call { call: "netlink", source };
    let devices = host.device_names()?;
    let mut found = Vec::new();
    // struct ndmsg: family, padding, index (at 4), state (at 8), flags, type.
    let mut request = [0; 12];
    request[0] = FAMILY_IPV4;
    netlink::dump(netlink::GET_NEIGHBOURS, &request, |message| {
        let Some((head, _)) = message.split_at_checked(12) else { return };
        let index = Attributes::u32(&head[4..8]);
        let state = u16::from_ne_bytes([head[8], head[9]]);
        if head[0] == FAMILY_IPV4 && state & NOARP == 0 {
            found.extend(devices.get(&index).map(|device| (device.clone(), state)));
        }
    })
    .map_err(failed)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn entries_of_the_table_are_counted_by_device() {
        let host = fixture::host_with(|config| config.arp_netlink = false);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert_eq!(
            samples,
            "node_arp_entries{device=\"eth0\"} 2\nnode_arp_entries{device=\"eth1\"} 1\n"
        );
    }

    #[test]
    fn the_kernel_can_be_asked() {
        collect(&fixture::host(), &mut Families::default()).expect("netlink answers anyone");
    }
}
