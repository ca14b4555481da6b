//! This member of a replication group, from `performance_schema.replication_group_member_stats`.

use super::server::Server;
use super::value::{column, number};
use super::{Collect, Collecting, Collector, Families, Metric};

macro_rules! metric {
    ($kind:ident, $name:literal, $help:literal) => {
        Metric::$kind(concat!("mysql_perf_schema_", $name), $help)
    };
}

const METRICS: &[Metric] = &[
    metric!(gauge, "transactions_in_queue", "Transactions that wait for the check for conflicts."),
    metric!(counter, "transactions_checked_total", "Transactions checked for conflicts so far."),
    metric!(counter, "conflicts_detected_total", "Transactions with a conflict so far."),
    metric!(
        counter,
        "transactions_rows_validating_total",
        "Rows that transactions are checked against."
    ),
    metric!(
        gauge,
        "transactions_remote_in_applier_queue",
        "Transactions of the group that wait to be applied."
    ),
    metric!(
        counter,
        "transactions_remote_applied_total",
        "Transactions of the group applied so far."
    ),
    metric!(
        counter,
        "transactions_local_proposed_total",
        "Transactions of this member sent to the group so far."
    ),
    metric!(
        counter,
        "transactions_local_rollback_total",
        "Transactions of this member that the group rolled back so far."
    ),
];

/// Columns in the order of the metrics; MySQL 5.7 has the first four.
const COLUMNS: [&str; METRICS.len()] = [
    "count_transactions_in_queue",
    "count_transactions_checked",
    "count_conflicts_detected",
    "count_transactions_rows_validating",
    "count_transactions_remote_in_applier_queue",
    "count_transactions_remote_applied",
    "count_transactions_local_proposed",
    "count_transactions_local_rollback",
];

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.replication_group_member_stats", METRICS, Collect::Own(collect))
        .since(5, 7);

const SQL: &str = "SELECT * FROM performance_schema.replication_group_member_stats \
                   WHERE member_id = @@server_uuid";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        for row in server.rows(SQL).await? {
            for (metric, name) in METRICS.iter().zip(COLUMNS) {
                if let Some(at) = column(&row, name) {
                    out.put(metric, &[], number(&row, at));
                }
            }
        }
        Ok(())
    })
}
