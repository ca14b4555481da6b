//! A sealed partition, opened for reading. Every value is checked; damage is reported once and then
//! served around.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;
use parking_lot::Mutex;
use redb::{ReadOnlyDatabase, ReadableDatabase, TableDefinition};
use tracing::error;

use super::cache::{Cache, Cached};
use super::items::Items;
use super::meta::{Meta, Table};
use super::write::META;
use crate::model::{Matcher, TimeRange};
use crate::storage::{Columns, LabelSet, SelectError, Symbol, Symbols};
use crate::tsdb::codec::{self, Damaged, Reader};
use crate::tsdb::matching::{Postings, find};

/// redb's own cache of a partition: decoded blocks have theirs, one for all partitions.
const PAGE_CACHE: usize = 256 << 10;
/// Ordinals in the selections that a partition remembers: 256 KiB.
const REMEMBERED: usize = 1 << 16;

/// What all partitions share.
#[derive(Clone)]
pub struct Shared {
    /// Decoded blocks.
    pub cache: Arc<Cache>,
    /// The table of strings.
    pub symbols: Arc<Symbols>,
    /// Damaged blocks found so far, over all partitions.
    pub damage: Arc<AtomicU64>,
    /// Chunks decoded so far.
    pub decoded: Arc<AtomicU64>,
}

/// A sealed partition.
pub struct Partition {
    path: PathBuf,
    meta: Meta,
    bytes: u64,
    database: ReadOnlyDatabase,
    shared: Shared,
    /// Number of a string here to its symbol; 0 where it was not needed yet.
    local: OnceLock<Box<[AtomicU32]>>,
    damaged: Mutex<HashSet<(Table, u64)>>,
    /// Damage in the index: nothing in here can be found reliably.
    broken: AtomicBool,
    remembered: Mutex<Vec<(String, Arc<Vec<u32>>)>>,
}

/// The blocks that a reader used last. What it asks for next is mostly in the same ones, and need not be
/// looked up in the cache that all readers share.
#[derive(Debug, Default)]
pub struct Recent {
    chunks: Option<Arc<Items>>,
    times: TimeColumn,
}

/// The column of timestamps that was read last: neighbours often share theirs.
#[derive(Debug, Default)]
struct TimeColumn {
    block: Option<Arc<Items>>,
    /// Its number; `None` if none was read.
    number: Option<u64>,
    times: Vec<i64>,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({})", self.path.display())
    }
}

fn corrupt(path: &Path, reason: impl std::fmt::Display) -> SelectError {
    SelectError::Corrupt { what: path.display().to_string(), reason: reason.to_string() }
}

/// redb trusts its own pages, and a flipped bit in one can make it panic.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, SelectError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(redb::Error::Io(source))) => {
            Err(SelectError::Io { what: path.display().to_string(), source })
        }
        Ok(Err(err)) => Err(corrupt(path, err)),
        Err(_) => Err(corrupt(path, "redb cannot read its pages")),
    }
}

impl Partition {
    /// Opens a file.
    pub fn open(path: &Path, shared: Shared) -> Result<Self, SelectError> {
        let (database, head) = guarded(path, || {
            let database = redb::Builder::new().set_cache_size(PAGE_CACHE).open_read_only(path)?;
            let table = database.begin_read()?.open_table(META)?;
            let head = table.get(0)?.map(|value| value.value().to_vec());
            Ok((database, head))
        })?;
        let head = head.ok_or_else(|| corrupt(path, "the head is missing"))?;
        let (stored, head) = head.split_first_chunk().ok_or_else(|| corrupt(path, "short head"))?;
        if crc32fast::hash(head) != u32::from_le_bytes(*stored) {
            return Err(corrupt(path, "the checksum of the head does not hold"));
        }
        let meta = Meta::read(head).map_err(|err| corrupt(path, err))?;
        let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(Self {
            path: path.to_owned(),
            meta,
            bytes,
            database,
            shared,
            local: OnceLock::new(),
            damaged: Mutex::default(),
            broken: AtomicBool::new(false),
            remembered: Mutex::default(),
        })
    }

    /// What it says of itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From the oldest to the newest sample.
    pub fn range(&self) -> TimeRange {
        TimeRange::new(self.meta.oldest, self.meta.newest)
    }

    /// Whether its index was found damaged: queries leave it out.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether any damage was found in it.
    pub fn is_damaged(&self) -> bool {
        self.is_broken() || !self.damaged.lock().is_empty()
    }

    /// First key of the block that holds an item.
    fn block_of(&self, table: Table, key: u64) -> Result<u64, SelectError> {
        let keys = &self.meta.blocks[table as usize];
        let behind = keys.partition_point(|&first| first <= key);
        let index =
            behind.checked_sub(1).ok_or_else(|| self.damage(table, key, "no such block"))?;
        Ok(keys[index])
    }

