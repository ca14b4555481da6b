//! Writing a partition: once, in ascending order, under a temporary name until it is whole
//! (docs/format/partition.md).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use redb::{Database, TableDefinition, WriteTransaction};

use super::items::{Builder, Target};
use super::meta::{Meta, Table};
use crate::storage::{Columns, LabelSet, Symbol, Symbols};
use crate::tsdb::TsdbError;
use crate::tsdb::codec::{self, Scratch, Values, put_varint, put_zigzag};
use crate::tsdb::disk::sync_folder;

/// The table of the head.
pub const META: TableDefinition<u64, &[u8]> = TableDefinition::new("meta");
/// Bytes in one commit: more would overflow the cache of redb and be written twice.
const COMMIT_BYTES: usize = 8 << 20;
/// Label pairs that are put in order at once, 12 B each; for more the series are gone through again.
const PAIRS_AT_ONCE: usize = 2 << 20;

/// What goes into a partition.
pub struct Content<'a> {
    /// Number, windows and what it takes the place of; the rest is filled in.
    pub meta: Meta,
    /// The table of strings.
    pub symbols: &'a Symbols,
    /// Label sets, in the order of [`super::Order`].
    pub series: &'a [LabelSet],
}

struct Output<'a> {
    path: &'a Path,
    database: Database,
    transaction: Option<WriteTransaction>,
    /// Bytes in the transaction.
    bytes: usize,
    table: Table,
    pending: Vec<(u64, Vec<u8>)>,
    pending_bytes: usize,
    keys: [Vec<u64>; 5],
}

impl Output<'_> {
    fn failed(&self, err: impl Into<redb::Error>) -> TsdbError {
        TsdbError::Seal { path: self.path.to_owned(), reason: err.into().to_string() }
    }

    fn put(&mut self, key: u64, value: &[u8]) -> Result<(), TsdbError> {
        self.keys[self.table as usize].push(key);
        self.pending_bytes += value.len();
        self.pending.push((key, value.to_vec()));
        // A table is opened for many values at once.
        if self.pending_bytes < COMMIT_BYTES / 4 { Ok(()) } else { self.insert_pending() }
    }

    fn insert_pending(&mut self) -> Result<(), TsdbError> {
        let pending = std::mem::take(&mut self.pending);
        self.bytes += std::mem::take(&mut self.pending_bytes);
        self.insert(self.table.name(), &pending)?;
        if self.bytes < COMMIT_BYTES { Ok(()) } else { self.commit() }
    }

    fn insert(&mut self, table: &str, values: &[(u64, Vec<u8>)]) -> Result<(), TsdbError> {
        let transaction = match self.transaction.take() {
            Some(transaction) => transaction,
            None => self.database.begin_write().map_err(|err| self.failed(err))?,
        };
        {
            let definition: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(table);
            let mut table = transaction.open_table(definition).map_err(|err| self.failed(err))?;
            for (key, value) in values {
                table.insert(key, value.as_slice()).map_err(|err| self.failed(err))?;
            }
        }
        self.transaction = Some(transaction);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), TsdbError> {
        self.bytes = 0;
        match self.transaction.take() {
            Some(transaction) => transaction.commit().map_err(|err| self.failed(err)),
            None => Ok(()),
        }
    }

    /// Ends a table and begins the next.
    fn next(&mut self, table: Table) -> Result<(), TsdbError> {
        self.insert_pending()?;
        self.table = table;
        Ok(())
    }
}

/// Writes a partition into a folder and gives its path; `read` fills the columns with the samples of
/// a series in a window. After an error nothing stays but perhaps a temporary file.
pub fn write(
    folder: &Path,
    content: Content<'_>,
    read: impl FnMut(i64, u32, &mut Columns) -> Result<(), TsdbError>,
) -> Result<PathBuf, TsdbError> {
    let path = folder.join(content.meta.file_name());
    let temporary = path.with_extension("tmp");
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TsdbError::Io { what, path, source }
    };
    if temporary.exists() {
        fs::remove_file(&temporary).map_err(io("remove", &temporary))?;
    }
    let written = write_file(&temporary, content, read);
    if let Err(err) = written {
        // The room is worth more than the half file; the error is what counts.
        let _ = fs::remove_file(&temporary);
        return Err(err);
    }
    fs::rename(&temporary, &path).map_err(io("rename", &temporary))?;
    sync_folder(folder).map_err(io("sync", folder))?;
    Ok(path)
}

