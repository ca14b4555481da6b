//! The answering end of remote read: samples in one message, or chunks in a stream of them.

mod xor;

use std::ops::ControlFlow;
use std::sync::Arc;

use prost::Message;

use crate::model::{Labels, MatchOp, Matcher, TimeRange};
use crate::storage::{Columns, QuerySymbols, Select, SelectError, SeriesSet};
use crate::wire::remote as wire;

/// What a client may ask for at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Samples of an answer in one message; 0 is no limit.
    pub samples: usize,
    /// Bytes of one message of a stream.
    pub frame: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { samples: 50_000_000, frame: 1 << 20 }
    }
}

/// Why a read is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The request is no request.
    #[error("{0}")]
    Malformed(String),
    /// The answer would be too large.
    #[error("exceeded sample limit ({0})")]
    TooManySamples(usize),
    /// Chunks of native histograms are not among what is written here.
    #[error("native histograms are answered as samples only: accept the response type SAMPLES")]
    Histograms,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] SelectError),
}

/// One query of a request.
struct Asked {
    range: TimeRange,
    matchers: Vec<Matcher>,
}

/// A read request.
pub struct ReadRequest {
    queries: Vec<Asked>,
    samples: bool,
    chunks: bool,
    /// Labels of this server, which its series have when seen from outside.
    external: Labels,
}

impl ReadRequest {
    /// Unpacks and checks a request.
    pub fn parse(packed: &[u8], external: &Labels) -> Result<Self, ReadError> {
        let malformed = |err: &dyn std::fmt::Display| ReadError::Malformed(err.to_string());
        let bytes =
            snap::raw::Decoder::new().decompress_vec(packed).map_err(|err| malformed(&err))?;
        let request = wire::ReadRequest::decode(&*bytes).map_err(|err| malformed(&err))?;
        let accepts = |kind| request.accepted_response_types().any(|accepted| accepted == kind);
        let chunks = accepts(wire::ResponseType::StreamedXorChunks);
        // A client that names nothing is of the time before there was a choice.
        let samples = accepts(wire::ResponseType::Samples) || !chunks;
        let queries = request.queries.iter().map(|query| Asked::of(query, external));
        let queries = queries.collect::<Result<_, _>>()?;
        Ok(Self { queries, samples, chunks, external: external.clone() })
    }

