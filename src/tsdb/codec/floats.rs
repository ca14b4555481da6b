//! Columns of floats, lossless for every bit pattern: constants, packed decimals with exceptions, and
//! XOR for what is no short decimal (docs/format/chunk.md).

use std::ops::Range;

use super::bytes::{Damaged, Reader, put_varint, put_zigzag};
use super::frames::{self, FRAME};
use super::xor;

const CONSTANT: u8 = 0;
const CONSTANT_DECIMAL: u8 = 1;
const PACKED_STEPS: u8 = 2;
const PACKED_VALUES: u8 = 3;
const XOR: u8 = 4;

const POWERS: [f64; 15] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
/// Below it, adding and subtracting `ROUNDER` rounds to the nearest integer.
const LARGEST: f64 = (1u64 << 51) as f64;
const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64;

/// Buffers of the encoder, reused from column to column.
#[derive(Debug, Default)]
pub struct Scratch {
    integers: Vec<i64>,
    steps: Vec<i64>,
    exceptions: Vec<usize>,
}

/// The integer `m` with `m / 10^exponent == value`, bit for bit.
#[inline]
fn as_decimal(value: f64, exponent: usize) -> Option<i64> {
    let scaled = value * POWERS[exponent];
    let rounded = (scaled + ROUNDER) - ROUNDER;
    let integer = rounded as i64;
    let same = (integer as f64 / POWERS[exponent]).to_bits() == value.to_bits();
    (scaled.abs() < LARGEST && same).then_some(integer)
}

/// A decimal of at most six digits behind the point: exponent and integer, for the log.
pub fn short_decimal(value: f64) -> Option<(usize, i64)> {
    (0..=6).find_map(|exponent| as_decimal(value, exponent).map(|integer| (exponent, integer)))
}

/// The inverse of [`short_decimal`]; the exponent is at most 6.
pub fn from_decimal(exponent: usize, integer: i64) -> f64 {
    integer as f64 / POWERS[exponent]
}

/// Appends a column.
pub fn put(out: &mut Vec<u8>, values: &[f64], scratch: &mut Scratch) {
    let Some(&first) = values.first() else { return };
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        put_constant(out, first);
    } else if let Some(exponent) = to_decimals(values, scratch) {
        put_packed(out, values, exponent, scratch);
    } else {
        out.push(XOR);
        xor::put(out, values);
    }
}

