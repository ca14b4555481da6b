//! Compressed pages in InnoDB's buffer, from `information_schema.innodb_cmpmem`.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use super::value::{number, text};
use super::{Collecting, Collector, Families, Metric, On};

const LABELS: &[&str] = &["page_size", "buffer_pool"];
const USED: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmpmem_pages_used_total",
    "Blocks of a size that are in use.",
)
.with(LABELS);
const FREE: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmpmem_pages_free_total",
    "Blocks of a size that are free.",
)
.with(LABELS);
const MOVES: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmpmem_relocation_ops_total",
    "How often a block of a size was moved.",
)
.with(LABELS);
const MOVE_TIME: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmpmem_relocation_time_seconds_total",
    "Time spent on moving blocks of a size.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector = Collector {
    name: "info_schema.innodb_cmpmem",
    start: On,
    metrics: &[USED, FREE, MOVES, MOVE_TIME],
    collect,
};

fn collect<'a>(connection: &'a mut Conn, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let rows: Vec<Row> = connection
            .query(
                "SELECT page_size, buffer_pool_instance, pages_used, pages_free, relocation_ops, \
                 relocation_time FROM information_schema.innodb_cmpmem",
            )
            .await?;
        for row in &rows {
            let (size, pool) = (text(row, 0), text(row, 1));
            let labels = [size.as_str(), &pool];
            out.put(&USED, &labels, number(row, 2));
            out.put(&FREE, &labels, number(row, 3));
            out.put(&MOVES, &labels, number(row, 4));
            // As the reference has it, though the server says microseconds.
            out.put(&MOVE_TIME, &labels, number(row, 5) / 1000.0);
        }
        Ok(())
    })
}
