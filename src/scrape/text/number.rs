//! Values of sample lines, as Go's `strconv.ParseFloat` reads them, without hexadecimal and `_`.

use crate::catalogue::write_go_float;

/// The NaN that an ordinary "not a number" is stored as; the stale marker is another one.
pub const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Powers of ten that a double holds exactly.
const POW10: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads a number: decimal, with exponent, `NaN`, `Inf`, `-Inf`, `+Inf`. `None` where it is none of
/// them or too large for a double.
#[inline]
pub fn parse_value(text: &[u8]) -> Option<f64> {
    // Up to 15 digits are exact, and so is one division by a power of ten.
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 16 {
        return parse_any(text);
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(index),
            _ => return parse_any(text),
        }
    }
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    let significant = digits.len() - usize::from(point.is_some());
    if significant == 0 || significant > 15 {
        return parse_any(text);
    }
    let value = mantissa as f64 / POW10[fraction];
    Some(if negative { -value } else { value })
}

#[cold]
fn parse_any(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() {
        // Go takes no sign before NaN.
        return (text.len() == 3).then_some(NORMAL_NAN);
    }
    let overflowed = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    (!overflowed).then_some(value)
}

/// The form that `le` and `quantile` get: always recognisable as a float (`1` becomes `1.0`). `None`
/// where the text is no number.
pub fn normalise_float(text: &str) -> Option<String> {
    let value = parse_value(text.as_bytes())?;
    let mut out = String::new();
    write_go_float(&mut out, value);
    if value.is_finite() && !out.contains(['e', '.']) {
        out.push_str(".0");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_go_reads_them() {
        let check = |text: &str, bits: u64| {
            assert_eq!(parse_value(text.as_bytes()).map(f64::to_bits), Some(bits), "{text}");
        };
        check("1", 1.0_f64.to_bits());
        check("-0", (-0.0_f64).to_bits());
        check("+1.", 1.0_f64.to_bits());
        check(".5", 0.5_f64.to_bits());
        check("0.1", 0.1_f64.to_bits());
        check("123456789012.345", 123_456_789_012.345_f64.to_bits());
        check("1.7976931348623157e+308", f64::MAX.to_bits());
        check("nan", NORMAL_NAN.to_bits());
        check("+inf", f64::INFINITY.to_bits());
        check("-Infinity", f64::NEG_INFINITY.to_bits());
        for text in ["", "-", ".", "1e", "1e400", "0x1p3", "1_0", "+NaN", "1 ", "١", "1.2.3"] {
            assert_eq!(parse_value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bounds_look_like_floats() {
        for (text, normal) in [
            ("1", "1.0"),
            ("0", "0.0"),
            ("+Inf", "+Inf"),
            ("0.50", "0.5"),
            ("1000000", "1e+06"),
            ("2.5", "2.5"),
            ("-1", "-1.0"),
        ] {
            assert_eq!(normalise_float(text).as_deref(), Some(normal));
        }
        assert_eq!(normalise_float("all"), None);
    }

    proptest::proptest! {
        #[test]
        fn the_short_cut_agrees_with_the_library(text in "-?[0-9]{0,12}\\.?[0-9]{0,6}") {
            let expected = text.parse::<f64>().ok().map(f64::to_bits);
            proptest::prop_assert_eq!(parse_value(text.as_bytes()).map(f64::to_bits), expected);
        }
    }
}
