//! Durations and sizes in Prometheus' notation.

/// Units of a duration with their milliseconds, largest first.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Milliseconds of `1h30m`, `15s`, `500ms` or `0`; `None` when it is no duration.
///
/// As in Prometheus: whole numbers, units from large to small, each at most once, no sign.
pub fn parse(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut least = 0;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_len = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let at = UNITS.iter().position(|(unit, _)| *unit == &rest[..unit_len])?;
        if at < least {
            return None;
        }
        least = at + 1;
        total = total.checked_add(number.checked_mul(UNITS[at].1)?)?;
        rest = &rest[unit_len..];
    }
    (!text.is_empty()).then_some(total)
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
    whole.then(|| format(total.round() as i64))
}

/// Writes milliseconds as Prometheus does: `1h30m`, `0s`; a year and a week only when it is exact.
pub fn format(ms: i64) -> String {
    if ms <= 0 {
        return "0s".to_owned();
    }
    let mut rest = ms;
    let mut text = String::new();
    for (unit, size) in UNITS {
        // A year or a week says more than its days only when nothing is left over.
        if matches!(unit, "y" | "w") && rest % size != 0 {
            continue;
        }
        if rest >= size {
            text = format!("{text}{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}

/// Bytes of `20GB`, `512MB`, `1.5TB`, `100` ; units are powers of 1024, `i` may stand in them.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let shift = match text[digits..].trim_start().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        "P" | "PB" | "PIB" => 50,
        "E" | "EB" | "EIB" => 60,
        _ => return None,
    };
    let bytes = number * (1_u64 << shift) as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
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
    fn a_written_duration_reads_back() {
        for ms in [1, 999, 1000, 90_000, 86_400_000, 7 * 86_400_000, 8 * 86_400_000, 123_456_789] {
            assert_eq!(parse(&format(ms)), Some(ms), "{}", format(ms));
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_size("20GB"), Some(20 << 30));
        assert_eq!(parse_size("1.5MiB"), Some(3 << 19));
        assert_eq!(parse_size("100"), Some(100));
        assert_eq!(parse_size("lots"), None);
        assert_eq!(parse_size("99999999999EB"), None);
    }
}
