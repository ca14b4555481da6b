//! The forms of a test report.

use std::fmt::{self, Write};

use serde::Serialize;

use super::coverage::Coverage;
use super::{Outcome, Suite};
use crate::diag::{self, Files, Span};

/// A line for each test; what failed is drawn beneath it.
pub(super) fn full(out: &mut String, suites: &[Suite], list: bool, color: bool) -> fmt::Result {
    for Suite { name, files, outcomes, coverage } in suites {
        writeln!(out, "{name}")?;
        for outcome in outcomes {
            if !outcome.failed() {
                writeln!(out, "  {} {}", paint("ok  ", "\x1b[32m", color), outcome.name)?;
                continue;
            }
            writeln!(out, "  {} {}\n", paint("FAIL", "\x1b[1;31m", color), outcome.name)?;
            diag::print_full(out, &outcome.failures, files, color)?;
        }
        if let (true, Some(coverage)) = (list, coverage) {
            coverage.list(out)?;
        }
    }
    Ok(())
}

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("{code}{text}\x1b[0m") } else { text.to_owned() }
}

/// A line for each thing that is not as expected.
pub(super) fn concise(out: &mut String, suites: &[Suite], list: bool) -> fmt::Result {
    for suite in suites {
        for Outcome { name, failures, .. } in &suite.outcomes {
            let mut failures = failures.clone();
            for failure in failures.iter_mut() {
                failure.message = format!("{name}: {}", failure.message);
            }
            diag::print_concise(out, &failures, &suite.files)?;
        }
        if let (true, Some(coverage)) = (list, &suite.coverage) {
            coverage.list(out)?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    name: &'a str,
    line: usize,
    column: usize,
    result: &'static str,
    seconds: f64,
    failures: serde_json::Value,
}

/// One JSON object: the tests in their order.
pub(super) fn json(out: &mut String, suites: &[Suite]) -> fmt::Result {
    let mut tests = Vec::new();
    for suite in suites {
        for Outcome { name, span, failures, took } in &suite.outcomes {
            let place = suite.files.start(*span);
            tests.push(Row {
                file: suite.files.name(span.file),
                name,
                line: place.line,
                column: place.column,
                result: if failures.is_empty() { "passed" } else { "failed" },
                seconds: took.as_secs_f64(),
                failures: diag::to_json(failures, &suite.files),
            });
        }
    }
    let all: Vec<&Coverage> = suites.iter().filter_map(|suite| suite.coverage.as_ref()).collect();
    let coverage = serde_json::json!({ "percent": Coverage::percent(&all), "of": all });
    let report = serde_json::json!({ "tests": tests, "coverage": coverage });
    writeln!(out, "{}", serde_json::to_string_pretty(&report).map_err(|_| fmt::Error)?)
}

/// JUnit's XML, as CI servers read it: a suite for each file, a case for each test.
pub(super) fn junit(out: &mut String, suites: &[Suite]) -> fmt::Result {
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let all = suites.iter().flat_map(|suite| &suite.outcomes);
    writeln!(out, "<testsuites {}>", totals(all))?;
    for Suite { name, files, outcomes, coverage: _ } in suites {
        let shown = escape(name);
        writeln!(out, r#"  <testsuite name="{shown}" {}>"#, totals(outcomes))?;
        for outcome in outcomes {
            case(out, &shown, outcome, files)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn totals<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> String {
    let (mut tests, mut failed, mut seconds) = (0, 0, 0.0);
    for outcome in outcomes {
        tests += 1;
        failed += usize::from(outcome.failed());
        seconds += outcome.took.as_secs_f64();
    }
    format!(r#"tests="{tests}" failures="{failed}" errors="0" skipped="0" time="{seconds:.3}""#)
}

fn case(out: &mut String, suite: &str, outcome: &Outcome, files: &Files) -> fmt::Result {
    let Outcome { name, span, failures, took } = outcome;
    let (file, line) = place(files, *span);
    let (name, seconds) = (escape(name), took.as_secs_f64());
    write!(
        out,
        r#"    <testcase name="{name}" classname="{suite}" file="{file}" line="{line}" time="{seconds:.3}""#
    )?;
    if failures.is_empty() {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    for failure in failures {
        let (file, line) = place(files, failure.span());
        let message = escape(&failure.message);
        let text = escape(&format!(
            "{file}:{line}: {}\n{}",
            failure.message,
            failure.help.as_deref().unwrap_or_default()
        ));
        writeln!(out, r#"      <failure message="{message}" type="failed">{text}</failure>"#)?;
    }
    writeln!(out, "    </testcase>")
}

fn place(files: &Files, span: Span) -> (String, usize) {
    (escape(files.name(span.file)), files.start(span).line)
}

/// Text for XML 1.0, in attributes and between tags: characters that it cannot have become U+FFFD.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // As they are they would become spaces in attributes.
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push_str("&#9;"),
            '\r' => safe.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// How many tests passed and failed, and how much of manifests they cover.
pub(super) fn summary(suites: &[Suite]) -> String {
    let outcomes = || suites.iter().flat_map(|suite| &suite.outcomes);
    let failed = outcomes().filter(|outcome| outcome.failed()).count();
    let mut text = match (outcomes().count(), failed) {
        (0, _) => "no tests".to_owned(),
        (1, 0) => "1 test passed".to_owned(),
        (all, 0) => format!("{all} tests passed"),
        (all, failed) => format!("{failed} of {all} tests failed"),
    };
    let coverage: Vec<&Coverage> = suites.iter().filter_map(|one| one.coverage.as_ref()).collect();
    if !coverage.is_empty() {
        let (figure, percent) = (Coverage::figure(&coverage), Coverage::percent(&coverage));
        let _ = write!(text, "; tested: {figure} ({percent:.0} %)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_escaped() {
        assert_eq!(
            escape("a<b & \"c\">\n\u{1}\u{7f}é"),
            "a&lt;b &amp; &quot;c&quot;&gt;&#10;\u{fffd}\u{7f}é"
        );
    }
}
