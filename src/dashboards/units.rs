//! Units: what Grafana's unit ids stand for, and what the name of a metric says of its values.

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes each second.
    BytesPerSecond,
    /// Bits.
    Bits,
    /// Bits each second.
    BitsPerSecond,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Parts of one: 0.5 is a half.
    Ratio,
    /// Parts of a hundred: 50 is a half.
    Percent,
    /// Degrees Celsius.
    Celsius,
    /// Something that is none of these: kilobytes, minutes, requests each second.
    Other,
}

impl Unit {
    /// In words, for a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes per second",
            Self::Bits => "bits",
            Self::BitsPerSecond => "bits per second",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Ratio => "parts of one",
            Self::Percent => "parts of a hundred",
            Self::Celsius => "degrees Celsius",
            Self::Other => "something else",
        }
    }

    /// Grafana's id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::Bits => "bits",
            Self::BitsPerSecond => "bps",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Ratio => "percentunit",
            Self::Percent => "percent",
            Self::Celsius => "celsius",
            Self::Other => "none",
        }
    }

    /// Whether values of this unit may be shown with the id of another: only what changes their size or
    /// their kind is wrong, so bytes per second may be called bytes.
    pub fn may_be_shown_as(self, shown: Self) -> bool {
        self == shown
            || matches!(
                (self, shown),
                (Self::BytesPerSecond, Self::Bytes)
                    | (Self::BitsPerSecond, Self::Bits)
                    // Seconds each second are a share and a time alike; shares of what is counted
                    // may be called by what is counted.
                    | (Self::Ratio, Self::Seconds | Self::Other)
            )
    }
}

/// What a unit id of Grafana stands for; `None` for plain numbers, texts, and what is not known.
pub fn of_id(id: &str) -> Option<Unit> {
    Some(match id {
        "bytes" | "decbytes" => Unit::Bytes,
        "Bps" | "binBps" => Unit::BytesPerSecond,
        "bits" | "decbits" => Unit::Bits,
        "bps" | "binbps" => Unit::BitsPerSecond,
        "s" | "dtdurations" | "dthms" | "dtdhms" | "clocks" => Unit::Seconds,
        "ms" | "dtdurationms" | "clockms" => Unit::Milliseconds,
        "percentunit" => Unit::Ratio,
        "percent" => Unit::Percent,
        "celsius" => Unit::Celsius,
        "kbytes" | "deckbytes" | "mbytes" | "decmbytes" | "gbytes" | "decgbytes" | "tbytes"
        | "dectbytes" | "KBs" | "KiBs" | "MBs" | "MiBs" | "GBs" | "GiBs" | "Kbits" | "Kibits"
        | "Mbits" | "Mibits" | "Gbits" | "Gibits" | "ns" | "µs" | "m" | "h" | "d" | "cps"
        | "ops" | "reqps" | "rps" | "wps" | "iops" | "pps" | "eps" | "cpm" | "opm" | "hertz"
        | "volt" | "watt" | "joule" | "fahrenheit" | "kelvin" => Unit::Other,
        _ => return None,
    })
}

/// What the name of a metric says of its values, after the conventions of Prometheus; `None` where it
/// says nothing, or a point in time.
pub fn of_metric(name: &str) -> Option<Unit> {
    let counted = ["_total", "_sum"].iter().find_map(|end| name.strip_suffix(end));
    let name_only = counted.unwrap_or(name);
    let ends = |end: &str| name_only.ends_with(end);
    if ends("_bytes") {
        Some(Unit::Bytes)
    } else if ends("_seconds") {
        // `process_start_time_seconds` is a moment, `response_time_seconds` is none: nobody knows.
        let moment = ends("_timestamp_seconds") || counted.is_none() && ends("_time_seconds");
        (!moment).then_some(Unit::Seconds)
    } else if ends("_ratio") {
        Some(Unit::Ratio)
    } else if ends("_celsius") && counted.is_none() {
        Some(Unit::Celsius)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_units_and_moments_are_left_alone() {
        let check = |name: &str, unit: Option<Unit>| assert_eq!(of_metric(name), unit, "{name}");
        check("node_filesystem_avail_bytes", Some(Unit::Bytes));
        check("node_network_receive_bytes_total", Some(Unit::Bytes));
        check("node_disk_io_time_seconds_total", Some(Unit::Seconds));
        check("http_request_duration_seconds_sum", Some(Unit::Seconds));
        check("http_request_duration_seconds_count", None);
        check("http_request_duration_seconds_bucket", None);
        check("process_start_time_seconds", None);
        check("backup_last_success_timestamp_seconds", None);
        check("node_load1", None);
    }

    #[test]
    fn every_unit_has_its_own_id() {
        for unit in [Unit::Bytes, Unit::Bits, Unit::Seconds, Unit::Ratio, Unit::Percent] {
            assert_eq!(of_id(unit.id()), Some(unit));
        }
        assert_eq!(of_id("short"), None);
    }
}
