//! What XFS file systems have done, from `/sys/fs/xfs/*/stats/stats` (Runtime Stats of the XFS wiki).

use super::{CollectError, Collector, Families, Host, Metric, On, declared};

/// A counter's line, and its column behind the name of the line.
type Row = (Metric, (&'static str, usize));

const fn row(name: &'static str, line: &'static str, column: usize, help: &'static str) -> Row {
    (Metric::counter(name, help).with(&["device"]), (line, column))
}

#[rustfmt::skip] // one counter a line
const COUNTERS: [Row; 39] = [
    row("node_xfs_extent_allocation_extents_allocated_total", "extent_alloc", 0, "Extents allocated."),
    row("node_xfs_extent_allocation_blocks_allocated_total", "extent_alloc", 1, "Blocks allocated."),
    row("node_xfs_extent_allocation_extents_freed_total", "extent_alloc", 2, "Extents freed."),
    row("node_xfs_extent_allocation_blocks_freed_total", "extent_alloc", 3, "Blocks freed."),
    row("node_xfs_allocation_btree_lookups_total", "abt", 0, "Lookups in the trees of free room."),
    row("node_xfs_allocation_btree_compares_total", "abt", 1, "Comparisons in the trees of free room."),
    row("node_xfs_allocation_btree_records_inserted_total", "abt", 2, "Records put into the trees of free room."),
    row("node_xfs_allocation_btree_records_deleted_total", "abt", 3, "Records deleted from the trees of free room."),
    row("node_xfs_block_mapping_reads_total", "blk_map", 0, "Block mappings for reads."),
    row("node_xfs_block_mapping_writes_total", "blk_map", 1, "Block mappings for writes."),
    row("node_xfs_block_mapping_unmaps_total", "blk_map", 2, "Block mappings taken away."),
    row("node_xfs_block_mapping_extent_list_insertions_total", "blk_map", 3, "Extents put into the lists of files."),
    row("node_xfs_block_mapping_extent_list_deletions_total", "blk_map", 4, "Extents deleted from the lists of files."),
    row("node_xfs_block_mapping_extent_list_lookups_total", "blk_map", 5, "Lookups in the extent lists of files."),
    row("node_xfs_block_mapping_extent_list_compares_total", "blk_map", 6, "Comparisons in the extent lists of files."),
    row("node_xfs_block_map_btree_lookups_total", "bmbt", 0, "Lookups in the block trees of files."),
    row("node_xfs_block_map_btree_compares_total", "bmbt", 1, "Comparisons in the block trees of files."),
    row("node_xfs_block_map_btree_records_inserted_total", "bmbt", 2, "Records put into the block trees of files."),
    row("node_xfs_block_map_btree_records_deleted_total", "bmbt", 3, "Records deleted from the block trees of files."),
    row("node_xfs_directory_operation_lookup_total", "dir", 0, "Names looked up that were not cached."),
    row("node_xfs_directory_operation_create_total", "dir", 1, "Entries made in directories."),
    row("node_xfs_directory_operation_remove_total", "dir", 2, "Entries removed from directories."),
    row("node_xfs_directory_operation_getdents_total", "dir", 3, "How often a directory was listed."),
    row("node_xfs_inode_operation_attempts_total", "ig", 0, "Inodes looked for in the cache."),
    row("node_xfs_inode_operation_found_total", "ig", 1, "Inodes found in the cache."),
    row("node_xfs_inode_operation_recycled_total", "ig", 2, "Inodes found in the cache that were about to go."),
    row("node_xfs_inode_operation_missed_total", "ig", 3, "Inodes not found in the cache."),
    row("node_xfs_inode_operation_duplicates_total", "ig", 4, "Inodes somebody else had put into the cache meanwhile."),
    row("node_xfs_inode_operation_reclaims_total", "ig", 5, "Inodes thrown out of the cache for want of memory."),
    row("node_xfs_inode_operation_attribute_changes_total", "ig", 6, "Changes of inode attributes."),
    row("node_xfs_read_calls_total", "rw", 0, "Calls of read(2)."),
    row("node_xfs_write_calls_total", "rw", 1, "Calls of write(2)."),
    row("node_xfs_vnode_active_total", "vnodes", 0, "Vnodes in use."),
    row("node_xfs_vnode_allocate_total", "vnodes", 1, "Vnodes allocated."),
    row("node_xfs_vnode_get_total", "vnodes", 2, "Vnodes taken."),
    row("node_xfs_vnode_hold_total", "vnodes", 3, "Vnodes held."),
    row("node_xfs_vnode_release_total", "vnodes", 4, "Vnodes released."),
    row("node_xfs_vnode_reclaim_total", "vnodes", 5, "Vnodes reclaimed."),
    row("node_xfs_vnode_remove_total", "vnodes", 6, "Vnodes removed."),
];

pub(super) const COLLECTOR: Collector =
    Collector { name: "xfs", start: On, metrics: &declared(&COUNTERS), collect };

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    for device in host.list_if_any("sys/fs/xfs", "")? {
        // Beside the devices there is a folder of all of them together.
        let path = format!("sys/fs/xfs/{device}/stats/stats");
        let Some(text) = host.read_if_any(&path)? else { continue };
        for (metric, (line, column)) in &COUNTERS {
            let fields = text
                .lines()
                .find_map(|known| known.strip_prefix(line)?.strip_prefix(' '))
                .unwrap_or_default();
            let value = match fields.split_ascii_whitespace().nth(*column) {
                Some(field) => field.parse().map_err(|_| CollectError::Malformed("sys/fs/xfs"))?,
                None => 0.0,
            };
            out.put(metric, &[&device], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn counters_are_found_by_line_and_column() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert!(samples.contains("node_xfs_block_mapping_reads_total{device=\"sda1\"} 61\n"));
        assert!(samples.contains("node_xfs_vnode_remove_total{device=\"sda1\"} 3\n"), "{samples}");
        assert!(samples.contains("node_xfs_read_calls_total{device=\"sda1\"} 0\n"), "no such line");
        assert_eq!(samples.lines().count(), COUNTERS.len());
    }
}
