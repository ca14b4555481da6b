//! `prometheus/overview`: the time series database itself.

use super::{Library, Stat, Table, Timeseries, entry};

pub(super) const OVERVIEW: Library = Library {
    path: "prometheus/overview",
    subject: "prometheus",
    panels: &[
        entry(Stat, "Series", "short", &[("prometheus_tsdb_head_series{<sel>}", "{{instance}}")]),
        entry(
            Stat,
            "Samples taken in",
            "cps",
            &[(
                "rate(prometheus_tsdb_head_samples_appended_total{<sel>}[$__rate_interval])",
                "{{instance}}",
            )],
        ),
        entry(Stat, "Memory", "bytes", &[("process_resident_memory_bytes{<sel>}", "{{instance}}")]),
        entry(
            Stat,
            "Up since",
            "s",
            &[("time() - process_start_time_seconds{<sel>}", "{{instance}}")],
        ),
        entry(
            Timeseries,
            "CPU",
            "percentunit",
            &[("rate(process_cpu_seconds_total{<sel>}[$__rate_interval])", "{{instance}}")],
        ),
        entry(
            Timeseries,
            "Requests",
            "reqps",
            &[(
                "sum by (handler) (rate(prometheus_http_requests_total{<sel>}[$__rate_interval]))",
                "{{handler}}",
            )],
        ),
        entry(
            Timeseries,
            "Rule evaluation",
            "s",
            &[("prometheus_rule_group_last_duration_seconds{<sel>}", "{{rule_group}}")],
        ),
        entry(
            Table,
            "Targets",
            "",
            // Every job, not this server's own alone: the matcher is met by all.
            &[("up or up{<sel>}", "")],
        ),
    ],
};
