//! YAML and JSON: `saphyr-parser`'s events become a small tree with places, and that, led by the
//! shapes of the language, becomes the neutral tree.

mod convert;

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::codes;
use super::tree::Node;
use crate::diag::{FileId, Findings, Span, Spanned};

/// Collections may be nested this deep.
const MAX_DEPTH: usize = 100;
/// Values after all aliases are resolved.
const MAX_VALUES: usize = 1_000_000;

/// Reads the first document; what is wrong goes to `findings`, what could be read is given back.
pub fn read(text: &str, file: FileId, findings: &mut Findings) -> Vec<Node> {
    let root = Reader::new(text, file, findings).document();
    convert::stack(root, file, findings)
}

/// Reads the first document as it is, for what is no manifest.
pub fn read_tree(text: &str, file: FileId, findings: &mut Findings) -> Option<Yaml> {
    Reader::new(text, file, findings).document()
}

/// A value of YAML with its place.
#[derive(Clone, Debug)]
pub struct Yaml {
    /// What it is.
    pub data: Data,
    /// Where it stands.
    pub span: Span,
    /// Its first character, to point at when it is long.
    head: Span,
    /// A tag of the user's own: `secret` of `!secret x`.
    pub tag: Option<Spanned<String>>,
    /// Whether the text broke off inside.
    damaged: bool,
}

impl Yaml {
    /// Its tag, if it is one of the user's own: `reset` of `!reset []`.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(|tag| tag.value.as_str())
    }
}

