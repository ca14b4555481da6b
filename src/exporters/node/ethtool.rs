//! What the drivers of network devices tell: their link modes by generic netlink, their names and own
//! counters by ioctl.

use std::collections::BTreeMap;
use std::io;

use super::ethtool_driver::Driver;
use super::ethtool_ioctl::Asking;
use super::ethtool_links::{Link, links};
use super::ethtool_modes::{ASYMMETRIC_PAUSE, AUTONEGOTIATION, PAUSE, PORTS, SPEEDS};
use super::sysctl::sanitize;
use super::{CollectError, Collector, Families, Host, Metric, Off};
use crate::model::MetricType;

const DEVICE: &[&str] = &["device"];
const MODE: &[&str] = &["device", "duplex", "mode"];
const INFO: Metric = Metric::gauge("node_ethtool_info", "Driver of a device; always 1.").with(&[
    "bus_info",
    "device",
    "driver",
    "expansion_rom_version",
    "firmware_version",
    "version",
]);
const COUNTERS: Metric =
    Metric::untyped("node_ethtool_", "A counter that a device's driver keeps.").with(DEVICE).open();
const PORT: Metric =
    Metric::gauge("node_network_supported_port_info", "A kind of port a device has; always 1.")
        .with(&["device", "type"]);
const SUPPORTED_SPEED: Metric =
    Metric::gauge("node_network_supported_speed_bytes", "A speed a device can have, per second.")
        .with(MODE);
const ADVERTISED_SPEED: Metric =
    Metric::gauge("node_network_advertised_speed_bytes", "A speed a device offers, per second.")
        .with(MODE);
const AUTONEGOTIATE: Metric =
    Metric::gauge("node_network_autonegotiate", "Whether a device negotiates its speed.")
        .with(DEVICE);

/// Bit, metric of what is supported, metric of what is advertised.
const CAPABILITIES: [(u32, Metric, Metric); 3] = [
    (
        AUTONEGOTIATION,
        Metric::gauge(
            "node_network_autonegotiate_supported",
            "Whether a device can negotiate its speed.",
        )
        .with(DEVICE),
        Metric::gauge(
            "node_network_autonegotiate_advertised",
            "Whether a device offers to negotiate its speed.",
        )
        .with(DEVICE),
    ),
    (
        PAUSE,
        Metric::gauge("node_network_pause_supported", "Whether a device can be told to pause.")
            .with(DEVICE),
        Metric::gauge("node_network_pause_advertised", "Whether a device offers to pause.")
            .with(DEVICE),
    ),
    (
        ASYMMETRIC_PAUSE,
        Metric::gauge(
            "node_network_asymmetricpause_supported",
            "Whether a device can be told to pause in one direction.",
        )
        .with(DEVICE),
        Metric::gauge(
            "node_network_asymmetricpause_advertised",
            "Whether a device offers to pause in one direction.",
        )
        .with(DEVICE),
    ),
];

pub(super) const COLLECTOR: Collector = Collector {
    name: "ethtool",
    start: Off,
    metrics: &[
        INFO,
        PORT,
        SUPPORTED_SPEED,
        ADVERTISED_SPEED,
        AUTONEGOTIATE,
        CAPABILITIES[0].1,
        CAPABILITIES[0].2,
        CAPABILITIES[1].1,
        CAPABILITIES[1].2,
        CAPABILITIES[2].1,
        CAPABILITIES[2].2,
        COUNTERS,
    ],
    collect,
};

/// Counters that everybody has end in `_total`; the others are called as the driver calls them.
const COMMON: [&str; 7] =
    ["rx_bytes", "rx_dropped", "rx_errors", "rx_packets", "tx_bytes", "tx_errors", "tx_packets"];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let links = match links() {
        Ok(links) => links,
        // A kernel before 5.6 does not tell link modes over netlink.
        Err(err) => {
            tracing::debug!("link modes: {err}");
            BTreeMap::new()
        }
    };
    let devices = host.list("sys/class/net")?;
    let mut asking = Asking::new()
        .map_err(|source| CollectError::Call { call: "socket and mmap for ethtool", source })?;
    for device in devices {
        // Besides the devices there is a file of the bonding driver.
        if !host.path(&format!("sys/class/net/{device}")).is_dir()
            || !host.settings.opt_in.ethtool_devices.takes(&device)
        {
            continue;
        }
        if let Some(link) = links.get(&device) {
            show(link, &device, out);
        }
        let told = Driver::ask(&mut asking, &device).and_then(|driver| {
            let Driver { bus, name, version, firmware, rom, .. } = &driver;
            out.put(&INFO, &[bus, &device, name, rom, firmware, version], 1.0);
            driver.counters(&mut asking, &device)
        });
        match told {
            Ok(all) => counters(host, &device, all, out),
            Err(err) if tells_nothing(&err) => tracing::debug!(device, "no counters: {err}"),
            Err(err) => tracing::warn!(device, "its driver's counters: {err}"),
        }
    }
    Ok(())
}

/// Many devices keep no counters of their own, virtual ones may have no driver, and devices come and go.
fn tells_nothing(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::Unsupported || err.raw_os_error() == Some(libc::ENODEV)
}

