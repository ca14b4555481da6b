//! How replication is doing, from `SHOW ALL SLAVES STATUS` and its relatives.
//!
//! Newer servers speak of sources and replicas; their columns are shown under the known names, so
//! that dashboards and rules work with either.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use super::value::{metric_name, parse, text};
use super::{Collecting, Collector, Families, Metric, On};
use crate::model::MetricType;

const STATUS: Metric =
    Metric::untyped("mysql_slave_status_", "A column of SHOW SLAVE STATUS, under its older name.")
        .with(&["master_host", "master_uuid", "channel_name", "connection_name"])
        .open();

pub(super) const COLLECTOR: Collector =
    Collector { name: "slave_status", start: On, metrics: &[STATUS], collect };

/// The first that the server understands: MariaDB, new MySQL, old MySQL (without waiting for locks).
const QUERIES: [&str; 5] = [
    "SHOW ALL SLAVES STATUS",
    "SHOW REPLICA STATUS",
    "SHOW SLAVE STATUS NONBLOCKING",
    "SHOW SLAVE STATUS NOLOCK",
    "SHOW SLAVE STATUS",
];

fn collect<'a>(connection: &'a mut Conn, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let mut refused = None;
        for query in QUERIES {
            let rows: Vec<Row> = match connection.query(query).await {
                Ok(rows) => rows,
                Err(mysql_async::Error::Server(err)) => {
                    // A missing privilege says more than the syntax error of the next attempt.
                    const NO_PRIVILEGE: u16 = 1227;
                    let keep = refused
                        .as_ref()
                        .is_some_and(|known: &mysql_async::ServerError| known.code == NO_PRIVILEGE);
                    if !keep {
                        refused = Some(err);
                    }
                    continue;
                }
                Err(err) => return Err(err),
            };
            for row in &rows {
                let columns = row.columns_ref().iter().enumerate();
                let columns: Vec<(String, String)> = columns
                    .map(|(at, column)| (older_name(&column.name_str()), text(row, at)))
                    .collect();
                show(&columns, out);
            }
            return Ok(());
        }
        Err(refused.map_or_else(
            || mysql_async::Error::Other("no form of SHOW SLAVE STATUS was tried".into()),
            mysql_async::Error::Server,
        ))
    })
}

/// `Seconds_Behind_Source` is `seconds_behind_master`.
fn older_name(column: &str) -> String {
    let name = column.to_ascii_lowercase();
    let words = name.split('_').map(|word| match word {
        "source" => "master",
        "replica" => "slave",
        word => word,
    });
    words.collect::<Vec<_>>().join("_")
}

fn show(columns: &[(String, String)], out: &mut Families) {
    let column = |name: &str| {
        let found = columns.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let labels: Vec<(&str, &str)> =
        STATUS.labels.iter().map(|label| (*label, column(label))).collect();
    for (name, value) in columns {
        if let Some(value) = parse(value) {
            let name = metric_name(STATUS.name, name);
            out.put_dynamic(&name, STATUS.kind, STATUS.help, labels.iter().copied(), value);
        }
    }
    debug_assert_eq!(STATUS.kind, MetricType::Unknown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;

    #[test]
    fn new_column_names_give_the_known_metrics() {
        let columns = [
            ("Source_Host", "db-1"),
            ("Source_UUID", "77"),
            ("Replica_IO_Running", "Connecting"),
            ("Seconds_Behind_Source", "4"),
            ("Channel_Name", ""),
            ("Replica_IO_State", "Reconnecting after a failed source event read"),
        ]
        .map(|(name, value)| (older_name(name), value.to_owned()));
        let mut out = Families::default();
        show(&columns, &mut out);
        let mut text = String::new();
        write_text(&out, &mut text);
        let labels =
            "{channel_name=\"\",connection_name=\"\",master_host=\"db-1\",master_uuid=\"77\"}";
        assert!(
            text.contains(&format!("mysql_slave_status_slave_io_running{labels} 0\n")),
            "{text}"
        );
        assert!(text.contains(&format!("mysql_slave_status_seconds_behind_master{labels} 4\n")));
        assert!(!text.contains("io_state"));
    }
}
