//! What the parts of a stack say about themselves, as the reference programs name it.
//!
//! Their lists grow with every version, so each part has names that are known with kind and labels,
//! and beginnings of names that more may exist of. Our own programs expose some of the same names.

use super::Metric;

/// What a part says about itself.
#[derive(Debug, Clone, Copy)]
pub struct PartMetrics {
    /// What is known by name; the labels are all that some version has.
    pub metrics: &'static [Metric],
    /// Beginnings of names that further metrics may have.
    pub open: &'static [&'static str],
}

/// Every Go program, and the process around it.
pub const PROCESS: &[Metric] = &[
    Metric::counter("process_cpu_seconds_total", "CPU time the process has used, in seconds."),
    Metric::gauge("process_open_fds", "File descriptors open right now."),
    Metric::gauge("process_max_fds", "File descriptors the process may have open."),
    Metric::gauge("process_virtual_memory_bytes", "Size of the address space."),
    Metric::gauge("process_virtual_memory_max_bytes", "Largest address space allowed."),
    Metric::gauge("process_resident_memory_bytes", "Memory of the process that is in RAM."),
    Metric::gauge("process_start_time_seconds", "When the process started, in Unix time."),
    Metric::counter("process_network_receive_bytes_total", "Bytes received."),
    Metric::counter("process_network_transmit_bytes_total", "Bytes sent."),
    Metric::gauge("go_goroutines", "Goroutines that exist right now."),
    Metric::gauge("go_threads", "Threads of the operating system that were made."),
    Metric::gauge("go_info", "Version of Go; always 1.").with(&["version"]),
    Metric::summary("go_gc_duration_seconds", "Pauses of garbage collection."),
    Metric::gauge("go_memstats_alloc_bytes", "Bytes in use on the heap."),
    Metric::counter("go_memstats_alloc_bytes_total", "Bytes ever allocated on the heap."),
    Metric::gauge("go_memstats_heap_alloc_bytes", "Bytes in use on the heap."),
    Metric::gauge("go_memstats_heap_inuse_bytes", "Bytes of heap spans in use."),
    Metric::gauge("go_memstats_heap_idle_bytes", "Bytes of heap spans that wait to be used."),
    Metric::gauge("go_memstats_heap_objects", "Objects on the heap."),
    Metric::gauge("go_memstats_heap_sys_bytes", "Bytes of heap taken from the system."),
    Metric::gauge("go_memstats_sys_bytes", "Bytes taken from the system."),
    Metric::gauge("go_memstats_next_gc_bytes", "Size of the heap at which collection begins."),
    Metric::gauge("go_memstats_stack_inuse_bytes", "Bytes of stacks in use."),
    Metric::gauge("go_memstats_last_gc_time_seconds", "When the last collection ended."),
    Metric::counter("go_memstats_mallocs_total", "Objects ever allocated."),
    Metric::counter("go_memstats_frees_total", "Objects ever freed."),
    Metric::counter("promhttp_metric_handler_requests_total", "Scrapes answered, by status.")
        .with(&["code"]),
    Metric::gauge("promhttp_metric_handler_requests_in_flight", "Scrapes being answered."),
    Metric::counter("promhttp_metric_handler_errors_total", "Scrapes that met an error.")
        .with(&["cause"]),
];

/// Beginnings of what client libraries of several languages add to a page by themselves.
pub const LIBRARIES: &[&str] =
    &["go_", "process_", "promhttp_", "python_", "nodejs_", "jvm_", "dotnet_", "ruby_", "php_"];

const HANDLER: &[&str] = &["handler"];
const GROUP: &[&str] = &["rule_group"];
const SENT_TO: &[&str] = &["alertmanager"];
const QUEUE: &[&str] = &["remote_name", "url"];

/// Stores that Prometheus writes to; nothing but the beginnings is known.
pub const STORES: PartMetrics = PartMetrics {
    metrics: &[],
    open: &[
        "vm_",
        "vmui_",
        "flag",
        "cortex_",
        "mimir_",
        "memberlist_",
        "ring_",
        "thanos_",
        "grpc_",
        "http_",
        "prometheus_",
        "objstore_",
        "deprecated_",
        "process_",
        "go_",
        "rest_",
        "jaeger_",
        "gogc_",
        "build_info",
        "tcp_",
        "request_",
        "loki_",
        "net_",
    ],
};

