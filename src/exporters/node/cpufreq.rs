//! Frequency scaling of each CPU, from `/sys/devices/system/cpu/cpu*/cpufreq`; values are in kHz.

use super::{CollectError, Collector, Families, Host, Metric, On};

const CURRENT: Metric =
    Metric::gauge("node_cpu_frequency_hertz", "Clock frequency of a CPU right now.").with(&["cpu"]);
const MIN: Metric =
    Metric::gauge("node_cpu_frequency_min_hertz", "Lowest clock frequency a CPU can run at.")
        .with(&["cpu"]);
const MAX: Metric =
    Metric::gauge("node_cpu_frequency_max_hertz", "Highest clock frequency a CPU can run at.")
        .with(&["cpu"]);
const AVERAGE: Metric = Metric::gauge(
    "node_cpu_frequency_avg_hertz",
    "Clock frequency of a CPU on average since it was last read.",
)
.with(&["cpu"]);
const SCALING: Metric =
    Metric::gauge("node_cpu_scaling_frequency_hertz", "Clock frequency the governor has chosen.")
        .with(&["cpu"]);
const SCALING_MIN: Metric = Metric::gauge(
    "node_cpu_scaling_frequency_min_hertz",
    "Lowest clock frequency the governor may choose.",
)
.with(&["cpu"]);
const SCALING_MAX: Metric = Metric::gauge(
    "node_cpu_scaling_frequency_max_hertz",
    "Highest clock frequency the governor may choose.",
)
.with(&["cpu"]);
const GOVERNOR: Metric =
    Metric::gauge("node_cpu_scaling_governor", "Whether a governor is the one in charge of a CPU.")
        .with(&["cpu", "governor"]);

// `CURRENT` shares its name with a metric that the collector `cpu` declares.
pub(super) const COLLECTOR: Collector = Collector {
    name: "cpufreq",
    start: On,
    metrics: &[MIN, MAX, AVERAGE, SCALING, SCALING_MIN, SCALING_MAX, GOVERNOR],
    collect,
};

const FILES: [(&str, Metric); 7] = [
    ("cpuinfo_cur_freq", CURRENT),
    ("cpuinfo_min_freq", MIN),
    ("cpuinfo_max_freq", MAX),
    ("cpuinfo_avg_freq", AVERAGE),
    ("scaling_cur_freq", SCALING),
    ("scaling_min_freq", SCALING_MIN),
    ("scaling_max_freq", SCALING_MAX),
];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for name in host.list("sys/devices/system/cpu")? {
        let Some(cpu) = name.strip_prefix("cpu").filter(|cpu| cpu.parse::<u32>().is_ok()) else {
            continue;
        };
        let folder = host.folder(&format!("sys/devices/system/cpu/{name}/cpufreq"));
        let Some(folder) = folder else { continue };
        for (file, metric) in &FILES {
            if let Some(kilohertz) = folder.number(file) {
                out.put(metric, &[cpu], kilohertz * 1000.0);
            }
        }
        let chosen = folder.line("scaling_governor").unwrap_or_default();
        let known = folder.line("scaling_available_governors");
        for governor in known.unwrap_or_default().split_ascii_whitespace() {
            out.put(&GOVERNOR, &[cpu, governor], f64::from(u8::from(governor == chosen)));
        }
    }
    Ok(())
}
