//! Time lost waiting for CPU, memory, I/O and interrupts, from `/proc/pressure` (PSI).

use super::{CollectError, Collector, Families, Host, Metric, On};

const CPU_WAITING: Metric =
    Metric::counter("node_pressure_cpu_waiting_seconds_total", "Time some task waited for a CPU.");
const IO_WAITING: Metric =
    Metric::counter("node_pressure_io_waiting_seconds_total", "Time some task waited for I/O.");
const IO_STALLED: Metric =
    Metric::counter("node_pressure_io_stalled_seconds_total", "Time all tasks waited for I/O.");
const MEMORY_WAITING: Metric = Metric::counter(
    "node_pressure_memory_waiting_seconds_total",
    "Time some task waited for memory.",
);
const MEMORY_STALLED: Metric = Metric::counter(
    "node_pressure_memory_stalled_seconds_total",
    "Time all tasks waited for memory.",
);
const IRQ_STALLED: Metric = Metric::counter(
    "node_pressure_irq_stalled_seconds_total",
    "Time all tasks waited while interrupts were handled.",
);

pub(super) const COLLECTOR: Collector = Collector {
    name: "pressure",
    start: On,
    metrics: &[CPU_WAITING, IO_WAITING, IO_STALLED, MEMORY_WAITING, MEMORY_STALLED, IRQ_STALLED],
    collect,
};

/// File, which of its lines, and whether kernels that have pressure at all may lack it.
const LINES: [(&str, &str, bool, Metric); 6] = [
    ("proc/pressure/cpu", "some", false, CPU_WAITING),
    ("proc/pressure/io", "some", false, IO_WAITING),
    ("proc/pressure/io", "full", false, IO_STALLED),
    ("proc/pressure/memory", "some", false, MEMORY_WAITING),
    ("proc/pressure/memory", "full", false, MEMORY_STALLED),
    ("proc/pressure/irq", "full", true, IRQ_STALLED),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for (file, kind, may_lack, metric) in &LINES {
        let text = match host.read(file) {
            Ok(text) => text,
            Err(err) if *may_lack && err.is_no_data() => continue,
            Err(err) => return Err(err),
        };
        let total = text
            .lines()
            .find(|line| line.starts_with(kind))
            .and_then(|line| line.rsplit_once("total=")?.1.trim().parse::<f64>().ok())
            .ok_or(CollectError::Malformed("proc/pressure"))?;
        out.put(metric, &[], total / 1000.0 / 1000.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn totals_are_in_seconds() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_pressure_cpu_waiting_seconds_total 14.036781000000001\n"));
        assert!(samples.contains("node_pressure_memory_stalled_seconds_total 0.5\n"));
        assert!(!samples.contains("irq"), "the fixture's kernel has none");
    }
}
