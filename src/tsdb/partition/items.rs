//! Blocks of numbered items, the one container in a partition: chunks, label sets, strings, postings
//! and timestamp columns all lie in it (docs/format/partition.md).

use crate::tsdb::codec::{Damaged, Reader, put_varint};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Bytes of one block before compression at most; more is damage.
const MOST_BYTES: usize = 1 << 30;

/// Block sizes that fill a page of redb: a value one byte larger takes a page of twice the size.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Largest value.
    pub bytes: usize,
    /// Level of zstd.
    pub level: i32,
}

impl Target {
    /// Chunks.
    pub const CHUNKS: Self = Self { bytes: 32_600, level: 1 };
    /// Everything else.
    pub const INDEX: Self = Self { bytes: 16_200, level: 3 };

    /// A little less: what does not fit any more is left for the next block.
    fn least(self) -> usize {
        self.bytes / 100 * 99
    }

    /// Bytes before compression at most: to read one item its whole block is unpacked.
    fn most(self) -> usize {
        16 * self.bytes
    }
}

/// Gathers items into blocks.
pub struct Builder {
    target: Target,
    first: u64,
    ends: Vec<usize>,
    bytes: Vec<u8>,
    /// Bytes before compression at which a block is tried, as the last try foretells it.
    wanted: usize,
}

impl Builder {
    /// An empty one.
    pub fn new(target: Target) -> Self {
        Self { target, first: 0, ends: Vec::new(), bytes: Vec::new(), wanted: target.least() }
    }

    /// Adds an item. The keys of the items of a block follow one another; `flush` before a gap.
    pub fn push<E>(
        &mut self,
        key: u64,
        put: impl FnOnce(&mut Vec<u8>),
        mut emit: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.ends.is_empty() {
            self.first = key;
        }
        put(&mut self.bytes);
        self.ends.push(self.bytes.len());
        let raw = self.bytes.len() + 2 * self.ends.len();
        if raw < self.wanted { Ok(()) } else { self.emit(&mut emit, raw >= self.target.most()) }
    }

    /// Hands on what is left.
    pub fn flush<E>(&mut self, mut emit: impl FnMut(u64, &[u8]) -> Result<(), E>) -> Result<(), E> {
        while !self.ends.is_empty() {
            self.emit(&mut emit, true)?;
        }
        Ok(())
    }

    /// Hands on one block: all items, or as many as fit.
    fn emit<E>(
        &mut self,
        emit: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
        last: bool,
    ) -> Result<(), E> {
        let mut count = self.ends.len();
        let value = loop {
            let value = self.encode(count);
            let raw = self.ends[count - 1] + 2 * count;
            let foretold = raw * self.target.least() / value.len();
            self.wanted = foretold.clamp(self.target.least(), self.target.most());
            if value.len() <= self.target.bytes || count == 1 {
                break value;
            }
            let fitting = count * self.target.bytes * 98 / (value.len() * 100);
            count = fitting.clamp(1, count - 1);
        };
        // Far below the target: gather more, unless nothing more comes.
        let room = (value.len() as f64) < self.target.bytes as f64 * 0.97;
        if !last && room && count == self.ends.len() {
            // Compression may fall short of what is foretold again and again.
            let raw = self.bytes.len() + 2 * count;
            self.wanted = self.wanted.max(raw + raw / 16);
            return Ok(());
        }
        emit(self.first, &value)?;
        let cut = self.ends[count - 1];
        self.bytes.drain(..cut);
        self.ends.drain(..count);
        self.ends.iter_mut().for_each(|end| *end -= cut);
        self.first += count as u64;
        Ok(())
    }

    /// Checksum over key and rest, number of items, then lengths and bytes, compressed if that helps.
    fn encode(&self, count: usize) -> Vec<u8> {
        let mut raw = Vec::with_capacity(self.ends[count - 1] + 2 * count);
        let mut start = 0;
        for &end in &self.ends[..count] {
            put_varint(&mut raw, (end - start) as u64);
            start = end;
        }
        raw.extend_from_slice(&self.bytes[..self.ends[count - 1]]);
        let packed = zstd::bulk::compress(&raw, self.target.level).ok();
        let packed = packed.filter(|packed| packed.len() + packed.len() / 32 < raw.len());
        let mut value = vec![0; 4];
        value.push(if packed.is_some() { ZSTD } else { PLAIN });
        put_varint(&mut value, count as u64);
        put_varint(&mut value, raw.len() as u64);
        value.extend_from_slice(packed.as_ref().unwrap_or(&raw));
        let checksum = checksum(self.first, &value[4..]);
        value[..4].copy_from_slice(&checksum.to_le_bytes());
        value
    }
}

