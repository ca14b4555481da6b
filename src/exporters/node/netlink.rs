//! Questions to the kernel about network devices (netlink(7), rtnetlink(7)): the counters are 64 bits
//! wide and need no file system.

use std::io;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// `RTM_GETLINK`: all devices.
pub(super) const GET_LINKS: u16 = 18;
/// `RTM_GETADDR`: all addresses of devices.
pub(super) const GET_ADDRESSES: u16 = 22;
/// `RTM_GETNEIGH`: all neighbours.
pub(super) const GET_NEIGHBOURS: u16 = 30;

const REQUEST_DUMP: u16 = 0x301;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;

/// Asks for all objects of a kind; `each` gets every answer from behind the netlink header.
pub(super) fn dump(kind: u16, body: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let family = AddressFamily::NETLINK;
    // Without a number the protocol is 0, NETLINK_ROUTE.
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
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
    request.extend(REQUEST_DUMP.to_ne_bytes());
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
                    return Err(io::Error::from_raw_os_error(-code));
                }
                _ => each(message),
            }
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// The attributes behind a message's fixed part.
pub(super) struct Attributes<'a>(pub &'a [u8]);

impl Attributes<'_> {
    /// A number in the machine's byte order; 0 unless there are four bytes.
    pub(super) fn u32(bytes: &[u8]) -> u32 {
        bytes.try_into().map_or(0, u32::from_ne_bytes)
    }

    /// A text, which ends with a zero byte.
    pub(super) fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
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

/// All network devices of this network namespace.
pub(super) fn links() -> io::Result<Vec<Link>> {
    let mut links = Vec::new();
    dump(GET_LINKS, &[0; 16], |message| links.extend(Link::read(message)))?;
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_among_the_links() {
        let links = links().expect("netlink answers anyone");
        let lo = links.iter().find(|link| link.name == "lo").expect("every namespace has lo");
        assert!(lo.index > 0 && lo.counters.len() >= 23);
    }

    #[test]
    fn cut_attributes_end_the_walk() {
        assert_eq!(Attributes(&[8, 0, 3, 0, 1, 2, 3]).next(), None);
        let bytes = [5, 0, 3, 0, b'x', 0, 0, 0, 4, 0, 1, 0];
        let all: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(all, [(3, &b"x"[..]), (1, &b""[..])]);
    }
}
