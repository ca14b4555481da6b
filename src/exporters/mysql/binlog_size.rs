//! Room that the binary log takes, from `SHOW BINARY LOGS`.

use super::server::Server;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const SIZE: Metric =
    Metric::gauge("mysql_binlog_size_bytes", "Size of all files of the binary log together.");
const FILES: Metric = Metric::gauge("mysql_binlog_files", "Number of files of the binary log.");
const LAST: Metric =
    Metric::gauge("mysql_binlog_file_number", "Number in the name of the binary log's last file.");

pub(super) const COLLECTOR: Collector =
    Collector::new("binlog_size", &[SIZE, FILES, LAST], Collect::Own(collect));

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let on = server.first("SELECT @@log_bin").await?;
        if on.is_none_or(|row| number(&row, 0) == 0.0) {
            return Ok(());
        }
        let rows = server.rows("SHOW BINARY LOGS").await?;
        out.put(&SIZE, &[], rows.iter().map(|row| number(row, 1)).sum());
        out.put(&FILES, &[], rows.len() as f64);
        let last = rows.last().map(|row| text(row, 0)).unwrap_or_default();
        if let Some(number) = last.rsplit_once('.').and_then(|(_, digits)| digits.parse().ok()) {
            out.put(&LAST, &[], number);
        }
        Ok(())
    })
}
