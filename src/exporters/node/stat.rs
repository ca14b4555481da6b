//! Interrupts, context switches, forks and the boot time, from `/proc/stat` (proc(5)).

use super::host::next;
use super::{CollectError, Collector, Families, Host, Metric, On};

const INTERRUPTS: Metric = Metric::counter("node_intr_total", "Interrupts handled.");
const SWITCHES: Metric =
    Metric::counter("node_context_switches_total", "Changes from one task to another.");
const FORKS: Metric = Metric::counter("node_forks_total", "Processes and threads created.");
const BOOT: Metric =
    Metric::gauge("node_boot_time_seconds", "When the system was started, in Unix time.");
const RUNNING: Metric = Metric::gauge("node_procs_running", "Tasks that can run right now.");
const BLOCKED: Metric = Metric::gauge("node_procs_blocked", "Tasks that wait for I/O right now.");
const SOFT: Metric =
    Metric::counter("node_softirqs_total", "Software interrupts handled, by vector.")
        .with(&["vector"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "stat",
    start: On,
    metrics: &[INTERRUPTS, SWITCHES, FORKS, BOOT, RUNNING, BLOCKED, SOFT],
    collect,
};

const VECTORS: [&str; 10] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.stat()?;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let metric = match fields.next().unwrap_or_default() {
            "intr" => &INTERRUPTS,
            "ctxt" => &SWITCHES,
            "processes" => &FORKS,
            "btime" => &BOOT,
            "procs_running" => &RUNNING,
            "procs_blocked" => &BLOCKED,
            "softirq" if host.settings.stat_softirq => {
                // The first number is the sum of the others.
                for (vector, field) in VECTORS.iter().zip(fields.skip(1)) {
                    let value = field.parse().map_err(|_| CollectError::Malformed("proc/stat"))?;
                    out.put(&SOFT, &[vector], value);
                }
                continue;
            }
            _ => continue,
        };
        out.put(metric, &[], next(&mut fields).ok_or(CollectError::Malformed("proc/stat"))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn counters_and_the_boot_time_are_shown() {
        let host = fixture::host_with(|config| config.stat_softirq = true);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_boot_time_seconds 1.418183276e+09\n"));
        assert!(samples.contains("node_intr_total 8.885917e+06\n"));
        assert!(samples.contains("node_softirqs_total{vector=\"rcu\"} 508444\n"), "{samples}");
    }
}
