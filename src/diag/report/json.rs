//! `json`: everything that a finding knows, as one array.

use std::fmt::{self, Write};

use serde::Serialize;

use super::{Form, write_json};
use crate::diag::{Files, Finding, Findings, Fix, Replacement, Severity, Span};

pub(super) const FORM: Form = Form {
    name: "json",
    about: "One array, with places, labels and edits",
    print: |report, out| print_json(out, report.findings, report.files),
};

/// All findings as one JSON array; lines and columns count from 1, byte offsets from 0.
pub fn print_json(out: &mut dyn Write, findings: &Findings, files: &Files) -> fmt::Result {
    write_json(out, &to_json(findings, files))
}

/// The value that [`print_json`] prints.
pub fn to_json(findings: &Findings, files: &Files) -> serde_json::Value {
    findings.iter().map(|finding| one(finding, files)).collect()
}

/// One finding as a JSON object.
pub(super) fn one(finding: &Finding, files: &Files) -> serde_json::Value {
    serde_json::to_value(row(finding, files)).unwrap_or_default()
}

#[derive(Serialize)]
struct Row<'a> {
    code: &'static str,
    name: &'static str,
    severity: Severity,
    message: &'a str,
    help: Option<&'a str>,
    #[serde(flatten)]
    place: Option<Stretch<'a>>,
    labels: Vec<Note<'a>>,
    fix: Option<Mending<'a>>,
}

#[derive(Serialize)]
struct Note<'a> {
    text: &'a str,
    #[serde(flatten)]
    place: Stretch<'a>,
}

#[derive(Serialize)]
struct Stretch<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start: usize,
    end: usize,
}

/// A fix twice: short, as offsets and text in the file of the finding, and with whole places.
#[derive(Serialize)]
struct Mending<'a> {
    title: &'a str,
    /// Whether `--fix` leaves it to the reader.
    choice: bool,
    replacements: &'a [Replacement],
    edits: Vec<Note<'a>>,
}

fn row<'a>(finding: &'a Finding, files: &'a Files) -> Row<'a> {
    let Finding { code, name, severity, message, label, labels, help, fix } = finding;
    let notes = label.iter().filter(|label| !label.text.is_empty()).chain(labels);
    let note = |text: &'a str, span| Note { text, place: stretch(span, files) };
    Row {
        code,
        name,
        severity: *severity,
        message,
        help: help.as_deref(),
        place: label.as_ref().map(|label| stretch(label.span, files)),
        labels: notes.map(|label| note(&label.text, label.span)).collect(),
        fix: fix.as_ref().map(|Fix { title, replacements, choice }| Mending {
            title,
            choice: *choice,
            replacements,
            edits: replacements.iter().map(|edit| note(&edit.text, edit.span)).collect(),
        }),
    }
}

fn stretch(span: Span, files: &Files) -> Stretch<'_> {
    let (from, to) = (files.start(span), files.end(span));
    Stretch {
        file: files.name(span.file),
        line: from.line,
        column: from.column,
        end_line: to.line,
        end_column: to.column,
        start: span.start as usize,
        end: span.end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::sample;

    #[test]
    fn json_has_places_labels_and_fixes() {
        let (findings, files) = sample();
        let json = to_json(&findings, &files);
        let first = &json[0];
        for (key, expected) in [
            ("line", 2),
            ("column", 5),
            ("end_line", 2),
            ("end_column", 10),
            ("start", 17),
            ("end", 23),
        ] {
            assert_eq!(first[key], expected, "{key}");
        }
        assert_eq!(first["code"], "S003");
        assert_eq!(first["severity"], "error");
        assert_eq!(first["labels"][1]["file"], "base.kdl");
        assert_eq!(first["fix"]["replacements"][0], serde_json::json!([17, 23, "data"]));
        assert_eq!(first["fix"]["edits"][0]["file"], "stack.kdl");
        assert_eq!(json[1].get("file"), None);
    }
}
