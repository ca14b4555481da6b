//! The node exporter's settings as plain values, and the reference program's flags that fill them in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Command};
use hashbrown::HashMap;
use parking_lot::Mutex;
use regex::Regex;

use super::COLLECTORS;
use super::opt_in::{self, OptIn};
use crate::exporters::Start;
use crate::exporters::flags::{self, Flag, FlagError, Values, bad};
use crate::exporters::serving::Serving;

const DISKS: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";
const MOUNT_POINTS: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FS_TYPES: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|\
    hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|\
    squashfs|erofs|sysfs|tracefs)$";
const NETSTAT: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|\
    Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|\
    TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";
const IPVS_LABELS: &str = "local_address,local_port,remote_address,remote_port,proto,local_mark";
/// Devices that container runtimes and virtual machines make and take away again.
const CONTAINER_DEVICES: &str = "^(veth|docker([0-9]|_gwbridge)|br-[0-9a-f]{12}$|lxc|lxdbr|cni|cali|cilium|\
    flannel|podman[0-9]|kube-|nodelocaldns|virbr|vnet[0-9]|tap[0-9a-f]{8}-)";
const VMSTAT: &str = "^(oom_kill|pgpg|pswp|pg.*fault).*";

/// How the node exporter is set up. Regular expressions are text and empty when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where and how it serves, and how it logs.
    pub serving: Serving,
    /// False with `--web.disable-exporter-metrics`.
    pub exporter_metrics: bool,
    /// `--web.max-requests`; 0 for no limit.
    pub max_requests: u64,
    /// `--path.procfs`.
    pub procfs: PathBuf,
    /// `--path.sysfs`.
    pub sysfs: PathBuf,
    /// `--path.rootfs`.
    pub rootfs: PathBuf,
    /// `--path.udev.data`.
    pub udev: PathBuf,
    /// Names of the collectors that run.
    pub collectors: BTreeSet<&'static str>,
    /// `--collector.deadline`, ours: how long a scrape waits for its collectors.
    pub deadline: Duration,
    /// `--collector.arp.device-include` and `-exclude`.
    pub arp_devices: Devices,
    /// `--collector.arp.netlink`: ask the kernel instead of reading `net/arp`.
    pub arp_netlink: bool,
    /// `--collector.bcache.priorityStats`.
    pub bcache_priorities: bool,
    /// `--collector.cpu.guest`.
    pub cpu_guest: bool,
    /// `--collector.cpu.info`; also on when one of the two filters is given.
    pub cpu_info: bool,
    /// `--collector.cpu.info.flags-include`.
    pub cpu_flags: String,
    /// `--collector.cpu.info.bugs-include`.
    pub cpu_bugs: String,
    /// `--collector.diskstats.device-include` and `-exclude`.
    pub disks: Devices,
    /// `--collector.filesystem.mount-points-include` and `-exclude`.
    pub mount_points: Devices,
    /// `--collector.filesystem.fs-types-include` and `-exclude`.
    pub fs_types: Devices,
    /// `--collector.filesystem.mount-timeout`.
    pub mount_timeout: Duration,
    /// `--collector.hwmon.chip-include` and `-exclude`.
    pub hwmon_chips: Devices,
    /// `--collector.hwmon.sensor-include` and `-exclude`, of names such as `platform_coretemp_0;temp1`.
    pub hwmon_sensors: Devices,
    /// `--collector.infiniband.device-include` and `-exclude`.
    pub infiniband: Devices,
    /// `--collector.ipvs.backend-labels`, divided by commas.
    pub ipvs_labels: String,
    /// `--collector.netclass.ignored-devices`.
    pub netclass_ignored: String,
    /// `--collector.netclass.ignore-invalid-speed`.
    pub netclass_ignore_invalid_speed: bool,
    /// `--collector.netclass.netlink`: ask the kernel instead of reading sysfs.
    pub netclass_netlink: bool,
    /// `--collector.netclass_rtnl.with-stats`: with the counters of `netdev`, for `netclass.netlink`.
    pub netclass_counters: bool,
    /// `--collector.network.hide-containers`, ours: no devices of containers in `netdev` and `netclass`.
    pub hide_containers: bool,
    /// `--collector.netdev.address-info`.
    pub netdev_addresses: bool,
    /// `--collector.netdev.label-ifalias`.
    pub netdev_alias: bool,
    /// `--collector.netdev.device-include` and `-exclude`.
    pub netdev_devices: Devices,
    /// `--collector.netdev.netlink`: ask the kernel instead of reading `net/dev`.
    pub netdev_netlink: bool,
    /// `--collector.netdev.enable-detailed-metrics`.
    pub netdev_detailed: bool,
    /// `--collector.netstat.fields`.
    pub netstat_fields: String,
    /// `--collector.powersupply.ignored-supplies`.
    pub power_supplies_ignored: String,
    /// `--collector.rapl.enable-zone-label`.
    pub rapl_zone_label: bool,
    /// `--collector.stat.softirq`.
    pub stat_softirq: bool,
    /// `--collector.tapestats.ignored-devices`.
    pub tapes_ignored: String,
    /// `--collector.textfile.directory`: folders, with `*` and `?` in their names.
    pub textfile_directories: Vec<String>,
    /// `--collector.vmstat.fields`.
    pub vmstat_fields: String,
    /// Settings of collectors that are off by default.
    pub opt_in: OptIn,
}