fn counters(host: &Host, device: &str, all: Vec<(String, u64)>, out: &mut Families) {
    let mut by_metric: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    let wanted = &host.settings.opt_in.ethtool_metrics;
    for (name, value) in all {
        // Some drivers indent the names of their queues' counters.
        let name = sanitize(name.trim());
        if !name.is_empty() && wanted.as_ref().is_none_or(|wanted| wanted.is_match(&name)) {
            by_metric.entry(metric(&name)).or_default().push((name, value));
        }
    }
    for (metric, values) in by_metric {
        // Two counters of one name cannot be told apart, so that neither is shown.
        let [(name, value)] = &values[..] else { continue };
        let total = if COMMON.contains(&name.as_str()) { "_total" } else { "" };
        let labels = [("device", device)];
        let metric = format!("{metric}{total}");
        out.put_dynamic(&metric, MetricType::Unknown, COUNTERS.help, labels, *value as f64);
    }
}

/// `port_rx_dropped` is `node_ethtool_port_received_dropped`. Of two equal words in a row only the first
/// is spelled out, as in the reference: `tx_tx_timeouts` is `transmitted_tx_timeouts`.
fn metric(name: &str) -> String {
    let words = name.to_ascii_lowercase();
    let mut metric = COUNTERS.name.to_owned();
    let mut replaced = "";
    for (at, word) in words.trim_start_matches('_').split('_').enumerate() {
        if at > 0 {
            metric.push('_');
        }
        let long = match word {
            "rx" if replaced != "rx" => "received",
            "tx" if replaced != "tx" => "transmitted",
            word => word,
        };
        replaced = if long == word { "" } else { word };
        metric.push_str(long);
    }
    metric
}

fn show(link: &Link, device: &str, out: &mut Families) {
    let flag = |set: bool| f64::from(u8::from(set));
    for (metric, modes) in
        [(&SUPPORTED_SPEED, &link.supported), (&ADVERTISED_SPEED, &link.advertised)]
    {
        for (_, speed, duplex, medium) in SPEEDS.iter().filter(|(bit, ..)| modes.has(*bit)) {
            // Bytes per second, as the speed of the devices in netclass.
            let bytes = f64::from(*speed) * 125_000.0;
            out.put(metric, &[device, duplex, &format!("{speed}base{medium}")], bytes);
        }
    }
    for (_, port) in PORTS.iter().filter(|(bit, _)| link.supported.has(*bit)) {
        out.put(&PORT, &[device, port], 1.0);
    }
    for (bit, supported, advertised) in &CAPABILITIES {
        out.put(supported, &[device], flag(link.supported.has(*bit)));
        out.put(advertised, &[device], flag(link.advertised.has(*bit)));
    }
    out.put(&AUTONEGOTIATE, &[device], flag(link.autonegotiate));
}

#[cfg(test)]
mod tests {
    use super::super::ethtool_links::recorded;
    use super::*;
    use crate::catalogue::write_text;
    use crate::exporters::node::host::fixture;

    fn text(out: &Families) -> String {
        let mut text = String::new();
        write_text(out, &mut text);
        text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn counters_are_called_alike_for_every_driver() {
        let host = fixture::host_with(|config| {
            config.opt_in.ethtool_metrics = "^[^a]".to_owned();
        });
        let all = [
            ("tx_packets", 961_500),
            ("port.rx_dropped", 12_028),
            ("rx_dropped", 5),
            ("align_errors", 0),
            ("[0]: Tx Queue", 7),
            ("duplicate metric", 1),
            ("duplicate_metric", 2),
            ("tx_tx_timeouts", 3),
            ("rx_tx_tx_tx", 4),
            ("", 9),
        ];
        let all = all.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let mut out = Families::default();
        counters(&host, "eth0", all, &mut out);
        assert_eq!(
            text(&out),
            "node_ethtool_0_transmitted_queue{device=\"eth0\"} 7\n\
             node_ethtool_port_received_dropped{device=\"eth0\"} 12028\n\
             node_ethtool_received_dropped_total{device=\"eth0\"} 5\n\
             node_ethtool_received_transmitted_tx_transmitted{device=\"eth0\"} 4\n\
             node_ethtool_transmitted_packets_total{device=\"eth0\"} 961500\n\
             node_ethtool_transmitted_tx_timeouts{device=\"eth0\"} 3\n"
        );
        assert!(out.iter().all(|(_, family)| family.kind == MetricType::Unknown));
    }

    #[test]
    fn link_modes_are_shown() {
        let (device, link) = Link::parse(&recorded()).expect("well-formed");
        let mut out = Families::default();
        show(&link, &device, &mut out);
        let samples = text(&out);
        for line in [
            "node_network_advertised_speed_bytes{device=\"eth0\",duplex=\"full\",mode=\"1000baseT\"} 1.25e+08",
            "node_network_asymmetricpause_supported{device=\"eth0\"} 1",
            "node_network_autonegotiate{device=\"eth0\"} 1",
            "node_network_autonegotiate_advertised{device=\"eth0\"} 1",
            "node_network_supported_port_info{device=\"eth0\",type=\"TP\"} 1",
            "node_network_supported_speed_bytes{device=\"eth0\",duplex=\"half\",mode=\"10baseT\"} 1.25e+06",
        ] {
            assert!(samples.contains(&format!("{line}\n")), "{line}\n{samples}");
        }
        assert_eq!(samples.lines().count(), 5 + 4 + 1 + 6 + 1, "{samples}");
    }

    #[test]
    fn the_kernel_answers_for_the_devices_of_this_machine() {
        let host = fixture::host_with(|config| config.sysfs = "/sys".into());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(!samples.contains("device=\"lo\""), "the loopback has no driver: {samples}");
    }
}
