//! Memory of each NUMA node, from `/sys/devices/system/node/node*/meminfo` and `numastat`.

use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const MEMORY: Metric = Metric::gauge(
    "node_memory_numa_",
    "A figure of a NUMA node's memory, in bytes if it is a size.",
)
.with(&["node"])
.open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "meminfo_numa", start: Off, metrics: &[MEMORY], collect };

const FOLDER: &str = "sys/devices/system/node";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for name in host.list(FOLDER)? {
        let Some(node) = name.strip_prefix("node").filter(|node| node.parse::<u32>().is_ok())
        else {
            continue;
        };
        for line in host.read(&format!("{FOLDER}/{name}/meminfo"))?.lines() {
            let (field, value) = parse(line).ok_or(CollectError::Malformed("node*/meminfo"))?;
            put(out, &field, MetricType::Gauge, node, value);
        }
        for line in host.read(&format!("{FOLDER}/{name}/numastat"))?.lines() {
            let (field, value) =
                line.split_once(' ').ok_or(CollectError::Malformed("node*/numastat"))?;
            let value =
                value.trim().parse().map_err(|_| CollectError::Malformed("node*/numastat"))?;
            put(out, &format!("{field}_total"), MetricType::Counter, node, value);
        }
    }
    Ok(())
}

fn put(out: &mut Families, field: &str, kind: MetricType, node: &str, value: f64) {
    let name = format!("{}{field}", MEMORY.name);
    out.put_dynamic(&name, kind, MEMORY.help, [("node", node)], value);
}

/// `Node 0 Active(anon):     691324 kB` is `Active_anon` in bytes.
fn parse(line: &str) -> Option<(String, f64)> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let field = fields.next()?.trim_end_matches(':').replace('(', "_").replace(')', "");
    let value: f64 = super::host::next(&mut fields)?;
    match fields.next() {
        None => Some((field, value)),
        Some("kB") => Some((field, value * 1024.0)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn sizes_are_in_bytes_and_counts_are_not() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_memory_numa_Active_anon{node=\"1\"} 7.07915776e+08\n\
             node_memory_numa_HugePages_Total{node=\"1\"} 4\n\
             node_memory_numa_numa_hit_total{node=\"1\"} 193460\n"
        );
        assert_eq!(parse("Node 0 MemFree: 1 MB"), None);
    }
}
