//! The alerts of a starter manifest, by what was found.

use crate::import::kdl::Node;

fn alert(name: &str, severity: &str, hold: &str, expr: &str, summary: &str) -> Node {
    let mut node =
        Node::new("alert").arg(name).prop("severity", Some(severity)).prop("for", Some(hold));
    node.set("expr", Some(expr));
    node.set("summary", Some(summary));
    node
}

/// Alerts that every machine needs.
pub fn machine() -> Node {
    let mut group = Node::new("rules")
        .arg("machine")
        .comment("Alerts on the machine and on everything that is scraped.");
    group.push(alert(
        "TargetDown",
        "critical",
        "2m",
        "up == 0",
        "{{ $labels.job }} on {{ $labels.instance }} is down",
    ));
    group.push(alert(
        "CpuBusy",
        "warning",
        "10m",
        "1 - avg by (job, instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m])) > 0.9",
        "{{ $labels.instance }} has been busy for ten minutes: {{ $value | humanizePercentage }}",
    ));
    group.push(alert(
        "MemoryLow",
        "warning",
        "5m",
        "node_memory_MemAvailable_bytes{job=\"node\"}\n  / node_memory_MemTotal_bytes{job=\"node\"} < 0.1",
        "{{ $labels.instance }} has {{ $value | humanizePercentage }} of its memory left",
    ));
    group.push(alert(
        "DiskFull",
        "critical",
        "10m",
        "node_filesystem_avail_bytes{job=\"node\", fstype=~\"ext4|xfs|btrfs|zfs\"}\n  / \
         node_filesystem_size_bytes{job=\"node\", fstype=~\"ext4|xfs|btrfs|zfs\"} < 0.05",
        "{{ $labels.mountpoint }} on {{ $labels.instance }} has {{ $value | humanizePercentage }} left",
    ));
    group.push(alert(
        "DiskFillsUp",
        "warning",
        "30m",
        "predict_linear(node_filesystem_avail_bytes{job=\"node\", fstype=~\"ext4|xfs|btrfs|zfs\"}[6h], \
         86400) < 0",
        "{{ $labels.mountpoint }} on {{ $labels.instance }} is full within a day",
    ));
    group
}

/// Alerts on a MySQL server.
pub fn mysql() -> Node {
    let mut group = Node::new("rules").arg("mysql").comment("Alerts on MySQL.");
    group.push(alert(
        "MysqlDown",
        "critical",
        "2m",
        "mysql_up == 0",
        "{{ $labels.instance }} cannot log in to its MySQL server",
    ));
    group.push(alert(
        "MysqlConnectionsHigh",
        "warning",
        "5m",
        "mysql_global_status_threads_connected\n  / mysql_global_variables_max_connections > 0.8",
        "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its connections",
    ));
    group
}

/// A test of the first alert.
pub fn test() -> Node {
    let series = Node::new("series")
        .arg("up{job=\"node\", instance=\"node-exporter:9100\"}")
        .arg("1 1 0 0 0 0");
    let fires = Node::new("fires").arg("TargetDown").prop("job", Some("node"));
    Node::new("test")
        .arg("a target that is gone is told after two minutes")
        .prop("interval", Some("1m"))
        .comment("A test of an alert; `stackctl test` runs it, and says which alerts have none.")
        .child(series)
        .child(Node::new("at").arg("3m").child(Node::new("silent")))
        .child(Node::new("at").arg("4m").child(fires))
        .off()
}
