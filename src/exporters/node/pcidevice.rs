//! PCI devices, their links and their place in the tree, from `/sys/bus/pci/devices`
//! (Documentation/PCI/sysfs-pci.rst).

use std::path::Path;

use super::pci_ids::Names;
use super::{CollectError, Collector, Families, Host, Metric, Off};

const PLACE: &[&str] = &["segment", "bus", "device", "function"];
const INFO: Metric = Metric::gauge("node_pcidevice_info", "A PCI device; always 1.").with(&[
    "segment",
    "bus",
    "device",
    "function",
    "parent_segment",
    "parent_bus",
    "parent_device",
    "parent_function",
    "class_id",
    "vendor_id",
    "device_id",
    "subsystem_vendor_id",
    "subsystem_device_id",
    "revision",
]);
const MAX_SPEED: Metric = Metric::gauge(
    "node_pcidevice_max_link_transfers_per_second",
    "Transfers per second a device's link can make; -1 if unknown.",
)
.with(PLACE);
const MAX_WIDTH: Metric = Metric::gauge(
    "node_pcidevice_max_link_width",
    "Lanes a device's link can have; -1 if unknown.",
)
.with(PLACE);
const SPEED: Metric = Metric::gauge(
    "node_pcidevice_current_link_transfers_per_second",
    "Transfers per second a device's link makes now; -1 if unknown.",
)
.with(PLACE);
const WIDTH: Metric = Metric::gauge(
    "node_pcidevice_current_link_width",
    "Lanes a device's link has now; -1 if unknown.",
)
.with(PLACE);
const POWER: Metric =
    Metric::gauge("node_pcidevice_power_state", "Whether a device is in a power state.")
        .with(&["segment", "bus", "device", "function", "state"]);
const COLD: Metric =
    Metric::gauge("node_pcidevice_d3cold_allowed", "Whether a device may lose its power.")
        .with(PLACE);
const AUTOPROBE: Metric = Metric::gauge(
    "node_pcidevice_sriov_drivers_autoprobe",
    "Whether virtual functions of a device get their driver by themselves.",
)
.with(PLACE);
const VIRTUAL: Metric =
    Metric::gauge("node_pcidevice_sriov_numvfs", "Virtual functions a device has.").with(PLACE);
const MAX_VIRTUAL: Metric =
    Metric::gauge("node_pcidevice_sriov_totalvfs", "Virtual functions a device can have.")
        .with(PLACE);
const VECTORS: Metric = Metric::gauge(
    "node_pcidevice_sriov_vf_total_msix",
    "Interrupt vectors for the virtual functions of a device.",
)
.with(PLACE);
const NUMA: Metric =
    Metric::gauge("node_pcidevice_numa_node", "NUMA node a device belongs to.").with(PLACE);

pub(super) const COLLECTOR: Collector = Collector {
    name: "pcidevice",
    start: Off,
    metrics: &[
        INFO,
        MAX_SPEED,
        MAX_WIDTH,
        SPEED,
        WIDTH,
        POWER,
        COLD,
        AUTOPROBE,
        VIRTUAL,
        MAX_VIRTUAL,
        VECTORS,
        NUMA,
    ],
    collect,
};

