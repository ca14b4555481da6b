//! What clients and accounts do, from `information_schema.client_statistics` and its like: MariaDB
//! and Percona Server keep them while the variable `userstat` is on.

use super::server::{CollectError, Server};
use super::value::{number, text};
use super::{Families, Metric};
use crate::model::MetricType;

/// Whether the server keeps statistics; it is nobody's fault when it does not.
pub(super) async fn kept(server: &mut Server) -> Result<bool, CollectError> {
    let sql = "SHOW GLOBAL VARIABLES WHERE variable_name IN ('userstat', 'userstat_running')";
    let row = server.first(sql).await?;
    Ok(row.is_some_and(|row| !text(&row, 1).eq_ignore_ascii_case("off")))
}

/// Shows all columns behind the first, which names whom they are about. The first of `metrics` is the
/// open one: columns that no other is for are shown under its name and their own.
pub(super) async fn show(
    server: &mut Server,
    sql: &str,
    metrics: &[Metric],
    out: &mut Families,
) -> Result<(), CollectError> {
    if !kept(server).await? {
        return Ok(());
    }
    let open = metrics[0];
    for row in server.rows(sql).await? {
        let whom = text(&row, 0);
        for (at, column) in row.columns_ref().iter().enumerate().skip(1) {
            let column = column.name_str().to_ascii_lowercase();
            let known = format!("{}{}", open.name, known_as(&column));
            match metrics[1..].iter().find(|metric| metric.name == known) {
                Some(metric) => out.put(metric, &[&whom], number(&row, at)),
                None => {
                    let name = format!("{}{column}", open.name);
                    let label = [(open.labels[0], whom.as_str())];
                    let value = number(&row, at);
                    out.put_dynamic(&name, MetricType::Unknown, open.help, label, value);
                }
            }
        }
    }
    Ok(())
}

/// `busy_time` is shown as `busy_seconds_total`.
fn known_as(column: &str) -> String {
    match column {
        "total_connections" | "concurrent_connections" => column.to_owned(),
        "busy_time" => "busy_seconds_total".to_owned(),
        "connected_time" | "cpu_time" => format!("{column}_seconds_total"),
        _ => format!("{column}_total"),
    }
}

/// The metrics of the columns that clients and accounts have in common, and further ones.
macro_rules! statistics {
    ($whom:literal $(, $name:literal, $help:literal)*) => {{
        macro_rules! metric {
            ($make:ident, $suffix:literal, $text:literal) => {
                Metric::$make(concat!("mysql_info_schema_", $whom, "_statistics_", $suffix), $text)
                    .with(&[$whom])
            };
        }
        &[
            metric!(untyped, "", "A column of the statistics that has no other name.").open(),
            metric!(counter, "total_connections", "Connections made so far."),
            metric!(gauge, "concurrent_connections", "Connections that are open at once."),
            metric!(counter, "connected_time_seconds_total", "Time connected so far."),
            metric!(counter, "busy_seconds_total", "Time spent on work so far."),
            metric!(counter, "cpu_time_seconds_total", "Processor time used so far."),
            metric!(counter, "bytes_received_total", "Bytes received so far."),
            metric!(counter, "bytes_sent_total", "Bytes sent so far."),
            metric!(counter, "binlog_bytes_written_total", "Bytes written to the binary log."),
            metric!(counter, "rows_read_total", "Rows read so far."),
            metric!(counter, "rows_sent_total", "Rows sent so far."),
            metric!(counter, "rows_deleted_total", "Rows deleted so far."),
            metric!(counter, "rows_inserted_total", "Rows inserted so far."),
            metric!(counter, "rows_fetched_total", "Rows fetched so far."),
            metric!(counter, "rows_updated_total", "Rows updated so far."),
            metric!(counter, "table_rows_read_total", "Rows read from tables so far."),
            metric!(counter, "select_commands_total", "SELECT statements so far."),
            metric!(counter, "update_commands_total", "UPDATE statements so far."),
            metric!(counter, "other_commands_total", "Other statements so far."),
            metric!(counter, "commit_transactions_total", "Transactions committed so far."),
            metric!(counter, "rollback_transactions_total", "Transactions rolled back so far."),
            metric!(counter, "denied_connections_total", "Connections refused so far."),
            metric!(counter, "lost_connections_total", "Connections that ended uncleanly."),
            metric!(counter, "access_denied_total", "Statements refused so far."),
            metric!(counter, "empty_queries_total", "Empty answers so far."),
            metric!(counter, "total_ssl_connections_total", "Encrypted connections so far."),
            $(metric!(counter, $name, $help),)*
        ]
    }};
}
pub(super) use statistics;
