//! `checkstyle`: the XML of the Java tool of this name, which many CI systems read.

use std::fmt::{self, Write};

use super::xml::escaped;
use super::{Form, Report, plain_path, with_help};
use crate::diag::{Finding, Place};

pub(super) const FORM: Form = Form { name: "checkstyle", about: "Checkstyle's XML", print };

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<checkstyle version=\"8.0\">")?;
    for (file, findings) in report.by_file() {
        writeln!(out, "  <file name=\"{}\">", escaped(plain_path(file)))?;
        for finding in findings {
            let Finding { code, name, severity, .. } = finding;
            let Place { line, column } = report.files.start(finding.span());
            let message = escaped(&with_help(finding));
            writeln!(
                out,
                "    <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" \
                 message=\"{message}\" source=\"stackctl.{code}.{name}\"/>"
            )?;
        }
        writeln!(out, "  </file>")?;
    }
    writeln!(out, "</checkstyle>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn a_finding_is_an_element_of_its_file() {
        insta::assert_snapshot!(printed(&FORM), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <checkstyle version="8.0">
          <file name="stack.kdl">
            <error line="2" column="5" severity="error" message="there is no `ätsch` in `prometheus`&#10;help: did you mean `data`?" source="stackctl.S003.unknown-node"/>
            <error line="1" column="1" severity="error" message="about nothing in particular" source="stackctl.S003.unknown-node"/>
          </file>
          <file name="base.kdl">
          </file>
        </checkstyle>
        "#);
    }
}