/// A pair of regular expressions of which at most one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// Only names that match; empty for all.
    pub include: String,
    /// No names that match; empty for none.
    pub exclude: String,
}

impl Default for Config {
    fn default() -> Self {
        Self::from_args(&[]).expect("the defaults are well-formed")
    }
}

/// Flags of filters: name, default, help.
const FILTERS: &[(&str, &str, &str)] = &[
    ("collector.arp.device-include", "", "Only these devices."),
    ("collector.arp.device-exclude", "", "Not these devices."),
    ("collector.cpu.info.flags-include", "", "CPU flags to show one by one."),
    ("collector.cpu.info.bugs-include", "", "CPU bugs to show one by one."),
    ("collector.diskstats.device-include", "", "Only these block devices."),
    ("collector.diskstats.device-exclude", DISKS, "Not these block devices."),
    ("collector.filesystem.mount-points-include", "", "Only these mount points."),
    ("collector.filesystem.mount-points-exclude", MOUNT_POINTS, "Not these mount points."),
    ("collector.filesystem.fs-types-include", "", "Only file systems of these types."),
    ("collector.filesystem.fs-types-exclude", FS_TYPES, "No file systems of these types."),
    ("collector.hwmon.chip-include", "", "Only these chips."),
    ("collector.hwmon.chip-exclude", "", "Not these chips."),
    ("collector.hwmon.sensor-include", "", "Only these sensors, named `CHIP;SENSOR`."),
    ("collector.hwmon.sensor-exclude", "", "Not these sensors, named `CHIP;SENSOR`."),
    ("collector.infiniband.device-include", "", "Only these InfiniBand devices."),
    ("collector.infiniband.device-exclude", "", "Not these InfiniBand devices."),
    ("collector.netclass.ignored-devices", "^$", "Not these network devices."),
    ("collector.netdev.device-include", "", "Only these network devices."),
    ("collector.netdev.device-exclude", "", "Not these network devices."),
    ("collector.netstat.fields", NETSTAT, "Which network counters to show."),
    ("collector.powersupply.ignored-supplies", "^$", "Not these power supplies."),
    ("collector.tapestats.ignored-devices", "^$", "Not these tape drives."),
    ("collector.vmstat.fields", VMSTAT, "Which memory counters to show."),
];

/// Flags and what they were called in versions before 1.3.
const FORMER_NAMES: &[(&str, &str)] = &[
    ("collector.diskstats.device-exclude", "collector.diskstats.ignored-devices"),
    ("collector.filesystem.mount-points-exclude", "collector.filesystem.ignored-mount-points"),
    ("collector.filesystem.fs-types-exclude", "collector.filesystem.ignored-fs-types"),
    ("collector.netdev.device-exclude", "collector.netdev.device-blacklist"),
    ("collector.netdev.device-include", "collector.netdev.device-whitelist"),
];

