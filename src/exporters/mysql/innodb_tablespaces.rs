//! InnoDB's files, from `information_schema.innodb_tablespaces` or, as MariaDB and older MySQL name
//! it, `innodb_sys_tablespaces`.

use mysql_async::Row;

use super::server::Server;
use super::value::{column, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const INFO: Metric = Metric::gauge(
    "mysql_info_schema_innodb_tablespace_space_info",
    "Number of a tablespace, with its formats.",
)
.with(&["tablespace_name", "file_format", "row_format", "space_type"]);
const SIZE: Metric = Metric::gauge(
    "mysql_info_schema_innodb_tablespace_file_size_bytes",
    "Apparent size of a tablespace's file.",
)
.with(&["tablespace_name"]);
const ALLOCATED: Metric = Metric::gauge(
    "mysql_info_schema_innodb_tablespace_allocated_size_bytes",
    "Room that a tablespace's file takes on the disk.",
)
.with(&["tablespace_name"]);

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.innodb_tablespaces",
    &[INFO, SIZE, ALLOCATED],
    Collect::Own(collect),
)
.since(5, 7);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let new = server.version.is_mysql(8, 0, 0);
        let table = if new { "innodb_tablespaces" } else { "innodb_sys_tablespaces" };
        for row in server.rows(format!("SELECT * FROM information_schema.{table}")).await? {
            show(&row, out);
        }
        Ok(())
    })
}

/// Which columns there are depends on the server.
fn show(row: &Row, out: &mut Families) {
    let word = |name| column(row, name).map(|at| text(row, at)).filter(|word| !word.is_empty());
    let number = |name| word(name).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    let or_none = |name| word(name).unwrap_or_else(|| "NONE".to_owned());
    let space = word("NAME").unwrap_or_default();
    // MariaDB has no such column; the reference shows it as empty, not as unknown.
    let kind =
        if column(row, "SPACE_TYPE").is_some() { or_none("SPACE_TYPE") } else { String::new() };
    let labels = [space.as_str(), &or_none("FILE_FORMAT"), &or_none("ROW_FORMAT"), &kind];
    out.put(&INFO, &labels, number("SPACE"));
    out.put(&SIZE, &[&space], number("FILE_SIZE"));
    out.put(&ALLOCATED, &[&space], number("ALLOCATED_SIZE"));
}
