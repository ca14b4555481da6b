//! All statements together, from `performance_schema.events_statements_summary_by_digest`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

macro_rules! counter {
    ($name:literal, $help:literal) => {
        Metric::counter(concat!("mysql_perf_schema_events_statements_sum_", $name), $help)
    };
}

const STATEMENTS: Metric = counter!("total", "Statements so far.");
const ON_DISK: Metric = counter!("created_tmp_disk_tables", "Temporary tables on the disk so far.");
const TEMPORARY: Metric = counter!("created_tmp_tables", "Temporary tables so far.");
const ERRORS: Metric = counter!("errors", "Statements that failed so far.");
const LOCKED: Metric =
    counter!("lock_time", "Time that statements waited for locks so far, in picoseconds.");
const BADLY_INDEXED: Metric =
    counter!("no_good_index_used", "Statements that found no good index so far.");
const UNINDEXED: Metric = counter!("no_index_used", "Statements that used no index so far.");
const AFFECTED: Metric = counter!("rows_affected", "Rows that statements changed so far.");
const EXAMINED: Metric = counter!("rows_examined", "Rows that statements looked at so far.");
const SENT: Metric = counter!("rows_sent", "Rows that statements answered so far.");
const FULL_JOINS: Metric = counter!("select_full_join", "Joins without an index so far.");
const RANGE_JOINS: Metric =
    counter!("select_full_range_join", "Joins with a range search of the first table so far.");
const RANGES: Metric = counter!("select_range", "Joins with a range of the first table so far.");
const RANGE_CHECKS: Metric =
    counter!("select_range_check", "Joins that looked for an index at each row so far.");
const SCANS: Metric = counter!("select_scan", "Joins with a full scan of the first table so far.");
const MERGES: Metric = counter!("sort_merge_passes", "Passes that sorting took so far.");
const SORTED_RANGES: Metric = counter!("sort_range", "Sorts of a range so far.");
const SORTED: Metric = counter!("sort_rows", "Rows sorted so far.");
const SORTED_SCANS: Metric = counter!("sort_scan", "Sorts of a whole table so far.");
const SECONDS: Metric = counter!("timer_wait", "Time that statements took so far, in seconds.");
const WARNINGS: Metric = counter!("warnings", "Warnings of statements so far.");

pub(super) const COLLECTOR: Collector = Collector::new(
    "perf_schema.eventsstatementssum",
    &[
        STATEMENTS,
        ON_DISK,
        TEMPORARY,
        ERRORS,
        LOCKED,
        BADLY_INDEXED,
        UNINDEXED,
        AFFECTED,
        EXAMINED,
        SENT,
        FULL_JOINS,
        RANGE_JOINS,
        RANGES,
        RANGE_CHECKS,
        SCANS,
        MERGES,
        SORTED_RANGES,
        SORTED,
        SORTED_SCANS,
        SECONDS,
        WARNINGS,
    ],
    Collect::Table(Table { sql: SQL, labels: 0, columns: COLUMNS }),
)
.since(5, 7);

const SQL: &str = "SELECT SUM(count_star), SUM(sum_created_tmp_disk_tables), \
                   SUM(sum_created_tmp_tables), SUM(sum_errors), SUM(sum_lock_time), \
                   SUM(sum_no_good_index_used), SUM(sum_no_index_used), SUM(sum_rows_affected), \
                   SUM(sum_rows_examined), SUM(sum_rows_sent), SUM(sum_select_full_join), \
                   SUM(sum_select_full_range_join), SUM(sum_select_range), \
                   SUM(sum_select_range_check), SUM(sum_select_scan), SUM(sum_sort_merge_passes), \
                   SUM(sum_sort_range), SUM(sum_sort_rows), SUM(sum_sort_scan), \
                   SUM(sum_timer_wait), SUM(sum_warnings) FROM \
                   performance_schema.events_statements_summary_by_digest";
const COLUMNS: &[Column] = &[
    Column::of(STATEMENTS),
    Column::of(ON_DISK),
    Column::of(TEMPORARY),
    Column::of(ERRORS),
    Column::of(LOCKED),
    Column::of(BADLY_INDEXED),
    Column::of(UNINDEXED),
    Column::of(AFFECTED),
    Column::of(EXAMINED),
    Column::of(SENT),
    Column::of(FULL_JOINS),
    Column::of(RANGE_JOINS),
    Column::of(RANGES),
    Column::of(RANGE_CHECKS),
    Column::of(SCANS),
    Column::of(MERGES),
    Column::of(SORTED_RANGES),
    Column::of(SORTED),
    Column::of(SORTED_SCANS),
    Column::of(SECONDS).picoseconds(),
    Column::of(WARNINGS),
];
