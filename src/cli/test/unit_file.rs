//! A unit test file of promtool as a suite: its problems become findings at their place in the file.

use std::path::Path;
use std::time::Duration;

use super::places::{Places, Step};
use super::{FAILED, Outcome, Suite};
use crate::cli::printer;
use crate::diag::{Files, Findings, Span};
use crate::ruletest::unit_file::{self, Problem, Site, TestReport};

/// Runs the tests of a file whose name is wanted.
pub(super) fn run(path: &Path, text: &str, wanted: &dyn Fn(&str) -> bool) -> Suite {
    let name = path.display().to_string();
    let mut files = Files::default();
    let report = unit_file::check(path, text, wanted);
    let file = files.add(name.clone(), text);
    let places = Places::of(text, file);
    let outcomes = match report {
        Ok(report) => {
            for warning in &report.warnings {
                printer::note(&format!("{name}: {warning}"));
            }
            report.tests.iter().map(|test| outcome(test, text, &places)).collect()
        }
        Err(message) => {
            let span = Span::new(file, 0..0);
            let failures = Findings::from_iter([FAILED.says(message).at(span, "")]);
            vec![Outcome { name: name.clone(), span, failures, took: Duration::ZERO }]
        }
    };
    Suite { name, files, outcomes, coverage: None }
}

fn outcome(test: &TestReport, text: &str, places: &Places) -> Outcome {
    let key = |text: &str| Step::Key(text.to_owned());
    let whole = vec![key("tests"), Step::Entry(test.place)];
    let failures = test.problems.iter().map(|Problem { site, message, notes }| {
        let mut path = whole.clone();
        match site {
            Site::Test => {}
            Site::Series(place) => path.extend([key("input_series"), Step::Entry(*place)]),
            Site::Alert(place) => path.extend([key("alert_rule_test"), Step::Entry(*place)]),
            Site::Expr(place) => path.extend([key("promql_expr_test"), Step::Entry(*place)]),
        }
        let finding = FAILED.says(message.clone()).at(places.at(text, &path), "");
        if notes.is_empty() { finding } else { finding.help(notes.join("\n")) }
    });
    Outcome {
        name: test.name.clone(),
        span: places.at(text, &whole),
        failures: failures.collect(),
        took: test.took,
    }
}
