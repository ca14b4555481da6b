//! The source texts that spans point into.

use std::collections::HashMap;
use std::ops::Range;

use super::span::{FileId, Span};

/// All files of one manifest, in the order they were read.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: Vec<File>,
    /// Files that values of the manifest name (`dashboard "Hosts" from="hosts.json"`), by the place of
    /// the value; why not, where one could not be read.
    named: HashMap<Span, Result<FileId, String>>,
}

/// One source text.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name as messages show it: the path as given, or relative to the first file's folder.
    pub name: String,
    /// The text.
    pub text: String,
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
    /// The values that name it.
    named_by: Vec<Span>,
}

/// A place as people and editors count: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Characters (code points).
    Character,
    /// Units of 16 bits, as editors and SARIF viewers count: two for a character beyond U+FFFF.
    Utf16,
    /// Bytes of UTF-8.
    Byte,
}

impl Files {
    /// Adds a text and gives its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let (name, text) = (name.into(), text.into());
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let lines = std::iter::once(0).chain(newlines.map(|at| at as u32 + 1)).collect();
        self.files.push(File { name, text, lines, named_by: Vec::new() });
        FileId(self.files.len() as u32 - 1)
    }

    /// Adds the files of another manifest behind these; gives how many stand before them.
    pub fn append(&mut self, others: Files) -> u32 {
        let before = self.files.len() as u32;
        self.files.extend(others.files.into_iter().map(|mut file| {
            for place in &mut file.named_by {
                *place = place.behind(before);
            }
            file
        }));
        let named = others
            .named
            .into_iter()
            .map(|(place, file)| (place.behind(before), file.map(|file| FileId(file.0 + before))));
        self.named.extend(named);
        before
    }

    /// Remembers which file the value at a place names, or why it cannot be read.
    pub fn name_at(&mut self, place: Span, file: Result<FileId, String>) {
        if let Some(file) = file.as_ref().ok().and_then(|id| self.files.get_mut(id.0 as usize))
            && !file.named_by.contains(&place)
        {
            file.named_by.push(place);
        }
        self.named.insert(place, file);
    }

    /// The file that the value at a place names, or why it cannot be read; `None` where no file was
    /// looked for.
    pub fn named_at(&self, place: Span) -> Option<&Result<FileId, String>> {
        self.named.get(&place)
    }

    /// The values that name a file.
    pub fn naming(&self, id: FileId) -> impl Iterator<Item = Span> {
        self.get(id).into_iter().flat_map(|file| &file.named_by).copied()
    }

    /// The file of this number; `None` for one of another `Files`.
    pub fn get(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }

    /// Name of a file; empty when the number is unknown.
    pub fn name(&self, id: FileId) -> &str {
        self.get(id).map_or("", |file| &file.name)
    }

    /// All files with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &File)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at as u32), file))
    }

    /// The text that a span covers; empty when it lies outside.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).and_then(|file| file.text.get(span.range())).unwrap_or("")
    }

    /// Line and column where a span begins.
    pub fn start(&self, span: Span) -> Place {
        self.place(span.file, span.start as usize)
    }

    /// Line and column behind the last character of a span.
    pub fn end(&self, span: Span) -> Place {
        self.place(span.file, span.end())
    }

    /// Where a span begins and where it ends, with columns in another unit.
    pub fn ends(&self, span: Span, unit: Unit) -> (Place, Place) {
        let place = |offset| {
            let file = self.get(span.file);
            file.map_or(Place { line: 1, column: 1 }, |file| file.place_in(offset, unit))
        };
        (place(span.start as usize), place(span.end()))
    }

    fn place(&self, id: FileId, offset: usize) -> Place {
        self.get(id).map_or(Place { line: 1, column: 1 }, |file| file.place(offset))
    }
}

impl File {
    /// Line and column of a byte offset; an offset behind the end counts as the end.
    pub fn place(&self, offset: usize) -> Place {
        self.place_in(offset, Unit::Character)
    }

    /// As [`File::place`], with columns in another unit.
    pub fn place_in(&self, offset: usize, unit: Unit) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|&start| start as usize <= offset).max(1);
        let start = self.lines[line - 1] as usize;
        let column = self.text.get(start..offset).map_or(offset - start, |text| match unit {
            Unit::Character => text.chars().count(),
            Unit::Utf16 => text.chars().map(char::len_utf16).sum(),
            Unit::Byte => text.len(),
        });
        Place { line, column: column + 1 }
    }

    /// Byte offset of a place; `None` when there is no such line or column.
    pub fn offset(&self, place: Place) -> Option<usize> {
        let line = self.line(place.line)?;
        let column = place.column.checked_sub(1)?;
        let text = &self.text[line.clone()];
        let within = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(column)?;
        Some(line.start + within)
    }

    /// Byte range of a line without its line break; lines count from 1.
    pub fn line(&self, number: usize) -> Option<Range<usize>> {
        let start = *self.lines.get(number.checked_sub(1)?)? as usize;
        let end = self.lines.get(number).map_or(self.text.len(), |&next| next as usize - 1);
        let end = if self.text[start..end].ends_with('\r') { end - 1 } else { end };
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_either_break() {
        let mut files = Files::default();
        let id = files.add("a", "äö x\r\nzwei\n");
        let file = files.get(id).expect("just added");
        assert_eq!(file.place("äö ".len()), Place { line: 1, column: 4 });
        assert_eq!(file.offset(Place { line: 1, column: 4 }), Some(5));
        assert_eq!(&file.text[file.line(1).expect("first line")], "äö x");
        assert_eq!(file.place(usize::MAX), Place { line: 3, column: 1 });
        assert_eq!(files.text(Span::new(FileId(7), 0..1)), "");
    }

    #[test]
    fn columns_are_counted_in_the_unit_that_is_asked_for() {
        let mut files = Files::default();
        let id = files.add("a", "ö𐐀b");
        let span = Span::new(id, "ö𐐀".len().."ö𐐀b".len());
        let columns = |unit| {
            let (from, to) = files.ends(span, unit);
            (from.column, to.column)
        };
        assert_eq!(columns(Unit::Character), (3, 4));
        assert_eq!(columns(Unit::Utf16), (4, 5));
        assert_eq!(columns(Unit::Byte), (7, 8));
    }
}