fn all_flags() -> Vec<Flag> {
    let mut all = Serving::flags("127.0.0.1:9100");
    all.extend([
        Flag::switch(
            "web.disable-exporter-metrics",
            false,
            "Leave out the exporter's own metrics.",
        ),
        Flag::value("web.max-requests", "40", "How many scrapes run at once; 0 for any number."),
        Flag::value("runtime.gomaxprocs", "1", "Understood and without effect."),
        Flag::value("path.procfs", "/proc", "Where procfs is mounted."),
        Flag::value("path.sysfs", "/sys", "Where sysfs is mounted."),
        Flag::value("path.rootfs", "/", "Where the host's root file system is mounted."),
        Flag::value("path.udev.data", "/run/udev/data", "Where udev keeps its data."),
        Flag::switch("collector.disable-defaults", false, "Start no collector by itself."),
        Flag::value("collector.deadline", "8s", "How long a scrape waits for its collectors."),
        Flag::switch("collector.arp.netlink", true, "Ask the kernel instead of reading net/arp."),
        Flag::switch(
            "collector.bcache.priorityStats",
            false,
            "Show what is expensive to read, too.",
        ),
        Flag::switch("collector.cpu.guest", true, "Show the time spent for guests."),
        Flag::switch("collector.cpu.info", false, "Show model and features of each CPU."),
        Flag::value("collector.filesystem.mount-timeout", "5s", "How long to wait for a mount."),
        Flag::value(
            "collector.filesystem.stat-workers",
            "4",
            "Understood and without effect: a mount that is slow does not hold up the others.",
        ),
        Flag::value(
            "collector.ipvs.backend-labels",
            IPVS_LABELS,
            "Labels of backends, divided by commas; others are added up.",
        ),
        Flag::switch(
            "collector.netclass.ignore-invalid-speed",
            false,
            "Leave out the speed of devices that do not know it.",
        ),
        Flag::switch(
            "collector.netclass.netlink",
            false,
            "Ask the kernel instead of reading sysfs.",
        ),
        Flag::switch(
            "collector.netclass_rtnl.with-stats",
            false,
            "Show the counters of netdev in netclass, when it asks the kernel.",
        ),
        Flag::switch(
            "collector.network.hide-containers",
            false,
            "No devices of containers and virtual machines in netdev and netclass.",
        ),
        Flag::switch("collector.netdev.address-info", false, "Show the addresses of devices."),
        Flag::switch("collector.netdev.label-ifalias", false, "Label counters with the alias."),
        Flag::switch(
            "collector.netdev.netlink",
            true,
            "Ask the kernel instead of reading net/dev.",
        ),
        Flag::switch("collector.netdev.enable-detailed-metrics", false, "Show each kind of error."),
        Flag::switch("collector.rapl.enable-zone-label", false, "Show zones under one name."),
        Flag::switch("collector.stat.softirq", false, "Show software interrupts by vector."),
        Flag::values(
            "collector.textfile.directory",
            "",
            "Folder of *.prom files; may be repeated.",
        ),
    ]);
    let help = |text: &str| format!("{text} A regular expression.");
    all.extend(FILTERS.iter().map(|(name, default, text)| Flag::value(name, default, &help(text))));
    all.extend(opt_in::flags());
    all.extend(COLLECTORS.iter().map(|collector| {
        let on = collector.start == Start::On;
        let default = if on { "on" } else { "off" };
        let help = format!("Collector `{}` (by itself {default}).", collector.name);
        Flag::switch(&format!("collector.{}", collector.name), on, &help)
    }));
    all
}

/// The command that reads the node exporter's flags.
pub fn command() -> Command {
    let command = flags::command("node-exporter", "Exposes this host's metrics.", all_flags());
    FORMER_NAMES
        .iter()
        .fold(command, |command, (name, former)| command.mut_arg(name, |flag| flag.alias(*former)))
}

impl Config {
    /// Reads a command line without the program's name, as compose and units give it.
    pub fn from_args(arguments: &[String]) -> Result<Self, FlagError> {
        Self::from_matches(&flags::parse(command(), arguments)?)
    }

