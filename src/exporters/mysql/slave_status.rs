//! How replication is doing, from `SHOW ALL SLAVES STATUS` and its relatives.
//!
//! Newer servers speak of sources and replicas; their columns are shown under the known names, so
//! that dashboards and rules work with either.

use super::server::Server;
use super::value::{metric_name, parse, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const STATUS: Metric =
    Metric::untyped("mysql_slave_status_", "A column of SHOW SLAVE STATUS, under its older name.")
        .with(&["master_host", "master_uuid", "channel_name", "connection_name"])
        .open();

pub(super) const COLLECTOR: Collector =
    Collector::new("slave_status", &[STATUS], Collect::Own(collect)).on();

/// The first that the server understands: MariaDB, new MySQL, old MySQL (without waiting for locks).
const QUERIES: [&str; 5] = [
    "SHOW ALL SLAVES STATUS",
    "SHOW REPLICA STATUS",
    "SHOW SLAVE STATUS NONBLOCKING",
    "SHOW SLAVE STATUS NOLOCK",
    "SHOW SLAVE STATUS",
];

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        const SYNTAX: u16 = 1064;
        let queries = if server.version.maria { &QUERIES[..] } else { &QUERIES[1..] };
        let (last, others) = queries.split_last().expect("there are several");
        let mut rows = None;
        for query in others {
            match server.rows(query).await {
                Err(err) if err.code() == SYNTAX => {}
                answer => {
                    rows = Some(answer?);
                    break;
                }
            }
        }
        let rows = match rows {
            Some(rows) => rows,
            None => server.rows(last).await?,
        };
        for row in &rows {
            let columns = row.columns_ref().iter().enumerate();
            let columns: Vec<(String, String)> = columns
                .map(|(at, column)| (older_name(&column.name_str()), text(row, at)))
                .collect();
            show(&columns, out);
        }
        Ok(())
    })
}

/// `Seconds_Behind_Source` is `seconds_behind_master`.
pub(super) fn older_name(column: &str) -> String {
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
    for name in ["gtid_io_pos", "gtid_slave_pos"] {
        for (domain, server, number) in column(name).split(',').filter_map(gtid) {
            let name = metric_name(STATUS.name, name);
            let position = [("domain_id", domain), ("server_id", server)];
            let labels = labels.iter().copied().chain(position);
            out.put_dynamic(&name, STATUS.kind, STATUS.help, labels, number);
        }
    }
}

/// Domain, server and number of one of MariaDB's positions, `0-1-42`.
fn gtid(position: &str) -> Option<(&str, &str, f64)> {
    let mut parts = position.trim().split('-');
    let (domain, server, number) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((domain, server, number))
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
            ("Gtid_Slave_Pos", "0-1-42,3-7-9"),
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
        assert!(text.contains("domain_id=\"3\",master_host=\"db-1\""), "{text}");
        assert!(text.contains("server_id=\"7\"} 9\n"), "{text}");
    }
}
