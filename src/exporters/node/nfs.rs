//! What this host asks NFS servers for, from `/proc/net/rpc/nfs` (nfsstat(8)).

use super::{CollectError, Collector, Families, Host, Metric, On};

const PACKETS: Metric =
    Metric::counter("node_nfs_packets_total", "Packets of NFS by transport protocol.")
        .with(&["protocol"]);
const CONNECTIONS: Metric =
    Metric::counter("node_nfs_connections_total", "TCP connections made for NFS.");
const CALLS: Metric = Metric::counter("node_nfs_rpcs_total", "Remote procedure calls.");
const RETRANSMISSIONS: Metric =
    Metric::counter("node_nfs_rpc_retransmissions_total", "Calls sent again.");
const REFRESHES: Metric = Metric::counter(
    "node_nfs_rpc_authentication_refreshes_total",
    "How often an authentication was renewed.",
);
const REQUESTS: Metric =
    Metric::counter("node_nfs_requests_total", "Procedures called by NFS version.")
        .with(&["method", "proto"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "nfs",
    start: On,
    metrics: &[PACKETS, CONNECTIONS, CALLS, RETRANSMISSIONS, REFRESHES, REQUESTS],
    collect,
};

/// Procedures of NFS 2 in the order of their numbers (RFC 1094).
pub(super) const V2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write",
    "Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];
/// Procedures of NFS 3 in the order of their numbers (RFC 1813).
pub(super) const V3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];
/// What clients do in NFS 4, as the kernel numbers it (`nfs4_procedures`).
const V4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/net/rpc/nfs")?;
    let rpc = Rpc::parse(&text).ok_or(CollectError::Malformed("proc/net/rpc/nfs"))?;
    // Of all packets, the kernel tells those over UDP and TCP, and the TCP connections.
    out.put(&PACKETS, &["udp"], rpc.value("net", 1));
    out.put(&PACKETS, &["tcp"], rpc.value("net", 2));
    out.put(&CONNECTIONS, &[], rpc.value("net", 3));
    out.put(&CALLS, &[], rpc.value("rpc", 0));
    out.put(&RETRANSMISSIONS, &[], rpc.value("rpc", 1));
    out.put(&REFRESHES, &[], rpc.value("rpc", 2));
    for (line, proto, names) in [("proc2", "2", &V2[..]), ("proc3", "3", &V3), ("proc4", "4", &V4)]
    {
        for (at, name) in names.iter().enumerate() {
            // The first number says how many follow.
            out.put(&REQUESTS, &[name, proto], rpc.value(line, at + 1));
        }
    }
    Ok(())
}

/// Lines of `/proc/net/rpc/nfs` and `nfsd`: a name and its numbers.
pub(super) struct Rpc<'a>(Vec<(&'a str, Vec<f64>)>);

impl<'a> Rpc<'a> {
    /// `None` if there is something that is no number.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let lines = lines.map(|(name, rest)| Some((name, super::host::numbers(rest)?)));
        lines.collect::<Option<_>>().map(Self)
    }

    /// A number of a line; 0 if this kernel does not have it.
    pub(super) fn value(&self, line: &str, at: usize) -> f64 {
        let numbers = self.0.iter().find(|(name, _)| *name == line).map(|(_, numbers)| numbers);
        numbers.and_then(|numbers| numbers.get(at)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn what_an_older_kernel_does_not_count_is_0() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_nfs_packets_total{protocol=\"tcp\"} 69\n"), "{samples}");
        assert!(samples.contains("node_nfs_requests_total{method=\"Write\",proto=\"4\"} 54\n"));
        assert!(samples.contains("node_nfs_requests_total{method=\"Clone\",proto=\"4\"} 0\n"));
        assert_eq!(samples.lines().count(), 6 + V2.len() + V3.len() + V4.len());
    }
}
