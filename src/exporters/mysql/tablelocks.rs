//! Locks on tables, from `performance_schema.table_lock_waits_summary_by_table`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

const LABELS: &[&str] = &["schema", "name", "operation"];
const LOCKS: Metric = Metric::counter(
    "mysql_perf_schema_sql_lock_waits_total",
    "Waits for a table's lock in the server so far.",
)
.with(LABELS);
const LOCK_SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_sql_lock_waits_seconds_total",
    "Time spent on waiting for a table's lock in the server so far.",
)
.with(LABELS);
const EXTERNAL: Metric = Metric::counter(
    "mysql_perf_schema_external_lock_waits_total",
    "Waits for a table's lock in its engine so far.",
)
.with(LABELS);
const EXTERNAL_SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_external_lock_waits_seconds_total",
    "Time spent on waiting for a table's lock in its engine so far.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.tablelocks",
    &[LOCKS, LOCK_SECONDS, EXTERNAL, EXTERNAL_SECONDS],
    Collect::Table(Table {
        sql: "SELECT object_schema, object_name, \
              count_read_normal, count_read_with_shared_locks, count_read_high_priority, \
              count_read_no_insert, count_write_normal, count_write_allow_write, \
              count_write_concurrent_insert, count_write_low_priority, count_read_external, \
              count_write_external, sum_timer_read_normal, sum_timer_read_with_shared_locks, \
              sum_timer_read_high_priority, sum_timer_read_no_insert, \
              sum_timer_write_normal, sum_timer_write_allow_write, \
              sum_timer_write_concurrent_insert, sum_timer_write_low_priority, \
              sum_timer_read_external, sum_timer_write_external \
              FROM performance_schema.table_lock_waits_summary_by_table \
              WHERE object_schema NOT IN ('mysql', 'performance_schema', 'information_schema')",
        labels: 2,
        columns: &[
            Column::part(LOCKS, "read_normal"),
            Column::part(LOCKS, "read_with_shared_locks"),
            Column::part(LOCKS, "read_high_priority"),
            Column::part(LOCKS, "read_no_insert"),
            Column::part(LOCKS, "write_normal"),
            Column::part(LOCKS, "write_allow_write"),
            Column::part(LOCKS, "write_concurrent_insert"),
            Column::part(LOCKS, "write_low_priority"),
            Column::part(EXTERNAL, "read"),
            Column::part(EXTERNAL, "write"),
            Column::part(LOCK_SECONDS, "read_normal").picoseconds(),
            Column::part(LOCK_SECONDS, "read_with_shared_locks").picoseconds(),
            Column::part(LOCK_SECONDS, "read_high_priority").picoseconds(),
            Column::part(LOCK_SECONDS, "read_no_insert").picoseconds(),
            Column::part(LOCK_SECONDS, "write_normal").picoseconds(),
            Column::part(LOCK_SECONDS, "write_allow_write").picoseconds(),
            Column::part(LOCK_SECONDS, "write_concurrent_insert").picoseconds(),
            Column::part(LOCK_SECONDS, "write_low_priority").picoseconds(),
            Column::part(EXTERNAL_SECONDS, "read").picoseconds(),
            Column::part(EXTERNAL_SECONDS, "write").picoseconds(),
        ],
    }),
)
.since(5, 6);
