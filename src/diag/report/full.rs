//! `full`: drawn for people, with source lines, labels and help.

use std::fmt::{self, Write};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use super::Form;
use crate::diag::{File, Files, Finding, Findings, Label, Severity};
use crate::parallel;

pub(super) const FORM: Form = Form {
    name: "full",
    about: "Drawn with the source",
    print: |report, out| print_full(out, report.findings, report.files, report.color),
};

/// Draws each finding with its source lines, labels and help; `color` adds terminal colours.
pub fn print_full(
    out: &mut dyn Write,
    findings: &Findings,
    files: &Files,
    color: bool,
) -> fmt::Result {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let findings: Vec<&Finding> = findings.iter().collect();
    let drawn = parallel::map(&findings, findings.len() > MUCH, |finding| {
        let theme = theme.clone();
        let handler =
            GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let mut text = String::new();
        handler.render_report(&mut text, &Drawing::new(finding, files))?;
        Ok::<String, fmt::Error>(text)
    });
    drawn.into_iter().try_for_each(|text| writeln!(out, "{}", text?))
}

/// So many findings are worth a second thread.
const MUCH: usize = 200;

/// Longest stretch that is underlined, in bytes.
const MAX_DRAWN: usize = 400;

/// Labels with at most this many lines between them share a snippet.
const MAX_BETWEEN: usize = 3;

/// Most bytes of source that are shown around labels, unless they themselves are further apart.
const MAX_CONTEXT: usize = 4000;

/// Bytes shown on both sides of labels where that would be too much: a file that is one long line.
const AROUND: usize = 60;

/// A finding as miette wants it.
///
/// miette draws the labels of one text, in the order of their offsets, and names the place of the
/// first snippet first. So it is given a text of our making: one stretch for each snippet, that of
/// the finding's own place first, each with the lines and the name of its file.
struct Drawing<'a> {
    finding: &'a Finding,
    snippets: Vec<Snippet<'a>>,
}

/// Labels that stand close together, drawn in one box.
struct Snippet<'a> {
    file: &'a File,
    labels: Vec<&'a Label>,
    /// Line of the last label.
    last: usize,
    /// Where the file begins in the text that miette sees.
    base: usize,
}

impl<'a> Drawing<'a> {
    fn new(finding: &'a Finding, files: &'a Files) -> Self {
        let mut drawing = Self { finding, snippets: Vec::new() };
        let Some(main) = &finding.label else { return drawing };
        let mut labels: Vec<&Label> = std::iter::once(main).chain(&finding.labels).collect();
        // Stable: of two labels at one place the main one stays first.
        labels.sort_by_key(|label| label.span);
        for label in labels {
            let Some(file) = files.get(label.span.file) else { continue };
            let line = file.place(label.span.start as usize).line;
            let end = file.place(label.span.start as usize + drawn(label)).line;
            match drawing.snippets.last_mut() {
                Some(snippet)
                    if std::ptr::eq(snippet.file, file)
                        && line <= snippet.last + 1 + MAX_BETWEEN =>
                {
                    snippet.labels.push(label);
                    snippet.last = snippet.last.max(end);
                }
                _ => {
                    let labels = vec![label];
                    drawing.snippets.push(Snippet { file, labels, last: end, base: 0 });
                }
            }
        }
        let is_main = |label: &&Label| std::ptr::eq(*label, main);
        drawing.snippets.sort_by_key(|snippet| !snippet.labels.iter().any(is_main));
        let mut base = 0;
        for snippet in &mut drawing.snippets {
            snippet.base = base;
            base += snippet.file.text.len() + 2;
        }
        drawing
    }
}

/// Bytes of a label that are underlined: a very long stretch is pointed at where it begins.
fn drawn(label: &Label) -> usize {
    (label.span.len as usize).min(MAX_DRAWN)
}

impl fmt::Debug for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.finding.code)
    }
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Drawing<'_> {}

impl miette::Diagnostic for Drawing<'_> {
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
        let labels = self.snippets.iter().flat_map(move |snippet| {
            snippet.labels.iter().map(move |&label| {
                let text = (!label.text.is_empty()).then(|| label.text.clone());
                let span = (snippet.base + label.span.start as usize, drawn(label));
                if std::ptr::eq(label, main) {
                    LabeledSpan::new_primary_with_span(text, span)
                } else {
                    LabeledSpan::new_with_span(text, span)
                }
            })
        });
        Some(Box::new(labels))
    }
}

