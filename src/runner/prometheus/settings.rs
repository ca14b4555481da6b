//! What the configuration file says of the store, over what the flags say. A reload changes it.

use std::path::Path;
use std::time::Duration;

use tracing::warn;

use super::Flags;
use crate::model::{ByteSize, format_duration};
use crate::tsdb;
use crate::wire::prometheus as wire;

/// Exemplars that are kept where the file does not say.
const EXEMPLARS: usize = 100_000;

/// The settings in force. What the file leaves out, or sets to zero, the flags say.
pub fn of_store(flags: &Flags, storage: Option<&wire::Storage>) -> tsdb::Settings {
    let tsdb = storage.and_then(|storage| storage.tsdb.as_ref());
    if tsdb.is_some_and(|tsdb| tsdb.stale_series_compaction_threshold.is_some()) {
        warn!(
            "storage.tsdb.stale_series_compaction_threshold has no effect: series without samples \
             leave the memory when their window is sealed"
        );
    }
    let retention = tsdb.and_then(|tsdb| tsdb.retention.as_ref());
    let time = retention.and_then(|retention| retention.time).map(Duration::from);
    let time = time.filter(|time| !time.is_zero());
    let size = retention.and_then(|retention| retention.size).map(|size| size.0);
    let share = retention.and_then(|retention| retention.percentage).filter(|share| *share > 0.0);
    let share = share.and_then(|share| {
        let disk = disk_size(&flags.storage_path)?;
        Some((disk as f64 * share.min(100.0) / 100.0) as u64)
    });
    let flag = flags.retention_size.filter(|size| *size > 0);
    let size = size.filter(|size| *size > 0).or(flag).into_iter().chain(share).min();
    let exemplars = storage.and_then(|storage| storage.exemplars.as_ref());
    let exemplars = exemplars.map(|exemplars| exemplars.max_exemplars.unwrap_or_default());
    tsdb::Settings {
        retention_time: time.or_else(|| flags.retention(size.is_some())),
        retention_size: size,
        out_of_order: tsdb
            .and_then(|tsdb| tsdb.out_of_order_time_window)
            .map(Duration::from)
            .unwrap_or_default(),
        exemplars: exemplars.map_or(EXEMPLARS, |most| usize::try_from(most).unwrap_or_default()),
    }
}

/// The retention as the status page of the reference program writes it: `15d or 20GiB`.
pub fn retention_in_words(settings: &tsdb::Settings) -> String {
    let time = settings.retention_time.map(format_duration);
    let size = settings.retention_size.map(|size| ByteSize(size).to_string());
    let parts: Vec<String> = time.into_iter().chain(size).collect();
    parts.join(" or ")
}

/// Bytes of the file system that a folder is on; the folder need not be there yet.
fn disk_size(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let figures = rustix::fs::statvfs(there).ok()?;
    Some(figures.f_blocks.saturating_mul(figures.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str], storage: &str) -> tsdb::Settings {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let flags = Flags::from_args(&arguments).unwrap();
        let storage: wire::Storage = serde_yaml::from_str(storage).unwrap();
        of_store(&flags, Some(&storage))
    }

    #[test]
    fn the_file_stands_over_the_flags() {
        let flag = ["--storage.tsdb.retention.time=30d"];
        let found = settings(&flag, "tsdb: {out_of_order_time_window: 100d}");
        assert_eq!(found.out_of_order, Duration::from_secs(100 * 86_400));
        assert_eq!(found.retention_time, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((found.retention_size, found.exemplars), (None, 100_000));
        let found = settings(&flag, "tsdb: {retention: {time: 2d, size: 1GiB}}");
        assert_eq!(found.retention_time, Some(Duration::from_secs(2 * 86_400)));
        assert_eq!(found.retention_size, Some(1 << 30));
        assert_eq!(retention_in_words(&found), "2d or 1GiB");
        // A size alone: no time, as with the flags.
        let found =
            settings(&[], "tsdb: {retention: {size: 1GiB}}\nexemplars: {max_exemplars: -1}");
        assert_eq!((found.retention_time, found.exemplars), (None, 0));
        assert_eq!(retention_in_words(&settings(&[], "tsdb: {}")), "15d");
    }

    #[test]
    fn a_share_is_of_the_disk_that_the_data_is_on() {
        let half = settings(&[], "tsdb: {retention: {percentage: 50}}").retention_size.unwrap();
        let all = settings(&[], "tsdb: {retention: {percentage: 100}}").retention_size.unwrap();
        assert!(all > 0 && half <= all / 2 && all / 2 - half <= 1);
        let least = settings(&[], "tsdb: {retention: {size: 1B, percentage: 50}}");
        assert_eq!(least.retention_size, Some(1));
    }
}
