//! The clock: its time, its zone and what it is driven by.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{CollectError, Collector, Families, Host, Metric, On};

const NOW: Metric = Metric::gauge("node_time_seconds", "The system's time, in Unix time.");
const ZONE: Metric =
    Metric::gauge("node_time_zone_offset_seconds", "How far the local time is ahead of UTC.")
        .with(&["time_zone"]);
const AVAILABLE: Metric = Metric::gauge(
    "node_time_clocksource_available_info",
    "A source the kernel could take its time from; always 1.",
)
.with(&["device", "clocksource"]);
const CURRENT: Metric = Metric::gauge(
    "node_time_clocksource_current_info",
    "The source the kernel takes its time from; always 1.",
)
.with(&["device", "clocksource"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "time", start: On, metrics: &[NOW, ZONE, AVAILABLE, CURRENT], collect };

#[allow(clippy::unnecessary_wraps)] // every collector has this shape
fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    out.put(&NOW, &[], now.as_secs_f64());
    let zone = jiff::tz::TimeZone::system();
    let info = zone.to_offset_info(jiff::Timestamp::now());
    out.put(&ZONE, &[info.abbreviation()], f64::from(info.offset().seconds()));
    let Ok(devices) = host.list("sys/devices/system/clocksource") else { return Ok(()) };
    for device in devices {
        let Some(number) = device.strip_prefix("clocksource") else { continue };
        let file = |name: &str| {
            host.line(&format!("sys/devices/system/clocksource/{device}/{name}_clocksource"))
        };
        for source in file("available").unwrap_or_default().split_ascii_whitespace() {
            out.put(&AVAILABLE, &[number, source], 1.0);
        }
        if let Some(source) = file("current") {
            out.put(&CURRENT, &[number, &source], 1.0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn clock_sources_are_listed() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains(
            "node_time_clocksource_available_info{clocksource=\"hpet\",device=\"0\"} 1\n"
        ));
        assert!(
            samples.contains(
                "node_time_clocksource_current_info{clocksource=\"tsc\",device=\"0\"} 1\n"
            )
        );
        assert!(samples.contains("node_time_zone_offset_seconds{time_zone="));
    }
}
