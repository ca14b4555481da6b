//! Fibre Channel host adapters, from `/sys/class/fc_host`.

use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

const INFO: Metric =
    Metric::gauge("node_fibrechannel_info", "What an adapter is; always 1.").with(&[
        "fc_host",
        "speed",
        "port_state",
        "port_type",
        "port_id",
        "port_name",
        "fabric_name",
        "symbolic_name",
        "supported_classes",
        "supported_speeds",
        "dev_loss_tmo",
    ]);

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::counter(name, help).with(&["fc_host"])
}

/// Counters by their file in the adapter's `statistics`.
const COUNTERS: [(Metric, &str); 14] = [
    (counter("node_fibrechannel_dumped_frames_total", "Frames thrown away."), "dumped_frames"),
    (counter("node_fibrechannel_error_frames_total", "Frames with errors."), "error_frames"),
    (counter("node_fibrechannel_fcp_packet_aborts_total", "Packets aborted."), "fcp_packet_aborts"),
    (
        counter("node_fibrechannel_invalid_crc_total", "Frames with a wrong checksum."),
        "invalid_crc_count",
    ),
    (
        counter("node_fibrechannel_invalid_tx_words_total", "Invalid words transmitted."),
        "invalid_tx_word_count",
    ),
    (
        counter("node_fibrechannel_link_failure_total", "Failures of the link."),
        "link_failure_count",
    ),
    (
        counter("node_fibrechannel_loss_of_signal_total", "How often the signal was lost."),
        "loss_of_signal_count",
    ),
    (
        counter("node_fibrechannel_loss_of_sync_total", "How often synchronisation was lost."),
        "loss_of_sync_count",
    ),
    (
        counter("node_fibrechannel_nos_total", "How often the other side was not operational."),
        "nos_count",
    ),
    (counter("node_fibrechannel_rx_frames_total", "Frames received."), "rx_frames"),
    (counter("node_fibrechannel_rx_words_total", "Words received."), "rx_words"),
    (
        counter(
            "node_fibrechannel_seconds_since_last_reset_total",
            "Seconds since the adapter was reset.",
        ),
        "seconds_since_last_reset",
    ),
    (counter("node_fibrechannel_tx_frames_total", "Frames transmitted."), "tx_frames"),
    (counter("node_fibrechannel_tx_words_total", "Words transmitted."), "tx_words"),
];

pub(super) const COLLECTOR: Collector = Collector {
    name: "fibrechannel",
    start: On,
    metrics: &joined::<1, 14, 15>(&[INFO], &declared(&COUNTERS)),
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const CLASS: &str = "sys/class/fc_host";
    for name in host.list(CLASS)? {
        let Some(folder) = host.folder(&format!("{CLASS}/{name}")) else { continue };
        let text = |file: &str| folder.line(file).unwrap_or_default();
        // Numbers are shown without their `0x`.
        let hex = |file: &str| text(file).trim_start_matches("0x").to_owned();
        let labels = [
            &*name,
            &text("speed"),
            &text("port_state"),
            &text("port_type"),
            &hex("port_id"),
            &hex("port_name"),
            &hex("fabric_name"),
            &text("symbolic_name"),
            &text("supported_classes"),
            &text("supported_speeds"),
            &text("dev_loss_tmo"),
        ];
        out.put(&INFO, &labels, 1.0);
        for (metric, file) in &COUNTERS {
            let text = text(&format!("statistics/{file}"));
            let value = match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            let value = value.unwrap_or(0);
            // The adapter's way to say that it does not count this.
            if value != u64::MAX {
                out.put(metric, &[&name], value as f64);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn what_an_adapter_does_not_count_is_left_out() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_fibrechannel_rx_frames_total{fc_host=\"host0\"} 3\n"));
        assert!(!samples.contains("dumped_frames"), "{samples}");
        assert!(samples.contains("port_id=\"000002\""), "{samples}");
        assert!(samples.contains("dev_loss_tmo=\"\""), "{samples}");
    }
}
