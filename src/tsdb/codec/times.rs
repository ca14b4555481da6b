//! Columns of timestamps: regular, runs of equal steps, or packed steps (docs/format/chunk.md).

use super::bytes::{Damaged, Reader, put_varint, put_zigzag};
use super::frames;

const REGULAR: u8 = 0;
const RUNS: u8 = 1;
const PACKED: u8 = 2;

/// Appends a column. `base` is known to the reader and makes the first timestamp short; any order
/// and any distance of the timestamps is kept.
pub fn put(out: &mut Vec<u8>, times: &[i64], base: i64) {
    let Some(&first) = times.first() else { return };
    let steps = || times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let step = steps().next().unwrap_or_default();
    let changes = steps().zip(steps().skip(1)).filter(|(a, b)| a != b).count();
    if changes == 0 {
        out.push(REGULAR);
        put_zigzag(out, first.wrapping_sub(base));
        put_zigzag(out, step);
    } else if changes < times.len() / 8 {
        out.push(RUNS);
        put_zigzag(out, first.wrapping_sub(base));
        let (mut current, mut length) = (step, 0u64);
        for step in steps() {
            if step != current {
                put_zigzag(out, current);
                put_varint(out, length);
                (current, length) = (step, 0);
            }
            length += 1;
        }
        put_zigzag(out, current);
        put_varint(out, length);
    } else {
        out.push(PACKED);
        put_zigzag(out, first.wrapping_sub(base));
        frames::put(out, &steps().collect::<Vec<_>>());
    }
}

/// Reads a column of `count` timestamps and appends it to `out`.
pub fn read(
    reader: &mut Reader<'_>,
    count: usize,
    base: i64,
    out: &mut Vec<i64>,
) -> Result<(), Damaged> {
    if count == 0 {
        return Ok(());
    }
    let kind = reader.byte()?;
    let mut time = base.wrapping_add(reader.zigzag()?);
    match kind {
        REGULAR => {
            let step = reader.zigzag()?;
            out.extend((0..count as i64).map(|index| time.wrapping_add(step.wrapping_mul(index))));
        }
        RUNS => {
            out.push(time);
            let mut left = count - 1;
            while left > 0 {
                let step = reader.zigzag()?;
                let length = reader.count(left)?;
                if length == 0 {
                    return Err(Damaged("an empty run of timestamps"));
                }
                for _ in 0..length {
                    time = time.wrapping_add(step);
                    out.push(time);
                }
                left -= length;
            }
        }
        PACKED => {
            out.push(time);
            frames::read(reader, count - 1, |steps| {
                out.extend(steps.iter().map(|step| {
                    time = time.wrapping_add(*step);
                    time
                }));
            })?;
        }
        _ => return Err(Damaged("an unknown encoding of timestamps")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(times: &[i64]) -> usize {
        let mut bytes = Vec::new();
        put(&mut bytes, times, 1_700_000_000_000);
        let mut back = Vec::new();
        let mut reader = Reader::new(&bytes);
        read(&mut reader, times.len(), 1_700_000_000_000, &mut back).unwrap();
        assert_eq!(back, times);
        assert!(reader.is_empty());
        bytes.len()
    }

    #[test]
    fn a_regular_column_takes_a_few_bytes_whatever_its_length() {
        let times: Vec<i64> = (0..480).map(|i| 1_700_000_000_123 + i * 15_000).collect();
        assert!(size(&times) <= 7);
    }

    #[test]
    fn a_gap_costs_a_run() {
        let times: Vec<i64> =
            (0..480).filter(|i| *i != 77).map(|i| 1_700_000_000_123 + i * 15_000).collect();
        assert!(size(&times) <= 16);
    }

    #[test]
    fn the_ends_of_time_come_back() {
        size(&[i64::MIN, i64::MAX, 0, i64::MIN]);
    }

    proptest! {
        #[test]
        fn every_column_comes_back(times in prop::collection::vec(any::<i64>(), 0..300)) {
            size(&times);
        }

        #[test]
        fn jittered_columns_come_back(jitter in prop::collection::vec(0i64..40, 0..300)) {
            let times: Vec<i64> = (0..).zip(jitter).map(|(i, j)| i * 15_000 + j / 30).collect();
            size(&times);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, count in 0usize..500) {
            let _ = read(&mut Reader::new(&bytes), count, 0, &mut Vec::new());
        }
    }
}
