//! The kernel's randomness, from `/proc/sys/kernel/random` (random(4)).

use super::{CollectError, Collector, Families, Host, Metric, On};

const AVAILABLE: Metric = Metric::gauge("node_entropy_available_bits", "Bits of entropy at hand.");
const POOL: Metric = Metric::gauge("node_entropy_pool_size_bits", "Size of the entropy pool.");

pub(super) const COLLECTOR: Collector =
    Collector { name: "entropy", start: On, metrics: &[AVAILABLE, POOL], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for (metric, path) in [
        (&AVAILABLE, "proc/sys/kernel/random/entropy_avail"),
        (&POOL, "proc/sys/kernel/random/poolsize"),
    ] {
        let text = host.read(path)?;
        let malformed = |_| CollectError::Malformed("proc/sys/kernel/random");
        out.put(metric, &[], text.trim().parse().map_err(malformed)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_pool_is_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples, "node_entropy_available_bits 1337\nnode_entropy_pool_size_bits 4096\n");
    }
}
