//! Settings of the collectors that run only when asked for, and the reference program's flags that
//! fill them in.

use std::sync::OnceLock;
use std::time::Duration;

use regex::Regex;

use super::config::{Devices, Filter, compile};
use super::pci_ids::Names;
use crate::exporters::flags::{Flag, FlagError, Values, bad};

/// Settings of collectors that are off by default. Regular expressions are text and empty when there
/// is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptIn {
    /// `--collector.ethtool.device-include` and `-exclude`.
    pub ethtool_devices: Devices,
    /// `--collector.ethtool.metrics-include`.
    pub ethtool_metrics: String,
    /// `--collector.interrupts.name-include` and `-exclude`, matched with `TYPE;INFO;DEVICES`.
    pub interrupts: Devices,
    /// `--collector.interrupts.include-zeros`.
    pub interrupts_zeros: bool,
    /// `--collector.ntp.…`.
    pub ntp: Ntp,
    /// `--collector.pcidevice.names`: say vendors and devices by name.
    pub pci_names: bool,
    /// `--collector.pcidevice.idsfile`; empty for the usual places.
    pub pci_ids: String,
    /// `--collector.perf.…`.
    pub perf: Perf,
    /// `--collector.qdisc.device-include` and `-exclude`.
    pub qdisc_devices: Devices,
    /// `--collector.qdisc.fixtures`: folder of recorded answers instead of the kernel's.
    pub qdisc_fixtures: String,
    /// `--collector.runit.servicedir`.
    pub runit_directory: String,
    /// `--collector.slabinfo.slabs-include` and `-exclude`; both apply.
    pub slabs: Devices,
    /// `--collector.supervisord.url`: `http://…` or `unix://…`.
    pub supervisord_url: String,
    /// `--collector.sysctl.include`: names of numbers, with `:a,b,c` naming each of several.
    pub sysctl: Vec<String>,
    /// `--collector.sysctl.include-info`: names of texts.
    pub sysctl_info: Vec<String>,
    /// `--collector.systemd.…`.
    pub systemd: Systemd,
    /// `--collector.wifi.fixtures`: folder of recorded answers instead of the kernel's.
    pub wifi_fixtures: String,
}

/// How the time server is asked and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ntp {
    /// Host name or address.
    pub server: String,
    /// UDP port.
    pub port: u16,
    /// Protocol version: 2, 3 or 4.
    pub version: u8,
    /// Somebody vouches that the server is on this host; otherwise it has to be a loopback address.
    pub is_local: bool,
    /// Hops a question may take.
    pub ttl: u32,
    /// Accumulated distance to the root clock above which the server is not sane.
    pub max_distance: Duration,
    /// Offset of the clock above which the server is not sane.
    pub offset_tolerance: Duration,
}

/// Which performance counters are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perf {
    /// CPUs, as `0,2-6,8-16:4`; empty for all.
    pub cpus: String,
    /// Tracepoints, as `sched:sched_process_exec`.
    pub tracepoints: Vec<String>,
    /// False with `--collector.perf.disable-hardware-profilers`.
    pub hardware: bool,
    /// False with `--collector.perf.disable-software-profilers`.
    pub software: bool,
    /// False with `--collector.perf.disable-cache-profilers`.
    pub cache: bool,
    /// Only these of the CPU's counters; empty for all, as the next two.
    pub hardware_profilers: Vec<String>,
    /// Only these of the kernel's counters.
    pub software_profilers: Vec<String>,
    /// Only these of the caches' counters.
    pub cache_profilers: Vec<String>,
}

/// Which units of systemd are shown and how much about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systemd {
    /// Whole names of units that are shown.
    pub include: String,
    /// Whole names of units that are not shown.
    pub exclude: String,
    /// Talk to systemd's private socket instead of the system bus.
    pub private: bool,
    /// Show how many tasks a service has.
    pub tasks: bool,
    /// Show how often a service was restarted.
    pub restarts: bool,
    /// Show since when a unit is active.
    pub start_times: bool,
}

const UNITS_EXCLUDED: &str = r".+\.(automount|device|mount|scope|slice)";

