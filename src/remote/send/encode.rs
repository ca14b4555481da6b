//! Rows as requests: both versions of the message, packed with Snappy.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;

use crate::model::{Exemplar, Histogram, Labels, Metadata, MetricType, Timestamp};
use crate::scrape::config::Protocol;
use crate::storage::FamilyMetadata;
use crate::wire::remote as wire;

/// What is sent of one row.
#[derive(Debug, Clone)]
pub enum Value {
    /// A sample.
    Float { start: Timestamp, value: f64 },
    /// A native histogram.
    Histogram { start: Timestamp, value: Arc<Histogram> },
    /// An exemplar.
    Exemplar(Arc<Exemplar>),
}

/// A row on its way.
#[derive(Debug, Clone)]
pub struct Row {
    /// Labels as they are sent; `None` if the series is not.
    pub labels: Option<Arc<Labels>>,
    /// When.
    pub time: Timestamp,
    /// What.
    pub value: Value,
}

/// What families are, by name.
pub type Families = HashMap<String, Metadata>;

/// Families by name, the first declaration of each.
pub fn families(all: Vec<FamilyMetadata>) -> Families {
    let first = |family: FamilyMetadata| Some((family.family, family.metadata.into_iter().next()?));
    all.into_iter().filter_map(first).collect()
}

/// A packed request.
pub fn request(protocol: Protocol, rows: &[Row], families: &Families) -> Vec<u8> {
    let message = match protocol {
        Protocol::V1 => version_1(rows).encode_to_vec(),
        Protocol::V2 => version_2(rows, families).encode_to_vec(),
    };
    pack(&message)
}

/// A packed request of version 1 with metadata alone.
pub fn metadata(families: &[(&String, &Metadata)]) -> Vec<u8> {
    let metadata = families.iter().map(|(family, metadata)| wire::MetricMetadata {
        kind: number_of(metadata.kind),
        family: (*family).clone(),
        help: metadata.help.clone(),
        unit: metadata.unit.clone(),
    });
    let request = wire::WriteRequest { timeseries: Vec::new(), metadata: metadata.collect() };
    pack(&request.encode_to_vec())
}

fn pack(message: &[u8]) -> Vec<u8> {
    // Fails beyond 4 GiB only, which no request of a few thousand rows has.
    snap::raw::Encoder::new().compress_vec(message).unwrap_or_default()
}

/// The rows with the place of their series: one for all rows of the same labels.
fn by_series<'a>(rows: &'a [Row], mut begin: impl FnMut(&'a Labels)) -> Vec<(usize, &'a Row)> {
    let mut places: HashMap<*const Labels, usize> = HashMap::new();
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(labels) = &row.labels else { continue };
        let next = places.len();
        let place = *places.entry(Arc::as_ptr(labels)).or_insert_with(|| {
            begin(labels);
            next
        });
        placed.push((place, row));
    }
    placed
}

fn histogram(row: &Row, start: Timestamp, value: &Histogram) -> wire::Histogram {
    wire::Histogram { timestamp: row.time, start_timestamp: start, ..wire::Histogram::from(value) }
}

fn version_1(rows: &[Row]) -> wire::WriteRequest {
    let pairs = |labels: &Labels| {
        let label = |(name, value): (&str, &str)| wire::Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        labels.iter().map(label).collect()
    };
    let mut series: Vec<wire::TimeSeries> = Vec::new();
    let placed = by_series(rows, |labels| {
        series.push(wire::TimeSeries { labels: pairs(labels), ..wire::TimeSeries::default() });
    });
    for (place, row) in placed {
        let series = &mut series[place];
        // Version 1 knows no start of a counter.
        match &row.value {
            Value::Float { value, .. } => series.samples.push(wire::Sample {
                value: *value,
                timestamp: row.time,
                start_timestamp: 0,
            }),
            Value::Histogram { value, .. } => series.histograms.push(histogram(row, 0, value)),
            Value::Exemplar(exemplar) => series.exemplars.push(wire::Exemplar {
                labels: pairs(&exemplar.labels),
                value: exemplar.value,
                timestamp: exemplar.time,
            }),
        }
    }
    wire::WriteRequest { timeseries: series, metadata: Vec::new() }
}

struct Symbols<'a> {
    places: HashMap<&'a str, u32>,
    all: Vec<String>,
}

impl<'a> Symbols<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        *self.places.entry(text).or_insert_with(|| {
            self.all.push(text.to_owned());
            self.all.len() as u32 - 1
        })
    }

    fn labels(&mut self, labels: &'a Labels) -> Vec<u32> {
        labels.iter().flat_map(|(name, value)| [self.place(name), self.place(value)]).collect()
    }
}

