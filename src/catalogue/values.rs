//! Labels whose values are known for good: what is not among them never comes.

/// Every value that a label of a metric can have; `None` where they are not known for sure.
pub fn known_values(metric: &str, label: &str) -> Option<&'static [&'static str]> {
    VALUES
        .iter()
        .find(|(metrics, name, _)| *name == label && metrics.contains(&metric))
        .map(|(_, _, values)| *values)
}

type Row = (&'static [&'static str], &'static str, &'static [&'static str]);

/// Metrics, label, values.
const VALUES: &[Row] = &[
    (
        &["node_cpu_seconds_total"],
        "mode",
        &["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"],
    ),
    (&["node_cpu_guest_seconds_total"], "mode", &["user", "nice"]),
    (&["ALERTS"], "alertstate", &["pending", "firing"]),
    (&["prometheus_engine_query_duration_seconds"], "quantile", &["0.5", "0.9", "0.99"]),
    (
        &["prometheus_engine_query_duration_seconds"],
        "slice",
        &["inner_eval", "prepare_time", "queue_time", "result_sort"],
    ),
    (&["alertmanager_silences"], "state", &["active", "expired", "pending"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_belong_to_a_metric_and_a_label() {
        assert!(known_values("node_cpu_seconds_total", "mode").is_some_and(|m| m.len() == 8));
        assert_eq!(known_values("node_cpu_seconds_total", "cpu"), None);
        assert_eq!(known_values("node_load1", "mode"), None);
    }
}
