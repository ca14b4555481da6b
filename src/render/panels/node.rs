//! `node/overview`: one machine, as the node exporter sees it.

use super::{Bargauge, Gauge, Library, Stat, Timeseries, entry};

pub(super) const OVERVIEW: Library = Library {
    path: "node/overview",
    subject: "node",
    panels: &[
        entry(Stat, "Up since", "s", &[("time() - node_boot_time_seconds{<sel>}", "")]),
        entry(
            Gauge,
            "CPU",
            "percentunit",
            &[("1 - avg by (instance) (rate(node_cpu_seconds_total{<sel>,mode=\"idle\"}[$__rate_interval]))", "{{instance}}")],
        )
        .limits(&[(0.8, "orange"), (0.95, "red")]),
        entry(
            Gauge,
            "Memory",
            "percentunit",
            &[("1 - node_memory_MemAvailable_bytes{<sel>} / node_memory_MemTotal_bytes{<sel>}", "{{instance}}")],
        )
        .limits(&[(0.85, "orange"), (0.95, "red")]),
        entry(
            Bargauge,
            "File systems",
            "percentunit",
            &[("1 - node_filesystem_avail_bytes{<sel>,fstype!~\"tmpfs|ramfs|overlay|squashfs\"} / node_filesystem_size_bytes{<sel>,fstype!~\"tmpfs|ramfs|overlay|squashfs\"}", "{{mountpoint}}")],
        )
        .limits(&[(0.8, "orange"), (0.9, "red")]),
        entry(
            Timeseries,
            "CPU by mode",
            "percentunit",
            &[("sum by (mode) (rate(node_cpu_seconds_total{<sel>,mode!=\"idle\"}[$__rate_interval])) / scalar(count(node_cpu_seconds_total{<sel>,mode=\"idle\"}))", "{{mode}}")],
        )
        .stacked(),
        entry(
            Timeseries,
            "Load",
            "short",
            &[
                ("node_load1{<sel>}", "1 minute"),
                ("node_load5{<sel>}", "5 minutes"),
                ("node_load15{<sel>}", "15 minutes"),
            ],
        ),
        entry(
            Timeseries,
            "Memory in use",
            "bytes",
            &[
                ("node_memory_MemTotal_bytes{<sel>} - node_memory_MemAvailable_bytes{<sel>}", "in use"),
                ("node_memory_Cached_bytes{<sel>}", "cached"),
                ("node_memory_MemTotal_bytes{<sel>}", "total"),
            ],
        ),
        entry(
            Timeseries,
            "Network",
            "binBps",
            &[
                ("rate(node_network_receive_bytes_total{<sel>,device!=\"lo\"}[$__rate_interval])", "in {{device}}"),
                ("-rate(node_network_transmit_bytes_total{<sel>,device!=\"lo\"}[$__rate_interval])", "out {{device}}"),
            ],
        ),
        entry(
            Timeseries,
            "Disk throughput",
            "binBps",
            &[
                ("rate(node_disk_read_bytes_total{<sel>}[$__rate_interval])", "read {{device}}"),
                ("-rate(node_disk_written_bytes_total{<sel>}[$__rate_interval])", "write {{device}}"),
            ],
        ),
        entry(
            Timeseries,
            "Disk busy",
            "percentunit",
            &[("rate(node_disk_io_time_seconds_total{<sel>}[$__rate_interval])", "{{device}}")],
        ),
    ],
};
