//! From a name to where it is declared, to where it is used, and to another name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lsp_types::{
    DocumentHighlight, DocumentHighlightKind, Location, Position, PrepareRenameResponse, Range,
    TextEdit, Uri, WorkspaceEdit,
};

use super::diagnostics::Places;
use super::names::{self, Kind, Name};
use super::position::Lines;
use super::settings::Client;
use super::transport::{ErrorCode, Failure};
use super::uri::uri_of;
use super::workspace::View;
use crate::check::ask::Knowledge;
use crate::diag::Span;
use crate::manifest::cursor::{self, Slot};
use crate::manifest::tidied;

/// All names of a view, and the one at a place.
fn at(view: &View, offset: usize) -> Option<(Vec<Name>, Name)> {
    let file = view.file()?;
    let all = names::names(&view.now);
    let one = names::at(&all, Span::new(file, offset..offset))?.clone();
    Some((all, one))
}

/// All places where the same thing is meant.
fn same<'n>(all: &'n [Name], one: &'n Name) -> impl Iterator<Item = &'n Name> {
    all.iter().filter(move |name| name.kind == one.kind && name.name == one.name)
}

/// Where the thing at a place is declared: its name, or the file that it names.
pub fn definition(view: &View, offset: usize, client: Client) -> Vec<Location> {
    if let Some(path) = file_at(view, offset) {
        let start = Range { start: Position::default(), end: Position::default() };
        return uri_of(&path).map(|uri| Location { uri, range: start }).into_iter().collect();
    }
    let mut places = Places::new(&view.now.files, client.encoding);
    let Some((all, one)) = at(view, offset) else { return Vec::new() };
    let declared: Vec<Span> =
        same(&all, &one).filter(|name| name.declares).map(|name| name.span).collect();
    if !declared.is_empty() || one.kind != Kind::Metric {
        return declared.into_iter().filter_map(|span| places.location(span)).collect();
    }
    // A metric that nobody wrote down comes from the exporter or part that shows it.
    let known = Knowledge::of(&view.now.stack, &view.now.files);
    let jobs = known.describe(&one.name).map(|found| found.jobs).unwrap_or_default();
    let declared = all
        .iter()
        .filter(|name| name.kind == Kind::Host && name.declares && jobs.contains_key(&name.name));
    declared.filter_map(|name| places.location(name.span)).collect()
}

/// The file that a value at a place names, if there is one.
fn file_at(view: &View, offset: usize) -> Option<PathBuf> {
    let behind = offset + view.text[offset..].chars().next().map_or(0, char::len_utf8);
    let cursor = cursor::at(&view.text, behind, view.format);
    let here = match cursor.slot {
        Slot::Include => view.path.parent(),
        Slot::Value(owner, field)
            if names::role(owner, field, cursor.tag.as_deref())
                .is_some_and(|(kind, _)| kind == Kind::File) =>
        {
            // Paths are relative to the manifest, wherever an included file lies.
            view.now.paths.first().and_then(|path| path.parent())
        }
        _ => None,
    }?;
    let path = tidied(&here.join(view.text[cursor.word].trim()));
    path.is_file().then_some(path)
}

/// Everywhere the thing at a place is written.
pub fn references(view: &View, offset: usize, declared: bool, client: Client) -> Vec<Location> {
    let Some((all, one)) = at(view, offset) else { return Vec::new() };
    let mut places = Places::new(&view.now.files, client.encoding);
    same(&all, &one)
        .filter(|name| declared || !name.declares)
        .filter_map(|name| places.location(name.span))
        .collect()
}

/// The same, in this document only.
pub fn highlights(view: &View, offset: usize, client: Client) -> Vec<DocumentHighlight> {
    let Some((all, one)) = at(view, offset) else { return Vec::new() };
    let lines = Lines::new(&view.text, client.encoding);
    same(&all, &one)
        .filter(|name| name.span.file == one.span.file)
        .map(|name| DocumentHighlight {
            range: lines.range(name.span.range()),
            kind: Some(if name.declares {
                DocumentHighlightKind::WRITE
            } else {
                DocumentHighlightKind::READ
            }),
        })
        .collect()
}

/// The name at a place, if it can be changed: only what the manifest declares.
pub fn prepare(view: &View, offset: usize, client: Client) -> Option<PrepareRenameResponse> {
    let (all, one) = at(view, offset)?;
    same(&all, &one).any(|name| name.declares).then(|| {
        let range = Lines::new(&view.text, client.encoding).range(one.span.range());
        PrepareRenameResponse::RangeWithPlaceholder { range, placeholder: one.name.clone() }
    })
}

/// Gives the thing at a place another name, wherever it is written.
pub fn rename(
    view: &View,
    offset: usize,
    new: &str,
    client: Client,
) -> Result<Option<WorkspaceEdit>, Failure> {
    let Some((all, one)) = at(view, offset) else { return Ok(None) };
    let refused = |message: String| Err(Failure::new(ErrorCode::Failed, message));
    if !same(&all, &one).any(|name| name.declares) {
        return refused(format!("`{}` is not declared in this stack", one.name));
    }
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = match one.kind {
        Kind::Metric => new.chars().all(super::expression::is_name),
        _ => new.chars().all(letter),
    };
    let begins = new.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !fits || !begins {
        return refused(format!("`{new}` is no name of a {}", one.kind.word()));
    }
    if new != one.name && all.iter().any(|n| n.declares && n.kind == one.kind && n.name == new) {
        return refused(format!("there is a {} `{new}` already", one.kind.word()));
    }
    let mut places = Places::new(&view.now.files, client.encoding);
    // The key is what the protocol's types ask for; nothing changes it.
    #[allow(clippy::mutable_key_type)]
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for name in same(&all, &one) {
        let Some(Location { uri, range }) = places.location(name.span) else { continue };
        changes.entry(uri).or_default().push(TextEdit { range, new_text: new.to_owned() });
    }
    Ok(Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }))
}

/// Files in the folder that a half-written path leads to, for completion.
pub fn files(folder: &Path, begun: &str) -> Vec<String> {
    let (inner, _) = begun.rsplit_once('/').map_or(("", begun), |(inner, last)| (inner, last));
    let prefix = if begun.contains('/') { format!("{inner}/") } else { String::new() };
    let Ok(entries) = std::fs::read_dir(folder.join(inner)) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name =
                entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
            let slash = if entry.file_type().ok()?.is_dir() { "/" } else { "" };
            Some(format!("{prefix}{name}{slash}"))
        })
        .take(500)
        .collect();
    found.sort();
    found
}
