//! Places in YAML and JSON. YAML's own reader gives nothing behind a mistake, so the text before the
//! place is looked at by itself: indentation, keys, brackets and quotes.

use std::ops::Range;

use super::super::decode::Decode;
use super::super::scalar::Type;
use super::super::shape::{Field, Kind, Naming, Shape};
use super::super::stack::Stack;
use super::{Cursor, Slot, Style};

/// A step down from the top of the document.
#[derive(Clone, Debug)]
enum Step {
    Key(Range<usize>),
    Item,
}

/// Where a place is.
enum Found {
    /// In a key, or where one may begin.
    Key(Range<usize>, Style),
    /// In a value.
    Value(Range<usize>, Style),
    Nothing,
}

pub(super) fn at(text: &str, offset: usize) -> Cursor {
    let mut scanner = Scanner { text, offset, path: Vec::new() };
    let found = scanner.block();
    let mut place = Place::Settings(Stack::shape(), 0);
    let mut tag = None;
    for (_, step) in &scanner.path {
        place = match step {
            Step::Item => place.item(),
            Step::Key(key) => {
                let key = &text[key.clone()];
                if place.takes_reference() {
                    tag = Some(key.to_owned());
                    place
                } else {
                    place.key(key)
                }
            }
        };
    }
    let (slot, word, style, key) = match found {
        Found::Nothing => return Cursor::nothing(offset),
        Found::Key(word, style) => match place {
            Place::Settings(shape, _) => (Slot::Key(shape), word, style, true),
            Place::Names(shape, _) => match shape.arguments().next() {
                Some(field) => (Slot::Value(shape, field), word, style, true),
                None => (Slot::Nothing, word, style, true),
            },
            Place::Free(owner, field) => (Slot::Free(owner, field), word, style, true),
            Place::Value(owner, field) if matches!(field.kind, Kind::Many(_)) => {
                (Slot::Value(owner, field), word, style, false)
            }
            Place::Value(..) if place.takes_reference() && tag.is_none() => {
                (Slot::Tag, word, style, true)
            }
            Place::Include => (Slot::Include, word, style, false),
            _ => (Slot::Nothing, word, style, true),
        },
        Found::Value(word, style) => (place.value(), word, style, false),
    };
    Cursor { slot, word, style, tag, key }
}

