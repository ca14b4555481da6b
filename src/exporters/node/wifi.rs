//! Wireless interfaces and the stations they talk to, asked of the kernel by generic netlink (nl80211).

use std::path::Path;

use base64::Engine;
use serde_json::Value;

use super::netlink::{Attributes, Family, attribute};
use super::{CollectError, Collector, Families, Host, Metric, Off};

const STATION: &[&str] = &["device", "mac_address"];
const FREQUENCY: Metric =
    Metric::gauge("node_wifi_interface_frequency_hertz", "Frequency an interface works at.")
        .with(&["device"]);
const INFO: Metric =
    Metric::gauge("node_wifi_station_info", "The network an interface belongs to; always 1.")
        .with(&["device", "bssid", "ssid", "mode"]);
const CONNECTED: Metric = Metric::counter(
    "node_wifi_station_connected_seconds_total",
    "How long a station is connected.",
)
.with(STATION);
const INACTIVE: Metric =
    Metric::gauge("node_wifi_station_inactive_seconds", "Time since a station was last active.")
        .with(STATION);
const RECEIVE_RATE: Metric = Metric::gauge(
    "node_wifi_station_receive_bits_per_second",
    "Rate of what is received from a station.",
)
.with(STATION);
const SEND_RATE: Metric = Metric::gauge(
    "node_wifi_station_transmit_bits_per_second",
    "Rate of what is sent to a station.",
)
.with(STATION);
const RECEIVED_BYTES: Metric =
    Metric::counter("node_wifi_station_receive_bytes_total", "Bytes received from a station.")
        .with(STATION);
const SENT_BYTES: Metric =
    Metric::counter("node_wifi_station_transmit_bytes_total", "Bytes sent to a station.")
        .with(STATION);
const RECEIVED_PACKETS: Metric =
    Metric::counter("node_wifi_station_received_packets_total", "Packets received from a station.")
        .with(STATION);
const SENT_PACKETS: Metric =
    Metric::counter("node_wifi_station_transmitted_packets_total", "Packets sent to a station.")
        .with(STATION);
const SIGNAL: Metric =
    Metric::gauge("node_wifi_station_signal_dbm", "Strength of a station's signal.").with(STATION);
const RETRIES: Metric =
    Metric::counter("node_wifi_station_transmit_retries_total", "Packets sent again to a station.")
        .with(STATION);
const FAILED: Metric = Metric::counter(
    "node_wifi_station_transmit_failed_total",
    "Packets that could not be sent to a station.",
)
.with(STATION);
const BEACON_LOSS: Metric = Metric::counter(
    "node_wifi_station_beacon_loss_total",
    "How often a station's beacon was lost.",
)
.with(STATION);

pub(super) const COLLECTOR: Collector = Collector {
    name: "wifi",
    start: Off,
    metrics: &[
        FREQUENCY,
        INFO,
        CONNECTED,
        INACTIVE,
        RECEIVE_RATE,
        SEND_RATE,
        RECEIVED_BYTES,
        SENT_BYTES,
        RECEIVED_PACKETS,
        SENT_PACKETS,
        SIGNAL,
        RETRIES,
        FAILED,
        BEACON_LOSS,
    ],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let fixtures = &host.settings.opt_in.plain.wifi_fixtures;
    let interfaces = if fixtures.is_empty() {
        // A host without wireless devices does not have nl80211 either.
        ask().map_err(|source| CollectError::Call { call: "nl80211", source })?
    } else {
        recorded(Path::new(fixtures))?
    };
    // Some virtual devices have no name.
    for interface in interfaces.iter().filter(|interface| !interface.name.is_empty()) {
        let device = &interface.name;
        out.put(&FREQUENCY, &[device], interface.megahertz as f64 * 1e6);
        if let Some(network) = &interface.network {
            let mode = match network.status {
                0 | 1 => "client",
                2 => "ad-hoc",
                _ => "unknown",
            };
            out.put(&INFO, &[device, &hardware(&network.bssid), &network.ssid, mode], 1.0);
        }
        for station in &interface.stations {
            let labels = [device.as_str(), &hardware(&station.address)];
            for (metric, value) in [
                (&CONNECTED, station.connected_seconds),
                (&INACTIVE, station.inactive_seconds),
                (&RECEIVE_RATE, station.receive_rate as f64),
                (&SEND_RATE, station.send_rate as f64),
                (&RECEIVED_BYTES, station.received_bytes as f64),
                (&SENT_BYTES, station.sent_bytes as f64),
                (&RECEIVED_PACKETS, station.received_packets as f64),
                (&SENT_PACKETS, station.sent_packets as f64),
                (&SIGNAL, f64::from(station.signal)),
                (&RETRIES, station.retries as f64),
                (&FAILED, station.failed as f64),
                (&BEACON_LOSS, station.beacon_loss as f64),
            ] {
                out.put(metric, &labels, value);
            }
        }
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq)]
struct Interface {
    index: u32,
    name: String,
    megahertz: u64,
    network: Option<Network>,
    stations: Vec<Station>,
}