/// Flags with one value: name, default, help.
const VALUES: &[(&str, &str, &str)] = &[
    ("collector.ethtool.device-include", "", "Only these devices. A regular expression."),
    ("collector.ethtool.device-exclude", "", "Not these devices. A regular expression."),
    ("collector.ethtool.metrics-include", ".*", "Counters to show. A regular expression."),
    ("collector.interrupts.name-include", "", "Only these interrupts. A regular expression."),
    ("collector.interrupts.name-exclude", "", "Not these interrupts. A regular expression."),
    ("collector.ntp.server", "127.0.0.1", "Time server to ask."),
    ("collector.ntp.server-port", "123", "UDP port of the time server."),
    ("collector.ntp.protocol-version", "4", "Protocol version: 2, 3 or 4."),
    ("collector.ntp.ip-ttl", "1", "How many hops a question to the time server may take."),
    ("collector.ntp.max-distance", "3.46608s", "Distance to the root clock of a sane server."),
    ("collector.ntp.local-offset-tolerance", "1ms", "Offset of the clock of a sane server."),
    ("collector.pcidevice.idsfile", "", "File with the names of vendors and devices."),
    ("collector.perf.cpus", "", "CPUs to count on, such as 0,2-6; all without it."),
    ("collector.qdisc.fixtures", "", "Folder of recorded answers, for tests."),
    ("collector.qdisc.device-include", "", "Only these devices. A regular expression."),
    ("collector.qdisc.device-exclude", "", "Not these devices. A regular expression."),
    ("collector.runit.servicedir", "/etc/service", "Folder of runit's services."),
    ("collector.slabinfo.slabs-include", ".*", "Only these slabs. A regular expression."),
    ("collector.slabinfo.slabs-exclude", "", "Not these slabs. A regular expression."),
    ("collector.supervisord.url", "http://localhost:9001/RPC2", "Where supervisord listens."),
    ("collector.systemd.unit-include", ".+", "Only these units, by whole name."),
    ("collector.systemd.unit-exclude", UNITS_EXCLUDED, "Not these units, by whole name."),
    ("collector.wifi.fixtures", "", "Folder of recorded answers, for tests."),
];

/// Flags that may be repeated: name, help.
const LISTS: &[(&str, &str)] = &[
    ("collector.perf.tracepoint", "Tracepoint to count, such as sched:sched_process_exec."),
    ("collector.perf.hardware-profilers", "Counter of the CPU; all without it."),
    ("collector.perf.software-profilers", "Counter of the kernel; all without it."),
    ("collector.perf.cache-profilers", "Counter of the caches; all without it."),
    ("collector.sysctl.include", "Setting to show as a number; several may be named by :a,b,c."),
    ("collector.sysctl.include-info", "Setting to show as text."),
];

/// Switches: name, default, help.
const SWITCHES: &[(&str, bool, &str)] = &[
    ("collector.interrupts.include-zeros", true, "Show interrupts that never happened."),
    ("collector.ntp.server-is-local", false, "The time server is on this host."),
    ("collector.pcidevice.names", false, "Say vendors and devices by name."),
    ("collector.perf.disable-hardware-profilers", false, "Leave out the CPU's counters."),
    ("collector.perf.disable-software-profilers", false, "Leave out the kernel's counters."),
    ("collector.perf.disable-cache-profilers", false, "Leave out the caches' counters."),
    ("collector.systemd.private", false, "Ask systemd without the system bus; needs root."),
    ("collector.systemd.enable-task-metrics", false, "Show how many tasks a service has."),
    ("collector.systemd.enable-restarts-metrics", false, "Show how often a service restarted."),
    ("collector.systemd.enable-start-time-metrics", false, "Show since when a unit is active."),
];

/// Older names of flags that are still read: old name, new name.
const RENAMED: &[(&str, &str)] = &[
    ("collector.qdisk.device-include", "collector.qdisc.device-include"),
    ("collector.qdisk.device-exclude", "collector.qdisc.device-exclude"),
    ("collector.systemd.unit-whitelist", "collector.systemd.unit-include"),
    ("collector.systemd.unit-blacklist", "collector.systemd.unit-exclude"),
];

pub(super) fn flags() -> Vec<Flag> {
    let mut all: Vec<Flag> =
        VALUES.iter().map(|(name, default, help)| Flag::value(name, default, help)).collect();
    all.extend(LISTS.iter().map(|(name, help)| Flag::values(name, "", help)));
    all.extend(SWITCHES.iter().map(|(name, on, help)| Flag::switch(name, *on, help)));
    all.extend(
        RENAMED.iter().map(|(old, new)| Flag::value(old, "", &format!("Older name of --{new}."))),
    );
    all
}

