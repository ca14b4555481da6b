//! Sensors of the hardware, from `/sys/class/hwmon` (hwmon's sysfs interface in the kernel's
//! documentation).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::host::metric_name;
use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const CHIP: Metric = Metric::gauge("node_hwmon_chip_names", "What a chip calls itself; always 1.")
    .with(&["chip", "chip_name"]);
const LABEL: Metric = Metric::gauge("node_hwmon_sensor_label", "What a sensor measures; always 1.")
    .with(&["chip", "label", "sensor"]);
const ENERGY: Metric =
    Metric::counter("node_hwmon_energy_", "A value of an energy meter, in joules.")
        .with(&["chip", "sensor"])
        .open();
const SENSOR: Metric = Metric::gauge("node_hwmon_", "A value of a sensor; its unit ends the name.")
    .with(&["chip", "sensor"])
    .open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "hwmon", start: On, metrics: &[CHIP, LABEL, ENERGY, SENSOR], collect };

const CLASS: &str = "sys/class/hwmon";

/// Kinds of sensors that are shown.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// A chip: its folder and what it is called.
struct Chip {
    path: String,
    /// Content of its file `name`, cleaned.
    name: Option<String>,
    /// Value of the label `chip`.
    label: String,
}

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for chip in chips(host)? {
        if !host.settings.chips.takes(&chip.label) {
            continue;
        }
        if let Some(name) = &chip.name {
            out.put(&CHIP, &[&chip.label, name], 1.0);
        }
        let mut sensors = Sensors::new();
        read(host, &chip.path, &mut sensors)?;
        // Old drivers have their files in the device's own folder.
        read(host, &format!("{}/device", chip.path), &mut sensors)?;
        for ((kind, number), properties) in &sensors {
            let sensor = format!("{kind}{number}");
            if host.settings.sensors.takes(&format!("{};{sensor}", chip.label)) {
                show(&chip.label, kind, &sensor, properties, out);
            }
        }
    }
    Ok(())
}

/// All chips under names that tell them apart. A chip is called after its device, which is the same
/// after each boot; of several chips of one device each has its own name behind that, or, where these
/// are the same too, its folder's.
fn chips(host: &Host) -> Result<Vec<Chip>, CollectError> {
    let mut chips = Vec::new();
    for folder in host.list(CLASS)? {
        let path = format!("{CLASS}/{folder}");
        if !host.path(&path).is_dir() {
            continue;
        }
        let name = host.line(&format!("{path}/name")).map(|name| clean(&name));
        let name = name.filter(|name| !name.is_empty());
        let label = device(host, &path).or(name.clone()).unwrap_or_else(|| clean(&folder));
        chips.push((folder, Chip { path, name, label }));
    }
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for (_, Chip { name, label, .. }) in &chips {
        *labels.entry(label.clone()).or_default() += 1;
        *names.entry((label.clone(), name.clone())).or_default() += 1;
    }
    let apart = |(folder, chip): (String, Chip)| {
        let alone = labels[&chip.label] == 1;
        let own = chip.name.clone();
        let own = own.filter(|_| names[&(chip.label.clone(), chip.name.clone())] == 1);
        let behind = own.unwrap_or_else(|| clean(&folder));
        let label = if alone { chip.label } else { format!("{}_{behind}", chip.label) };
        Chip { label, ..chip }
    };
    Ok(chips.into_iter().map(apart).collect())
}

/// `platform_coretemp_0`, for a chip whose device is `/sys/devices/platform/coretemp.0`.
fn device(host: &Host, path: &str) -> Option<String> {
    let device = fs::canonicalize(host.path(&format!("{path}/device"))).ok()?;
    let part = |path: &Path| Some(clean(&path.file_name()?.to_string_lossy()));
    let name = part(&device).filter(|name| !name.is_empty())?;
    let bus = device.parent().and_then(part).filter(|bus| !bus.is_empty());
    Some(bus.map_or_else(|| name.clone(), |bus| format!("{bus}_{name}")))
}

fn clean(text: &str) -> String {
    let text = metric_name(&text.to_lowercase());
    text.trim_matches('_').to_owned()
}

