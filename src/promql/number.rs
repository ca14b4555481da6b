//! Numbers and durations as text.

use std::time::Duration;

use crate::model;

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

/// Reads `1h30m`; the result is in milliseconds.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    match model::parse_duration(text) {
        Ok(duration) => Ok(duration.as_millis() as u64),
        Err(error) => Err(error.to_string()),
    }
}

/// `1h30m`, as Prometheus prints a duration of so many milliseconds.
pub fn format_duration(millis: u64) -> String {
    model::format_duration(Duration::from_millis(millis))
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
