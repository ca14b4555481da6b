//! Statements by digest, from `performance_schema.events_statements_summary_by_digest`.

use mysql_async::Row;

use super::server::Server;
use super::settings::Setting;
use super::table::{self, Column, PICOSECONDS};
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};
use crate::model::MetricType;

const LABELS: &[&str] = &["schema", "digest", "digest_text"];

macro_rules! counter {
    ($name:literal, $help:literal) => {
        Metric::counter(concat!("mysql_perf_schema_events_statements_", $name), $help).with(LABELS)
    };
}

const STATEMENTS: Metric = counter!("total", "Statements so far, by digest.");
const SECONDS: Metric = counter!("seconds_total", "Time that statements took so far, by digest.");
const LOCKED: Metric =
    counter!("lock_time_seconds_total", "Time that statements waited for locks so far, by digest.");
const ERRORS: Metric = counter!("errors_total", "Statements that failed so far, by digest.");
const WARNINGS: Metric = counter!("warnings_total", "Warnings of statements so far, by digest.");
const AFFECTED: Metric =
    counter!("rows_affected_total", "Rows that statements changed so far, by digest.");
const SENT: Metric =
    counter!("rows_sent_total", "Rows that statements answered so far, by digest.");
const EXAMINED: Metric =
    counter!("rows_examined_total", "Rows that statements looked at so far, by digest.");
const TEMPORARY: Metric =
    counter!("tmp_tables_total", "Temporary tables of statements so far, by digest.");
const ON_DISK: Metric = counter!(
    "tmp_disk_tables_total",
    "Temporary tables on the disk of statements so far, by digest."
);
const MERGES: Metric =
    counter!("sort_merge_passes_total", "Passes that sorting took so far, by digest.");
const SORTED: Metric = counter!("sort_rows_total", "Rows sorted so far, by digest.");
const UNINDEXED: Metric =
    counter!("no_index_used_total", "Statements that used no index so far, by digest.");
const CPU: Metric = counter!(
    "cpu_time_seconds_total",
    "Processor time that statements took so far, by digest; MySQL since 8.0.28."
);
const LATENCY: Metric = Metric {
    kind: MetricType::Summary,
    ..counter!("latency", "How long statements take, by digest; quantiles from MySQL since 8.0.28.")
};

const LIMIT: Setting = Setting::number(
    "collect.perf_schema.eventsstatements.limit",
    "250",
    "How many digests are shown, those that took longest first.",
);
const TIME_LIMIT: Setting = Setting::number(
    "collect.perf_schema.eventsstatements.timelimit",
    "86400",
    "Seconds since a digest was last seen; older ones are not shown.",
);
const TEXT_LIMIT: Setting = Setting::number(
    "collect.perf_schema.eventsstatements.digest_text_limit",
    "120",
    "Longest text of a digest, in characters.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.eventsstatements", METRICS, Collect::Own(collect))
        .since(5, 6)
        .with(&[LIMIT, TIME_LIMIT, TEXT_LIMIT]);

const METRICS: &[Metric] = &[
    STATEMENTS, SECONDS, LOCKED, ERRORS, WARNINGS, AFFECTED, SENT, EXAMINED, TEMPORARY, ON_DISK,
    MERGES, SORTED, UNINDEXED, CPU, LATENCY,
];
const COLUMNS: &[Column] = &[
    Column::of(STATEMENTS),
    Column::of(SECONDS).picoseconds(),
    Column::of(LOCKED).picoseconds(),
    Column::of(ERRORS),
    Column::of(WARNINGS),
    Column::of(AFFECTED),
    Column::of(SENT),
    Column::of(EXAMINED),
    Column::of(TEMPORARY),
    Column::of(ON_DISK),
    Column::of(MERGES),
    Column::of(SORTED),
    Column::of(UNINDEXED),
    Column::of(CPU).picoseconds(),
];

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        // Others do not measure these; the reference shows zeros then.
        let measured = if server.version.is_mysql(8, 0, 28) {
            "sum_cpu_time, quantile_95, quantile_99, quantile_999"
        } else {
            "0, 0, 0, 0"
        };
        let settings = &server.settings;
        let sql = format!(
            "SELECT IFNULL(schema_name, 'NONE'), digest, LEFT(digest_text, {}), count_star, \
             sum_timer_wait, sum_lock_time, sum_errors, sum_warnings, sum_rows_affected, \
             sum_rows_sent, sum_rows_examined, sum_created_tmp_tables, \
             sum_created_tmp_disk_tables, sum_sort_merge_passes, sum_sort_rows, \
             sum_no_index_used, {measured} \
             FROM performance_schema.events_statements_summary_by_digest \
             WHERE schema_name NOT IN ('mysql', 'performance_schema', 'information_schema') \
             AND last_seen > DATE_SUB(NOW(), INTERVAL {} SECOND) \
             ORDER BY sum_timer_wait DESC LIMIT {}",
            settings.of(&TEXT_LIMIT),
            settings.of(&TIME_LIMIT),
            settings.of(&LIMIT),
        );
        let rows = server.rows(sql).await?;
        table::show(&rows, LABELS.len(), COLUMNS, out);
        for row in &rows {
            latency(row, out);
        }
        Ok(())
    })
}

/// The quantiles are labelled as the reference does.
fn latency(row: &Row, out: &mut Families) {
    let words: Vec<String> = (0..LABELS.len()).map(|at| text(row, at)).collect();
    let mut put = |suffix, quantile: Option<&str>, value| {
        let labels = LABELS.iter().copied().zip(words.iter().map(String::as_str));
        let labels = labels.chain(quantile.map(|quantile| ("quantile", quantile)));
        out.put_part(LATENCY.name, LATENCY.kind, LATENCY.help, suffix, labels, value);
    };
    let first = LABELS.len() + COLUMNS.len();
    for (at, quantile) in ["95", "99", "999"].into_iter().enumerate() {
        put("", Some(quantile), number(row, first + at) / PICOSECONDS);
    }
    put("_sum", None, number(row, LABELS.len() + 1) / PICOSECONDS);
    put("_count", None, number(row, LABELS.len()));
}
