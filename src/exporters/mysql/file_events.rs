//! Work on files by kind, from `performance_schema.file_summary_by_event_name`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

const LABELS: &[&str] = &["event_name", "mode"];
const EVENTS: Metric = Metric::counter(
    "mysql_perf_schema_file_events_total",
    "Operations on files so far, by event and mode.",
)
.with(LABELS);
const SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_file_events_seconds_total",
    "Time spent on files so far, by event and mode.",
)
.with(LABELS);
const BYTES: Metric = Metric::counter(
    "mysql_perf_schema_file_events_bytes_total",
    "Bytes read from and written to files so far, by event and mode.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.file_events",
    &[EVENTS, SECONDS, BYTES],
    Collect::Table(Table {
        sql: "SELECT event_name, count_read, sum_timer_read, sum_number_of_bytes_read, \
              count_write, sum_timer_write, sum_number_of_bytes_write, count_misc, sum_timer_misc \
              FROM performance_schema.file_summary_by_event_name",
        labels: 1,
        columns: &[
            Column::part(EVENTS, "read"),
            Column::part(SECONDS, "read").picoseconds(),
            Column::part(BYTES, "read"),
            Column::part(EVENTS, "write"),
            Column::part(SECONDS, "write").picoseconds(),
            Column::part(BYTES, "write"),
            Column::part(EVENTS, "misc"),
            Column::part(SECONDS, "misc").picoseconds(),
        ],
    }),
)
.since(5, 6);
