//! A window that is too short for the interval at which its series are scraped.

use std::time::Duration;

use super::expressions::{Expression, Site};
use super::known::{Job, Known, Series};
use super::names::is_prometheus_3;
use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Span};
use crate::model::format_duration;
use crate::promql::ast::Edges;
use crate::promql::{self, SelectorUse};

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

/// A window that does not hold what its function needs.
struct Short {
    /// Where the window stands in the expression.
    at: promql::Span,
    function: &'static str,
    window: i64,
    interval: i64,
    /// Whether the function needs two samples.
    two: bool,
    fit: Fit,
    whose: Option<(Span, String)>,
}

fn check(input: &Input<'_>, findings: &mut Findings) {
    for expression in &input.expressions {
        for short in shorts(input, expression) {
            findings.push(finding(input, expression, short));
        }
    }
}

/// Places of the windows of an expression of which this rule speaks.
pub(super) fn told(input: &Input<'_>, expression: &Expression<'_>) -> Vec<promql::Span> {
    shorts(input, expression).into_iter().map(|short| short.at).collect()
}

fn shorts(input: &Input<'_>, expression: &Expression<'_>) -> Vec<Short> {
    // A test says itself how often its samples come.
    if matches!(expression.site, Site::Test(_) | Site::Federate(_)) {
        return Vec::new();
    }
    let Some(tree) = expression.sound() else { return Vec::new() };
    let left_open = is_prometheus_3(input.stack);
    let short = |found: SelectorUse<'_>| {
        let range = found.range.filter(|_| found.selector.edges == Edges::Plain)?;
        let function = found.function?.function.name;
        let at = range.span();
        let written = expression.text.get(at.start..at.end).unwrap_or_default();
        let window = range.constant().filter(|_| !written.contains('$'))?;
        let (interval, whose) = interval(&input.known, &found)?;
        let two = WANT_TWO.contains(&function);
        let fit = fit(window, interval, two, left_open)?;
        Some(Short { at, function, window, interval, two, fit, whose })
    };
    tree.selectors().into_iter().filter_map(short).collect()
}

fn finding(Input { files, .. }: &Input<'_>, expression: &Expression<'_>, short: Short) -> Finding {
    let Short { at, function, window, interval, two, fit, whose } = short;
    let text = |ms: i64| format_duration(Duration::from_millis(ms.unsigned_abs()));
    let (window, often) = (text(window), text(interval));
    let wanted = text(if two { 4 * interval } else { 2 * interval });
    let needs = if two { "two samples" } else { "one sample" };
    let what = expression.site.what();
    let holds = match fit {
        Fit::Never => "never holds",
        Fit::Sometimes => "does not always hold",
    };
    let place = expression.place(files, at);
    let help = if two {
        format!("with four intervals a lost scrape does no harm: `[{wanted}]`")
    } else {
        format!("two intervals always hold one: `[{wanted}]`")
    };
    let mut finding = RULE
        .says(format!(
            "{what}: a window of {window} {holds} the {needs} that `{function}` needs: they come \
             every {often}"
        ))
        .at(place, "too short")
        .help(match (expression.site, function) {
            (Site::Panel(..), "rate" | "irate") => {
                format!("{help}; or let Grafana choose: `[$__rate_interval]`")
            }
            _ => help,
        })
        .replace("widen the window", place, wanted);
    if let Some((place, label)) = whose {
        finding = finding.also(place, label);
    }
    if fit == Fit::Sometimes {
        finding.severity = Severity::Warning;
    }
    finding
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

/// The shortest interval of what is read, and whose it is where that is only one.
fn interval(known: &Known<'_>, found: &SelectorUse<'_>) -> Option<(i64, Option<(Span, String)>)> {
    let reads = known.reads(found.selector);
    let (shortest, _) = reads.intervals()?;
    let of_job = |job: &Job| (job.place, format!("job `{}`", job.name));
    let mut whose: Vec<(Option<Span>, String)> = if reads.series.is_empty() {
        reads.maybe.iter().filter(|it| it.interval_ms == shortest).map(|it| of_job(it)).collect()
    } else {
        reads
            .series
            .iter()
            .filter_map(|series| match series {
                Series::Scraped(job, _) => (job.interval_ms == shortest).then(|| of_job(job)),
                Series::Recorded(it) => (it.interval_ms == shortest)
                    .then(|| (it.place, format!("evaluated with group `{}`", it.group))),
                Series::Alerts(..) => None,
            })
            .collect()
    };
    whose.dedup();
    let [(Some(place), label)] = whose.as_slice() else { return Some((shortest, None)) };
    Some((shortest, Some((*place, label.clone()))))
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
