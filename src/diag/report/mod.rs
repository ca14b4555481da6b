//! How findings are shown, one file for each form. A new form is its file and a line in [`FORMS`].

mod checkstyle;
mod concise;
mod fingerprint;
mod full;
mod github;
mod gitlab;
mod json;
mod json_lines;
mod junit;
mod rdjson;
mod sarif;
pub mod xml;

use std::fmt::{self, Write};

use super::files::Files;
use super::finding::{Code, Finding, Findings};

pub use concise::print_concise;
pub use full::print_full;
pub use json::{print_json, to_json};

/// What a report is made of.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// What was found, in reading order.
    pub findings: &'a Findings,
    /// The texts that the findings point into; the first one is the manifest itself.
    pub files: &'a Files,
    /// Every kind of finding that was looked for.
    pub rules: &'a [Code],
    /// Whether colours are wanted; only the form for people has any.
    pub color: bool,
}

/// A form of a report.
pub struct Form {
    /// As `--format` takes it.
    pub name: &'static str,
    /// A few words for `--help`.
    pub about: &'static str,
    print: fn(&Report<'_>, &mut dyn Write) -> fmt::Result,
}

/// All forms, those for people first.
pub const FORMS: &[Form] = &[
    full::FORM,
    concise::FORM,
    json::FORM,
    json_lines::FORM,
    sarif::FORM,
    github::FORM,
    gitlab::FORM,
    junit::FORM,
    checkstyle::FORM,
    rdjson::FORM,
];

/// The form of this name.
pub fn form(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

impl Form {
    /// The whole report. The same findings give the same bytes.
    pub fn print(&self, report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
        (self.print)(report, out)
    }
}

impl<'a> Report<'a> {
    /// Name of the file that a finding is about; that of the manifest when it is about the whole.
    fn file_of(&self, finding: &Finding) -> &'a str {
        self.files.name(finding.span().file)
    }

    /// The findings by file, in the order in which the files were read.
    fn by_file(&self) -> impl Iterator<Item = (&'a str, impl Iterator<Item = &'a Finding>)> {
        let Self { findings, files, .. } = *self;
        files.iter().map(move |(id, file)| {
            let own = move |finding: &&Finding| finding.span().file == id;
            (file.name.as_str(), findings.iter().filter(own))
        })
    }
}

/// Writes a value as indented JSON with a line break behind it.
fn write_json(out: &mut dyn Write, value: &serde_json::Value) -> fmt::Result {
    let text = serde_json::to_string_pretty(value).map_err(|_| fmt::Error)?;
    writeln!(out, "{text}")
}

/// A path as a program expects it that joins it to its own folder: without `./` in front.
fn plain_path(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

/// Message and help as one text of one or two lines.
fn with_help(finding: &Finding) -> String {
    match &finding.help {
        Some(help) => format!("{}\nhelp: {help}", finding.message),
        None => finding.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Severity, Span};

    pub const CODE: Code = Code {
        code: "S003",
        name: "unknown-node",
        severity: Severity::Error,
        explain: "No setting of this name.\n\n    wrong\n    right",
    };

    /// One finding with everything that a finding can have, and one with nothing.
    pub fn sample() -> (Findings, Files) {
        let mut files = Files::default();
        let id = files.add("stack.kdl", "prometheus {\n    ätsch \"15s\"\n}\n");
        let other = files.add("base.kdl", "network \"n\"\n");
        let finding = CODE
            .says("there is no `ätsch` in `prometheus`")
            .at(Span::new(id, 17..23), "unknown here")
            .also(Span::new(other, 0..7), "and here")
            .help("did you mean `data`?")
            .replace("write `data`", Span::new(id, 17..23), "data");
        let mut findings = Findings::default();
        findings.push(finding);
        findings.push(CODE.says("about nothing in particular"));
        (findings, files)
    }

    /// The report of [`sample`] in a form.
    pub fn printed(form: &Form) -> String {
        let (findings, files) = sample();
        let report = Report { findings: &findings, files: &files, rules: &[CODE], color: false };
        let mut out = String::new();
        form.print(&report, &mut out).expect("a String takes everything");
        out
    }

    #[test]
    fn every_form_has_a_name_of_its_own_and_says_both_findings() {
        for (at, form) in FORMS.iter().enumerate() {
            assert!(FORMS[..at].iter().all(|other| other.name != form.name), "{}", form.name);
            let text = printed(form);
            for message in ["ätsch", "about nothing in particular"] {
                assert!(text.contains(message), "{}: {text}", form.name);
            }
        }
    }
}
