//! Control groups by controller, from `/proc/cgroups` (cgroups(7)).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const CGROUPS: Metric =
    Metric::gauge("node_cgroups_cgroups", "Control groups of a controller.").with(&["subsys_name"]);
const ENABLED: Metric = Metric::gauge("node_cgroups_enabled", "Whether a controller is enabled.")
    .with(&["subsys_name"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "cgroups", start: Off, metrics: &[CGROUPS, ENABLED], collect };

const FILE: &str = "proc/cgroups";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read(FILE)?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        // Name, hierarchy, number of groups, enabled.
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next().ok_or(CollectError::Malformed(FILE))?;
        let numbers: Option<Vec<f64>> = fields.map(|field| field.parse().ok()).collect();
        let Some([_, groups, enabled]) = numbers.as_deref() else {
            return Err(CollectError::Malformed(FILE));
        };
        out.put(&CGROUPS, &[name], *groups);
        out.put(&ENABLED, &[name], *enabled);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn controllers_are_shown_by_name() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_cgroups_cgroups{subsys_name=\"cpuset\"} 47\n\
             node_cgroups_cgroups{subsys_name=\"rdma\"} 1\n\
             node_cgroups_enabled{subsys_name=\"cpuset\"} 1\n\
             node_cgroups_enabled{subsys_name=\"rdma\"} 0\n"
        );
    }
}