const FOLDER: &str = "sys/bus/pci/devices";
const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];
/// File, metric, value where the file is missing.
const NUMBERS: [(&str, Metric, f64); 7] = [
    ("max_link_width", MAX_WIDTH, -1.0),
    ("current_link_width", WIDTH, -1.0),
    ("d3cold_allowed", COLD, 0.0),
    ("sriov_drivers_autoprobe", AUTOPROBE, 0.0),
    ("sriov_numvfs", VIRTUAL, 0.0),
    ("sriov_totalvfs", MAX_VIRTUAL, 0.0),
    ("sriov_vf_total_msix", VECTORS, 0.0),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in;
    let load = || Names::load(&settings.plain.pci_ids);
    let names = settings.plain.pci_names.then(|| settings.pci_names.get_or_init(load));
    for name in host.list(FOLDER)? {
        let path = format!("{FOLDER}/{name}");
        let Some(folder) = host.folder(&path) else { continue };
        let place = place(&name).ok_or(CollectError::Malformed(FOLDER))?;
        let [segment, bus, device, function] = &place;
        let at = [segment.as_str(), bus, device, function];
        // The link's target tells the parent: `…/0000:00:02.1/0000:01:00.0`, or `…/pci0000:00/…`.
        let link = std::fs::read_link(host.path(&path)).unwrap_or_default();
        let parent =
            link.parent().and_then(Path::file_name).and_then(|name| place_of(name.to_str()?));
        let parent = parent.unwrap_or_else(|| std::array::from_fn(|_| "*".to_owned()));
        let id = |file: &str, digits: usize| {
            let value = folder.line(file).unwrap_or_default();
            let digits_given = value.trim_start_matches("0x").to_owned();
            format!("0x{digits_given:0>digits$}")
        };
        let ids = [
            ("class_id", id("class", 6)),
            ("vendor_id", id("vendor", 4)),
            ("device_id", id("device", 4)),
            ("subsystem_vendor_id", id("subsystem_vendor", 4)),
            ("subsystem_device_id", id("subsystem_device", 4)),
            ("revision", id("revision", 2)),
        ];
        let mut labels: Vec<(&str, String)> = Vec::new();
        let places = place.iter().chain(&parent).cloned();
        labels.extend(INFO.labels.iter().copied().zip(places));
        labels.extend(ids.clone());
        if let Some(names) = names {
            let [(_, class), (_, vendor), (_, device), (_, sub_vendor), (_, sub_device), _] = &ids;
            labels.extend([
                ("vendor_name", names.vendor(vendor)),
                ("device_name", names.device(vendor, device)),
                ("subsystem_vendor_name", names.vendor(sub_vendor)),
                ("subsystem_device_name", names.subsystem(vendor, device, sub_vendor, sub_device)),
                ("class_name", names.class(class)),
            ]);
        }
        let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
        out.put_dynamic(INFO.name, INFO.kind, INFO.help, labels, 1.0);
        for (file, metric) in [("max_link_speed", &MAX_SPEED), ("current_link_speed", &SPEED)] {
            let speed = folder.line(file).as_deref().and_then(transfers);
            out.put(metric, &at, speed.unwrap_or(-1.0));
        }
        for (file, metric, missing) in &NUMBERS {
            // A link without a device has width 255, as the hardware reads when nothing is there.
            out.put(metric, &at, folder.number(file).unwrap_or(*missing));
        }
        if let Some(state) = folder.line("power_state").filter(|state| !state.is_empty()) {
            for known in POWER_STATES {
                let value = f64::from(u8::from(known == state));
                out.put(&POWER, &[segment, bus, device, function, known], value);
            }
        }
        if let Some(node) = folder.number("numa_node").filter(|node| *node >= 0.0) {
            out.put(&NUMA, &at, node);
        }
    }
    Ok(())
}

/// `0000:45:00.1` is segment, bus, device and function, in hexadecimal.
fn place(name: &str) -> Option<[String; 4]> {
    let (rest, function) = name.split_once('.')?;
    let mut parts = rest.split(':');
    let mut part = |digits: usize| {
        let value = u32::from_str_radix(parts.next()?, 16).ok()?;
        Some(format!("{value:0digits$x}"))
    };
    let place = [part(4)?, part(2)?, part(2)?, function.to_ascii_lowercase()];
    parts.next().is_none().then_some(place)
}

fn place_of(name: &str) -> Option<[String; 4]> {
    if name.starts_with("pci") { None } else { place(name) }
}

/// `8.0 GT/s PCIe` is 8e9; `Unknown` is not known.
fn transfers(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    unit.starts_with("GT/s").then_some(number * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn places_are_read_from_names() {
        assert_eq!(place("0000:45:00.1").expect("fine"), ["0000", "45", "00", "1"]);
        assert_eq!(place("10000:e1:00.0").expect("fine"), ["10000", "e1", "00", "0"]);
        assert_eq!(place("0000:45"), None);
        assert_eq!(place_of("pci0000:00"), None);
        assert_eq!(transfers("2.5 GT/s PCIe"), Some(2.5e9));
        assert_eq!(transfers("Unknown"), None);
    }

    #[test]
    fn devices_are_shown_with_their_parents() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(
            samples.contains(
                "node_pcidevice_info{bus=\"01\",class_id=\"0x010802\",device=\"00\",\
                 device_id=\"0x540a\",function=\"0\",parent_bus=\"00\",parent_device=\"02\",\
                 parent_function=\"1\",parent_segment=\"0000\",revision=\"0x01\",segment=\"0000\",\
                 subsystem_device_id=\"0x5021\",subsystem_vendor_id=\"0xc0a9\",vendor_id=\"0xc0a9\"} 1\n"
            ),
            "{samples}"
        );
        let at = "bus=\"01\",device=\"00\",function=\"0\",segment=\"0000\"";
        for line in [
            format!("max_link_transfers_per_second{{{at}}} 1.6e+10"),
            format!("current_link_transfers_per_second{{{at}}} -1"),
            format!("max_link_width{{{at}}} 4"),
            format!("current_link_width{{{at}}} -1"),
            format!("power_state{{{at},state=\"D0\"}} 1"),
        ] {
            assert!(samples.contains(&format!("node_pcidevice_{line}\n")), "{line}\n{samples}");
        }
        assert!(!samples.contains("numa_node"));
        assert_eq!(samples.lines().count(), 17);
    }

    #[test]
    fn names_come_from_the_list_of_ids() {
        let host = fixture::host_with(|config| {
            config.opt_in.pci_names = true;
            let ids = config.procfs.parent().expect("a root").join("root/usr/share/misc/pci.ids");
            config.opt_in.pci_ids = ids.display().to_string();
        });
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("class_name=\"NVM Express\""), "{samples}");
        assert!(samples.contains("vendor_name=\"Example Memory\""), "{samples}");
        assert!(samples.contains("device_name=\"540a\""), "{samples}");
    }
}
