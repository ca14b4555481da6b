//! What one frame of the log says: new series, and the accepted rows of one batch
//! (docs/format/log.md). A frame needs no other frame but those that name its series.

use hashbrown::HashMap;

use crate::model::{Exemplar, Labels, Metadata, MetricType};
use crate::storage::{
    Batch, ExemplarRow, FloatRow, HistogramRow, LabelSet, MetadataRow, SeriesId, Symbol, Symbols,
};
use crate::tsdb::codec::{
    Damaged, Reader, Scratch, floats, histograms, put_text, put_varint, put_zigzag,
};

/// Rows and strings in one frame at most; a larger count is damage.
const MOST: usize = 1 << 24;

/// Appends the payload of a frame.
pub fn put<'a>(
    out: &mut Vec<u8>,
    series: impl ExactSizeIterator<Item = (u32, &'a LabelSet)> + Clone,
    symbols: &Symbols,
    batch: &Batch,
    scratch: &mut Scratch,
) {
    let Batch { floats, histograms, exemplars, metadata, whole: _ } = batch;
    put_series(out, series, symbols);
    put_varint(out, floats.len() as u64);
    put_ids(out, floats.iter().map(|row| row.series));
    put_runs(out, floats.iter().map(|row| row.time));
    put_runs(out, floats.iter().map(|row| row.start_time));
    for row in floats {
        put_value(out, row.value);
    }
    put_varint(out, histograms.len() as u64);
    put_ids(out, histograms.iter().map(|row| row.series));
    put_runs(out, histograms.iter().map(|row| row.time));
    put_runs(out, histograms.iter().map(|row| row.start_time));
    for row in histograms {
        histograms::put(out, std::slice::from_ref(&row.value), scratch);
    }
    put_varint(out, exemplars.len() as u64);
    for ExemplarRow { series, exemplar: Exemplar { labels, value, time } } in exemplars {
        put_varint(out, series.0);
        put_zigzag(out, *time);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
        put_varint(out, labels.len() as u64);
        for (name, value) in labels.iter() {
            put_text(out, name);
            put_text(out, value);
        }
    }
    put_varint(out, metadata.len() as u64);
    for MetadataRow { family, metadata: Metadata { kind, help, unit } } in metadata {
        put_text(out, family);
        put_text(out, kind.as_str());
        put_text(out, help);
        put_text(out, unit);
    }
}

/// The strings of all new series once, then the series by the places of their strings.
fn put_series<'a>(
    out: &mut Vec<u8>,
    series: impl ExactSizeIterator<Item = (u32, &'a LabelSet)> + Clone,
    symbols: &Symbols,
) {
    let mut places: HashMap<Symbol, u64> = HashMap::new();
    let mut strings = Vec::new();
    for (_, labels) in series.clone() {
        for symbol in labels.pairs().iter().flat_map(|pair| [pair.0, pair.1]) {
            let next = places.len() as u64;
            places.entry(symbol).or_insert_with(|| {
                strings.push(symbol);
                next
            });
        }
    }
    put_varint(out, strings.len() as u64);
    for symbol in strings {
        put_text(out, symbols.resolve(symbol));
    }
    put_varint(out, series.len() as u64);
    for (id, labels) in series {
        put_varint(out, u64::from(id));
        put_varint(out, labels.pairs().len() as u64);
        for (name, value) in labels.pairs() {
            put_varint(out, places[name]);
            put_varint(out, places[value]);
        }
    }
}

/// Numbers that mostly follow one another: the distance to the one expected.
fn put_ids(out: &mut Vec<u8>, ids: impl Iterator<Item = SeriesId>) {
    let mut expected = 0u64;
    for SeriesId(id) in ids {
        put_zigzag(out, id.wrapping_sub(expected) as i64);
        expected = id.wrapping_add(1);
    }
}

/// Numbers that mostly repeat: distance to the one before, and how often it stays so.
fn put_runs(out: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let (mut before, mut current, mut length) = (0i64, 0i64, 0u64);
    for number in numbers {
        if length > 0 && number != current {
            put_zigzag(out, current.wrapping_sub(before));
            put_varint(out, length);
            (before, length) = (current, 0);
        }
        current = number;
        length += 1;
    }
    if length > 0 {
        put_zigzag(out, current.wrapping_sub(before));
        put_varint(out, length);
    }
}

