//! Paging and swapping, from `/proc/vmstat` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const VMSTAT: Metric =
    Metric::untyped("node_vmstat_", "A line of /proc/vmstat, as the kernel names it.").open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "vmstat", start: On, metrics: &[VMSTAT], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/vmstat")?;
    for line in text.lines() {
        let malformed = || CollectError::Malformed("proc/vmstat");
        let (field, value) = line.split_once(' ').ok_or_else(malformed)?;
        if host.settings.vmstat_fields.takes(field) {
            let name = format!("{}{field}", VMSTAT.name);
            let value = value.trim().parse().map_err(|_| malformed())?;
            out.put_dynamic(&name, MetricType::Unknown, VMSTAT.help, [], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn only_the_wanted_lines_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples, "node_vmstat_oom_kill 1\nnode_vmstat_pgmajfault 507162\n");
    }
}
