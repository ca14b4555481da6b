//! `junit`: each file is a suite and each finding a case of it. Only errors fail, as with the exit
//! code; warnings and notes pass and say what they have to say. A file without errors has a case that
//! passes, since some readers take an empty suite for a mistake.

use std::fmt::{self, Write};

use super::xml::escaped;
use super::{Form, Report, plain_path, with_help};
use crate::diag::{Finding, Place, Severity};

pub(super) const FORM: Form = Form { name: "junit", about: "Test cases in XML", print };

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    let failures = report.findings.count(Severity::Error);
    let cases: usize = report.by_file().map(|(_, findings)| findings.count().max(1)).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"stackctl validate\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\">"
    )?;
    for (file, findings) in report.by_file() {
        let findings: Vec<&Finding> = findings.collect();
        let failures = findings.iter().filter(|one| one.severity == Severity::Error).count();
        let (name, cases) = (escaped(plain_path(file)), findings.len().max(1));
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\">"
        )?;
        if findings.is_empty() {
            writeln!(out, "    <testcase name=\"no findings\" classname=\"{name}\"/>")?;
        }
        for finding in findings {
            case(report, finding, &name, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn case(report: &Report<'_>, finding: &Finding, file: &str, out: &mut dyn Write) -> fmt::Result {
    let Finding { code, name, severity, message, label, .. } = finding;
    let Place { line, column } = report.files.start(finding.span());
    let place = label.as_ref().map_or(String::new(), |_| format!(" at {line}:{column}"));
    writeln!(
        out,
        "    <testcase name=\"{code} {name}{place}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\">"
    )?;
    let body = escaped(&with_help(finding));
    if *severity == Severity::Error {
        let message = escaped(message);
        writeln!(out, "      <failure message=\"{message}\" type=\"{severity}\">{body}</failure>")?;
    } else {
        writeln!(out, "      <system-out>{severity}: {body}</system-out>")?;
    }
    writeln!(out, "    </testcase>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn a_file_is_a_suite_and_a_finding_a_case() {
        insta::assert_snapshot!(printed(&FORM), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="stackctl validate" tests="3" failures="2" errors="0">
          <testsuite name="stack.kdl" tests="2" failures="2" errors="0">
            <testcase name="S003 unknown-node at 2:5" classname="stack.kdl" file="stack.kdl" line="2">
              <failure message="there is no `ätsch` in `prometheus`" type="error">there is no `ätsch` in `prometheus`&#10;help: did you mean `data`?</failure>
            </testcase>
            <testcase name="S003 unknown-node" classname="stack.kdl" file="stack.kdl" line="1">
              <failure message="about nothing in particular" type="error">about nothing in particular</failure>
            </testcase>
          </testsuite>
          <testsuite name="base.kdl" tests="1" failures="0" errors="0">
            <testcase name="no findings" classname="base.kdl"/>
          </testsuite>
        </testsuites>
        "#);
    }
}
