//! A test that cannot be run as it is written.

use super::{Input, Rule};
use crate::diag::{Files, Finding, Findings, Severity, Spanned};
use crate::manifest::{Test, place_in};
use crate::promql::ParseErrors;
use crate::promql::series_notation::{parse_metric, parse_values};

pub(super) const RULE: Rule =
    Rule { code: "S431", name: "invalid-test", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for test in &stack.tests {
        for series in &test.series {
            notation(files, "series", &series.series, parse_metric(&series.series).err(), findings);
            notation(files, "values", &series.values, parse_values(&series.values).err(), findings);
        }
        for sample in test.at.iter().flat_map(|at| &at.query).flat_map(|query| &query.samples) {
            notation(files, "sample", &sample.labels, parse_metric(&sample.labels).err(), findings);
        }
        times(test, findings);
    }
}

fn notation(
    files: &Files,
    what: &str,
    text: &Spanned<String>,
    errors: Option<ParseErrors>,
    findings: &mut Findings,
) {
    let Some(errors) = errors else { return };
    let error = errors.first();
    let place = place_in(files, text, error.span.start..error.span.end);
    let help = match what {
        "values" => {
            "numbers, `_` for none, `stale` for the end, and repetitions: `1x5` is six times 1, `0+10x5` counts up"
        }
        _ => "a name and labels with their values: `up{job=\"node\"}`",
    };
    findings.push(
        RULE.says(format!("{what} of a test: {}", error.message)).at(place, "here").help(help),
    );
}

fn times(test: &Test, findings: &mut Findings) {
    if let Some(start) = &test.start
        && start.parse::<jiff::Timestamp>().is_err()
    {
        findings.push(
            RULE.says(format!("`{start}` is no moment"))
                .at(start.span, "not in RFC 3339")
                .help("date, time and offset from UTC: `2026-03-02T09:00:00Z`"),
        );
    }
    if let Some(interval) = test.interval.as_ref().filter(|interval| interval.ms == 0) {
        findings.push(
            RULE.says("the values of a test have no time between them")
                .at(interval.span, "not longer than 0"),
        );
    }
    if test.start.is_none() {
        for fires in test.at.iter().flat_map(|at| &at.fires) {
            findings.extend(fires.muted_by.iter().map(|mute| without_clock(mute, test)).collect());
        }
    }
}

fn without_clock(mute: &Spanned<String>, test: &Test) -> Finding {
    RULE.says(format!("whether `{mute}` mutes depends on the time of day, and the test has none"))
        .at(mute.span, "never in this test")
        .also(test.name.span, "does not say when it starts")
        .help("say when the first values are: `start=\"2026-03-01T19:00:00Z\"`")
}

const EXPLAIN: &str = r##"Series, their values and samples have a notation of their own, that of `promtool test rules`. Values come one after the
other, `interval` apart: `1 2 _ stale`, `0+10x5` (0 10 20 30 40 50), `1x3` (1 1 1 1).

    test "down" start="monday" {
        series #"up{job="node"# "1 1 O"
        at "3m" { fires "TargetDown" muted_by="backup" }
    }

A mute depends on the clock: a test that expects one says when it starts, in RFC 3339 (`2026-03-01T19:00:00Z`)."##;
