//! `rdjson`: the diagnostic format of reviewdog, which comments on the changes of a merge request and
//! offers the edits. Its columns count bytes.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::{Form, Report, plain_path, with_help, write_json};
use crate::diag::{Finding, Label, Severity, Span, Unit};

pub(super) const FORM: Form = Form { name: "rdjson", about: "For reviewdog", print };

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    let diagnostics: Vec<Value> =
        report.findings.iter().map(|finding| diagnostic(report, finding)).collect();
    let whole = json!({ "source": { "name": "stackctl" }, "diagnostics": diagnostics });
    write_json(out, &whole)
}

fn diagnostic(report: &Report<'_>, finding: &Finding) -> Value {
    let Finding { code, name, severity, label, labels, fix, .. } = finding;
    let severity = match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    };
    let mut location = json!({ "path": plain_path(report.file_of(finding)) });
    if let Some(label) = label {
        location["range"] = range(report, label.span);
    }
    let related = |label: &Label| {
        let path = plain_path(report.files.name(label.span.file));
        let location = json!({ "path": path, "range": range(report, label.span) });
        json!({ "message": label.text, "location": location })
    };
    let mut diagnostic = json!({
        "message": with_help(finding),
        "location": location,
        "severity": severity,
        "code": { "value": format!("{code} {name}") },
    });
    if !labels.is_empty() {
        diagnostic["relatedLocations"] = labels.iter().map(related).collect();
    }
    // A suggestion has no path: it is one of the file of its finding.
    let own = |span: Span| span.file == finding.span().file;
    if let Some(fix) = fix.as_ref().filter(|fix| fix.replacements.iter().all(|edit| own(edit.span)))
    {
        let suggestion = fix
            .replacements
            .iter()
            .map(|edit| json!({ "range": range(report, edit.span), "text": edit.text }));
        diagnostic["suggestions"] = suggestion.collect();
    }
    diagnostic
}

fn range(report: &Report<'_>, span: Span) -> Value {
    let (from, to) = report.files.ends(span, Unit::Byte);
    json!({
        "start": { "line": from.line, "column": from.column },
        "end": { "line": to.line, "column": to.column },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn ranges_count_bytes_and_edits_are_offered() {
        let whole: Value = serde_json::from_str(&printed(&FORM)).expect("JSON");
        let [first, second] = whole["diagnostics"].as_array().expect("a list").as_slice() else {
            panic!("{whole}");
        };
        let range = json!({
            "start": { "line": 2, "column": 5 },
            "end": { "line": 2, "column": 11 },
        });
        assert_eq!(first["location"]["range"], range);
        assert_eq!(first["suggestions"], json!([{ "range": range, "text": "data" }]));
        assert_eq!(first["relatedLocations"][0]["location"]["path"], "base.kdl");
        assert_eq!(second["location"], json!({ "path": "stack.kdl" }));
    }
}
