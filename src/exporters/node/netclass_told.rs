//! What one question over netlink (rtnetlink(7)) tells of the attributes in `/sys/class/net`: seventeen
//! files fewer to read for each device. The others stay open.

use std::path::Path;

use hashbrown::HashMap;

use super::Host;
use super::netclass_netlink::{STATES, hardware};
use super::netlink::{Attributes, Link};

/// `IFLA_…` of `linux/if_link.h`.
const ADDRESS: u16 = 1;
const BROADCAST: u16 = 2;
const LINKED: u16 = 5;
const OPERSTATE: u16 = 16;
const ALIAS: u16 = 20;
const PROMISCUITY: u16 = 30;
const ALL_MULTICAST: u16 = 61;
/// `IFF_…` of `linux/if.h`.
const IS_UP: u32 = 1;
const IS_RUNNING: u32 = 1 << 6;
const IS_PROMISCUOUS: u32 = 1 << 8;
const TAKES_MULTICAST: u32 = 1 << 9;
const HAS_LINK: u32 = 1 << 16;
const IS_DORMANT: u32 = 1 << 17;

/// One device.
#[derive(Debug)]
pub(super) struct Told {
    kind: u16,
    index: u32,
    flags: u32,
    numbers: HashMap<u16, u64>,
    pub address: String,
    pub broadcast: String,
    pub alias: String,
    pub state: &'static str,
}

/// What netlink tells of each device by its name; nothing where another sysfs than this kernel's own is
/// read, or where it does not answer.
pub(super) fn ask(host: &Host) -> HashMap<String, Told> {
    let mut devices = HashMap::new();
    if host.sysfs() != Path::new("/sys") {
        return devices;
    }
    if let Ok(messages) = host.links() {
        for message in messages.iter() {
            if let Some(link) = Link::read(message) {
                devices.insert(link.name, Told::read(message));
            }
        }
    }
    devices
}

impl Told {
    fn read(message: &[u8]) -> Self {
        let (head, attributes) = message.split_at(16);
        let mut told = Self {
            kind: u16::from_ne_bytes([head[2], head[3]]),
            index: Attributes::u32(&head[4..8]),
            flags: Attributes::u32(&head[8..12]),
            numbers: HashMap::new(),
            address: String::new(),
            broadcast: String::new(),
            alias: String::new(),
            state: STATES[0],
        };
        for (kind, value) in Attributes(attributes) {
            match kind {
                ADDRESS => told.address = hardware(value),
                BROADCAST => told.broadcast = hardware(value),
                ALIAS => told.alias = Attributes::text(value),
                OPERSTATE => {
                    let number = value.first().copied().unwrap_or_default();
                    told.state = STATES.get(usize::from(number)).copied().unwrap_or(STATES[0]);
                }
                _ if value.len() <= 4 => {
                    told.numbers.insert(kind, Attributes::number(value));
                }
                _ => {}
            }
        }
        told
    }

    /// The content of a one-line file of the device's folder without blanks around it; `None` when it
    /// cannot be read.
    pub(super) fn line(&self, host: &Host, device: &str, file: &str) -> Option<String> {
        // Of a device that is down these two cannot be read.
        let has = self.flags & IS_UP != 0 || !matches!(file, "duplex" | "speed");
        if has { host.link_line(device, self.index, file) } else { None }
    }

    /// The flags as sysfs has them: without the state of the link, and with what the device itself does
    /// where netlink shows what it was told to do. `None` from a kernel that does not count those.
    fn own_flags(&self) -> Option<u32> {
        let counted =
            |kind, flag| self.numbers.get(&kind).map(|count| if *count > 0 { flag } else { 0 });
        let own = counted(PROMISCUITY, IS_PROMISCUOUS)? | counted(ALL_MULTICAST, TAKES_MULTICAST)?;
        let others = IS_RUNNING | IS_PROMISCUOUS | TAKES_MULTICAST | HAS_LINK | IS_DORMANT;
        Some(self.flags & !others | own)
    }

    /// The number in a file of the device's folder, which `read` is asked for where netlink does not
    /// tell it. `None` for a file that cannot be read.
    pub(super) fn number(&self, file: &str, read: impl FnOnce() -> Option<f64>) -> Option<f64> {
        let is_up = self.flags & IS_UP != 0;
        let index = f64::from(self.index);
        let attribute = |kind: u16| self.numbers.get(&kind).map(|value| *value as f64);
        let told = match file {
            // These two cannot be read while the device is down.
            "carrier" | "dormant" if !is_up => return None,
            "carrier" => attribute(33),
            "carrier_changes" => attribute(35),
            "carrier_down_count" => attribute(48),
            "carrier_up_count" => attribute(47),
            "flags" => self.own_flags().map(f64::from),
            "dormant" => Some(f64::from(u8::from(self.flags & IS_DORMANT != 0))),
            "ifindex" => Some(index),
            // A device that is built on no other has no such attribute; sysfs shows its own number.
            "iflink" => attribute(LINKED).or(Some(index)),
            "link_mode" => attribute(17),
            "mtu" => attribute(4),
            "netdev_group" => attribute(27),
            "tx_queue_len" => attribute(13),
            "type" => Some(f64::from(self.kind)),
            _ => None,
        };
        told.or_else(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::Config;
    use crate::exporters::node::netclass::NUMBERS;

    /// Every device of this machine, file by file.
    #[test]
    fn netlink_and_sysfs_agree() {
        let host = Host::new(&Config::default()).expect("the defaults are well-formed");
        let told = ask(&host);
        assert!(told.contains_key("lo"), "{told:?}");
        for (name, told) in told {
            let Some(folder) = host.folder(&format!("sys/class/net/{name}")) else { continue };
            for (file, _) in &NUMBERS {
                let read = || folder.number(file);
                assert_eq!(told.number(file, read), read(), "{name}/{file}");
                // Twice: when it is opened, and when it is open.
                for _ in 0..2 {
                    let line = told.line(&host, &name, file);
                    assert_eq!(line, folder.line(file), "{name}/{file}");
                }
            }
            for file in ["speed", "duplex"] {
                assert_eq!(told.line(&host, &name, file), folder.line(file), "{name}/{file}");
            }
            let text = |file: &str| folder.line(file).unwrap_or_default();
            assert_eq!(told.address, text("address"), "{name}");
            assert_eq!(told.broadcast, text("broadcast"), "{name}");
            assert_eq!(told.alias, text("ifalias"), "{name}");
            assert_eq!(told.state, text("operstate"), "{name}");
        }
    }
}