    /// Reads what [`command`] parsed.
    pub fn from_matches(matches: &ArgMatches) -> Result<Self, FlagError> {
        let values = Values(matches);
        let path = |name: &str| PathBuf::from(values.text(name));
        let text = |name: &str| values.text(name).to_owned();
        let by_default = !values.on("collector.disable-defaults", false);
        let collectors = COLLECTORS
            .iter()
            .filter(|collector| {
                let on = by_default && collector.start == Start::On;
                values.on(&format!("collector.{}", collector.name), on)
            })
            .map(|collector| collector.name)
            .collect();
        let devices = |prefix: &str| -> Result<Devices, FlagError> {
            let (include, exclude) = (format!("{prefix}-include"), format!("{prefix}-exclude"));
            let given = |name| values.given(name) && !values.text(name).is_empty();
            if given(&include) && given(&exclude) {
                return Err(FlagError::Together(include, exclude));
            }
            // An inclusion stands for itself: the default exclusion does not apply on top of it.
            let narrowed = !values.text(&include).is_empty();
            let exclude = if narrowed { String::new() } else { text(&exclude) };
            Ok(Devices { include: text(&include), exclude })
        };
        let config = Self {
            serving: Serving::read(values)?,
            exporter_metrics: !values.on("web.disable-exporter-metrics", false),
            max_requests: values.parsed("web.max-requests")?,
            procfs: path("path.procfs"),
            sysfs: path("path.sysfs"),
            rootfs: path("path.rootfs"),
            udev: path("path.udev.data"),
            collectors,
            deadline: values.duration("collector.deadline")?,
            arp_devices: devices("collector.arp.device")?,
            arp_netlink: values.on("collector.arp.netlink", true),
            bcache_priorities: values.on("collector.bcache.priorityStats", false),
            cpu_guest: values.on("collector.cpu.guest", true),
            cpu_info: values.on("collector.cpu.info", false),
            cpu_flags: text("collector.cpu.info.flags-include"),
            cpu_bugs: text("collector.cpu.info.bugs-include"),
            disks: devices("collector.diskstats.device")?,
            mount_points: devices("collector.filesystem.mount-points")?,
            fs_types: devices("collector.filesystem.fs-types")?,
            mount_timeout: values.duration("collector.filesystem.mount-timeout")?,
            hwmon_chips: devices("collector.hwmon.chip")?,
            hwmon_sensors: devices("collector.hwmon.sensor")?,
            infiniband: devices("collector.infiniband.device")?,
            ipvs_labels: text("collector.ipvs.backend-labels"),
            netclass_ignored: text("collector.netclass.ignored-devices"),
            netclass_ignore_invalid_speed: values
                .on("collector.netclass.ignore-invalid-speed", false),
            netclass_netlink: values.on("collector.netclass.netlink", false),
            netclass_counters: values.on("collector.netclass_rtnl.with-stats", false),
            hide_containers: values.on("collector.network.hide-containers", false),
            netdev_addresses: values.on("collector.netdev.address-info", false),
            netdev_alias: values.on("collector.netdev.label-ifalias", false),
            netdev_devices: devices("collector.netdev.device")?,
            netdev_netlink: values.on("collector.netdev.netlink", true),
            netdev_detailed: values.on("collector.netdev.enable-detailed-metrics", false),
            netstat_fields: text("collector.netstat.fields"),
            power_supplies_ignored: text("collector.powersupply.ignored-supplies"),
            rapl_zone_label: values.on("collector.rapl.enable-zone-label", false),
            stat_softirq: values.on("collector.stat.softirq", false),
            tapes_ignored: text("collector.tapestats.ignored-devices"),
            textfile_directories: values.list("collector.textfile.directory"),
            vmstat_fields: text("collector.vmstat.fields"),
            opt_in: OptIn::from_values(values)?,
        };
        for (name, _, _) in FILTERS {
            values.regex(name)?;
        }
        ipvs_labels(&config.ipvs_labels)?;
        Ok(config)
    }
}

