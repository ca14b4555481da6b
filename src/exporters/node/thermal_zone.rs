//! Temperatures and what cools them, from `/sys/class/thermal`.

use super::{CollectError, Collector, Families, Host, Metric, On};

const TEMPERATURE: Metric =
    Metric::gauge("node_thermal_zone_temp", "Temperature of a zone in degrees Celsius.")
        .with(&["zone", "type"]);
const STATE: Metric =
    Metric::gauge("node_cooling_device_cur_state", "How hard a device is cooling right now.")
        .with(&["name", "type"]);
const MAX_STATE: Metric =
    Metric::gauge("node_cooling_device_max_state", "How hard a device can cool.")
        .with(&["name", "type"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "thermal_zone",
    start: On,
    metrics: &[TEMPERATURE, STATE, MAX_STATE],
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for name in host.list("sys/class/thermal")? {
        let Some(folder) = host.folder(&format!("sys/class/thermal/{name}")) else { continue };
        let kind = folder.line("type").unwrap_or_default();
        if let Some(zone) = name.strip_prefix("thermal_zone") {
            // A sensor that is switched off cannot be read.
            if let Some(thousandths) = folder.number("temp") {
                out.put(&TEMPERATURE, &[zone, &kind], thousandths / 1000.0);
            }
        } else if let Some(device) = name.strip_prefix("cooling_device") {
            for (metric, file) in [(&STATE, "cur_state"), (&MAX_STATE, "max_state")] {
                if let Some(state) = folder.number(file) {
                    out.put(metric, &[device, &kind], state);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn temperatures_are_in_degrees() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_cooling_device_cur_state{name=\"0\",type=\"Processor\"} 1\n\
             node_cooling_device_max_state{name=\"0\",type=\"Processor\"} 3\n\
             node_thermal_zone_temp{type=\"cpu-thermal\",zone=\"0\"} 12.376\n"
        );
    }
}
