//! The node exporter: a Linux host as metrics, read from procfs, sysfs, udev's data and netlink.
//!
//! A collector is a file of its own and a row in [`COLLECTORS`]; its flag, its word in the manifest,
//! its `node_scrape_collector_success` and its rows in the metric catalogue come from that list.

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod config;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod edac;
mod entropy;
mod exporter;
mod fibrechannel;
mod filefd;
mod filesystem;
mod host;
mod hwmon;
mod infiniband;
mod ipvs;
mod kernel_hung;
mod loadavg;
mod mdadm;
mod meminfo;
mod netclass;
mod netclass_netlink;
mod netdev;
mod netlink;
mod netstat;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod powersupplyclass;
mod pressure;
mod rapl;
mod schedstat;
mod selinux;
mod sockstat;
mod softnet;
mod stat;
mod tapestats;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod xfs;
mod zfs;

pub use config::{Config, command};
pub use exporter::Exporter;
pub use host::{CollectError, Host};

use super::Start::{self, On};
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
    conntrack::COLLECTOR,
    cpu::COLLECTOR,
    cpufreq::COLLECTOR,
    diskstats::COLLECTOR,
    dmi::COLLECTOR,
    dmmultipath::COLLECTOR,
    edac::COLLECTOR,
    entropy::COLLECTOR,
    fibrechannel::COLLECTOR,
    filefd::COLLECTOR,
    filesystem::COLLECTOR,
    hwmon::COLLECTOR,
    infiniband::COLLECTOR,
    ipvs::COLLECTOR,
    kernel_hung::COLLECTOR,
    loadavg::COLLECTOR,
    mdadm::COLLECTOR,
    meminfo::COLLECTOR,
    netclass::COLLECTOR,
    netdev::COLLECTOR,
    netstat::COLLECTOR,
    nfs::COLLECTOR,
    nfsd::COLLECTOR,
    nvme::COLLECTOR,
    os::COLLECTOR,
    powersupplyclass::COLLECTOR,
    pressure::COLLECTOR,
    rapl::COLLECTOR,
    schedstat::COLLECTOR,
    selinux::COLLECTOR,
    sockstat::COLLECTOR,
    softnet::COLLECTOR,
    stat::COLLECTOR,
    tapestats::COLLECTOR,
    textfile::COLLECTOR,
    thermal_zone::COLLECTOR,
    time::COLLECTOR,
    timex::COLLECTOR,
    udp_queues::COLLECTOR,
    uname::COLLECTOR,
    vmstat::COLLECTOR,
    watchdog::COLLECTOR,
    xfs::COLLECTOR,
    zfs::COLLECTOR,
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
