//! Time of each CPU by mode, from `/proc/stat`; on request its model and features, from
//! `/proc/cpuinfo`; throttling, isolation and presence, from `/sys/devices/system/cpu`.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::host::cpu_list;
use super::{CollectError, Collector, Families, Host, Metric, On};

const SECONDS: Metric = Metric::counter("node_cpu_seconds_total", "Time a CPU spent in each mode.")
    .with(&["cpu", "mode"]);
const GUEST: Metric = Metric::counter(
    "node_cpu_guest_seconds_total",
    "Time a CPU spent running guests; contained in its user and nice time.",
)
.with(&["cpu", "mode"]);
const INFO: Metric = Metric::gauge("node_cpu_info", "Make and model of a CPU; always 1.").with(&[
    "package",
    "core",
    "cpu",
    "vendor",
    "family",
    "model",
    "model_name",
    "microcode",
    "stepping",
    "cachesize",
]);
const FREQUENCY: Metric =
    Metric::gauge("node_cpu_frequency_hertz", "Clock frequency of a CPU right now.")
        .with(&["package", "core", "cpu"]);
const FLAG: Metric =
    Metric::gauge("node_cpu_flag_info", "A feature of the first CPU; always 1.").with(&["flag"]);
const BUG: Metric =
    Metric::gauge("node_cpu_bug_info", "A known flaw of the first CPU; always 1.").with(&["bug"]);
const CORE_THROTTLES: Metric = Metric::counter(
    "node_cpu_core_throttles_total",
    "How often a core was slowed down because of heat.",
)
.with(&["package", "core"]);
const PACKAGE_THROTTLES: Metric = Metric::counter(
    "node_cpu_package_throttles_total",
    "How often a package was slowed down because of heat.",
)
.with(&["package"]);
const ISOLATED: Metric =
    Metric::gauge("node_cpu_isolated", "A CPU the scheduler leaves alone; always 1.")
        .with(&["cpu"]);
const ONLINE: Metric =
    Metric::gauge("node_cpu_online", "Whether a CPU takes part in scheduling.").with(&["cpu"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "cpu",
    start: On,
    metrics: &[
        SECONDS,
        GUEST,
        INFO,
        FREQUENCY,
        FLAG,
        BUG,
        CORE_THROTTLES,
        PACKAGE_THROTTLES,
        ISOLATED,
        ONLINE,
    ],
    collect,
};

/// Columns of `/proc/stat` in their order; the last two are guest time.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
/// Falling back by more than this, a CPU has been away and counts anew.
const RETURNED_SECONDS: f64 = 3.0;

/// The highest times seen of each CPU, since the kernel's own may step back a little.
pub(super) type Seen = BTreeMap<u32, [f64; 10]>;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings;
    if settings.cpu_info {
        info(host, out)?;
    }
    times(host, out)?;
    let Ok(names) = host.list("sys/devices/system/cpu") else { return Ok(()) };
    let number = |name: &str| name.strip_prefix("cpu")?.parse().ok();
    let cpus: Vec<u32> = names.iter().filter_map(|name| number(name)).collect();
    if let Some(isolated) = host.line("sys/devices/system/cpu/isolated") {
        let isolated = cpu_list(&isolated)
            .ok_or(CollectError::Malformed("sys/devices/system/cpu/isolated"))?;
        for cpu in isolated {
            out.put(&ISOLATED, &[&cpu.to_string()], 1.0);
        }
    }
    online(host, &cpus, out)?;
    throttles(host, &cpus, out);
    Ok(())
}

/// Nothing is said where no CPU can be switched off. The last one is asked for that: the first often
/// cannot be where others can.
fn online(host: &Host, cpus: &[u32], out: &mut Families) -> Result<(), CollectError> {
    const LIST: &str = "sys/devices/system/cpu/online";
    let Some(last) = cpus.iter().max() else { return Ok(()) };
    if host.line(&format!("sys/devices/system/cpu/cpu{last}/online")).is_none() {
        return Ok(());
    }
    let Some(online) = host.line(LIST) else { return Ok(()) };
    let online: BTreeSet<u32> =
        cpu_list(&online).ok_or(CollectError::Malformed(LIST))?.into_iter().collect();
    for cpu in cpus {
        out.put(&ONLINE, &[&cpu.to_string()], f64::from(u8::from(online.contains(cpu))));
    }
    Ok(())
}

fn times(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.stat()?;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let mut seen = host.cpus.lock();
    let mut present = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("cpu")) {
        let mut fields = line.split_ascii_whitespace();
        // The line of all CPUs together has a blank here.
        if line.starts_with(' ') {
            continue;
        }
        let cpu: u32 = fields
            .next()
            .and_then(|cpu| cpu.parse().ok())
            .ok_or(CollectError::Malformed("proc/stat"))?;
        let mut now = [0.0; 10];
        for (value, field) in now.iter_mut().zip(fields) {
            let field: f64 = field.parse().map_err(|_| CollectError::Malformed("proc/stat"))?;
            *value = field / ticks;
        }
        let known = seen.entry(cpu).or_insert(now);
        if known[IDLE] - now[IDLE] >= RETURNED_SECONDS {
            *known = now;
        }
        for (known, now) in known.iter_mut().zip(now) {
            *known = known.max(now);
        }
        let label = cpu.to_string();
        for (mode, value) in MODES.iter().zip(&*known) {
            out.put(&SECONDS, &[&label, mode], *value);
        }
        if host.settings.cpu_guest {
            out.put(&GUEST, &[&label, "user"], known[8]);
            out.put(&GUEST, &[&label, "nice"], known[9]);
        }
        present.insert(cpu);
    }
    seen.retain(|cpu, _| present.contains(cpu));
    Ok(())
}