impl OptIn {
    pub(super) fn from_values(values: Values<'_>) -> Result<Self, FlagError> {
        for (old, new) in RENAMED {
            if values.given(old) && values.given(new) {
                return Err(FlagError::Together((*old).to_owned(), (*new).to_owned()));
            }
        }
        let text = |name: &str| {
            let renamed = RENAMED.iter().find(|(old, new)| *new == name && values.given(old));
            values.text(renamed.map_or(name, |(old, _)| old)).to_owned()
        };
        let pair = |prefix: &str| Devices {
            include: text(&format!("{prefix}-include")),
            exclude: text(&format!("{prefix}-exclude")),
        };
        let switch = |name: &str| {
            let default = SWITCHES.iter().any(|(known, on, _)| *known == name && *on);
            values.on(name, default)
        };
        let systemd = pair("collector.systemd.unit");
        Ok(Self {
            ethtool_devices: pair("collector.ethtool.device"),
            ethtool_metrics: text("collector.ethtool.metrics-include"),
            interrupts: pair("collector.interrupts.name"),
            interrupts_zeros: switch("collector.interrupts.include-zeros"),
            ntp: Ntp {
                server: text("collector.ntp.server"),
                port: values.parsed("collector.ntp.server-port")?,
                version: values.parsed("collector.ntp.protocol-version")?,
                is_local: switch("collector.ntp.server-is-local"),
                ttl: values.parsed("collector.ntp.ip-ttl")?,
                max_distance: values.duration("collector.ntp.max-distance")?,
                offset_tolerance: values.duration("collector.ntp.local-offset-tolerance")?,
            },
            pci_names: switch("collector.pcidevice.names"),
            pci_ids: text("collector.pcidevice.idsfile"),
            perf: Perf {
                cpus: text("collector.perf.cpus"),
                tracepoints: values.list("collector.perf.tracepoint"),
                hardware: !switch("collector.perf.disable-hardware-profilers"),
                software: !switch("collector.perf.disable-software-profilers"),
                cache: !switch("collector.perf.disable-cache-profilers"),
                hardware_profilers: values.list("collector.perf.hardware-profilers"),
                software_profilers: values.list("collector.perf.software-profilers"),
                cache_profilers: values.list("collector.perf.cache-profilers"),
            },
            qdisc_devices: pair("collector.qdisc.device"),
            qdisc_fixtures: text("collector.qdisc.fixtures"),
            runit_directory: text("collector.runit.servicedir"),
            slabs: pair("collector.slabinfo.slabs"),
            supervisord_url: text("collector.supervisord.url"),
            sysctl: values.list("collector.sysctl.include"),
            sysctl_info: values.list("collector.sysctl.include-info"),
            systemd: Systemd {
                include: systemd.include,
                exclude: systemd.exclude,
                private: switch("collector.systemd.private"),
                tasks: switch("collector.systemd.enable-task-metrics"),
                restarts: switch("collector.systemd.enable-restarts-metrics"),
                start_times: switch("collector.systemd.enable-start-time-metrics"),
            },
            wifi_fixtures: text("collector.wifi.fixtures"),
        })
    }
}

/// The settings ready for use: regular expressions compiled once.
#[derive(Debug)]
pub(super) struct Settings {
    pub ethtool_devices: Filter,
    pub ethtool_metrics: Option<Regex>,
    pub interrupts: Filter,
    pub slabs: Filter,
    pub qdisc_devices: Filter,
    pub units: Filter,
    pub perf_cpus: Vec<u32>,
    /// The list of PCI names, read when it is first needed.
    pub pci_names: OnceLock<Names>,
    /// What needs no preparation.
    pub plain: OptIn,
}

