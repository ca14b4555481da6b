//! Durations and sizes in Prometheus' notation.

use std::time::Duration;

use crate::model::{ByteSize, format_duration, parse_duration};

/// Milliseconds of `1h30m`, `15s`, `500ms` or `0`; `None` when it is no duration.
pub fn parse(text: &str) -> Option<i64> {
    parse_duration(text).ok().map(|duration| duration.as_millis() as i64)
}

/// The duration that somebody most likely meant by `15 sec`, `1.5h` or `30`.
pub fn guess(text: &str) -> Option<String> {
    let mut total = 0.0;
    let lower = text.trim().to_lowercase();
    let mut rest = lower.as_str();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let word_len = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let ms = match &rest[..word_len] {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            "w" | "week" | "weeks" => 604_800_000.0,
            "y" | "year" | "years" => 31_536_000_000.0,
            _ => return None,
        };
        total += number * ms;
        rest = rest[word_len..].trim_start_matches([' ', ',']);
    }
    let whole = total > 0.0 && total < 9e15 && (total - total.round()).abs() < 1e-6;
    whole.then(|| format_duration(Duration::from_millis(total.round() as u64)))
}

/// Bytes of `20GB`, `512MB`, `1.5TB`, and also of `100` and `20 G`; units are powers of 1024.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    let size = if unit.ends_with(['b', 'B']) {
        format!("{number}{unit}")
    } else {
        format!("{number}{unit}B")
    };
    size.parse().ok().map(|ByteSize(bytes)| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        let check = |text, expected| assert_eq!(parse(text), expected, "{text}");
        check("15s", Some(15_000));
        check("1h30m", Some(5_400_000));
        check("1y2w3d", Some((365 + 14 + 3) * 86_400_000));
        check("500ms", Some(500));
        check("0", Some(0));
        for bad in
            ["", "15", "15 s", "s", "1.5h", "1m1h", "1m1m", "-5m", "15S", "9999999999y", "1ä"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn what_was_meant_is_guessed() {
        let check = |text, expected: Option<&str>| assert_eq!(guess(text).as_deref(), expected);
        check("15 sec", Some("15s"));
        check("1.5h", Some("1h30m"));
        check("30", Some("30s"));
        check("2 hours, 5 minutes", Some("2h5m"));
        check("soon", None);
        check("", None);
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_size("20GB"), Some(20 << 30));
        assert_eq!(parse_size("1.5MiB"), Some(3 << 19));
        assert_eq!(parse_size("100"), Some(100));
        assert_eq!(parse_size("20 g"), Some(20 << 30));
        assert_eq!(parse_size("lots"), None);
        assert_eq!(parse_size("99999999999EB"), None);
    }
}
