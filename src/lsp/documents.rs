//! The documents that are open in the editor, with their unsaved texts.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use lsp_types::{TextDocumentContentChangeEvent, TextEdit, Uri};
use similar::{DiffTag, TextDiff};

use super::position::{Encoding, Lines};
use crate::manifest::{self, tidied};

/// An open document.
#[derive(Clone, Debug)]
pub struct Document {
    /// As the client writes it.
    pub uri: Uri,
    /// As the client counts it.
    pub version: i32,
    /// The text as the editor shows it.
    pub text: String,
    /// What the client takes it for.
    pub language: String,
}

impl Document {
    /// Applies changes, one after the other.
    pub fn apply(&mut self, changes: Vec<TextDocumentContentChangeEvent>, encoding: Encoding) {
        for change in changes {
            match change.range {
                None => self.text = change.text,
                Some(range) => {
                    let range = Lines::new(&self.text, encoding).bytes(range);
                    self.text.replace_range(range, &change.text);
                }
            }
        }
    }
}

/// All of them, by path.
#[derive(Debug, Default)]
pub struct Documents(HashMap<PathBuf, Document>);

impl Documents {
    /// Adds one, or takes its place.
    pub fn open(&mut self, path: PathBuf, document: Document) {
        self.0.insert(path, document);
    }

    /// Forgets one.
    pub fn close(&mut self, path: &Path) -> Option<Document> {
        self.0.remove(path)
    }

    /// The document of a path.
    pub fn get(&self, path: &Path) -> Option<&Document> {
        self.0.get(path)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, path: &Path) -> Option<&mut Document> {
        self.0.get_mut(path)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Document)> {
        self.0.iter()
    }

    /// The bytes of a file as the editor has them, else as the disk does.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.0.get(&tidied(path)) {
            Some(document) => Ok(document.text.clone().into_bytes()),
            None => manifest::read_file(path),
        }
    }
}

/// What makes one text of another: edits of whole lines, so that marks and folds elsewhere stay.
pub fn edits(before: &str, after: &str, encoding: Encoding) -> Vec<TextEdit> {
    let lines = Lines::new(before, encoding);
    let diff = TextDiff::from_lines(before, after);
    let old = starts((0..).map_while(|index| diff.old_slice(index)).map(str::len));
    let new = starts((0..).map_while(|index| diff.new_slice(index)).map(str::len));
    diff.ops()
        .iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(|op| {
            let (from, to) = (op.old_range(), op.new_range());
            let range = lines.range(old[from.start]..old[from.end]);
            TextEdit { range, new_text: after[new[to.start]..new[to.end]].to_owned() }
        })
        .collect()
}

/// Where each of the lines of these lengths begins, and where the last one ends.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let ends = lengths.scan(0, |at, length| {
        *at += length;
        Some(*at)
    });
    std::iter::once(0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use lsp_types::{Position, Range};
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Document {
        let uri = Uri::from_str("file:///a.kdl").expect("an address");
        Document { uri, version: 1, text: text.to_owned(), language: String::new() }
    }

    fn change(range: Option<Range>, text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() }
    }

    #[test]
    fn a_range_that_is_nonsense_harms_nothing() {
        let mut one = document("ab\ncd");
        let far = Position { line: 9, character: 9 };
        let near = Position { line: 0, character: 1 };
        one.apply(vec![change(Some(Range { start: far, end: near }), "x")], Encoding::Utf16);
        assert_eq!(one.text, "ab\ncdx");
    }

    proptest! {
        #[test]
        fn edits_by_position_are_edits_by_offset(
            text in "[a-cäö\u{1f600}\r\n ]{0,40}",
            cuts in prop::collection::vec((0_usize..50, 0_usize..9, "[xü\u{1f680}\r\n]{0,4}"), 0..12),
            bytes in any::<bool>(),
        ) {
            let encoding = if bytes { Encoding::Utf8 } else { Encoding::Utf16 };
            let mut plain = text.clone();
            let mut open = document(&text);
            for (start, len, put) in cuts {
                // A place between `\r` and `\n` has no position of its own.
                let whole = |text: &str, at: usize| {
                    text.is_char_boundary(at) && !(text[..at].ends_with('\r') && text[at..].starts_with('\n'))
                };
                let fit = |mut at: usize| {
                    at = at.min(plain.len());
                    while !whole(&plain, at) { at -= 1; }
                    at
                };
                let (start, end) = (fit(start), fit(start + len));
                let range = Lines::new(&plain, encoding).range(start..end.max(start));
                plain.replace_range(start..end.max(start), &put);
                open.apply(vec![change(Some(range), &put)], encoding);
                prop_assert_eq!(&open.text, &plain);
            }
        }

        #[test]
        fn a_difference_leads_to_the_other_text(
            before in "([a-dä\u{1f600}]{0,3}\r?\n){0,9}[a-d]{0,2}",
            after in "([a-dä\u{1f600}]{0,3}\r?\n){0,9}[a-d]{0,2}",
        ) {
            let mut changed = document(&before);
            // From the end, so that the places before stay right.
            for edit in edits(&before, &after, Encoding::Utf16).into_iter().rev() {
                changed.apply(vec![change(Some(edit.range), &edit.new_text)], Encoding::Utf16);
            }
            prop_assert_eq!(changed.text, after);
        }
    }
}
