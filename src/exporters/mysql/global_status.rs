//! The server's counters, from `SHOW GLOBAL STATUS`.

use std::collections::BTreeMap;

use super::server::Server;
use super::value::{metric_name, parse, text};
use super::{Collect, Collecting, Collector, Families, Metric};
use crate::model::MetricType;

const STATUS: Metric = Metric::untyped(
    "mysql_global_status_",
    "A line of SHOW GLOBAL STATUS, as the server names it.",
)
.open();
const COMMANDS: Metric =
    Metric::counter("mysql_global_status_commands_total", "Statements run, by command.")
        .with(&["command"]);
const HANDLERS: Metric = Metric::counter(
    "mysql_global_status_handlers_total",
    "Requests to the storage engines, by kind.",
)
.with(&["handler"]);
const CONNECTION_ERRORS: Metric = Metric::counter(
    "mysql_global_status_connection_errors_total",
    "Connections that were not made, by reason.",
)
.with(&["error"]);
const POOL_PAGES: Metric =
    Metric::gauge("mysql_global_status_buffer_pool_pages", "Pages in InnoDB's buffer, by state.")
        .with(&["state"]);
const POOL_DIRTY: Metric = Metric::gauge(
    "mysql_global_status_buffer_pool_dirty_pages",
    "Pages in InnoDB's buffer that are to be written.",
);
const POOL_CHANGES: Metric = Metric::counter(
    "mysql_global_status_buffer_pool_page_changes_total",
    "Changes of pages in InnoDB's buffer, by kind.",
)
.with(&["operation"]);
const ROWS: Metric = Metric::counter(
    "mysql_global_status_innodb_row_ops_total",
    "Rows that InnoDB read or changed, by operation.",
)
.with(&["operation"]);
const LOST: Metric = Metric::counter(
    "mysql_global_status_performance_schema_lost_total",
    "Instruments the performance schema had no room for.",
)
.with(&["instrumentation"]);
const GALERA: Metric =
    Metric::gauge("mysql_galera_status_info", "State and provider of a Galera node; always 1.")
        .with(&["wsrep_local_state_uuid", "wsrep_cluster_state_uuid", "wsrep_provider_version"]);
const LATENCY_MIN: Metric = Metric::gauge(
    "mysql_galera_evs_repl_latency_min_seconds",
    "Shortest time a message took in a Galera cluster.",
);
const LATENCY_AVG: Metric = Metric::gauge(
    "mysql_galera_evs_repl_latency_avg_seconds",
    "Mean time a message took in a Galera cluster.",
);
const LATENCY_MAX: Metric = Metric::gauge(
    "mysql_galera_evs_repl_latency_max_seconds",
    "Longest time a message took in a Galera cluster.",
);
const LATENCY_DEVIATION: Metric = Metric::gauge(
    "mysql_galera_evs_repl_latency_stdev",
    "Standard deviation of the time messages took in a Galera cluster.",
);
const LATENCY_SAMPLES: Metric = Metric::gauge(
    "mysql_galera_evs_repl_latency_sample_size",
    "Messages the times in a Galera cluster were taken from.",
);

pub(super) const COLLECTOR: Collector = Collector::new(
    "global_status",
    &[
        STATUS,
        COMMANDS,
        HANDLERS,
        CONNECTION_ERRORS,
        POOL_PAGES,
        POOL_DIRTY,
        POOL_CHANGES,
        ROWS,
        LOST,
        GALERA,
        LATENCY_MIN,
        LATENCY_AVG,
        LATENCY_MAX,
        LATENCY_DEVIATION,
        LATENCY_SAMPLES,
    ],
    Collect::Own(collect),
)
.on();

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let rows = server.rows("SHOW GLOBAL STATUS").await?;
        let lines = rows.iter().map(|row| (text(row, 0).to_ascii_lowercase(), text(row, 1)));
        show(lines, out);
        Ok(())
    })
}