fn write_file(
    path: &Path,
    content: Content<'_>,
    read: impl FnMut(i64, u32, &mut Columns) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let Content { mut meta, symbols, series } = content;
    let database = redb::Builder::new()
        .set_cache_size(2 * COMMIT_BYTES)
        .create(path)
        .map_err(|err| TsdbError::Seal { path: path.to_owned(), reason: err.to_string() })?;
    let mut output = Output {
        path,
        database,
        transaction: None,
        bytes: 0,
        table: Table::Chunks,
        pending: Vec::new(),
        pending_bytes: 0,
        keys: Default::default(),
    };
    meta.series = series.len() as u32;
    write_chunks(&mut output, &mut meta, series.len() as u32, read)?;
    let strings = write_series(&mut output, &mut meta, symbols, series)?;
    write_postings(&mut output, &mut meta, series, &strings)?;
    output.insert_pending()?;
    meta.blocks = std::mem::take(&mut output.keys);
    let mut head = vec![0; 4];
    meta.put(&mut head);
    let checksum = crc32fast::hash(&head[4..]);
    head[..4].copy_from_slice(&checksum.to_le_bytes());
    output.insert("meta", &[(0, head)])?;
    output.commit()?;
    // redb grows a file by doubling; what is not used is given back here.
    let compacted = output.database.compact();
    compacted.map_err(|err| TsdbError::Seal { path: path.to_owned(), reason: err.to_string() })?;
    output
        .database
        .close()
        .map_err(|err| TsdbError::Seal { path: path.to_owned(), reason: err.to_string() })
}

/// Columns of timestamps, each distinct one once: series scraped together share theirs.
#[derive(Default)]
struct TimeColumns {
    numbers: HashMap<Box<[u8]>, u32>,
    all: Vec<Box<[u8]>>,
    buffer: Vec<u8>,
}

impl TimeColumns {
    fn number(&mut self, times: &[i64]) -> u32 {
        let Self { numbers, all, buffer } = self;
        let (first, last) = (times[0], times[times.len() - 1]);
        buffer.clear();
        put_varint(buffer, times.len() as u64);
        put_zigzag(buffer, first);
        put_varint(buffer, last.wrapping_sub(first) as u64);
        codec::times::put(buffer, times, first);
        if let Some(&number) = numbers.get(buffer.as_slice()) {
            return number;
        }
        let number = all.len() as u32;
        let column: Box<[u8]> = buffer.as_slice().into();
        numbers.insert(column.clone(), number);
        all.push(column);
        number
    }
}

fn write_chunks(
    output: &mut Output<'_>,
    meta: &mut Meta,
    series: u32,
    mut read: impl FnMut(i64, u32, &mut Columns) -> Result<(), TsdbError>,
) -> Result<(), TsdbError> {
    let mut columns = Columns::default();
    let mut times = TimeColumns::default();
    let (mut scratch, mut body) = (Scratch::default(), Vec::new());
    (meta.oldest, meta.newest) = (i64::MAX, i64::MIN);
    for slot in 0..meta.slots {
        let mut blocks = Builder::new(Target::CHUNKS);
        for ordinal in 0..series {
            columns.clear();
            read(meta.first_window + i64::from(slot), ordinal, &mut columns)?;
            codec::chunk::settle(&mut columns);
            meta.samples += columns.len() as u64;
            let put = |out: &mut Vec<u8>| {
                let mut put_chunk = |column: &[i64], starts: &[i64], values: Values<'_>| {
                    let (Some(first), Some(last)) = (column.first(), column.last()) else {
                        return;
                    };
                    meta.oldest = meta.oldest.min(*first);
                    meta.newest = meta.newest.max(*last);
                    body.clear();
                    codec::chunk::put(&mut body, starts, values, &mut scratch);
                    out.push(codec::chunk::kind(starts, values));
                    put_varint(out, u64::from(times.number(column)));
                    put_varint(out, body.len() as u64);
                    out.extend_from_slice(&body);
                };
                let Columns {
                    times,
                    values,
                    start_times,
                    histogram_times,
                    histograms,
                    histogram_start_times,
                } = &columns;
                put_chunk(times, start_times, Values::Floats(values));
                put_chunk(histogram_times, histogram_start_times, Values::Histograms(histograms));
            };
            let emit = |key, value: &[u8]| output.put(key, value);
            blocks.push(Meta::chunk_key(slot, ordinal), put, emit)?;
        }
        blocks.flush(|key, value| output.put(key, value))?;
    }
    output.next(Table::Times)?;
    meta.columns = times.all.len() as u32;
    let mut blocks = Builder::new(Target::INDEX);
    for (number, column) in (0..).zip(&times.all) {
        let put = |out: &mut Vec<u8>| out.extend_from_slice(column);
        blocks.push(number, put, |key, value| output.put(key, value))?;
    }
    blocks.flush(|key, value| output.put(key, value))
}

/// The number of each string in a partition.
struct Numbers(Vec<u32>);