/// Prometheus.
pub const PROMETHEUS: PartMetrics = PartMetrics {
    metrics: &[
        Metric::gauge("prometheus_build_info", "Version; always 1.").with(&[
            "branch",
            "goarch",
            "goos",
            "goversion",
            "revision",
            "tags",
            "version",
        ]),
        Metric::gauge("prometheus_ready", "1 once queries are answered."),
        Metric::gauge("prometheus_config_last_reload_successful", "1 if the last reload worked."),
        Metric::gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was loaded.",
        ),
        Metric::gauge("prometheus_engine_queries", "Queries that run now."),
        Metric::gauge("prometheus_engine_queries_concurrent_max", "Most queries at once."),
        Metric::summary("prometheus_engine_query_duration_seconds", "Time that queries took.")
            .with(&["slice"]),
        Metric::histogram(
            "prometheus_engine_query_duration_histogram_seconds",
            "Time that queries took.",
        )
        .with(&["slice"]),
        Metric::counter("prometheus_engine_query_samples_total", "Samples looked at."),
        Metric::gauge("prometheus_engine_query_log_enabled", "Whether queries are logged."),
        Metric::counter("prometheus_engine_query_log_failures_total", "Lines not logged."),
        Metric::counter("prometheus_http_requests_total", "Requests answered.")
            .with(&["code", "handler"]),
        Metric::histogram("prometheus_http_request_duration_seconds", "Time of requests.")
            .with(HANDLER),
        Metric::histogram("prometheus_http_response_size_bytes", "Sizes of answers.").with(HANDLER),
        Metric::gauge(
            "prometheus_notifications_alertmanagers_discovered",
            "Alertmanagers that alerts are sent to.",
        ),
        Metric::counter("prometheus_notifications_dropped_total", "Alerts that were lost.")
            .with(SENT_TO),
        Metric::counter("prometheus_notifications_errors_total", "Alerts that were not taken.")
            .with(SENT_TO),
        Metric::counter("prometheus_notifications_sent_total", "Alerts that were sent.")
            .with(SENT_TO),
        Metric::summary("prometheus_notifications_latency_seconds", "Time of sending.")
            .with(SENT_TO),
        Metric::histogram("prometheus_notifications_latency_histogram_seconds", "Time of sending.")
            .with(SENT_TO),
        Metric::gauge("prometheus_notifications_queue_capacity", "Alerts that may wait.")
            .with(SENT_TO),
        Metric::gauge("prometheus_notifications_queue_length", "Alerts that wait.").with(SENT_TO),
        Metric::counter("prometheus_rule_evaluations_total", "Rules evaluated.").with(GROUP),
        Metric::counter("prometheus_rule_evaluation_failures_total", "Evaluations that failed.")
            .with(&["reason", "rule_group"]),
        Metric::summary("prometheus_rule_evaluation_duration_seconds", "Time of a rule."),
        Metric::summary("prometheus_rule_group_duration_seconds", "Time of a group."),
        Metric::gauge("prometheus_rule_group_interval_seconds", "Time between evaluations.")
            .with(GROUP),
        Metric::counter("prometheus_rule_group_iterations_total", "Evaluations.").with(GROUP),
        Metric::counter("prometheus_rule_group_iterations_missed_total", "Missed evaluations.")
            .with(GROUP),
        Metric::gauge("prometheus_rule_group_last_duration_seconds", "Time of the last one.")
            .with(GROUP),
        Metric::gauge("prometheus_rule_group_last_evaluation_samples", "Samples of the last one.")
            .with(GROUP),
        Metric::gauge(
            "prometheus_rule_group_last_evaluation_timestamp_seconds",
            "When the last one began.",
        )
        .with(GROUP),
        Metric::gauge("prometheus_rule_group_last_restore_duration_seconds", "Time of restoring.")
            .with(GROUP),
        Metric::gauge("prometheus_rule_group_rules", "Rules in the group.").with(GROUP),
        Metric::gauge("prometheus_sd_discovered_targets", "Targets that were found.")
            .with(&["config", "name"]),
        Metric::gauge("prometheus_sd_failed_configs", "Discoveries that cannot run.")
            .with(&["name"]),
        Metric::counter("prometheus_sd_file_read_errors_total", "Files that were not read."),
        Metric::counter("prometheus_sd_dns_lookups_total", "Names looked up."),
        Metric::counter("prometheus_sd_dns_lookup_failures_total", "Names not found."),
        Metric::counter("prometheus_sd_http_failures_total", "Discoveries that failed."),
        Metric::counter("prometheus_sd_refresh_failures_total", "Discoveries that failed.")
            .with(&["config", "mechanism"]),
        Metric::counter("prometheus_remote_storage_samples_total", "Samples sent.").with(QUEUE),
        Metric::counter("prometheus_remote_storage_samples_failed_total", "Samples not taken.")
            .with(QUEUE),
        Metric::counter("prometheus_remote_storage_samples_dropped_total", "Samples left out.")
            .with(&["reason", "remote_name", "url"]),
        Metric::counter("prometheus_remote_storage_samples_retried_total", "Samples sent again.")
            .with(QUEUE),
        Metric::gauge("prometheus_remote_storage_samples_pending", "Samples that wait.")
            .with(QUEUE),
        Metric::counter("prometheus_remote_storage_samples_in_total", "Samples to be sent."),
        Metric::counter("prometheus_remote_storage_bytes_total", "Bytes sent.").with(QUEUE),
        Metric::gauge("prometheus_remote_storage_shards", "Senders.").with(QUEUE),
        Metric::gauge("prometheus_remote_storage_shards_desired", "Senders wanted.").with(QUEUE),
        Metric::gauge("prometheus_remote_storage_shards_max", "Most senders.").with(QUEUE),
        Metric::gauge("prometheus_remote_storage_shards_min", "Fewest senders.").with(QUEUE),
        Metric::gauge(
            "prometheus_remote_storage_highest_timestamp_in_seconds",
            "Newest sample to be sent.",
        ),
        Metric::gauge(
            "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
            "Newest sample sent.",
        )
        .with(QUEUE),
        Metric::summary("prometheus_target_interval_length_seconds", "Time between scrapes.")
            .with(&["interval"]),
        Metric::gauge("prometheus_target_scrape_pool_targets", "Targets of a job.")
            .with(&["scrape_job"]),
        Metric::counter("prometheus_target_scrape_pool_sync_total", "Comparisons of targets.")
            .with(&["scrape_job"]),
        Metric::counter(
            "prometheus_target_scrape_pool_exceeded_target_limit_total",
            "Times a job had too many targets.",
        ),
        Metric::counter("prometheus_target_scrape_pool_reloads_total", "Reloads of a job."),
        Metric::counter("prometheus_target_scrape_pool_reloads_failed_total", "Failed reloads."),
        Metric::counter("prometheus_target_scrape_pools_total", "Jobs started."),
        Metric::counter("prometheus_target_scrape_pools_failed_total", "Jobs not started."),
        Metric::counter(
            "prometheus_target_scrapes_exceeded_sample_limit_total",
            "Scrapes with too many samples.",
        ),
        Metric::counter(
            "prometheus_target_scrapes_exceeded_body_size_limit_total",
            "Scrapes with too long a page.",
        ),
        Metric::counter(
            "prometheus_target_scrapes_sample_duplicate_timestamp_total",
            "Samples that came twice.",
        ),
        Metric::counter(
            "prometheus_target_scrapes_sample_out_of_bounds_total",
            "Samples out of time.",
        ),
        Metric::counter("prometheus_target_scrapes_sample_out_of_order_total", "Late samples."),
        Metric::gauge("prometheus_tsdb_head_series", "Series in memory."),
        Metric::gauge("prometheus_tsdb_head_chunks", "Chunks in memory."),
        Metric::gauge("prometheus_tsdb_head_min_time", "Oldest sample in memory, milliseconds."),
        Metric::gauge("prometheus_tsdb_head_max_time", "Newest sample in memory, milliseconds."),
        Metric::gauge("prometheus_tsdb_head_min_time_seconds", "Oldest sample in memory."),
        Metric::gauge("prometheus_tsdb_head_max_time_seconds", "Newest sample in memory."),
        Metric::counter("prometheus_tsdb_head_samples_appended_total", "Samples taken.")
            .with(&["type"]),
        Metric::counter("prometheus_tsdb_head_series_created_total", "Series begun."),
        Metric::counter("prometheus_tsdb_head_series_removed_total", "Series forgotten."),
        Metric::counter("prometheus_tsdb_head_series_not_found_total", "Series not found."),
        Metric::counter("prometheus_tsdb_head_chunks_created_total", "Chunks begun."),
        Metric::counter("prometheus_tsdb_head_chunks_removed_total", "Chunks forgotten."),
        Metric::counter("prometheus_tsdb_head_truncations_total", "Truncations."),
        Metric::counter("prometheus_tsdb_head_truncations_failed_total", "Failed truncations."),
        Metric::summary("prometheus_tsdb_head_gc_duration_seconds", "Time of cleaning."),
        Metric::gauge("prometheus_tsdb_lowest_timestamp", "Oldest sample, milliseconds."),
        Metric::gauge("prometheus_tsdb_lowest_timestamp_seconds", "Oldest sample."),
        Metric::gauge("prometheus_tsdb_blocks_loaded", "Blocks on disk."),
        Metric::gauge("prometheus_tsdb_storage_blocks_bytes", "Bytes of the blocks."),
        Metric::gauge("prometheus_tsdb_wal_storage_size_bytes", "Bytes of the log."),
        Metric::counter("prometheus_tsdb_compactions_total", "Compactions."),
        Metric::counter("prometheus_tsdb_compactions_failed_total", "Failed compactions."),
        Metric::counter("prometheus_tsdb_compactions_triggered_total", "Compactions begun."),
        Metric::counter("prometheus_tsdb_checkpoint_creations_failed_total", "Failed checkpoints."),
        Metric::counter("prometheus_tsdb_checkpoint_creations_total", "Checkpoints."),
        Metric::counter("prometheus_tsdb_checkpoint_deletions_failed_total", "Failed deletions."),
        Metric::counter("prometheus_tsdb_reloads_total", "Reloads of blocks."),
        Metric::counter("prometheus_tsdb_reloads_failures_total", "Failed reloads of blocks."),
        Metric::counter("prometheus_tsdb_wal_corruptions_total", "Damage to the log."),
        Metric::counter("prometheus_tsdb_wal_truncations_total", "Truncations of the log."),
        Metric::counter("prometheus_tsdb_wal_truncations_failed_total", "Failed ones."),
        Metric::counter("prometheus_tsdb_wal_writes_failed_total", "Failed writes."),
        Metric::counter("prometheus_tsdb_wal_completed_pages_total", "Pages written."),
        Metric::counter("prometheus_tsdb_wal_page_flushes_total", "Pages flushed."),
        Metric::gauge("prometheus_tsdb_wal_segment_current", "Segment that is written."),
        Metric::summary("prometheus_tsdb_wal_fsync_duration_seconds", "Time of syncing."),
        Metric::gauge("prometheus_tsdb_retention_limit_bytes", "Room that samples may take."),
        Metric::counter("prometheus_tsdb_size_retentions_total", "Blocks gone for their size."),
        Metric::counter("prometheus_tsdb_time_retentions_total", "Blocks gone for their age."),
        Metric::gauge("prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars kept."),
    ],
    open: &["prometheus_", "net_conntrack_", "stackctl_", "go_", "process_", "promhttp_"],
};