fn show(lines: impl Iterator<Item = (String, String)>, out: &mut Families) {
    let mut words: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines {
        match parse(&value) {
            Some(value) => number(&name, value, out),
            None => drop(words.insert(name, value)),
        }
    }
    let word = |name: &str| words.get(name).map_or("", String::as_str);
    if !word("wsrep_local_state_uuid").is_empty() {
        let values = [
            word("wsrep_local_state_uuid"),
            word("wsrep_cluster_state_uuid"),
            word("wsrep_provider_version"),
        ];
        out.put(&GALERA, &values, 1.0);
    }
    // min/avg/max/deviation/samples
    let latencies: Option<Vec<f64>> =
        word("wsrep_evs_repl_latency").split('/').map(|value| value.trim().parse().ok()).collect();
    if let Some(values) = latencies.filter(|values| values.len() == 5) {
        let metrics =
            [&LATENCY_MIN, &LATENCY_AVG, &LATENCY_MAX, &LATENCY_DEVIATION, &LATENCY_SAMPLES];
        for (metric, value) in metrics.into_iter().zip(values) {
            out.put(metric, &[], value);
        }
    }
}

/// Some lines are one family with a label: what follows the prefix.
fn number(name: &str, value: f64, out: &mut Families) {
    let grouped = [
        ("com_", &COMMANDS),
        ("handler_", &HANDLERS),
        ("connection_errors_", &CONNECTION_ERRORS),
        ("innodb_rows_", &ROWS),
        ("performance_schema_", &LOST),
    ];
    for (prefix, metric) in grouped {
        if let Some(rest) = name.strip_prefix(prefix) {
            out.put(metric, &[rest], value);
            return;
        }
    }
    match name.strip_prefix("innodb_buffer_pool_pages_") {
        Some(state @ ("data" | "free" | "misc" | "old")) => out.put(&POOL_PAGES, &[state], value),
        Some("dirty") => out.put(&POOL_DIRTY, &[], value),
        // The sum of the states.
        Some("total") => {}
        Some(operation) => out.put(&POOL_CHANGES, &[operation], value),
        None => {
            let name = metric_name(STATUS.name, name);
            out.put_dynamic(&name, MetricType::Unknown, STATUS.help, [], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;

    #[test]
    fn lines_are_grouped_and_words_are_left_out() {
        let lines = [
            ("com_select", "5"),
            ("innodb_buffer_pool_pages_data", "301"),
            ("innodb_buffer_pool_pages_total", "8192"),
            ("innodb_buffer_pool_pages_flushed", "7"),
            ("threads_running", "2"),
            ("compression", "OFF"),
            ("rpl_status", "AUTH_MASTER"),
            ("wsrep_local_state_uuid", "6c06"),
            ("wsrep_evs_repl_latency", "0.1/0.2/0.3/0.05/9"),
        ];
        let mut out = Families::default();
        show(lines.iter().map(|(name, value)| ((*name).into(), (*value).into())), &mut out);
        let mut text = String::new();
        write_text(&out, &mut text);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "mysql_galera_evs_repl_latency_avg_seconds 0.2",
                "mysql_galera_evs_repl_latency_max_seconds 0.3",
                "mysql_galera_evs_repl_latency_min_seconds 0.1",
                "mysql_galera_evs_repl_latency_sample_size 9",
                "mysql_galera_evs_repl_latency_stdev 0.05",
                "mysql_galera_status_info{wsrep_cluster_state_uuid=\"\",\
                 wsrep_local_state_uuid=\"6c06\",wsrep_provider_version=\"\"} 1",
                "mysql_global_status_buffer_pool_page_changes_total{operation=\"flushed\"} 7",
                "mysql_global_status_buffer_pool_pages{state=\"data\"} 301",
                "mysql_global_status_commands_total{command=\"select\"} 5",
                "mysql_global_status_compression 0",
                "mysql_global_status_threads_running 2",
            ]
        );
    }
}
