//! Replicas of Amazon Aurora, from `information_schema.replica_host_status`.

use super::server::Server;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["server_id", "role"];
const CPU: Metric = Metric::gauge(
    "mysql_info_schema_replica_host_cpu_percent",
    "Share of its processors that a replica uses, in percent.",
)
.with(LABELS);
const LATENCY: Metric = Metric::gauge(
    "mysql_info_schema_replica_host_replica_latency_seconds",
    "How long data takes from the source to a replica.",
)
.with(LABELS);
const LAG: Metric =
    Metric::gauge("mysql_info_schema_replica_host_lag_seconds", "How far a replica is behind.")
        .with(LABELS);
const SPEED: Metric = Metric::gauge(
    "mysql_info_schema_replica_host_log_stream_speed",
    "Speed of a replica's log stream, in KiB per second.",
)
.with(LABELS);
const REPLAY: Metric = Metric::gauge(
    "mysql_info_schema_replica_host_replay_latency_seconds",
    "How long a replica takes to replay what it received.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.replica_host",
    &[CPU, LATENCY, LAG, SPEED, REPLAY],
    Collect::Own(collect),
)
.since(5, 6);

const SQL: &str = "SELECT server_id, IF(session_id = 'MASTER_SESSION_ID', 'writer', 'reader'), cpu, \
                   master_slave_latency_in_microseconds, replica_lag_in_milliseconds, \
                   log_stream_speed_in_kib_per_second, current_replay_latency_in_microseconds \
                   FROM information_schema.replica_host_status";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        const UNKNOWN_TABLE: u16 = 1109;
        let rows = match server.rows(SQL).await {
            // Only Aurora has it; elsewhere there is nothing to show.
            Err(err) if err.code() == UNKNOWN_TABLE => return Ok(()),
            rows => rows?,
        };
        for row in rows {
            let (id, role) = (text(&row, 0), text(&row, 1));
            let labels = [id.as_str(), &role];
            out.put(&CPU, &labels, number(&row, 2));
            out.put(&LATENCY, &labels, number(&row, 3) * 1e-6);
            out.put(&LAG, &labels, number(&row, 4) * 1e-3);
            out.put(&SPEED, &labels, number(&row, 5));
            out.put(&REPLAY, &labels, number(&row, 6) * 1e-6);
        }
        Ok(())
    })
}
