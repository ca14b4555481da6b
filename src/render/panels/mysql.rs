//! `mysql/overview`: one MySQL or MariaDB server, as the MySQL exporter sees it.

use super::{Gauge, Library, Stat, Timeseries, entry};

pub(super) const OVERVIEW: Library = Library {
    path: "mysql/overview",
    subject: "mysql",
    panels: &[
        entry(Stat, "Reachable", "bool_yes_no", &[("mysql_up{<sel>}", "{{instance}}")])
            .limits(&[(f64::MIN, "red"), (1.0, "green")]),
        entry(Stat, "Up since", "s", &[("mysql_global_status_uptime{<sel>}", "{{instance}}")]),
        entry(
            Stat,
            "Queries",
            "qps",
            &[("rate(mysql_global_status_queries{<sel>}[$__rate_interval])", "{{instance}}")],
        ),
        entry(
            Gauge,
            "Connections in use",
            "percentunit",
            &[("mysql_global_status_threads_connected{<sel>} / mysql_global_variables_max_connections{<sel>}", "{{instance}}")],
        )
        .limits(&[(0.7, "orange"), (0.9, "red")]),
        entry(
            Timeseries,
            "Commands",
            "ops",
            &[("topk(5, rate(mysql_global_status_commands_total{<sel>}[$__rate_interval]) > 0)", "{{command}}")],
        ),
        entry(
            Timeseries,
            "Threads",
            "short",
            &[
                ("mysql_global_status_threads_connected{<sel>}", "connected"),
                ("mysql_global_status_threads_running{<sel>}", "running"),
            ],
        ),
        entry(
            Timeseries,
            "Traffic",
            "binBps",
            &[
                ("rate(mysql_global_status_bytes_received{<sel>}[$__rate_interval])", "in"),
                ("-rate(mysql_global_status_bytes_sent{<sel>}[$__rate_interval])", "out"),
            ],
        ),
        entry(
            Timeseries,
            "Slow queries",
            "ops",
            &[("rate(mysql_global_status_slow_queries{<sel>}[$__rate_interval])", "{{instance}}")],
        ),
        entry(
            Timeseries,
            "Buffer pool hit ratio",
            "percentunit",
            &[("1 - rate(mysql_global_status_innodb_buffer_pool_reads{<sel>}[$__rate_interval]) / (rate(mysql_global_status_innodb_buffer_pool_read_requests{<sel>}[$__rate_interval]) > 0)", "{{instance}}")],
        ),
        entry(
            Timeseries,
            "Aborted connections",
            "ops",
            &[
                ("rate(mysql_global_status_aborted_connects{<sel>}[$__rate_interval])", "refused"),
                ("rate(mysql_global_status_aborted_clients{<sel>}[$__rate_interval])", "cut off"),
            ],
        ),
    ],
};