fn put_constant(out: &mut Vec<u8>, value: f64) {
    let decimal = (0..POWERS.len()).find_map(|e| as_decimal(value, e).map(|m| (e, m)));
    if let Some((exponent, integer)) = decimal {
        out.push(CONSTANT_DECIMAL | (exponent as u8) << 4);
        put_zigzag(out, integer);
    } else {
        out.push(CONSTANT);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Finds the common exponent and fills `integers` and `exceptions`; `None` where more than an eighth
/// of the values would be exceptions.
fn to_decimals(values: &[f64], scratch: &mut Scratch) -> Option<usize> {
    let Scratch { integers, exceptions, .. } = scratch;
    let most = values.len() / 8;
    let (mut exponent, mut odd) = (0, 0);
    for &value in values {
        if as_decimal(value, exponent).is_some() {
            continue;
        }
        match (exponent + 1..POWERS.len()).find(|&e| as_decimal(value, e).is_some()) {
            Some(larger) => exponent = larger,
            None => odd += 1,
        }
        if odd > most {
            return None;
        }
    }
    integers.clear();
    exceptions.clear();
    let mut previous = None;
    for (position, &value) in values.iter().enumerate() {
        if let Some(integer) = as_decimal(value, exponent) {
            if previous.is_none() {
                integers.fill(integer);
            }
            previous = Some(integer);
            integers.push(integer);
        } else {
            // What stands here does not matter; the neighbour's value costs least.
            exceptions.push(position);
            integers.push(previous.unwrap_or_default());
        }
        if exceptions.len() > most {
            return None;
        }
    }
    Some(exponent)
}

/// Bits that frames of these integers take, without patching.
fn cost(integers: &[i64]) -> usize {
    let width = |frame: &[i64]| {
        let least = frame.iter().copied().min().unwrap_or_default();
        let most = frame.iter().copied().max().unwrap_or_default();
        64 - (most.wrapping_sub(least) as u64).leading_zeros() as usize
    };
    integers.chunks(FRAME).map(|frame| frame.len() * width(frame)).sum()
}

fn greatest_common_divisor(steps: &[i64]) -> u64 {
    let mut divisor = 0u64;
    for step in steps {
        let mut other = step.unsigned_abs();
        while other != 0 {
            (divisor, other) = (other, divisor % other);
        }
        if divisor == 1 {
            break;
        }
    }
    divisor
}

fn put_packed(out: &mut Vec<u8>, values: &[f64], exponent: usize, scratch: &mut Scratch) {
    let Scratch { integers, steps, exceptions } = scratch;
    steps.clear();
    steps.extend(integers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
    let first = integers[0];
    let divisor = greatest_common_divisor(steps).max(1);
    for integer in integers.iter_mut() {
        *integer -= first;
    }
    if divisor > 1 {
        let divisor = divisor as i64;
        for integer in integers.iter_mut().chain(steps.iter_mut()) {
            *integer /= divisor;
        }
    }
    let by_steps = cost(steps) <= cost(integers);
    let kind = if by_steps { PACKED_STEPS } else { PACKED_VALUES };
    out.push(kind | (exponent as u8) << 4);
    put_varint(out, exceptions.len() as u64);
    let mut behind = 0;
    for &position in exceptions.iter() {
        put_varint(out, (position - behind) as u64);
        out.extend_from_slice(&values[position].to_bits().to_le_bytes());
        behind = position;
    }
    put_varint(out, divisor);
    put_zigzag(out, first);
    frames::put(out, if by_steps { steps } else { &integers[1..] });
}

/// Reads a column of `count` values and appends those at the places `wanted` to `out`. What comes behind
/// them is not looked at.
pub fn read(
    reader: &mut Reader<'_>,
    count: usize,
    wanted: Range<usize>,
    out: &mut Vec<f64>,
) -> Result<(), Damaged> {
    let wanted = wanted.start..wanted.end.min(count);
    if wanted.is_empty() {
        return Ok(());
    }
    let tag = reader.byte()?;
    let power = *POWERS.get(usize::from(tag >> 4)).ok_or(Damaged("an exponent is too large"))?;
    match tag & 15 {
        CONSTANT => {
            let value = f64::from_bits(reader.bits()?);
            out.resize(out.len() + wanted.len(), value);
        }
        CONSTANT_DECIMAL => {
            let value = reader.zigzag()? as f64 / power;
            out.resize(out.len() + wanted.len(), value);
        }
        kind @ (PACKED_STEPS | PACKED_VALUES) => {
            let exceptions = reader.count(count)?;
            let mut patches = reader.clone();
            for _ in 0..exceptions {
                reader.varint()?;
                reader.take(8)?;
            }
            let start = out.len();
            out.reserve(wanted.len());
            if kind == PACKED_STEPS {
                read_steps(reader, count, &wanted, power, out)?;
            } else {
                let divisor = reader.varint()? as i64;
                let first = reader.zigzag()?;
                if wanted.start == 0 {
                    out.push(first as f64 / power);
                }
                let behind = behind_first(&wanted);
                frames::read_some(reader, count - 1, &behind, false, |at, frame| {
                    let frame = &frame[part(&behind, at, frame.len())];
                    let integer = |value: &i64| first.wrapping_add(value.wrapping_mul(divisor));
                    out.extend(frame.iter().map(|value| integer(value) as f64 / power));
                })?;
            }
            let mut position = 0;
            for _ in 0..exceptions {
                position += patches.count(count)?;
                let value = f64::from_bits(patches.bits()?);
                if position >= count {
                    return Err(Damaged("an exception lies outside"));
                }
                if wanted.contains(&position) {
                    out[start + position - wanted.start] = value;
                }
            }
        }
        XOR => xor::read(reader, &wanted, out)?,
        _ => return Err(Damaged("an unknown encoding of floats")),
    }
    Ok(())
}

/// The places of integers that stand behind the first one, for those of values.
fn behind_first(wanted: &Range<usize>) -> Range<usize> {
    wanted.start.saturating_sub(1)..wanted.end - 1
}

/// The part of a frame of this length, beginning at `at`, that is wanted.
fn part(wanted: &Range<usize>, at: usize, length: usize) -> Range<usize> {
    let place = |place: usize| place.saturating_sub(at).min(length);
    place(wanted.start)..place(wanted.end)
}

fn read_steps(
    reader: &mut Reader<'_>,
    count: usize,
    wanted: &Range<usize>,
    power: f64,
    out: &mut Vec<f64>,
) -> Result<(), Damaged> {
    let divisor = reader.varint()? as i64;
    let mut integer = reader.zigzag()?;
    if wanted.start == 0 {
        out.push(integer as f64 / power);
    }
    let behind = behind_first(wanted);
    frames::read_some(reader, count - 1, &behind, true, |at, frame| {
        let Range { start, end } = part(&behind, at, frame.len());
        let passed = frame[..start].iter().fold(0i64, |sum, step| sum.wrapping_add(*step));
        integer = integer.wrapping_add(passed.wrapping_mul(divisor));
        let frame = &frame[start..end];
        // The common cases get loops of their own: no division, no multiplication.
        match (divisor, power == 1.0) {
            (1, true) => out.extend(frame.iter().map(|step| {
                integer = integer.wrapping_add(*step);
                integer as f64
            })),
            (1, false) => out.extend(frame.iter().map(|step| {
                integer = integer.wrapping_add(*step);
                integer as f64 / power
            })),
            _ => out.extend(frame.iter().map(|step| {
                integer = integer.wrapping_add(step.wrapping_mul(divisor));
                integer as f64 / power
            })),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::STALE_NAN;

    fn size(values: &[f64]) -> usize {
        let mut bytes = Vec::new();
        put(&mut bytes, values, &mut Scratch::default());
        let mut back = Vec::new();
        let mut reader = Reader::new(&bytes);
        read(&mut reader, values.len(), 0..values.len(), &mut back).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        assert!(reader.is_empty());
        bytes.len()
    }

    #[test]
    fn a_constant_takes_a_few_bytes() {
        assert!(size(&[3.0; 480]) <= 2);
        assert!(size(&[0.25; 480]) <= 3);
        assert!(size(&[f64::NAN; 480]) <= 9);
    }

    #[test]
    fn a_counter_takes_less_than_a_byte_a_sample() {
        let values: Vec<f64> = (0..480).map(|i| f64::from(i * 7 + i % 3)).collect();
        assert!(size(&values) < 480);
    }

    #[test]
    fn multiples_of_a_page_are_divided_by_it() {
        let pages = |unit: f64| -> usize {
            size(&(0..480).map(|i| f64::from(i * i % 97) * unit).collect::<Vec<_>>())
        };
        assert!(pages(4096.0) <= pages(1.0) + 8);
    }

    #[test]
    fn odd_values_among_decimals_are_exceptions() {
        let mut values: Vec<f64> = (0..240).map(f64::from).collect();
        values[0] = STALE_NAN;
        values[17] = f64::NEG_INFINITY;
        values[100] = -0.0;
        values[239] = f64::from_bits(0x7ff8_dead_beef_0001);
        assert!(size(&values) < 80);
    }

    #[test]
    fn the_extremes_come_back() {
        size(&[f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.1, -0.0, 0.0]);
        size(&[9_007_199_254_740_993.0, 0.000_1, 1e300, -1e-300]);
        size(&[2_251_799_813_685_247.0, -2_251_799_813_685_247.0, 0.0]);
    }

    fn numbers() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<i32>().prop_map(f64::from),
            (any::<i32>(), 0usize..9).prop_map(|(m, e)| f64::from(m) / POWERS[e]),
            Just(STALE_NAN),
            Just(-0.0),
            Just(f64::INFINITY),
            0.0..1.0f64,
        ]
    }

    proptest! {
        #[test]
        fn a_part_of_a_column_is_what_stands_there(
            values in prop::collection::vec(numbers(), 1..300),
            decimals in prop::collection::vec((any::<i16>(), 0u8..20), 1..300),
            ends in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let decimal = |&(m, odd)| if odd == 0 { f64::NAN } else { f64::from(m) / 10.0 };
            let steps = decimals.iter().scan(0.0, |sum, (m, _)| {
                *sum += f64::from(*m);
                Some(*sum)
            });
            let columns = [values, decimals.iter().map(decimal).collect(), steps.collect()];
            for values in columns {
                let (a, b) = (ends.0.index(values.len()), ends.1.index(values.len() + 1));
                let wanted = a.min(b)..a.max(b);
                let mut bytes = Vec::new();
                put(&mut bytes, &values, &mut Scratch::default());
                let mut back = vec![0.5];
                read(&mut Reader::new(&bytes), values.len(), wanted.clone(), &mut back).unwrap();
                let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&back[1..]), bits(&values[wanted]));
            }
        }

        #[test]
        fn every_column_comes_back(values in prop::collection::vec(numbers(), 0..300)) {
            size(&values);
        }

        #[test]
        fn decimals_with_a_few_others_come_back(
            values in prop::collection::vec((any::<i16>(), 0u8..20, numbers()), 0..300),
            exponent in 0usize..6,
        ) {
            let mix = |(m, odd, other)| {
                if odd == 0 { other } else { f64::from(m) / POWERS[exponent] }
            };
            size(&values.into_iter().map(mix).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, count in 0usize..500) {
            let _ = read(&mut Reader::new(&bytes), count, 0..count, &mut Vec::new());
            let _ = read(&mut Reader::new(&bytes), count, count / 3..count / 2, &mut Vec::new());
        }
    }
}
