//! The scheduler's statistics by CPU, from `/proc/schedstat`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const CPU: &[&str] = &["cpu"];
const RUNNING: Metric =
    Metric::counter("node_schedstat_running_seconds_total", "Time tasks ran on a CPU.").with(CPU);
const WAITING: Metric =
    Metric::counter("node_schedstat_waiting_seconds_total", "Time tasks waited for a CPU.")
        .with(CPU);
const SLICES: Metric =
    Metric::counter("node_schedstat_timeslices_total", "Time slices run on a CPU.").with(CPU);

pub(super) const COLLECTOR: Collector =
    Collector { name: "schedstat", start: On, metrics: &[RUNNING, WAITING, SLICES], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/schedstat")?;
    for line in text.lines().filter_map(|line| line.strip_prefix("cpu")) {
        let mut fields = line.split_ascii_whitespace();
        let cpu = fields.next().unwrap_or_default();
        // The last three of nine, times in nanoseconds.
        let values: Option<Vec<f64>> = fields.skip(6).map(|field| field.parse().ok()).collect();
        let Some([running, waiting, slices]) = values.as_deref().and_then(|all| all.get(..3))
        else {
            return Err(CollectError::Malformed("proc/schedstat"));
        };
        out.put(&RUNNING, &[cpu], running / 1e9);
        out.put(&WAITING, &[cpu], waiting / 1e9);
        out.put(&SLICES, &[cpu], *slices);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn times_are_in_seconds() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_schedstat_running_seconds_total{cpu=\"0\"} 2.045936778163039e+06\n\
             node_schedstat_timeslices_total{cpu=\"0\"} 4.767485306e+09\n\
             node_schedstat_waiting_seconds_total{cpu=\"0\"} 343796.328169361\n"
        );
    }
}