/// A tag that is none of YAML's.
fn own(tag: Option<&Tag>, span: Span) -> Option<Spanned<String>> {
    let tag = tag.filter(|tag| tag.handle == "!")?;
    Some(Spanned::new(tag.suffix.clone(), span))
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    /// A single value.
    Scalar {
        /// The text, without quotes.
        text: String,
        /// Whether it was written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Yaml>),
    /// A map in the order written; each key once.
    Map(Vec<(Spanned<String>, Yaml)>),
}

/// A collection that is being read.
struct Open {
    value: Yaml,
    anchor: usize,
    /// The keys so far, with their places.
    seen: HashMap<String, Span>,
    /// What `<<` brings in: counts for keys that the map does not have itself.
    merged: Vec<Yaml>,
    /// The key whose value comes next.
    key: Option<Spanned<String>>,
    /// A key that is no single value, or was there before: its value is left out.
    skip: bool,
}

impl Open {
    fn new(value: Yaml, anchor: usize) -> Self {
        let (seen, merged) = (HashMap::new(), Vec::new());
        Self { value, anchor, seen, merged, key: None, skip: false }
    }

    /// The collection as far as it was read.
    fn into_value(mut self) -> Yaml {
        if let Data::Map(map) = &mut self.value.data {
            for from in self.merged {
                merge(map, &mut self.seen, from);
            }
        }
        self.value
    }
}

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    findings: &'a mut Findings,
    /// Byte offset of each character, when some have more than one byte.
    offsets: Option<Vec<u32>>,
    anchors: HashMap<usize, (Yaml, usize)>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, file: FileId, findings: &'a mut Findings) -> Self {
        let offsets = (!text.is_ascii())
            .then(|| text.char_indices().map(|(at, _)| at as u32).collect::<Vec<u32>>());
        Self { text, file, findings, offsets, anchors: HashMap::new(), values: 0 }
    }

    fn document(mut self) -> Option<Yaml> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        let mut documents = 0;
        for event in Parser::new_from_str(self.text) {
            let (event, span) = match event {
                Ok((event, span)) => (event, self.span(span)),
                Err(err) => {
                    self.broken(&err);
                    break;
                }
            };
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let finding = codes::SYNTAX
                            .says("a manifest is a single document")
                            .at(span, "a second one begins here")
                            .help("remove the `---`, or use `include`");
                        self.findings.push(finding);
                        break;
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let data = Data::Scalar { text: text.into_owned(), plain };
                    let tag = own(tag.as_deref(), span);
                    let span = self.trimmed(span, style);
                    let value = Yaml { data, span, head: self.head(span), tag, damaged: false };
                    if !self.close(&mut open, &mut root, value, anchor, 1) {
                        break;
                    }
                }
                Event::SequenceStart(anchor, tag) => {
                    let value = Yaml {
                        data: Data::List(Vec::new()),
                        span,
                        head: self.head(span),
                        tag: own(tag.as_deref(), span),
                        damaged: true,
                    };
                    open.push(Open::new(value, anchor));
                }
                Event::MappingStart(anchor, tag) => {
                    let value = Yaml {
                        data: Data::Map(Vec::new()),
                        span,
                        head: self.head(span),
                        tag: own(tag.as_deref(), span),
                        damaged: true,
                    };
                    open.push(Open::new(value, anchor));
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(ended) = open.pop() else { continue };
                    let anchor = ended.anchor;
                    let mut value = ended.into_value();
                    value.damaged = false;
                    value.span = self.grown(&value, span);
                    value.head = self.head(value.span);
                    if !self.close(&mut open, &mut root, value, anchor, 1) {
                        break;
                    }
                }
                Event::Alias(anchor) => {
                    let (value, size) = match self.anchors.get(&anchor).cloned() {
                        Some((mut value, size)) => {
                            // Mistakes inside are reported where they were written.
                            value.damaged = false;
                            (value, size)
                        }
                        // Something stands in its place: a key must not take the next value for its own.
                        None => (self.within_itself(&open, anchor, span), 1),
                    };
                    if !self.close(&mut open, &mut root, value, 0, size) {
                        break;
                    }
                }
                _ => {}
            }
            if open.len() > MAX_DEPTH {
                self.too_deep(span);
                break;
            }
        }
        // What is still open when the text breaks off counts as far as it was read.
        while let Some(broken_off) = open.pop() {
            let value = broken_off.into_value();
            self.close(&mut open, &mut root, value, 0, 0);
        }
        root
    }

    /// Puts a finished value where it belongs; `false` when there are too many.
    fn close(
        &mut self,
        open: &mut [Open],
        root: &mut Option<Yaml>,
        value: Yaml,
        anchor: usize,
        size: usize,
    ) -> bool {
        self.values += size;
        if self.values > MAX_VALUES {
            let finding = codes::TOO_LARGE
                .says("the aliases of this file stand for more than 1,000,000 values")
                .at(value.span, "one too many")
                .help("the rest of the file is not read");
            self.findings.push(finding);
            return false;
        }
        if anchor != 0 {
            let size = count(&value);
            self.anchors.insert(anchor, (value.clone(), size));
        }
        let Some(parent) = open.last_mut() else {
            root.get_or_insert(value);
            return true;
        };
        match &mut parent.value.data {
            Data::List(list) => list.push(value),
            Data::Map(map) => match parent.key.take() {
                Some(key) if parent.skip => drop(key),
                Some(key) if key.value == "<<" => parent.merged.push(value),
                Some(key) => map.push((key, value)),
                None => {
                    let Yaml { data, span, .. } = value;
                    let Data::Scalar { text, .. } = data else {
                        let finding = codes::SYNTAX
                            .says("a key is a single word")
                            .at(span, "a collection as key");
                        self.findings.push(finding);
                        parent.key = Some(Spanned::new(String::new(), span));
                        parent.skip = true;
                        return true;
                    };
                    let first = parent.seen.get(&text).copied();
                    parent.skip = first.is_some();
                    if let Some(first) = first {
                        let finding = codes::DUPLICATE
                            .says(format!("`{text}` is given twice"))
                            .at(span, "given again")
                            .also(first, "first given here")
                            .help("keep one of them, or write both together");
                        self.findings.push(finding);
                    } else if text != "<<" {
                        parent.seen.insert(text.clone(), span);
                    }
                    parent.key = Some(Spanned::new(text, span));
                }
            },
            Data::Scalar { .. } => {}
        }
        true
    }

    /// An alias of something that has not ended yet: it would have no end.
    fn within_itself(&mut self, open: &[Open], anchor: usize, span: Span) -> Yaml {
        let mut finding = codes::SYNTAX
            .says("this alias stands inside of what it names, which would never end")
            .at(span, "the value that is still being written")
            .help("write out what is meant, or put the anchor around less");
        if let Some(whole) = open.iter().find(|open| open.anchor == anchor) {
            finding = finding.also(whole.value.head, "what it names begins here");
        }
        self.findings.push(finding);
        // A text, so that nothing is said to be missing besides.
        let text = self.text.get(span.range()).unwrap_or_default().to_owned();
        let data = Data::Scalar { text, plain: false };
        Yaml { data, span, head: self.head(span), tag: None, damaged: true }
    }

    fn too_deep(&mut self, place: Span) {
        let finding = codes::TOO_LARGE
            .says(format!("collections are nested more than {MAX_DEPTH} levels deep"))
            .at(place, "one level too deep")
            .help("the rest of the file is not read");
        self.findings.push(finding);
    }

    fn broken(&mut self, err: &ScanError) {
        let at = self.offset(err.marker().index()).min(self.text.len());
        // At the end of the text the last written line says more than an empty one.
        let at = if self.text[at..].trim().is_empty() { self.text.trim_end().len() } else { at };
        let len = self.text[at..].chars().next().map_or(0, char::len_utf8);
        if err.info().contains("recursion limit") {
            return self.too_deep(Span::new(self.file, at..at + len));
        }
        let finding = codes::SYNTAX
            .says(explain(err.info()))
            .at(Span::new(self.file, at..at + len), "reading stopped here")
            .help("the rest of the file is not read");
        self.findings.push(finding);
    }

    /// The end of a collection, without the white space behind it.
    fn grown(&self, value: &Yaml, end: Span) -> Span {
        let whole = value.span.to(end);
        let text = self.text.get(whole.range()).unwrap_or("").trim_end();
        let last = match &value.data {
            Data::List(list) => list.last().map(|value| value.span),
            Data::Map(map) => map.last().map(|(key, value)| key.span.to(value.span)),
            Data::Scalar { .. } => None,
        };
        let start = match &value.data {
            Data::Map(map) if !text.starts_with('{') => {
                map.first().map_or(whole.start as usize, |(key, _)| key.span.start as usize)
            }
            _ => whole.start as usize,
        };
        let flow = text.ends_with(['}', ']']) && text.starts_with(['{', '[']);
        let end = match last {
            Some(last) if !flow && last.file == self.file => last.end(),
            _ => whole.start as usize + text.len(),
        };
        Span::new(self.file, start..end.max(start))
    }

    /// A scalar's place without what the parser counts besides it.
    fn trimmed(&self, span: Span, style: ScalarStyle) -> Span {
        let text = self.text.get(span.range()).unwrap_or("");
        let len = match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => text.len(),
            _ => text.trim_end().len(),
        };
        Span { len: len as u32, ..span }
    }

    fn head(&self, span: Span) -> Span {
        let first = self.text.get(span.start as usize..).and_then(|text| text.chars().next());
        Span { len: first.map_or(0, char::len_utf8) as u32, ..span }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        Span::new(self.file, start..end.max(start))
    }

    fn offset(&self, character: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(character).map_or(self.text.len(), |at| *at as usize),
            None => character.min(self.text.len()),
        }
    }
}

