//! What a partition says of itself, and its name.

use crate::tsdb::codec::{Damaged, Reader, put_text, put_varint, put_zigzag};

/// The tables of a partition, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Chunks, by slot and ordinal.
    Chunks,
    /// Columns of timestamps.
    Times,
    /// Label sets, by ordinal.
    Series,
    /// Strings, by number; ascending.
    Strings,
    /// Ordinals, by the place of a pair in the order of name and value.
    Postings,
}

impl Table {
    /// Its name in redb.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chunks => "blk",
            Self::Times => "ts",
            Self::Series => "ser",
            Self::Strings => "sym",
            Self::Postings => "post",
        }
    }
}

/// The head of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Number of the partition; a later one has a larger number.
    pub number: u64,
    /// Length of a slot in milliseconds: the window that the store had.
    pub window: i64,
    /// Number of the first window.
    pub first_window: i64,
    /// Windows in it.
    pub slots: u32,
    /// Oldest sample.
    pub oldest: i64,
    /// Newest sample.
    pub newest: i64,
    /// Label sets in it.
    pub series: u32,
    /// Samples in it.
    pub samples: u64,
    /// Columns of timestamps in it.
    pub columns: u32,
    /// Distinct strings in it.
    pub strings: u32,
    /// Windows, and up to which segment of the log they are in here.
    pub sealed: Vec<(i64, u64)>,
    /// Numbers of the partitions that this one takes the place of.
    pub replaces: Vec<u64>,
    /// For each label name its number and the place of its first pair, ascending.
    pub names: Vec<(u32, u64)>,
    /// Pairs in it.
    pub pairs: u64,
    /// First keys of the blocks of each table.
    pub blocks: [Vec<u64>; 5],
    /// First string of each block of strings.
    pub first_strings: Vec<String>,
}

const VERSION: u64 = 1;

impl Meta {
    /// Whether a window of this length lies in it.
    pub fn has_window(&self, length: i64, window: i64) -> bool {
        let end = self.first_window.saturating_add(i64::from(self.slots));
        self.window == length && (self.first_window..end).contains(&window)
    }

    /// As bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        let Self {
            number,
            window,
            first_window,
            slots,
            oldest,
            newest,
            series,
            samples,
            columns,
            strings,
            sealed,
            replaces,
            names,
            pairs,
            blocks,
            first_strings,
        } = self;
        put_varint(out, VERSION);
        put_varint(out, *number);
        put_zigzag(out, *window);
        put_zigzag(out, *first_window);
        put_varint(out, u64::from(*slots));
        put_zigzag(out, *oldest);
        put_zigzag(out, *newest);
        put_varint(out, u64::from(*series));
        put_varint(out, *samples);
        put_varint(out, u64::from(*columns));
        put_varint(out, u64::from(*strings));
        put_varint(out, sealed.len() as u64);
        for &(window, segment) in sealed {
            put_zigzag(out, window);
            put_varint(out, segment);
        }
        put_varint(out, replaces.len() as u64);
        for &number in replaces {
            put_varint(out, number);
        }
        put_varint(out, names.len() as u64);
        for &(name, place) in names {
            put_varint(out, u64::from(name));
            put_varint(out, place);
        }
        put_varint(out, *pairs);
        for keys in blocks {
            put_varint(out, keys.len() as u64);
            let mut before = 0;
            for &key in keys {
                put_varint(out, key - before);
                before = key;
            }
        }
        for first in first_strings {
            put_text(out, first);
        }
    }

    /// From bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let reader = &mut Reader::new(bytes);
        if reader.varint()? != VERSION {
            return Err(Damaged("written by a newer version"));
        }
        let small = |number: u64| u32::try_from(number).map_err(|_| Damaged("a large count"));
        let mut meta = Self {
            number: reader.varint()?,
            window: reader.zigzag()?,
            first_window: reader.zigzag()?,
            slots: small(reader.varint()?)?,
            oldest: reader.zigzag()?,
            newest: reader.zigzag()?,
            series: small(reader.varint()?)?,
            samples: reader.varint()?,
            columns: small(reader.varint()?)?,
            strings: small(reader.varint()?)?,
            ..Self::default()
        };
        for _ in 0..reader.count(bytes.len())? {
            meta.sealed.push((reader.zigzag()?, reader.varint()?));
        }
        for _ in 0..reader.count(bytes.len())? {
            meta.replaces.push(reader.varint()?);
        }
        for _ in 0..reader.count(bytes.len())? {
            meta.names.push((small(reader.varint()?)?, reader.varint()?));
        }
        meta.pairs = reader.varint()?;
        for keys in &mut meta.blocks {
            let mut key = 0u64;
            for _ in 0..reader.count(bytes.len())? {
                key = key.checked_add(reader.varint()?).ok_or(Damaged("a large key"))?;
                keys.push(key);
            }
        }
        for _ in 0..meta.blocks[Table::Strings as usize].len() {
            meta.first_strings.push(reader.text()?.to_owned());
        }
        if reader.is_empty() { Ok(meta) } else { Err(Damaged("bytes left over")) }
    }

    /// File name: the first and the last instant of its windows, and its number.
    pub fn file_name(&self) -> String {
        let start = self.first_window.wrapping_mul(self.window);
        let end = start.wrapping_add(i64::from(self.slots).wrapping_mul(self.window));
        format!("p-{start}-{end}-{}.redb", self.number)
    }

    /// The number in a file name of this form.
    pub fn number_in(file_name: &str) -> Option<u64> {
        let stem = file_name.strip_prefix("p-")?.strip_suffix(".redb")?;
        let (range, number) = stem.rsplit_once('-')?;
        let (start, _) = range.rsplit_once('-')?;
        if start.is_empty() { None } else { number.parse().ok() }
    }

    /// Key of the chunks of a series in a window.
    pub fn chunk_key(slot: u32, ordinal: u32) -> u64 {
        u64::from(slot) << 32 | u64::from(ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_partition_comes_back() {
        let meta = Meta {
            number: 7,
            window: 7_200_000,
            first_window: -3,
            slots: 12,
            oldest: -21_600_000,
            newest: 5,
            series: 9,
            samples: 1000,
            columns: 2,
            strings: 8,
            sealed: vec![(-3, 4), (-2, 9)],
            replaces: vec![3, 4],
            names: vec![(0, 0), (3, 5)],
            pairs: 11,
            blocks: [vec![0, 1 << 32], vec![0], vec![0], vec![0, 5], vec![0]],
            first_strings: vec!["a".to_owned(), "m".to_owned()],
        };
        let mut bytes = Vec::new();
        meta.put(&mut bytes);
        assert_eq!(Meta::read(&bytes), Ok(meta.clone()));
        for length in 0..bytes.len() {
            assert!(Meta::read(&bytes[..length]).is_err());
        }
        assert_eq!(meta.file_name(), "p--21600000-64800000-7.redb");
        assert_eq!(Meta::number_in(&meta.file_name()), Some(7));
        assert_eq!(Meta::number_in("p-1-2.redb"), None);
    }
}
