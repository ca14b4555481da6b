//! Chunks of floats as Prometheus stores and sends them: Gorilla's scheme with the reference program's
//! widths. Times are deltas of deltas, values the XOR with the one before; bits from the highest down.

/// Samples of one chunk.
pub const CHUNK: usize = 120;

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl Bits {
    /// Writes the lowest `width` bits of a number.
    fn put(&mut self, number: u64, width: u32) {
        let mut left = width;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let piece = (number >> (left - taken)) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (piece as u8) << (self.free - taken);
            }
            self.free -= taken;
            left -= taken;
        }
    }

    fn put_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.put(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.put(number, 8);
    }
}

/// Encodes at most 65,535 samples, ascending in time.
pub fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(times.len() as u64, 16);
    let (mut step, mut before) = (0_i64, 0_u64);
    // Of the last difference that said where its bits are.
    let mut window: Option<(u32, u32)> = None;
    for (at, (&time, value)) in times.iter().zip(values).enumerate() {
        let value = value.to_bits();
        match at {
            0 => bits.put_varint(((time << 1) ^ (time >> 63)) as u64),
            1 => {
                step = time.wrapping_sub(times[0]);
                bits.put_varint(step as u64);
            }
            _ => {
                let next = time.wrapping_sub(times[at - 1]);
                put_change(&mut bits, next.wrapping_sub(step));
                step = next;
            }
        }
        if at == 0 {
            bits.put(value, 64);
        } else {
            put_value(&mut bits, value ^ before, &mut window);
        }
        before = value;
    }
    bits.bytes
}

fn put_change(bits: &mut Bits, change: i64) {
    let fits = |width: u32| (-((1 << (width - 1)) - 1)..=1 << (width - 1)).contains(&change);
    let (prefix, length, width) = match change {
        0 => return bits.put(0, 1),
        _ if fits(14) => (0b10, 2, 14),
        _ if fits(17) => (0b110, 3, 17),
        _ if fits(20) => (0b1110, 4, 20),
        _ => (0b1111, 4, 64),
    };
    bits.put(prefix, length);
    bits.put(change as u64, width);
}

fn put_value(bits: &mut Bits, difference: u64, window: &mut Option<(u32, u32)>) {
    if difference == 0 {
        return bits.put(0, 1);
    }
    bits.put(1, 1);
    // Five bits say how many zeros lead.
    let (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
    if let Some((before, behind)) = *window
        && leading >= before
        && trailing >= behind
    {
        bits.put(0, 1);
        return bits.put(difference >> behind, 64 - before - behind);
    }
    *window = Some((leading, trailing));
    let width = 64 - leading - trailing;
    bits.put(1, 1);
    bits.put(leading.into(), 5);
    // Six bits: 64 is written as 0.
    bits.put((width & 63).into(), 6);
    bits.put(difference >> trailing, width);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Reader<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    impl Reader<'_> {
        fn take(&mut self, width: u32) -> u64 {
            (0..width).fold(0, |number, _| {
                let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
                self.at += 1;
                number << 1 | u64::from(bit)
            })
        }

        fn varint(&mut self) -> u64 {
            let (mut number, mut shift) = (0, 0);
            loop {
                let byte = self.take(8);
                number |= (byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return number;
                }
            }
        }

        fn change(&mut self) -> i64 {
            let ones = (0..4).take_while(|_| self.take(1) == 1).count();
            let width = [0, 14, 17, 20, 64][ones];
            let number = self.take(width) as i64;
            let half = 1_i64.checked_shl(width.saturating_sub(1)).unwrap_or_default();
            if width < 64 && number > half { number - (half << 1) } else { number }
        }
    }

    fn decode(bytes: &[u8]) -> (Vec<i64>, Vec<u64>) {
        let mut reader = Reader { bytes, at: 0 };
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let (mut time, mut step, mut value, mut window) = (0_i64, 0_i64, 0, (0, 0));
        for at in 0..reader.take(16) {
            match at {
                0 => {
                    let folded = reader.varint();
                    time = (folded >> 1) as i64 ^ -((folded & 1) as i64);
                    value = reader.take(64);
                }
                _ => {
                    step = if at == 1 { reader.varint() as i64 } else { step + reader.change() };
                    time += step;
                    if reader.take(1) == 1 {
                        if reader.take(1) == 1 {
                            let leading = reader.take(5) as u32;
                            let width = reader.take(6) as u32;
                            window = (leading, if width == 0 { 64 } else { width });
                        }
                        let trailing = 64 - window.0 - window.1;
                        value ^= reader.take(window.1) << trailing;
                    }
                }
            }
            times.push(time);
            values.push(value);
        }
        (times, values)
    }

    #[test]
    fn every_bit_of_times_and_values_comes_back() {
        let steps = [15_000, 15_000, 15_001, 14_000, 40_000, 900_000, 1, 1 << 40, 15_000, 15_000];
        let mut times = vec![-7_i64];
        times.extend(steps.iter().scan(-7, |time, step| {
            *time += step;
            Some(*time)
        }));
        let values = [
            1.0,
            1.0,
            2.0,
            -0.0,
            f64::NAN,
            crate::model::STALE_NAN,
            1e300,
            0.1,
            0.3,
            f64::INFINITY,
            3.0,
        ];
        let bits: Vec<u64> = values.iter().map(|value: &f64| value.to_bits()).collect();
        assert_eq!(decode(&encode(&times, &values)), (times, bits));
        assert_eq!(decode(&encode(&[], &[])), (vec![], vec![]));
    }

    #[test]
    fn a_chunk_is_that_of_the_reference_program() {
        // From its format's description: count 2, time 1 as 2, the bits of 1.0, step 1, a zero bit.
        let bytes = encode(&[1, 2], &[1.0, 1.0]);
        assert_eq!(bytes, [0, 2, 2, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1, 0]);
    }
}
