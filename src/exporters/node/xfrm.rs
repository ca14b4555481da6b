//! Errors of IPsec packets, from `/proc/net/xfrm_stat` (Documentation/networking/xfrm_proc.rst).

use super::{CollectError, Collector, Families, Host, Metric, Off};

/// The kernel's names, in the order of [`METRICS`].
const NAMES: [&str; 28] = [
    "XfrmInError",
    "XfrmInBufferError",
    "XfrmInHdrError",
    "XfrmInNoStates",
    "XfrmInStateProtoError",
    "XfrmInStateModeError",
    "XfrmInStateSeqError",
    "XfrmInStateExpired",
    "XfrmInStateMismatch",
    "XfrmInStateInvalid",
    "XfrmInTmplMismatch",
    "XfrmInNoPols",
    "XfrmInPolBlock",
    "XfrmInPolError",
    "XfrmOutError",
    "XfrmOutBundleGenError",
    "XfrmOutBundleCheckError",
    "XfrmOutNoStates",
    "XfrmOutStateProtoError",
    "XfrmOutStateModeError",
    "XfrmOutStateSeqError",
    "XfrmOutStateExpired",
    "XfrmOutPolBlock",
    "XfrmOutPolDead",
    "XfrmOutPolError",
    "XfrmFwdHdrError",
    "XfrmOutStateInvalid",
    "XfrmAcquireError",
];

const METRICS: &[Metric] = &[
    Metric::counter(
        "node_xfrm_in_error_packets_total",
        "Incoming packets with an error that no other counter tells.",
    ),
    Metric::counter(
        "node_xfrm_in_buffer_error_packets_total",
        "Incoming packets for which no buffer was left.",
    ),
    Metric::counter(
        "node_xfrm_in_hdr_error_packets_total",
        "Incoming packets with a broken header.",
    ),
    Metric::counter(
        "node_xfrm_in_no_states_packets_total",
        "Incoming packets for which no state was found.",
    ),
    Metric::counter(
        "node_xfrm_in_state_proto_error_packets_total",
        "Incoming packets that broke the protocol, as with a wrong key.",
    ),
    Metric::counter(
        "node_xfrm_in_state_mode_error_packets_total",
        "Incoming packets that broke the mode, as tunnel or transport.",
    ),
    Metric::counter(
        "node_xfrm_in_state_seq_error_packets_total",
        "Incoming packets with a number outside of the window.",
    ),
    Metric::counter(
        "node_xfrm_in_state_expired_packets_total",
        "Incoming packets whose state has expired.",
    ),
    Metric::counter(
        "node_xfrm_in_state_mismatch_packets_total",
        "Incoming packets whose options differ from their state's.",
    ),
    Metric::counter(
        "node_xfrm_in_state_invalid_packets_total",
        "Incoming packets whose state is invalid.",
    ),
    Metric::counter(
        "node_xfrm_in_tmpl_mismatch_packets_total",
        "Incoming packets for whose state no template fits.",
    ),
    Metric::counter(
        "node_xfrm_in_no_pols_packets_total",
        "Incoming packets for whose state no policy was found.",
    ),
    Metric::counter(
        "node_xfrm_in_pol_block_packets_total",
        "Incoming packets that a policy forbids.",
    ),
    Metric::counter(
        "node_xfrm_in_pol_error_packets_total",
        "Incoming packets whose policy is broken.",
    ),
    Metric::counter(
        "node_xfrm_out_error_packets_total",
        "Outgoing packets with an error that no other counter tells.",
    ),
    Metric::counter(
        "node_xfrm_out_bundle_gen_error_packets_total",
        "Outgoing packets for which no bundle could be made.",
    ),
    Metric::counter(
        "node_xfrm_out_bundle_check_error_packets_total",
        "Outgoing packets whose bundle did not hold.",
    ),
    Metric::counter(
        "node_xfrm_out_no_states_packets_total",
        "Outgoing packets for which no state was found.",
    ),
    Metric::counter(
        "node_xfrm_out_state_proto_error_packets_total",
        "Outgoing packets that broke the protocol.",
    ),
    Metric::counter(
        "node_xfrm_out_state_mode_error_packets_total",
        "Outgoing packets that broke the mode.",
    ),
    Metric::counter(
        "node_xfrm_out_state_seq_error_packets_total",
        "Outgoing packets for which no number was left.",
    ),
    Metric::counter(
        "node_xfrm_out_state_expired_packets_total",
        "Outgoing packets whose state has expired.",
    ),
    Metric::counter(
        "node_xfrm_out_pol_block_packets_total",
        "Outgoing packets that a policy forbids.",
    ),
    Metric::counter(
        "node_xfrm_out_pol_dead_packets_total",
        "Outgoing packets whose policy is gone.",
    ),
    Metric::counter(
        "node_xfrm_out_pol_error_packets_total",
        "Outgoing packets whose policy is broken.",
    ),
    Metric::counter(
        "node_xfrm_fwd_hdr_error_packets_total",
        "Packets whose header forbids to forward them.",
    ),
    Metric::counter(
        "node_xfrm_out_state_invalid_packets_total",
        "Outgoing packets whose state is invalid.",
    ),
    Metric::counter(
        "node_xfrm_acquire_error_packets_total",
        "Packets whose state was not complete when it was needed.",
    ),
];

pub(super) const COLLECTOR: Collector =
    Collector { name: "xfrm", start: Off, metrics: METRICS, collect };

const FILE: &str = "proc/net/xfrm_stat";

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    // What the kernel does not know yet is shown as 0, as its own counters start.
    let mut values = [0.0; NAMES.len()];
    for line in host.read(FILE)?.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(name), Some(value)) = (fields.next(), super::host::next(&mut fields)) else {
            return Err(CollectError::Malformed(FILE));
        };
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            values[at] = value;
        }
    }
    for (metric, value) in METRICS.iter().zip(values) {
        out.put(metric, &[], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn every_counter_is_shown() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_xfrm_in_error_packets_total 1\n"));
        assert!(samples.contains("node_xfrm_out_pol_dead_packets_total 7656\n"));
        assert!(samples.contains("node_xfrm_acquire_error_packets_total 0\n"));
        assert_eq!(samples.lines().count(), METRICS.len());
        assert_eq!(NAMES.len(), METRICS.len());
    }
}
