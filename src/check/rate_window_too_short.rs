//! A window that is too short for the interval at which its series are scraped.

use std::time::Duration;

use super::expressions::Site;
use super::known::{Known, Series};
use super::names::is_prometheus_3;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::model::format_duration;
use crate::promql::SelectorUse;
use crate::promql::ast::Edges;

pub(super) const RULE: Rule = Rule {
    code: "S306",
    name: "rate-window-too-short",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Functions that give nothing, or nothing that means anything, for a single sample.
const WANT_TWO: [&str; 11] = [
    "changes",
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "idelta",
    "increase",
    "irate",
    "predict_linear",
    "rate",
    "resets",
    "stddev_over_time",
];

/// How well a window fits.
#[derive(Clone, Copy, PartialEq)]
enum Fit {
    /// It never holds the samples that the function needs.
    Never,
    /// It holds them at some moments and not at others.
    Sometimes,
}

fn check(Input { stack, expressions, known, files, .. }: &Input<'_>, findings: &mut Findings) {
    let left_open = is_prometheus_3(stack);
    for expression in expressions {
        // A test says itself how often its samples come.
        if matches!(expression.site, Site::Test(_) | Site::Federate(_)) {
            continue;
        }
        let Some(tree) = expression.sound() else { continue };
        for found in tree.selectors() {
            let Some(range) = found.range.filter(|_| found.selector.edges == Edges::Plain) else {
                continue;
            };
            let Some(function) = found.function else { continue };
            let span = range.span();
            let written = expression.text.get(span.start..span.end).unwrap_or_default();
            let (Some(window), false) = (range.constant(), written.contains('$')) else { continue };
            let Some((interval, source)) = interval(known, &found) else { continue };
            let two = WANT_TWO.contains(&function.function.name);
            let Some(fit) = fit(window, interval, two, left_open) else { continue };
            let text = |ms: i64| format_duration(Duration::from_millis(ms.unsigned_abs()));
            let wanted = text(if two { 4 * interval } else { 2 * interval });
            let (name, needs) =
                (function.function.name, if two { "two samples" } else { "one sample" });
            let what = expression.site.what();
            let often = match fit {
                Fit::Never => "never holds",
                Fit::Sometimes => "does not always hold",
            };
            let mut finding = RULE
                .says(format!(
                    "{what}: a window of {} {often} the {needs} that `{name}` needs: they come every \
                     {}",
                    text(window),
                    text(interval)
                ))
                .at(expression.place(files, span), "too short")
                .help(format!("with four intervals a lost scrape does no harm: `[{wanted}]`"))
                .replace("widen the window", expression.place(files, span), wanted.clone());
            if !two {
                finding = finding.help(format!("two intervals always hold one: `[{wanted}]`"));
            }
            if let Some((place, label)) = source {
                finding = finding.also(place, label);
            }
            if fit == Fit::Sometimes {
                finding.severity = Severity::Warning;
            }
            findings.push(finding);
        }
    }
}

/// How a window fits samples that come at an interval, both in milliseconds; `None` if it does.
///
/// Since Prometheus 3 a window is open on the left: one of N intervals holds N samples, wherever it
/// lies, and one of a bit more holds N or N + 1. Before, a window of N intervals held N + 1 of them if
/// it began exactly at a sample.
fn fit(window: i64, interval: i64, two: bool, left_open: bool) -> Option<Fit> {
    if !two {
        return (window < interval).then_some(Fit::Sometimes);
    }
    let never = if left_open { window <= interval } else { window < interval };
    match (never, window < 2 * interval) {
        (true, _) => Some(Fit::Never),
        (false, true) => Some(Fit::Sometimes),
        (false, false) => None,
    }
}

/// The shortest interval of what is read, and whose it is.
fn interval<'k>(
    known: &'k Known<'_>,
    found: &SelectorUse<'_>,
) -> Option<(i64, Option<(Span, String)>)> {
    let reads = known.reads(found.selector);
    let (shortest, _) = reads.intervals()?;
    let whose = |series: &Series<'k>| match series {
        Series::Scraped(job, _) if job.interval_ms == shortest => {
            Some((job.place?, format!("job `{}`", job.name)))
        }
        Series::Recorded(recorded) if recorded.interval_ms == shortest => {
            Some((recorded.place?, format!("evaluated with group `{}`", recorded.group)))
        }
        _ => None,
    };
    let known = reads.series.iter().find_map(whose);
    let maybe = || {
        let job = reads.maybe.iter().find(|job| job.interval_ms == shortest)?;
        Some((job.place?, format!("job `{}`", job.name)))
    };
    Some((shortest, known.or_else(maybe)))
}

const EXPLAIN: &str = r##"A rate is the difference between two samples at least. Since Prometheus 3 a window is open on the left: one
of N scrape intervals holds exactly N samples. With a window of one interval there is never a second
sample, and the result is always empty. That is an error; a window below two intervals, which holds a
second sample at some moments only, is a warning.

    prometheus { scrape_interval "15s" }
    rules "shop" { record "hits:rate" { expr "rate(hits_total[15s])" } }
    rules "shop" { record "hits:rate" { expr "rate(hits_total[1m])" } }

Each job's own interval counts, and for recorded series that of their group. Two intervals are the least;
with four a lost scrape does no harm. Functions such as `max_over_time` need one sample: for them a window
shorter than the interval is a warning."##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_on_the_left_since_prometheus_3() {
        let check = |window, two, left_open, expected: Option<Fit>| {
            assert!(fit(window, 15_000, two, left_open) == expected, "{window} {two} {left_open}");
        };
        check(15_000, true, true, Some(Fit::Never));
        check(15_000, true, false, Some(Fit::Sometimes));
        check(20_000, true, true, Some(Fit::Sometimes));
        check(30_000, true, true, None);
        check(10_000, true, false, Some(Fit::Never));
        check(10_000, false, true, Some(Fit::Sometimes));
        check(15_000, false, true, None);
    }
}
