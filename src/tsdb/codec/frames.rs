//! Frames of 64 integers: minimum, bit width, patched exceptions (docs/format/chunk.md).

use std::ops::Range;

use super::bytes::{Damaged, Reader, put_varint, put_zigzag};

/// Integers in one frame.
pub const FRAME: usize = 64;

fn width_of(value: u64) -> usize {
    64 - value.leading_zeros() as usize
}

/// Appends any number of integers, frame after frame.
pub fn put(out: &mut Vec<u8>, integers: &[i64]) {
    for frame in integers.chunks(FRAME) {
        put_frame(out, frame);
    }
}

fn put_frame(out: &mut Vec<u8>, integers: &[i64]) {
    let minimum = integers.iter().copied().min().unwrap_or_default();
    let mut above = [0u64; FRAME];
    let mut of_width = [0u8; 65];
    for (slot, integer) in above.iter_mut().zip(integers) {
        *slot = integer.wrapping_sub(minimum) as u64;
        of_width[width_of(*slot)] += 1;
    }
    let above = &mut above[..integers.len()];
    let widest = of_width.iter().rposition(|&count| count > 0).unwrap_or_default();
    // An exception costs its position and its high bits, everyone else gets narrower.
    let (mut width, mut cheapest, mut exceptions) = (widest, usize::MAX, 0);
    for candidate in (0..=widest).rev() {
        let cost = candidate * integers.len() + exceptions * (12 + widest - candidate);
        if cost < cheapest {
            (width, cheapest) = (candidate, cost);
        }
        exceptions += usize::from(of_width[candidate]);
    }
    let mask = mask_of(width);
    put_zigzag(out, minimum);
    out.push(width as u8);
    let count_at = out.len();
    out.push(0);
    for (position, value) in above.iter_mut().enumerate() {
        if *value > mask {
            out[count_at] += 1;
            out.push(position as u8);
            put_varint(out, *value >> width);
            *value &= mask;
        }
    }
    let (mut pending, mut bits) = (0u128, 0);
    for value in above.iter() {
        pending |= u128::from(*value) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..bits.div_ceil(8)]);
}

fn mask_of(width: usize) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// Reads `count` integers and hands them on frame by frame.
pub fn read(
    reader: &mut Reader<'_>,
    count: usize,
    mut each: impl FnMut(&[i64]),
) -> Result<(), Damaged> {
    let mut frame = [0i64; FRAME];
    let mut left = count;
    while left > 0 {
        let length = left.min(FRAME);
        read_frame(reader, &mut frame[..length])?;
        each(&frame[..length]);
        left -= length;
    }
    Ok(())
}

/// Reads on as far as `wanted` reaches, and hands on the frames that have some of it, each with the place
/// of its first integer. All frames before have to be handed on too where `from_start`.
pub fn read_some(
    reader: &mut Reader<'_>,
    count: usize,
    wanted: &Range<usize>,
    from_start: bool,
    mut each: impl FnMut(usize, &[i64]),
) -> Result<(), Damaged> {
    let mut frame = [0i64; FRAME];
    for at in (0..count.min(wanted.end)).step_by(FRAME) {
        let length = (count - at).min(FRAME);
        if from_start || at + length > wanted.start {
            read_frame(reader, &mut frame[..length])?;
            each(at, &frame[..length]);
        } else {
            let head = Head::read(reader, length)?;
            reader.take(head.packed)?;
        }
    }
    Ok(())
}

/// What stands before the packed integers of a frame.
struct Head<'a> {
    minimum: i64,
    width: usize,
    exceptions: usize,
    /// Positions and high bits of the exceptions.
    patches: Reader<'a>,
    /// Bytes that follow.
    packed: usize,
}

impl<'a> Head<'a> {
    fn read(reader: &mut Reader<'a>, length: usize) -> Result<Self, Damaged> {
        let minimum = reader.zigzag()?;
        let width = usize::from(reader.byte()?);
        if width > 64 {
            return Err(Damaged("a frame is wider than 64 bits"));
        }
        let exceptions = usize::from(reader.byte()?);
        if exceptions > length {
            return Err(Damaged("a frame has more exceptions than values"));
        }
        let patches = reader.clone();
        for _ in 0..exceptions {
            reader.byte()?;
            reader.varint()?;
        }
        Ok(Self { minimum, width, exceptions, patches, packed: (width * length).div_ceil(8) })
    }
}

fn read_frame(reader: &mut Reader<'_>, frame: &mut [i64]) -> Result<(), Damaged> {
    let Head { minimum, width, exceptions, mut patches, packed } = Head::read(reader, frame.len())?;
    let behind = reader.rest();
    reader.take(packed)?;
    unpack(behind, packed, width, minimum, frame);
    for _ in 0..exceptions {
        let position = usize::from(patches.byte()?);
        let high = patches.varint()?;
        let value = frame.get_mut(position).ok_or(Damaged("an exception lies outside"))?;
        let high = high.checked_shl(width as u32).unwrap_or_default();
        *value = value.wrapping_add(high as i64);
    }
    Ok(())
}

/// `bytes` begins with the packed integers; what is behind them does not matter.
fn unpack(bytes: &[u8], packed: usize, width: usize, minimum: i64, frame: &mut [i64]) {
    if width == 0 {
        frame.fill(minimum);
        return;
    }
    // Every value is read as eight or sixteen whole bytes: at the end of everything from a padded copy.
    let mut copy = [0u8; FRAME * 8 + 16];
    let padded = if bytes.len() >= packed + 16 {
        &bytes[..packed + 16]
    } else {
        copy[..packed].copy_from_slice(&bytes[..packed]);
        &copy[..packed + 16]
    };
    let mask = mask_of(width);
    let mut bit = 0;
    if width <= 56 {
        for value in frame {
            let at = bit >> 3;
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&padded[at..at + 8]);
            let raw = u64::from_le_bytes(bytes) >> (bit & 7);
            *value = minimum.wrapping_add((raw & mask) as i64);
            bit += width;
        }
    } else {
        for value in frame {
            let at = bit >> 3;
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&padded[at..at + 16]);
            let raw = (u128::from_le_bytes(bytes) >> (bit & 7)) as u64;
            *value = minimum.wrapping_add((raw & mask) as i64);
            bit += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(integers: &[i64]) {
        let mut bytes = Vec::new();
        put(&mut bytes, integers);
        let mut back = Vec::new();
        let mut reader = Reader::new(&bytes);
        read(&mut reader, integers.len(), |frame| back.extend_from_slice(frame)).unwrap();
        assert_eq!(back, integers);
        assert!(reader.is_empty());
    }

    #[test]
    fn an_outlier_is_patched_and_does_not_widen_the_others() {
        let mut integers = vec![5; 64];
        integers[17] = i64::MAX;
        integers[63] = i64::MIN;
        check(&integers);
        let mut bytes = Vec::new();
        integers[63] = 5;
        put(&mut bytes, &integers);
        assert!(bytes.len() < 16, "{} bytes", bytes.len());
    }

    proptest! {
        #[test]
        fn all_integers_come_back(integers in prop::collection::vec(any::<i64>(), 0..200)) {
            check(&integers);
        }

        #[test]
        fn integers_of_mixed_size_come_back(
            integers in prop::collection::vec((any::<i64>(), 0u32..64), 0..200),
        ) {
            check(&integers.iter().map(|(value, shift)| value >> shift).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, count in 0usize..500) {
            let _ = read(&mut Reader::new(&bytes), count, |_| {});
        }
    }
}
