//! What the store is told, and what it says when it cannot go on.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a store; plain values, filled in by the runner.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The data folder. Everything of ours lies in its subfolder `stackctl`, the rest is not touched.
    pub path: PathBuf,
    /// Partitions whose newest sample is older than the newest sample of all by more than this are
    /// removed; `None` keeps them.
    pub retention_time: Option<Duration>,
    /// Bytes of partitions and log; the oldest partitions above it are removed; `None` is no limit.
    pub retention_size: Option<u64>,
    /// Length of a window: what is sealed into one partition. Twelve windows make a merged one.
    pub window: Duration,
    /// Whether `append` returns only after its log frame is on the disk (group commit); otherwise the
    /// log is synced once a second.
    pub sync: bool,
    /// How much older than the newest sample of its series a sample may be; zero refuses all.
    pub out_of_order: Duration,
    /// How far ahead of the clock a sample may be; `None` is no limit.
    pub future_limit: Option<Duration>,
    /// Exemplars kept in memory, over all series; zero keeps none.
    pub exemplars: usize,
    /// Series in memory; `None` is no limit.
    pub series_limit: Option<usize>,
    /// Bytes of decoded blocks of sealed partitions kept in memory.
    pub cache_bytes: usize,
}

impl Config {
    /// The defaults for a data folder: 15 days, windows of two hours, ten minutes ahead.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            retention_time: Some(Duration::from_secs(15 * 24 * 3600)),
            retention_size: None,
            window: Duration::from_secs(2 * 3600),
            sync: false,
            out_of_order: Duration::ZERO,
            future_limit: Some(Duration::from_secs(600)),
            exemplars: 100_000,
            series_limit: None,
            cache_bytes: 32 << 20,
        }
    }
}

/// What can change while the store runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// See [`Config::retention_time`].
    pub retention_time: Option<Duration>,
    /// See [`Config::retention_size`].
    pub retention_size: Option<u64>,
    /// See [`Config::out_of_order`].
    pub out_of_order: Duration,
    /// See [`Config::exemplars`].
    pub exemplars: usize,
}

impl Config {
    /// The part that can change while the store runs.
    pub fn settings(&self) -> Settings {
        let Self { retention_time, retention_size, out_of_order, exemplars, .. } = *self;
        Settings { retention_time, retention_size, out_of_order, exemplars }
    }
}

/// What the store could not do.
#[derive(Debug, thiserror::Error)]
pub enum TsdbError {
    /// Another process has the data folder.
    #[error("{} is in use by {owner}", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// Who has it: `process 4711`, or `another process` where it left no number.
        owner: String,
    },
    /// A file or folder could not be made, read, written or removed.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried: `create`, `read`, `write` …
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A partition could not be written; the head and the log keep its samples.
    #[error("cannot write the partition {}: {reason}", path.display())]
    Seal {
        /// The temporary file.
        path: PathBuf,
        /// What redb says.
        reason: String,
    },
    /// A stored file is damaged.
    #[error("damaged data in {}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the checksum or decoder found.
        reason: String,
    },
    /// The settings contradict themselves.
    #[error("{0}")]
    Config(&'static str),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}
