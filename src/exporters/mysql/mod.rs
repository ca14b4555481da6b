//! The MySQL exporter: a MySQL or MariaDB server as metrics, asked over one connection a scrape.
//!
//! As with the node exporter, a collector is a file of its own and a row in [`COLLECTORS`].

mod config;
mod connection;
mod exporter;
mod global_status;
mod global_variables;
mod innodb_cmp;
mod innodb_cmpmem;
mod my_cnf;
mod query_response_time;
mod slave_status;
mod value;

pub use config::{Config, PASSWORD_VARIABLE, Secret, command};
pub use exporter::Exporter;
pub use my_cnf::ConfigError;

use std::future::Future;
use std::pin::Pin;

use mysql_async::Conn;

use super::Start::{self, On};
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
    /// Asks the server.
    collect: for<'a> fn(&'a mut Conn, &'a mut Families) -> Collecting<'a>,
}

/// A collector under way.
type Collecting<'a> = Pin<Box<dyn Future<Output = mysql_async::Result<()>> + Send + 'a>>;

/// All collectors by name.
pub const COLLECTORS: &[Collector] = &[
    global_status::COLLECTOR,
    global_variables::COLLECTOR,
    innodb_cmp::COLLECTOR,
    innodb_cmpmem::COLLECTOR,
    query_response_time::COLLECTOR,
    slave_status::COLLECTOR,
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