/// Properties of sensors, by kind and number: of `temp1_crit`, `crit` is a property of the first `temp`.
type Sensors = BTreeMap<(&'static str, u32), BTreeMap<String, String>>;

fn read(host: &Host, path: &str, sensors: &mut Sensors) -> Result<(), CollectError> {
    let Some(folder) = host.folder(path) else { return Ok(()) };
    for file in host.list_if_any(path, "")? {
        let Some((kind, number, property)) = split(&file) else { continue };
        // A sensor that is not connected gives an error.
        if let Some(text) = folder.text(&file) {
            let properties = sensors.entry((kind, number)).or_default();
            properties.insert(property.to_owned(), text.trim_matches('\n').to_owned());
        }
    }
    Ok(())
}

/// Kind, number and property of a file; `None` for files that are none of a sensor.
fn split(file: &str) -> Option<(&'static str, u32, &str)> {
    let digits = file.find(|c: char| c.is_ascii_digit()).unwrap_or(file.len());
    let (kind, rest) = file.split_at(digits);
    let kind = *KINDS.iter().find(|known| **known == kind)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at(end);
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    match property.strip_prefix('_') {
        Some(property) if !property.is_empty() => Some((kind, number, property)),
        None if property.is_empty() => Some((kind, number, "")),
        _ => None,
    }
}

fn show(
    chip: &str,
    kind: &str,
    sensor: &str,
    properties: &BTreeMap<String, String>,
    out: &mut Families,
) {
    let label = properties.get("label");
    if let Some(label) = label {
        out.put(&LABEL, &[chip, label, sensor], 1.0);
    }
    for (property, text) in properties {
        // A chip either beeps or does not, whatever else the file says.
        let value = if kind == "beep_enable" {
            Some(f64::from(u8::from(text == "1")))
        } else {
            text.trim().parse::<f64>().ok()
        };
        let (Some(value), false) = (value, property == "label") else { continue };
        let mut sensor = sensor.to_owned();
        if kind == "freq" && property == "input" {
            // Clocks are known by their labels only.
            let Some(label) = label else { continue };
            sensor = clean(label);
        }
        let name = name(kind, property, properties.contains_key(""));
        let (unit, factor) = unit(kind, property);
        let labels = [("chip", chip), ("sensor", &*sensor)];
        let (metric, counts) = if kind == "energy" && unit.ends_with("_total") {
            (&ENERGY, MetricType::Counter)
        } else {
            (&SENSOR, MetricType::Gauge)
        };
        let full = format!("{}{name}{unit}", SENSOR.name);
        out.put_dynamic(&full, counts, metric.help, labels, factor.of(value));
    }
}

/// What a value is called without its unit. The input is the sensor's value itself, unless the sensor
/// has a value besides.
fn name(kind: &str, property: &str, has_value: bool) -> String {
    match (kind, property) {
        ("beep_enable", _) => "beep_enabled".to_owned(),
        ("vrm", _) => "voltage_regulator_version".to_owned(),
        (_, "") => kind.to_owned(),
        (_, "input") if !has_value => kind.to_owned(),
        _ => format!("{kind}_{}", clean(property)),
    }
}

/// How a file's number becomes a value; in the very steps of the reference exporter, so that the last
/// digit is the same.
#[derive(Clone, Copy)]
enum Factor {
    One,
    Thousandths,
    Millionths,
}

impl Factor {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::One => value,
            Self::Thousandths => value * 0.001,
            Self::Millionths => value / 1_000_000.0,
        }
    }
}

/// What ends the name of a value, and its unit in the file.
fn unit(kind: &str, property: &str) -> (&'static str, Factor) {
    match (kind, property) {
        ("update_interval", _) => ("_seconds", Factor::Thousandths),
        ("beep_enable" | "vrm", _) | (_, "fault" | "alarm") | ("temp", "type") => ("", Factor::One),
        (_, "beep") => ("_enabled", Factor::One),
        ("in" | "cpu", _) => ("_volts", Factor::Thousandths),
        ("temp", _) => ("_celsius", Factor::Thousandths),
        ("curr", _) => ("_amps", Factor::Thousandths),
        ("energy", _) => ("_joule_total", Factor::Millionths),
        ("power", "accuracy") | ("humidity", _) => ("", Factor::Millionths),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            ("_seconds", Factor::Thousandths)
        }
        ("power", _) => ("_watt", Factor::Millionths),
        ("fan", "input" | "min" | "max" | "target") => ("_rpm", Factor::One),
        ("freq", "input") => ("_freq_mhz", Factor::Millionths),
        _ => ("", Factor::One),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn files_are_taken_apart() {
        assert_eq!(split("temp1_crit_alarm"), Some(("temp", 1, "crit_alarm")));
        assert_eq!(split("pwm2"), Some(("pwm", 2, "")));
        assert_eq!(split("beep_enable"), Some(("beep_enable", 0, "")));
        assert_eq!(split("temp1x"), None);
        assert_eq!(split("bogus1_input"), None);
        assert_eq!(split("name"), None);
    }

    #[test]
    fn chips_of_one_device_are_told_apart() {
        let labels: Vec<String> =
            chips(&fixture::host()).expect("there are some").into_iter().map(|c| c.label).collect();
        // Two of different names, two of the same name, one without a device, one without anything.
        assert_eq!(
            labels,
            [
                "platform_asus_nb_wmi_asus",
                "platform_asus_nb_wmi_asus_wmi_sensors",
                "platform_twin_0_hwmon2",
                "platform_twin_0_hwmon3",
                "nct6779",
                "hwmon5",
            ]
        );
    }

    #[test]
    fn values_have_units() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        for line in [
            "node_hwmon_chip_names{chip=\"nct6779\",chip_name=\"nct6779\"} 1\n",
            "node_hwmon_sensor_label{chip=\"hwmon5\",label=\"sclk\",sensor=\"freq1\"} 1\n",
            "node_hwmon_freq_freq_mhz{chip=\"hwmon5\",sensor=\"sclk\"} 214\n",
            "node_hwmon_temp_celsius{chip=\"nct6779\",sensor=\"temp1\"} 55.5\n",
            "node_hwmon_in_beep_enabled{chip=\"nct6779\",sensor=\"in0\"} 0\n",
            "node_hwmon_fan_rpm{chip=\"nct6779\",sensor=\"fan2\"} 1098\n",
            "node_hwmon_fan_tolerance{chip=\"nct6779\",sensor=\"fan2\"} 3\n",
            "node_hwmon_energy_joule_total{chip=\"nct6779\",sensor=\"energy1\"} 1.5\n",
            "node_hwmon_pwm_enable{chip=\"platform_twin_0_hwmon2\",sensor=\"pwm1\"} 2\n",
        ] {
            assert!(samples.contains(line), "{line} in {samples}");
        }
        let host = fixture::host_with(|config| config.hwmon_sensors.include = ";fan2$".to_owned());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("fan_rpm") && !samples.contains("celsius"), "{samples}");
    }
}