/// An integer or a short decimal in a few bytes, else the eight bytes behind a mark.
fn put_value(out: &mut Vec<u8>, value: f64) {
    match floats::short_decimal(value) {
        Some((exponent, integer)) => {
            let folded = ((integer << 1) ^ (integer >> 63)) as u64;
            put_varint(out, (folded << 3) | exponent as u64);
        }
        None => {
            out.push(7);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

fn read_value(reader: &mut Reader<'_>) -> Result<f64, Damaged> {
    let number = reader.varint()?;
    let exponent = (number & 7) as usize;
    if exponent == 7 {
        return Ok(f64::from_bits(reader.bits()?));
    }
    let folded = number >> 3;
    Ok(floats::from_decimal(exponent, (folded >> 1) as i64 ^ -((folded & 1) as i64)))
}

/// Series that a frame names, by the places of their strings.
#[derive(Debug, Default, PartialEq)]
pub struct Named {
    /// Names and values of labels, each once.
    strings: Vec<Box<str>>,
    /// Numbers of the series, and where the label pairs of each end.
    ends: Vec<(SeriesId, usize)>,
    /// Places of name and value.
    pairs: Vec<(u32, u32)>,
}

impl Named {
    /// Forgets everything.
    fn clear(&mut self) {
        self.strings.clear();
        self.ends.clear();
        self.pairs.clear();
    }

    /// The strings.
    pub fn strings(&self) -> &[Box<str>] {
        &self.strings
    }

    /// Number of each series, and the places of the strings of its labels.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, &[(u32, u32)])> {
        let mut start = 0;
        self.ends.iter().map(move |&(id, end)| {
            let pairs = &self.pairs[start..end];
            start = end;
            (id, pairs)
        })
    }

    /// Number and labels of each series.
    pub fn labels(&self) -> impl Iterator<Item = (SeriesId, Labels)> {
        let text = |place: u32| self.strings[place as usize].clone();
        self.iter().map(move |(id, pairs)| {
            (id, Labels::from_pairs(pairs.iter().map(|pair| (text(pair.0), text(pair.1)))))
        })
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        self.clear();
        for _ in 0..reader.count(MOST)? {
            self.strings.push(reader.text()?.into());
        }
        for _ in 0..reader.count(MOST)? {
            let id = SeriesId(reader.varint()?);
            for _ in 0..reader.count(MOST)? {
                let mut place = || {
                    let place = reader.count(MOST)?;
                    let is_there = place < self.strings.len();
                    if is_there { Ok(place as u32) } else { Err(Damaged("a string is missing")) }
                };
                self.pairs.push((place()?, place()?));
            }
            self.ends.push((id, self.pairs.len()));
        }
        Ok(())
    }
}

/// A frame as it was read. Series numbers are those of the process that wrote it.
#[derive(Debug, Default, PartialEq)]
pub struct Frame {
    /// Series that this frame names.
    pub series: Named,
    /// The rows.
    pub batch: Batch,
}

impl Frame {
    /// Reads a payload; the frame is emptied first.
    pub fn read(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        let Self { series, batch } = self;
        batch.clear();
        let reader = &mut Reader::new(payload);
        series.read(reader)?;
        let Batch { floats, histograms, exemplars, metadata, whole: _ } = batch;
        let (ids, times, starts) = read_rows(reader)?;
        for ((&series, &time), &start_time) in ids.iter().zip(&times).zip(&starts) {
            floats.push(FloatRow { series, time, start_time, value: read_value(reader)? });
        }
        let (ids, times, starts) = read_rows(reader)?;
        let mut one = Vec::new();
        for ((&series, &time), &start_time) in ids.iter().zip(&times).zip(&starts) {
            one.clear();
            histograms::read(reader, 1, &mut one)?;
            let value = one.pop().unwrap_or_default();
            histograms.push(HistogramRow { series, time, start_time, value });
        }
        for _ in 0..reader.count(MOST)? {
            let series = SeriesId(reader.varint()?);
            let time = reader.zigzag()?;
            let value = f64::from_bits(reader.bits()?);
            let mut labels = Vec::new();
            for _ in 0..reader.count(MOST)? {
                labels.push((reader.text()?, reader.text()?));
            }
            let labels = Labels::from_pairs(labels);
            exemplars.push(ExemplarRow { series, exemplar: Exemplar { labels, value, time } });
        }
        for _ in 0..reader.count(MOST)? {
            let family = reader.text()?.to_owned();
            let kind = metric_type(reader.text()?);
            let help = reader.text()?.to_owned();
            let unit = reader.text()?.to_owned();
            metadata.push(MetadataRow { family, metadata: Metadata { kind, help, unit } });
        }
        if reader.is_empty() { Ok(()) } else { Err(Damaged("a frame has bytes left over")) }
    }
}

fn metric_type(word: &str) -> MetricType {
    use MetricType::{Counter, Gauge, GaugeHistogram, Histogram, Info, StateSet, Summary};
    let known = [Counter, Gauge, Histogram, GaugeHistogram, Summary, Info, StateSet];
    known.into_iter().find(|kind| kind.as_str() == word).unwrap_or_default()
}

type Rows = (Vec<SeriesId>, Vec<i64>, Vec<i64>);

fn read_rows(reader: &mut Reader<'_>) -> Result<Rows, Damaged> {
    let count = reader.count(MOST.min(reader.rest().len()))?;
    let mut ids = Vec::with_capacity(count);
    let mut expected = 0u64;
    for _ in 0..count {
        let id = expected.wrapping_add(reader.zigzag()? as u64);
        ids.push(SeriesId(id));
        expected = id.wrapping_add(1);
    }
    Ok((ids, read_runs(reader, count)?, read_runs(reader, count)?))
}

fn read_runs(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    let mut numbers = Vec::with_capacity(count);
    let mut current = 0i64;
    while numbers.len() < count {
        current = current.wrapping_add(reader.zigzag()?);
        let length = reader.count(count - numbers.len())?;
        if length == 0 {
            return Err(Damaged("an empty run"));
        }
        numbers.resize(numbers.len() + length, current);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Histogram, STALE_NAN};

    fn sample() -> (Vec<(u32, Labels)>, Batch) {
        let labels = |job: &str| Labels::from_pairs([("__name__", "up"), ("job", job)]);
        let row = |series, time, start_time, value| FloatRow {
            series: SeriesId(series),
            time,
            start_time,
            value,
        };
        let histogram = Histogram { count: 2.0, sum: 0.5, ..Histogram::default() };
        let batch = Batch {
            whole: false,
            floats: vec![row(3, 1000, 0, 1.5), row(4, 1000, 0, -0.0), row(9, -7, 5, 1e300)],
            histograms: vec![HistogramRow {
                series: SeriesId(5),
                time: 1000,
                start_time: 3,
                value: Arc::new(histogram),
            }],
            exemplars: vec![ExemplarRow {
                series: SeriesId(5),
                exemplar: Exemplar {
                    labels: Labels::from_pairs([("trace_id", "abc")]),
                    value: 0.25,
                    time: 999,
                },
            }],
            metadata: vec![MetadataRow {
                family: "up".to_owned(),
                metadata: Metadata {
                    kind: MetricType::Gauge,
                    help: "alive".to_owned(),
                    unit: String::new(),
                },
            }],
        };
        (vec![(3, labels("a")), (4, labels("b"))], batch)
    }

    fn encode(series: &[(u32, Labels)], batch: &Batch) -> Vec<u8> {
        let symbols = Symbols::default();
        let sets: Vec<_> = series
            .iter()
            .map(|(id, labels)| (*id, LabelSet::intern(labels, |text| symbols.intern(text))))
            .collect();
        let mut bytes = Vec::new();
        let sets = sets.iter().map(|(id, set)| (*id, set));
        put(&mut bytes, sets, &symbols, batch, &mut Scratch::default());
        bytes
    }

    #[test]
    fn a_frame_comes_back() {
        let (series, batch) = sample();
        let mut frame = Frame::default();
        frame.read(&encode(&series, &batch)).unwrap();
        assert_eq!(frame.batch, batch);
        assert!(frame.batch.floats[1].value.is_sign_negative());
        let expected: Vec<_> =
            series.into_iter().map(|(id, labels)| (SeriesId(id.into()), labels)).collect();
        assert_eq!(frame.series.labels().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_scrape_takes_a_few_bytes_a_sample() {
        let row = |id: u32| FloatRow {
            series: SeriesId(id.into()),
            time: 1_700_000_000_000,
            start_time: 0,
            value: f64::from(id % 50),
        };
        let batch = Batch { floats: (0..1000).map(row).collect(), ..Batch::default() };
        assert!(encode(&[], &batch).len() < 3100);
    }

    proptest! {
        #[test]
        fn every_value_comes_back(bits: u64, integer: i32, exponent in 0i32..9) {
            let decimal = f64::from(integer) / 10f64.powi(exponent);
            for value in [f64::from_bits(bits), decimal, STALE_NAN] {
                let mut bytes = Vec::new();
                put_value(&mut bytes, value);
                let back = read_value(&mut Reader::new(&bytes)).unwrap();
                prop_assert_eq!(back.to_bits(), value.to_bits());
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = Frame::default().read(&bytes);
        }

        #[test]
        fn a_flipped_byte_does_not_panic(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let (series, batch) = sample();
            let mut bytes = encode(&series, &batch);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = Frame::default().read(&bytes);
        }
    }
}
