//! The node exporter: a Linux host as metrics, read from procfs, sysfs, udev's data and netlink.
//!
//! A collector is a file of its own and a row in [`COLLECTORS`]; its flag, its word in the manifest,
//! its `node_scrape_collector_success` and its rows in the metric catalogue come from that list.

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod btrfs_ioctl;
mod buddyinfo;
mod cgroups;
mod config;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod dbus;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod drm;
mod edac;
mod entropy;
mod ethtool;
mod ethtool_driver;
mod ethtool_ioctl;
mod ethtool_links;
mod ethtool_modes;
mod exporter;
mod fibrechannel;
mod filefd;
mod filesystem;
mod host;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kept;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netclass;
mod netclass_netlink;
mod netclass_told;
mod netdev;
mod netlink;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod ntp;
mod nvme;
mod opt_in;
mod os;
mod pci_ids;
mod pcidevice;
mod perf;
mod powersupplyclass;
mod pressure;
mod processes;
mod qdisc;
mod rapl;
mod recent;
mod runit;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod supervisord;
mod swap;
mod sysctl;
mod systemd;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

pub use config::{Config, command};
pub use exporter::Exporter;
pub use host::{CollectError, Host};
pub use opt_in::{Ntp, OptIn, Perf, Systemd};

use super::Start::{self, Off, On};
use crate::catalogue::{Families, Metric};

/// One collector: what it is called, whether it runs by itself, what it may expose, and how.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// Word after `--collector.` and in the manifest.
    pub name: &'static str,
    /// Whether it runs when no flag says otherwise.
    pub start: Start,
    /// Every metric it may expose.
    pub metrics: &'static [Metric],
    /// Reads the host; what was put before an error is exposed all the same.
    collect: fn(&Host, &mut Families) -> Result<(), CollectError>,
}

/// All collectors by name.
pub const COLLECTORS: &[Collector] = &[
    arp::COLLECTOR,
    bcache::COLLECTOR,
    bcachefs::COLLECTOR,
    bonding::COLLECTOR,
    btrfs::COLLECTOR,
    buddyinfo::COLLECTOR,
    cgroups::COLLECTOR,
    conntrack::COLLECTOR,
    cpu::COLLECTOR,
    cpu_vulnerabilities::COLLECTOR,
    cpufreq::COLLECTOR,
    diskstats::COLLECTOR,
    dmi::COLLECTOR,
    dmmultipath::COLLECTOR,
    drbd::COLLECTOR,
    drm::COLLECTOR,
    edac::COLLECTOR,
    entropy::COLLECTOR,
    ethtool::COLLECTOR,
    fibrechannel::COLLECTOR,
    filefd::COLLECTOR,
    filesystem::COLLECTOR,
    hwmon::COLLECTOR,
    infiniband::COLLECTOR,
    interrupts::COLLECTOR,
    ipvs::COLLECTOR,
    kernel_hung::COLLECTOR,
    ksmd::COLLECTOR,
    lnstat::COLLECTOR,
    loadavg::COLLECTOR,
    logind::COLLECTOR,
    mdadm::COLLECTOR,
    meminfo::COLLECTOR,
    meminfo_numa::COLLECTOR,
    mountstats::COLLECTOR,
    netclass::COLLECTOR,
    netdev::COLLECTOR,
    netstat::COLLECTOR,
    network_route::COLLECTOR,
    nfs::COLLECTOR,
    nfsd::COLLECTOR,
    ntp::COLLECTOR,
    nvme::COLLECTOR,
    os::COLLECTOR,
    pcidevice::COLLECTOR,
    perf::COLLECTOR,
    powersupplyclass::COLLECTOR,
    pressure::COLLECTOR,
    processes::COLLECTOR,
    qdisc::COLLECTOR,
    rapl::COLLECTOR,
    runit::COLLECTOR,
    schedstat::COLLECTOR,
    selinux::COLLECTOR,
    slabinfo::COLLECTOR,
    sockstat::COLLECTOR,
    softirqs::COLLECTOR,
    softnet::COLLECTOR,
    stat::COLLECTOR,
    supervisord::COLLECTOR,
    swap::COLLECTOR,
    sysctl::COLLECTOR,
    systemd::COLLECTOR,
    tapestats::COLLECTOR,
    tcpstat::COLLECTOR,
    textfile::COLLECTOR,
    thermal_zone::COLLECTOR,
    time::COLLECTOR,
    timex::COLLECTOR,
    udp_queues::COLLECTOR,
    uname::COLLECTOR,
    vmstat::COLLECTOR,
    watchdog::COLLECTOR,
    wifi::COLLECTOR,
    xfrm::COLLECTOR,
    xfs::COLLECTOR,
    zfs::COLLECTOR,
    zoneinfo::COLLECTOR,
];

/// The metrics that lead the rows of a table, for the declaration of a collector that has many.
const fn declared<T: Copy, const N: usize>(rows: &[(Metric, T); N]) -> [Metric; N] {
    let mut metrics = [rows[0].0; N];
    let mut at = 0;
    while at < N {
        metrics[at] = rows[at].0;
        at += 1;
    }
    metrics
}

/// Two lists of metrics as one.
const fn joined<const A: usize, const B: usize, const N: usize>(
    first: &[Metric; A],
    second: &[Metric; B],
) -> [Metric; N] {
    assert!(A + B == N, "the length of the joined list");
    let mut metrics = [first[0]; N];
    let mut at = 0;
    while at < N {
        metrics[at] = if at < A { first[at] } else { second[at - A] };
        at += 1;
    }
    metrics
}

/// Names of all collectors, for the manifest's check.
pub fn collector_names() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().map(|collector| collector.name)
}

/// Every metric the node exporter may expose, for the metric catalogue.
pub fn declared_metrics() -> impl Iterator<Item = &'static Metric> {
    COLLECTORS
        .iter()
        .flat_map(|collector| collector.metrics)
        .chain(exporter::METRICS)
        .chain(super::process::METRICS)
        .chain(super::http::METRICS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_no_metric_twice() {
        assert!(COLLECTORS.is_sorted_by(|a, b| a.name < b.name));
        let mut names: Vec<&str> = declared_metrics().map(|metric| metric.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn every_help_text_is_a_sentence() {
        for metric in declared_metrics() {
            assert!(metric.help.len() > 10 && metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
