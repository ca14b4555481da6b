//! What the drivers of network devices tell: their own counters (`ethtool -S`), their names
//! (`ethtool -i`) and their link modes (`ethtool`).

use std::collections::BTreeMap;
use std::path::Path;

use below_ethtool::{Ethtool, EthtoolReadable};

use super::ethtool_modes::{ASYMMETRIC_PAUSE, AUTONEGOTIATION, Modes, PAUSE, PORTS, SPEEDS};
use super::netlink::{Attributes, Family, attribute};
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
    for device in host.list("sys/class/net")? {
        // Besides the devices there is a file of the bonding driver.
        if !host.path(&format!("sys/class/net/{device}")).is_dir()
            || !host.settings.opt_in.ethtool_devices.takes(&device)
        {
            continue;
        }
        if let Some(link) = links.get(&device) {
            link.show(&device, out);
        }
        if let Some(driver) = Driver::of(host, &device) {
            let Driver { bus, name, version } = &driver;
            out.put(&INFO, &[bus, &device, name, "", "", version], 1.0);
        }
        // Many devices keep no counters of their own.
        let statistics = Ethtool::new(&device).and_then(|driver| driver.stats());
        match statistics {
            Ok(statistics) => counters(host, &device, statistics, out),
            Err(err) => tracing::debug!(device, "counters of the driver: {err}"),
        }
    }
    Ok(())
}

fn counters(host: &Host, device: &str, statistics: Vec<(String, u64)>, out: &mut Families) {
    let mut all: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    let wanted = &host.settings.opt_in.ethtool_metrics;
    for (name, value) in statistics {
        // Some drivers indent the names of their queues' counters.
        let name = sanitize(name.trim());
        if !name.is_empty() && wanted.as_ref().is_none_or(|wanted| wanted.is_match(&name)) {
            all.entry(metric(&name)).or_default().push((name, value));
        }
    }
    for (metric, values) in all {
        // Two counters of one name cannot be told apart, so that neither is shown.
        let [(name, value)] = &values[..] else { continue };
        let total = if COMMON.contains(&name.as_str()) { "_total" } else { "" };
        let labels = [("device", device)];
        let metric = format!("{metric}{total}");
        out.put_dynamic(&metric, MetricType::Unknown, COUNTERS.help, labels, *value as f64);
    }
}

/// `port_rx_dropped` is `node_ethtool_port_received_dropped`.
fn metric(name: &str) -> String {
    let words = name.to_ascii_lowercase();
    let words = words.trim_start_matches('_').split('_').map(|word| match word {
        "rx" => "received",
        "tx" => "transmitted",
        word => word,
    });
    format!("{}{}", COUNTERS.name, words.collect::<Vec<_>>().join("_"))
}

/// The driver of a device that is a piece of hardware.
#[derive(Debug, PartialEq)]
struct Driver {
    bus: String,
    name: String,
    version: String,
}

impl Driver {
    /// sysfs tells what the driver would say of itself, save for the version of its firmware: drivers of the
    /// kernel have the kernel's version unless their module has its own.
    fn of(host: &Host, device: &str) -> Option<Self> {
        let folder = format!("sys/class/net/{device}/device");
        let last = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let link = |path: &str| last(&std::fs::canonicalize(host.path(path)).ok()?);
        let name = link(&format!("{folder}/driver"))?;
        let mut bus = link(&folder)?;
        if bus.starts_with("virtio") {
            // The transport below is what virtio devices are found at.
            bus = link(&format!("{folder}/.."))?;
        }
        let version = host.line(&format!("sys/module/{name}/version"));
        let version = version
            .unwrap_or_else(|| rustix::system::uname().release().to_string_lossy().into_owned());
        Some(Self { bus, name, version })
    }
}

#[derive(Debug, Default, PartialEq)]
struct Link {
    autonegotiate: bool,
    supported: Modes,
    advertised: Modes,
}

/// The links of all devices that have modes, by name (Documentation/networking/ethtool-netlink.rst).
fn links() -> std::io::Result<BTreeMap<String, Link>> {
    const GET_MODES: u8 = 4;
    const HEADER: u16 = 1;
    const HEADER_FLAGS: u16 = 3;
    const NESTED: u16 = 0x8000;
    const COMPACT: u32 = 1;
    let family = Family::find("ethtool", 1)?;
    let header = attribute(HEADER | NESTED, &attribute(HEADER_FLAGS, &COMPACT.to_ne_bytes()));
    let mut links = BTreeMap::new();
    family.dump(GET_MODES, &header, |answer| links.extend(Link::parse(answer)))?;
    Ok(links)
}

