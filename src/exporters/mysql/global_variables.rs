//! The server's settings, from `SHOW GLOBAL VARIABLES`.

use std::collections::BTreeMap;

use super::server::Server;
use super::value::{metric_name, parse, text};
use super::{Collect, Collecting, Collector, Families, Metric};
use crate::model::MetricType;

const VARIABLE: Metric = Metric::gauge(
    "mysql_global_variables_",
    "A line of SHOW GLOBAL VARIABLES, as the server names it.",
)
.open();
const VERSION: Metric =
    Metric::gauge("mysql_version_info", "Version and make of the server; always 1.").with(&[
        "innodb_version",
        "version",
        "version_comment",
    ]);
const GALERA: Metric =
    Metric::gauge("mysql_galera_variables_info", "Name of the Galera cluster; always 1.")
        .with(&["wsrep_cluster_name"]);
const GCACHE: Metric = Metric::gauge(
    "mysql_galera_gcache_size_bytes",
    "Room a Galera node keeps for changes that others may lack.",
);
const ISOLATION: Metric = Metric::gauge(
    "mysql_transaction_isolation",
    "Level at which transactions are kept apart; always 1.",
)
.with(&["level"]);

pub(super) const COLLECTOR: Collector = Collector::new(
    "global_variables",
    &[VARIABLE, VERSION, GALERA, GCACHE, ISOLATION],
    Collect::Own(collect),
)
.on();

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let rows = server.rows("SHOW GLOBAL VARIABLES").await?;
        let lines = rows.iter().map(|row| (text(row, 0).to_ascii_lowercase(), text(row, 1)));
        show(lines, out);
        Ok(())
    })
}

fn show(lines: impl Iterator<Item = (String, String)>, out: &mut Families) {
    let mut words: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines {
        match parse(&value) {
            Some(value) => {
                let name = metric_name(VARIABLE.name, &name);
                out.put_dynamic(&name, MetricType::Gauge, VARIABLE.help, [], value);
            }
            None => drop(words.insert(name, value)),
        }
    }
    let word = |name: &str| words.get(name).map_or("", String::as_str);
    let version = [word("innodb_version"), word("version"), word("version_comment")];
    out.put(&VERSION, &version, 1.0);
    if !word("wsrep_cluster_name").is_empty() {
        out.put(&GALERA, &[word("wsrep_cluster_name")], 1.0);
    }
    let options = word("wsrep_provider_options");
    if !options.is_empty() {
        out.put(&GCACHE, &[], gcache_size(options));
    }
    // MariaDB keeps the older name.
    let level = [word("transaction_isolation"), word("tx_isolation")];
    if let Some(level) = level.into_iter().find(|level| !level.is_empty()) {
        out.put(&ISOLATION, &[level], 1.0);
    }
}

/// Bytes of `gcache.size = 128M;` among other options; 0 when it is not among them.
fn gcache_size(options: &str) -> f64 {
    let size = options
        .split(';')
        .filter_map(|option| option.split_once('='))
        .find(|(name, _)| name.trim() == "gcache.size")
        .map_or("", |(_, size)| size.trim());
    let (number, factor) = match size.as_bytes().last() {
        Some(b'K') => (&size[..size.len() - 1], 1024.0),
        Some(b'M') => (&size[..size.len() - 1], 1024.0 * 1024.0),
        Some(b'G') => (&size[..size.len() - 1], 1024.0 * 1024.0 * 1024.0),
        _ => (size, 1.0),
    };
    number.parse::<f64>().unwrap_or(0.0) * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;

    #[test]
    fn numbers_are_shown_and_some_words_are_labels() {
        let lines = [
            ("long_query_time", "10.000000"),
            ("log_bin", "ON"),
            ("version", "10.11.19-MariaDB"),
            ("version_comment", "Debian 12"),
            ("tx_isolation", "REPEATABLE-READ"),
            ("wsrep_provider_options", "base_port = 4567; gcache.size = 2G; x = y;"),
            ("datadir", "/var/lib/mysql/"),
        ];
        let mut out = Families::default();
        show(lines.iter().map(|(name, value)| ((*name).into(), (*value).into())), &mut out);
        let mut text = String::new();
        write_text(&out, &mut text);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "mysql_galera_gcache_size_bytes 2.147483648e+09",
                "mysql_global_variables_log_bin 1",
                "mysql_global_variables_long_query_time 10",
                "mysql_transaction_isolation{level=\"REPEATABLE-READ\"} 1",
                "mysql_version_info{innodb_version=\"\",version=\"10.11.19-MariaDB\",\
                 version_comment=\"Debian 12\"} 1",
            ]
        );
    }
}
