//! Swap areas one by one, from `/proc/swaps` (proc(5)).

use super::{CollectError, Collector, Families, Host, Metric, Off};

const AREA: &[&str] = &["device", "type"];
const SIZE: Metric = Metric::gauge("node_swap_size_bytes", "Size of a swap area.").with(AREA);
const USED: Metric =
    Metric::gauge("node_swap_used_bytes", "Room of a swap area that is in use.").with(AREA);
const PRIORITY: Metric =
    Metric::gauge("node_swap_priority", "Priority of a swap area; the highest is used first.")
        .with(AREA);

pub(super) const COLLECTOR: Collector =
    Collector { name: "swap", start: Off, metrics: &[SIZE, USED, PRIORITY], collect };

const FILE: &str = "proc/swaps";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for line in host.read(FILE)?.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [device, kind, numbers @ ..] = &fields[..] else {
            return Err(CollectError::Malformed(FILE));
        };
        let numbers: Option<Vec<f64>> = numbers.iter().map(|field| field.parse().ok()).collect();
        let Some([size, used, priority]) = numbers.as_deref() else {
            return Err(CollectError::Malformed(FILE));
        };
        // Sizes are in kibibytes.
        out.put(&SIZE, &[device, kind], size * 1024.0);
        out.put(&USED, &[device, kind], used * 1024.0);
        out.put(&PRIORITY, &[device, kind], *priority);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn sizes_are_in_bytes() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_swap_priority{device=\"/dev/zram0\",type=\"partition\"} 100\n\
             node_swap_size_bytes{device=\"/dev/zram0\",type=\"partition\"} 8.589930496e+09\n\
             node_swap_used_bytes{device=\"/dev/zram0\",type=\"partition\"} 77824\n"
        );
    }
}
