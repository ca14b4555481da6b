//! Free blocks of memory by zone and size, from `/proc/buddyinfo` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const BLOCKS: Metric = Metric::gauge(
    "node_buddyinfo_blocks",
    "Free blocks of a zone; a block of size n is 2 to the power of n pages.",
)
.with(&["node", "zone", "size"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "buddyinfo", start: Off, metrics: &[BLOCKS], collect };

const FILE: &str = "proc/buddyinfo";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for line in host.read(FILE)?.lines() {
        let (node, zone, blocks) = parse(line).ok_or(CollectError::Malformed(FILE))?;
        for (size, count) in blocks.into_iter().enumerate() {
            out.put(&BLOCKS, &[node, zone, &size.to_string()], count);
        }
    }
    Ok(())
}

/// `Node 0, zone   Normal   4381   1093 …`.
fn parse(line: &str) -> Option<(&str, &str, Vec<f64>)> {
    let (node, rest) = line.strip_prefix("Node ")?.split_once(", zone")?;
    let (zone, blocks) = rest.trim_start().split_once(' ')?;
    Some((node, zone, super::host::numbers(blocks)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn blocks_are_counted_by_size() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(
            samples.contains("node_buddyinfo_blocks{node=\"0\",size=\"0\",zone=\"DMA32\"} 759")
        );
        assert!(samples.contains("node_buddyinfo_blocks{node=\"1\",size=\"2\",zone=\"Normal\"} 3"));
        assert_eq!(samples.lines().count(), 6);
        assert_eq!(parse("Node 0, zone DMA 1 x"), None);
    }
}
