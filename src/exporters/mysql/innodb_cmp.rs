//! Compression of InnoDB pages, from `information_schema.innodb_cmp`.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use super::value::{number, text};
use super::{Collecting, Collector, Families, Metric, On};

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

pub(super) const COLLECTOR: Collector = Collector {
    name: "info_schema.innodb_cmp",
    start: On,
    metrics: &[COMPRESS, COMPRESS_OK, COMPRESS_TIME, UNCOMPRESS, UNCOMPRESS_TIME],
    collect,
};

fn collect<'a>(connection: &'a mut Conn, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let rows: Vec<Row> = connection
            .query(
                "SELECT page_size, compress_ops, compress_ops_ok, compress_time, uncompress_ops, \
                 uncompress_time FROM information_schema.innodb_cmp",
            )
            .await?;
        for row in &rows {
            let size = text(row, 0);
            for (column, metric) in COLLECTOR.metrics.iter().enumerate() {
                out.put(metric, &[&size], number(row, column + 1));
            }
        }
        Ok(())
    })
}
