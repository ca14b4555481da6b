//! Native histograms: exponential buckets (schema −4…8) or custom bounds (schema −53).

/// Whether a histogram sample is known to follow a counter reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CounterReset {
    /// Nothing is known: compare with the sample before.
    #[default]
    Unknown,
    /// A reset lies between this sample and the one before.
    Reset,
    /// No reset lies between them.
    NotReset,
    /// The histogram is a gauge: resets mean nothing.
    Gauge,
}

/// A run of populated buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSpan {
    /// Gap to the end of the span before; for the first span the index it starts at.
    pub offset: i32,
    /// How many buckets follow one another.
    pub length: u32,
}

/// One native histogram sample. Counts are absolute (not deltas) and floats; a histogram scraped as
/// integers holds whole numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Resolution: bounds grow by 2^(2^−schema); −53 means `custom_values`.
    pub schema: i8,
    /// What is known of a reset before this sample.
    pub counter_reset: CounterReset,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of the observations; the stale NaN marks the end of the series.
    pub sum: f64,
    /// Layout of `positive`.
    pub positive_spans: Vec<BucketSpan>,
    /// Counts of the positive buckets.
    pub positive: Vec<f64>,
    /// Layout of `negative`.
    pub negative_spans: Vec<BucketSpan>,
    /// Counts of the negative buckets.
    pub negative: Vec<f64>,
    /// Ascending upper bounds, without +Inf, where `schema` is [`Histogram::CUSTOM`].
    pub custom_values: Vec<f64>,
}

impl Histogram {
    /// The schema number of histograms with custom bounds.
    pub const CUSTOM: i8 = -53;

    /// A stale marker in the shape of a histogram.
    pub fn stale() -> Self {
        Self { sum: super::STALE_NAN, ..Self::default() }
    }

    /// Whether this sample ends its series.
    pub fn is_stale(&self) -> bool {
        super::is_stale(self.sum)
    }
}
