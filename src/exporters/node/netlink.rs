//! Questions to the kernel over netlink (netlink(7), rtnetlink(7), sock_diag(7) and generic netlink):
//! the counters are 64 bits wide and need no file system.

use std::io;

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
    socket_with,
};

/// `RTM_GETLINK`: all devices.
pub(super) const GET_LINKS: u16 = 18;
/// `RTM_GETADDR`: all addresses of devices.
pub(super) const GET_ADDRESSES: u16 = 22;
/// `RTM_GETNEIGH`: all neighbours.
pub(super) const GET_NEIGHBOURS: u16 = 30;

/// `RTM_GETROUTE`: all routes.
pub(super) const GET_ROUTES: u16 = 26;
/// `RTM_GETQDISC`: all queueing disciplines.
pub(super) const GET_QDISCS: u16 = 38;

/// `NLM_F_REQUEST | NLM_F_DUMP`: all objects, ended by a message of its own.
const DUMP: u16 = 0x301;
/// `NLM_F_REQUEST | NLM_F_ACK`: one object, ended by an acknowledgement.
const ONE: u16 = 0x5;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;

/// Asks for all objects of a kind; `each` gets every answer from behind the netlink header.
pub(super) fn dump(kind: u16, body: &[u8], each: impl FnMut(&[u8])) -> io::Result<()> {
    // Without a number the protocol is 0, NETLINK_ROUTE.
    ask(None, kind, DUMP, body, each)
}

/// Asks for all TCP sockets of an address family; `each` gets every `struct inet_diag_msg`.
pub(super) fn tcp_sockets(family: u8, each: impl FnMut(&[u8])) -> io::Result<()> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const TCP: u8 = 6;
    // struct inet_diag_req_v2: family, protocol, extensions, padding, states (at 4), socket.
    let mut request = [0; 56];
    request[0] = family;
    request[1] = TCP;
    request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    ask(Some(netlink::SOCK_DIAG), SOCK_DIAG_BY_FAMILY, DUMP, &request, each)
}