/// What the language has at a path.
#[derive(Clone, Copy)]
enum Place {
    /// The settings of a node of which so many arguments are known.
    Settings(&'static Shape, usize),
    /// The names of nodes; or, where there can be only one, its settings.
    Names(&'static Shape, bool),
    Profiles,
    Free(&'static Shape, &'static Field),
    Value(&'static Shape, &'static Field),
    Include,
    Unknown,
}

impl Place {
    fn takes_reference(self) -> bool {
        let reference = |field: &Field| {
            matches!(field.kind, Kind::One(Type::Reference) | Kind::Map(Type::Reference))
        };
        matches!(self, Self::Value(_, field) if reference(field))
    }

    fn key(self, key: &str) -> Self {
        match self {
            Self::Settings(shape, _) if shape.name == "Stack" && key == "profile" => Self::Profiles,
            Self::Settings(shape, _) if shape.name == "Stack" && key == "include" => Self::Include,
            Self::Settings(shape, known) => match shape.child(key) {
                Some(child) => match (child.field.kind, child.shape) {
                    (Kind::Map(_), _) => Self::Free(shape, child.field),
                    (_, None) => Self::Value(shape, child.field),
                    (_, Some(inner)) if inner.naming == Naming::Anonymous => {
                        Self::Settings(inner, 0)
                    }
                    (kind, Some(inner)) => Self::Names(inner, matches!(kind, Kind::Block(_))),
                },
                None if shape.fields.iter().any(|field| field.key == key) => {
                    Self::Settings(shape, known)
                }
                None => shape.rest().map_or(Self::Unknown, |rest| Self::Value(shape, rest)),
            },
            Self::Names(shape, true) if shape.field(key).is_some() => {
                Self::Settings(shape, 0).key(key)
            }
            Self::Names(shape, _) => Self::Settings(shape, 1),
            Self::Profiles => Self::Settings(Stack::shape(), 0),
            Self::Free(owner, field) => Self::Value(owner, field),
            Self::Value(..) | Self::Include | Self::Unknown => Self::Unknown,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Names(shape, _) => Self::Settings(shape, 0),
            other => other,
        }
    }

    /// What a single value stands for.
    fn value(self) -> Slot {
        let argument = |shape: &'static Shape, known: usize| {
            let mut arguments = shape.arguments();
            arguments.nth(known).map_or(Slot::Nothing, |field| Slot::Value(shape, field))
        };
        match self {
            Self::Settings(shape, known) => argument(shape, known),
            Self::Names(shape, _) => argument(shape, 0),
            Self::Value(owner, field) => Slot::Value(owner, field),
            Self::Include => Slot::Include,
            Self::Free(..) | Self::Profiles | Self::Unknown => Slot::Nothing,
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    offset: usize,
    /// The steps down to where the scanner is, each with its column; those inside of brackets have the
    /// greatest one.
    path: Vec<(usize, Step)>,
}

impl Scanner<'_> {
    /// Goes through the lines up to the place.
    fn block(&mut self) -> Found {
        let mut at = 0;
        if self.text.starts_with('\u{feff}') {
            at = 3;
        }
        loop {
            let end = self.line_end(at);
            let start = at + self.spaces(at, end);
            if start >= self.offset {
                self.leave(self.offset.saturating_sub(at), false);
                return Found::Key(self.offset..self.offset, Style::Bare);
            }
            match self.entry(at, start, end) {
                Ok(behind) => {
                    // The rest of the line in which something ended.
                    let end = self.line_end(behind.min(self.text.len()));
                    if self.offset <= end && behind < self.offset {
                        return Found::Nothing;
                    }
                    if end >= self.text.len() || self.offset <= end {
                        return Found::Nothing;
                    }
                    at = end + 1;
                }
                Err(found) => return found,
            }
        }
    }

    /// One line, and what goes on behind it; gives the end, or the place that was looked for.
    fn entry(&mut self, line: usize, start: usize, end: usize) -> Result<usize, Found> {
        let rest = &self.text[start..end];
        if rest.is_empty() {
            return Ok(end);
        }
        if rest.starts_with('#') {
            return if self.offset <= end { Err(Found::Nothing) } else { Ok(end) };
        }
        if rest.starts_with("---") || rest.starts_with('%') {
            return Ok(end);
        }
        let mut at = start;
        let item = |at: usize| {
            let rest = &self.text[at..end];
            rest.starts_with("- ") || rest.trim_end() == "-"
        };
        self.leave(start - line, item(at));
        while item(at) {
            self.path.push((at - line, Step::Item));
            at += 1;
            at += self.spaces(at, end);
            if at >= end || at >= self.offset {
                return if self.offset <= end {
                    Err(Found::Key(self.offset..self.offset, Style::Bare))
                } else {
                    Ok(end)
                };
            }
        }
        let (key, colon, style) = match self.text.as_bytes()[at] {
            b'{' | b'[' => return self.flow(at),
            quote @ (b'"' | b'\'') => {
                let (content, behind, closed) = self.string(at);
                let after = behind + self.spaces(behind, end.max(behind));
                let style = if quote == b'"' { Style::Quoted } else { Style::Raw };
                if self.offset > at && (self.offset < behind || !closed) {
                    return Err(Found::Key(content, style));
                }
                if self.text[after..].starts_with(':') {
                    (content, after, style)
                } else {
                    return Ok(behind);
                }
            }
            _ => match self.colon(at, end) {
                Some(colon) => (at..colon, colon, Style::Bare),
                None => {
                    let word = at..at + self.text[at..end].trim_end().len();
                    return if self.offset <= word.end {
                        Err(Found::Key(word, Style::Bare))
                    } else {
                        Ok(end)
                    };
                }
            },
        };
        if self.offset <= colon {
            return Err(Found::Key(key, style));
        }
        self.path.push((at - line, Step::Key(key)));
        self.value(at - line, colon + 1)
    }

    /// What stands behind a key that begins in this column.
    fn value(&mut self, column: usize, behind: usize) -> Result<usize, Found> {
        let end = self.line_end(behind);
        let mut at = behind + self.spaces(behind, end);
        while self.text[at..end].starts_with(['!', '&']) {
            let word = self.text[at..end].find(' ').unwrap_or(end - at);
            at += word;
            at += self.spaces(at, end);
        }
        if at >= end || self.text[at..].starts_with('#') {
            if self.offset > end {
                return Ok(end);
            }
            return Err(if at < end && self.offset > at {
                Found::Nothing
            } else {
                Found::Value(self.offset..self.offset, Style::Bare)
            });
        }
        if self.offset <= at {
            return Err(Found::Value(self.offset..self.offset, Style::Bare));
        }
        match self.text.as_bytes()[at] {
            b'{' | b'[' => self.flow(at),
            quote @ (b'"' | b'\'') => {
                let (content, behind, closed) = self.string(at);
                let style = if quote == b'"' { Style::Quoted } else { Style::Raw };
                if self.offset < behind || !closed {
                    return Err(Found::Value(content, style));
                }
                Ok(behind)
            }
            b'|' | b'>' => {
                if self.offset <= end {
                    return Err(Found::Nothing);
                }
                let body = self.body(column, end);
                if self.offset <= body.end {
                    return Err(Found::Value(body, Style::Raw));
                }
                Ok(body.end)
            }
            _ => {
                let line = &self.text[at..end];
                let stop = line.find(" #").unwrap_or(line.len());
                let word = at..at + line[..stop].trim_end().len();
                if self.offset <= word.end {
                    return Err(Found::Value(word, Style::Bare));
                }
                Ok(end)
            }
        }
    }

    /// The lines of a text block whose key begins in this column; `end` is the end of its first line.
    fn body(&self, column: usize, end: usize) -> Range<usize> {
        let start = (end + 1).min(self.text.len());
        let (mut at, mut stop) = (start, end);
        while at < self.text.len() {
            let end = self.line_end(at);
            let indent = self.spaces(at, end);
            let blank = self.text[at..end].trim().is_empty();
            let here = at <= self.offset && self.offset <= end;
            // A blank line belongs to the block as far to the right as the place in it.
            let outside = if blank { here && self.offset - at <= column } else { indent <= column };
            if outside {
                break;
            }
            if !blank || here {
                stop = end;
            }
            at = end + 1;
        }
        start.min(stop)..stop
    }

    /// Maps and lists in brackets.
    fn flow(&mut self, start: usize) -> Result<usize, Found> {
        /// An open bracket: whether it is a map, and whether a key's value comes next.
        struct Frame {
            map: bool,
            value: bool,
        }
        let mut frames: Vec<Frame> = Vec::new();
        let mut at = start;
        loop {
            if at >= self.offset {
                let key = frames.last().is_some_and(|frame| frame.map && !frame.value);
                let word = self.offset..self.offset;
                let found = if key { Found::Key } else { Found::Value };
                return Err(found(word, Style::Bare));
            }
            let Some(c) = self.text[at..].chars().next() else { return Ok(at) };
            match c {
                '{' | '[' => {
                    let map = c == '{';
                    frames.push(Frame { map, value: false });
                    if !map {
                        self.path.push((usize::MAX, Step::Item));
                    }
                    at += 1;
                }
                '}' | ']' | ',' => {
                    let Some(frame) = frames.last_mut() else { return Ok(at) };
                    if frame.map && std::mem::take(&mut frame.value) {
                        self.path.pop();
                    }
                    at += 1;
                    if c != ',' {
                        if frames.pop().is_some_and(|frame| !frame.map) {
                            self.path.pop();
                        }
                        if frames.is_empty() {
                            return Ok(at);
                        }
                    }
                }
                '#' if self.text[..at].ends_with([' ', '\n', '\t']) => {
                    let end = self.line_end(at);
                    if self.offset <= end {
                        return Err(Found::Nothing);
                    }
                    at = end;
                }
                c if c.is_whitespace() || c == ':' => at += c.len_utf8(),
                _ => {
                    let (word, behind, closed, style) = self.scalar(at);
                    let is_key = frames.last().is_some_and(|frame| frame.map && !frame.value);
                    let inside = match style {
                        Style::Bare => self.offset <= behind,
                        _ => self.offset < behind || !closed,
                    };
                    if inside {
                        let found = if is_key { Found::Key } else { Found::Value };
                        return Err(found(word, style));
                    }
                    at = behind;
                    let spaces = self.text[at..].len() - self.text[at..].trim_start().len();
                    if is_key && self.text[at + spaces..].starts_with(':') {
                        // A place between the key and its colon is still the key's.
                        if self.offset <= at + spaces {
                            return Err(Found::Key(word, style));
                        }
                        self.path.push((usize::MAX, Step::Key(word)));
                        if let Some(frame) = frames.last_mut() {
                            frame.value = true;
                        }
                        at += spaces + 1;
                    }
                }
            }
        }
    }

    /// A single value inside of brackets: its text, its end, whether its quote is closed.
    fn scalar(&self, at: usize) -> (Range<usize>, usize, bool, Style) {
        let first = self.text.as_bytes()[at];
        if matches!(first, b'"' | b'\'') {
            let (content, behind, closed) = self.string(at);
            let style = if first == b'"' { Style::Quoted } else { Style::Raw };
            return (content, behind, closed, style);
        }
        let rest = &self.text[at..];
        let mut end = rest.len();
        for (index, c) in rest.char_indices() {
            let behind = rest[index + c.len_utf8()..].chars().next();
            let colon = c == ':'
                && behind
                    .is_none_or(|c| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '{' | '['));
            let comment = c == '#' && rest[..index].ends_with(' ');
            if colon || comment || matches!(c, ',' | '[' | ']' | '{' | '}' | '\n') {
                end = index;
                break;
            }
        }
        let word = at..at + rest[..end].trim_end().len();
        let behind = word.end.max(at + usize::from(end == 0));
        (word.start..word.end, behind, false, Style::Bare)
    }

    /// A text in quotes: what is between them, the end, and whether it is closed.
    fn string(&self, at: usize) -> (Range<usize>, usize, bool) {
        let quote = self.text.as_bytes()[at];
        let bytes = self.text.as_bytes();
        let mut end = at + 1;
        while end < bytes.len() {
            match bytes[end] {
                b'\\' if quote == b'"' => end += 1,
                byte if byte == quote => {
                    if quote == b'\'' && bytes.get(end + 1) == Some(&b'\'') {
                        end += 1;
                    } else {
                        return (at + 1..end, end + 1, true);
                    }
                }
                _ => {}
            }
            end += 1;
        }
        // One that was only begun ends with its line.
        let end = self.line_end(at);
        (at + 1..end, end, false)
    }

    /// The colon behind a key without quotes.
    fn colon(&self, at: usize, end: usize) -> Option<usize> {
        let line = &self.text[at..end];
        let stop = line.find(" #").unwrap_or(line.len());
        let line = &line[..stop];
        let behind = |index: usize| line[index + 1..].chars().next();
        line.match_indices(':')
            .map(|(index, _)| index)
            .find(|index| behind(*index).is_none_or(char::is_whitespace))
            .map(|index| at + index)
    }

    /// Leaves what a line in this column does not belong to.
    fn leave(&mut self, column: usize, item: bool) {
        while let Some((at, step)) = self.path.last() {
            let own = *at == column && item && matches!(step, Step::Key(_));
            if *at < column || own {
                break;
            }
            self.path.pop();
        }
    }

    fn spaces(&self, at: usize, end: usize) -> usize {
        let line = &self.text[at.min(end)..end];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    /// The end of a line, without its `\n`.
    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        rest.find('\n').map_or(self.text.len(), |newline| at + newline)
    }
}
