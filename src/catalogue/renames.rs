//! What exporters once called their metrics: rules and dashboards outlive names.
//!
//! From the change logs of node_exporter (0.16, 0.18, 1.0) and what mysqld_exporter made of the server's
//! own names.

/// A name that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rename {
    /// What it was called.
    pub old: &'static str,
    /// What it is called; several where it was divided.
    pub new: &'static str,
    /// The program.
    pub program: &'static str,
    /// The first version with the new name; empty where it was never called otherwise by the program, and
    /// the old name is what one expects from the server's documentation.
    pub since: &'static str,
}

/// The name's history, if it is one of those that are gone.
pub fn renamed(name: &str) -> Option<Rename> {
    let table = |rows: &[(&'static str, &'static str, &'static str)], program| {
        rows.iter().find(|(old, _, _)| *old == name).map(|&(old, new, since)| Rename {
            old,
            new,
            program,
            since,
        })
    };
    table(NODE, "node_exporter")
        .or_else(|| table(MYSQLD, "mysqld_exporter"))
        .or_else(|| node_memory(name))
}

/// Sizes in memory got their unit in 0.16: `node_memory_MemFree` -> `node_memory_MemFree_bytes`.
fn node_memory(name: &str) -> Option<Rename> {
    let field = name.strip_prefix("node_memory_")?;
    let at = MEMORY.iter().position(|(old, _)| *old == field)?;
    let (_, new) = MEMORY[at];
    MEMORY_OLD[at].eq(name).then_some(Rename {
        old: MEMORY_OLD[at],
        new,
        program: "node_exporter",
        since: "0.16",
    })
}

macro_rules! memory {
    ($($field:literal)*) => {
        const MEMORY: &[(&str, &str)] = &[$(($field, concat!("node_memory_", $field, "_bytes"))),*];
        const MEMORY_OLD: &[&str] = &[$(concat!("node_memory_", $field)),*];
    };
}

memory! {
    "MemTotal" "MemFree" "MemAvailable" "Buffers" "Cached" "SwapCached" "Active" "Inactive"
    "Active_anon" "Inactive_anon" "Active_file" "Inactive_file" "Unevictable" "Mlocked" "SwapTotal"
    "SwapFree" "Dirty" "Writeback" "AnonPages" "Mapped" "Shmem" "Slab" "SReclaimable" "SUnreclaim"
    "KernelStack" "PageTables" "NFS_Unstable" "Bounce" "WritebackTmp" "CommitLimit" "Committed_AS"
    "VmallocTotal" "VmallocUsed" "VmallocChunk" "HardwareCorrupted" "AnonHugePages" "Hugepagesize"
    "DirectMap4k" "DirectMap2M" "DirectMap1G" "ShmemHugePages" "ShmemPmdMapped"
}

/// Old name, new name, version of node_exporter.
const NODE: &[(&str, &str, &str)] = &[
    ("node_cpu", "node_cpu_seconds_total", "0.16"),
    ("node_cpu_core_throttles", "node_cpu_core_throttles_total", "0.16"),
    ("node_cpu_package_throttles", "node_cpu_package_throttles_total", "0.16"),
    ("node_boot_time", "node_boot_time_seconds", "0.16"),
    ("node_time", "node_time_seconds", "0.16"),
    ("node_context_switches", "node_context_switches_total", "0.16"),
    ("node_forks", "node_forks_total", "0.16"),
    ("node_intr", "node_intr_total", "0.16"),
    ("node_interrupts", "node_interrupts_total", "0.16"),
    ("node_disk_bytes_read", "node_disk_read_bytes_total", "0.16"),
    ("node_disk_bytes_written", "node_disk_written_bytes_total", "0.16"),
    ("node_disk_io_time_ms", "node_disk_io_time_seconds_total", "0.16"),
    ("node_disk_io_time_weighted", "node_disk_io_time_weighted_seconds_total", "0.16"),
    ("node_disk_io_time_weighted_ms", "node_disk_io_time_weighted_seconds_total", "0.16"),
    ("node_disk_reads_completed", "node_disk_reads_completed_total", "0.16"),
    ("node_disk_reads_merged", "node_disk_reads_merged_total", "0.16"),
    ("node_disk_read_time_ms", "node_disk_read_time_seconds_total", "0.16"),
    ("node_disk_sectors_read", "node_disk_read_bytes_total", "0.16"),
    ("node_disk_sectors_written", "node_disk_written_bytes_total", "0.16"),
    ("node_disk_writes_completed", "node_disk_writes_completed_total", "0.16"),
    ("node_disk_writes_merged", "node_disk_writes_merged_total", "0.16"),
    ("node_disk_write_time_ms", "node_disk_write_time_seconds_total", "0.16"),
    ("node_filesystem_avail", "node_filesystem_avail_bytes", "0.16"),
    ("node_filesystem_free", "node_filesystem_free_bytes", "0.16"),
    ("node_filesystem_size", "node_filesystem_size_bytes", "0.16"),
    ("node_network_receive_bytes", "node_network_receive_bytes_total", "0.16"),
    ("node_network_receive_compressed", "node_network_receive_compressed_total", "0.16"),
    ("node_network_receive_drop", "node_network_receive_drop_total", "0.16"),
    ("node_network_receive_errs", "node_network_receive_errs_total", "0.16"),
    ("node_network_receive_fifo", "node_network_receive_fifo_total", "0.16"),
    ("node_network_receive_frame", "node_network_receive_frame_total", "0.16"),
    ("node_network_receive_multicast", "node_network_receive_multicast_total", "0.16"),
    ("node_network_receive_packets", "node_network_receive_packets_total", "0.16"),
    ("node_network_transmit_bytes", "node_network_transmit_bytes_total", "0.16"),
    ("node_network_transmit_carrier", "node_network_transmit_carrier_total", "0.16"),
    ("node_network_transmit_colls", "node_network_transmit_colls_total", "0.16"),
    ("node_network_transmit_compressed", "node_network_transmit_compressed_total", "0.16"),
    ("node_network_transmit_drop", "node_network_transmit_drop_total", "0.16"),
    ("node_network_transmit_errs", "node_network_transmit_errs_total", "0.16"),
    ("node_network_transmit_fifo", "node_network_transmit_fifo_total", "0.16"),
    ("node_network_transmit_packets", "node_network_transmit_packets_total", "0.16"),
    ("node_md_is_active", "node_md_state", "1.0"),
    ("node_nfs_net_reads", "node_nfs_packets_total", "0.16"),
    ("node_nfs_rpc_retransmissions", "node_nfs_rpc_retransmissions_total", "0.16"),
    ("node_textfile_mtime", "node_textfile_mtime_seconds", "0.16"),
    ("node_timex_estimated_error", "node_timex_estimated_error_seconds", "0.16"),
    ("node_timex_frequency_adjustment", "node_timex_frequency_adjustment_ratio", "0.16"),
    ("node_timex_maxerror", "node_timex_maxerror_seconds", "0.16"),
    ("node_timex_offset", "node_timex_offset_seconds", "0.16"),
    ("node_ipvs_incoming_bytes", "node_ipvs_incoming_bytes_total", "0.16"),
    ("node_ipvs_outgoing_bytes", "node_ipvs_outgoing_bytes_total", "0.16"),
    ("node_ipvs_incoming_packets", "node_ipvs_incoming_packets_total", "0.16"),
    ("node_ipvs_outgoing_packets", "node_ipvs_outgoing_packets_total", "0.16"),
];

/// Expected name, name, version of mysqld_exporter if it had the first once.
const MYSQLD: &[(&str, &str, &str)] = &[
    ("mysql_info_schema_threads", "mysql_info_schema_processlist_threads", ""),
    ("mysql_info_schema_threads_seconds", "mysql_info_schema_processlist_seconds", ""),
    ("mysql_info_schema_processlist_threads_seconds", "mysql_info_schema_processlist_seconds", ""),
    ("mysql_global_status_innodb_buffer_pool_pages", "mysql_global_status_buffer_pool_pages", ""),
    ("mysql_global_status_innodb_rows_read", "mysql_global_status_innodb_row_ops_total", ""),
    ("mysql_global_status_innodb_rows_inserted", "mysql_global_status_innodb_row_ops_total", ""),
    ("mysql_global_status_innodb_rows_updated", "mysql_global_status_innodb_row_ops_total", ""),
    ("mysql_global_status_innodb_rows_deleted", "mysql_global_status_innodb_row_ops_total", ""),
    (
        "mysql_global_status_innodb_buffer_pool_pages_free",
        "mysql_global_status_buffer_pool_pages",
        "",
    ),
    (
        "mysql_global_status_innodb_buffer_pool_pages_data",
        "mysql_global_status_buffer_pool_pages",
        "",
    ),
    ("mysql_global_status_com_select", "mysql_global_status_commands_total", ""),
    ("mysql_global_status_com_insert", "mysql_global_status_commands_total", ""),
    ("mysql_global_status_com_update", "mysql_global_status_commands_total", ""),
    ("mysql_global_status_com_delete", "mysql_global_status_commands_total", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::{mysql, node};

    #[test]
    fn old_names_are_gone_and_new_ones_are_declared() {
        let declared: Vec<_> = node::declared_metrics().chain(mysql::declared_metrics()).collect();
        let exact = |name: &str| declared.iter().any(|m| !m.open && m.name == name);
        let rows = || NODE.iter().chain(MYSQLD);
        let alive: Vec<_> = rows().filter(|(old, _, _)| exact(old)).collect();
        let unborn: Vec<_> =
            rows().filter(|(_, new, _)| !declared.iter().any(|m| m.covers(new))).collect();
        assert!(alive.is_empty() && unborn.is_empty(), "{alive:?} {unborn:?}");
    }

    #[test]
    fn sizes_of_memory_have_their_unit() {
        let check = |old, new| assert_eq!(renamed(old).map(|rename| rename.new), new);
        check("node_memory_MemFree", Some("node_memory_MemFree_bytes"));
        check("node_memory_MemFree_bytes", None);
        check("node_memory_HugePages_Total", None);
        check("node_cpu", Some("node_cpu_seconds_total"));
        check("node_load1", None);
    }
}