fn info(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let text = host.read("proc/cpuinfo")?;
    for (at, block) in text.trim().split("\n\n").enumerate() {
        let fields: BTreeMap<&str, &str> = block
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let (package, core, cpu) = (field("physical id"), field("core id"), field("processor"));
        if at == 0 {
            put_listed(&FLAG, field("flags"), host.settings.cpu_flags.as_ref(), out);
            put_listed(&BUG, field("bugs"), host.settings.cpu_bugs.as_ref(), out);
        }
        let labels = [
            package,
            core,
            cpu,
            field("vendor_id"),
            field("cpu family"),
            field("model"),
            field("model name"),
            field("microcode"),
            field("stepping"),
            field("cache size"),
        ];
        out.put(&INFO, &labels, 1.0);
        if host.settings.cpufreq {
            let megahertz: f64 = field("cpu MHz").parse().unwrap_or(0.0);
            out.put(&FREQUENCY, &[package, core, cpu], megahertz * 1e6);
        }
    }
    Ok(())
}

fn put_listed(metric: &Metric, names: &str, wanted: Option<&Regex>, out: &mut Families) {
    let Some(wanted) = wanted else { return };
    for name in names.split_ascii_whitespace().filter(|name| wanted.is_match(name)) {
        out.put(metric, &[name], 1.0);
    }
}

fn throttles(host: &Host, cpus: &[u32], out: &mut Families) {
    let mut packages = BTreeMap::new();
    let mut cores = BTreeMap::new();
    for cpu in cpus {
        let folder = host.folder(&format!("sys/devices/system/cpu/cpu{cpu}"));
        let Some(folder) = folder else { continue };
        let read = |file: &str| folder.number(file);
        // Virtual machines have no thermal interface: one failed read a CPU, not four.
        let Some(core_count) = read("thermal_throttle/core_throttle_count") else { continue };
        let (Some(package), Some(core)) =
            (read("topology/physical_package_id"), read("topology/core_id"))
        else {
            continue;
        };
        let (package, core) = (package as i64, core as i64);
        // CPUs of a core, and cores of a package, share one counter.
        cores.entry((package, core)).or_insert(core_count);
        if let Some(count) = read("thermal_throttle/package_throttle_count") {
            packages.entry(package).or_insert(count);
        }
    }
    for ((package, core), count) in cores {
        out.put(&CORE_THROTTLES, &[&package.to_string(), &core.to_string()], count);
    }
    for (package, count) in packages {
        out.put(&PACKAGE_THROTTLES, &[&package.to_string()], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn times_are_in_seconds_and_cpu_numbers_are_kept() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 444.9\n"));
        // The fixture's CPU 1 is offline.
        assert!(!samples.contains("cpu=\"1\",mode"), "{samples}");
        assert!(samples.contains("node_cpu_seconds_total{cpu=\"2\",mode=\"idle\"} 11123.21\n"));
        assert!(samples.contains("node_cpu_guest_seconds_total{cpu=\"2\",mode=\"nice\"} 0.03\n"));
        assert!(samples.contains("node_cpu_online{cpu=\"1\"} 0\n"));
        assert!(samples.contains("node_cpu_package_throttles_total{package=\"0\"} 30\n"));
    }

    #[test]
    fn a_counter_does_not_fall_unless_its_cpu_was_away() {
        let host = fixture::host();
        let user = |host: &Host| {
            let samples = fixture::samples(&COLLECTOR, host);
            let line = samples
                .lines()
                .find(|line| line.starts_with("node_cpu_seconds_total{cpu=\"0\",mode=\"user\""));
            line.expect("CPU 0 is there").rsplit_once(' ').expect("a value").1.to_owned()
        };
        host.cpus.lock().insert(0, [500.0, 0.0, 0.0, 10_870.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(user(&host), "500");
        host.cpus.lock().insert(0, [500.0, 0.0, 0.0, 20_000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(user(&host), "444.9");
    }

    #[test]
    fn features_are_shown_on_request() {
        let host = fixture::host_with(|config| config.cpu_flags = "^(aes|avx.?)$".to_owned());
        let samples = fixture::samples(&COLLECTOR, &host);
        assert!(samples.contains("node_cpu_flag_info{flag=\"aes\"} 1\n"), "{samples}");
        assert!(!samples.contains("flag=\"fpu\""));
        assert!(
            samples.contains("node_cpu_frequency_hertz{core=\"0\",cpu=\"0\",package=\"0\"} 7.9")
        );
    }
}
