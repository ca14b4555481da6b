//! How findings are shown: drawn for people, one line each for editors, JSON for machines.

use std::fmt::{self, Write};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use serde::Serialize;

use super::files::{Files, Place};
use super::finding::{Finding, Findings, Fix, Severity};
use super::span::Span;

/// Draws each finding with its source lines, labels and help; `color` adds terminal colours.
pub fn print_full(
    out: &mut impl Write,
    findings: &Findings,
    files: &Files,
    color: bool,
) -> fmt::Result {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
    for finding in findings {
        // miette draws labels of one file; those of another follow as lines of their own.
        let main = finding.span();
        let report = Report { finding, files };
        handler.render_report(out, &report)?;
        for label in finding.labels.iter().filter(|label| label.span.file != main.file) {
            let Place { line, column } = files.start(label.span);
            let name = files.name(label.span.file);
            writeln!(out, "  {name}:{line}:{column}: {}", label.text)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// One line for each finding: `file:line:col: error[S003]: message; help`.
pub fn print_concise(out: &mut impl Write, findings: &Findings, files: &Files) -> fmt::Result {
    for finding in findings {
        let Finding { code, severity, message, .. } = finding;
        if let Some(label) = &finding.label {
            let Place { line, column } = files.start(label.span);
            write!(out, "{}:{line}:{column}: ", files.name(label.span.file))?;
        }
        writeln!(out, "{severity}[{code}]: {message}")?;
    }
    Ok(())
}

/// All findings as one JSON array; lines and columns count from 1, byte offsets from 0.
pub fn print_json(out: &mut impl Write, findings: &Findings, files: &Files) -> fmt::Result {
    let text = serde_json::to_string_pretty(&to_json(findings, files)).map_err(|_| fmt::Error)?;
    writeln!(out, "{text}")
}

/// The value that [`print_json`] prints.
pub fn to_json(findings: &Findings, files: &Files) -> serde_json::Value {
    let rows: Vec<Row<'_>> = findings.iter().map(|finding| row(finding, files)).collect();
    serde_json::to_value(rows).unwrap_or_default()
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
    fix: Option<&'a Fix>,
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

fn row<'a>(finding: &'a Finding, files: &'a Files) -> Row<'a> {
    let Finding { code, name, severity, message, label, labels, help, fix } = finding;
    let notes = label.iter().filter(|label| !label.text.is_empty()).chain(labels);
    Row {
        code,
        name,
        severity: *severity,
        message,
        help: help.as_deref(),
        place: label.as_ref().map(|label| stretch(label.span, files)),
        labels: notes
            .map(|label| Note { text: &label.text, place: stretch(label.span, files) })
            .collect(),
        fix: fix.as_ref(),
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

/// Longest stretch that is underlined, in bytes.
const MAX_DRAWN: usize = 400;

/// A finding as miette wants it.
struct Report<'a> {
    finding: &'a Finding,
    files: &'a Files,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.finding.code)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{} {}", self.finding.code, self.finding.name)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.finding.label.as_ref().map(|_| self as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let main = self.finding.label.as_ref()?;
        let others = self.finding.labels.iter().filter(|label| label.span.file == main.span.file);
        let labels = std::iter::once((main, true)).chain(others.map(|label| (label, false)));
        Some(Box::new(labels.map(|(label, main)| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            // A very long stretch is pointed at where it begins.
            let span = (label.span.start as usize, (label.span.len as usize).min(MAX_DRAWN));
            if main {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

/// miette looks through the whole text for each label; it is given the lines around instead, so that
/// a long file with many findings is drawn at once.
impl SourceCode for Report<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let file = self
            .files
            .get(self.finding.span().file)
            .filter(|file| span.offset() + span.len() <= file.text.len())
            .ok_or(MietteError::OutOfBounds)?;
        let first = file.place(span.offset()).line.saturating_sub(before).max(1);
        let last = file.place(span.offset() + span.len()).line + after;
        let lines = file.line(first).zip((first..=last).rev().find_map(|line| file.line(line)));
        let (from, to) = lines.ok_or(MietteError::OutOfBounds)?;
        // Without lines around, miette wants to know where exactly the stretch begins.
        let (start, column) = match before {
            0 => (span.offset(), file.place(span.offset()).column - 1),
            _ => (from.start, 0),
        };
        let text = &file.text.as_bytes()[start..to.end];
        Ok(Box::new(MietteSpanContents::new_named(
            file.name.clone(),
            text,
            SourceSpan::from((start, text.len())),
            first - 1,
            column,
            last,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    const CODE: Code =
        Code { code: "S003", name: "unknown-node", severity: Severity::Error, explain: "" };

    fn sample() -> (Findings, Files) {
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

    #[test]
    fn a_finding_is_drawn_with_its_line_and_help() {
        let (findings, files) = sample();
        let mut out = String::new();
        print_full(&mut out, &findings, &files, false).expect("drawn");
        insta::assert_snapshot!(out, @r#"
        S003 unknown-node

          × there is no `ätsch` in `prometheus`
           ╭─[stack.kdl:2:5]
         1 │ prometheus {
         2 │     ätsch "15s"
           ·     ──┬──
           ·       ╰── unknown here
         3 │ }
           ╰────
          help: did you mean `data`?
          base.kdl:1:1: and here

        S003 unknown-node

          × about nothing in particular
        "#);
    }

    #[test]
    fn concise_lines_begin_with_the_place() {
        let (findings, files) = sample();
        let mut out = String::new();
        print_concise(&mut out, &findings, &files).expect("written");
        assert_eq!(
            out,
            "stack.kdl:2:5: error[S003]: there is no `ätsch` in `prometheus`\n\
             error[S003]: about nothing in particular\n"
        );
    }

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
        assert_eq!(json[1].get("file"), None);
    }
}