/// Keys of `<<: *base` that the map does not have itself.
fn merge(map: &mut Vec<(Spanned<String>, Yaml)>, seen: &mut HashMap<String, Span>, from: Yaml) {
    match from.data {
        Data::Map(pairs) => {
            for (key, value) in pairs {
                if !seen.contains_key(&key.value) {
                    seen.insert(key.value.clone(), key.span);
                    map.push((key, value));
                }
            }
        }
        Data::List(list) => list.into_iter().for_each(|one| merge(map, seen, one)),
        Data::Scalar { .. } => {}
    }
}

fn count(value: &Yaml) -> usize {
    1 + match &value.data {
        Data::Scalar { .. } => 0,
        Data::List(list) => list.iter().map(count).sum(),
        Data::Map(map) => map.iter().map(|(_, value)| count(value)).sum(),
    }
}

/// Byte ranges of all single values, keys among them, in order: what is outside of them and begins with
/// `#` is a comment. Of a broken text, those before the mistake.
pub fn scalars(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut findings = Findings::default();
    let reader = Reader::new(text, FileId(0), &mut findings);
    Parser::new_from_str(text)
        .map_while(Result::ok)
        .filter_map(|(event, span)| match event {
            Event::Scalar(_, style, ..) => Some(reader.trimmed(reader.span(span), style).range()),
            _ => None,
        })
        .collect()
}

/// The parser's words in ours, where ours are clearer.
fn explain(info: &str) -> String {
    let known = [
        ("tab", "a tab cannot indent in YAML: use spaces"),
        (
            "mapping values are not allowed",
            "a `key: value` cannot stand here; is the indentation right?",
        ),
        ("simple key expected ':'", "this key has no `:` behind it"),
        ("could not find expected ':'", "this key has no `:` behind it"),
        (
            "while parsing a block mapping, did not find expected key",
            "a key was expected here; is the indentation right?",
        ),
        ("unknown anchor", "this alias has no anchor of its name before it"),
        ("expected ',' or '}'", "a `,` or `}` is missing before this"),
        ("expected ',' or ']'", "a `,` or `]` is missing before this"),
        ("unexpected end of stream", "the text ends inside of something that is not closed"),
        ("unclosed", "something opened here is not closed"),
    ];
    let lower = info.to_lowercase();
    known
        .iter()
        .find(|(part, _)| lower.contains(part))
        .map_or_else(|| format!("this is not YAML: {info}"), |(_, text)| (*text).to_owned())
}
