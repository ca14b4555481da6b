//! Findings as the protocol has them, sent to the files that they lie in.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location,
    NumberOrString, PublishDiagnosticsParams, Range,
};

use super::position::{Encoding, Lines};
use super::settings::Client;
use super::uri::uri_of;
use super::workspace::Workspace;
use crate::diag::{FileId, Files, Finding, Label, Severity, Span};
use crate::manifest::tidied;

/// What is there for nothing: editors show it faded.
const UNNECESSARY: [&str; 7] = [
    "unused-declaration",
    "unused-receiver",
    "unused-allowance",
    "shadowed-route",
    "route-matches-no-alert",
    "continue-without-sibling",
    "inhibit-never",
];

/// What was something once: editors strike it through.
const DEPRECATED: [&str; 3] = ["dead-plugin", "removed-panel-type", "version-removed-function"];

/// The lines of all files that were needed so far.
pub struct Places<'f> {
    files: &'f Files,
    encoding: Encoding,
    lines: HashMap<FileId, Lines<'f>>,
}

impl<'f> Places<'f> {
    /// For the files of one manifest.
    pub fn new(files: &'f Files, encoding: Encoding) -> Self {
        Self { files, encoding, lines: HashMap::new() }
    }

    /// A span as positions.
    pub fn range(&mut self, span: Span) -> Range {
        let text = self.files.get(span.file).map_or("", |file| file.text.as_str());
        let lines = self.lines.entry(span.file).or_insert_with(|| Lines::new(text, self.encoding));
        lines.range(span.range())
    }

    /// A span in its file.
    pub fn location(&mut self, span: Span) -> Option<Location> {
        let uri = uri_of(&self.path(span.file))?;
        Some(Location { uri, range: self.range(span) })
    }

    /// The path of a file.
    pub fn path(&self, file: FileId) -> PathBuf {
        tidied(Path::new(self.files.name(file)))
    }
}

/// A finding as a diagnostic.
pub fn diagnostic(finding: &Finding, places: &mut Places<'_>, client: Client) -> Diagnostic {
    let Finding { code, name, severity, message, label, labels, help, fix: _ } = finding;
    let mut text = message.clone();
    let said = label.as_ref().map_or("", |label| label.text.as_str());
    if !said.is_empty() && !message.contains(said) {
        text = format!("{text} ({said})");
    }
    if let Some(help) = help {
        text = format!("{text}\nhelp: {help}");
    }
    let related = |label: &Label, places: &mut Places<'_>| {
        let location = places.location(label.span)?;
        let message = if label.text.is_empty() { "here".to_owned() } else { label.text.clone() };
        Some(DiagnosticRelatedInformation { location, message })
    };
    let further = labels.iter().filter(|_| client.related);
    let related: Vec<DiagnosticRelatedInformation> =
        further.filter_map(|label| related(label, places)).collect();
    let mut tags = Vec::new();
    if UNNECESSARY.contains(name) {
        tags.push(DiagnosticTag::UNNECESSARY);
    }
    if DEPRECATED.contains(name) {
        tags.push(DiagnosticTag::DEPRECATED);
    }
    Diagnostic {
        range: places.range(finding.span()),
        severity: Some(match severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Info => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String((*code).to_owned())),
        code_description: None,
        source: Some("stackctl".to_owned()),
        message: text,
        related_information: (!related.is_empty()).then_some(related),
        tags: (!tags.is_empty()).then_some(tags),
        data: Some(serde_json::Value::String((*name).to_owned())),
    }
}

/// What was sent last, so that what has not changed is not sent again, and what is gone is taken back.
#[derive(Debug, Default)]
pub struct Published(BTreeMap<PathBuf, (Option<i32>, Vec<Diagnostic>)>);

impl Published {
    /// What is to be sent now.
    pub fn news(&mut self, workspace: &Workspace, client: Client) -> Vec<PublishDiagnosticsParams> {
        let mut now: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        for (path, _) in workspace.documents.iter() {
            now.insert(path.clone(), Vec::new());
        }
        for (_, loaded) in workspace.checked() {
            let mut places = Places::new(&loaded.files, client.encoding);
            for finding in &loaded.findings {
                let one = diagnostic(finding, &mut places, client);
                let all = now.entry(places.path(finding.span().file)).or_default();
                // Two manifests may include the same file.
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        for path in self.0.keys() {
            now.entry(path.clone()).or_default();
        }
        let mut news = Vec::new();
        for (path, diagnostics) in now {
            let document = workspace.documents.get(&path);
            let version = document.map(|document| document.version);
            let known = self.0.get(&path);
            if known.is_some_and(|(v, d)| *v == version && *d == diagnostics)
                || known.is_none() && diagnostics.is_empty() && document.is_none()
            {
                continue;
            }
            let uri = document.map(|document| document.uri.clone()).or_else(|| uri_of(&path));
            if let Some(uri) = uri {
                let params =
                    PublishDiagnosticsParams { uri, diagnostics: diagnostics.clone(), version };
                news.push(params);
            }
            if diagnostics.is_empty() && document.is_none() {
                self.0.remove(&path);
            } else {
                self.0.insert(path, (version, diagnostics));
            }
        }
        news
    }
}
