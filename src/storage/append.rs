//! Taking samples in, a batch at a time.

use std::sync::Arc;

use crate::model::{Exemplar, Histogram, Labels, Metadata, Timestamp};

/// A registered series. Ids are never reused while the process lives; the store may forget a series
/// that got no samples for a while, and then rejects its rows as [`Reject::UnknownSeries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u64);

/// One float sample; the stale marker is an ordinary value here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatRow {
    /// Which series.
    pub series: SeriesId,
    /// When it was sampled.
    pub time: Timestamp,
    /// Since when a counter counts, in milliseconds; 0 where it is unknown.
    pub start_time: Timestamp,
    /// The value; every bit pattern is kept.
    pub value: f64,
}

/// One native histogram sample.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramRow {
    /// Which series.
    pub series: SeriesId,
    /// When it was sampled.
    pub time: Timestamp,
    /// Since when it counts, in milliseconds; 0 where it is unknown.
    pub start_time: Timestamp,
    /// The sample.
    pub value: Arc<Histogram>,
}

/// One exemplar of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarRow {
    /// Which series.
    pub series: SeriesId,
    /// The exemplar.
    pub exemplar: Exemplar,
}

/// Type, help and unit of a metric family, as one target exposes it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRow {
    /// Metric family name.
    pub family: String,
    /// What the target says of it.
    pub metadata: Metadata,
}

/// What is appended together: all rows of one scrape, one rule evaluation or one write request. Kept
/// and reused by its owner, so that a steady scrape allocates nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Float samples.
    pub floats: Vec<FloatRow>,
    /// Native histograms.
    pub histograms: Vec<HistogramRow>,
    /// Exemplars.
    pub exemplars: Vec<ExemplarRow>,
    /// Metadata that is new or changed since the last batch.
    pub metadata: Vec<MetadataRow>,
    /// Whether one rejected row keeps all others from being stored.
    pub whole: bool,
}

impl Batch {
    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        let Self { floats, histograms, exemplars, metadata, whole } = self;
        floats.clear();
        histograms.clear();
        exemplars.clear();
        metadata.clear();
        *whole = false;
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        let Self { floats, histograms, exemplars, metadata, whole: _ } = self;
        floats.is_empty() && histograms.is_empty() && exemplars.is_empty() && metadata.is_empty()
    }
}

/// Why a single row was not taken. The other rows of its batch are, unless it is to be stored whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Older than the newest sample of its series, and out-of-order samples are not allowed.
    OutOfOrder,
    /// Same time as the newest sample, another value.
    DuplicateTimestamp,
    /// Older than what the store still accepts.
    TooOld,
    /// Further ahead of the clock than the store accepts.
    TooFarInFuture,
    /// The id is not (or no longer) known: register the labels again.
    UnknownSeries,
    /// The sample is malformed (for instance a histogram whose layout does not fit its buckets).
    Invalid,
}

/// What became of a batch that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Samples stored; an exact duplicate of the newest sample counts as stored.
    pub appended: usize,
    /// Rejected float rows: index in [`Batch::floats`] and reason, ascending.
    pub rejected_floats: Vec<(u32, Reject)>,
    /// Rejected histogram rows: index in [`Batch::histograms`] and reason, ascending.
    pub rejected_histograms: Vec<(u32, Reject)>,
}

impl Outcome {
    /// Whether a row was rejected.
    pub fn has_rejected(&self) -> bool {
        !self.rejected_floats.is_empty() || !self.rejected_histograms.is_empty()
    }
}

/// The store could not take a batch; nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log could not be written (disk full, read-only …).
    #[error("cannot write to the log of the store: {0}")]
    Log(#[source] std::io::Error),
    /// A series limit is reached.
    #[error("series limit of {limit} reached")]
    SeriesLimit {
        /// The limit.
        limit: usize,
    },
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

/// A store that takes samples. When `append` returns, its samples are queryable and survive the end
/// of the process.
pub trait Append: Send + Sync {
    /// Finds or registers a series. Callers keep the id beside what identifies the series for them.
    fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError>;

    /// Stores a batch. Rows of one series must be in ascending time within the batch.
    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError>;
}
