//! Listeners are bound before anything starts, so that a port that is taken is reported with its
//! owner while nothing has happened yet.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{SocketAddr, TcpListener};

/// A port that could not be bound.
#[derive(Debug)]
pub struct PortTaken {
    /// Who wanted it.
    pub part: String,
    /// The address.
    pub address: SocketAddr,
    /// The process that listens there, if it can be seen.
    pub owner: Option<Owner>,
    /// What the operating system says.
    pub source: std::io::Error,
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Process id.
    pub pid: i32,
    /// Its command line.
    pub command: String,
}

impl fmt::Display for PortTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, address, owner, source } = self;
        match (owner, source.kind()) {
            (Some(Owner { pid, command }), _) => {
                write!(f, "{part} needs {address}, which process {pid} (`{command}`) holds")
            }
            (None, std::io::ErrorKind::PermissionDenied) => write!(
                f,
                "{part} needs {address}, and ports below 1024 need root or CAP_NET_BIND_SERVICE"
            ),
            (None, _) => write!(f, "{part} needs {address}: {source}"),
        }
    }
}

impl std::error::Error for PortTaken {}

/// Binds one address; the listener is non-blocking, as tokio wants it.
pub fn bind(part: &str, address: SocketAddr) -> Result<TcpListener, PortTaken> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| {
        let in_use = source.kind() == std::io::ErrorKind::AddrInUse;
        let owner = in_use.then(|| owner(address.port())).flatten();
        PortTaken { part: part.to_owned(), address, owner, source }
    })
}

/// A TCP port that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// By whom; `None` if it belongs to someone whose processes we may not see.
    pub owner: Option<Owner>,
}

/// Every TCP port of this machine that is listened on, by port and address.
pub fn listening() -> Vec<Listening> {
    let sockets: Vec<(u64, SocketAddr)> = [procfs::net::tcp(), procfs::net::tcp6()]
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.state == procfs::net::TcpState::Listen)
        .map(|entry| (entry.inode, entry.local_address))
        .collect();
    let owners = owners(&sockets.iter().map(|(inode, _)| *inode).collect());
    let mut all: Vec<Listening> = sockets
        .into_iter()
        .map(|(inode, address)| Listening { address, owner: owners.get(&inode).cloned() })
        .collect();
    all.sort_by_key(|one| (one.address.port(), one.address));
    all
}

/// The process that listens on a TCP port of this machine; `None` if it belongs to someone whose
/// processes we may not see.
pub fn owner(port: u16) -> Option<Owner> {
    listening().into_iter().filter(|one| one.address.port() == port).find_map(|one| one.owner)
}

/// Who holds sockets; of several processes the one of the lowest number.
fn owners(sockets: &HashSet<u64>) -> HashMap<u64, Owner> {
    let mut owners: HashMap<u64, Owner> = HashMap::new();
    let Ok(processes) = procfs::process::all_processes() else { return owners };
    for process in processes.flatten() {
        let Ok(open) = process.fd() else { continue };
        let held = open.flatten().filter_map(|fd| match fd.target {
            procfs::process::FDTarget::Socket(inode) => Some(inode),
            _ => None,
        });
        for inode in held.filter(|inode| sockets.contains(inode)) {
            let known = owners.get(&inode).is_some_and(|known| known.pid < process.pid);
            if !known {
                let command = process.cmdline().unwrap_or_default().join(" ");
                owners.insert(inode, Owner { pid: process.pid, command });
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_owner() {
        let first = bind("first", SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = first.local_addr().unwrap();
        let taken = bind("second", address).unwrap_err();
        let owner = taken.owner.as_ref().expect("our own process can be seen");
        assert_eq!(owner.pid, std::process::id() as i32);
        assert!(taken.to_string().contains("second needs 127.0.0.1:"), "{taken}");
    }
}
