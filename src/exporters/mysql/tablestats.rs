//! What happens to the rows of tables, from `information_schema.table_statistics`.

use super::server::Server;
use super::statistics::kept;
use super::table::{self, Column};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["schema", "table"];
const READ: Metric = Metric::counter(
    "mysql_info_schema_table_statistics_rows_read_total",
    "Rows read from a table.",
)
.with(LABELS);
const CHANGED: Metric = Metric::counter(
    "mysql_info_schema_table_statistics_rows_changed_total",
    "Rows changed in a table.",
)
.with(LABELS);
const INDEXED: Metric = Metric::counter(
    "mysql_info_schema_table_statistics_rows_changed_x_indexes_total",
    "Rows changed in a table, each as often as indexes changed with it.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector =
    Collector::new("info_schema.tablestats", &[READ, CHANGED, INDEXED], Collect::Own(collect));

const SQL: &str = "SELECT table_schema, table_name, rows_read, rows_changed, \
                   rows_changed_x_indexes FROM information_schema.table_statistics";
const COLUMNS: &[Column] = &[Column::of(READ), Column::of(CHANGED), Column::of(INDEXED)];

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        if kept(server).await? {
            table::show(&server.rows(SQL).await?, LABELS.len(), COLUMNS, out);
        }
        Ok(())
    })
}