impl Link {
    fn parse(attributes: &[u8]) -> Option<(String, Self)> {
        const HEADER: u16 = 1;
        const AUTONEGOTIATE: u16 = 2;
        const OURS: u16 = 3;
        const NAME: u16 = 2;
        const VALUE: u16 = 4;
        const MASK: u16 = 5;
        let words = |value: &[u8]| {
            let (words, _) = value.as_chunks::<4>();
            Modes(words.iter().map(|word| u32::from_ne_bytes(*word)).collect())
        };
        let (mut name, mut link) = (None, Self::default());
        for (kind, value) in Attributes(attributes) {
            match kind {
                HEADER => {
                    let found = Attributes(value).find(|(kind, _)| *kind == NAME);
                    name = found.map(|(_, value)| Attributes::text(value));
                }
                AUTONEGOTIATE => link.autonegotiate = Attributes::number(value) == 1,
                // A compact bit set: the mask is what can be, the value what is offered.
                OURS => {
                    for (kind, value) in Attributes(value) {
                        match kind {
                            VALUE => link.advertised = words(value),
                            MASK => link.supported = words(value),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Some((name?, link))
    }

    fn show(&self, device: &str, out: &mut Families) {
        let flag = |set: bool| f64::from(u8::from(set));
        for (metric, modes) in
            [(&SUPPORTED_SPEED, &self.supported), (&ADVERTISED_SPEED, &self.advertised)]
        {
            for (_, speed, duplex, medium) in SPEEDS.iter().filter(|(bit, ..)| modes.has(*bit)) {
                // Bytes per second, as the speed of the devices in netclass.
                let bytes = f64::from(*speed) * 125_000.0;
                out.put(metric, &[device, duplex, &format!("{speed}base{medium}")], bytes);
            }
        }
        for (_, port) in PORTS.iter().filter(|(bit, _)| self.supported.has(*bit)) {
            out.put(&PORT, &[device, port], 1.0);
        }
        for (bit, supported, advertised) in &CAPABILITIES {
            out.put(supported, &[device], flag(self.supported.has(*bit)));
            out.put(advertised, &[device], flag(self.advertised.has(*bit)));
        }
        out.put(&AUTONEGOTIATE, &[device], flag(self.autonegotiate));
    }
}

#[cfg(test)]
mod tests {
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
        let recorded = [
            ("tx_packets", 961_500),
            ("port.rx_dropped", 12_028),
            ("rx_dropped", 5),
            ("align_errors", 0),
            ("  Tx Queue 0", 7),
            ("duplicate metric", 1),
            ("duplicate_metric", 2),
        ];
        let recorded = recorded.map(|(name, value)| (name.to_owned(), value));
        let mut out = Families::default();
        counters(&host, "eth0", recorded.to_vec(), &mut out);
        assert_eq!(
            text(&out),
            "node_ethtool_port_received_dropped{device=\"eth0\"} 12028\n\
             node_ethtool_received_dropped_total{device=\"eth0\"} 5\n\
             node_ethtool_transmitted_packets_total{device=\"eth0\"} 961500\n\
             node_ethtool_transmitted_queue_0{device=\"eth0\"} 7\n"
        );
        assert!(out.iter().all(|(_, family)| family.kind == MetricType::Unknown));
    }

    #[test]
    fn link_modes_are_read_from_their_message() {
        // Twisted pair, 10/100 half and full, 1000 full, both pauses; without 10 half offered.
        let supported: u32 = 0b110_0000_1110_1111;
        let advertised = supported & !1;
        let set = [
            attribute(2, &32_u32.to_ne_bytes()),
            attribute(4, &advertised.to_ne_bytes()),
            attribute(5, &supported.to_ne_bytes()),
        ];
        let name = attribute(2, b"eth0\0");
        let message =
            [attribute(1, &name), attribute(2, &[1]), attribute(3, &set.concat())].concat();
        let (device, link) = Link::parse(&message).expect("well-formed");
        let mut out = Families::default();
        link.show(&device, &mut out);
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
        assert_eq!(Link::parse(&attribute(2, &[1])), None, "a link without a name");
    }

    #[test]
    fn this_host_answers() {
        let arguments = ["--collector.ethtool".to_owned()];
        let config = crate::exporters::node::Config::from_args(&arguments).expect("fine");
        let host = Host::new(&config).expect("fine");
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(!samples.contains("device=\"lo\""), "the loopback device has no driver: {samples}");
    }
}
