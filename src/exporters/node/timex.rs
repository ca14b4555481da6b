//! How the kernel keeps the clock in step, from adjtimex(2).

use std::sync::atomic::{AtomicU64, Ordering};

use super::{CollectError, Collector, Families, Host, Metric, On};

const OFFSET: Metric =
    Metric::gauge("node_timex_offset_seconds", "How far the clock is off its reference.");
const OVERFLOW: Metric = Metric::counter(
    "node_timex_offset_overflow_total",
    "Readings with an offset beyond 4 seconds, which only an overflow in the kernel gives.",
);
const FREQUENCY: Metric = Metric::gauge(
    "node_timex_frequency_adjustment_ratio",
    "Factor the clock's speed is corrected by.",
);
const MAX_ERROR: Metric =
    Metric::gauge("node_timex_maxerror_seconds", "Largest error the clock may have.");
const ESTIMATED: Metric =
    Metric::gauge("node_timex_estimated_error_seconds", "Error the clock probably has.");
const STATUS: Metric = Metric::gauge("node_timex_status", "Status bits as in adjtimex(2).");
const CONSTANT: Metric =
    Metric::gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop.");
const TICK: Metric = Metric::gauge("node_timex_tick_seconds", "Time between two clock ticks.");
const PPS_FREQUENCY: Metric =
    Metric::gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second.");
const PPS_JITTER: Metric =
    Metric::gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second.");
const PPS_SHIFT: Metric = Metric::gauge(
    "node_timex_pps_shift_seconds",
    "Length of the interval the pulse per second is measured over.",
);
const PPS_STABILITY: Metric = Metric::gauge(
    "node_timex_pps_stability_hertz",
    "How much the frequency of the pulse per second has changed lately.",
);
const PPS_JITTERS: Metric = Metric::counter(
    "node_timex_pps_jitter_total",
    "How often the pulse per second jittered beyond its limit.",
);
const PPS_CALIBRATIONS: Metric = Metric::counter(
    "node_timex_pps_calibration_total",
    "Intervals the pulse per second was calibrated in.",
);
const PPS_ERRORS: Metric =
    Metric::counter("node_timex_pps_error_total", "Calibrations of the pulse that failed.");
const PPS_UNSTABLE: Metric = Metric::counter(
    "node_timex_pps_stability_exceeded_total",
    "How often the pulse's frequency changed beyond its limit.",
);
const TAI: Metric =
    Metric::gauge("node_timex_tai_offset_seconds", "How far atomic time is ahead of UTC.");
const SYNC: Metric =
    Metric::gauge("node_timex_sync_status", "Whether the clock is kept in step with a reference.");

pub(super) const COLLECTOR: Collector = Collector {
    name: "timex",
    start: On,
    metrics: &[
        OFFSET,
        OVERFLOW,
        FREQUENCY,
        MAX_ERROR,
        ESTIMATED,
        STATUS,
        CONSTANT,
        TICK,
        PPS_FREQUENCY,
        PPS_JITTER,
        PPS_SHIFT,
        PPS_STABILITY,
        PPS_JITTERS,
        PPS_CALIBRATIONS,
        PPS_ERRORS,
        PPS_UNSTABLE,
        TAI,
        SYNC,
    ],
    collect,
};

const MICROSECOND: f64 = 1e6;
const NANOSECOND: f64 = 1e9;
/// Frequencies are parts per million with 16 binary places.
const PPM: f64 = 1_000_000.0 * 65_536.0;
const OVERFLOW_SECONDS: f64 = 4.0;

/// How many readings had an offset that only an overflow gives.
#[derive(Debug, Default)]
pub(super) struct Overflows(AtomicU64);

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let (state, clock) =
        read_clock().map_err(|source| CollectError::Call { call: "adjtimex", source })?;
    let unit = if clock.status & libc::STA_NANO == 0 { MICROSECOND } else { NANOSECOND };
    let offset = clock.offset as f64 / unit;
    let overflows = if offset.abs() > OVERFLOW_SECONDS {
        host.clock.0.fetch_add(1, Ordering::Relaxed) + 1
    } else {
        host.clock.0.load(Ordering::Relaxed)
    };
    out.put(&SYNC, &[], f64::from(u8::from(state != libc::TIME_ERROR)));
    out.put(&OFFSET, &[], offset);
    out.put(&OVERFLOW, &[], overflows as f64);
    out.put(&FREQUENCY, &[], 1.0 + clock.freq as f64 / PPM);
    out.put(&MAX_ERROR, &[], clock.maxerror as f64 / MICROSECOND);
    out.put(&ESTIMATED, &[], clock.esterror as f64 / MICROSECOND);
    out.put(&STATUS, &[], f64::from(clock.status));
    out.put(&CONSTANT, &[], clock.constant as f64);
    out.put(&TICK, &[], clock.tick as f64 / MICROSECOND);
    out.put(&PPS_FREQUENCY, &[], clock.ppsfreq as f64 / PPM);
    out.put(&PPS_JITTER, &[], clock.jitter as f64 / unit);
    out.put(&PPS_SHIFT, &[], f64::from(clock.shift));
    out.put(&PPS_STABILITY, &[], clock.stabil as f64 / PPM);
    out.put(&PPS_JITTERS, &[], clock.jitcnt as f64);
    out.put(&PPS_CALIBRATIONS, &[], clock.calcnt as f64);
    out.put(&PPS_ERRORS, &[], clock.errcnt as f64);
    out.put(&PPS_UNSTABLE, &[], clock.stbcnt as f64);
    out.put(&TAI, &[], f64::from(clock.tai));
    Ok(())
}

/// Asks without changing anything. No safe binding of adjtimex exists among our dependencies.
#[allow(unsafe_code)]
fn read_clock() -> std::io::Result<(libc::c_int, libc::timex)> {
    // SAFETY: all fields of `timex` are integers, for which zero is a value; `modes` 0 only reads.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for writes of the whole struct while the call lasts.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    if state < 0 { Err(std::io::Error::last_os_error()) } else { Ok((state, clock)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn the_running_kernel_answers() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples.lines().count(), COLLECTOR.metrics.len());
        assert!(samples.contains("node_timex_tick_seconds 0.0"), "{samples}");
    }
}
