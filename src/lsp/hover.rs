//! What is shown of the thing under the pointer.

use std::ops::Range;

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use super::describe;
use super::expression::{self, Spot, is_name};
use super::names::{self, Kind};
use super::position::Lines;
use super::settings::Client;
use super::workspace::View;
use crate::check::ask::Knowledge;
use crate::diag::Span;
use crate::manifest::cursor::{self, Cursor, Slot};

/// What is known of a place.
pub fn hover(view: &View, offset: usize, client: Client) -> Option<Hover> {
    let (text, word) = look(view, offset)?;
    let (kind, value) = if client.markdown {
        (MarkupKind::Markdown, text)
    } else {
        (MarkupKind::PlainText, describe::plain(&text))
    };
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind, value }),
        range: Some(Lines::new(&view.text, client.encoding).range(word)),
    })
}

fn look(view: &View, offset: usize) -> Option<(String, Range<usize>)> {
    let text = &*view.text;
    if let Some((rule, word)) = rule_in_comment(text, offset) {
        return Some((rule, word));
    }
    // The word that the pointed letter belongs to.
    let behind = offset + text[offset..].chars().next().map_or(0, char::len_utf8);
    let cursor = cursor::at(text, behind, view.format);
    if let Some((owner, field)) = cursor.value()
        && names::is_expression(owner, field)
    {
        return in_expression(view, &cursor, offset);
    }
    let file = view.file()?;
    let all = names::names(&view.now);
    if let Some(name) = names::at(&all, Span::new(file, offset..offset)) {
        let stack = &view.sound.stack;
        let found = match name.kind {
            Kind::Metric => describe::metric(&Knowledge::of(stack, &view.sound.files), &name.name),
            kind => describe::named(stack, kind, &name.name),
        };
        if let Some(found) = found {
            return Some((found, name.span.range()));
        }
    }
    let word = cursor.word.clone();
    if word.is_empty() {
        return None;
    }
    let written = &text[word.clone()];
    let found = match cursor.slot {
        Slot::Key(shape) | Slot::Entry { shape: Some(shape), argument: None } => {
            describe::key(shape, written)
        }
        Slot::Value(owner, field) => {
            let role = names::role(owner, field, cursor.tag.as_deref());
            match role {
                Some((Kind::Rule, _)) => describe::rule(written),
                _ => None,
            }
            .or_else(|| Some(describe::setting(field)))
        }
        Slot::Entry { argument: Some((_, field)), .. } | Slot::Free(_, field) => {
            Some(describe::setting(field))
        }
        Slot::Entry { .. } | Slot::Tag | Slot::Include | Slot::Nothing => None,
    };
    Some((found?, word))
}

/// The rule whose code or name stands at a place of an allowance.
fn rule_in_comment(text: &str, offset: usize) -> Option<(String, Range<usize>)> {
    let line = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    let mark = text[line..end].find("stackctl:")? + line;
    let comment = text[line..mark].trim_end();
    if mark > offset
        || !(comment.ends_with('#') || comment.ends_with("//") || comment.ends_with("/*"))
    {
        return None;
    }
    let word = word_at(text, offset, |c| c.is_ascii_alphanumeric() || c == '-');
    Some((describe::rule(&text[word.clone()])?, word))
}

/// The bytes of the word around a place.
pub fn word_at(text: &str, offset: usize, letter: impl Fn(char) -> bool) -> Range<usize> {
    let before = &text[..offset];
    let start = offset - (before.len() - before.trim_end_matches(&letter).len());
    let behind = &text[offset..];
    start..offset + (behind.len() - behind.trim_start_matches(&letter).len())
}

fn in_expression(view: &View, cursor: &Cursor, offset: usize) -> Option<(String, Range<usize>)> {
    let text = &*view.text;
    let word = word_at(text, offset, is_name);
    if word.is_empty() || word.start < cursor.word.start || word.end > cursor.word.end {
        return None;
    }
    let name = &text[word.clone()];
    let before = expression::decoded(&text[cursor.word.start..word.start], cursor.style);
    let known = Knowledge::of(&view.sound.stack, &view.sound.files);
    let found = match expression::spot(&before).spot {
        Spot::Label(metric) => Some(describe::label(&known, metric.as_deref(), name)),
        Spot::Grouping => Some(describe::label(&known, None, name)),
        Spot::Value(metric, label) => Some(describe::label(&known, metric.as_deref(), &label)),
        Spot::Operand => {
            let called = text[word.end..].trim_start().starts_with('(');
            let function = || describe::function(name);
            let metric = if called { None } else { describe::metric(&known, name) };
            metric.or_else(function)
        }
        Spot::Duration | Spot::Nothing => None,
    };
    Some((found?, word))
}