/// Alertmanager.
pub const ALERTMANAGER: PartMetrics = PartMetrics {
    metrics: &[
        Metric::gauge("alertmanager_alerts", "Alerts, by state.").with(&["state"]),
        Metric::counter("alertmanager_alerts_received_total", "Alerts received.")
            .with(&["status", "version"]),
        Metric::counter("alertmanager_alerts_invalid_total", "Alerts refused.").with(&["version"]),
        Metric::gauge("alertmanager_build_info", "Version; always 1.").with(&[
            "branch",
            "goarch",
            "goos",
            "goversion",
            "revision",
            "tags",
            "version",
        ]),
        Metric::gauge("alertmanager_config_hash", "Hash of the configuration."),
        Metric::gauge("alertmanager_config_last_reload_successful", "1 if the reload worked."),
        Metric::gauge(
            "alertmanager_config_last_reload_success_timestamp_seconds",
            "When the configuration was loaded.",
        ),
        Metric::gauge("alertmanager_cluster_members", "Members of the cluster."),
        Metric::gauge("alertmanager_cluster_health_score", "Health of the cluster; 0 is well."),
        Metric::gauge("alertmanager_cluster_failed_peers", "Members that are lost."),
        Metric::gauge("alertmanager_dispatcher_aggregation_groups", "Groups of alerts."),
        Metric::gauge("alertmanager_integrations", "Integrations configured."),
        Metric::gauge("alertmanager_receivers", "Receivers configured."),
        Metric::counter("alertmanager_notifications_total", "Notifications tried.")
            .with(&["integration", "receiver_name"]),
        Metric::counter("alertmanager_notifications_failed_total", "Notifications not taken.")
            .with(&["integration", "reason", "receiver_name"]),
        Metric::counter("alertmanager_notification_requests_total", "Requests made.")
            .with(&["integration", "receiver_name"]),
        Metric::counter("alertmanager_notification_requests_failed_total", "Requests failed.")
            .with(&["integration", "receiver_name"]),
        Metric::histogram("alertmanager_notification_latency_seconds", "Time of notifying.")
            .with(&["integration", "receiver_name"]),
        Metric::gauge("alertmanager_silences", "Silences, by state.").with(&["state"]),
    ],
    open: &["alertmanager_", "go_", "process_", "promhttp_", "net_conntrack_"],
};

