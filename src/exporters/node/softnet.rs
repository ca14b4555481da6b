//! Packets handled outside of interrupts, by CPU, from `/proc/net/softnet_stat`; in hexadecimal.

use super::{CollectError, Collector, Families, Host, Metric, On};

const CPU: &[&str] = &["cpu"];
const PROCESSED: Metric =
    Metric::counter("node_softnet_processed_total", "Packets handled.").with(CPU);
const DROPPED: Metric =
    Metric::counter("node_softnet_dropped_total", "Packets dropped because the queue was full.")
        .with(CPU);
const SQUEEZED: Metric = Metric::counter(
    "node_softnet_times_squeezed_total",
    "How often time or budget was up with packets left.",
)
.with(CPU);
const COLLISION: Metric = Metric::counter(
    "node_softnet_cpu_collision_total",
    "How often another CPU held a device's lock when a packet was to be sent.",
)
.with(CPU);
const RPS: Metric = Metric::counter(
    "node_softnet_received_rps_total",
    "How often another CPU asked this one to handle packets.",
)
.with(CPU);
const FLOW_LIMIT: Metric =
    Metric::counter("node_softnet_flow_limit_count_total", "How often the flow limit was reached.")
        .with(CPU);
const BACKLOG: Metric =
    Metric::gauge("node_softnet_backlog_len", "Packets in the queue right now.").with(CPU);

pub(super) const COLLECTOR: Collector = Collector {
    name: "softnet",
    start: On,
    metrics: &[PROCESSED, DROPPED, SQUEEZED, COLLISION, RPS, FLOW_LIMIT, BACKLOG],
    collect,
};

/// Column of each metric; older kernels have fewer and count as 0.
const COLUMNS: [(usize, Metric); 7] = [
    (0, PROCESSED),
    (1, DROPPED),
    (2, SQUEEZED),
    (8, COLLISION),
    (9, RPS),
    (10, FLOW_LIMIT),
    (11, BACKLOG),
];
/// Column with the CPU's number, without which an offline CPU would shift the others.
const CPU_COLUMN: usize = 12;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/net/softnet_stat")?;
    for (at, line) in text.lines().enumerate() {
        let fields: Result<Vec<u32>, _> =
            line.split_ascii_whitespace().map(|field| u32::from_str_radix(field, 16)).collect();
        let fields = fields.map_err(|_| CollectError::Malformed("proc/net/softnet_stat"))?;
        let cpu = fields.get(CPU_COLUMN).copied().unwrap_or(at as u32).to_string();
        for (column, metric) in &COLUMNS {
            let value = fields.get(*column).copied().unwrap_or(0);
            out.put(metric, &[&cpu], f64::from(value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn cpus_keep_their_numbers() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_softnet_processed_total{cpu=\"0\"} 299641\n"));
        assert!(samples.contains("node_softnet_times_squeezed_total{cpu=\"2\"} 10\n"), "{samples}");
        assert!(samples.contains("node_softnet_backlog_len{cpu=\"2\"} 3\n"));
    }
}
