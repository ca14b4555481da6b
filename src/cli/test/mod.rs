//! `test`: the tests of a manifest from series to receiver, and unit test files of promtool.

mod coverage;
mod manifest;
mod places;
mod report;
mod unit_file;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use self::coverage::Coverage;
use super::printer::{self, out};
use super::usual;
use super::validate::{Source, Words};
use crate::diag::{Code, Files, Findings, Severity, Span, quoted_list};

/// What a test found that is not as expected. No rule of `validate`: it has no entry in `explain`.
const FAILED: Code = Code { code: "test", name: "failed", severity: Severity::Error, explain: "" };

/// Runs the tests of manifests and of promtool's unit test files.
#[derive(Debug, Args)]
pub struct Test {
    /// Manifests, and unit test files as `promtool test rules` takes them. When nothing is said, the
    /// stack.kdl, stack.yaml, stack.yml or stack.json of this folder.
    files: Vec<PathBuf>,
    /// Only tests whose name contains this text; may be repeated.
    #[arg(long, value_name = "NAME")]
    filter: Vec<String>,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "full")]
    format: Format,
    /// List alerts that no test expects to fire, and receivers that none expects to hear of one.
    #[arg(long)]
    coverage: bool,
    /// Fail if less than this part of alerts and receivers has a test.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    min_coverage: Option<u8>,
    /// Overlay this profile of the manifest.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each test; what failed is drawn with the source.
    Full,
    /// A line for each thing that is not as expected.
    Concise,
    /// For programs.
    Json,
    /// For CI servers: XML as JUnit writes it.
    Junit,
}

/// A test that ran.
struct Outcome {
    name: String,
    /// Where it stands.
    span: Span,
    /// What is not as expected; empty if it passed.
    failures: Findings,
    took: Duration,
}

/// The tests of one file.
struct Suite {
    /// The file, as it was given.
    name: String,
    files: Files,
    outcomes: Vec<Outcome>,
    /// Of a manifest without errors.
    coverage: Option<Coverage>,
}

impl Test {
    /// Exit code 1 if a test fails or a file has a mistake.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut suites = Vec::new();
        let wanted = |name: &str| {
            self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part.as_str()))
        };
        let files = match &self.files[..] {
            [] => vec![usual::here()?],
            files => files.to_vec(),
        };
        for path in &files {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            suites.push(if is_unit_file(path, &text) {
                unit_file::run(path, &text, &wanted)
            } else {
                let source = Source {
                    manifest: Some(path.clone()),
                    profile: self.profile.clone(),
                    words: Words::default(),
                };
                manifest::run(&path.display().to_string(), source.load()?, &wanted)
            });
        }
        let none_ran = suites.iter().all(|suite| suite.outcomes.is_empty());
        if none_ran && !self.filter.is_empty() {
            bail!(
                "no test's name contains {}",
                quoted_list(self.filter.iter().map(String::as_str))
            );
        }
        let mut text = String::new();
        let list = self.coverage;
        match self.format {
            Format::Full => report::full(&mut text, &suites, list, printer::color_stdout()),
            Format::Concise => report::concise(&mut text, &suites, list),
            Format::Json => report::json(&mut text, &suites),
            Format::Junit => report::junit(&mut text, &suites),
        }?;
        out().write_all(text.as_bytes())?;
        if self.format == Format::Full {
            printer::note(&report::summary(&suites));
        }
        let coverage: Vec<&Coverage> = suites.iter().filter_map(|s| s.coverage.as_ref()).collect();
        let percent = Coverage::percent(&coverage);
        if let Some(wanted) = self.min_coverage.filter(|wanted| percent < f64::from(*wanted)) {
            printer::error(&format!("the tests cover {percent:.0} %, and {wanted} % are wanted"));
            return Ok(ExitCode::FAILURE);
        }
        let failed = suites.iter().any(|suite| suite.outcomes.iter().any(Outcome::failed));
        Ok(ExitCode::from(u8::from(failed)))
    }
}

impl Outcome {
    fn failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

/// Whether a file is one of promtool's: it has one of their keys where a manifest has none of them, or
/// nothing at all, which is a file without tests to promtool.
fn is_unit_file(path: &Path, text: &str) -> bool {
    const KEYS: [&str; 5] =
        ["rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"];
    let yaml = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let has_key = |line: &str| {
        let key = line.split(':').next().unwrap_or_default().trim_end();
        line.contains(':') && KEYS.contains(&key.trim_matches(['"', '\'']))
    };
    yaml && (text.trim().is_empty() || text.lines().any(has_key))
}
