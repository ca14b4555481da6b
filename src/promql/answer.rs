//! What a query gives back.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::model::{Histogram, Timestamp};
use crate::storage::{LabelSet, QuerySymbols, SelectError};

/// One element of an instant vector: a float, or a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Labels of the element.
    pub labels: LabelSet,
    /// Evaluation time in milliseconds.
    pub time: Timestamp,
    /// The value; meaningless if there is a histogram.
    pub value: f64,
    /// The histogram, if the element is one.
    pub histogram: Option<Arc<Histogram>>,
}

/// One series of a matrix; both kinds ascending in time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MatrixSeries {
    /// Labels of the series.
    pub labels: LabelSet,
    /// Times of the float points in milliseconds.
    pub times: Vec<Timestamp>,
    /// Values, parallel to `times`.
    pub values: Vec<f64>,
    /// Histogram points.
    pub histograms: Vec<(Timestamp, Arc<Histogram>)>,
}

/// The result proper.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number at a time.
    Scalar(Timestamp, f64),
    /// A string at a time.
    String(Timestamp, String),
    /// One sample per series.
    Vector(Vec<VectorSample>),
    /// Many samples per series; series sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

impl Value {
    /// The API's word for the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar(..) => "scalar",
            Self::String(..) => "string",
            Self::Vector(_) => "vector",
            Self::Matrix(_) => "matrix",
        }
    }
}

/// What the evaluation cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryStats {
    /// Samples read from the store, counted once for each step that used them.
    pub total_samples: u64,
    /// Most samples held at once.
    pub peak_samples: u64,
    /// Series whose columns were decoded. No series of a selector is decoded twice in one query.
    pub series_decoded: u64,
}

/// A result with what is needed to read it.
#[derive(Clone)]
pub struct Answer {
    /// Resolves the label sets.
    pub symbols: QuerySymbols,
    /// The result.
    pub value: Value,
    /// Sentences that may mean a wrong result, each ending in ` (line:col)`.
    pub warnings: Vec<String>,
    /// Sentences that are good to know, each ending in ` (line:col)`.
    pub infos: Vec<String>,
    /// What it cost.
    pub stats: QueryStats,
}

/// Limits and settings of one evaluation.
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// How far an instant selector looks back; 5 minutes unless said otherwise.
    pub lookback: Duration,
    /// Step of a subquery that names none: the global evaluation interval.
    pub default_step: Duration,
    /// Most samples a query may hold at once.
    pub max_samples: u64,
    /// When the query must have ended.
    pub deadline: Option<Instant>,
    /// Set from outside once nobody waits for the answer any more.
    pub cancel: Option<Arc<AtomicBool>>,
    /// The query's text: gives annotations their line and column. Without it all is line 1.
    pub text: Arc<str>,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(300),
            default_step: Duration::from_secs(60),
            max_samples: 50_000_000,
            deadline: None,
            cancel: None,
            text: Arc::from(""),
        }
    }
}

/// Why a query failed. The messages are those that clients of Prometheus know.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is no PromQL, or its types do not fit: `1:5: parse error: …`.
    #[error("{0}")]
    Parse(String),
    /// The evaluation cannot go on (many-to-many matching, bad parameter …).
    #[error("{0}")]
    Execution(String),
    /// The deadline passed.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The client went away.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// `max_samples` reached.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] SelectError),
}
