//! Places in KDL: by its tokens, which a broken text has as well.

use std::ops::Range;

use super::super::decode::Decode;
use super::super::kdl::tokens::{Kind, Token, tokens};
use super::super::shape::{Field, Kind as Takes, Role, Shape};
use super::super::stack::Stack;
use super::{Cursor, Slot, Style};

/// What a node, and so what stands in it, is.
#[derive(Clone, Copy)]
enum What {
    /// A node with settings.
    Node(&'static Shape),
    /// A plain setting of a node.
    Setting(&'static Shape, &'static Field),
    /// A setting that takes names with values.
    Map(&'static Shape, &'static Field),
    /// A profile of the stack.
    Profile,
    Include,
    Unknown,
}

impl What {
    /// What a node of this name is inside of this one.
    fn inside(self, name: &str) -> Self {
        let shape = match self {
            Self::Node(shape) => shape,
            Self::Profile => Stack::shape(),
            Self::Map(owner, field) => return Self::Setting(owner, field),
            Self::Setting(..) | Self::Include | Self::Unknown => return Self::Unknown,
        };
        if shape.name == "Stack" {
            match name {
                "profile" => return Self::Profile,
                "include" => return Self::Include,
                _ => {}
            }
        }
        match (shape.child(name), shape.rest()) {
            (Some(child), _) => match (child.shape, child.field.kind) {
                (Some(inner), _) => Self::Node(inner),
                (None, Takes::Map(_)) => Self::Map(shape, child.field),
                (None, _) => Self::Setting(shape, child.field),
            },
            (None, Some(rest)) => Self::Setting(shape, rest),
            (None, None) => Self::Unknown,
        }
    }

    /// The argument at this index.
    fn argument(self, index: usize) -> Option<(&'static Shape, &'static Field)> {
        match self {
            Self::Node(shape) => {
                let mut arguments = shape.arguments();
                let last = shape.arguments().last().filter(|last| last.role == Role::Arguments);
                Some((shape, arguments.nth(index).or(last)?))
            }
            Self::Setting(owner, field) => {
                (index == 0 || matches!(field.kind, Takes::Many(_))).then_some((owner, field))
            }
            _ => None,
        }
    }

    fn property(self, name: &str) -> Slot {
        match self {
            Self::Node(shape) => {
                let plain = |field: &&'static Field| {
                    !matches!(field.kind, Takes::Block(_) | Takes::Blocks(_))
                };
                let field = shape.field(name).filter(plain).or(shape.rest());
                field.map_or(Slot::Nothing, |field| Slot::Value(shape, field))
            }
            Self::Map(owner, field) => Slot::Value(owner, field),
            _ => Slot::Nothing,
        }
    }

    /// What belongs at the beginning of a line inside.
    fn key(self) -> Slot {
        match self {
            Self::Node(shape) => Slot::Key(shape),
            Self::Profile => Slot::Key(Stack::shape()),
            Self::Map(owner, field) => Slot::Free(owner, field),
            _ => Slot::Nothing,
        }
    }

    /// What belongs behind a node's name and `args` arguments.
    fn entry(self, args: usize) -> Slot {
        match self {
            Self::Node(shape) => Slot::Entry { shape: Some(shape), argument: self.argument(args) },
            Self::Setting(..) => match self.argument(args) {
                Some(argument) => Slot::Entry { shape: None, argument: Some(argument) },
                None => Slot::Nothing,
            },
            Self::Map(owner, field) => Slot::Free(owner, field),
            Self::Include => Slot::Include,
            Self::Profile | Self::Unknown => Slot::Nothing,
        }
    }
}

/// A node whose line goes on.
struct Line {
    what: What,
    args: usize,
    /// The property whose value comes next.
    property: Option<Range<usize>>,
}

