//! Mending by a click: the edits that findings offer, all of them at once, and allowances with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::{
    CodeAction, CodeActionKind, DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier,
    Range, TextDocumentEdit, TextEdit, WorkspaceEdit,
};

use super::diagnostics::{Places, diagnostic};
use super::documents::{Documents, edits};
use super::settings::Client;
use super::uri::uri_of;
use super::workspace::{Workspace, file_of};
use crate::diag::{Files, Finding, Severity, Span};
use crate::manifest::comments::comments;
use crate::manifest::{Format, Loaded};

/// The kind of the action that mends all that can be mended.
pub const FIX_ALL: CodeActionKind = CodeActionKind::SOURCE_FIX_ALL;

/// What can be done about a range of a document.
pub fn actions(
    workspace: &mut Workspace,
    path: &Path,
    range: Range,
    only: Option<&[CodeActionKind]>,
    client: Client,
) -> Vec<CodeAction> {
    let wanted = |kind: &CodeActionKind| {
        only.is_none_or(|only| {
            only.iter().any(|one| {
                let (one, kind) = (one.as_str(), kind.as_str());
                kind == one || one.is_empty() || kind.starts_with(&format!("{one}."))
            })
        })
    };
    let mut found = Vec::new();
    for (root, loaded) in workspace.checked_for(path) {
        if wanted(&CodeActionKind::QUICKFIX) {
            quick(&loaded, path, range, &workspace.documents, client, &mut found);
        }
        // It costs several checks: only who asks for it gets it.
        if only.is_some() && wanted(&FIX_ALL) {
            let mut changes = BTreeMap::new();
            for (path, before, after) in workspace.fixed(&root) {
                changes.insert(path, edits(&before, &after, client.encoding));
            }
            if !changes.is_empty() {
                found.push(CodeAction {
                    title: "Mend everything that stackctl can mend".to_owned(),
                    kind: Some(FIX_ALL),
                    edit: Some(workspace_edit(changes, &workspace.documents, client)),
                    ..CodeAction::default()
                });
            }
        }
    }
    found
}

/// Fixes and allowances for the findings that a range touches.
fn quick(
    loaded: &Loaded,
    path: &Path,
    range: Range,
    documents: &Documents,
    client: Client,
    found: &mut Vec<CodeAction>,
) {
    let Some(file) = file_of(loaded, path) else { return };
    let mut places = Places::new(&loaded.files, client.encoding);
    let touched: Vec<&Finding> = loaded
        .findings
        .iter()
        .filter(|finding| finding.span().file == file)
        .filter(|finding| {
            let own = places.range(finding.span());
            own.start <= range.end && range.start <= own.end
        })
        .collect();
    for finding in &touched {
        let Some(fix) = &finding.fix else { continue };
        let mut changes: BTreeMap<PathBuf, Vec<TextEdit>> = BTreeMap::new();
        for edit in &fix.replacements {
            let edits = changes.entry(places.path(edit.span.file)).or_default();
            edits.push(TextEdit { range: places.range(edit.span), new_text: edit.text.clone() });
        }
        found.push(CodeAction {
            title: capital(&fix.title),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic(finding, &mut places, client)]),
            edit: Some(workspace_edit(changes, documents, client)),
            is_preferred: Some(true),
            ..CodeAction::default()
        });
    }
    for finding in &touched {
        let Some((at, comment)) = allowance(&loaded.files, finding) else { continue };
        let edit = TextEdit { range: places.range(at), new_text: comment };
        let changes = [(places.path(file), vec![edit])].into();
        found.push(CodeAction {
            title: format!("Allow {} ({}) here, with a reason", finding.code, finding.name),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic(finding, &mut places, client)]),
            edit: Some(workspace_edit(changes, documents, client)),
            ..CodeAction::default()
        });
    }
}

/// A comment that allows a finding, and where to put it; `None` where nothing can allow it. Each place
/// is tried: what counts is what the comment is about where it would stand.
fn allowance(files: &Files, finding: &Finding) -> Option<(Span, String)> {
    if finding.severity == Severity::Error && finding.code < "S100" {
        return None;
    }
    let span = finding.label.as_ref()?.span;
    let file = files.get(span.file)?;
    let sign = match Format::of(Path::new(&file.name))? {
        Format::Kdl => "//",
        Format::Yaml => "#",
        Format::Json => return None,
    };
    let text = &file.text;
    let comment = format!("{sign} stackctl: allow {} reason=\"why\"", finding.code);
    let line = files.start(span).line;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let behind = file.line(line).map(|line| {
        let end = line.start + text[line.clone()].trim_end().len();
        (end, format!(" {comment}"))
    });
    // Then the lines above, the nearest first: the node around it begins on one of them.
    let above = (1..=line).rev().take(200).filter_map(|line| {
        let line = file.line(line)?;
        let indent = text[line.clone()].len() - text[line.clone()].trim_start().len();
        let space = &text[line.start..line.start + indent];
        Some((line.start, format!("{space}{comment}{newline}")))
    });
    behind.into_iter().chain(above).find_map(|(at, put)| {
        let mut tried = Files::default();
        let id = tried.add(file.name.clone(), format!("{}{put}{}", &text[..at], &text[at..]));
        let place = span.start as usize + if (span.start as usize) >= at { put.len() } else { 0 };
        let holds = comments(&tried).iter().any(|one| {
            one.span.file == id
                && (at..at + put.len()).contains(&(one.span.start as usize))
                && one.about.range().contains(&place)
        });
        holds.then(|| (Span::new(span.file, at..at), put))
    })
}

/// Edits of several files, with the versions that they are for where the client wants them.
fn workspace_edit(
    changes: BTreeMap<PathBuf, Vec<TextEdit>>,
    documents: &Documents,
    client: Client,
) -> WorkspaceEdit {
    let uri = |path: &Path| {
        documents.get(path).map(|document| document.uri.clone()).or_else(|| uri_of(path))
    };
    if !client.versions {
        let changes = changes.into_iter().filter_map(|(path, edits)| Some((uri(&path)?, edits)));
        return WorkspaceEdit { changes: Some(changes.collect()), ..WorkspaceEdit::default() };
    }
    let edits = changes.into_iter().filter_map(|(path, edits)| {
        let version = documents.get(&path).map(|document| document.version);
        let text_document = OptionalVersionedTextDocumentIdentifier { uri: uri(&path)?, version };
        let edits = edits.into_iter().map(OneOf::Left).collect();
        Some(TextDocumentEdit { text_document, edits })
    });
    let document_changes = Some(DocumentChanges::Edits(edits.collect()));
    WorkspaceEdit { document_changes, ..WorkspaceEdit::default() }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}