fn ask(
    protocol: Option<Protocol>,
    kind: u16,
    flags: u16,
    body: &[u8],
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    // An answer that does not come would hold the scrape; the kernel answers at once or never.
    let timeout = Some(std::time::Duration::from_secs(2));
    rustix::net::sockopt::set_socket_timeout(
        &socket,
        rustix::net::sockopt::Timeout::Recv,
        timeout,
    )?;
    let mut request = Vec::with_capacity(HEADER + body.len());
    request.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(body);
    send(&socket, &request, SendFlags::empty())?;
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = &buffer[..length];
        while rest.len() >= HEADER {
            let size = Attributes::u32(&rest[..4]) as usize;
            let kind = u16::from_ne_bytes([rest[4], rest[5]]);
            if size < HEADER || size > rest.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let message = &rest[HEADER..size];
            match kind {
                DONE => return Ok(()),
                ERROR => {
                    let code = message.get(..4).map_or(0, Attributes::u32) as i32;
                    // An acknowledgement is an error without one.
                    return if code == 0 {
                        Ok(())
                    } else {
                        Err(io::Error::from_raw_os_error(-code))
                    };
                }
                _ => each(message),
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// A family of generic netlink, whose number the kernel gives out when it is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    id: u16,
    version: u8,
}

impl Family {
    /// Looks a family up by its name; `NotFound` where the kernel does not have it.
    pub(super) fn find(name: &str, version: u8) -> io::Result<Self> {
        const CONTROL: Family = Family { id: 16, version: 1 };
        const GET_FAMILY: u8 = 3;
        const ID: u16 = 1;
        const NAME: u16 = 2;
        let mut found = None;
        let name = [name.as_bytes(), &[0]].concat();
        CONTROL.ask(ONE, GET_FAMILY, &attribute(NAME, &name), |answer| {
            let id = Attributes(answer).find(|(kind, _)| *kind == ID).map(|(_, value)| value);
            found = id.and_then(|id| id.try_into().ok()).map(u16::from_ne_bytes);
        })?;
        found.map(|id| Self { id, version }).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Asks for all objects; `each` gets the attributes of every answer.
    pub(super) fn dump(self, command: u8, body: &[u8], each: impl FnMut(&[u8])) -> io::Result<()> {
        self.ask(DUMP, command, body, each)
    }

    fn ask(
        self,
        flags: u16,
        command: u8,
        body: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let request = [&[command, self.version, 0, 0], body].concat();
        ask(Some(netlink::GENERIC), self.id, flags, &request, |answer| {
            each(answer.get(4..).unwrap_or_default());
        })
    }
}

/// An attribute as bytes, with the padding behind it.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((value.len() + 4) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The attributes behind a message's fixed part.
pub(super) struct Attributes<'a>(pub &'a [u8]);

impl Attributes<'_> {
    /// A number in the machine's byte order; 0 unless there are four bytes.
    pub(super) fn u32(bytes: &[u8]) -> u32 {
        bytes.try_into().map_or(0, u32::from_ne_bytes)
    }

    /// A number of two, four or eight bytes in the machine's byte order; 0 for anything else.
    pub(super) fn number(bytes: &[u8]) -> u64 {
        match *bytes {
            [byte] => u64::from(byte),
            [a, b] => u64::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => bytes.try_into().map_or(0, u64::from_ne_bytes),
        }
    }

    /// A text without the zero behind it; broken UTF-8 becomes U+FFFD.
    pub(super) fn text(bytes: &[u8]) -> String {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.0.get(..4)?;
        let size = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = self.0.get(4..size)?;
        self.0 = self.0.get(size.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A network device and its counters, in the order of `struct rtnl_link_stats64`.
#[derive(Debug)]
pub(super) struct Link {
    pub index: u32,
    pub name: String,
    pub counters: Vec<u64>,
}

impl Link {
    /// Reads a message; `None` when it is too short.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        const NAME: u16 = 3;
        const STATISTICS: u16 = 23;
        // struct ifinfomsg: family, padding, type (at 2), index (at 4), flags (at 8), change.
        let (head, attributes) = message.split_at_checked(16)?;
        let index = Attributes::u32(&head[4..8]);
        let mut link = Self { index, name: String::new(), counters: Vec::new() };
        for (kind, value) in Attributes(attributes) {
            match kind {
                NAME => link.name = Attributes::text(value),
                STATISTICS => {
                    let (words, _) = value.as_chunks::<8>();
                    link.counters = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
                }
                _ => {}
            }
        }
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_among_the_links() {
        let mut links = Vec::new();
        dump(GET_LINKS, &[0; 16], |message| links.extend(Link::read(message)))
            .expect("netlink answers anyone");
        let lo = links.iter().find(|link| link.name == "lo").expect("every namespace has lo");
        assert!(lo.index > 0 && lo.counters.len() >= 23);
    }

    #[test]
    fn families_of_generic_netlink_are_found_by_name() {
        let control = Family::find("nlctrl", 2).expect("it finds itself");
        assert_eq!(control.id, 16);
        let err = Family::find("stackctl-none", 1).expect_err("nobody has it");
        assert_eq!(err.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn attributes_are_written_as_they_are_read() {
        let bytes = [attribute(3, b"lo\0"), attribute(4, &7_u32.to_ne_bytes())].concat();
        let all: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(all, [(3, &b"lo\0"[..]), (4, &7_u32.to_ne_bytes()[..])]);
        assert_eq!(Attributes::text(all[0].1), "lo");
        assert_eq!(Attributes::number(all[1].1), 7);
    }

    #[test]
    fn cut_attributes_end_the_walk() {
        assert_eq!(Attributes(&[8, 0, 3, 0, 1, 2, 3]).next(), None);
        let bytes = [5, 0, 3, 0, b'x', 0, 0, 0, 4, 0, 1, 0];
        let all: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(all, [(3, &b"x"[..]), (1, &b""[..])]);
    }
}
