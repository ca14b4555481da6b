//! Protobuf messages of remote write 1.0 and remote read (package `prometheus`), and the histogram that
//! remote write 2.0 shares with them. Field numbers are those of the published specifications.

use prost::{Enumeration, Message, Oneof};

/// What a remote write 1.0 request holds.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// The series with their samples.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
    /// Descriptions of metric families.
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<MetricMetadata>,
}

/// Type, help and unit of a metric family.
#[derive(Clone, PartialEq, Message)]
pub struct MetricMetadata {
    /// Number of the type, see [`kind`].
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// Name of the family.
    #[prost(string, tag = "2")]
    pub family: String,
    /// Its help text.
    #[prost(string, tag = "4")]
    pub help: String,
    /// Its unit.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// One series.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Its labels, sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Its samples, ascending in time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Its exemplars.
    #[prost(message, repeated, tag = "3")]
    pub exemplars: Vec<Exemplar>,
    /// Its native histograms, ascending in time.
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A float sample.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
    /// Since when it counts, milliseconds; 2.0 only.
    #[prost(int64, tag = "3")]
    pub start_timestamp: i64,
}

/// An exemplar.
#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    /// Its own labels.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// The observed value.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub timestamp: i64,
}

/// A native histogram of integers (deltas between buckets) or floats (absolute counts).
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// All observations.
    #[prost(oneof = "Count", tags = "1, 2")]
    pub count: Option<Count>,
    /// Sum of the observations.
    #[prost(double, tag = "3")]
    pub sum: f64,
    /// Resolution; −53 means custom bounds.
    #[prost(sint32, tag = "4")]
    pub schema: i32,
    /// Half the width of the zero bucket.
    #[prost(double, tag = "5")]
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    #[prost(oneof = "ZeroCount", tags = "6, 7")]
    pub zero_count: Option<ZeroCount>,
    /// Layout of the negative buckets.
    #[prost(message, repeated, tag = "8")]
    pub negative_spans: Vec<BucketSpan>,
    /// Each count less the one before; of integers.
    #[prost(sint64, repeated, tag = "9")]
    pub negative_deltas: Vec<i64>,
    /// Counts of floats.
    #[prost(double, repeated, tag = "10")]
    pub negative_counts: Vec<f64>,
    /// Layout of the positive buckets.
    #[prost(message, repeated, tag = "11")]
    pub positive_spans: Vec<BucketSpan>,
    /// Each count less the one before; of integers.
    #[prost(sint64, repeated, tag = "12")]
    pub positive_deltas: Vec<i64>,
    /// Counts of floats.
    #[prost(double, repeated, tag = "13")]
    pub positive_counts: Vec<f64>,
    /// What is known of a reset before it.
    #[prost(enumeration = "ResetHint", tag = "14")]
    pub reset_hint: i32,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "15")]
    pub timestamp: i64,
    /// Upper bounds of custom buckets.
    #[prost(double, repeated, tag = "16")]
    pub custom_values: Vec<f64>,
    /// Since when it counts, milliseconds; 2.0 only.
    #[prost(int64, tag = "17")]
    pub start_timestamp: i64,
}

/// All observations of a histogram.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum Count {
    /// Of integers.
    #[prost(uint64, tag = "1")]
    Int(u64),
    /// Of floats.
    #[prost(double, tag = "2")]
    Float(f64),
}

/// Observations in the zero bucket.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum ZeroCount {
    /// Of integers.
    #[prost(uint64, tag = "6")]
    Int(u64),
    /// Of floats.
    #[prost(double, tag = "7")]
    Float(f64),
}

/// A run of buckets.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct BucketSpan {
    /// Gap to the span before, or where the first one begins.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// How many buckets follow one another.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

/// What is known of a counter reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ResetHint {
    /// Nothing.
    Unknown = 0,
    /// There was one.
    Yes = 1,
    /// There was none.
    No = 2,
    /// Resets mean nothing.
    Gauge = 3,
}

/// A remote write 2.0 request (package `io.prometheus.write.v2`).
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequestV2 {
    /// Every text once; the first is empty.
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    /// The series with their samples.
    #[prost(message, repeated, tag = "5")]
    pub timeseries: Vec<TimeSeriesV2>,
}

