//! What the drivers of network devices tell: their link modes by generic netlink, and their names and
//! own counters by the program ethtool(8): the kernel tells those by an ioctl only, which has no safe
//! binding.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

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
    let program = PROGRAMS.into_iter().find(|program| ask(program, &["--version"]).is_ok());
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
        // Many devices keep no counters of their own, and virtual ones have no driver.
        let told = |option| program.and_then(|program| ask(program, &[option, &device]).ok());
        let driver = match program {
            Some(_) => told("-i").map(|text| Driver::parse(&text)),
            None => Driver::of(host, &device),
        };
        if let Some(Driver { bus, name, version, firmware, rom }) = driver {
            out.put(&INFO, &[&bus, &device, &name, &rom, &firmware, &version], 1.0);
        }
        if let Some(text) = told("-S") {
            counters(host, &device, statistics(&text), out);
        }
    }
    match program {
        Some(_) => Ok(()),
        None => Err(CollectError::Other(
            "the drivers' own counters need the program ethtool, which is not installed".to_owned(),
        )),
    }
}

/// The program in the search path, or where it is when the path has no folders of the administrator.
const PROGRAMS: [&str; 2] = ["ethtool", "/usr/sbin/ethtool"];

/// What the program writes; an error when it cannot be run or does not succeed.
fn ask(program: &str, arguments: &[&str]) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `     rx_packets: 1260062` below a headline.
fn statistics(text: &str) -> Vec<(String, u64)> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(':'));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect()
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

/// What a device's driver says of itself.
#[derive(Debug, Default, PartialEq)]
struct Driver {
    bus: String,
    name: String,
    version: String,
    firmware: String,
    rom: String,
}

impl Driver {
    /// `driver: e1000e` and so on, line by line.
    fn parse(text: &str) -> Self {
        let mut driver = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let field = match name {
                "driver" => &mut driver.name,
                "version" => &mut driver.version,
                "firmware-version" => &mut driver.firmware,
                "expansion-rom-version" => &mut driver.rom,
                "bus-info" => &mut driver.bus,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        driver
    }

    /// What sysfs knows about the driver of a piece of hardware, without its firmware's version. Drivers
    /// have the kernel's version unless their module has its own.
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
        let release = || rustix::system::uname().release().to_string_lossy().into_owned();
        let version = version.unwrap_or_else(release);
        Some(Self { bus, name, version, ..Self::default() })
    }
}

#[derive(Debug, Default, PartialEq)]
struct Link {
    autonegotiate: bool,
    supported: Modes,
    advertised: Modes,
}

/// The links of all devices that have modes, by name (Documentation/networking/ethtool-netlink.rst).
fn links() -> io::Result<BTreeMap<String, Link>> {
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
        let recorded = "NIC statistics:\n     tx_packets: 961500\n     port.rx_dropped: 12028\n     \
            rx_dropped: 5\n     align_errors: 0\n     [0]: Tx Queue: 7\n     duplicate metric: 1\n     \
            duplicate_metric: 2\n";
        let mut out = Families::default();
        counters(&host, "eth0", statistics(recorded), &mut out);
        assert_eq!(
            text(&out),
            "node_ethtool_0_transmitted_queue{device=\"eth0\"} 7\n\
             node_ethtool_port_received_dropped{device=\"eth0\"} 12028\n\
             node_ethtool_received_dropped_total{device=\"eth0\"} 5\n\
             node_ethtool_transmitted_packets_total{device=\"eth0\"} 961500\n"
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
    fn a_driver_tells_its_name() {
        let text = "driver: e1000e\nversion: 5.11.0-22-generic\nfirmware-version: 0.5-4\n\
            expansion-rom-version: \nbus-info: 0000:00:1f.6\nsupports-test: yes\n";
        let driver = Driver::parse(text);
        assert_eq!((&*driver.name, &*driver.version), ("e1000e", "5.11.0-22-generic"));
        assert_eq!((&*driver.firmware, &*driver.rom), ("0.5-4", ""));
        assert_eq!(driver.bus, "0000:00:1f.6");
    }

    #[test]
    fn the_lack_of_the_program_is_told() {
        let host = fixture::host_with(|config| config.sysfs = "/sys".into());
        let mut out = Families::default();
        match collect(&host, &mut out) {
            Ok(()) => assert!(PROGRAMS.iter().any(|program| ask(program, &["--version"]).is_ok())),
            Err(err) => assert!(err.to_string().contains("ethtool"), "{err}"),
        }
        let samples = text(&out);
        assert!(!samples.contains("device=\"lo\""), "the loopback has no driver: {samples}");
    }
}