impl Numbers {
    /// Of the strings of some label sets, by their order; gives the strings in that order too.
    fn new<'a>(symbols: &'a Symbols, series: &[LabelSet]) -> (Self, Vec<&'a str>) {
        let mut used = vec![false; symbols.len()];
        for pair in series.iter().flat_map(LabelSet::pairs) {
            used[pair.0.0 as usize] = true;
            used[pair.1.0 as usize] = true;
        }
        let used = (0..).zip(used).filter_map(|(number, used)| used.then_some(Symbol(number)));
        let mut strings: Vec<_> = used.map(|symbol| (symbols.resolve(symbol), symbol)).collect();
        strings.sort_unstable();
        let mut numbers = vec![u32::MAX; symbols.len()];
        for (number, (_, symbol)) in (0..).zip(&strings) {
            numbers[symbol.0 as usize] = number;
        }
        (Self(numbers), strings.into_iter().map(|(text, _)| text).collect())
    }

    fn of(&self, symbol: Symbol) -> u32 {
        self.0[symbol.0 as usize]
    }
}

/// Writes label sets and strings; gives the number of each string in this partition.
fn write_series(
    output: &mut Output<'_>,
    meta: &mut Meta,
    symbols: &Symbols,
    series: &[LabelSet],
) -> Result<Numbers, TsdbError> {
    let (numbers, strings) = Numbers::new(symbols, series);
    output.next(Table::Series)?;
    let mut blocks = Builder::new(Target::INDEX);
    for (ordinal, labels) in (0..).zip(series) {
        let put = |out: &mut Vec<u8>| {
            for (name, value) in labels.pairs() {
                put_varint(out, u64::from(numbers.of(*name)));
                put_varint(out, u64::from(numbers.of(*value)));
            }
        };
        blocks.push(ordinal, put, |key, value| output.put(key, value))?;
    }
    blocks.flush(|key, value| output.put(key, value))?;
    output.next(Table::Strings)?;
    meta.strings = strings.len() as u32;
    let mut blocks = Builder::new(Target::INDEX);
    for (number, text) in (0..).zip(&strings) {
        let put = |out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
        blocks.push(number, put, |key, value| output.put(key, value))?;
    }
    blocks.flush(|key, value| output.put(key, value))?;
    let firsts = &output.keys[Table::Strings as usize];
    meta.first_strings = firsts.iter().map(|&key| strings[key as usize].to_owned()).collect();
    Ok(numbers)
}

fn write_postings(
    output: &mut Output<'_>,
    meta: &mut Meta,
    series: &[LabelSet],
    strings: &Numbers,
) -> Result<(), TsdbError> {
    let mut pairs_of: BTreeMap<u32, usize> = BTreeMap::new();
    for (name, _) in series.iter().flat_map(LabelSet::pairs) {
        *pairs_of.entry(strings.of(*name)).or_default() += 1;
    }
    output.next(Table::Postings)?;
    let mut blocks = Builder::new(Target::INDEX);
    let (mut pairs, mut ordinals) = (Vec::new(), Vec::new());
    let mut names = pairs_of.into_iter().peekable();
    while let Some((first, mut count)) = names.next() {
        let mut last = first;
        while let Some((name, more)) = names.next_if(|(_, more)| count + more <= PAIRS_AT_ONCE) {
            (last, count) = (name, count + more);
        }
        pairs.clear();
        for (ordinal, labels) in (0..).zip(series) {
            let numbers = labels.pairs().iter().map(|pair| (strings.of(pair.0), pair.1));
            let wanted = numbers.filter(|(name, _)| (first..=last).contains(name));
            pairs.extend(wanted.map(|(name, value)| (name, strings.of(value), ordinal)));
        }
        pairs.sort_unstable();
        for same in pairs.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (name, value, _) = same[0];
            if meta.names.last().is_none_or(|last| last.0 != name) {
                meta.names.push((name, meta.pairs));
            }
            ordinals.clear();
            ordinals.extend(same.iter().map(|pair| pair.2));
            let put = |out: &mut Vec<u8>| {
                put_varint(out, u64::from(value));
                put_ordinals(out, &ordinals);
            };
            blocks.push(meta.pairs, put, |key, value| output.put(key, value))?;
            meta.pairs += 1;
        }
    }
    blocks.flush(|key, value| output.put(key, value))
}

/// Ascending numbers as runs: the gap before each run, and its length less one.
fn put_ordinals(out: &mut Vec<u8>, ordinals: &[u32]) {
    let mut behind = 0;
    for run in ordinals.chunk_by(|a, b| a + 1 == *b) {
        let gap = u64::from(run[0] - behind);
        // The lowest bit tells a single number, the most frequent run, from a longer one.
        if run.len() == 1 {
            put_varint(out, gap << 1);
        } else {
            put_varint(out, gap << 1 | 1);
            put_varint(out, run.len() as u64 - 2);
        }
        behind = run[run.len() - 1] + 1;
    }
}