/// The settings ready for use: regular expressions compiled once.
#[derive(Debug)]
pub(super) struct Settings {
    pub arp_devices: Filter,
    pub arp_netlink: bool,
    pub bcache_priorities: bool,
    pub cpu_guest: bool,
    pub cpu_info: bool,
    pub cpu_flags: Option<Regex>,
    pub cpu_bugs: Option<Regex>,
    pub cpufreq: bool,
    pub disks: Filter,
    pub mount_points: Filter,
    pub fs_types: Filter,
    pub mount_timeout: Duration,
    pub chips: Filter,
    pub sensors: Filter,
    pub infiniband: Filter,
    pub ipvs_labels: BTreeSet<&'static str>,
    pub netclass: Filter,
    pub netclass_ignore_invalid_speed: bool,
    pub netclass_netlink: bool,
    pub netclass_counters: bool,
    pub netdev: Filter,
    pub netdev_addresses: bool,
    pub netdev_alias: bool,
    pub netdev_netlink: bool,
    pub netdev_detailed: bool,
    pub netstat_fields: Filter,
    pub power_supplies: Filter,
    pub rapl_zone_label: bool,
    pub stat_softirq: bool,
    pub tapes: Filter,
    pub textfile_directories: Vec<String>,
    pub vmstat_fields: Filter,
    pub opt_in: opt_in::Settings,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Result<Self, FlagError> {
        let exclude = |text: &str, flag| Filter::new("", text, flag);
        let include = |text: &str, flag| Filter::new(text, "", flag);
        let devices = |devices: &Devices, flag: &str| {
            if !devices.include.is_empty() && !devices.exclude.is_empty() {
                let (include, exclude) = (format!("{flag}-include"), format!("{flag}-exclude"));
                return Err(FlagError::Together(include, exclude));
            }
            Filter::new(&devices.include, &devices.exclude, flag)
        };
        let containers = if config.hide_containers { CONTAINER_DEVICES } else { "" };
        let cpu_flags = compile(&config.cpu_flags, "collector.cpu.info.flags-include")?;
        let cpu_bugs = compile(&config.cpu_bugs, "collector.cpu.info.bugs-include")?;
        Ok(Self {
            arp_devices: devices(&config.arp_devices, "collector.arp.device")?,
            arp_netlink: config.arp_netlink,
            bcache_priorities: config.bcache_priorities,
            cpu_guest: config.cpu_guest,
            cpu_info: config.cpu_info || cpu_flags.is_some() || cpu_bugs.is_some(),
            cpu_flags,
            cpu_bugs,
            cpufreq: config.collectors.contains("cpufreq"),
            disks: devices(&config.disks, "collector.diskstats.device")?,
            mount_points: devices(&config.mount_points, "collector.filesystem.mount-points")?,
            fs_types: devices(&config.fs_types, "collector.filesystem.fs-types")?,
            mount_timeout: config.mount_timeout,
            chips: devices(&config.hwmon_chips, "collector.hwmon.chip")?,
            sensors: devices(&config.hwmon_sensors, "collector.hwmon.sensor")?,
            infiniband: devices(&config.infiniband, "collector.infiniband.device")?,
            ipvs_labels: ipvs_labels(&config.ipvs_labels)?,
            netclass: exclude(&config.netclass_ignored, "collector.netclass.ignored-devices")?
                .and_not(containers)?,
            netclass_ignore_invalid_speed: config.netclass_ignore_invalid_speed,
            netclass_netlink: config.netclass_netlink,
            netclass_counters: config.netclass_counters,
            netdev: devices(&config.netdev_devices, "collector.netdev.device")?
                .and_not(containers)?,
            netdev_addresses: config.netdev_addresses,
            netdev_alias: config.netdev_alias,
            netdev_netlink: config.netdev_netlink,
            netdev_detailed: config.netdev_detailed,
            netstat_fields: include(&config.netstat_fields, "collector.netstat.fields")?,
            power_supplies: exclude(
                &config.power_supplies_ignored,
                "collector.powersupply.ignored-supplies",
            )?,
            rapl_zone_label: config.rapl_zone_label,
            stat_softirq: config.stat_softirq,
            tapes: exclude(&config.tapes_ignored, "collector.tapestats.ignored-devices")?,
            textfile_directories: config.textfile_directories.clone(),
            vmstat_fields: include(&config.vmstat_fields, "collector.vmstat.fields")?,
            opt_in: opt_in::Settings::new(&config.opt_in, |name| config.collectors.contains(name))?,
        })
    }
}

/// The labels of backends that are wanted.
fn ipvs_labels(text: &str) -> Result<BTreeSet<&'static str>, FlagError> {
    let known = super::ipvs::LABELS;
    let wanted = text.split(',').map(str::trim).filter(|label| !label.is_empty());
    wanted
        .map(|label| known.iter().find(|known| **known == label).copied())
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let problem = format!("labels are {}", known.join(", "));
            bad("collector.ipvs.backend-labels", text, &problem)
        })
}

/// Which names pass: those that match an inclusion, if any, and do not match an exclusion, if any.
///
/// A host shows the same few hundred names in each scrape, so the answers are remembered.
#[derive(Debug)]
pub(super) struct Filter {
    include: Option<Regex>,
    exclude: Option<Regex>,
    also_exclude: Option<Regex>,
    known: Mutex<HashMap<String, bool>>,
}

/// Answers a filter remembers; names beyond are matched each time.
const REMEMBERED: usize = 4096;

impl Filter {
    pub(super) fn new(include: &str, exclude: &str, flag: &str) -> Result<Self, FlagError> {
        let (include, exclude) = (compile(include, flag)?, compile(exclude, flag)?);
        Ok(Self { include, exclude, also_exclude: None, known: Mutex::default() })
    }

