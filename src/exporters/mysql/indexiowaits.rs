//! Use of single indexes, from `performance_schema.table_io_waits_summary_by_index_usage`.

use super::server::Server;
use super::table::PICOSECONDS;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["schema", "name", "index", "operation"];
const WAITS: Metric = Metric::counter(
    "mysql_perf_schema_index_io_waits_total",
    "Operations through an index so far.",
)
.with(LABELS);
const SECONDS: Metric = Metric::counter(
    "mysql_perf_schema_index_io_waits_seconds_total",
    "Time spent on operations through an index so far.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.indexiowaits", &[WAITS, SECONDS], Collect::Own(collect))
        .since(5, 6);

const SQL: &str = "SELECT object_schema, object_name, IFNULL(index_name, 'NONE'), count_fetch, \
                   count_insert, count_update, count_delete, sum_timer_fetch, sum_timer_insert, \
                   sum_timer_update, sum_timer_delete \
                   FROM performance_schema.table_io_waits_summary_by_index_usage \
                   WHERE object_schema NOT IN ('mysql', 'performance_schema')";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        for row in server.rows(SQL).await? {
            let (schema, table, index) = (text(&row, 0), text(&row, 1), text(&row, 2));
            for (at, operation) in ["fetch", "insert", "update", "delete"].into_iter().enumerate() {
                // Rows are not inserted through one index.
                if operation == "insert" && index != "NONE" {
                    continue;
                }
                let labels = [schema.as_str(), &table, &index, operation];
                out.put(&WAITS, &labels, number(&row, 3 + at));
                out.put(&SECONDS, &labels, number(&row, 7 + at) / PICOSECONDS);
            }
        }
        Ok(())
    })
}