/// The push gateway's own metrics; what is pushed comes besides.
pub const PUSHGATEWAY: PartMetrics = PartMetrics {
    metrics: &[
        Metric::gauge("push_time_seconds", "When a group was last pushed."),
        Metric::gauge("push_failure_time_seconds", "When a push of a group last failed."),
        Metric::gauge("pushgateway_build_info", "Version; always 1.").with(&[
            "branch",
            "goarch",
            "goos",
            "goversion",
            "revision",
            "tags",
            "version",
        ]),
        Metric::counter("pushgateway_http_requests_total", "Requests answered.")
            .with(&["code", "handler", "method"]),
        Metric::summary("pushgateway_http_push_duration_seconds", "Time of pushes.")
            .with(&["method"]),
        Metric::summary("pushgateway_http_push_size_bytes", "Sizes of pushes.").with(&["method"]),
    ],
    open: &["pushgateway_", "go_", "process_", "promhttp_"],
};

/// Grafana.
pub const GRAFANA: PartMetrics =
    PartMetrics {
        metrics: &[
            Metric::gauge("grafana_build_info", "Version; always 1.").with(&[
                "branch",
                "edition",
                "goversion",
                "revision",
                "version",
            ]),
            Metric::gauge("grafana_stat_totals_dashboard", "Dashboards."),
            Metric::gauge("grafana_stat_total_users", "Users."),
            Metric::gauge("grafana_stat_active_users", "Users of late."),
            Metric::histogram("grafana_http_request_duration_seconds", "Time of requests.")
                .with(&["handler", "method", "status_code", "status_source", "slo_group"]),
            Metric::gauge("grafana_http_request_in_flight", "Requests being answered."),
        ],
        open: &["grafana_", "go_", "process_", "promhttp_", "net_conntrack_", "plugins_", "cache_"],
    };

