//! `gitlab`: a code quality report (docs.gitlab.com, "Code Quality"), which merge requests compare by
//! fingerprint.

use std::fmt::{self, Write};

use serde_json::json;

use super::fingerprint::fingerprints;
use super::{Form, Report, plain_path, write_json};
use crate::diag::{Finding, Severity};

pub(super) const FORM: Form = Form { name: "gitlab", about: "Code quality of GitLab", print };

fn print(report: &Report<'_>, out: &mut dyn Write) -> fmt::Result {
    let one = |(finding, fingerprint): (&Finding, String)| {
        let Finding { code, name, severity, message, help, .. } = finding;
        let severity = match severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Info => "info",
        };
        let (from, to) = (report.files.start(finding.span()), report.files.end(finding.span()));
        let mut issue = json!({
            "type": "issue",
            "description": format!("{code} {message}"),
            "check_name": name,
            "fingerprint": fingerprint,
            "severity": severity,
            "location": {
                "path": plain_path(report.file_of(finding)),
                "lines": { "begin": from.line, "end": to.line },
                "positions": {
                    "begin": { "line": from.line, "column": from.column },
                    "end": { "line": to.line, "column": to.column },
                },
            },
        });
        if let Some(help) = help {
            issue["content"] = json!({ "body": help });
        }
        issue
    };
    let issues = report.findings.iter().zip(fingerprints(report)).map(one);
    write_json(out, &issues.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::report::tests::printed;

    #[test]
    fn an_issue_has_what_gitlab_asks_for() {
        let issues: serde_json::Value = serde_json::from_str(&printed(&FORM)).expect("JSON");
        let first = &issues[0];
        assert_eq!(first["check_name"], "unknown-node");
        assert_eq!(first["severity"], "critical");
        assert_eq!(first["location"]["path"], "stack.kdl");
        assert_eq!(first["location"]["lines"]["begin"], 2);
        assert_eq!(first["fingerprint"].as_str().map(str::len), Some(32));
        assert_eq!(issues[1]["location"]["lines"]["begin"], 1);
    }
}