/// One series of 2.0.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeriesV2 {
    /// Places of names and values in turn, sorted by name.
    #[prost(uint32, repeated, tag = "1")]
    pub labels: Vec<u32>,
    /// Its samples, ascending in time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Its native histograms, ascending in time.
    #[prost(message, repeated, tag = "3")]
    pub histograms: Vec<Histogram>,
    /// Its exemplars.
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<ExemplarV2>,
    /// What its metric family is.
    #[prost(message, optional, tag = "5")]
    pub metadata: Option<MetadataV2>,
}

/// An exemplar of 2.0.
#[derive(Clone, PartialEq, Message)]
pub struct ExemplarV2 {
    /// Places of names and values in turn.
    #[prost(uint32, repeated, tag = "1")]
    pub labels: Vec<u32>,
    /// The observed value.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub timestamp: i64,
}

/// Type, help and unit of 2.0.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct MetadataV2 {
    /// Number of the type.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// Place of the help text.
    #[prost(uint32, tag = "3")]
    pub help: u32,
    /// Place of the unit.
    #[prost(uint32, tag = "4")]
    pub unit: u32,
}

/// What a remote read asks for.
#[derive(Clone, PartialEq, Message)]
pub struct ReadRequest {
    /// Each is answered by itself.
    #[prost(message, repeated, tag = "1")]
    pub queries: Vec<Query>,
    /// Forms of the answer that the client reads, the preferred one first; samples if there is none.
    #[prost(enumeration = "ResponseType", repeated, tag = "2")]
    pub accepted_response_types: Vec<i32>,
}

/// Form of the answer to a remote read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ResponseType {
    /// One message with every sample.
    Samples = 0,
    /// A stream of messages with chunks as the reference program stores them.
    StreamedXorChunks = 1,
}

/// Series in a range of time.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// First millisecond.
    #[prost(int64, tag = "1")]
    pub start_timestamp_ms: i64,
    /// Last millisecond.
    #[prost(int64, tag = "2")]
    pub end_timestamp_ms: i64,
    /// All must pass.
    #[prost(message, repeated, tag = "3")]
    pub matchers: Vec<LabelMatcher>,
}

/// A condition on a label.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct LabelMatcher {
    /// The comparison.
    #[prost(enumeration = "MatcherType", tag = "1")]
    pub kind: i32,
    /// The label.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The value or regular expression.
    #[prost(string, tag = "3")]
    pub value: String,
}

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum MatcherType {
    /// `=`
    Equal = 0,
    /// `!=`
    NotEqual = 1,
    /// `=~`
    Regex = 2,
    /// `!~`
    NotRegex = 3,
}

/// The answer in samples.
#[derive(Clone, PartialEq, Message)]
pub struct ReadResponse {
    /// One for each query, in their order.
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<QueryResult>,
}

/// The series of one query.
#[derive(Clone, PartialEq, Message)]
pub struct QueryResult {
    /// Ordered by their labels.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// One message of an answer in chunks.
#[derive(Clone, PartialEq, Message)]
pub struct ChunkedReadResponse {
    /// Series, or parts of them.
    #[prost(message, repeated, tag = "1")]
    pub chunked_series: Vec<ChunkedSeries>,
    /// Which query they answer.
    #[prost(int64, tag = "2")]
    pub query_index: i64,
}

/// A series, or a part of it.
#[derive(Clone, PartialEq, Message)]
pub struct ChunkedSeries {
    /// Its labels, sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Its chunks, ascending in time.
    #[prost(message, repeated, tag = "2")]
    pub chunks: Vec<Chunk>,
}

/// A chunk of samples.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Chunk {
    /// Time of the first sample.
    #[prost(int64, tag = "1")]
    pub min_time_ms: i64,
    /// Time of the last sample.
    #[prost(int64, tag = "2")]
    pub max_time_ms: i64,
    /// How `data` is encoded; 1 is XOR of floats.
    #[prost(int32, tag = "3")]
    pub encoding: i32,
    /// The samples.
    #[prost(bytes = "vec", tag = "4")]
    pub data: Vec<u8>,
}