    /// Whether the answer is to be a stream of chunks: the client reads them, and they can hold what is
    /// asked for. Reads the series once.
    pub fn is_streamed(&self, store: &dyn Select) -> Result<bool, ReadError> {
        if !self.chunks || !self.samples {
            return Ok(self.chunks);
        }
        let mut columns = Columns::default();
        for query in &self.queries {
            let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
            let set = store.select(&query.matchers, query.range, &symbols)?;
            for index in 0..set.len() {
                set.read(index, query.range, &mut columns)?;
                if !columns.histogram_times.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The whole answer, packed.
    pub fn samples(&self, store: &dyn Select, limits: ReadLimits) -> Result<Vec<u8>, ReadError> {
        let mut response = wire::ReadResponse::default();
        let mut total = 0;
        for query in &self.queries {
            let mut timeseries = Vec::new();
            query.each(store, &self.external, |labels, columns| {
                total += columns.len();
                if limits.samples > 0 && total > limits.samples {
                    return Err(ReadError::TooManySamples(limits.samples));
                }
                timeseries.push(series(labels, columns));
                Ok(ControlFlow::Continue(()))
            })?;
            response.results.push(wire::QueryResult { timeseries });
        }
        let packed = snap::raw::Encoder::new().compress_vec(&response.encode_to_vec());
        packed.map_err(|err| ReadError::Malformed(err.to_string()))
    }

    /// Gives the messages of a stream one by one, each with its frame, until nobody wants more.
    pub fn chunks(
        &self,
        store: &dyn Select,
        limits: ReadLimits,
        mut give: impl FnMut(Vec<u8>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        for (index, query) in (0..).zip(&self.queries) {
            query.each(store, &self.external, |labels, columns| {
                if !columns.histogram_times.is_empty() {
                    return Err(ReadError::Histograms);
                }
                let mut part = wire::ChunkedSeries { labels: pairs(labels), chunks: Vec::new() };
                let mut bytes = part.encoded_len();
                let pieces =
                    columns.times.chunks(xor::CHUNK).zip(columns.values.chunks(xor::CHUNK));
                for (times, values) in pieces {
                    let data = xor::encode(times, values);
                    bytes += data.len() + 24;
                    if bytes > limits.frame && !part.chunks.is_empty() {
                        if give(framed(&mut part, index)).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                        bytes = part.encoded_len() + data.len() + 24;
                    }
                    let (first, last) = (times.first(), times.last());
                    part.chunks.push(wire::Chunk {
                        min_time_ms: first.copied().unwrap_or_default(),
                        max_time_ms: last.copied().unwrap_or_default(),
                        encoding: 1,
                        data,
                    });
                }
                Ok(give(framed(&mut part, index)))
            })?;
        }
        Ok(())
    }
}

impl Asked {
    fn of(query: &wire::Query, external: &Labels) -> Result<Self, ReadError> {
        let mut matchers = Vec::new();
        for matcher in &query.matchers {
            let op = match matcher.kind() {
                wire::MatcherType::Equal => MatchOp::Equal,
                wire::MatcherType::NotEqual => MatchOp::NotEqual,
                wire::MatcherType::Regex => MatchOp::Regex,
                wire::MatcherType::NotRegex => MatchOp::NotRegex,
            };
            // Stored series do not have the external labels: what asks for them asks for any series.
            let own = external.get(&matcher.name);
            if op == MatchOp::Equal && own == Some(matcher.value.as_str()) {
                continue;
            }
            let matcher = Matcher::new(&matcher.name, op, &matcher.value)
                .map_err(|err| ReadError::Malformed(err.to_string()))?;
            matchers.push(matcher);
        }
        let range = TimeRange::new(query.start_timestamp_ms, query.end_timestamp_ms);
        Ok(Self { range, matchers })
    }

    /// Series that have samples, ordered by their labels, until `take` has enough.
    fn each(
        &self,
        store: &dyn Select,
        external: &Labels,
        mut take: impl FnMut(&Labels, &Columns) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), ReadError> {
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let set = store.select(&self.matchers, self.range, &symbols)?;
        let set: &dyn SeriesSet = &*set;
        let mut found: Vec<(Labels, usize)> = (0..set.len())
            .map(|index| (outside(set.labels(index).to_labels(&symbols), external), index))
            .collect();
        found.sort_unstable();
        let mut columns = Columns::default();
        for (labels, index) in &found {
            set.read(*index, self.range, &mut columns)?;
            if !columns.is_empty() && take(labels, &columns)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Labels as the world sees them: with the external ones that the series does not have itself.
fn outside(labels: Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels;
    }
    let mut builder = labels.to_builder();
    for (name, value) in external.iter().filter(|(name, _)| labels.get(name).is_none()) {
        builder.set(name, value);
    }
    builder.build()
}

fn pairs(labels: &Labels) -> Vec<wire::Label> {
    let label =
        |(name, value): (&str, &str)| wire::Label { name: name.into(), value: value.into() };
    labels.iter().map(label).collect()
}

fn series(labels: &Labels, columns: &Columns) -> wire::TimeSeries {
    let samples = columns.times.iter().zip(&columns.values);
    let samples =
        samples.map(|(&timestamp, &value)| wire::Sample { value, timestamp, start_timestamp: 0 });
    let histograms = columns.histogram_times.iter().zip(&columns.histograms);
    let histograms = histograms.map(|(&timestamp, histogram)| wire::Histogram {
        timestamp,
        ..wire::Histogram::from(&**histogram)
    });
    wire::TimeSeries {
        labels: pairs(labels),
        samples: samples.collect(),
        exemplars: Vec::new(),
        histograms: histograms.collect(),
    }
}

/// A message with its length and checksum; empties the part but for its labels.
fn framed(part: &mut wire::ChunkedSeries, query_index: i64) -> Vec<u8> {
    let chunks = std::mem::take(&mut part.chunks);
    let whole = wire::ChunkedSeries { labels: part.labels.clone(), chunks };
    let message = wire::ChunkedReadResponse { chunked_series: vec![whole], query_index };
    let message = message.encode_to_vec();
    let mut frame = Vec::with_capacity(message.len() + 14);
    prost::encoding::encode_varint(message.len() as u64, &mut frame);
    frame.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Append, Batch, FloatRow, HistogramRow, MemoryStore};

    fn store() -> MemoryStore {
        let store = MemoryStore::default();
        let mut batch = Batch::default();
        for job in ["b", "a"] {
            let labels = Labels::from_pairs([("__name__", "up"), ("job", job)]);
            let series = store.register(&labels).unwrap();
            let row =
                |at: i64| FloatRow { series, time: at * 1000, start_time: 0, value: at as f64 };
            batch.floats.extend((1..=300).map(row));
        }
        store.append(&batch).unwrap();
        store
    }

    fn request(types: &[wire::ResponseType], matchers: &[(&str, &str)]) -> Vec<u8> {
        let matcher = |&(name, value): &(&str, &str)| wire::LabelMatcher {
            kind: wire::MatcherType::Equal.into(),
            name: name.into(),
            value: value.into(),
        };
        let query = wire::Query {
            start_timestamp_ms: 2000,
            end_timestamp_ms: 299_000,
            matchers: matchers.iter().map(matcher).collect(),
        };
        let request = wire::ReadRequest {
            queries: vec![query],
            accepted_response_types: types.iter().map(|&kind| kind.into()).collect(),
        };
        snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap()
    }

    fn external() -> Labels {
        Labels::from_pairs([("dc", "eu")])
    }

    #[test]
    fn samples_are_those_of_the_range_ordered_by_labels_with_the_external_ones() {
        let body = request(&[], &[("__name__", "up"), ("dc", "eu")]);
        let asked = ReadRequest::parse(&body, &external()).unwrap();
        assert!(!asked.is_streamed(&store()).unwrap());
        let packed = asked.samples(&store(), ReadLimits::default()).unwrap();
        let bytes = snap::raw::Decoder::new().decompress_vec(&packed).unwrap();
        let response = wire::ReadResponse::decode(&*bytes).unwrap();
        let found = &response.results[0].timeseries;
        let names = |at: usize| found[at].labels.iter().map(|label| label.value.as_str());
        assert_eq!(names(0).collect::<Vec<_>>(), ["up", "eu", "a"]);
        assert_eq!(names(1).collect::<Vec<_>>(), ["up", "eu", "b"]);
        assert_eq!(found[0].samples.len(), 298);
        assert_eq!(found[0].samples[0].timestamp, 2000);
        let limits = ReadLimits { samples: 500, ..ReadLimits::default() };
        assert!(matches!(asked.samples(&store(), limits), Err(ReadError::TooManySamples(500))));
        let other = request(&[], &[("dc", "us")]);
        let asked = ReadRequest::parse(&other, &external()).unwrap();
        let packed = asked.samples(&store(), ReadLimits::default()).unwrap();
        assert_eq!(packed, snap::raw::Encoder::new().compress_vec(&[0x0a, 0]).unwrap());
    }

    #[test]
    fn a_stream_has_frames_of_the_wanted_size_with_checksums() {
        let body = request(
            &[wire::ResponseType::StreamedXorChunks, wire::ResponseType::Samples],
            &[("job", "a")],
        );
        let asked = ReadRequest::parse(&body, &Labels::empty()).unwrap();
        assert!(asked.is_streamed(&store()).unwrap());
        let mut frames = Vec::new();
        let limits = ReadLimits { frame: 100, ..ReadLimits::default() };
        let give = |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        };
        asked.chunks(&store(), limits, give).unwrap();
        assert!(frames.len() > 1, "{}", frames.len());
        let mut counted = 0;
        for frame in &frames {
            let mut rest = &frame[..];
            let length = prost::encoding::decode_varint(&mut rest).unwrap();
            let (checksum, message) = rest.split_first_chunk().unwrap();
            assert_eq!(message.len() as u64, length);
            assert_eq!(u32::from_be_bytes(*checksum), crc32c::crc32c(message));
            let message = wire::ChunkedReadResponse::decode(message).unwrap();
            for chunk in &message.chunked_series[0].chunks {
                counted += usize::from(u16::from_be_bytes([chunk.data[0], chunk.data[1]]));
            }
        }
        assert_eq!(counted, 298);
    }

    #[test]
    fn histograms_go_as_samples() {
        let store = store();
        let labels = Labels::from_pairs([("__name__", "h")]);
        let series = store.register(&labels).unwrap();
        let value = Arc::new(crate::model::Histogram { count: 2.0, ..Default::default() });
        let row = HistogramRow { series, time: 5000, start_time: 0, value };
        store.append(&Batch { histograms: vec![row], ..Batch::default() }).unwrap();
        let both = [wire::ResponseType::StreamedXorChunks, wire::ResponseType::Samples];
        let asked = ReadRequest::parse(&request(&both, &[]), &Labels::empty()).unwrap();
        assert!(!asked.is_streamed(&store).unwrap());
        let asked = ReadRequest::parse(&request(&both[..1], &[]), &Labels::empty()).unwrap();
        assert!(asked.is_streamed(&store).unwrap());
        let result = asked.chunks(&store, ReadLimits::default(), |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(ReadError::Histograms)));
    }
}
