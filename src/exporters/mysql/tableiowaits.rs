//! Use of tables, from `performance_schema.table_io_waits_summary_by_table`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

const LABELS: &[&str] = &["schema", "name", "operation"];
const WAITS: Metric =
    Metric::counter("mysql_perf_schema_table_io_waits_total", "Operations on a table so far.")
        .with(LABELS);
const SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_table_io_waits_seconds_total",
    "Time spent on operations on a table so far.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.tableiowaits",
    &[WAITS, SECONDS],
    Collect::Table(Table {
        sql: "SELECT object_schema, object_name, count_fetch, count_insert, count_update, \
              count_delete, sum_timer_fetch, sum_timer_insert, sum_timer_update, sum_timer_delete \
              FROM performance_schema.table_io_waits_summary_by_table \
              WHERE object_schema NOT IN ('mysql', 'performance_schema')",
        labels: 2,
        columns: &[
            Column::part(WAITS, "fetch"),
            Column::part(WAITS, "insert"),
            Column::part(WAITS, "update"),
            Column::part(WAITS, "delete"),
            Column::part(SECONDS, "fetch").picoseconds(),
            Column::part(SECONDS, "insert").picoseconds(),
            Column::part(SECONDS, "update").picoseconds(),
            Column::part(SECONDS, "delete").picoseconds(),
        ],
    }),
)
.since(5, 6);
