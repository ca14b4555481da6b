//! A walk over the fields of a protobuf message that copies nothing. Writing 100,000 series a second
//! leaves no room for an allocation a label, which is what generated messages cost.

use prost::encoding::{WireType, decode_key, decode_varint};

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the protobuf message is malformed")]
pub struct Malformed;

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// Doubles and other fields of eight bytes.
    Fixed64(u64),
    /// Floats and other fields of four bytes.
    Fixed32(u32),
    /// Strings, messages, packed repeated fields.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A string or message.
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Malformed) }
    }

    /// A string.
    pub fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// A double.
    pub fn double(self) -> Result<f64, Malformed> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(Malformed) }
    }

    /// An `int64`, `uint64` or `enum`.
    pub fn integer(self) -> Result<u64, Malformed> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(Malformed) }
    }

    /// Adds the numbers of a repeated `uint32`, packed or not.
    pub fn numbers(self, into: &mut Vec<u32>) -> Result<(), Malformed> {
        let mut add = |number| {
            into.push(u32::try_from(number).map_err(|_| Malformed)?);
            Ok(())
        };
        match self {
            Self::Varint(number) => add(number),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    add(decode_varint(&mut bytes).map_err(|_| Malformed)?)?;
                }
                Ok(())
            }
            _ => Err(Malformed),
        }
    }
}

/// The fields of a message, in the order in which they were written.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of the bytes of a message, without its length.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// How many bytes are not walked yet.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Number and value of the next field.
    pub fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (number, kind) = decode_key(&mut self.0).map_err(|_| Malformed)?;
        let value = match kind {
            WireType::Varint => Value::Varint(decode_varint(&mut self.0).map_err(|_| Malformed)?),
            WireType::SixtyFourBit => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            WireType::ThirtyTwoBit => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.0).map_err(|_| Malformed)?;
                let length = usize::try_from(length).map_err(|_| Malformed)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            // Groups are of the time before proto3.
            WireType::StartGroup | WireType::EndGroup => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::wire::remote::{Label, Sample};

    fn all(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        let mut fields = Fields::of(message);
        let mut found = Vec::new();
        while let Some(field) = fields.next()? {
            found.push(field);
        }
        Ok(found)
    }

    #[test]
    fn fields_of_every_kind_are_walked() {
        let label = Label { name: "job".to_owned(), value: "ä".to_owned() }.encode_to_vec();
        let fields = all(&label).unwrap();
        assert_eq!(fields[0].1.text(), Ok("job"));
        assert_eq!(fields[1].1.text(), Ok("ä"));
        let sample = Sample { value: 1.5, timestamp: -1, start_timestamp: 5 }.encode_to_vec();
        let fields = all(&sample).unwrap();
        assert_eq!(fields[0], (1, Value::Fixed64(1.5f64.to_bits())));
        assert_eq!(fields[1], (2, Value::Varint(u64::MAX)));
        let mut numbers = Vec::new();
        Value::Bytes(&[1, 0xac, 2]).numbers(&mut numbers).unwrap();
        Value::Varint(7).numbers(&mut numbers).unwrap();
        assert_eq!(numbers, [1, 300, 7]);
    }

    #[test]
    fn a_cut_message_is_malformed_or_shorter() {
        let label = Label { name: "job".to_owned(), value: "api".to_owned() }.encode_to_vec();
        for cut in 1..label.len() {
            match all(&label[..cut]) {
                Ok(fields) => assert_eq!((cut, fields.len()), (5, 1)),
                Err(Malformed) => assert_ne!(cut, 5),
            }
        }
        assert_eq!(
            all(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            Err(Malformed)
        );
        assert_eq!(all(&[0x0b]), Err(Malformed));
    }
}
