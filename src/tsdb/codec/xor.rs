//! Floats as the difference of their bits to the predecessor's: for measurements with all 17 digits.

use std::ops::Range;

use super::bytes::{Damaged, Reader};

/// Fills bytes from the lowest bit up.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    count: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u64, width: u32) {
        self.pending |= u128::from(value) << self.count;
        self.count += width;
        if self.count >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.count -= 64;
        }
    }

    fn finish(self) {
        let bytes = (self.pending as u64).to_le_bytes();
        self.out.extend_from_slice(&bytes[..self.count.div_ceil(8) as usize]);
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    bit: usize,
}

impl BitReader<'_> {
    #[inline]
    fn get(&mut self, width: u32) -> Result<u64, Damaged> {
        let at = self.bit >> 3;
        let end = self.bit + width as usize;
        if end > self.bytes.len() * 8 {
            return Err(Damaged("ends too early"));
        }
        let mut window = [0; 16];
        if let Some(bytes) = self.bytes.get(at..at + 16) {
            window.copy_from_slice(bytes);
        } else {
            window[..self.bytes.len() - at].copy_from_slice(&self.bytes[at..]);
        }
        let raw = (u128::from_le_bytes(window) >> (self.bit & 7)) as u64;
        self.bit = end;
        Ok(if width == 64 { raw } else { raw & ((1 << width) - 1) })
    }
}

/// Appends a column: the first value whole, then for each value one bit (equal or not), one bit (same
/// span of changed bits as before or a new one), the span, and the changed bits.
pub fn put(out: &mut Vec<u8>, values: &[f64]) {
    let Some(first) = values.first() else { return };
    let mut writer = BitWriter { out, pending: 0, count: 0 };
    let mut previous = first.to_bits();
    writer.put(previous, 64);
    let (mut low, mut width) = (0, 0);
    for value in &values[1..] {
        let changed = value.to_bits() ^ previous;
        previous = value.to_bits();
        if changed == 0 {
            writer.put(0, 1);
            continue;
        }
        let (from, to) = (changed.trailing_zeros(), 64 - changed.leading_zeros());
        // A new span costs twelve bits; the old one may be wider than needed by as much.
        if width > 0 && from >= low && to <= low + width && width <= to - from + 12 {
            writer.put(0b01, 2);
        } else {
            (low, width) = (from, to - from);
            writer.put(0b11, 2);
            writer.put(u64::from(low), 6);
            writer.put(u64::from(width - 1), 6);
        }
        writer.put(changed >> low, width);
    }
    writer.finish();
}

/// Reads a column up to the end of `wanted`, and appends the values there to `out`.
pub fn read(
    reader: &mut Reader<'_>,
    wanted: &Range<usize>,
    out: &mut Vec<f64>,
) -> Result<(), Damaged> {
    let mut bits = BitReader { bytes: reader.rest(), bit: 0 };
    let mut current = bits.get(64)?;
    if wanted.start == 0 {
        out.push(f64::from_bits(current));
    }
    let (mut low, mut width) = (0, 0);
    for place in 1..wanted.end {
        if bits.get(1)? == 1 {
            if bits.get(1)? == 1 {
                low = bits.get(6)? as u32;
                width = bits.get(6)? as u32 + 1;
                if low + width > 64 {
                    return Err(Damaged("a span of bits is too long"));
                }
            }
            if width == 0 {
                return Err(Damaged("a span of bits is missing"));
            }
            current ^= bits.get(width)? << low;
        }
        if place >= wanted.start {
            out.push(f64::from_bits(current));
        }
    }
    let used = bits.bit.div_ceil(8);
    reader.take(used)?;
    Ok(())
}
