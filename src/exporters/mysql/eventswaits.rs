//! What threads wait for, from `performance_schema.events_waits_summary_global_by_event_name`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

const WAITS: Metric =
    Metric::counter("mysql_perf_schema_events_waits_total", "Waits so far, by event.")
        .with(&["event_name"]);
const SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_events_waits_seconds_total",
    "Time spent on waiting so far, by event.",
)
.with(&["event_name"]);

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.eventswaits",
    &[WAITS, SECONDS],
    Collect::Table(Table {
        sql: "SELECT event_name, count_star, sum_timer_wait \
              FROM performance_schema.events_waits_summary_global_by_event_name",
        labels: 1,
        columns: &[Column::of(WAITS), Column::of(SECONDS).picoseconds()],
    }),
)
.since(5, 5);
