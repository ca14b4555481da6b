//! InfiniBand and RDMA adapters and their ports, from `/sys/class/infiniband`.

use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

const PORT: &[&str] = &["device", "port"];
const INFO: Metric = Metric::gauge("node_infiniband_info", "What an adapter is; always 1.")
    .with(&["device", "board_id", "firmware_version", "hca_type"]);
const STATE: Metric = Metric::gauge(
    "node_infiniband_state_id",
    "State of a port: 1 down, 2 being set up, 3 armed, 4 active.",
)
.with(PORT);
const PHYSICAL: Metric = Metric::gauge(
    "node_infiniband_physical_state_id",
    "Physical state of a port: 2 polling, 3 disabled, 4 training, 5 link up.",
)
.with(PORT);
const RATE: Metric =
    Metric::gauge("node_infiniband_rate_bytes_per_second", "Highest rate of a port.").with(PORT);
const LIFESPAN: Metric =
    Metric::gauge("node_infiniband_lifespan_seconds", "How old a port's counters may be.")
        .with(PORT);

/// Counts lanes of four bytes; and whatever is counted one by one.
const LANES: f64 = 4.0;
const ONE: f64 = 1.0;

/// A counter's file below the port's folder, and its unit.
type Row = (Metric, (&'static str, f64));

const fn row(name: &'static str, file: &'static str, unit: f64, help: &'static str) -> Row {
    (Metric::counter(name, help).with(PORT), (file, unit))
}

#[rustfmt::skip] // one counter a line
const COUNTERS: [Row; 59] = [
    row("node_infiniband_legacy_multicast_packets_received_total", "counters_ext/port_multicast_rcv_packets", ONE, "Multicast packets received, as old kernels count."),
    row("node_infiniband_legacy_multicast_packets_transmitted_total", "counters_ext/port_multicast_xmit_packets", ONE, "Multicast packets sent, as old kernels count."),
    row("node_infiniband_legacy_data_received_bytes_total", "counters_ext/port_rcv_data_64", LANES, "Bytes received, as old kernels count."),
    row("node_infiniband_legacy_packets_received_total", "counters_ext/port_rcv_packets_64", ONE, "Packets received, as old kernels count."),
    row("node_infiniband_legacy_unicast_packets_received_total", "counters_ext/port_unicast_rcv_packets", ONE, "Unicast packets received, as old kernels count."),
    row("node_infiniband_legacy_unicast_packets_transmitted_total", "counters_ext/port_unicast_xmit_packets", ONE, "Unicast packets sent, as old kernels count."),
    row("node_infiniband_legacy_data_transmitted_bytes_total", "counters_ext/port_xmit_data_64", LANES, "Bytes sent, as old kernels count."),
    row("node_infiniband_legacy_packets_transmitted_total", "counters_ext/port_xmit_packets_64", ONE, "Packets sent, as old kernels count."),
    row("node_infiniband_excessive_buffer_overrun_errors_total", "counters/excessive_buffer_overrun_errors", ONE, "How often buffers overran again and again."),
    row("node_infiniband_link_downed_total", "counters/link_downed", ONE, "How often the link went down."),
    row("node_infiniband_link_error_recovery_total", "counters/link_error_recovery", ONE, "How often the link recovered from an error."),
    row("node_infiniband_local_link_integrity_errors_total", "counters/local_link_integrity_errors", ONE, "How often too many physical errors were seen."),
    row("node_infiniband_multicast_packets_received_total", "counters/multicast_rcv_packets", ONE, "Multicast packets received."),
    row("node_infiniband_multicast_packets_transmitted_total", "counters/multicast_xmit_packets", ONE, "Multicast packets sent."),
    row("node_infiniband_port_constraint_errors_received_total", "counters/port_rcv_constraint_errors", ONE, "Received packets that were against a constraint."),
    row("node_infiniband_port_constraint_errors_transmitted_total", "counters/port_xmit_constraint_errors", ONE, "Packets not sent because of a constraint."),
    row("node_infiniband_port_data_received_bytes_total", "counters/port_rcv_data", LANES, "Bytes received."),
    row("node_infiniband_port_data_transmitted_bytes_total", "counters/port_xmit_data", LANES, "Bytes sent."),
    row("node_infiniband_port_discards_received_total", "counters/port_rcv_discards", ONE, "Received packets thrown away."),
    row("node_infiniband_port_discards_transmitted_total", "counters/port_xmit_discards", ONE, "Packets thrown away instead of being sent."),
    row("node_infiniband_port_errors_received_total", "counters/port_rcv_errors", ONE, "Received packets with an error."),
    row("node_infiniband_port_packets_received_total", "counters/port_rcv_packets", ONE, "Packets received."),
    row("node_infiniband_port_packets_transmitted_total", "counters/port_xmit_packets", ONE, "Packets sent."),
    row("node_infiniband_port_transmit_wait_total", "counters/port_xmit_wait", ONE, "Ticks in which there was data to send and none was."),
    row("node_infiniband_unicast_packets_received_total", "counters/unicast_rcv_packets", ONE, "Unicast packets received."),
    row("node_infiniband_unicast_packets_transmitted_total", "counters/unicast_xmit_packets", ONE, "Unicast packets sent."),
    row("node_infiniband_port_receive_remote_physical_errors_total", "counters/port_rcv_remote_physical_errors", ONE, "Packets another link had marked as bad."),
    row("node_infiniband_port_receive_switch_relay_errors_total", "counters/port_rcv_switch_relay_errors", ONE, "Packets a switch could not forward."),
    row("node_infiniband_symbol_error_total", "counters/symbol_error", ONE, "Small errors on the lanes."),
    row("node_infiniband_vl15_dropped_total", "counters/VL15_dropped", ONE, "Management packets dropped for want of room."),
    row("node_infiniband_duplicate_requests_packets_total", "hw_counters/duplicate_request", ONE, "Requests that had been carried out before."),
    row("node_infiniband_implied_nak_seq_errors_total", "hw_counters/implied_nak_seq_err", ONE, "Answers with a later number than expected."),
    row("node_infiniband_local_ack_timeout_errors_total", "hw_counters/local_ack_timeout_err", ONE, "How often an acknowledgement came too late."),
    row("node_infiniband_np_cnp_packets_sent_total", "hw_counters/np_cnp_sent", ONE, "Congestion notifications sent."),
    row("node_infiniband_np_ecn_marked_roce_packets_received_total", "hw_counters/np_ecn_marked_roce_packets", ONE, "Received packets marked for congestion."),
    row("node_infiniband_out_of_buffer_drops_total", "hw_counters/out_of_buffer", ONE, "Packets dropped because no work request waited."),
    row("node_infiniband_out_of_sequence_packets_received_total", "hw_counters/out_of_sequence", ONE, "Packets received out of order."),
    row("node_infiniband_packet_sequence_errors_total", "hw_counters/packet_seq_err", ONE, "Answers that told of a packet out of order."),
    row("node_infiniband_req_cqes_errors_total", "hw_counters/req_cqe_error", ONE, "Requests that ended with an error."),
    row("node_infiniband_req_cqes_flush_errors_total", "hw_counters/req_cqe_flush_error", ONE, "Requests that were flushed with an error."),
    row("node_infiniband_req_remote_access_errors_total", "hw_counters/req_remote_access_errors", ONE, "Requests the other side did not allow."),
    row("node_infiniband_req_remote_invalid_request_errors_total", "hw_counters/req_remote_invalid_request", ONE, "Requests the other side found invalid."),
    row("node_infiniband_resp_cqes_errors_total", "hw_counters/resp_cqe_error", ONE, "Responses that ended with an error."),
    row("node_infiniband_resp_cqes_flush_errors_total", "hw_counters/resp_cqe_flush_error", ONE, "Responses that were flushed with an error."),
    row("node_infiniband_resp_local_length_errors_total", "hw_counters/resp_local_length_error", ONE, "Responses of a wrong length."),
    row("node_infiniband_resp_remote_access_errors_total", "hw_counters/resp_remote_access_errors", ONE, "Requests of the other side that were not allowed."),
    row("node_infiniband_rnr_nak_retry_packets_received_total", "hw_counters/rnr_nak_retry_err", ONE, "Answers that the other side was not ready."),
    row("node_infiniband_roce_adp_retransmits_total", "hw_counters/roce_adp_retrans", ONE, "Adaptive retransmissions."),
    row("node_infiniband_roce_adp_retransmits_timeout_total", "hw_counters/roce_adp_retrans_to", ONE, "Adaptive retransmissions that came too late."),
    row("node_infiniband_roce_slow_restart_used_total", "hw_counters/roce_slow_restart", ONE, "How often a slow restart was used."),
    row("node_infiniband_roce_slow_restart_cnps_total", "hw_counters/roce_slow_restart_cnps", ONE, "Congestion notifications of slow restarts."),
    row("node_infiniband_roce_slow_restart_total", "hw_counters/roce_slow_restart_trans", ONE, "How often a slow restart was begun."),
    row("node_infiniband_rp_cnp_packets_handled_total", "hw_counters/rp_cnp_handled", ONE, "Congestion notifications that slowed sending."),
    row("node_infiniband_rp_cnp_ignored_packets_received_total", "hw_counters/rp_cnp_ignored", ONE, "Congestion notifications that were ignored."),
    row("node_infiniband_rx_atomic_requests_total", "hw_counters/rx_atomic_requests", ONE, "Atomic requests received."),
    row("node_infiniband_rx_dct_connect_requests_total", "hw_counters/rx_dct_connect", ONE, "Connection requests received."),
    row("node_infiniband_rx_read_requests_total", "hw_counters/rx_read_requests", ONE, "Read requests received."),
    row("node_infiniband_rx_write_requests_total", "hw_counters/rx_write_requests", ONE, "Write requests received."),
    row("node_infiniband_rx_icrc_encapsulated_errors_total", "hw_counters/rx_icrc_encapsulated", ONE, "Packets with a wrong checksum."),
];

pub(super) const COLLECTOR: Collector = Collector {
    name: "infiniband",
    start: On,
    metrics: &joined::<5, 59, 64>(&[INFO, STATE, PHYSICAL, RATE, LIFESPAN], &declared(&COUNTERS)),
    collect,
};

const CLASS: &str = "sys/class/infiniband";
const GIGABIT_BYTES: f64 = 125_000_000.0;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for device in host.list(CLASS)? {
        if !host.settings.infiniband.takes(&device) {
            continue;
        }
        let path = format!("{CLASS}/{device}");
        let Some(folder) = host.folder(&path) else { continue };
        let text = |file: &str| folder.line(file).unwrap_or_default();
        let labels = [&*device, &text("board_id"), &text("fw_ver"), &text("hca_type")];
        out.put(&INFO, &labels, 1.0);
        for port in host.list_if_any(&format!("{path}/ports"), "")? {
            let Some(folder) = host.folder(&format!("{path}/ports/{port}")) else { continue };
            let labels = [&*device, &*port];
            // `4: ACTIVE` and `40 Gb/sec (4X QDR)`.
            let leading = |file: &str, end: char| -> Result<f64, CollectError> {
                let line = folder.line(file).unwrap_or_default();
                let number = line.split(end).next().and_then(|number| number.trim().parse().ok());
                number.ok_or(CollectError::Malformed(CLASS))
            };
            out.put(&STATE, &labels, leading("state", ':')?);
            out.put(&PHYSICAL, &labels, leading("phys_state", ':')?);
            out.put(&RATE, &labels, (leading("rate", ' ')? * GIGABIT_BYTES).floor());
            if let Some(milliseconds) = folder.number("hw_counters/lifespan") {
                out.put(&LIFESPAN, &labels, milliseconds / 1000.0);
            }
            // What a port does not count is missing, or says `N/A (no PMA)`.
            for (metric, (file, unit)) in &COUNTERS {
                if let Some(value) = folder.number(file) {
                    out.put(metric, &labels, value * unit);
                }
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
    fn data_is_in_bytes_and_what_is_not_counted_is_left_out() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_infiniband_info{board_id=\"\",device=\"mlx5_0\",firmware_version=\"16.1\",\
             hca_type=\"MT4119\"} 1\n\
             node_infiniband_lifespan_seconds{device=\"mlx5_0\",port=\"1\"} 0.01\n\
             node_infiniband_out_of_buffer_drops_total{device=\"mlx5_0\",port=\"1\"} 7\n\
             node_infiniband_physical_state_id{device=\"mlx5_0\",port=\"1\"} 5\n\
             node_infiniband_port_data_received_bytes_total{device=\"mlx5_0\",port=\"1\"} 400\n\
             node_infiniband_rate_bytes_per_second{device=\"mlx5_0\",port=\"1\"} 3.125e+08\n\
             node_infiniband_state_id{device=\"mlx5_0\",port=\"1\"} 4\n"
        );
        let none = fixture::host_with(|config| config.infiniband.exclude = "^mlx".to_owned());
        assert_eq!(fixture::samples(&COLLECTOR, &none), "");
    }
}
