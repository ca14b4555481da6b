//! Numbers and durations as text.

use std::fmt::Write;

/// Longest duration: 2^63 nanoseconds, in milliseconds.
const MAX_MILLIS: u64 = 9_223_372_036_854;

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a number as PromQL does: decimal, `0x…`, octal with a leading 0, `1_000`, `1e3`, `Inf`,
/// `NaN`.
pub(super) fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(integer) = parse_integer(text) {
        return Ok(integer);
    }
    let problem = |what| {
        let quoted = super::quote::quote(text);
        Err(format!("error parsing number: strconv.ParseFloat: parsing {quoted}: {what}"))
    };
    match text.to_ascii_lowercase().as_str() {
        "inf" => return Ok(f64::INFINITY),
        "nan" => return Ok(f64::NAN),
        _ => {}
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_infinite() => problem("value out of range"),
        Ok(value) if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') => Ok(value),
        _ => problem("invalid syntax"),
    }
}

fn parse_integer(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    // An underscore stands between digits, or between prefix and digits.
    let prefixed = base != 10;
    let misplaced =
        digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !prefixed);
    if misplaced || digits.is_empty() {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), base)
        .ok()
        .filter(|_| !digits.contains(['+', '-']))
        .map(|integer| integer as f64)
}

/// Reads `1h30m`; the result is in milliseconds. Units come in the order of their length, each once.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    match text {
        "" => return Err("empty duration string".to_owned()),
        "0" => return Ok(0),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", super::quote::quote(text));
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = &rest[digits..digits + letters];
        let index = units.iter().position(|(unit, _)| *unit == name);
        let (Some(index), true) = (index, digits > 0) else { return Err(invalid()) };
        let out_of_range = || "duration out of range".to_owned();
        let count: u64 = rest[..digits].parse().map_err(|_| out_of_range())?;
        total = count
            .checked_mul(units[index].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= MAX_MILLIS)
            .ok_or_else(out_of_range)?;
        units = &units[index + 1..];
        rest = &rest[digits + letters..];
    }
    Ok(total)
}

/// `1h30m`, as Prometheus prints a duration of so many milliseconds: years and weeks only where
/// nothing is left over.
pub fn format_duration(millis: u64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = millis;
    for (unit, length) in UNITS {
        let exact_only = matches!(unit, "y" | "w");
        if exact_only && !rest.is_multiple_of(length) {
            continue;
        }
        let count = rest / length;
        if count > 0 {
            write!(out, "{count}{unit}").expect("a String takes everything");
            rest -= count * length;
        }
    }
    out
}

/// The shortest decimal text that gives the number back, never with an exponent; `+Inf`, `-Inf`,
/// `NaN`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_notations() {
        for (text, value) in [
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("5e-3", 0.005),
            ("0xc", 12.0),
            ("0X_1F", 31.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("1_000_000", 1e6),
            ("inf", f64::INFINITY),
            ("99999999999999999999", 1e20),
        ] {
            assert_eq!(parse_number(text), Ok(value), "{text}");
        }
        assert!(parse_number("NaN").unwrap().is_nan());
        for text in ["1e999", "1__0", "1_0.5", "infinity"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_printed() {
        for (text, millis) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1y2w3d4h5m6s7ms", 33_019_506_007),
            ("90d", 7_776_000_000),
            ("1w", 604_800_000),
            ("100ms", 100),
        ] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
            if millis != 33_019_506_007 {
                assert_eq!(format_duration(millis), text);
            }
        }
        assert_eq!(format_duration(0), "0s");
        assert_eq!(format_duration(33_019_506_007), "382d4h5m6s7ms");
        assert_eq!(parse_duration("5m1h").unwrap_err(), "not a valid duration string: \"5m1h\"");
        assert_eq!(parse_duration("1000y").unwrap_err(), "duration out of range");
        for text in ["", "m", "5", "5mm", "1s1s", "99999999999999999999s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
