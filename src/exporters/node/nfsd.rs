//! What this host serves over NFS, from `/proc/net/rpc/nfsd` (nfsstat(8)).

use super::nfs::{Rpc, V2, V3};
use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

/// Line and column of a number.
type Row = (Metric, (&'static str, usize));

#[rustfmt::skip] // one metric a line
const NUMBERS: [Row; 11] = [
    (Metric::counter("node_nfsd_reply_cache_hits_total", "Requests a client had sent before."), ("rc", 0)),
    (Metric::counter("node_nfsd_reply_cache_misses_total", "Requests whose reply was to be kept."), ("rc", 1)),
    (Metric::counter("node_nfsd_reply_cache_nocache_total", "Requests whose reply need not be kept."), ("rc", 2)),
    (Metric::counter("node_nfsd_file_handles_stale_total", "Requests for files that were gone."), ("fh", 0)),
    (Metric::counter("node_nfsd_disk_bytes_read_total", "Bytes read for clients."), ("io", 0)),
    (Metric::counter("node_nfsd_disk_bytes_written_total", "Bytes written for clients."), ("io", 1)),
    (Metric::gauge("node_nfsd_server_threads", "Threads of the server."), ("th", 0)),
    (Metric::gauge("node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache."), ("ra", 0)),
    (Metric::counter("node_nfsd_read_ahead_cache_not_found_total", "Reads the read-ahead cache did not have."), ("ra", 11)),
    (Metric::counter("node_nfsd_connections_total", "TCP connections accepted."), ("net", 3)),
    (Metric::counter("node_nfsd_server_rpcs_total", "Remote procedure calls served."), ("rpc", 0)),
];
const PACKETS: Metric =
    Metric::counter("node_nfsd_packets_total", "Packets of NFS by transport protocol.")
        .with(&["proto"]);
const ERRORS: Metric =
    Metric::counter("node_nfsd_rpc_errors_total", "Calls that were refused, by reason.")
        .with(&["error"]);
const REQUESTS: Metric =
    Metric::counter("node_nfsd_requests_total", "Requests served by NFS version.")
        .with(&["method", "proto"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "nfsd",
    start: On,
    metrics: &joined::<11, 3, 14>(&declared(&NUMBERS), &[PACKETS, ERRORS, REQUESTS]),
    collect,
};

/// Operations of NFS 4 (RFC 7530) that are shown, with their column.
const V4: [(usize, &str); 33] = [
    (4, "Access"),
    (5, "Close"),
    (6, "Commit"),
    (7, "Create"),
    (8, "DelegPurge"),
    (9, "DelegReturn"),
    (10, "GetAttr"),
    (11, "GetFH"),
    (12, "Link"),
    (13, "Lock"),
    (14, "Lockt"),
    (15, "Locku"),
    (16, "Lookup"),
    (17, "LookupRoot"),
    (18, "Nverify"),
    (19, "Open"),
    (20, "OpenAttr"),
    (21, "OpenConfirm"),
    (22, "OpenDgrd"),
    (23, "PutFH"),
    (26, "Read"),
    (27, "ReadDir"),
    (28, "ReadLink"),
    (29, "Remove"),
    (30, "Rename"),
    (31, "Renew"),
    (32, "RestoreFH"),
    (33, "SaveFH"),
    (34, "SecInfo"),
    (35, "SetAttr"),
    (38, "Verify"),
    (39, "Write"),
    (40, "RelLockOwner"),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/net/rpc/nfsd")?;
    let rpc = Rpc::parse(&text).ok_or(CollectError::Malformed("proc/net/rpc/nfsd"))?;
    for (metric, (line, column)) in &NUMBERS {
        out.put(metric, &[], rpc.value(line, *column));
    }
    out.put(&PACKETS, &["udp"], rpc.value("net", 1));
    out.put(&PACKETS, &["tcp"], rpc.value("net", 2));
    for (column, error) in [(2, "fmt"), (3, "auth"), (4, "cInt")] {
        out.put(&ERRORS, &[error], rpc.value("rpc", column));
    }
    for (line, proto, names) in [("proc2", "2", &V2[..]), ("proc3", "3", &V3)] {
        // The first number says how many follow; a server does not show the calls that do nothing.
        for (at, name) in names.iter().enumerate().skip(1) {
            out.put(&REQUESTS, &[name, proto], rpc.value(line, at + 1));
        }
    }
    for (column, name) in V4 {
        out.put(&REQUESTS, &[name, "4"], rpc.value("proc4ops", column));
    }
    out.put(&REQUESTS, &["WdelegGetattr", "4"], rpc.value("wdeleg_getattr", 0));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn numbers_are_found_by_line_and_column() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for line in [
            "node_nfsd_disk_bytes_written_total 72864\n",
            "node_nfsd_requests_total{method=\"Access\",proto=\"4\"} 1098\n",
            "node_nfsd_requests_total{method=\"WdelegGetattr\",proto=\"4\"} 15\n",
            "node_nfsd_rpc_errors_total{error=\"auth\"} 2\n",
            "node_nfsd_read_ahead_cache_size_blocks 0\n",
        ] {
            assert!(samples.contains(line), "{line} in {samples}");
        }
        assert!(!samples.contains("\"Null\""));
    }
}
