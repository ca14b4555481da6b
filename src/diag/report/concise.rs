//! `concise`: one line each, as compilers print them, for editors and for grep.

use std::fmt::{self, Write};

use super::Form;
use crate::diag::{Files, Finding, Findings, Place};

pub(super) const FORM: Form = Form {
    name: "concise",
    about: "One line each",
    print: |report, out| print_concise(out, report.findings, report.files),
};

/// One line for each finding: `file:line:col: error[S003]: message`.
pub fn print_concise(out: &mut dyn Write, findings: &Findings, files: &Files) -> fmt::Result {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn lines_begin_with_the_place() {
        assert_eq!(
            printed(&FORM),
            "stack.kdl:2:5: error[S003]: there is no `ätsch` in `prometheus`\n\
             error[S003]: about nothing in particular\n"
        );
    }
}
