//! The links of network devices as their drivers set them, by generic netlink
//! (Documentation/networking/ethtool-netlink.rst).

use std::collections::BTreeMap;
use std::io;

use super::ethtool_modes::Modes;
use super::netlink::{Attributes, Family, attribute};

/// How one device talks to its peer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Link {
    pub autonegotiate: bool,
    pub supported: Modes,
    pub advertised: Modes,
    /// Megabits per second; the largest number there is when the driver does not know.
    pub megabits: u32,
    /// Half, full, or something unknown.
    pub duplex: u8,
}

/// The links of all devices that have modes, by name.
pub(super) fn links() -> io::Result<BTreeMap<String, Link>> {
    const GET_MODES: u8 = 4;
    const HEADER: u16 = 1;
    const HEADER_FLAGS: u16 = 3;
    const NESTED: u16 = 0x8000;
    const COMPACT: u32 = 1;
    let family = Family::find("ethtool", 1)?;
    let header = attribute(HEADER | NESTED, &attribute(HEADER_FLAGS, &COMPACT.to_ne_bytes()));
    let mut links = BTreeMap::new();
    family.dump(GET_MODES, &header, |answer| links.extend(Link::parse(answer)))?;
    Ok(links)
}

impl Link {
    /// Reads the attributes of an answer; `None` when they name no device.
    pub(super) fn parse(attributes: &[u8]) -> Option<(String, Self)> {
        const HEADER: u16 = 1;
        const AUTONEGOTIATE: u16 = 2;
        const OURS: u16 = 3;
        const SPEED: u16 = 5;
        const DUPLEX: u16 = 6;
        const NAME: u16 = 2;
        const VALUE: u16 = 4;
        const MASK: u16 = 5;
        let words = |value: &[u8]| {
            let (words, _) = value.as_chunks::<4>();
            Modes(words.iter().map(|word| u32::from_ne_bytes(*word)).collect())
        };
        let (mut name, mut link) = (None, Self::default());
        for (kind, value) in Attributes(attributes) {
            match kind {
                HEADER => {
                    let found = Attributes(value).find(|(kind, _)| *kind == NAME);
                    name = found.map(|(_, value)| Attributes::text(value));
                }
                AUTONEGOTIATE => link.autonegotiate = Attributes::number(value) == 1,
                SPEED => link.megabits = Attributes::u32(value),
                DUPLEX => link.duplex = value.first().copied().unwrap_or_default(),
                // A compact bit set: the mask is what can be, the value what is offered.
                OURS => {
                    for (kind, value) in Attributes(value) {
                        match kind {
                            VALUE => link.advertised = words(value),
                            MASK => link.supported = words(value),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Some((name?, link))
    }
}

/// An answer of the kernel for tests: twisted pair, 10/100 half and full, 1000 full, both pauses; without
/// 10 half offered.
#[cfg(test)]
pub(super) fn recorded() -> Vec<u8> {
    let supported: u32 = 0b110_0000_1110_1111;
    let advertised = supported & !1;
    let set = [
        attribute(2, &32_u32.to_ne_bytes()),
        attribute(4, &advertised.to_ne_bytes()),
        attribute(5, &supported.to_ne_bytes()),
    ];
    let name = attribute(2, b"eth0\0");
    let speed = attribute(5, &1000_u32.to_ne_bytes());
    let parts = [attribute(1, &name), attribute(2, &[1]), attribute(3, &set.concat()), speed];
    [parts.concat(), attribute(6, &[1])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_from_its_message() {
        let (device, link) = Link::parse(&recorded()).expect("well-formed");
        assert_eq!((&*device, link.megabits, link.duplex), ("eth0", 1000, 1));
        assert!(link.autonegotiate && link.supported.has(0) && !link.advertised.has(0));
        assert_eq!(Link::parse(&attribute(2, &[1])), None, "a link without a name");
    }
}
