//! NVMe controllers and their namespaces, from `/sys/class/nvme`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const INFO: Metric = Metric::gauge("node_nvme_info", "What an NVMe controller is; always 1.")
    .with(&["device", "firmware_revision", "model", "serial", "state", "cntlid"]);
const NAMESPACE: &[&str] = &["device", "nsid"];
const NAMESPACE_INFO: Metric =
    Metric::gauge("node_nvme_namespace_info", "How an NVMe namespace can be reached; always 1.")
        .with(&["device", "nsid", "ana_state"]);
const CAPACITY: Metric =
    Metric::gauge("node_nvme_namespace_capacity_bytes", "What an NVMe namespace can hold.")
        .with(NAMESPACE);
const SIZE: Metric =
    Metric::gauge("node_nvme_namespace_size_bytes", "Size of an NVMe namespace.").with(NAMESPACE);
const USED: Metric =
    Metric::gauge("node_nvme_namespace_used_bytes", "What is in use of an NVMe namespace.")
        .with(NAMESPACE);
const BLOCK: Metric = Metric::gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    "Size of the blocks an NVMe namespace is addressed in.",
)
.with(NAMESPACE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "nvme",
    start: On,
    metrics: &[INFO, NAMESPACE_INFO, CAPACITY, SIZE, USED, BLOCK],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for device in host.list("sys/class/nvme")? {
        let path = format!("sys/class/nvme/{device}");
        let Some(folder) = host.folder(&path) else { continue };
        let text = |file: &str| folder.line(file).unwrap_or_default();
        let labels = [
            &*device,
            &text("firmware_rev"),
            &text("model"),
            &text("serial"),
            &text("state"),
            &text("cntlid"),
        ];
        out.put(&INFO, &labels, 1.0);
        for name in host.list(&path)? {
            let Some(id) = namespace_id(&device, &name) else { continue };
            let Some(folder) = host.folder(&format!("{path}/{name}")) else { continue };
            let number = |file: &str| folder.number(file).unwrap_or(0.0);
            let state = folder.line("ana_state");
            let block = number("queue/logical_block_size");
            out.put(&NAMESPACE_INFO, &[&device, id, state.as_deref().unwrap_or("unknown")], 1.0);
            out.put(&CAPACITY, &[&device, id], number("size") * block);
            out.put(&SIZE, &[&device, id], number("size") * block);
            out.put(&USED, &[&device, id], number("nuse") * block);
            out.put(&BLOCK, &[&device, id], block);
        }
    }
    Ok(())
}

/// `nvme0n1` and, with several paths to it, `nvme0c1n1` are namespace 1.
fn namespace_id<'a>(device: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(device)?;
    let (path, id) = rest.rsplit_once('n')?;
    let path_is_number =
        path.is_empty() || path.strip_prefix('c').is_some_and(|path| path.parse::<u32>().is_ok());
    (path_is_number && id.parse::<u32>().is_ok()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn namespaces_are_recognised_by_their_names() {
        assert_eq!(namespace_id("nvme0", "nvme0n1"), Some("1"));
        assert_eq!(namespace_id("nvme0", "nvme0c2n12"), Some("12"));
        assert_eq!(namespace_id("nvme0", "nvme0n1p1"), None);
        assert_eq!(namespace_id("nvme0", "power"), None);
    }

    #[test]
    fn sizes_are_in_bytes() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(
            samples.contains("node_nvme_namespace_size_bytes{device=\"nvme0\",nsid=\"1\"} 1.6e+13")
        );
        assert!(
            samples.contains("node_nvme_namespace_used_bytes{device=\"nvme0\",nsid=\"1\"} 2e+12")
        );
    }
}
