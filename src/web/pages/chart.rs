//! A line chart as SVG, drawn on the server. Colours are classes of the style sheet, so that light and
//! dark need no second drawing.

use std::fmt::Write;

use crate::model::Timestamp;

/// How many colours the style sheet has.
pub(super) const COLORS: usize = 10;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 28.0;

/// What is drawn.
pub(super) struct Chart<'a> {
    /// Left end.
    pub start: Timestamp,
    /// Right end.
    pub end: Timestamp,
    /// Milliseconds between two points of a line; a wider gap is left open.
    pub step: i64,
    /// Times and values, parallel.
    pub lines: Vec<(&'a [Timestamp], &'a [f64])>,
}

/// Draws it. The text holds numbers and words of our own only, so nothing needs escaping.
pub(super) fn draw(chart: &Chart<'_>) -> String {
    let values = chart.lines.iter().flat_map(|(_, values)| values.iter().copied());
    let scale = Scale::over(values.filter(|value| value.is_finite()));
    let span = (chart.end - chart.start).max(1) as f64;
    let x = |time: Timestamp| LEFT + (time - chart.start) as f64 / span * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| {
        let share = (value.clamp(scale.low, scale.high) - scale.low) / (scale.high - scale.low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="line chart">"#
    );
    for tick in scale.ticks() {
        let at = y(tick);
        write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            show(tick, scale.step),
        )
        .expect("writing to a string");
    }
    for (time, label) in time_ticks(chart.start, chart.end) {
        let at = x(time);
        write!(
            svg,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{}"/><text x="{at:.1}" y="{}" text-anchor="middle">{label}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - 8.0,
        )
        .expect("writing to a string");
    }
    for (index, (times, values)) in chart.lines.iter().enumerate() {
        let color = index % COLORS;
        for run in runs(times, values, chart.step) {
            if let [(time, value)] = run.as_slice() {
                let (x, y) = (x(*time), y(*value));
                write!(svg, r#"<circle class="dot s{color}" cx="{x:.1}" cy="{y:.1}" r="1.8"/>"#)
                    .expect("writing to a string");
                continue;
            }
            write!(svg, r#"<polyline class="line s{color}" points=""#)
                .expect("writing to a string");
            for (time, value) in run {
                write!(svg, "{:.1},{:.1} ", x(time), y(value)).expect("writing to a string");
            }
            svg.push_str("\"/>");
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Pieces of a line between its gaps.
fn runs(times: &[Timestamp], values: &[f64], step: i64) -> Vec<Vec<(Timestamp, f64)>> {
    let mut runs: Vec<Vec<(Timestamp, f64)>> = Vec::new();
    let mut last = None;
    for (&time, &value) in times.iter().zip(values) {
        if !value.is_finite() {
            last = None;
            continue;
        }
        match (last, runs.last_mut()) {
            (Some(before), Some(run)) if time - before <= step => run.push((time, value)),
            _ => runs.push(vec![(time, value)]),
        }
        last = Some(time);
    }
    runs
}

/// The vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Round bounds around the values.
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // What lies close to zero is easier to judge from zero.
        if low > 0.0 && low < 0.5 * high {
            low = 0.0;
        }
        if high < 0.0 && high > 0.5 * low {
            high = 0.0;
        }
        if high - low <= low.abs().max(high.abs()) * 1e-12 {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
            (low, high) = (low - if low == 0.0 { 0.0 } else { room }, high + room);
        }
        let step = round_step((high - low) / 5.0);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        if low.is_finite() && high.is_finite() && high > low {
            Self { low, high, step }
        } else {
            // Values near the ends of what floats can hold.
            Self { low: f64::MIN / 4.0, high: f64::MAX / 4.0, step: f64::MAX / 8.0 }
        }
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 20.0) as i32;
        (0..=count).map(move |index| self.low + f64::from(index) * self.step)
    }
}

/// The next greater of 1, 2, 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= least * 0.999_999);
    digit.unwrap_or(10.0) * power
}

/// A tick's number, short: `1.5M`, `0.25`, `3e-9`.
fn show(value: f64, step: f64) -> String {
    let size = value.abs().max(step);
    let (unit, factor) = match size {
        s if s >= 1e15 => return format!("{value:.2e}"),
        s if s >= 1e12 => ("T", 1e12),
        s if s >= 1e9 => ("G", 1e9),
        s if s >= 1e6 => ("M", 1e6),
        s if s >= 1e4 => ("k", 1e3),
        s if s < 1e-4 => return if value == 0.0 { "0".into() } else { format!("{value:.2e}") },
        _ => ("", 1.0),
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (-(step / factor).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{:.decimals$}{unit}", value / factor)
}

/// Up to about eight round times with their labels, in UTC.
fn time_ticks(start: Timestamp, end: Timestamp) -> Vec<(Timestamp, String)> {
    const ROUND: [i64; 20] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
        86_400, 172_800, 604_800,
    ];
    let least = (end - start) / 8;
    let round = ROUND.iter().map(|seconds| seconds * 1000).find(|step| *step >= least);
    let step = round.unwrap_or_else(|| (least / 604_800_000 + 1) * 604_800_000);
    let format = match step {
        s if s < 60_000 => "%H:%M:%S",
        s if s < 86_400_000 && end - start < 86_400_000 => "%H:%M",
        s if s < 86_400_000 => "%d %b %H:%M",
        _ => "%d %b",
    };
    let first = start.div_euclid(step) * step + if start.rem_euclid(step) == 0 { 0 } else { step };
    (0..40)
        .map(|index| first + index * step)
        .take_while(|time| *time <= end)
        .filter_map(|time| {
            let label = jiff::Timestamp::from_millisecond(time).ok()?;
            Some((time, label.strftime(format).to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_round_bounds() {
        let check = |values: &[f64], low, high, step| {
            assert_eq!(Scale::over(values.iter().copied()), Scale { low, high, step });
        };
        check(&[0.2, 9.7], 0.0, 10.0, 2.0);
        check(&[], 0.0, 1.0, 0.2);
        check(&[0.0], 0.0, 1.0, 0.2);
        check(&[-30.0, 45.0], -40.0, 60.0, 20.0);
    }

    #[test]
    fn extreme_values_are_drawn_without_infinities() {
        for values in [[f64::MAX, f64::MIN], [5e-324, 0.0], [1e16, 1e16 + 2.0], [1e-9, 2e-9]] {
            let times = [0, 1000];
            let lines = vec![(times.as_slice(), values.as_slice())];
            let svg = draw(&Chart { start: 0, end: 1000, step: 1000, lines });
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_line_is_broken_where_samples_are_missing() {
        let found = runs(&[0, 10, 30, 40, 50], &[1.0, 2.0, 3.0, f64::NAN, 5.0], 10);
        assert_eq!(found, [vec![(0, 1.0), (10, 2.0)], vec![(30, 3.0)], vec![(50, 5.0)]]);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(show(1_500_000.0, 500_000.0), "1.5M");
        assert_eq!(show(0.25, 0.05), "0.25");
        assert_eq!(show(-20.0, 20.0), "-20");
        assert_eq!(show(0.0, 20.0), "0");
        let ticks = time_ticks(1_435_781_400_000, 1_435_785_000_000);
        assert_eq!(ticks.first().unwrap().1, "20:10");
        assert!((4..=9).contains(&ticks.len()));
    }
}
