//! Open files of the whole system, from `/proc/sys/fs/file-nr` (proc(5)).

use super::host::numbers;
use super::{CollectError, Collector, Families, Host, Metric, On};

const ALLOCATED: Metric = Metric::gauge("node_filefd_allocated", "File handles that are in use.");
const MAXIMUM: Metric = Metric::gauge("node_filefd_maximum", "File handles there can be.");

pub(super) const COLLECTOR: Collector =
    Collector { name: "filefd", start: On, metrics: &[ALLOCATED, MAXIMUM], collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/sys/fs/file-nr")?;
    let fields = numbers(&text).filter(|fields| fields.len() >= 3);
    let fields = fields.ok_or(CollectError::Malformed("proc/sys/fs/file-nr"))?;
    out.put(&ALLOCATED, &[], fields[0]);
    out.put(&MAXIMUM, &[], fields[2]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn used_and_possible_handles_are_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples, "node_filefd_allocated 1024\nnode_filefd_maximum 1.631329e+06\n");
    }
}
