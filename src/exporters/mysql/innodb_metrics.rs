//! InnoDB's own counters, from `information_schema.innodb_metrics`.

use super::server::Server;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};
use crate::model::MetricType;

const COUNTER: Metric = Metric::untyped(
    "mysql_info_schema_innodb_metrics_",
    "A line of innodb_metrics: its subsystem and its name, as the server has them.",
)
.open();
const READ: Metric = Metric::counter(
    "mysql_info_schema_innodb_metrics_buffer_page_read_total",
    "Pages read into InnoDB's buffer, by type.",
)
.with(&["type"]);
const WRITTEN: Metric = Metric::counter(
    "mysql_info_schema_innodb_metrics_buffer_page_written_total",
    "Pages written from InnoDB's buffer, by type.",
)
.with(&["type"]);
const PAGES: Metric = Metric::gauge(
    "mysql_info_schema_innodb_metrics_buffer_pool_pages",
    "Pages in InnoDB's buffer, by state.",
)
.with(&["state"]);
const DIRTY: Metric = Metric::gauge(
    "mysql_info_schema_innodb_metrics_buffer_pool_dirty_pages",
    "Pages in InnoDB's buffer that are to be written.",
);

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.innodb_metrics",
    &[COUNTER, READ, WRITTEN, PAGES, DIRTY],
    Collect::Own(collect),
)
.since(5, 6);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let enabled =
            if server.version.is_maria(10, 5) { "enabled = 1" } else { "status = 'enabled'" };
        let sql = format!(
            "SELECT subsystem, name, type, count FROM information_schema.innodb_metrics \
             WHERE {enabled}"
        );
        for row in server.rows(sql).await? {
            show(&text(&row, 0), &text(&row, 1), &text(&row, 2), number(&row, 3), out);
        }
        Ok(())
    })
}

fn show(subsystem: &str, name: &str, kind: &str, value: f64, out: &mut Families) {
    let buffer = name.strip_prefix("buffer_");
    match subsystem {
        "buffer_page_io" => {
            let part = |mark| buffer.and_then(|rest| rest.strip_prefix(mark));
            if let Some(page) = part("page_read_") {
                out.put(&READ, &[page], value);
            } else if let Some(page) = part("page_written_") {
                out.put(&WRITTEN, &[page], value);
            } else {
                tracing::debug!(%name, "a counter of pages that is neither read nor written");
            }
            return;
        }
        "buffer" => match buffer.and_then(|rest| rest.strip_prefix("pool_pages_")) {
            // The sum of the states.
            Some("total") => return,
            Some("dirty") => return out.put(&DIRTY, &[], value),
            Some(state) => return out.put(&PAGES, &[state], value),
            None => {}
        },
        _ => {}
    }
    // Some servers count below zero.
    let counts = matches!(kind, "counter" | "status_counter") && value >= 0.0;
    let (kind, end) =
        if counts { (MetricType::Counter, "_total") } else { (MetricType::Gauge, "") };
    // Capital letters stay: `buffer_LRU_…`.
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let name = format!("{}{subsystem}_{name}{end}", COUNTER.name);
    out.put_dynamic(&name, kind, COUNTER.help, [], value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;

    #[test]
    fn pages_are_grouped_and_types_told() {
        let mut out = Families::default();
        for (subsystem, name, kind, value) in [
            ("buffer", "buffer_LRU_batch", "counter", 0.0),
            ("buffer", "buffer_pool_reads", "status_counter", 1.0),
            ("server", "buffer_pool_size", "value", 2.0),
            ("transaction", "trx_rseg", "counter", -1.0),
            ("buffer_page_io", "buffer_page_read_system_page", "counter", 3.0),
            ("buffer_page_io", "buffer_page_written_undo_log", "counter", 4.0),
            ("buffer_page_io", "strange", "counter", 9.0),
            ("buffer", "buffer_pool_pages_dirty", "value", 5.0),
            ("buffer", "buffer_pool_pages_data", "value", 6.0),
            ("buffer", "buffer_pool_pages_total", "value", 7.0),
        ] {
            show(subsystem, name, kind, value, &mut out);
        }
        let mut text = String::new();
        write_text(&out, &mut text);
        let prefix = "mysql_info_schema_innodb_metrics_";
        let samples: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix(prefix)).collect();
        assert_eq!(
            samples,
            [
                "buffer_buffer_LRU_batch_total 0",
                "buffer_buffer_pool_reads_total 1",
                "buffer_page_read_total{type=\"system_page\"} 3",
                "buffer_page_written_total{type=\"undo_log\"} 4",
                "buffer_pool_dirty_pages 5",
                "buffer_pool_pages{state=\"data\"} 6",
                "server_buffer_pool_size 2",
                "transaction_trx_rseg -1",
            ]
        );
        assert!(text.contains("buffer_pool_reads_total counter\n"));
        assert!(text.contains("server_buffer_pool_size gauge\n"));
    }
}
