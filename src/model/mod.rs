//! The shared words: what every engine, every wire format and every test speaks of.

mod alert;
mod duration;
mod glob;
mod histogram;
mod labels;
mod matcher;
mod sample;
mod size;
mod slug;

pub use alert::Alert;
pub use duration::{DurationError, PromDuration, format_duration, parse_duration};
pub use glob::{glob, glob_matches};
pub use histogram::{BucketSpan, CounterReset, Histogram};
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use sample::{Exemplar, Metadata, MetricType, STALE_NAN, TimeRange, Timestamp, is_stale, now};
pub use size::ByteSize;
pub use slug::slug;

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";
