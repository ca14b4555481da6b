//! Load averages over 1, 5 and 15 minutes, from `/proc/loadavg` (proc(5)).

use super::host::next;
use super::{CollectError, Collector, Families, Host, Metric, On};

const LOAD1: Metric = Metric::gauge("node_load1", "Load average over 1 minute.");
const LOAD5: Metric = Metric::gauge("node_load5", "Load average over 5 minutes.");
const LOAD15: Metric = Metric::gauge("node_load15", "Load average over 15 minutes.");

pub(super) const COLLECTOR: Collector =
    Collector { name: "loadavg", start: On, metrics: &[LOAD1, LOAD5, LOAD15], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/loadavg")?;
    let mut fields = text.split_ascii_whitespace();
    for metric in [&LOAD1, &LOAD5, &LOAD15] {
        let value = next(&mut fields).ok_or(CollectError::Malformed("proc/loadavg"))?;
        out.put(metric, &[], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_three_averages_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples, "node_load1 0.21\nnode_load15 0.39\nnode_load5 0.37\n");
    }
}
