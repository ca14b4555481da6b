//! Time, values and what accompanies them.

use serde::{Deserialize, Serialize};

use super::Labels;

/// Milliseconds since the Unix epoch; may be negative.
pub type Timestamp = i64;

/// This instant by the machine's clock. For the outermost callers: what counts with time takes it as an
/// argument.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The NaN whose bit pattern ends a series ("stale marker"), as Prometheus writes it.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether this value is the stale marker, bit for bit.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// A closed range of time, both ends in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant inside.
    pub start: Timestamp,
    /// Last instant inside.
    pub end: Timestamp,
}

impl TimeRange {
    /// Everything there is.
    pub const ALL: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// Both ends are inside.
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether the instant lies inside.
    pub fn contains(self, time: Timestamp) -> bool {
        self.start <= time && time <= self.end
    }

    /// Whether the two have an instant in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// A sample picked as an example, usually with a trace id.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The exemplar's own labels, not those of its series.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed.
    pub time: Timestamp,
}

/// What an exposition says a metric family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// Only grows, until its process restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// A histogram whose buckets may shrink (OpenMetrics).
    GaugeHistogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// Constant labels with the value 1 (OpenMetrics).
    Info,
    /// One of a set of states (OpenMetrics).
    StateSet,
    /// Nothing was said; the text format writes `untyped`, the API `unknown`.
    #[default]
    Unknown,
}

impl MetricType {
    /// The word of the Prometheus API and of OpenMetrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }
}

/// Type, help and unit of a metric family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Metadata {
    /// What kind of metric it is.
    pub kind: MetricType,
    /// The help text, unescaped.
    pub help: String,
    /// The unit; empty where none was declared.
    pub unit: String,
}
