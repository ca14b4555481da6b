//! Bonded network devices, from `/sys/class/net/*/bonding`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const SLAVES: Metric =
    Metric::gauge("node_bonding_slaves", "Devices that are bonded into one.").with(&["master"]);
const ACTIVE: Metric =
    Metric::gauge("node_bonding_active", "Bonded devices that have a link.").with(&["master"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "bonding", start: On, metrics: &[SLAVES, ACTIVE], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let masters = host.read("sys/class/net/bonding_masters")?;
    for master in masters.split_ascii_whitespace() {
        let folder = format!("sys/class/net/{master}");
        let slaves = host.line(&format!("{folder}/bonding/slaves")).unwrap_or_default();
        let (mut all, mut active) = (0.0, 0.0);
        for slave in slaves.split_ascii_whitespace() {
            all += 1.0;
            // Old kernels called the link to the device otherwise.
            let state = ["lower", "slave"].iter().find_map(|link| {
                host.line(&format!("{folder}/{link}_{slave}/bonding_slave/mii_status"))
            });
            if state.as_deref() == Some("up") {
                active += 1.0;
            }
        }
        out.put(&SLAVES, &[master], all);
        out.put(&ACTIVE, &[master], active);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn devices_with_a_link_are_active() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let expected =
            "node_bonding_active{master=\"bond0\"} 1\nnode_bonding_slaves{master=\"bond0\"} 2\n";
        assert_eq!(samples, expected);
    }
}
