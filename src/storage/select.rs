//! Giving samples back.

use std::sync::Arc;

use super::{LabelSet, QuerySymbols, Symbols};
use crate::model::{Exemplar, Histogram, Labels, Matcher, Metadata, TimeRange, Timestamp};

/// Decoded samples of one series, both kinds ascending in time and without repetition. Stale markers
/// are included: the reader decides what they mean. Reused from series to series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Times of the float samples, in milliseconds.
    pub times: Vec<Timestamp>,
    /// Values, parallel to `times`.
    pub values: Vec<f64>,
    /// Start timestamps parallel to `times`; empty if the series has none at all.
    pub start_times: Vec<Timestamp>,
    /// Times of the histogram samples, in milliseconds.
    pub histogram_times: Vec<Timestamp>,
    /// Histograms, parallel to `histogram_times`.
    pub histograms: Vec<Arc<Histogram>>,
    /// Start timestamps parallel to `histogram_times`; empty if the series has none at all.
    pub histogram_start_times: Vec<Timestamp>,
}

impl Columns {
    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        let Self { times, values, start_times, histogram_times, histograms, histogram_start_times } =
            self;
        times.clear();
        values.clear();
        start_times.clear();
        histogram_times.clear();
        histograms.clear();
        histogram_start_times.clear();
    }

    /// Samples of both kinds.
    pub fn len(&self) -> usize {
        self.times.len() + self.histogram_times.len()
    }

    /// Whether there is no sample of either kind.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A query of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// Stored data is damaged; the partition is named, the rest can be served.
    #[error("damaged data in {what}: {reason}")]
    Corrupt {
        /// File or part.
        what: String,
        /// What the checksum or decoder found.
        reason: String,
    },
    /// Reading failed.
    #[error("cannot read {what}: {source}")]
    Io {
        /// File or part.
        what: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

/// The series that a selection found, in no particular order, each label set once. Holds what it
/// needs (head snapshot, open partitions) until it is dropped.
pub trait SeriesSet: Send + Sync {
    /// How many series.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels of a series.
    fn labels(&self, index: usize) -> &LabelSet;

    /// Decodes the samples of one series inside the range; `into` is cleared first. Can be called
    /// from several threads at once.
    fn read(&self, index: usize, range: TimeRange, into: &mut Columns) -> Result<(), SelectError>;
}

/// Exemplars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarSeries {
    /// Labels of the series.
    pub labels: Labels,
    /// Ascending in time.
    pub exemplars: Vec<Exemplar>,
}

/// What is known of a metric family; targets may disagree, then there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyMetadata {
    /// Metric family name.
    pub family: String,
    /// Each distinct declaration once.
    pub metadata: Vec<Metadata>,
}

/// Figures of the store for `/api/v1/status/tsdb` and `/metrics`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreStats {
    /// Series in memory.
    pub head_series: u64,
    /// Sealed and open chunks in memory.
    pub head_chunks: u64,
    /// Distinct label pairs in memory.
    pub head_label_pairs: u64,
    /// Oldest sample in memory; `None` while it is empty.
    pub head_min_time: Option<Timestamp>,
    /// Newest sample in memory; `None` while it is empty.
    pub head_max_time: Option<Timestamp>,
    /// Samples taken since the start.
    pub samples_appended: u64,
    /// Sealed partitions on disk.
    pub partitions: u64,
    /// Bytes of all files of the store.
    pub disk_bytes: u64,
    /// Bytes of the open window's log.
    pub log_bytes: u64,
    /// Oldest sample of all.
    pub min_time: Option<Timestamp>,
    /// The ten metric names with the most series in memory: name and count, descending.
    pub series_by_metric: Vec<(String, u64)>,
    /// The ten label names with the most values in memory: name and count, descending.
    pub values_by_label: Vec<(String, u64)>,
    /// The ten label names whose values take the most bytes: name and bytes, descending.
    pub bytes_by_label: Vec<(String, u64)>,
    /// The ten label pairs with the most series: `name=value` and count, descending.
    pub series_by_pair: Vec<(String, u64)>,
}

/// A store that can be queried. All methods may block on the disk: call them from computing threads.
pub trait Select: Send + Sync {
    /// The string table that label sets refer to.
    fn symbols(&self) -> &Arc<Symbols>;

    /// Series that pass all matchers and have, or may have, samples in the range. Empty `matchers`
    /// select every series.
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        symbols: &QuerySymbols,
    ) -> Result<Box<dyn SeriesSet>, SelectError>;

    /// Names of labels on series that pass any of the matcher lists (all series if there is no
    /// list), sorted.
    fn label_names(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError>;

    /// Values of one label on series that pass any of the matcher lists, sorted.
    fn label_values(
        &self,
        name: &str,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError>;

    /// Exemplars of the series that pass any of the matcher lists, ordered by labels.
    fn exemplars(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<ExemplarSeries>, SelectError>;

    /// Metadata by family, sorted; only one family if it is named.
    fn metadata(&self, family: Option<&str>) -> Vec<FamilyMetadata>;

    /// Figures; `top` bounds the lists in it.
    fn stats(&self, top: usize) -> StoreStats;
}
