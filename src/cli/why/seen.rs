//! The answers of `why` for programs.

use serde::Serialize;

use super::desk::Desk;
use crate::diag::Span;
use crate::sourcemap::{How, Origin, messages};

#[derive(Serialize)]
pub struct Seen {
    pub file: String,
    pub line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    pub text: String,
}

#[derive(Serialize)]
pub struct SeenSpan {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
    pub text: String,
}

#[derive(Serialize)]
pub struct SeenOrigin {
    pub how: &'static str,
    /// The setting that would say something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    pub node: String,
    /// The profile that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    pub place: SeenSpan,
    pub also: Vec<SeenSpan>,
}

#[derive(Serialize)]
pub struct SeenLink {
    pub what: String,
    pub node: String,
    pub place: SeenSpan,
}

#[derive(Serialize)]
pub struct Answer {
    pub as_rendered: bool,
    pub place: Seen,
    pub origin: SeenOrigin,
    pub chain: Vec<SeenLink>,
}

#[derive(Serialize)]
pub struct SeenLine {
    pub line: usize,
    pub text: String,
    pub origin: SeenOrigin,
}

#[derive(Serialize)]
pub struct SeenRange {
    pub file: String,
    pub from: usize,
    pub to: usize,
}

#[derive(Serialize)]
pub struct SeenMessage {
    pub message: String,
    pub as_rendered: bool,
    pub place: Seen,
    pub origin: SeenOrigin,
}

impl Desk {
    pub fn seen(path: &str, line: usize, column: Option<usize>, text: &str) -> Seen {
        Seen { file: path.to_owned(), line, column, text: text.to_owned() }
    }

    pub fn seen_span(&self, span: Span) -> SeenSpan {
        let files = &self.loaded.files;
        let (start, end) = (files.start(span), files.end(span));
        SeenSpan {
            file: files.name(span.file).to_owned(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: files.text(span).to_owned(),
        }
    }

    pub fn seen_origin(&self, origin: &Origin) -> SeenOrigin {
        SeenOrigin {
            how: match &origin.how {
                How::Said => "written",
                How::Derived => "derived",
                How::Default(_) => "default",
            },
            setting: match &origin.how {
                How::Default(key) => Some(key.clone()),
                _ => None,
            },
            node: origin.node.clone(),
            profile: self.overlay(origin.span).map(str::to_owned),
            place: self.seen_span(origin.span),
            also: origin.also.iter().map(|span| self.seen_span(*span)).collect(),
        }
    }

    pub fn seen_link(&self, (what, origin): (&str, &Origin)) -> SeenLink {
        SeenLink {
            what: what.to_owned(),
            node: origin.node.clone(),
            place: self.seen_span(origin.span),
        }
    }

    pub fn seen_message(&self, said: &messages::Said) -> Option<SeenMessage> {
        let spot = said.spot.as_ref()?;
        let marks = spot.marks();
        let mut origin = self.seen_origin(&marks.last()?.origin);
        if let Some(span) = spot.inside(&self.loaded.files, &said.text) {
            origin.place = self.seen_span(span);
        }
        let text = spot.map.line(spot.line).unwrap_or_default();
        Some(SeenMessage {
            message: said.text.clone(),
            as_rendered: self.state(&spot.map.path).is_rendered(&spot.map, spot.line, spot.whole),
            place: Self::seen(&spot.map.path, spot.line, spot.column, text),
            origin,
        })
    }
}
