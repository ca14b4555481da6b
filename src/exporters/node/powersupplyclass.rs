//! Batteries and mains, from `/sys/class/power_supply`.

use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

/// File, and its unit as a divisor.
type Row = (Metric, (&'static str, f64));

const fn row(name: &'static str, file: &'static str, unit: f64, help: &'static str) -> Row {
    (Metric::gauge(name, help).with(&["power_supply"]), (file, unit))
}

const ONE: f64 = 1.0;
const MICRO: f64 = 1e6;
const TENTH: f64 = 10.0;

#[rustfmt::skip] // one metric a line
const FILES: [Row; 49] = [
    row("node_power_supply_authentic", "authentic", ONE, "Whether the supply is a genuine one."),
    row("node_power_supply_calibrate", "calibrate", ONE, "Whether the supply is being calibrated."),
    row("node_power_supply_capacity", "capacity", ONE, "Charge in percent."),
    row("node_power_supply_capacity_alert_max", "capacity_alert_max", ONE, "Charge in percent above which is warned."),
    row("node_power_supply_capacity_alert_min", "capacity_alert_min", ONE, "Charge in percent below which is warned."),
    row("node_power_supply_cyclecount", "cycle_count", ONE, "How often the battery was charged."),
    row("node_power_supply_online", "online", ONE, "Whether the supply gives power."),
    row("node_power_supply_present", "present", ONE, "Whether the supply is there."),
    row("node_power_supply_time_to_empty_seconds", "time_to_empty_now", ONE, "Time until the battery is empty."),
    row("node_power_supply_time_to_full_seconds", "time_to_full_now", ONE, "Time until the battery is full."),
    row("node_power_supply_current_boot", "current_boot", MICRO, "Current at boot, in amperes."),
    row("node_power_supply_current_max", "current_max", MICRO, "Highest current, in amperes."),
    row("node_power_supply_current_ampere", "current_now", MICRO, "Current right now."),
    row("node_power_supply_energy_empty", "energy_empty", MICRO, "Energy of an empty battery, in watt hours."),
    row("node_power_supply_energy_empty_design", "energy_empty_design", MICRO, "Energy of an empty battery by design, in watt hours."),
    row("node_power_supply_energy_full", "energy_full", MICRO, "Energy of a full battery, in watt hours."),
    row("node_power_supply_energy_full_design", "energy_full_design", MICRO, "Energy of a full battery by design, in watt hours."),
    row("node_power_supply_energy_watthour", "energy_now", MICRO, "Energy right now."),
    row("node_power_supply_voltage_boot", "voltage_boot", MICRO, "Voltage at boot, in volts."),
    row("node_power_supply_voltage_max", "voltage_max", MICRO, "Highest voltage, in volts."),
    row("node_power_supply_voltage_max_design", "voltage_max_design", MICRO, "Highest voltage by design, in volts."),
    row("node_power_supply_voltage_min", "voltage_min", MICRO, "Lowest voltage, in volts."),
    row("node_power_supply_voltage_min_design", "voltage_min_design", MICRO, "Lowest voltage by design, in volts."),
    row("node_power_supply_voltage_volt", "voltage_now", MICRO, "Voltage right now."),
    row("node_power_supply_voltage_ocv", "voltage_ocv", MICRO, "Voltage without a load, in volts."),
    row("node_power_supply_charge_control_limit", "charge_control_limit", MICRO, "Charge at which charging ends."),
    row("node_power_supply_charge_control_limit_max", "charge_control_limit_max", MICRO, "Highest charge at which charging may end."),
    row("node_power_supply_charge_counter", "charge_counter", MICRO, "Charge that was counted, in ampere hours."),
    row("node_power_supply_charge_empty", "charge_empty", MICRO, "Charge of an empty battery, in ampere hours."),
    row("node_power_supply_charge_empty_design", "charge_empty_design", MICRO, "Charge of an empty battery by design, in ampere hours."),
    row("node_power_supply_charge_full", "charge_full", MICRO, "Charge of a full battery, in ampere hours."),
    row("node_power_supply_charge_full_design", "charge_full_design", MICRO, "Charge of a full battery by design, in ampere hours."),
    row("node_power_supply_charge_ampere", "charge_now", MICRO, "Charge right now, in ampere hours."),
    row("node_power_supply_charge_term_current", "charge_term_current", MICRO, "Current at which charging ends, in amperes."),
    row("node_power_supply_constant_charge_current", "constant_charge_current", MICRO, "Current of charging, in amperes."),
    row("node_power_supply_constant_charge_current_max", "constant_charge_current_max", MICRO, "Highest current of charging, in amperes."),
    row("node_power_supply_constant_charge_voltage", "constant_charge_voltage", MICRO, "Voltage of charging, in volts."),
    row("node_power_supply_constant_charge_voltage_max", "constant_charge_voltage_max", MICRO, "Highest voltage of charging, in volts."),
    row("node_power_supply_precharge_current", "precharge_current", MICRO, "Current before charging, in amperes."),
    row("node_power_supply_input_current_limit", "input_current_limit", MICRO, "Highest current taken in, in amperes."),
    row("node_power_supply_power_watt", "power_now", MICRO, "Power right now."),
    row("node_power_supply_temp_celsius", "temp", TENTH, "Temperature."),
    row("node_power_supply_temp_alert_max_celsius", "temp_alert_max", TENTH, "Temperature above which is warned."),
    row("node_power_supply_temp_alert_min_celsius", "temp_alert_min", TENTH, "Temperature below which is warned."),
    row("node_power_supply_temp_ambient_celsius", "temp_ambient", TENTH, "Temperature around the supply."),
    row("node_power_supply_temp_ambient_max_celsius", "temp_ambient_max", TENTH, "Highest temperature around the supply."),
    row("node_power_supply_temp_ambient_min_celsius", "temp_ambient_min", TENTH, "Lowest temperature around the supply."),
    row("node_power_supply_temp_max_celsius", "temp_max", TENTH, "Highest temperature."),
    row("node_power_supply_temp_min_celsius", "temp_min", TENTH, "Lowest temperature."),
];

/// Each of these labels is the name of a file, too.
const TEXTS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];
const INFO: Metric =
    Metric::gauge("node_power_supply_info", "What a supply is, as far as it tells; always 1.")
        .with(&[
            "power_supply",
            "capacity_level",
            "charge_type",
            "health",
            "manufacturer",
            "model_name",
            "scope",
            "serial_number",
            "status",
            "technology",
            "type",
            "usb_type",
        ]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "powersupplyclass",
    start: On,
    metrics: &joined::<49, 1, 50>(&declared(&FILES), &[INFO]),
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const CLASS: &str = "sys/class/power_supply";
    for supply in host.list(CLASS)? {
        if !host.settings.power_supplies.takes(&supply) {
            continue;
        }
        let Some(folder) = host.folder(&format!("{CLASS}/{supply}")) else { continue };
        for (metric, (file, unit)) in &FILES {
            if let Some(value) = folder.number(file) {
                out.put(metric, &[&supply], value / unit);
            }
        }
        // What a supply does not tell has no label at all.
        let texts: Vec<(&str, String)> = TEXTS
            .into_iter()
            .filter_map(|label| Some((label, folder.line(label)?)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let labels = texts.iter().map(|(label, text)| (*label, text.as_str()));
        let labels = labels.chain([("power_supply", &*supply)]);
        out.put_dynamic(INFO.name, INFO.kind, INFO.help, labels, 1.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn values_are_in_plain_units() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_power_supply_energy_watthour{power_supply=\"BAT0\"} 36.58\n\
             node_power_supply_info{manufacturer=\"LGC\",model_name=\"LNV\u{fffd}\u{fffd}\",\
             power_supply=\"BAT0\",type=\"Battery\"} 1\n\
             node_power_supply_temp_celsius{power_supply=\"BAT0\"} 29.8\n"
        );
        let none = fixture::host_with(|config| config.power_supplies_ignored = "BAT".to_owned());
        assert_eq!(fixture::samples(&COLLECTOR, &none), "");
    }
}
