//! Software interrupts by CPU and kind, from `/proc/softirqs` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const SOFTIRQS: Metric = Metric::counter(
    "node_softirqs_functions_total",
    "Software interrupts a CPU has handled, by kind.",
)
.with(&["cpu", "type"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "softirqs", start: Off, metrics: &[SOFTIRQS], collect };

const FILE: &str = "proc/softirqs";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read(FILE)?;
    let mut lines = text.lines();
    // The header names the CPUs.
    let header = lines.next().ok_or(CollectError::Malformed(FILE))?;
    for line in lines {
        let (kind, counts) = line.split_once(':').ok_or(CollectError::Malformed(FILE))?;
        let counts = super::host::numbers(counts).ok_or(CollectError::Malformed(FILE))?;
        for (cpu, count) in header.split_ascii_whitespace().zip(counts) {
            out.put(&SOFTIRQS, &[cpu.trim_start_matches("CPU"), kind.trim()], count);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn kinds_are_shown_by_cpu() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_softirqs_functions_total{cpu=\"0\",type=\"HI\"} 7\n\
             node_softirqs_functions_total{cpu=\"0\",type=\"NET_RX\"} 43066\n\
             node_softirqs_functions_total{cpu=\"1\",type=\"HI\"} 1\n\
             node_softirqs_functions_total{cpu=\"1\",type=\"NET_RX\"} 104508\n"
        );
    }
}
