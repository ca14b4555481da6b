//! Variable-length integers and a reader that never runs past the end.

/// The bytes are not what an encoder wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub &'static str);

/// Seven bits a byte, least significant first, the high bit says that more follow.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number, small in either direction: 0, -1, 1, -2 … become 0, 1, 2, 3 …
#[inline]
pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// A string with its length in front.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Folds the sign into the lowest bit.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader over all of it.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.0.split_first().ok_or(Damaged("ends too early"))?;
        self.0 = rest;
        Ok(first)
    }

    /// So many bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damaged("ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A variable-length number.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("a number has too many bytes"))
    }

    /// A signed variable-length number.
    #[inline]
    pub fn zigzag(&mut self) -> Result<i64, Damaged> {
        self.varint().map(unzigzag)
    }

    /// A count of at most `most`: a damaged one must not make us allocate gigabytes.
    pub fn count(&mut self, most: usize) -> Result<usize, Damaged> {
        let count = self.varint()?;
        if count > most as u64 { Err(Damaged("a count is too large")) } else { Ok(count as usize) }
    }

    /// Eight bytes, little endian.
    #[inline]
    pub fn bits(&mut self) -> Result<u64, Damaged> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    /// A string with its length in front.
    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count(self.0.len())?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        let numbers = [0, 1, -1, 63, 64, -64, i64::MAX, i64::MIN];
        let mut bytes = Vec::new();
        for number in numbers {
            put_zigzag(&mut bytes, number);
        }
        let mut reader = Reader::new(&bytes);
        for number in numbers {
            assert_eq!(reader.zigzag(), Ok(number));
        }
        assert!(reader.is_empty());
        assert_eq!(reader.varint(), Err(Damaged("ends too early")));
    }

    #[test]
    fn an_endless_number_is_damage() {
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
    }
}
