//! Counters of the network's caches by CPU, from `/proc/net/stat`; in hexadecimal.

use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const COUNTERS: Metric =
    Metric::counter("node_lnstat_", "A counter of one of the network's caches.")
        .with(&["subsystem", "cpu"])
        .open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "lnstat", start: Off, metrics: &[COUNTERS], collect };

const FOLDER: &str = "proc/net/stat";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for file in host.list(FOLDER)? {
        let text = host.read(&format!("{FOLDER}/{file}"))?;
        let mut lines = text.lines();
        let columns: Vec<String> = lines
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .map(|column| format!("{}{column}_total", COUNTERS.name))
            .collect();
        for (cpu, line) in lines.enumerate() {
            let cpu = cpu.to_string();
            for (column, value) in columns.iter().zip(line.split_ascii_whitespace()) {
                let value = u64::from_str_radix(value, 16);
                let value = value.map_err(|_| CollectError::Malformed(FOLDER))?;
                let labels = [("subsystem", file.as_str()), ("cpu", cpu.as_str())];
                let help = COUNTERS.help;
                out.put_dynamic(column, MetricType::Counter, help, labels, value as f64);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn columns_become_counters_of_their_cache() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let ignored = "node_lnstat_ignore_total{cpu=\"0\",subsystem=\"nf_conntrack\"} ";
        assert!(samples.contains(ignored), "{samples}");
    }
}
