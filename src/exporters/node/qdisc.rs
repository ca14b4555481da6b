//! Queueing disciplines at the root of network devices, asked of the kernel by netlink (tc(8)).

use serde_json::Value;

use super::netlink::{self, Attributes};
use super::{CollectError, Collector, Families, Host, Metric, Off};

const LABELS: &[&str] = &["device", "kind"];
const BYTES: Metric = Metric::counter("node_qdisc_bytes_total", "Bytes sent.").with(LABELS);
const PACKETS: Metric = Metric::counter("node_qdisc_packets_total", "Packets sent.").with(LABELS);
const DROPS: Metric = Metric::counter("node_qdisc_drops_total", "Packets dropped.").with(LABELS);
const REQUEUES: Metric =
    Metric::counter("node_qdisc_requeues_total", "Packets put back after they could not be sent.")
        .with(LABELS);
const OVERLIMITS: Metric =
    Metric::counter("node_qdisc_overlimits_total", "Packets that came above the limit.")
        .with(LABELS);
const LENGTH: Metric =
    Metric::gauge("node_qdisc_current_queue_length", "Packets that wait to be sent.").with(LABELS);
const BACKLOG: Metric =
    Metric::gauge("node_qdisc_backlog", "Bytes that wait to be sent.").with(LABELS);

pub(super) const COLLECTOR: Collector = Collector {
    name: "qdisc",
    start: Off,
    metrics: &[BYTES, PACKETS, DROPS, REQUEUES, OVERLIMITS, LENGTH, BACKLOG],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in;
    let fixtures = &settings.plain.qdisc_fixtures;
    let disciplines = if fixtures.is_empty() { ask(host)? } else { recorded(fixtures)? };
    for discipline in disciplines {
        let Discipline { device, kind, .. } = &discipline;
        if discipline.parent != 0 || !settings.qdisc_devices.takes(device) {
            continue;
        }
        for (metric, value) in [
            (&BYTES, discipline.bytes),
            (&PACKETS, discipline.packets),
            (&DROPS, discipline.drops),
            (&REQUEUES, discipline.requeues),
            (&OVERLIMITS, discipline.overlimits),
            (&LENGTH, discipline.length),
            (&BACKLOG, discipline.backlog),
        ] {
            out.put(metric, &[device, kind], value as f64);
        }
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq)]
struct Discipline {
    device: String,
    kind: String,
    /// 0 at the root of a device.
    parent: u64,
    bytes: u64,
    packets: u64,
    drops: u64,
    requeues: u64,
    overlimits: u64,
    length: u64,
    backlog: u64,
}

fn ask(host: &Host) -> Result<Vec<Discipline>, CollectError> {
    let failed = |source| CollectError::Call { call: "netlink", source };
    let devices = host.device_names()?;
    let mut all = Vec::new();
    // struct tcmsg, all zero: of every device.
    netlink::dump(netlink::GET_QDISCS, &[0; 20], |message| {
        if let Some((index, mut discipline)) = parse(message) {
            discipline.device = devices.get(&index).cloned().unwrap_or_default();
            all.push(discipline);
        }
    })
    .map_err(failed)?;
    Ok(all)
}

/// struct tcmsg: family, index of the device (at 4), handle, parent (at 12), info; then attributes.
fn parse(message: &[u8]) -> Option<(u32, Discipline)> {
    const KIND: u16 = 1;
    const STATISTICS: u16 = 3;
    const STATISTICS2: u16 = 7;
    const BASIC: u16 = 1;
    const QUEUE: u16 = 3;
    const PACKETS64: u16 = 8;
    const ROOT: u32 = u32::MAX;
    let (head, attributes) = message.split_at_checked(20)?;
    let parent = match Attributes::u32(&head[12..16]) {
        ROOT => 0,
        parent => u64::from(parent),
    };
    let mut discipline = Discipline { parent, ..Discipline::default() };
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map_or(0, |word| u64::from(Attributes::u32(word)))
    };
    let double = |bytes: &[u8]| bytes.get(..8).map_or(0, Attributes::number);
    for (kind, value) in Attributes(attributes) {
        match kind {
            KIND => discipline.kind = Attributes::text(value),
            // struct tc_stats: bytes (8), packets, drops, overlimits, … The newer attribute has no overlimits
            // before Linux 3.
            STATISTICS => discipline.overlimits = word(value, 16),
            STATISTICS2 => {
                for (kind, value) in Attributes(value) {
                    match kind {
                        // struct gnet_stats_basic: bytes (8), packets.
                        BASIC => {
                            discipline.bytes = double(value);
                            discipline.packets = discipline.packets.max(word(value, 8));
                        }
                        PACKETS64 => discipline.packets = double(value),
                        // struct gnet_stats_queue: length, backlog, drops, requeues, overlimits.
                        QUEUE => {
                            discipline.length = word(value, 0);
                            discipline.backlog = word(value, 4);
                            discipline.drops = word(value, 8);
                            discipline.requeues = word(value, 12);
                            discipline.overlimits = word(value, 16);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some((Attributes::u32(&head[4..8]), discipline))
}

/// Recorded answers: `results.json` in a folder, an array of objects; what is missing is 0.
fn recorded(folder: &str) -> Result<Vec<Discipline>, CollectError> {
    let path = std::path::Path::new(folder).join("results.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| CollectError::Read { path: path.clone(), source })?;
    let all: Vec<Value> = serde_json::from_str(&text)
        .map_err(|err| CollectError::Other(format!("{}: {err}", path.display())))?;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap_or(0);
    Ok(all
        .iter()
        .map(|one| Discipline {
            device: text(one, "IfaceName"),
            kind: text(one, "Kind"),
            parent: number(one, "Parent"),
            bytes: number(one, "Bytes"),
            packets: number(one, "Packets"),
            drops: number(one, "Drops"),
            requeues: number(one, "Requeues"),
            overlimits: number(one, "Overlimits"),
            length: number(one, "Qlen"),
            backlog: number(one, "Backlog"),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::netlink::attribute;
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn a_discipline_is_read_from_its_message() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let basic: Vec<u8> = [&42_u64.to_ne_bytes()[..], &7_u32.to_ne_bytes(), &[0; 4]].concat();
        let queue: Vec<u8> = words(&[1, 2, 3, 4, 5]);
        let statistics = [attribute(1, &basic), attribute(3, &queue)].concat();
        let head: Vec<u8> = words(&[0, 9, 0x8001_0000, u32::MAX, 2]);
        let message = [head, attribute(1, b"fq\0"), attribute(7, &statistics)].concat();
        let expected = Discipline {
            kind: "fq".into(),
            bytes: 42,
            packets: 7,
            length: 1,
            backlog: 2,
            drops: 3,
            requeues: 4,
            overlimits: 5,
            ..Discipline::default()
        };
        assert_eq!(parse(&message), Some((9, expected)));
        assert_eq!(parse(&message[..19]), None);
    }

    #[test]
    fn recorded_answers_are_filtered() {
        let host = fixture::host_with(|config| {
            let folder = config.procfs.parent().expect("a root").join("qdisc");
            config.opt_in.qdisc_fixtures = folder.display().to_string();
            config.opt_in.qdisc_devices.exclude = "^eth".to_owned();
        });
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_qdisc_bytes_total{device=\"wlan0\",kind=\"fq\"} 42\n"));
        assert!(samples.contains("node_qdisc_backlog{device=\"wlan0\",kind=\"fq\"} 0\n"));
        assert_eq!(samples.lines().count(), 7);
    }

    #[test]
    fn the_kernel_answers() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(samples.lines().count() % 7, 0, "{samples}");
    }
}