/// Of a value and of its key, so that a value found under another key is not believed.
fn checksum(key: u64, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}

/// A decoded block.
#[derive(Debug)]
pub struct Items {
    first: u64,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Items {
    /// Checks and decodes a value.
    pub fn read(key: u64, value: &[u8]) -> Result<Self, Damaged> {
        let (stored, rest) = value.split_first_chunk::<4>().ok_or(Damaged("a value is short"))?;
        if checksum(key, rest) != u32::from_le_bytes(*stored) {
            return Err(Damaged("a checksum does not hold"));
        }
        let mut reader = Reader::new(rest);
        let packed = reader.byte()?;
        let count = reader.count(MOST_BYTES)?;
        let size = reader.count(MOST_BYTES)?;
        let raw = match packed {
            PLAIN => reader.rest().to_vec(),
            ZSTD => zstd::bulk::decompress(reader.rest(), size)
                .map_err(|_| Damaged("a block does not decompress"))?,
            _ => return Err(Damaged("an unknown compression")),
        };
        if raw.len() != size || count > size {
            return Err(Damaged("a block has the wrong size"));
        }
        let mut reader = Reader::new(&raw);
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u64;
        for _ in 0..count {
            end = end.saturating_add(reader.varint()?);
            ends.push(u32::try_from(end).map_err(|_| Damaged("an item is too long"))?);
        }
        let bytes = reader.rest().to_vec();
        if end != bytes.len() as u64 {
            return Err(Damaged("items do not fill their block"));
        }
        Ok(Self { first: key, ends, bytes })
    }

    /// Bytes that it takes in memory.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * 4 + 64
    }

    /// Key of the first item.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// An item by its key.
    pub fn get(&self, key: u64) -> Option<&[u8]> {
        self.nth(usize::try_from(key.checked_sub(self.first)?).ok()?)
    }

    /// An item by its place in the block.
    pub fn nth(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.bytes.get(start..end)
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.nth(index))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn build(items: &[Vec<u8>], target: Target) -> BTreeMap<u64, Vec<u8>> {
        let mut blocks = BTreeMap::new();
        let mut emit = |key, value: &[u8]| {
            blocks.insert(key, value.to_vec());
            Ok::<_, Infallible>(())
        };
        let mut builder = Builder::new(target);
        for (key, item) in (100..).zip(items) {
            let Ok(()) = builder.push(key, |out| out.extend_from_slice(item), &mut emit);
        }
        let Ok(()) = builder.flush(&mut emit);
        blocks
    }

    fn check(items: &[Vec<u8>], target: Target) -> BTreeMap<u64, Vec<u8>> {
        let blocks = build(items, target);
        let mut back = Vec::new();
        for (&key, value) in &blocks {
            let block = Items::read(key, value).unwrap();
            assert_eq!(key, 100 + back.len() as u64);
            assert_eq!(block.get(key), block.nth(0));
            back.extend(block.iter().map(<[u8]>::to_vec));
        }
        assert_eq!(back, items);
        blocks
    }

    #[test]
    fn blocks_fill_their_pages() {
        let items: Vec<Vec<u8>> = (0..40_000u32)
            .map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[..2].repeat(3))
            .collect();
        let blocks = check(&items, Target::INDEX);
        let sizes: Vec<usize> = blocks.values().map(Vec::len).collect();
        let (_, full) = sizes.split_last().unwrap();
        assert!(full.len() > 3);
        assert!(full.iter().all(|&size| (14_500..=16_200).contains(&size)), "{full:?}");
    }

    #[test]
    fn an_item_larger_than_a_block_has_one_of_its_own() {
        let noise: Vec<u8> = (0..30_000u64).map(|i| ((i * i * 31) >> 7) as u8).collect();
        check(&[vec![1], noise, vec![2], vec![]], Target { bytes: 1000, level: 1 });
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let blocks = check(&[vec![1, 2, 3], vec![4; 40]], Target::INDEX);
        let (&key, value) = blocks.first_key_value().unwrap();
        for bit in 0..value.len() * 8 {
            let mut value = value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            assert!(Items::read(key, &value).is_err(), "bit {bit}");
        }
        assert!(Items::read(key + 1, value).is_err());
    }

    proptest! {
        #[test]
        fn all_items_come_back(
            items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..300),
            bytes in 60usize..2000,
        ) {
            check(&items, Target { bytes, level: 1 });
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(key: u64, value: Vec<u8>) {
            let _ = Items::read(key, &value);
        }
    }
}