#[derive(Debug, Default, PartialEq)]
struct Network {
    ssid: String,
    bssid: Vec<u8>,
    /// 0 authenticated, 1 associated, 2 joined ad hoc.
    status: u64,
}

#[derive(Debug, Default, PartialEq)]
struct Station {
    address: Vec<u8>,
    connected_seconds: f64,
    inactive_seconds: f64,
    /// Bits per second, as the next.
    receive_rate: u64,
    send_rate: u64,
    received_bytes: u64,
    sent_bytes: u64,
    received_packets: u64,
    sent_packets: u64,
    /// In dBm.
    signal: i32,
    retries: u64,
    failed: u64,
    beacon_loss: u64,
}

fn ask() -> std::io::Result<Vec<Interface>> {
    const GET_INTERFACE: u8 = 5;
    const GET_STATION: u8 = 17;
    const GET_SCAN: u8 = 32;
    const INDEX: u16 = 3;
    let family = Family::find("nl80211", 1)?;
    let mut interfaces = Vec::new();
    family.dump(GET_INTERFACE, &[], |answer| interfaces.push(Interface::parse(answer)))?;
    for interface in &mut interfaces {
        let which = attribute(INDEX, &interface.index.to_ne_bytes());
        // What an interface is not made for it refuses to tell.
        let network = &mut interface.network;
        let scan = family.dump(GET_SCAN, &which, |answer| {
            *network = network.take().or_else(|| Network::parse(answer));
        });
        let stations = &mut interface.stations;
        let asked =
            family.dump(GET_STATION, &which, |answer| stations.extend(Station::parse(answer)));
        for err in [scan.err(), asked.err()].into_iter().flatten() {
            tracing::debug!(device = interface.name, "nl80211: {err}");
        }
    }
    Ok(interfaces)
}

impl Interface {
    fn parse(attributes: &[u8]) -> Self {
        const INDEX: u16 = 3;
        const NAME: u16 = 4;
        const FREQUENCY: u16 = 38;
        let mut interface = Self::default();
        for (kind, value) in Attributes(attributes) {
            match kind {
                INDEX => interface.index = Attributes::u32(value),
                NAME => interface.name = Attributes::text(value),
                FREQUENCY => interface.megahertz = Attributes::number(value),
                _ => {}
            }
        }
        interface
    }
}

impl Network {
    /// A network that was heard; only the one the interface belongs to has a status.
    fn parse(attributes: &[u8]) -> Option<Self> {
        const BSS: u16 = 47;
        const BSSID: u16 = 1;
        const ELEMENTS: u16 = 6;
        const STATUS: u16 = 9;
        let (_, bss) = Attributes(attributes).find(|(kind, _)| *kind == BSS)?;
        let mut network = Self::default();
        let mut status = None;
        for (kind, value) in Attributes(bss) {
            match kind {
                BSSID => network.bssid = value.to_vec(),
                ELEMENTS => network.ssid = ssid(value).unwrap_or_default(),
                STATUS => status = Some(Attributes::number(value)),
                _ => {}
            }
        }
        network.status = status?;
        Some(network)
    }
}

/// The name of the network: element 0 of several with number, length and content.
fn ssid(mut elements: &[u8]) -> Option<String> {
    loop {
        let [number, length, rest @ ..] = elements else { return None };
        let content = rest.get(..usize::from(*length))?;
        if *number == 0 {
            return Some(String::from_utf8_lossy(content).into_owned());
        }
        elements = &rest[content.len()..];
    }
}

impl Station {
    fn parse(attributes: &[u8]) -> Option<Self> {
        const ADDRESS: u16 = 6;
        const INFO: u16 = 21;
        let mut station = Self::default();
        let mut info = None;
        for (kind, value) in Attributes(attributes) {
            match kind {
                ADDRESS => station.address = value.to_vec(),
                INFO => info = Some(value),
                _ => {}
            }
        }
        for (kind, value) in Attributes(info?) {
            let number = || Attributes::number(value);
            // `NL80211_STA_INFO_…`; the counters of bytes come in 32 and in 64 bits.
            match kind {
                1 => station.inactive_seconds = number() as f64 / 1000.0,
                2 => station.received_bytes = station.received_bytes.max(number()),
                3 => station.sent_bytes = station.sent_bytes.max(number()),
                7 => station.signal = value.first().map_or(0, |byte| i32::from(*byte as i8)),
                8 => station.send_rate = rate(value),
                9 => station.received_packets = number(),
                10 => station.sent_packets = number(),
                11 => station.retries = number(),
                12 => station.failed = number(),
                14 => station.receive_rate = rate(value),
                16 => station.connected_seconds = number() as f64,
                18 => station.beacon_loss = number(),
                23 => station.received_bytes = number(),
                24 => station.sent_bytes = number(),
                _ => {}
            }
        }
        Some(station)
    }
}

/// A rate comes in units of 100 kbit/s, in 16 and in 32 bits.
fn rate(attributes: &[u8]) -> u64 {
    const SHORT: u16 = 1;
    const LONG: u16 = 5;
    let rates = Attributes(attributes).filter(|(kind, _)| [SHORT, LONG].contains(kind));
    rates.map(|(_, value)| Attributes::number(value)).max().unwrap_or(0) * 100_000
}