const SERVED: &[&str] = &["handler", "server", "host", "code", "method"];

/// Caddy.
pub const CADDY: PartMetrics = PartMetrics {
    metrics: &[
        Metric::counter("caddy_http_requests_total", "Requests.").with(SERVED),
        Metric::counter("caddy_http_request_errors_total", "Requests that failed.").with(SERVED),
        Metric::gauge("caddy_http_requests_in_flight", "Requests being answered.").with(SERVED),
        Metric::histogram("caddy_http_request_duration_seconds", "Time of requests.").with(SERVED),
        Metric::histogram("caddy_http_request_size_bytes", "Sizes of requests.").with(SERVED),
        Metric::histogram("caddy_http_response_size_bytes", "Sizes of answers.").with(SERVED),
        Metric::histogram("caddy_http_response_duration_seconds", "Time to the first byte.")
            .with(SERVED),
        Metric::gauge("caddy_reverse_proxy_upstreams_healthy", "Whether an upstream is well.")
            .with(&["upstream"]),
        Metric::gauge("caddy_config_last_reload_successful", "1 if the last reload worked."),
        Metric::gauge("caddy_config_last_reload_success_timestamp_seconds", "When that was."),
        Metric::counter("caddy_admin_http_requests_total", "Requests to the admin address.")
            .with(&["code", "handler", "method", "path"]),
    ],
    open: &["caddy_", "go_", "process_", "promhttp_"],
};

/// What Prometheus adds to each scrape; the labels are those of the target.
pub const SYNTHETIC: &[Metric] = &[
    Metric::gauge("up", "1 if the last scrape of a target worked."),
    Metric::gauge("scrape_duration_seconds", "Time that the last scrape took."),
    Metric::gauge("scrape_samples_scraped", "Samples on the last page."),
    Metric::gauge(
        "scrape_samples_post_metric_relabeling",
        "Samples of the last page that were kept.",
    ),
    Metric::gauge("scrape_series_added", "Series that the last scrape began, about."),
    Metric::gauge("scrape_timeout_seconds", "How long a scrape may take."),
    Metric::gauge("scrape_sample_limit", "The most samples a scrape may give."),
    Metric::gauge("scrape_body_size_bytes", "Length of the last page."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_names_its_metrics_once_under_its_own_beginnings() {
        for part in [PROMETHEUS, ALERTMANAGER, PUSHGATEWAY, GRAFANA, CADDY] {
            let mut names: Vec<&str> = part.metrics.iter().map(|metric| metric.name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
            let own = |name: &&str| part.open.iter().any(|open| name.starts_with(open));
            assert!(names.iter().all(|name| own(name) || name.starts_with("push_")), "{names:?}");
        }
    }
}
