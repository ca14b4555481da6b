//! Floats and histograms as text inside of labels and messages.

use super::hist::Hist;
pub(super) use crate::promql::number::format_float as float_f;

/// Shortest form, with an exponent below 1e-4 and from 1e21 on.
pub(super) fn float_g(value: f64) -> String {
    if !value.is_finite() || value == 0.0 || (1e-4..1e21).contains(&value.abs()) {
        return float_f(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("scientific notation has an exponent");
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As OpenMetrics writes bounds and quantiles: whole numbers with `.0`.
pub(super) fn float_open_metrics(value: f64) -> String {
    let text = float_g(value);
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// A histogram as the label value of `count_values`.
pub(super) fn histogram(hist: &Hist) -> String {
    let mut text = format!("{{count:{}, sum:{}", float_g(hist.count), float_g(hist.sum));
    let zero = hist.zero_threshold;
    for range in hist.ranges().filter(|range| range.count != 0.0) {
        let (open, close) = if range.lower == -zero && range.upper == zero {
            ("[", "]")
        } else if range.upper <= 0.0 && !hist.is_custom() {
            ("[", ")")
        } else {
            ("(", "]")
        };
        let [lower, upper, count] = [range.lower, range.upper, range.count].map(float_g);
        text.extend([", ", open, &lower, ",", &upper, close, ":", &count]);
    }
    text + "}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_go_writes_them() {
        assert_eq!(float_f(1e21), "1000000000000000000000");
        assert_eq!(float_f(f64::NEG_INFINITY), "-Inf");
        assert_eq!(float_g(1.1), "1.1");
        assert_eq!(float_g(1e-7), "1e-07");
        assert_eq!(float_g(2.5e100), "2.5e+100");
    }
}