impl Settings {
    /// `enabled` says whether a collector runs: a setting is judged only where it is used.
    pub(super) fn new(config: &OptIn, enabled: impl Fn(&str) -> bool) -> Result<Self, FlagError> {
        let one_of = |pair: &Devices, prefix: &str| {
            if !pair.include.is_empty() && !pair.exclude.is_empty() {
                let (include, exclude) = (format!("{prefix}-include"), format!("{prefix}-exclude"));
                return Err(FlagError::Together(include, exclude));
            }
            Filter::new(&pair.include, &pair.exclude, prefix)
        };
        let anchored = |text: &str| if text.is_empty() { String::new() } else { whole(text) };
        let systemd = &config.systemd;
        let settings = Self {
            ethtool_devices: one_of(&config.ethtool_devices, "collector.ethtool.device")?,
            ethtool_metrics: compile(&config.ethtool_metrics, "collector.ethtool.metrics-include")?,
            interrupts: one_of(&config.interrupts, "collector.interrupts.name")?,
            slabs: Filter::new(
                &config.slabs.include,
                &config.slabs.exclude,
                "collector.slabinfo.slabs-include",
            )?,
            qdisc_devices: one_of(&config.qdisc_devices, "collector.qdisc.device")?,
            units: Filter::new(
                &anchored(&systemd.include),
                &anchored(&systemd.exclude),
                "collector.systemd.unit-include",
            )?,
            perf_cpus: cpus(&config.perf.cpus)
                .ok_or_else(|| bad("collector.perf.cpus", &config.perf.cpus, "such as `0,2-6`"))?,
            pci_names: OnceLock::new(),
            plain: config.clone(),
        };
        if enabled("ntp") {
            config.ntp.check()?;
        }
        for tracepoint in &config.perf.tracepoints {
            if tracepoint.split(':').count() != 2 {
                let problem = "a tracepoint such as `sched:sched_process_exec`";
                return Err(bad("collector.perf.tracepoint", tracepoint, problem));
            }
        }
        Ok(settings)
    }
}

impl Ntp {
    fn check(&self) -> Result<(), FlagError> {
        if !(2..=4).contains(&self.version) {
            let version = self.version.to_string();
            return Err(bad("collector.ntp.protocol-version", &version, "one of 2, 3, 4"));
        }
        let address = self.server.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if !self.is_local && !address.is_ok_and(|address| address.is_loopback()) {
            let problem = "an address of this host, or add --collector.ntp.server-is-local";
            return Err(bad("collector.ntp.server", &self.server, problem));
        }
        Ok(())
    }
}

fn whole(text: &str) -> String {
    format!("^(?:{text})$")
}

/// CPUs with strides: `0,2-6,8-16:4` is 0, 2 to 6, 8, 12 and 16.
fn cpus(text: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (range, stride) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let stride: usize = stride.parse().ok().filter(|stride| *stride > 0)?;
        if last.checked_sub(first)? > 65_536 {
            return None;
        }
        all.extend((first..=last).step_by(stride));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::{Config, Host};

    fn read(arguments: &[&str]) -> Result<OptIn, FlagError> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let config = Config::from_args(&arguments)?;
        Host::new(&config)?;
        Ok(config.opt_in)
    }

    #[test]
    fn older_names_of_flags_are_read_and_exclude_the_new_ones() {
        let old = "--collector.systemd.unit-whitelist=ssh.*";
        assert_eq!(read(&[old]).expect("fine").systemd.include, "ssh.*");
        assert!(read(&[old, "--collector.systemd.unit-include=.*"]).is_err());
        let disk = read(&["--collector.qdisk.device-include=eth0"]).expect("fine");
        assert_eq!(disk.qdisc_devices.include, "eth0");
    }

    #[test]
    fn slabs_and_units_take_an_inclusion_and_an_exclusion_and_the_others_one_of_them() {
        let both = ["--collector.slabinfo.slabs-include=a", "--collector.slabinfo.slabs-exclude=b"];
        assert!(read(&both).is_ok());
        let both = ["--collector.ethtool.device-include=a", "--collector.ethtool.device-exclude=b"];
        assert!(read(&both).is_err());
    }

    #[test]
    fn a_time_server_elsewhere_has_to_be_vouched_for() {
        let elsewhere = "--collector.ntp.server=192.0.2.1";
        assert!(read(&[elsewhere]).is_ok(), "the collector does not run");
        assert!(read(&["--collector.ntp", elsewhere]).is_err());
        assert!(read(&["--collector.ntp", elsewhere, "--collector.ntp.server-is-local"]).is_ok());
        assert!(read(&["--collector.ntp", "--collector.ntp.server=::1"]).is_ok());
        assert!(read(&["--collector.ntp", "--collector.ntp.protocol-version=5"]).is_err());
    }

    #[test]
    fn lists_of_cpus_may_have_a_stride() {
        assert_eq!(cpus("0,2-4,8-16:4"), Some(vec![0, 2, 3, 4, 8, 12, 16]));
        assert_eq!(cpus(""), Some(vec![]));
        assert_eq!(cpus("4-2"), None);
        assert_eq!(cpus("1-4:0"), None);
        assert!(read(&["--collector.perf.cpus=x"]).is_err());
    }
}
