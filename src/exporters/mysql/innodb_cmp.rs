//! Compression of InnoDB pages, from `information_schema.innodb_cmp`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

const SIZE: &[&str] = &["page_size"];
const COMPRESS: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmp_compress_ops_total",
    "Attempts to compress a page of a size.",
)
.with(SIZE);
const COMPRESS_OK: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmp_compress_ops_ok_total",
    "Attempts to compress a page of a size that succeeded.",
)
.with(SIZE);
const COMPRESS_TIME: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmp_compress_time_seconds_total",
    "Time spent on compressing pages of a size.",
)
.with(SIZE);
const UNCOMPRESS: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmp_uncompress_ops_total",
    "Pages of a size that were expanded.",
)
.with(SIZE);
const UNCOMPRESS_TIME: Metric = Metric::counter(
    "mysql_info_schema_innodb_cmp_uncompress_time_seconds_total",
    "Time spent on expanding pages of a size.",
)
.with(SIZE);

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.innodb_cmp",
    &[COMPRESS, COMPRESS_OK, COMPRESS_TIME, UNCOMPRESS, UNCOMPRESS_TIME],
    Collect::Table(Table {
        sql: "SELECT page_size, compress_ops, compress_ops_ok, compress_time, uncompress_ops, \
              uncompress_time FROM information_schema.innodb_cmp",
        labels: 1,
        columns: &[
            Column::of(COMPRESS),
            Column::of(COMPRESS_OK),
            Column::of(COMPRESS_TIME),
            Column::of(UNCOMPRESS),
            Column::of(UNCOMPRESS_TIME),
        ],
    }),
)
.since(5, 5)
.on();
