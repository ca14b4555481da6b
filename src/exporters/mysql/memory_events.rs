//! Memory by its purpose, from `performance_schema.memory_summary_global_by_event_name`.

use super::server::Server;
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["event_name"];
const ALLOCATED: Metric = Metric::counter(
    "mysql_perf_schema_memory_events_alloc_bytes_total",
    "Bytes allocated so far, by purpose.",
)
.with(LABELS);
const FREED: Metric = Metric::counter(
    "mysql_perf_schema_memory_events_free_bytes_total",
    "Bytes freed so far, by purpose.",
)
.with(LABELS);
const USED: Metric =
    Metric::gauge("mysql_perf_schema_memory_events_used_bytes", "Bytes in use, by purpose.")
        .with(LABELS);

const PREFIX: Setting = Setting::text(
    "collect.perf_schema.memory_events.remove_prefix",
    "memory/",
    "What is left out at the start of a purpose's name.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.memory_events", &[ALLOCATED, FREED, USED], Collect::Own(collect))
        .since(5, 7)
        .with(&[PREFIX]);

const SQL: &str = "SELECT event_name, sum_number_of_bytes_alloc, sum_number_of_bytes_free, \
                   current_number_of_bytes_used \
                   FROM performance_schema.memory_summary_global_by_event_name \
                   WHERE count_alloc > 0";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let settings = server.settings.clone();
        for row in server.rows(SQL).await? {
            let event = text(&row, 0);
            let event = event.strip_prefix(settings.of(&PREFIX)).unwrap_or(&event);
            for (at, metric) in [&ALLOCATED, &FREED, &USED].into_iter().enumerate() {
                out.put(metric, &[event], number(&row, 1 + at));
            }
        }
        Ok(())
    })
}
