//! Tape drives, from `/sys/class/scsi_tape` (st in the kernel's documentation).

use super::{CollectError, Collector, Families, Host, Metric, On, declared};

const DEVICE: &[&str] = &["device"];
const NANOSECONDS: f64 = 0.000_000_001;

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::counter(name, help).with(DEVICE)
}

/// File in the drive's `stats`, and its unit.
const FILES: [(Metric, (&str, f64)); 10] = [
    (
        Metric::gauge("node_tape_io_now", "Requests under way right now.").with(DEVICE),
        ("in_flight", 1.0),
    ),
    (
        counter("node_tape_io_time_seconds_total", "Time all requests took together."),
        ("io_ns", NANOSECONDS),
    ),
    (
        counter("node_tape_io_others_total", "Requests other than reads and writes."),
        ("other_cnt", 1.0),
    ),
    (counter("node_tape_read_bytes_total", "Bytes read."), ("read_byte_cnt", 1.0)),
    (counter("node_tape_reads_completed_total", "Reads completed."), ("read_cnt", 1.0)),
    (
        counter("node_tape_read_time_seconds_total", "Time all reads took together."),
        ("read_ns", NANOSECONDS),
    ),
    (
        counter("node_tape_residual_total", "Reads and writes that moved less than was asked for."),
        ("resid_cnt", 1.0),
    ),
    (counter("node_tape_written_bytes_total", "Bytes written."), ("write_byte_cnt", 1.0)),
    (counter("node_tape_writes_completed_total", "Writes completed."), ("write_cnt", 1.0)),
    (
        counter("node_tape_write_time_seconds_total", "Time all writes took together."),
        ("write_ns", NANOSECONDS),
    ),
];

pub(super) const COLLECTOR: Collector =
    Collector { name: "tapestats", start: On, metrics: &declared(&FILES), collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const CLASS: &str = "sys/class/scsi_tape";
    for device in host.list(CLASS)? {
        // `st0` is a drive; `nst0`, `st0a` … are other ways to use it.
        let is_drive = device.strip_prefix("st").is_some_and(|rest| rest.parse::<u32>().is_ok());
        if !is_drive || !host.settings.tapes.takes(&device) {
            continue;
        }
        let Some(folder) = host.folder(&format!("{CLASS}/{device}/stats")) else { continue };
        for (metric, (file, unit)) in &FILES {
            if let Some(value) = folder.number(file) {
                out.put(metric, &[&device], value * unit);
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
    fn a_drive_is_shown_once() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_tape_io_now{device=\"st0\"} 1\n\
             node_tape_io_time_seconds_total{device=\"st0\"} 9247.01108772\n"
        );
        let none = fixture::host_with(|config| config.tapes_ignored = "^st".to_owned());
        assert_eq!(fixture::samples(&COLLECTOR, &none), "");
    }
}
