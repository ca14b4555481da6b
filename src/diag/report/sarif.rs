//! `sarif`: version 2.1.0 of the OASIS standard for static analysis results, with every rule, exact
//! regions, related places and edits.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::fingerprint::fingerprints;
use super::{Form, Report, plain_path, write_json};
use crate::diag::{Code, FileId, Finding, Fix, Label, Severity, Span, Unit};

pub(super) const FORM: Form = Form { name: "sarif", about: "SARIF 2.1.0", print };

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What relative paths are relative to: a name that the reader of the report puts a folder to.
const ROOT: &str = "%SRCROOT%";

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    let results: Vec<Value> = report
        .findings
        .iter()
        .zip(fingerprints(report))
        .map(|(finding, fingerprint)| result(report, finding, &fingerprint))
        .collect();
    let artifacts: Vec<Value> =
        report.files.iter().map(|(id, _)| json!({ "location": artifact(report, id) })).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "stackctl",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": report.rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": { ROOT: {
                "description": { "text": "The folder in which stackctl was started." },
            } },
            "artifacts": artifacts,
            "results": results,
        }],
    });
    write_json(out, &log)
}

fn rule(code: &Code) -> Value {
    let Code { code, name, severity, explain } = code;
    let first = explain.split("\n\n").next().unwrap_or(explain);
    json!({
        "id": code,
        "name": name,
        "shortDescription": { "text": name.replace('-', " ") },
        "fullDescription": { "text": first },
        // Indented lines are code in Markdown as well.
        "help": { "text": explain, "markdown": explain },
        "defaultConfiguration": { "level": level(*severity) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(report: &Report<'_>, finding: &Finding, fingerprint: &str) -> Value {
    let Finding { code, name: _, severity, message, label, labels, help, fix } = finding;
    let text = match help {
        Some(help) => format!("{message}. {help}"),
        None => message.clone(),
    };
    let mut result = json!({
        "ruleId": code,
        "level": level(*severity),
        // Plain, without the doubling of braces that the standard asks for in messages with
        // placeholders: readers show a message that has no arguments as it is.
        "message": { "text": text },
        "locations": label.iter().map(|label| location(report, label)).collect::<Vec<_>>(),
        "partialFingerprints": { "codeFileMessage/v1": fingerprint },
    });
    if let Some(index) = report.rules.iter().position(|rule| rule.code == *code) {
        result["ruleIndex"] = json!(index);
    }
    if !labels.is_empty() {
        let related = labels.iter().enumerate().map(|(at, label)| {
            let mut location = location(report, label);
            location["id"] = json!(at + 1);
            location
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = fix {
        result["fixes"] = json!([mending(report, fix)]);
    }
    result
}

fn location(report: &Report<'_>, Label { span, text }: &Label) -> Value {
    let mut location = json!({ "physicalLocation": {
        "artifactLocation": artifact(report, span.file),
        "region": region(report, *span),
    } });
    if !text.is_empty() {
        location["message"] = json!({ "text": text });
    }
    location
}

/// The edits of a fix, together for each file.
fn mending(report: &Report<'_>, Fix { title, replacements, choice: _ }: &Fix) -> Value {
    let mut changes: Vec<(FileId, Vec<Value>)> = Vec::new();
    for edit in replacements {
        let replacement = json!({
            "deletedRegion": region(report, edit.span),
            "insertedContent": { "text": edit.text },
        });
        match changes.iter_mut().find(|(file, _)| *file == edit.span.file) {
            Some((_, list)) => list.push(replacement),
            None => changes.push((edit.span.file, vec![replacement])),
        }
    }
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|(file, list)| {
            json!({ "artifactLocation": artifact(report, file), "replacements": list })
        })
        .collect();
    json!({ "description": { "text": title }, "artifactChanges": changes })
}

fn region(report: &Report<'_>, span: Span) -> Value {
    let (from, to) = report.files.ends(span, Unit::Utf16);
    json!({
        "startLine": from.line,
        "startColumn": from.column,
        "endLine": to.line,
        "endColumn": to.column,
    })
}

fn artifact(report: &Report<'_>, file: FileId) -> Value {
    let name = report.files.name(file);
    if name.starts_with('/') {
        return json!({ "uri": format!("file://{}", uri(name)), "index": file.0 });
    }
    json!({ "uri": uri(plain_path(name)), "uriBaseId": ROOT, "index": file.0 })
}

/// A path as a reference of RFC 3986: everything that could mean something else is encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte as char);
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn a_result_has_its_rule_region_related_places_and_fix() {
        let log: Value = serde_json::from_str(&printed(&FORM)).expect("JSON");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "S003");
        let result = &run["results"][0];
        assert_eq!(result["ruleIndex"], 0);
        let place = &result["locations"][0]["physicalLocation"];
        let region = json!({ "startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 10 });
        assert_eq!(place["region"], region);
        assert_eq!(place["artifactLocation"]["uri"], "stack.kdl");
        let related = &result["relatedLocations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(related["uri"], "base.kdl");
        let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(change["deletedRegion"], region);
        assert_eq!(change["insertedContent"]["text"], "data");
        assert_eq!(run["results"][1]["locations"], json!([]));
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(uri("a b/ö:%.kdl"), "a%20b/%C3%B6%3A%25.kdl");
    }
}