fn hardware(address: &[u8]) -> String {
    let bytes: Vec<String> = address.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// Recorded answers: `interfaces.json`, and for each interface a folder with `bss.json` and
/// `stationinfo.json` that need not exist. Addresses are in base64, times in nanoseconds.
fn recorded(folder: &Path) -> Result<Vec<Interface>, CollectError> {
    let read = |name: &str| -> Result<Value, CollectError> {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| CollectError::Read { path: path.clone(), source })?;
        serde_json::from_str(&text)
            .map_err(|err| CollectError::Other(format!("{}: {err}", path.display())))
    };
    let any = |name: &str| match read(name) {
        Err(err) if err.is_no_data() => Ok(Value::Null),
        answer => answer,
    };
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let address = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
    };
    let mut interfaces = Vec::new();
    for one in array(&read("interfaces.json")?) {
        let name = text(&one["name"]);
        let (mut network, mut stations) = (None, Vec::new());
        if !name.is_empty() {
            let bss = any(&format!("{name}/bss.json"))?;
            network = bss.is_object().then(|| Network {
                ssid: text(&bss["ssid"]),
                bssid: address(&bss["bssid"]),
                status: bss["status"].as_u64().unwrap_or(0),
            });
            for one in array(&any(&format!("{name}/stationinfo.json"))?) {
                let number = |name: &str| one[name].as_u64().unwrap_or(0);
                stations.push(Station {
                    address: address(&one["hardwareaddr"]),
                    connected_seconds: number("connected") as f64 / 1e9,
                    inactive_seconds: number("inactive") as f64 / 1e9,
                    receive_rate: number("receivebitrate"),
                    send_rate: number("transmitbitrate"),
                    received_bytes: number("receivedbytes"),
                    sent_bytes: number("transmittedbytes"),
                    received_packets: number("receivedpackets"),
                    sent_packets: number("transmittedpackets"),
                    signal: one["signal"].as_i64().unwrap_or(0) as i32,
                    retries: number("transmitretries"),
                    failed: number("transmitfailed"),
                    beacon_loss: number("beaconloss"),
                });
            }
        }
        let megahertz = one["frequency"].as_u64().unwrap_or(0);
        interfaces.push(Interface { name, megahertz, network, stations, index: 0 });
    }
    Ok(interfaces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn recorded_interfaces_are_shown() {
        let host = fixture::host_with(|config| {
            let folder = config.procfs.parent().expect("a root").join("wifi");
            config.opt_in.wifi_fixtures = folder.display().to_string();
        });
        let samples = fixture::samples(&COLLECTOR, &host);
        for line in [
            "node_wifi_interface_frequency_hertz{device=\"wlan0\"} 2.412e+09",
            "node_wifi_station_info{bssid=\"00:11:22:33:44:55\",device=\"wlan0\",mode=\"client\",\
             ssid=\"Example\"} 1",
            "node_wifi_station_inactive_seconds{device=\"wlan0\",\
             mac_address=\"aa:bb:cc:dd:ee:ff\"} 0.4",
            "node_wifi_station_signal_dbm{device=\"wlan0\",mac_address=\"aa:bb:cc:dd:ee:ff\"} -52",
        ] {
            assert!(samples.contains(&format!("{line}\n")), "{line}\n{samples}");
        }
        assert_eq!(samples.lines().count(), 15);
    }

    #[test]
    fn a_station_is_read_from_its_message() {
        let number = |kind: u16, value: u32| attribute(kind, &value.to_ne_bytes());
        let rate = [attribute(1, &130_u16.to_ne_bytes()), number(5, 130)].concat();
        let info = [
            number(1, 400),
            number(2, 5),
            attribute(23, &(1_u64 << 33).to_ne_bytes()),
            attribute(7, &[(-52_i8) as u8]),
            attribute(14, &rate),
            number(16, 30),
            number(18, 1),
        ];
        let message = [attribute(6, &[1, 2, 3, 4, 5, 6]), attribute(21, &info.concat())].concat();
        let expected = Station {
            address: vec![1, 2, 3, 4, 5, 6],
            connected_seconds: 30.0,
            inactive_seconds: 0.4,
            receive_rate: 13_000_000,
            received_bytes: 1 << 33,
            signal: -52,
            beacon_loss: 1,
            ..Station::default()
        };
        assert_eq!(Station::parse(&message), Some(expected));
        assert_eq!(Station::parse(&attribute(6, &[1])), None);
    }

    #[test]
    fn only_the_network_in_use_has_a_status() {
        let elements = [1, 1, 0x82, 0, 4, b'H', b'o', b'm', b'e'];
        let heard = [attribute(1, &[1; 6]), attribute(6, &elements)].concat();
        assert_eq!(Network::parse(&attribute(47, &heard)), None);
        let used = [heard, attribute(9, &1_u32.to_ne_bytes())].concat();
        let network = Network::parse(&attribute(47, &used)).expect("in use");
        assert_eq!((&*network.ssid, network.status), ("Home", 1));
        assert_eq!(ssid(&[0, 9, b'x']), None);
    }
}
