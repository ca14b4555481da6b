//! What an exporter or server says about its own process: `process_*`, from `/proc/self` (proc(5)).

use std::fs;
use std::sync::OnceLock;

use crate::catalogue::{Families, Metric};

const CPU: Metric = Metric::counter(
    "process_cpu_seconds_total",
    "CPU time this process has used, user and system.",
);
const OPEN_FDS: Metric = Metric::gauge("process_open_fds", "File descriptors open right now.");
const MAX_FDS: Metric =
    Metric::gauge("process_max_fds", "File descriptors this process may have open.");
const VIRTUAL: Metric =
    Metric::gauge("process_virtual_memory_bytes", "Size of this process's address space.");
const VIRTUAL_MAX: Metric = Metric::gauge(
    "process_virtual_memory_max_bytes",
    "Largest address space this process may have.",
);
const RESIDENT: Metric =
    Metric::gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.");
const START: Metric =
    Metric::gauge("process_start_time_seconds", "When this process started, in Unix time.");
const RECEIVED: Metric = Metric::counter(
    "process_network_receive_bytes_total",
    "Bytes received on the network interfaces this process sees.",
);
const SENT: Metric = Metric::counter(
    "process_network_transmit_bytes_total",
    "Bytes sent on the network interfaces this process sees.",
);

/// Everything [`put`] may expose.
pub const METRICS: &[Metric] =
    &[CPU, OPEN_FDS, MAX_FDS, VIRTUAL, VIRTUAL_MAX, RESIDENT, START, RECEIVED, SENT];

/// The kernel's boot time moves when the clock is set; when this process started does not.
static START_TIME: OnceLock<Option<f64>> = OnceLock::new();

/// Adds the metrics of this process; what `/proc` does not tell is left out.
pub fn put(out: &mut Families) {
    let page = rustix::param::page_size() as f64;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
        // The command may hold blanks and brackets; what follows the last bracket starts with field 3.
        let fields: Vec<f64> = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.split_ascii_whitespace().map(number).collect())
            .unwrap_or_default();
        if let (Some(user), Some(system)) = (fields.get(11), fields.get(12)) {
            out.put(&CPU, &[], (user + system) / ticks);
        }
        let start = START_TIME.get_or_init(|| Some(boot_time()? + fields.get(19)? / ticks));
        if let Some(start) = *start {
            out.put(&START, &[], start);
        }
        if let (Some(size), Some(resident)) = (fields.get(20), fields.get(21)) {
            out.put(&VIRTUAL, &[], *size);
            out.put(&RESIDENT, &[], resident * page);
        }
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // The directory itself is open while it is counted.
        out.put(&OPEN_FDS, &[], entries.count().saturating_sub(1) as f64);
    }
    let limit = |resource| match rustix::process::getrlimit(resource).current {
        Some(limit) => limit as f64,
        None => u64::MAX as f64,
    };
    out.put(&MAX_FDS, &[], limit(rustix::process::Resource::Nofile));
    out.put(&VIRTUAL_MAX, &[], limit(rustix::process::Resource::As));
    if let Ok(text) = fs::read_to_string("/proc/self/net/netstat") {
        let ip = |field| ip_extended(&text, field);
        if let (Some(received), Some(sent)) = (ip("InOctets"), ip("OutOctets")) {
            out.put(&RECEIVED, &[], received);
            out.put(&SENT, &[], sent);
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn ip_extended(netstat: &str, field: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|name| name == field)?;
    values.split(' ').nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let mut out = Families::default();
        put(&mut out);
        let value = |name: &str| {
            let family = out.iter().find(|(known, _)| *known == name);
            family.map(|(_, family)| family.samples[0].value)
        };
        assert!(value("process_resident_memory_bytes") > Some(100_000.0));
        assert!(value("process_open_fds") >= Some(3.0));
        assert!(value("process_start_time_seconds") > Some(1.6e9));
        assert!(out.iter().all(|(name, _)| METRICS.iter().any(|metric| metric.name == name)));
    }

    #[test]
    fn the_extended_ip_counters_are_found_by_name() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: InOctets OutOctets\nIpExt: 30 40\n";
        assert_eq!(ip_extended(text, "OutOctets"), Some(40.0));
        assert_eq!(ip_extended(text, "Nothing"), None);
    }
}
