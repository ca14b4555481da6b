//! Remote write 1.0: `prometheus.WriteRequest`, every label spelt out at every series.

use std::sync::Arc;

use prost::Message;
use xxhash_rust::xxh3::{Xxh3Builder, xxh3_128_with_seed};

use super::{Pending, Work};
use crate::model::{Exemplar, Histogram, Labels, Metadata, MetricType};
use crate::remote::fields::{Fields, Malformed, Value};
use crate::storage::{Batch, ExemplarRow, FloatRow, HistogramRow, MetadataRow, SeriesId};
use crate::wire::remote as wire;

/// Reads the series and samples of a request.
pub fn read(work: &mut Work, seed: u64) -> Result<(), Malformed> {
    let Work { bytes, pending, batch, .. } = work;
    let mut fields = Fields::of(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let message = value.bytes()?;
                let end = bytes.len() - fields.left();
                let start = end - message.len();
                let key = series(message, SeriesId(pending.len() as u64), batch, seed)?;
                pending.push(Pending { key, start, end });
            }
            3 => batch.metadata.push(metadata(value.bytes()?)?),
            _ => {}
        }
    }
    Ok(())
}

/// The labels of a series.
pub fn labels(work: &Work, at: usize) -> Result<Vec<(&str, &str)>, Malformed> {
    let Pending { start, end, .. } = work.pending[at];
    let mut fields = Fields::of(&work.bytes[start..end]);
    let mut pairs = Vec::new();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            pairs.push(label(value.bytes()?)?);
        }
    }
    Ok(pairs)
}

/// Adds the samples of a series to the batch; gives the key of its labels.
fn series(message: &[u8], id: SeriesId, batch: &mut Batch, seed: u64) -> Result<u128, Malformed> {
    // Senders write the labels first: then their key is the hash of one piece.
    let (mut labels_end, mut apart) = (0, Vec::new());
    let mut fields = Fields::of(message);
    let mut before = 0;
    while let Some((number, value)) = fields.next()? {
        let here = message.len() - fields.left();
        match number {
            1 if before == labels_end => labels_end = here,
            1 => apart.push(value.bytes()?),
            2 => batch.floats.push(sample(id, value.bytes()?)?),
            3 => batch.exemplars.push(exemplar(id, value.bytes()?)?),
            4 => batch.histograms.push(histogram(id, value)?),
            _ => {}
        }
        before = here;
    }
    if apart.is_empty() {
        return Ok(xxh3_128_with_seed(&message[..labels_end], seed));
    }
    let mut hasher = Xxh3Builder::new().with_seed(seed).build();
    hasher.update(&message[..labels_end]);
    for label in apart {
        hasher.update(&label.len().to_le_bytes());
        hasher.update(label);
    }
    Ok(hasher.digest128())
}

fn label(message: &[u8]) -> Result<(&str, &str), Malformed> {
    let (mut name, mut text) = ("", "");
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text()?,
            2 => text = value.text()?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// A `Sample`, the same in both versions but for the start.
pub fn sample(series: SeriesId, message: &[u8]) -> Result<FloatRow, Malformed> {
    let mut row = FloatRow { series, time: 0, start_time: 0, value: 0.0 };
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => row.value = value.double()?,
            2 => row.time = value.integer()? as i64,
            3 => row.start_time = value.integer()? as i64,
            _ => {}
        }
    }
    Ok(row)
}

/// A `Histogram`, the same in both versions but for the start.
pub fn histogram(series: SeriesId, value: Value<'_>) -> Result<HistogramRow, Malformed> {
    let message = wire::Histogram::decode(value.bytes()?).map_err(|_| Malformed)?;
    Ok(HistogramRow {
        series,
        time: message.timestamp,
        start_time: message.start_timestamp,
        value: Arc::new(Histogram::from(&message)),
    })
}

fn exemplar(series: SeriesId, message: &[u8]) -> Result<ExemplarRow, Malformed> {
    let wire::Exemplar { labels, value, timestamp } =
        wire::Exemplar::decode(message).map_err(|_| Malformed)?;
    let labels = Labels::from_pairs(labels.into_iter().map(|label| (label.name, label.value)));
    Ok(ExemplarRow { series, exemplar: Exemplar { labels, value, time: timestamp } })
}

fn metadata(message: &[u8]) -> Result<MetadataRow, Malformed> {
    let wire::MetricMetadata { kind, family, help, unit } =
        wire::MetricMetadata::decode(message).map_err(|_| Malformed)?;
    let kind = kind_of(u64::try_from(kind).unwrap_or_default());
    Ok(MetadataRow { family, metadata: Metadata { kind, help, unit } })
}

/// The type that a number stands for, in both versions.
pub fn kind_of(number: u64) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}
