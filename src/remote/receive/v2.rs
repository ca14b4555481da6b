//! Remote write 2.0: `io.prometheus.write.v2.Request`, labels as numbers of a table of symbols.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::{Pending, Work, v1};
use crate::model::{Exemplar, Labels, Metadata, MetricType};
use crate::remote::fields::{Fields, Malformed};
use crate::storage::{Batch, ExemplarRow, MetadataRow, SeriesId};

/// The table of symbols of a request.
#[derive(Default)]
pub struct Symbols {
    /// Where each lies in the request.
    places: Vec<(usize, usize)>,
    /// Hash of each, so that a key is made of numbers only.
    hashes: Vec<u64>,
    /// Reused for the numbers of a series.
    numbers: Vec<u32>,
    key: Vec<u8>,
}

impl Symbols {
    pub fn clear(&mut self) {
        let Self { places, hashes, numbers, key } = self;
        places.clear();
        hashes.clear();
        numbers.clear();
        key.clear();
    }

    fn text<'a>(&self, bytes: &'a [u8], number: u32) -> Result<&'a str, Malformed> {
        let &(start, end) = self.places.get(number as usize).ok_or(Malformed)?;
        std::str::from_utf8(&bytes[start..end]).map_err(|_| Malformed)
    }

    fn pairs<'a>(
        &self,
        bytes: &'a [u8],
        numbers: &[u32],
    ) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
        let pair = |two: &[u32]| Ok((self.text(bytes, two[0])?, self.text(bytes, two[1])?));
        if !numbers.len().is_multiple_of(2) {
            return Err(Malformed);
        }
        numbers.chunks_exact(2).map(pair).collect()
    }

    fn add_to_key(&mut self, number: u32) -> Result<(), Malformed> {
        let hash = self.hashes.get(number as usize).ok_or(Malformed)?;
        self.key.extend_from_slice(&hash.to_le_bytes());
        Ok(())
    }
}

/// Reads the symbols, series and samples of a request.
pub fn read(work: &mut Work, seed: u64) -> Result<(), Malformed> {
    let Work { bytes, pending, batch, symbols, .. } = work;
    let mut fields = Fields::of(bytes);
    // Series may stand before symbols.
    while let Some((number, value)) = fields.next()? {
        if number == 4 {
            let text = value.bytes()?;
            let end = bytes.len() - fields.left();
            symbols.places.push((end - text.len(), end));
            symbols.hashes.push(xxh3_64_with_seed(text, seed));
        }
    }
    if symbols.places.first().is_some_and(|(start, end)| start != end) {
        return Err(Malformed);
    }
    let mut fields = Fields::of(bytes);
    while let Some((number, value)) = fields.next()? {
        if number == 5 {
            let message = value.bytes()?;
            let end = bytes.len() - fields.left();
            let start = end - message.len();
            let id = SeriesId(pending.len() as u64);
            let key = series(message, id, bytes, batch, symbols, seed)?;
            pending.push(Pending { key, start, end });
        }
    }
    Ok(())
}

/// The labels of a series.
pub fn labels(work: &Work, at: usize) -> Result<Vec<(&str, &str)>, Malformed> {
    let mut numbers = Vec::new();
    let mut fields = message_of(work, at);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            value.numbers(&mut numbers)?;
        }
    }
    work.symbols.pairs(&work.bytes, &numbers)
}

/// What a series says of its metric family.
pub fn metadata(work: &Work, at: usize, name: &str) -> Result<Option<MetadataRow>, Malformed> {
    let mut fields = message_of(work, at);
    let mut found = None;
    while let Some((number, value)) = fields.next()? {
        if number == 5 {
            found = Some(described(value.bytes()?)?);
        }
    }
    let Some((kind, help, unit)) = found else { return Ok(None) };
    let text = |number| work.symbols.text(&work.bytes, number).map(str::to_owned);
    let kind = v1::kind_of(kind);
    let metadata = Metadata { kind, help: text(help)?, unit: text(unit)? };
    let suffixes: &[&str] = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => &["_bucket", "_count", "_sum"],
        MetricType::Summary => &["_count", "_sum"],
        _ => &[],
    };
    let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let row = MetadataRow { family: family.to_owned(), metadata };
    Ok((row.metadata != Metadata::default()).then_some(row))
}

fn message_of(work: &Work, at: usize) -> Fields<'_> {
    let Pending { start, end, .. } = work.pending[at];
    Fields::of(&work.bytes[start..end])
}

/// Type, and the numbers of help and unit.
fn described(message: &[u8]) -> Result<(u64, u32, u32), Malformed> {
    let (mut kind, mut help, mut unit) = (0, 0, 0);
    let mut fields = Fields::of(message);
    let number_of = |number: u64| u32::try_from(number).map_err(|_| Malformed);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => kind = value.integer()?,
            3 => help = number_of(value.integer()?)?,
            4 => unit = number_of(value.integer()?)?,
            _ => {}
        }
    }
    Ok((kind, help, unit))
}

/// Adds the samples of a series to the batch; gives the key of its labels and its metadata.
fn series(
    message: &[u8],
    id: SeriesId,
    bytes: &[u8],
    batch: &mut Batch,
    symbols: &mut Symbols,
    seed: u64,
) -> Result<u128, Malformed> {
    symbols.numbers.clear();
    symbols.key.clear();
    let mut fields = Fields::of(message);
    let mut said = (0, 0, 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => value.numbers(&mut symbols.numbers)?,
            2 => batch.floats.push(v1::sample(id, value.bytes()?)?),
            3 => batch.histograms.push(v1::histogram(id, value)?),
            4 => batch.exemplars.push(exemplar(id, value.bytes()?, bytes, symbols)?),
            5 => said = described(value.bytes()?)?,
            _ => {}
        }
    }
    for at in 0..symbols.numbers.len() {
        symbols.add_to_key(symbols.numbers[at])?;
    }
    // A family that is described anew makes its series known anew.
    let (kind, help, unit) = said;
    if said != (0, 0, 0) {
        symbols.key.push(kind as u8);
        symbols.add_to_key(help)?;
        symbols.add_to_key(unit)?;
    }
    Ok(xxh3_128_with_seed(&symbols.key, seed))
}

fn exemplar(
    series: SeriesId,
    message: &[u8],
    bytes: &[u8],
    symbols: &Symbols,
) -> Result<ExemplarRow, Malformed> {
    let (mut numbers, mut number_value, mut time) = (Vec::new(), 0.0, 0);
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => value.numbers(&mut numbers)?,
            2 => number_value = value.double()?,
            3 => time = value.integer()? as i64,
            _ => {}
        }
    }
    let labels = Labels::from_pairs(symbols.pairs(bytes, &numbers)?);
    Ok(ExemplarRow { series, exemplar: Exemplar { labels, value: number_value, time } })
}