/// miette looks through the whole text for each label; it is given the lines around instead, so that
/// a long file with many findings is drawn at once.
impl SourceCode for Drawing<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // A stretch over two snippets is refused, and so they are not drawn as one.
        let Snippet { file, base, .. } = self
            .snippets
            .iter()
            .find(|Snippet { file, base, .. }| {
                *base <= span.offset() && span.offset() + span.len() <= base + file.text.len()
            })
            .ok_or(MietteError::OutOfBounds)?;
        let offset = span.offset() - base;
        let place = file.place(offset);
        let first = place.line.saturating_sub(before).max(1);
        let last = file.place(offset + span.len()).line + after;
        let lines = file.line(first).zip((first..=last).rev().find_map(|line| file.line(line)));
        let (from, to) = lines.ok_or(MietteError::OutOfBounds)?;
        // Without lines around, miette wants to know where exactly the stretch begins.
        let (start, column) = match before {
            0 => (offset, place.column - 1),
            _ => (from.start, 0),
        };
        let (start, end) = match to.end - start {
            0..=MAX_CONTEXT => (start, to.end),
            _ => {
                let around = |at: usize| {
                    (0..=at.min(file.text.len()))
                        .rev()
                        .find(|at| file.text.is_char_boundary(*at))
                        .unwrap_or_default()
                };
                let end = offset + span.len();
                (around(offset.saturating_sub(AROUND)).max(start), around(end + AROUND).min(to.end))
            }
        };
        let text = &file.text.as_bytes()[start..end];
        Ok(Box::new(MietteSpanContents::new_named(
            file.name.clone(),
            text,
            SourceSpan::from((base + start, text.len())),
            first - 1,
            column,
            // The number of lines serves miette only to see which labels may share a snippet; that is
            // decided already, so it is to try all of them.
            usize::MAX / 2,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;
    use crate::diag::report::tests::{CODE, sample};

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
           ╭─[base.kdl:1:1]
         1 │ network "n"
           · ───┬───
           ·    ╰── and here
           ╰────
          help: did you mean `data`?

        S003 unknown-node

          × about nothing in particular
        "#);
    }

    /// The drawn report of a finding at the second of two words, with a note at the first.
    fn drawn_at(text: &str, main: &str, other: &str) -> String {
        let mut files = Files::default();
        let id = files.add("stack.kdl", text);
        let span = |word: &str| {
            let start = text.find(word).expect("the text has it");
            Span::new(id, start..start + word.len())
        };
        let finding =
            CODE.says("said twice").at(span(main), "again here").also(span(other), "first here");
        let findings: Findings = [finding].into_iter().collect();
        let mut out = String::new();
        print_full(&mut out, &findings, &files, false).expect("drawn");
        out
    }

    #[test]
    fn the_header_names_the_place_of_the_finding_and_not_of_the_first_label() {
        let near = drawn_at("a {\n    ä one\n}\nb {\n    ö two\n}\n", "two", "one");
        insta::assert_snapshot!(near, @r#"
        S003 unknown-node

          × said twice
           ╭─[stack.kdl:5:7]
         1 │ a {
         2 │     ä one
           ·       ─┬─
           ·        ╰── first here
         3 │ }
         4 │ b {
         5 │     ö two
           ·       ─┬─
           ·        ╰── again here
         6 │ }
           ╰────
        "#);
        let turned = drawn_at("a {\n    ä one\n}\nb {\n    ö two\n}\n", "one", "two");
        assert!(turned.contains("╭─[stack.kdl:2:7]"), "{turned}");
        let one_line = drawn_at("a one two\n", "two", "one");
        assert!(one_line.contains("╭─[stack.kdl:1:7]"), "{one_line}");
    }

    #[test]
    fn places_far_apart_are_drawn_apart_and_the_own_one_first() {
        let text = format!("a one\n{}b   two\n", "nothing here\n".repeat(40));
        let far = drawn_at(&text, "two", "one");
        insta::assert_snapshot!(far, @r#"
        S003 unknown-node

          × said twice
            ╭─[stack.kdl:42:5]
         41 │ nothing here
         42 │ b   two
            ·     ─┬─
            ·      ╰── again here
            ╰────
           ╭─[stack.kdl:1:3]
         1 │ a one
           ·   ─┬─
           ·    ╰── first here
         2 │ nothing here
           ╰────
        "#);
    }

    #[test]
    fn of_a_very_long_line_the_place_is_shown() {
        let text = format!("{}two{}one\n", "ä ".repeat(4000), " ö".repeat(4000));
        let drawn = drawn_at(&text, "two", "two");
        assert!(drawn.contains("╭─[stack.kdl:1:8001]"), "{drawn}");
        assert!(drawn.contains("─┬─") && drawn.contains("╰── again here"), "{drawn}");
        assert!(drawn.len() < 1500, "{} bytes", drawn.len());
    }

    #[test]
    fn labels_at_the_end_of_a_file_are_drawn() {
        let mut files = Files::default();
        let id = files.add("a.kdl", "a {\n");
        let other = files.add("b.kdl", "");
        let finding = CODE
            .says("m")
            .at(Span::new(id, 4..4), "never closed")
            .also(Span::new(other, 0..0), "empty")
            .also(Span::new(id, 0..1), "opened here");
        let findings: Findings = [finding].into_iter().collect();
        let mut out = String::new();
        print_full(&mut out, &findings, &files, false).expect("drawn");
        for line in ["─[a.kdl:2:1]", "· ╰── opened here", "─[b.kdl:1:1]"] {
            assert!(out.contains(line), "{line} is missing in\n{out}");
        }
    }
}