fn version_2(rows: &[Row], families: &Families) -> wire::WriteRequestV2 {
    let mut symbols = Symbols { places: HashMap::from([("", 0)]), all: vec![String::new()] };
    let mut series: Vec<wire::TimeSeriesV2> = Vec::new();
    let placed = by_series(rows, |labels| {
        let metadata = family_of(labels.metric_name(), families);
        let metadata = metadata.map(|metadata| wire::MetadataV2 {
            kind: number_of(metadata.kind),
            help: symbols.place(&metadata.help),
            unit: symbols.place(&metadata.unit),
        });
        let labels = symbols.labels(labels);
        series.push(wire::TimeSeriesV2 { labels, metadata, ..wire::TimeSeriesV2::default() });
    });
    for (place, row) in placed {
        let series = &mut series[place];
        match &row.value {
            Value::Float { start, value } => series.samples.push(wire::Sample {
                value: *value,
                timestamp: row.time,
                start_timestamp: *start,
            }),
            Value::Histogram { start, value } => {
                series.histograms.push(histogram(row, *start, value));
            }
            Value::Exemplar(exemplar) => series.exemplars.push(wire::ExemplarV2 {
                labels: symbols.labels(&exemplar.labels),
                value: exemplar.value,
                timestamp: exemplar.time,
            }),
        }
    }
    wire::WriteRequestV2 { symbols: symbols.all, timeseries: series }
}

/// What is said of the family that a series belongs to.
fn family_of<'a>(name: &str, families: &'a Families) -> Option<&'a Metadata> {
    let suffixes = ["_bucket", "_count", "_sum", "_total"];
    families
        .get(name)
        .or_else(|| suffixes.iter().find_map(|suffix| families.get(name.strip_suffix(suffix)?)))
}

fn number_of(kind: MetricType) -> i32 {
    match kind {
        MetricType::Unknown => 0,
        MetricType::Counter => 1,
        MetricType::Gauge => 2,
        MetricType::Histogram => 3,
        MetricType::GaugeHistogram => 4,
        MetricType::Summary => 5,
        MetricType::Info => 6,
        MetricType::StateSet => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::STALE_NAN;
    use crate::model::{Matcher, TimeRange};
    use crate::remote::{Protocol as Received, Receiver};
    use crate::storage::{Columns, MemoryStore, QuerySymbols, Select};

    fn rows() -> Vec<Row> {
        let labels =
            |job: &str| Some(Arc::new(Labels::from_pairs([("__name__", "a"), ("job", job)])));
        let (a, b) = (labels("a"), labels("b"));
        let float = |labels: &Option<Arc<Labels>>, time, value| Row {
            labels: labels.clone(),
            time,
            value: Value::Float { start: 0, value },
        };
        vec![
            float(&a, 1000, 1.5),
            float(&b, 1000, f64::NEG_INFINITY),
            float(&None, 1000, 9.0),
            float(&a, 2000, STALE_NAN),
        ]
    }

    /// Both versions are read by the receiver; markers keep their bits.
    #[test]
    fn what_is_encoded_is_received() {
        for (protocol, received) in [(Protocol::V1, Received::V1), (Protocol::V2, Received::V2)] {
            let store = Arc::new(MemoryStore::default());
            let receiver = Receiver::new(Arc::clone(&store) as _);
            let metadata = Metadata { kind: MetricType::Gauge, help: "h".into(), unit: "s".into() };
            let families = Families::from([("a".to_owned(), metadata)]);
            let taken = receiver.receive(received, &request(protocol, &rows(), &families)).unwrap();
            assert_eq!((taken.written.samples, taken.problem), (3, None));
            let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
            let found =
                store.select(&[Matcher::equal("job", "a")], TimeRange::ALL, &symbols).unwrap();
            let mut columns = Columns::default();
            found.read(0, TimeRange::ALL, &mut columns).unwrap();
            let bits: Vec<u64> = columns.values.iter().map(|value| value.to_bits()).collect();
            assert_eq!(bits, [1.5f64.to_bits(), STALE_NAN.to_bits()]);
            if protocol == Protocol::V2 {
                assert_eq!(store.metadata(Some("a"))[0].metadata[0].unit, "s");
            }
        }
    }

    #[test]
    fn series_of_a_family_find_what_is_said_of_it() {
        let histogram = Metadata { kind: MetricType::Histogram, ..Metadata::default() };
        let families = Families::from([("lag".to_owned(), histogram)]);
        assert!(family_of("lag_bucket", &families).is_some());
        assert!(family_of("other_bucket", &families).is_none());
    }
}
