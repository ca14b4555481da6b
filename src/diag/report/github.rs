//! `github`: workflow commands, which GitHub Actions shows beside the changed lines
//! (docs.github.com, "Workflow commands").

use std::fmt::{self, Write};

use super::{Form, Report, plain_path, with_help};
use crate::diag::{Finding, Severity};

pub(super) const FORM: Form = Form { name: "github", about: "Commands of GitHub Actions", print };

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    for finding in report.findings {
        let Finding { code, name, severity, label, .. } = finding;
        let command = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        write!(out, "::{command} file={}", property(plain_path(report.file_of(finding))))?;
        if let Some(label) = label {
            let (from, to) = (report.files.start(label.span), report.files.end(label.span));
            write!(out, ",line={},endLine={}", from.line, to.line)?;
            // Columns may only be said of a place within one line.
            if from.line == to.line {
                write!(out, ",col={},endColumn={}", from.column, to.column)?;
            }
        }
        let title = property(&format!("{code} {name}"));
        writeln!(out, ",title={title}::{}", data(&with_help(finding)))?;
    }
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn a_finding_is_one_command_with_its_place() {
        insta::assert_snapshot!(printed(&FORM), @r#"
        ::error file=stack.kdl,line=2,endLine=2,col=5,endColumn=10,title=S003 unknown-node::there is no `ätsch` in `prometheus`%0Ahelp: did you mean `data`?
        ::error file=stack.kdl,title=S003 unknown-node::about nothing in particular
        "#);
    }

    #[test]
    fn what_would_end_a_property_is_escaped() {
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
        assert_eq!(data("50% of a, b: c\r\n"), "50%25 of a, b: c%0D%0A");
    }
}