    /// The same without the names that match; empty for all.
    fn and_not(mut self, exclude: &str) -> Result<Self, FlagError> {
        self.also_exclude = compile(exclude, "collector.network.hide-containers")?;
        Ok(self)
    }

    pub(super) fn takes(&self, name: &str) -> bool {
        let exclusions = [&self.exclude, &self.also_exclude];
        if self.include.is_none() && exclusions.iter().all(|exclude| exclude.is_none()) {
            return true;
        }
        let mut known = self.known.lock();
        if let Some(answer) = known.get(name) {
            return *answer;
        }
        let answer = self.include.as_ref().is_none_or(|include| include.is_match(name))
            && !exclusions.into_iter().flatten().any(|exclude| exclude.is_match(name));
        if known.len() < REMEMBERED {
            known.insert(name.to_owned(), answer);
        }
        answer
    }
}

pub(super) fn compile(text: &str, flag: &str) -> Result<Option<Regex>, FlagError> {
    if text.is_empty() {
        return Ok(None);
    }
    Regex::new(text).map(Some).map_err(|err| bad(flag, text, &err.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Config, FlagError> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Config::from_args(&arguments)
    }

    #[test]
    fn collectors_are_chosen_by_flags() {
        let all = read(&[]).expect("no flags");
        assert!(all.collectors.contains("cpu") && all.collectors.len() > 25);
        let config = read(&["--collector.disable-defaults", "--collector.cpu"]).expect("fine");
        assert_eq!(config.collectors.into_iter().collect::<Vec<_>>(), ["cpu"]);
        let config = read(&["--no-collector.arp"]).expect("fine");
        assert!(!config.collectors.contains("arp"));
        assert!(read(&["--collector.nonsense"]).is_err());
    }

    #[test]
    fn an_inclusion_excludes_an_exclusion() {
        let include = "--collector.netdev.device-include=eth.*";
        assert!(read(&[include, "--collector.netdev.device-exclude=lo"]).is_err());
        let disks = read(&["--collector.diskstats.device-include=sda1"]).expect("fine").disks;
        assert_eq!(disks, Devices { include: "sda1".into(), exclude: String::new() });
    }

    #[test]
    fn bad_values_name_their_flag() {
        for flag in ["--collector.vmstat.fields=(", "--web.max-requests=x", "--log.level=loud"] {
            let name = flag[2..].split_once('=').expect("a value").0;
            let err = read(&[flag]).expect_err("refused").to_string();
            assert!(err.contains(name), "{err}");
        }
    }

    #[test]
    fn devices_of_containers_are_hidden_on_request() {
        let taken = |arguments: &[&str]| {
            let settings = Settings::new(&read(arguments).expect("fine")).expect("fine");
            ["eth0", "veth1a2b3c", "docker0", "br-0123456789ab", "br-lan", "tap0"]
                .map(|name| (settings.netdev.takes(name), settings.netclass.takes(name)))
        };
        assert_eq!(taken(&[]), [(true, true); 6]);
        let (yes, no) = ((true, true), (false, false));
        assert_eq!(taken(&["--collector.network.hide-containers"]), [yes, no, no, no, yes, yes]);
    }

    #[test]
    fn names_and_flags_of_earlier_and_later_versions_are_understood() {
        let config = read(&[
            "--collector.diskstats.ignored-devices=^ram",
            "--collector.filesystem.ignored-mount-points=^/mnt",
            "--collector.filesystem.ignored-fs-types=^tmpfs$",
            "--collector.netdev.device-blacklist=^lo$",
            "--collector.filesystem.stat-workers=4",
            "--runtime.gomaxprocs=1",
        ]);
        let config = config.expect("fine");
        assert_eq!(config.disks.exclude, "^ram");
        assert_eq!(config.mount_points.exclude, "^/mnt");
        assert_eq!(config.fs_types.exclude, "^tmpfs$");
        assert_eq!(config.netdev_devices.exclude, "^lo$");
        let both = ["--collector.netdev.device-whitelist=a", "--collector.netdev.device-exclude="];
        assert_eq!(read(&both).expect("fine").netdev_devices.include, "a");
    }

    #[test]
    fn the_default_disk_filter_leaves_out_partitions_and_loops() {
        let settings = Settings::new(&Config::default()).expect("fine");
        let taken = ["sda", "nvme0n1", "dm-0", "zram0", "sda1", "loop3", "nvme0n1p2"]
            .map(|disk| settings.disks.takes(disk));
        assert_eq!(taken, [true, true, true, false, false, false, false]);
    }
}