    /// The block that holds an item.
    fn block(&self, table: Table, key: u64) -> Result<Arc<Items>, SelectError> {
        let first = self.block_of(table, key)?;
        let place = (self.meta.number, table, first);
        // Label sets are cached under the same key, decoded, and are never asked for as items.
        if let Some(Cached::Items(items)) = self.shared.cache.get(place) {
            return Ok(items);
        }
        let items = Arc::new(self.load(table, first)?);
        if table != Table::Series {
            self.shared.cache.put(place, Cached::Items(Arc::clone(&items)), items.size());
        }
        Ok(items)
    }

    /// The same for one who goes through many: the last block may do again.
    fn next_block<'a>(
        &self,
        last: &'a mut Option<Arc<Items>>,
        table: Table,
        key: u64,
    ) -> Result<&'a Items, SelectError> {
        let block = match last.take().filter(|block| block.get(key).is_some()) {
            Some(block) => block,
            None => self.block(table, key)?,
        };
        Ok(last.insert(block))
    }

    /// Reads one item for one who goes through many.
    fn next_item<T>(
        &self,
        last: &mut Option<Arc<Items>>,
        table: Table,
        key: u64,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Damaged>,
    ) -> Result<T, SelectError> {
        let item = self.next_block(last, table, key)?.get(key);
        let item = item.ok_or_else(|| self.damage(table, key, "an item is missing"))?;
        read(&mut Reader::new(item)).map_err(|err| self.damage(table, key, &err.to_string()))
    }

    fn load(&self, table: Table, first: u64) -> Result<Items, SelectError> {
        let value = guarded(&self.path, || {
            let definition: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(table.name());
            let table = self.database.begin_read()?.open_table(definition)?;
            Ok(table.get(first)?.map(|value| Items::read(first, value.value())))
        });
        match value {
            Ok(Some(Ok(items))) => Ok(items),
            Ok(Some(Err(err))) => Err(self.damage(table, first, &err.to_string())),
            Ok(None) => Err(self.damage(table, first, "a block is missing")),
            Err(SelectError::Corrupt { reason, .. }) => Err(self.damage(table, first, &reason)),
            Err(err) => Err(err),
        }
    }

    /// Notes damage, and reports it if it is new.
    fn damage(&self, table: Table, key: u64, reason: &str) -> SelectError {
        if self.damaged.lock().insert((table, key)) {
            self.shared.damage.fetch_add(1, Ordering::Relaxed);
            error!(partition = %self.path.display(), table = table.name(), key,
                "damaged block, served around from now on: {reason}");
        }
        if table != Table::Chunks {
            self.broken.store(true, Ordering::Relaxed);
        }
        corrupt(&self.path, format!("table {}, key {key}: {reason}", table.name()))
    }

    /// Reads one item with what it holds.
    fn item<T>(
        &self,
        table: Table,
        key: u64,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Damaged>,
    ) -> Result<T, SelectError> {
        self.next_item(&mut None, table, key, read)
    }

    /// Hands over the labels of many series, in the order in which they are named.
    pub fn each_labels(
        &self,
        ordinals: &[u32],
        mut each: impl FnMut(u32, &LabelSet),
    ) -> Result<(), SelectError> {
        let mut block: Option<(u64, Arc<[LabelSet]>)> = None;
        for &ordinal in ordinals {
            let key = u64::from(ordinal);
            let is_in = |(first, sets): &(u64, Arc<[LabelSet]>)| {
                (*first..first + sets.len() as u64).contains(&key)
            };
            let (first, sets) = match block.take().filter(is_in) {
                Some(block) => block,
                None => self.label_block(key)?,
            };
            let labels = sets.get((key - first) as usize);
            let labels =
                labels.ok_or_else(|| self.damage(Table::Series, key, "an item is missing"))?;
            each(ordinal, labels);
            block = Some((first, sets));
        }
        Ok(())
    }

    /// The block of label sets that a series is in, and the first ordinal there.
    fn label_block(&self, key: u64) -> Result<(u64, Arc<[LabelSet]>), SelectError> {
        let first = self.block_of(Table::Series, key)?;
        let place = (self.meta.number, Table::Series, first);
        if let Some(Cached::Labels(sets)) = self.shared.cache.get(place) {
            return Ok((first, sets));
        }
        let block = self.block(Table::Series, first)?;
        let sets: Arc<[LabelSet]> =
            block.iter().map(|item| self.label_set(item)).collect::<Result<_, _>>()?;
        let size = sets.iter().map(|set| set.pairs().len() * 8 + 40).sum();
        self.shared.cache.put(place, Cached::Labels(Arc::clone(&sets)), size);
        Ok((first, sets))
    }

    fn label_set(&self, item: &[u8]) -> Result<LabelSet, SelectError> {
        let mut reader = Reader::new(item);
        let mut pairs = Vec::new();
        while !reader.is_empty() {
            let mut symbol = || {
                let number = reader.varint();
                let number =
                    number.map_err(|err| self.damage(Table::Series, 0, &err.to_string()))?;
                self.symbol(number)
            };
            pairs.push((symbol()?, symbol()?));
        }
        Ok(LabelSet::from_sorted(pairs))
    }

    /// The shared symbol of a string here.
    fn symbol(&self, number: u64) -> Result<Symbol, SelectError> {
        let local =
            self.local.get_or_init(|| (0..self.meta.strings).map(|_| AtomicU32::new(0)).collect());
        let slot = local
            .get(number as usize)
            .ok_or_else(|| self.damage(Table::Strings, number, "a string is missing"))?;
        let known = slot.load(Ordering::Relaxed);
        if known != 0 {
            return Ok(Symbol(known));
        }
        let symbol = self.with_string(number, |text| self.shared.symbols.intern(text))?;
        slot.store(symbol.0, Ordering::Relaxed);
        Ok(symbol)
    }

    fn with_string<T>(&self, number: u64, then: impl FnOnce(&str) -> T) -> Result<T, SelectError> {
        self.next_string(&mut None, number, then)
    }

    fn next_string<T>(
        &self,
        last: &mut Option<Arc<Items>>,
        number: u64,
        then: impl FnOnce(&str) -> T,
    ) -> Result<T, SelectError> {
        self.next_item(last, Table::Strings, number, |reader| {
            let text = std::str::from_utf8(reader.rest());
            text.map(then).map_err(|_| Damaged("a text is not UTF-8"))
        })
    }

    /// Number of a string here.
    fn find_string(&self, text: &str) -> Result<Option<u64>, SelectError> {
        let behind = self.meta.first_strings.partition_point(|first| first.as_str() <= text);
        let Some(index) = behind.checked_sub(1) else { return Ok(None) };
        let first = self.meta.blocks[Table::Strings as usize][index];
        let block = self.block(Table::Strings, first)?;
        let (mut low, mut high) = (0, block.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match block.nth(middle).unwrap_or_default().cmp(text.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(block.first() + middle as u64)),
            }
        }
        Ok(None)
    }

    /// Places of the pairs of a label name.
    fn places(&self, name: &str) -> Result<std::ops::Range<u64>, SelectError> {
        let Some(number) = self.find_string(name)? else { return Ok(0..0) };
        let names = &self.meta.names;
        Ok(match names.binary_search_by_key(&number, |&(name, _)| u64::from(name)) {
            Ok(index) => {
                let end = names.get(index + 1).map_or(self.meta.pairs, |next| next.1);
                names[index].1..end
            }
            Err(_) => 0..0,
        })
    }

    /// Ordinals of the series that pass all matchers, ascending.
    pub fn select(&self, matchers: &[Matcher]) -> Result<Arc<Vec<u32>>, SelectError> {
        let key = format!("{matchers:?}");
        if let Some((_, found)) = self.remembered.lock().iter().find(|(other, _)| *other == key) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(find(self, matchers)?);
        let mut remembered = self.remembered.lock();
        remembered.push((key, Arc::clone(&found)));
        let mut ordinals: usize = remembered.iter().map(|(_, found)| found.len() + 64).sum();
        while ordinals > REMEMBERED {
            ordinals -= remembered.remove(0).1.len() + 64;
        }
        Ok(found)
    }

    /// Names of labels.
    pub fn label_names(&self, mut each: impl FnMut(&str)) -> Result<(), SelectError> {
        for &(number, _) in &self.meta.names {
            self.with_string(u64::from(number), &mut each)?;
        }
        Ok(())
    }

    /// Values of a label.
    pub fn label_values(&self, name: &str, mut each: impl FnMut(&str)) -> Result<(), SelectError> {
        let (mut postings, mut strings) = (None, None);
        for place in self.places(name)? {
            let value = self.next_item(&mut postings, Table::Postings, place, number)?;
            self.next_string(&mut strings, value, &mut each)?;
        }
        Ok(())
    }

    /// Appends the samples of a series in the range to the columns. A chunk that is known to be
    /// damaged is left out; the first to find the damage gets an error.
    pub fn read(
        &self,
        ordinal: u32,
        range: TimeRange,
        recent: &mut Recent,
        into: &mut Columns,
    ) -> Result<(), SelectError> {
        let Meta { window, first_window, slots, .. } = self.meta;
        let last_slot = i64::from(slots) - 1;
        let slot_of = |time: i64| {
            time.div_euclid(window).saturating_sub(first_window).clamp(0, last_slot.max(0))
        };
        if !range.overlaps(self.range()) {
            return Ok(());
        }
        for slot in slot_of(range.start)..=slot_of(range.end) {
            let key = Meta::chunk_key(slot as u32, ordinal);
            let Recent { chunks, times } = recent;
            if chunks.as_ref().is_none_or(|block| block.get(key).is_none()) {
                let first = self.block_of(Table::Chunks, key)?;
                if self.damaged.lock().contains(&(Table::Chunks, first)) {
                    continue;
                }
            }
            let block = self.next_block(chunks, Table::Chunks, key)?;
            let first = block.first();
            let item = block.get(key);
            let item = item.ok_or_else(|| self.damage(Table::Chunks, first, "no such item"))?;
            let mut reader = Reader::new(item);
            while !reader.is_empty() {
                self.read_chunk(first, &mut reader, range, times, into)?;
            }
        }
        Ok(())
    }

    fn read_chunk(
        &self,
        block: u64,
        reader: &mut Reader<'_>,
        range: TimeRange,
        times: &mut TimeColumn,
        into: &mut Columns,
    ) -> Result<(), SelectError> {
        let failed = |err: Damaged| self.damage(Table::Chunks, block, &err.to_string());
        let kind = reader.byte().map_err(failed)?;
        let column = reader.varint().map_err(failed)?;
        let size = reader.count(reader.rest().len()).map_err(failed)?;
        let mut body = Reader::new(reader.take(size).map_err(failed)?);
        let Some(times) = self.times(column, range, times)? else { return Ok(()) };
        self.shared.decoded.fetch_add(1, Ordering::Relaxed);
        codec::chunk::read(kind, times, &mut body, range, into).map_err(failed)
    }

    /// A column of timestamps, if it reaches into the range.
    fn times<'a>(
        &self,
        column: u64,
        range: TimeRange,
        last: &'a mut TimeColumn,
    ) -> Result<Option<&'a [i64]>, SelectError> {
        let TimeColumn { block, number, times } = last;
        if *number != Some(column) {
            *number = None;
            times.clear();
            let overlaps = self.next_item(block, Table::Times, column, |item| {
                let count = item.count(codec::MOST_SAMPLES)?;
                let (first, span) = (item.zigzag()?, item.varint()?);
                if !range.overlaps(TimeRange::new(first, first.wrapping_add(span as i64))) {
                    return Ok(false);
                }
                codec::times::read(item, count, first, times)?;
                Ok(true)
            })?;
            if !overlaps {
                return Ok(None);
            }
            *number = Some(column);
        }
        let ends = times.first().zip(times.last());
        let overlaps =
            ends.is_some_and(|(first, last)| range.overlaps(TimeRange::new(*first, *last)));
        Ok(overlaps.then_some(times.as_slice()))
    }
}

