//! Numbers for people.

/// `%.4g` of Go.
fn short(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    // Rounding may carry into the next power of ten, so the exponent is read off the rounded text.
    let scientific = format!("{value:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`e` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`e` writes a number after it");
    if (-4..4).contains(&exponent) {
        let decimals = usize::try_from(3 - exponent).unwrap_or_default();
        return trim_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// With a metric prefix: `1.235M`, `2m`.
pub(super) fn decimal(value: f64) -> String {
    scaled(value, "")
}

fn scaled(mut value: f64, unit: &str) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}{unit}", short(value));
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for next in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            prefix = next;
            value /= 1000.0;
        }
    } else {
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if value.abs() >= 1.0 {
                break;
            }
            prefix = next;
            value *= 1000.0;
        }
    }
    format!("{}{prefix}{unit}", short(value))
}

/// With a binary prefix: `1.5Mi`.
pub(super) fn binary(mut value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return short(value);
    }
    let mut prefix = "";
    for next in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        prefix = next;
        value /= 1024.0;
    }
    format!("{}{prefix}", short(value))
}

/// Seconds as `1d 2h 3m 4s`, below a minute with fractions, below a second with a prefix.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return short(value);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() < 1.0 {
        return scaled(value, "s");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let seconds = value.abs() as u64;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{}s", short(value))
    }
}

/// A ratio in percent: `12.34%`.
pub(super) fn percentage(value: f64) -> String {
    format!("{}%", short(value * 100.0))
}

/// Seconds since 1970 as Go prints a time: `2015-07-29 16:11:17.5 +0000 UTC`.
pub(super) fn timestamp(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Ok(short(value));
    }
    let nanos = (value * 1e9).round();
    let outside = || format!("{} cannot be represented as a nanoseconds timestamp", short(value));
    if nanos.abs() >= 9.223_372_036_854_776e18 {
        return Err(outside());
    }
    let time = jiff::Timestamp::from_nanosecond(nanos as i128).map_err(|_| outside())?;
    let whole = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = (nanos as i64).rem_euclid(1_000_000_000);
    let fraction = if fraction == 0 {
        String::new()
    } else {
        format!(".{}", format!("{fraction:09}").trim_end_matches('0'))
    };
    Ok(format!("{whole}{fraction} +0000 UTC"))
}

/// Seconds as Go prints a duration: `1h0m5.5s`.
pub(super) fn go_duration(value: f64) -> Result<String, String> {
    let nanos = (value * 1e9).round();
    if !nanos.is_finite() || nanos.abs() >= 9.223_372_036_854_776e18 {
        return Err(format!("{} cannot be represented as a nanoseconds duration", short(value)));
    }
    let sign = if nanos < 0.0 { "-" } else { "" };
    let nanos = nanos.abs() as u64;
    let fraction = |nanos: u64, unit: u64| {
        let text =
            format!("{}.{:0width$}", nanos / unit, nanos % unit, width = unit.ilog10() as usize);
        trim_zeros(&text).to_owned()
    };
    let text = match nanos {
        0 => return Ok("0s".to_owned()),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos, 1_000_000)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000);
            match minutes {
                0 => format!("{seconds}s"),
                1..60 => format!("{minutes}m{seconds}s"),
                _ => format!("{}h{}m{seconds}s", minutes / 60, minutes % 60),
            }
        }
    };
    Ok(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (999.96, "1000"),
            (12_345.0, "1.234e+04"),
            (0.000_123_456, "0.0001235"),
            (0.000_012_345, "1.234e-05"),
            (-1.5, "-1.5"),
            (99_999.0, "1e+05"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn prefixes_follow_the_size() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (1_234_567.0, "1.235M"),
            (0.12, "120m"),
            (-0.000_000_5, "-500n"),
            (1e27, "1000Y"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(decimal(value), text);
        }
        assert_eq!(binary(1_048_576.0), "1Mi");
        assert_eq!(binary(1.0), "1");
        assert_eq!(binary(1500.0), "1.465ki");
        assert_eq!(percentage(0.123_456), "12.35%");
    }

    #[test]
    fn durations_and_times_are_written_out() {
        for (value, text) in [
            (0.0, "0s"),
            (0.0012, "1.2ms"),
            (1.5, "1.5s"),
            (59.99, "59.99s"),
            (60.0, "1m 0s"),
            (3600.0, "1h 0m 0s"),
            (-90_061.0, "-1d 1h 1m 1s"),
        ] {
            assert_eq!(duration(value), text);
        }
        assert_eq!(timestamp(1_435_065_584.128).unwrap(), "2015-06-23 13:19:44.128 +0000 UTC");
        assert_eq!(timestamp(0.0).unwrap(), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(timestamp(-0.5).unwrap(), "1969-12-31 23:59:59.5 +0000 UTC");
        assert!(timestamp(1e30).is_err());
        for (value, text) in
            [(0.0, "0s"), (3605.5, "1h0m5.5s"), (0.0015, "1.5ms"), (-60.0, "-1m0s"), (2e-9, "2ns")]
        {
            assert_eq!(go_duration(value).unwrap(), text);
        }
    }
}
