//! How many series pages have that nobody declared in full: what collectors give on a usual machine,
//! and what programs say about themselves. Counted on running systems; a page of one's own machine may
//! have half or twice of it, and whoever knows better writes `series=`.

/// What the figures of the node exporter are for. A collector gives so many series for each of them.
struct Machine {
    cpus: u64,
    disks: u64,
    /// File systems that are mounted, pseudo file systems aside.
    mounts: u64,
    /// Network devices, those of containers included.
    devices: u64,
}

/// A server that runs some containers.
const USUAL: Machine = Machine { cpus: 16, disks: 8, mounts: 10, devices: 12 };

/// The machine that [`collector_series`] speaks of, for messages.
pub const USUAL_MACHINE: &str = "16 CPUs, 12 network devices, 10 file systems, 8 disks";

/// Collector; its series whatever the machine, and for each CPU, disk, file system, network device.
type Row = (&'static str, u64, u64, u64, u64, u64);

const NODE: &[Row] = &[
    ("arp", 2, 0, 0, 0, 1),
    ("cpu", 0, 11, 0, 0, 0),
    ("cpufreq", 0, 9, 0, 0, 0),
    ("diskstats", 0, 0, 19, 0, 0),
    ("dmi", 1, 0, 0, 0, 0),
    ("edac", 14, 0, 0, 0, 0),
    ("entropy", 2, 0, 0, 0, 0),
    ("filefd", 2, 0, 0, 0, 0),
    ("filesystem", 0, 0, 0, 8, 0),
    ("hwmon", 90, 1, 0, 0, 0),
    ("loadavg", 3, 0, 0, 0, 0),
    ("meminfo", 52, 0, 0, 0, 0),
    ("netclass", 0, 0, 0, 0, 18),
    ("netdev", 0, 0, 0, 0, 17),
    ("netstat", 42, 0, 0, 0, 0),
    ("nvme", 6, 0, 0, 0, 0),
    ("os", 2, 0, 0, 0, 0),
    ("pressure", 6, 0, 0, 0, 0),
    ("rapl", 3, 0, 0, 0, 0),
    ("schedstat", 0, 3, 0, 0, 0),
    ("selinux", 1, 0, 0, 0, 0),
    ("sockstat", 17, 0, 0, 0, 0),
    ("softnet", 0, 7, 0, 0, 0),
    ("stat", 6, 0, 0, 0, 0),
    ("thermal_zone", 4, 2, 0, 0, 0),
    ("time", 5, 0, 0, 0, 0),
    ("timex", 17, 0, 0, 0, 0),
    ("udp_queues", 4, 0, 0, 0, 0),
    ("uname", 1, 0, 0, 0, 0),
    ("vmstat", 7, 0, 0, 0, 0),
    ("watchdog", 5, 0, 0, 0, 0),
    ("xfs", 0, 0, 0, 5, 0),
    // Those that run only when they are asked for.
    ("buddyinfo", 0, 3, 0, 0, 0),
    ("cgroups", 28, 0, 0, 0, 0),
    ("cpu_vulnerabilities", 20, 0, 0, 0, 0),
    ("ethtool", 0, 0, 0, 0, 60),
    ("interrupts", 0, 60, 0, 0, 0),
    ("ksmd", 10, 0, 0, 0, 0),
    ("lnstat", 0, 40, 0, 0, 0),
    ("logind", 4, 0, 0, 0, 0),
    ("meminfo_numa", 80, 0, 0, 0, 0),
    ("mountstats", 0, 0, 0, 40, 0),
    ("network_route", 10, 0, 0, 0, 2),
    ("pcidevice", 300, 0, 0, 0, 0),
    ("perf", 0, 30, 0, 0, 0),
    ("processes", 12, 0, 0, 0, 0),
    ("qdisc", 0, 0, 0, 0, 6),
    ("slabinfo", 900, 0, 0, 0, 0),
    ("softirqs", 0, 10, 0, 0, 0),
    ("sysctl", 1, 0, 0, 0, 0),
    ("systemd", 1200, 0, 0, 0, 0),
    ("tcpstat", 12, 0, 0, 0, 0),
    ("wifi", 0, 0, 0, 0, 1),
    ("xfrm", 28, 0, 0, 0, 0),
    ("zoneinfo", 250, 0, 0, 0, 0),
];

/// MySQL 8 with some hundred tables.
const MYSQL: &[(&str, u64)] = &[
    ("global_status", 470),
    ("global_variables", 520),
    ("info_schema.innodb_cmp", 30),
    ("info_schema.innodb_cmpmem", 25),
    ("info_schema.innodb_metrics", 230),
    ("info_schema.innodb_tablespaces", 400),
    ("info_schema.processlist", 40),
    ("info_schema.tables", 1200),
    ("info_schema.tablestats", 600),
    ("info_schema.schemastats", 20),
    ("info_schema.userstats", 60),
    ("info_schema.clientstats", 60),
    ("auto_increment.columns", 200),
    ("binlog_size", 3),
    ("engine_innodb_status", 10),
    ("perf_schema.eventsstatements", 2500),
    ("perf_schema.eventsstatementssum", 12),
    ("perf_schema.eventswaits", 600),
    ("perf_schema.file_events", 150),
    ("perf_schema.file_instances", 1000),
    ("perf_schema.indexiowaits", 2000),
    ("perf_schema.memory_events", 900),
    ("perf_schema.tableiowaits", 800),
    ("perf_schema.tablelocks", 2400),
    ("perf_schema.replication_group_members", 3),
    ("perf_schema.replication_group_member_stats", 27),
    ("perf_schema.replication_applier_status_by_worker", 20),
    ("sys.user_summary", 80),
    ("slave_hosts", 3),
    ("mysql.user", 300),
    ("heartbeat", 2),
];

/// What a program says about itself.
const PARTS: &[(&str, u64)] = &[
    ("prometheus", 780),
    ("alertmanager", 470),
    ("pushgateway", 90),
    ("grafana", 2200),
    ("caddy", 220),
    ("victoriametrics", 1000),
    ("vminsert", 450),
    ("vmselect", 420),
    ("vmstorage", 650),
    ("mimir", 3500),
    ("thanos", 550),
];

/// Series of a collector of the node exporter on a usual machine; those that need hardware most
/// machines have not give none.
pub fn node_collector(name: &str) -> u64 {
    let Machine { cpus, disks, mounts, devices } = USUAL;
    collector_on(name, &Machine { cpus, disks, mounts, devices })
}

fn collector_on(name: &str, machine: &Machine) -> u64 {
    NODE.iter().find(|row| row.0 == name).map_or(0, |(_, always, cpu, disk, mount, device)| {
        always
            + cpu * machine.cpus
            + disk * machine.disks
            + mount * machine.mounts
            + device * machine.devices
    })
}

/// Series of a collector of the MySQL exporter; what only some servers have gives none.
pub fn mysql_collector(name: &str) -> u64 {
    MYSQL.iter().find(|(collector, _)| *collector == name).map_or(0, |(_, series)| *series)
}

/// Series of a program's own page.
pub fn part_series(name: &str) -> Option<u64> {
    PARTS.iter().find(|(part, _)| *part == name).map(|(_, series)| *series)
}

/// What an exporter says about itself and its process, its collectors aside.
pub const EXPORTER: u64 = 42;

/// How many values a label usually has, where nothing is known of it.
pub fn usual_values(label: &str) -> u64 {
    match label {
        "cpu" => USUAL.cpus,
        "mountpoint" => USUAL.mounts,
        "device" => USUAL.devices,
        "le" => 12,
        "quantile" => 3,
        "method" | "verb" => 4,
        "code" | "status" | "status_code" | "state" | "result" | "outcome" => 5,
        "path" | "route" | "handler" | "endpoint" | "uri" | "operation" | "queue" | "topic" => 20,
        "version" | "revision" | "branch" | "goversion" | "fstype" | "type" | "kind" => 1,
        _ => 10,
    }
}

/// Where the figures stop: a guess of several open labels is no product of all of their values.
pub const MOST_OF_A_GUESS: u64 = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::{Start, mysql, node};

    #[test]
    fn figures_are_of_collectors_that_exist() {
        for (name, ..) in NODE {
            assert!(node::COLLECTORS.iter().any(|collector| collector.name == *name), "{name}");
        }
        for (name, _) in MYSQL {
            assert!(mysql::COLLECTORS.iter().any(|collector| collector.name == *name), "{name}");
        }
    }

    /// A page of this program's exporter on a virtual machine had 348 series of these collectors, those
    /// of the exporter itself aside.
    #[test]
    fn a_page_that_was_counted_is_met() {
        let machine = Machine { cpus: 2, disks: 0, mounts: 2, devices: 4 };
        // It has no clock generators, sensors, memory controllers or XFS.
        let missing =
            ["cpufreq", "hwmon", "edac", "nvme", "thermal_zone", "watchdog", "xfs", "rapl"];
        let ran = node::COLLECTORS
            .iter()
            .filter(|collector| collector.start == Start::On && !missing.contains(&collector.name));
        let series: u64 = ran.map(|collector| collector_on(collector.name, &machine)).sum();
        assert!((300..=400).contains(&series), "{series}");
    }
}
