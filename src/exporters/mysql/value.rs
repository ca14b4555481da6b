//! Values as the server shows them, made numbers.

use mysql_async::{Row, Value};

/// A column as text; empty for NULL and for what the text protocol does not send.
pub(super) fn text(row: &Row, column: usize) -> String {
    match row.as_ref(column) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::UInt(value)) => value.to_string(),
        Some(Value::Float(value)) => value.to_string(),
        Some(Value::Double(value)) => value.to_string(),
        _ => String::new(),
    }
}

/// A column as a number; 0 when it is none.
pub(super) fn number(row: &Row, column: usize) -> f64 {
    text(row, column).trim().parse().unwrap_or(0.0)
}

/// Where a column of that name is; servers differ in how they write it.
pub(super) fn column(row: &Row, name: &str) -> Option<usize> {
    row.columns_ref().iter().position(|column| column.name_str().eq_ignore_ascii_case(name))
}

/// A time such as `2026-01-01 00:00:00.250000` in Unix time, taken as UTC.
pub(super) fn timestamp(text: &str) -> Option<f64> {
    let time = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S%.f", text).ok()?.to_datetime().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(time.as_microsecond() as f64 / 1e6)
}

/// A status or a setting as a number: numbers, the words for on and off, states of replication and of
/// a cluster, and dates (in Unix time). `None` for other words.
pub(super) fn parse(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "primary" => return Some(1.0),
        // A replica that is still connecting does not run.
        "no" | "off" | "disabled" | "connecting" | "non-primary" | "disconnected" => {
            return Some(0.0);
        }
        _ => {}
    }
    let at = |format| jiff::fmt::strtime::parse(format, text).ok()?.to_datetime().ok();
    let time = at("%b %d %H:%M:%S %Y GMT").or_else(|| at("%Y-%m-%d %H:%M:%S"))?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_second() as f64)
}

/// A name as part of a metric's name.
pub(super) fn metric_name(prefix: &str, name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' }
    };
    prefix.chars().chain(name.chars().map(plain)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_dates_are_numbers() {
        for (text, expected) in [
            ("10.500000", Some(10.5)),
            ("ON", Some(1.0)),
            ("Connecting", Some(0.0)),
            ("non-Primary", Some(0.0)),
            ("Feb  3 10:00:00 2030 GMT", Some(1_896_343_200.0)),
            ("2026-01-01 00:00:00", Some(1_767_225_600.0)),
            ("10.11.19-MariaDB", None),
            ("binlog.000004", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(timestamp("2026-01-01 00:00:00.250000"), Some(1_767_225_600.25));
        assert_eq!(timestamp("0000-00-00 00:00:00.000000"), None);
        assert_eq!(metric_name("mysql_", "Ssl-A.b"), "mysql_ssl_a_b");
    }
}
