//! Energy that parts of the processor have used, from `/sys/class/powercap` (RAPL).

use std::collections::BTreeMap;

use super::host::metric_name;
use super::{CollectError, Collector, Families, Host, Metric, On};
use crate::model::MetricType;

const JOULES: Metric =
    Metric::counter("node_rapl_joules_total", "Energy a zone of the processor has used.").with(&[
        "index",
        "path",
        "rapl_zone",
    ]);
const ZONE: Metric =
    Metric::counter("node_rapl_", "Energy that zones of one kind have used, in joules.")
        .with(&["index", "path"])
        .open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "rapl", start: On, metrics: &[JOULES, ZONE], collect };

const MICROJOULES: f64 = 1_000_000.0;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const CLASS: &str = "sys/class/powercap";
    // Zones of the same name and no number of their own are counted.
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for folder in host.list(CLASS)? {
        let path = format!("{CLASS}/{folder}");
        let Some(full) = host.line(&format!("{path}/name")) else { continue };
        let numbered = full.split_once('-').and_then(|(zone, index)| {
            index.parse::<u64>().ok().map(|index| (zone.to_owned(), index))
        });
        let (zone, index) = match numbered {
            Some(numbered) => numbered,
            None => {
                let index = seen.get(&full).copied().unwrap_or(0);
                (full, index)
            }
        };
        seen.insert(zone.clone(), index + 1);
        let text = host.read(&format!("{path}/energy_uj"))?;
        let used: f64 = text.trim().parse().map_err(|_| CollectError::Malformed(CLASS))?;
        let used = used / MICROJOULES;
        let (index, path) = (index.to_string(), host.path(&path));
        let path = path.to_string_lossy();
        if host.settings.rapl_zone_label {
            out.put(&JOULES, &[&index, &path, &zone], used);
        } else {
            let name = metric_name(&format!("{}{zone}_joules_total", ZONE.name));
            let labels = [("index", &*index), ("path", &*path)];
            out.put_dynamic(&name, MetricType::Counter, ZONE.help, labels, used);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    fn check(zone_label: bool, expected: &str) {
        let host = fixture::host_with(|config| config.rapl_zone_label = zone_label);
        let samples = fixture::samples(&COLLECTOR, &host);
        let path = host.path("sys/class/powercap");
        let samples = samples.replace(&path.display().to_string(), "powercap");
        assert_eq!(samples, expected);
    }

    #[test]
    fn zones_are_told_apart_by_an_index() {
        check(
            false,
            "node_rapl_dram_joules_total{index=\"0\",path=\"powercap/intel-rapl:0:0\"} 1.5\n\
             node_rapl_dram_joules_total{index=\"1\",path=\"powercap/intel-rapl:1:0\"} 2.5\n\
             node_rapl_package_joules_total{index=\"3\",path=\"powercap/intel-rapl:0\"} \
             240422.366267\n",
        );
    }

    #[test]
    fn zones_can_be_a_label() {
        check(
            true,
            "node_rapl_joules_total{index=\"0\",path=\"powercap/intel-rapl:0:0\",\
             rapl_zone=\"dram\"} 1.5\n\
             node_rapl_joules_total{index=\"1\",path=\"powercap/intel-rapl:1:0\",\
             rapl_zone=\"dram\"} 2.5\n\
             node_rapl_joules_total{index=\"3\",path=\"powercap/intel-rapl:0\",\
             rapl_zone=\"package\"} 240422.366267\n",
        );
    }
}
