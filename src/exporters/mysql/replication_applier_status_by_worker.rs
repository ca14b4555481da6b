//! Workers that apply replicated transactions, from
//! `performance_schema.replication_applier_status_by_worker` of MySQL 8.

use super::server::Server;
use super::value::{text, timestamp};
use super::{Collect, Collecting, Collector, Families, Metric};

macro_rules! gauge {
    ($name:literal, $help:literal) => {
        Metric::gauge(concat!("mysql_perf_schema_", $name, "_timestamp_seconds"), $help)
            .with(&["channel_name", "member_id"])
    };
}

/// In the order of the columns.
const METRICS: &[Metric] = &[
    gauge!(
        "last_applied_transaction_original_commit",
        "When a worker's last transaction was committed where it began, in Unix time."
    ),
    gauge!(
        "last_applied_transaction_immediate_commit",
        "When a worker's last transaction was committed at the source next to it, in Unix time."
    ),
    gauge!(
        "last_applied_transaction_start_apply",
        "When a worker began to apply its last transaction, in Unix time."
    ),
    gauge!(
        "last_applied_transaction_end_apply",
        "When a worker had applied its last transaction, in Unix time."
    ),
    gauge!(
        "applying_transaction_original_commit",
        "When the transaction that a worker applies was committed where it began, in Unix time."
    ),
    gauge!(
        "applying_transaction_immediate_commit",
        "When the transaction that a worker applies was committed at the source next to it, in Unix time."
    ),
    gauge!(
        "applying_transaction_start_apply",
        "When a worker began to apply its transaction, in Unix time."
    ),
];

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.replication_applier_status_by_worker",
    METRICS,
    Collect::Own(collect),
)
.since(8, 0);

const SQL: &str = "SELECT channel_name, worker_id, \
                   last_applied_transaction_original_commit_timestamp, \
                   last_applied_transaction_immediate_commit_timestamp, \
                   last_applied_transaction_start_apply_timestamp, \
                   last_applied_transaction_end_apply_timestamp, \
                   applying_transaction_original_commit_timestamp, \
                   applying_transaction_immediate_commit_timestamp, \
                   applying_transaction_start_apply_timestamp \
                   FROM performance_schema.replication_applier_status_by_worker";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        for row in server.rows(SQL).await? {
            let (channel, worker) = (text(&row, 0), text(&row, 1));
            for (at, metric) in METRICS.iter().enumerate() {
                // What has not happened yet is at zero.
                let time = timestamp(&text(&row, 2 + at)).unwrap_or(0.0);
                out.put(metric, &[&channel, &worker], time);
            }
        }
        Ok(())
    })
}
