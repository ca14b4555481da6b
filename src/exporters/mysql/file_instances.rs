//! Work on single files, from `performance_schema.file_summary_by_instance`.

use super::server::{Server, quoted};
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["file_name", "event_name", "mode"];
const OPERATIONS: Metric =
    Metric::counter("mysql_perf_schema_file_instances_total", "Reads and writes of a file so far.")
        .with(LABELS);
const BYTES: Metric = Metric::counter(
    "mysql_perf_schema_file_instances_bytes",
    "Bytes read from and written to a file so far.",
)
.with(LABELS);

const FILTER: Setting = Setting::text(
    "collect.perf_schema.file_instances.filter",
    ".*",
    "Regular expression of the server that a file's name must match.",
);
const PREFIX: Setting = Setting::text(
    "collect.perf_schema.file_instances.remove_prefix",
    "/var/lib/mysql/",
    "What is left out at the start of a file's name.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.file_instances", &[OPERATIONS, BYTES], Collect::Own(collect))
        .since(5, 5)
        .with(&[FILTER, PREFIX]);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let settings = server.settings.clone();
        let sql = format!(
            "SELECT file_name, event_name, count_read, count_write, sum_number_of_bytes_read, \
             sum_number_of_bytes_write FROM performance_schema.file_summary_by_instance \
             WHERE file_name REGEXP {}",
            quoted(settings.of(&FILTER))
        );
        for row in server.rows(sql).await? {
            let (file, event) = (text(&row, 0), text(&row, 1));
            let file = file.strip_prefix(settings.of(&PREFIX)).unwrap_or(&file);
            for (at, mode) in ["read", "write"].into_iter().enumerate() {
                out.put(&OPERATIONS, &[file, &event, mode], number(&row, 2 + at));
                out.put(&BYTES, &[file, &event, mode], number(&row, 4 + at));
            }
        }
        Ok(())
    })
}
