//! Compressed pages in InnoDB's buffer, from `information_schema.innodb_cmpmem`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

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

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.innodb_cmpmem",
    &[USED, FREE, MOVES, MOVE_TIME],
    Collect::Table(Table {
        sql: "SELECT page_size, buffer_pool_instance, pages_used, pages_free, relocation_ops, \
              relocation_time FROM information_schema.innodb_cmpmem",
        labels: 2,
        columns: &[
            Column::of(USED),
            Column::of(FREE),
            Column::of(MOVES),
            // As the reference has it, though the server says microseconds.
            Column::of(MOVE_TIME).per(1000.0),
        ],
    }),
)
.since(5, 5)
.on();
