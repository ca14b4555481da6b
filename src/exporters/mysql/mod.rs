//! The MySQL exporter: a MySQL or MariaDB server as metrics, asked over one connection a scrape, or two when it is slow.
//!
//! As with the node exporter, a collector is a file of its own and a row in [`COLLECTORS`].

mod auto_increment;
mod binlog_size;
mod clientstats;
mod config;
mod engine_innodb_status;
mod engine_tokudb_status;
mod eventsstatements;
mod eventsstatementssum;
mod eventswaits;
mod exporter;
mod file_events;
mod file_instances;
mod global_status;
mod global_variables;
mod heartbeat;
mod indexiowaits;
mod innodb_cmp;
mod innodb_cmpmem;
mod innodb_metrics;
mod innodb_tablespaces;
mod memory_events;
mod my_cnf;
mod processlist;
mod queries;
mod query_response_time;
mod replica_host;
mod replication_applier_status_by_worker;
mod replication_group_member_stats;
mod replication_group_members;
mod schemastats;
mod scrape;
mod server;
mod settings;
mod share;
mod slave_hosts;
mod slave_status;
mod statistics;
mod table;
mod tableiowaits;
mod tablelocks;
mod tables;
mod tablestats;
mod user;
mod user_summary;
mod userstats;
mod value;
mod version;

pub use config::{Config, PASSWORD_VARIABLE, Secret, command};
pub use exporter::Exporter;
pub use my_cnf::ConfigError;
pub use queries::wrong_name;
pub use settings::{Setting as CollectorSetting, Settings};

use std::future::Future;
use std::pin::Pin;

use server::{CollectError, Server};
use settings::Setting;
use table::Table;

use super::Start::{self, Off, On};
use crate::catalogue::{Families, Metric};

/// One collector: what it is called, whether it runs by itself, what it may expose, and how.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// Word after `--collect.` and in the manifest.
    pub name: &'static str,
    /// Whether it runs when no flag says otherwise.
    pub start: Start,
    /// Every metric it may expose.
    pub metrics: &'static [Metric],
    /// What it can be told.
    pub settings: &'static [Setting],
    /// The first version of MySQL that it is for; older ones are not asked.
    since: (u16, u16),
    collect: Collect,
}

/// How a collector asks.
#[derive(Debug, Clone, Copy)]
enum Collect {
    /// One query, whose rows are shown as they are.
    Table(Table),
    /// A function of its own.
    Own(for<'a> fn(&'a mut Server, &'a mut Families) -> Collecting<'a>),
}

/// A collector under way.
type Collecting<'a> = Pin<Box<dyn Future<Output = Result<(), CollectError>> + Send + 'a>>;

impl Collector {
    const fn new(name: &'static str, metrics: &'static [Metric], collect: Collect) -> Self {
        Self { name, start: Off, metrics, settings: &[], since: (5, 1), collect }
    }

    /// The same, running by itself.
    const fn on(self) -> Self {
        Self { start: On, ..self }
    }

    /// The same for servers of at least this version.
    const fn since(self, major: u16, minor: u16) -> Self {
        Self { since: (major, minor), ..self }
    }

    /// The same with settings.
    const fn with(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }

    /// Whether it is of use with a server.
    fn fits(&self, server: &Server) -> bool {
        let (major, minor, _) = server.version.number;
        (major, minor) >= self.since
    }

    async fn collect(&self, server: &mut Server, out: &mut Families) -> Result<(), CollectError> {
        match self.collect {
            Collect::Table(Table { sql, labels, columns }) => {
                let rows = server.rows(sql).await?;
                table::show(&rows, labels, columns, out);
                Ok(())
            }
            Collect::Own(collect) => collect(server, out).await,
        }
    }
}

/// All collectors by name.
pub const COLLECTORS: &[Collector] = &[
    auto_increment::COLLECTOR,
    binlog_size::COLLECTOR,
    engine_innodb_status::COLLECTOR,
    engine_tokudb_status::COLLECTOR,
    global_status::COLLECTOR,
    global_variables::COLLECTOR,
    heartbeat::COLLECTOR,
    clientstats::COLLECTOR,
    innodb_cmp::COLLECTOR,
    innodb_cmpmem::COLLECTOR,
    innodb_metrics::COLLECTOR,
    innodb_tablespaces::COLLECTOR,
    processlist::COLLECTOR,
    query_response_time::COLLECTOR,
    replica_host::COLLECTOR,
    schemastats::COLLECTOR,
    tables::COLLECTOR,
    tablestats::COLLECTOR,
    userstats::COLLECTOR,
    user::COLLECTOR,
    eventsstatements::COLLECTOR,
    eventsstatementssum::COLLECTOR,
    eventswaits::COLLECTOR,
    file_events::COLLECTOR,
    file_instances::COLLECTOR,
    indexiowaits::COLLECTOR,
    memory_events::COLLECTOR,
    replication_applier_status_by_worker::COLLECTOR,
    replication_group_member_stats::COLLECTOR,
    replication_group_members::COLLECTOR,
    tableiowaits::COLLECTOR,
    tablelocks::COLLECTOR,
    slave_hosts::COLLECTOR,
    slave_status::COLLECTOR,
    user_summary::COLLECTOR,
];

/// Names of all collectors, for the manifest's check.
pub fn collector_names() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().map(|collector| collector.name)
}

/// Every metric the MySQL exporter may expose, for the metric catalogue.
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
        for metric in declared_metrics() {
            assert!(metric.help.len() > 10 && metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
