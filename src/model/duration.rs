//! Durations as Prometheus writes them: `1h30m`, `15s`, `500ms`, `0`. Units go from large to small,
//! each at most once, numbers are whole. A year is 365 days, a week 7.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Prometheus' nanosecond counter is signed, so no duration is longer than 292 years.
const LONGEST: u64 = i64::MAX as u64 / 1_000_000;

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("empty duration string")]
    Empty,
    /// Not numbers with units from large to small.
    #[error("not a valid duration string: {0:?}")]
    Malformed(String),
    /// Longer than 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

/// Reads `1h30m`; a bare `0` needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    match text {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(malformed());
        }
        let word = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (unit, tail) = tail.split_at(word);
        let place = units.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let number: u64 = number.parse().map_err(|_| DurationError::OutOfRange)?;
        total = number
            .checked_mul(units[place].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or(DurationError::OutOfRange)?;
        units = &units[place + 1..];
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Writes the shortest form, as Prometheus prints it: `1h30m`, `90d`, `0s`. Years and weeks only where
/// nothing remains. What is below a millisecond is cut off.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        let exact = matches!(unit, "y" | "w");
        if rest >= size && (!exact || rest.is_multiple_of(size)) {
            text.push_str(itoa::Buffer::new().format(rest / size));
            text.push_str(unit);
            rest %= size;
        }
    }
    text
}

/// A duration that is read and written in Prometheus' form by serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PromDuration(pub Duration);

impl PromDuration {
    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl From<Duration> for PromDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<PromDuration> for Duration {
    fn from(duration: PromDuration) -> Self {
        duration.0
    }
}

impl std::str::FromStr for PromDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).map(Self)
    }
}

impl fmt::Display for PromDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_duration(self.0))
    }
}

impl Serialize for PromDuration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for PromDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = PromDuration;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a duration such as 15s or 1h30m")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PromDuration, E> {
                parse_duration(text).map(PromDuration).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<PromDuration, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        let check = |text: &str, millis: u64| {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        };
        check("0", 0);
        check("0w", 0);
        check("500ms", 500);
        check("15s", 15_000);
        check("1h30m", 5_400_000);
        check("4d1h", 349_200_000);
        check("1y", 31_536_000_000);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        assert_eq!(parse_duration(""), Err(DurationError::Empty));
        for text in ["1", "s", "-1s", "1.5s", "1m1h", "1s1s", " 1s", "1s ", "1µs", "m5"] {
            assert_eq!(parse_duration(text), Err(DurationError::Malformed(text.to_owned())));
        }
        for text in ["300y", "99999999999999999999s"] {
            assert_eq!(parse_duration(text), Err(DurationError::OutOfRange));
        }
    }

    #[test]
    fn durations_are_written_in_their_shortest_form() {
        let check = |millis, text| {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        };
        check(0, "0s");
        check(1, "1ms");
        check(5_400_000, "1h30m");
        check(90 * 24 * 3_600_000, "90d");
        check(14 * 24 * 3_600_000, "2w");
        check(365 * 24 * 3_600_000, "1y");
        check(366 * 24 * 3_600_000, "366d");
        check(86_400_000 + 1_001, "1d1s1ms");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0_u64..LONGEST) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