/// The number that an item begins with.
fn number(reader: &mut Reader<'_>) -> Result<u64, Damaged> {
    reader.varint()
}

/// The inverse of how ordinals are written.
fn read_ordinals(reader: &mut Reader<'_>, most: u32, out: &mut Vec<u32>) -> Result<(), Damaged> {
    let mut next = 0u64;
    while !reader.is_empty() {
        let number = reader.varint()?;
        let start = next.saturating_add(number >> 1);
        let length = if number & 1 == 0 { 1 } else { reader.varint()?.saturating_add(2) };
        next = start.saturating_add(length);
        if next > u64::from(most) {
            return Err(Damaged("an ordinal is too large"));
        }
        out.extend(start as u32..next as u32);
    }
    Ok(())
}

impl Postings for Partition {
    type Error = SelectError;

    fn all(&self) -> Result<Vec<u32>, SelectError> {
        Ok((0..self.meta.series).collect())
    }

    fn having(&self, name: &str, value: &str) -> Result<Vec<u32>, SelectError> {
        let mut found = Vec::new();
        let places = self.places(name)?;
        let Some(value) = self.find_string(value)? else { return Ok(found) };
        let (mut low, mut high) = (places.start, places.end);
        while low < high {
            let middle = u64::midpoint(low, high);
            let other = self.item(Table::Postings, middle, number)?;
            match other.cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    self.item(Table::Postings, middle, |reader| {
                        reader.varint()?;
                        read_ordinals(reader, self.meta.series, &mut found)
                    })?;
                    break;
                }
            }
        }
        Ok(found)
    }

    fn passing(
        &self,
        name: &str,
        passes: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<u32>, SelectError> {
        let mut found = Vec::new();
        let (mut postings, mut strings) = (None, None);
        for place in self.places(name)? {
            let value = self.next_item(&mut postings, Table::Postings, place, number)?;
            if self.next_string(&mut strings, value, &mut *passes)? {
                self.next_item(&mut postings, Table::Postings, place, |reader| {
                    reader.varint()?;
                    read_ordinals(reader, self.meta.series, &mut found)
                })?;
            }
        }
        Ok(found)
    }
}
