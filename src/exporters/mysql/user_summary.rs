//! What accounts do, from the view `sys.x$user_summary`.

use super::table::{Column, Table};
use super::{Collect, Collector, Metric};

macro_rules! metric {
    ($kind:ident, $name:literal, $help:literal) => {
        Metric::$kind(concat!("mysql_sys_", $name), $help).with(&["user"])
    };
}

const STATEMENTS: Metric = metric!(counter, "statements_total", "Statements of an account so far.");
const LATENCY: Metric = metric!(
    counter,
    "statement_latency",
    "Time that an account's statements took so far, in seconds."
);
const SCANS: Metric =
    metric!(counter, "table_scans_total", "Full scans of tables by an account so far.");
const FILE_IOS: Metric =
    metric!(counter, "file_ios_total", "Operations on files by an account so far.");
const FILE_SECONDS: Metric =
    metric!(counter, "file_io_seconds_total", "Time spent on files by an account so far.");
const CONNECTIONS: Metric = metric!(gauge, "current_connections", "Connections of an account.");
const CONNECTIONS_TOTAL: Metric =
    metric!(counter, "connections_total", "Connections of an account so far.");
const HOSTS: Metric =
    metric!(counter, "unique_hosts_total", "Hosts that an account connected from so far.");
const MEMORY: Metric =
    metric!(gauge, "current_memory_bytes", "Memory that is allocated for an account.");
const MEMORY_TOTAL: Metric =
    metric!(counter, "memory_allocated_bytes_total", "Memory allocated for an account so far.");

pub(super) const COLLECTOR: Collector = Collector::new(
    "sys.user_summary",
    &[
        STATEMENTS,
        LATENCY,
        SCANS,
        FILE_IOS,
        FILE_SECONDS,
        CONNECTIONS,
        CONNECTIONS_TOTAL,
        HOSTS,
        MEMORY,
        MEMORY_TOTAL,
    ],
    Collect::Table(Table {
        sql: "SELECT user, statements, statement_latency, table_scans, file_ios, file_io_latency, \
              current_connections, total_connections, unique_hosts, current_memory, \
              total_memory_allocated FROM sys.x$user_summary",
        labels: 1,
        columns: &[
            Column::of(STATEMENTS),
            Column::of(LATENCY).picoseconds(),
            Column::of(SCANS),
            Column::of(FILE_IOS),
            Column::of(FILE_SECONDS).picoseconds(),
            Column::of(CONNECTIONS),
            Column::of(CONNECTIONS_TOTAL),
            Column::of(HOSTS),
            Column::of(MEMORY),
            Column::of(MEMORY_TOTAL),
        ],
    }),
)
.since(5, 7);