pub(super) fn at(text: &str, offset: usize) -> Cursor {
    let tokens = tokens(text);
    let mut blocks = vec![What::Node(Stack::shape())];
    let mut line: Option<Line> = None;
    let mut tag: Option<Range<usize>> = None;
    let mut joined = false;
    let mut before = Kind::Newline;
    for (index, token) in tokens.iter().enumerate() {
        let Token { kind, range } = token;
        if range.start >= offset {
            break;
        }
        let inside = blocks.last().copied().unwrap_or(What::Unknown);
        let next = tokens.get(index + 1).map(|token| token.kind);
        match kind {
            Kind::LineComment if offset <= range.end => return Cursor::nothing(offset),
            Kind::BlockComment if offset < range.end => return Cursor::nothing(offset),
            Kind::Space
            | Kind::LineComment
            | Kind::BlockComment
            | Kind::SlashDash
            | Kind::OpenTag
            | Kind::CloseTag
            | Kind::Equals => {}
            Kind::Continuation => joined = true,
            Kind::Newline if joined => joined = false,
            Kind::Newline | Kind::Semicolon => line = None,
            Kind::Open => {
                blocks.push(line.take().map_or(What::Unknown, |line| line.what));
            }
            Kind::Close => {
                if blocks.len() > 1 {
                    blocks.pop();
                }
                line = None;
            }
            Kind::Value => {
                let (word, style, closed) = content(text, range);
                let here = offset <= range.end;
                if here && closed && offset == range.end {
                    return Cursor::nothing(offset);
                }
                if before == Kind::OpenTag {
                    if here {
                        return Cursor { slot: Slot::Tag, ..Cursor::bare(Slot::Tag, word) };
                    }
                    tag = Some(word);
                    before = *kind;
                    continue;
                }
                let property = next == Some(Kind::Equals);
                let slot = match &line {
                    None => inside.key(),
                    Some(line) => match &line.property {
                        Some(name) => line.what.property(&text[name.clone()]),
                        None if property => match line.what {
                            What::Map(owner, field) => Slot::Free(owner, field),
                            What::Node(shape) => Slot::Entry { shape: Some(shape), argument: None },
                            _ => Slot::Nothing,
                        },
                        None => match (line.what.entry(line.args), style) {
                            (Slot::Entry { argument: Some((owner, field)), .. }, style)
                                if style != Style::Bare =>
                            {
                                Slot::Value(owner, field)
                            }
                            (Slot::Entry { argument: None, .. }, style) if style != Style::Bare => {
                                Slot::Nothing
                            }
                            (slot, _) => slot,
                        },
                    },
                };
                if here {
                    let tag = tag.map(|tag| text[tag].to_owned());
                    return Cursor { slot, word, style, tag, key: false };
                }
                tag = None;
                match &mut line {
                    None => {
                        let what = inside.inside(&text[word]);
                        line = Some(Line { what, args: 0, property: None });
                    }
                    Some(line) if line.property.is_some() => line.property = None,
                    Some(line) if property => line.property = Some(word),
                    Some(line) => line.args += 1,
                }
            }
        }
        if !matches!(kind, Kind::LineComment | Kind::BlockComment) {
            before = *kind;
        }
    }
    let word = offset..offset;
    let tag_text = tag.map(|tag| text[tag].to_owned());
    let inside = blocks.last().copied().unwrap_or(What::Unknown);
    let slot = match (&line, before) {
        (_, Kind::OpenTag) => Slot::Tag,
        (None, _) => inside.key(),
        (Some(Line { what, property: Some(name), .. }), Kind::Equals | Kind::CloseTag) => {
            what.property(&text[name.clone()])
        }
        (Some(_), Kind::Value) => Slot::Nothing,
        (Some(line), _) => line.what.entry(line.args),
    };
    Cursor { tag: tag_text, ..Cursor::bare(slot, word) }
}

/// A value's text without its quotes, and whether it has some that are closed.
fn content(text: &str, range: &Range<usize>) -> (Range<usize>, Style, bool) {
    let all = &text[range.clone()];
    let hashes = all.len() - all.trim_start_matches('#').len();
    let rest = &all[hashes..];
    if !rest.starts_with('"') {
        return (range.clone(), Style::Bare, false);
    }
    let quotes = if rest.starts_with("\"\"\"") { 3 } else { 1 };
    let start = range.start + hashes + quotes;
    let end = format!("{}{}", &"\"\"\""[..quotes], "#".repeat(hashes));
    // A quote behind a backslash is part of the text, unless that is one itself.
    let before = all.strip_suffix(&end).unwrap_or(all);
    let escapes = before.len() - before.trim_end_matches('\\').len();
    let escaped = hashes == 0 && escapes % 2 == 1;
    let closed = all.len() >= hashes + quotes + end.len() && all.ends_with(&end) && !escaped;
    let stop = if closed { range.end - end.len() } else { range.end };
    let style = if hashes > 0 { Style::Raw } else { Style::Quoted };
    (start.min(stop)..stop, style, closed)
}
