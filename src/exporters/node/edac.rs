//! Memory errors that the hardware found, from `/sys/devices/system/edac/mc` (EDAC in the kernel's
//! documentation): by controller, by its rows of chips and by their channels.

use super::host::Folder;
use super::{CollectError, Collector, Families, Host, Metric, On};

const CORRECTABLE: Metric =
    Metric::counter("node_edac_correctable_errors_total", "Memory errors that were corrected.")
        .with(&["controller"]);
const UNCORRECTABLE: Metric = Metric::counter(
    "node_edac_uncorrectable_errors_total",
    "Memory errors that could not be corrected.",
)
.with(&["controller"]);
const ROW: &[&str] = &["controller", "csrow"];
const ROW_CORRECTABLE: Metric = Metric::counter(
    "node_edac_csrow_correctable_errors_total",
    "Errors of a row of memory chips that were corrected.",
)
.with(ROW);
const ROW_UNCORRECTABLE: Metric = Metric::counter(
    "node_edac_csrow_uncorrectable_errors_total",
    "Errors of a row of memory chips that could not be corrected.",
)
.with(ROW);
const CHANNEL: &[&str] = &["controller", "csrow", "channel", "dimm_label"];
const CHANNEL_CORRECTABLE: Metric = Metric::counter(
    "node_edac_channel_correctable_errors_total",
    "Errors of a memory channel that were corrected.",
)
.with(CHANNEL);
const CHANNEL_UNCORRECTABLE: Metric = Metric::counter(
    "node_edac_channel_uncorrectable_errors_total",
    "Errors of a memory channel that could not be corrected.",
)
.with(CHANNEL);

pub(super) const COLLECTOR: Collector = Collector {
    name: "edac",
    start: On,
    metrics: &[
        CORRECTABLE,
        UNCORRECTABLE,
        ROW_CORRECTABLE,
        ROW_UNCORRECTABLE,
        CHANNEL_CORRECTABLE,
        CHANNEL_UNCORRECTABLE,
    ],
    collect,
};

const FOLDER: &str = "sys/devices/system/edac/mc";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for name in host.list_if_any(FOLDER, "mc")? {
        let Some(controller) = numbered(&name, "mc") else { continue };
        let path = format!("{FOLDER}/{name}");
        let Some(folder) = host.folder(&path) else { continue };
        out.put(&CORRECTABLE, &[controller], count(&folder, "ce_count")?);
        out.put(&UNCORRECTABLE, &[controller], count(&folder, "ue_count")?);
        // Errors the controller could not assign to a row.
        let unknown = [controller, "unknown"];
        out.put(&ROW_CORRECTABLE, &unknown, count(&folder, "ce_noinfo_count")?);
        out.put(&ROW_UNCORRECTABLE, &unknown, count(&folder, "ue_noinfo_count")?);
        for name in host.list_if_any(&path, "csrow")? {
            let Some(row) = numbered(&name, "csrow") else { continue };
            let path = format!("{path}/{name}");
            let Some(folder) = host.folder(&path) else { continue };
            out.put(&ROW_CORRECTABLE, &[controller, row], count(&folder, "ce_count")?);
            out.put(&ROW_UNCORRECTABLE, &[controller, row], count(&folder, "ue_count")?);
            for name in host.list_if_any(&path, "ch")? {
                let channel = name.strip_suffix("_ce_count").and_then(|name| numbered(name, "ch"));
                let Some(channel) = channel else { continue };
                let label = folder.line(&format!("ch{channel}_dimm_label"));
                let label = label.map_or_else(|| "unknown".to_owned(), |label| spaced(&label));
                let labels = [controller, row, channel, &label];
                out.put(&CHANNEL_CORRECTABLE, &labels, count(&folder, &name)?);
                // Not every controller tells these.
                if let Some(errors) = folder.number(&format!("ch{channel}_ue_count")) {
                    out.put(&CHANNEL_UNCORRECTABLE, &labels, errors);
                }
            }
        }
    }
    Ok(())
}

/// `mc0` is controller 0.
fn numbered<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|number| number.parse::<u32>().is_ok())
}

/// A slot's name as the reference exporter writes it: `mc#0csrow#1channel#0` is `mc0_csrow1_channel0`.
fn spaced(label: &str) -> String {
    label.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
}

fn count(folder: &Folder, file: &str) -> Result<f64, CollectError> {
    folder.number(file).ok_or(CollectError::Malformed(FOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn errors_are_shown_down_to_the_slot() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_edac_channel_correctable_errors_total{channel=\"0\",controller=\"0\",\
             csrow=\"0\",dimm_label=\"mc0_csrow0_channel0\"} 3\n\
             node_edac_correctable_errors_total{controller=\"0\"} 5\n\
             node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"0\"} 3\n\
             node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"unknown\"} 2\n\
             node_edac_csrow_uncorrectable_errors_total{controller=\"0\",csrow=\"0\"} 0\n\
             node_edac_csrow_uncorrectable_errors_total{controller=\"0\",csrow=\"unknown\"} 1\n\
             node_edac_uncorrectable_errors_total{controller=\"0\"} 1\n"
        );
    }
}
