//! Numbers as the text exposition of Go programs writes them.

use std::fmt::Write;

/// Appends the shortest digits that round-trip, in the form of the reference exporters (measured):
/// plain from 1e-4 up to 999999, else with an exponent of at least two digits: `1e+06`,
/// `1.150976e+06`, `1.305e-06`.
pub fn write_go_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        return;
    }
    if value == 0.0 {
        out.push_str(if value.is_sign_negative() { "-0" } else { "0" });
        return;
    }
    if value.fract() == 0.0 && value.abs() < 1e6 {
        out.push_str(itoa::Buffer::new().format(value as i64));
        return;
    }
    // `{:e}` gives the shortest digits: d[.ddd]e<exponent>.
    let mut scientific = String::with_capacity(24);
    write!(scientific, "{value:e}").expect("writing to a string");
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    if (-4..6).contains(&exponent) {
        write!(out, "{value}").expect("writing to a string");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{mantissa}e{sign}{:02}", exponent.abs()).expect("writing to a string");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_go_writes_them() {
        let text = |value| {
            let mut out = String::new();
            write_go_float(&mut out, value);
            out
        };
        assert_eq!(text(0.0), "0");
        assert_eq!(text(999_999.0), "999999");
        assert_eq!(text(1e6), "1e+06");
        assert_eq!(text(1_150_976.0), "1.150976e+06");
        assert_eq!(text(1.305e-6), "1.305e-06");
        assert_eq!(text(0.0001), "0.0001");
        assert_eq!(text(0.00001), "1e-05");
        assert_eq!(text(-123.5), "-123.5");
        assert_eq!(text(1e300), "1e+300");
        assert_eq!(text(f64::INFINITY), "+Inf");
        assert_eq!(text(f64::NAN), "NaN");
    }
}
