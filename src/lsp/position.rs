//! Places as the protocol counts them: lines from 0, characters from 0 in units that client and server
//! agreed upon.

use std::ops::Range;

use lsp_types::{Position, PositionEncodingKind, Range as LspRange};

/// What a character of a position counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of 16 bits: what every client knows.
    #[default]
    Utf16,
}

impl Encoding {
    /// Bytes if the client offers them: then nothing has to be counted.
    pub fn choose(offered: Option<&[PositionEncodingKind]>) -> Self {
        match offered {
            Some(offered) if offered.contains(&PositionEncodingKind::UTF8) => Self::Utf8,
            _ => Self::Utf16,
        }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn len(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }
}

/// Where the lines of a text are: they end with `\n`, `\r\n` or `\r`.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'t> Lines<'t> {
    /// Finds the lines.
    pub fn new(text: &'t str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes)
            .filter(|&at| bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
        let starts = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Self { text, starts, encoding }
    }

    /// The byte offset of a position; what is beyond a line or the text counts as its end.
    pub fn offset(&self, position: Position) -> usize {
        let Some(&start) = self.starts.get(position.line as usize) else {
            return self.text.len();
        };
        let end = self.starts.get(position.line as usize + 1).copied();
        let line = &self.text[start..end.unwrap_or(self.text.len())];
        let line = line.trim_end_matches(['\r', '\n']);
        let mut left = position.character as usize;
        for (at, c) in line.char_indices() {
            let mut letter = [0; 4];
            let len = self.encoding.len(c.encode_utf8(&mut letter));
            // A position inside of a character counts as before it.
            if left < len {
                return start + at;
            }
            left -= len;
        }
        start + line.len()
    }

    /// The position of a byte offset; one beyond the text counts as its end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let character = self.encoding.len(&self.text[self.starts[line]..offset]);
        Position { line: line as u32, character: character as u32 }
    }

    /// A range of positions as bytes; one that ends before it begins is empty.
    pub fn bytes(&self, range: LspRange) -> Range<usize> {
        let start = self.offset(range.start);
        start..self.offset(range.end).max(start)
    }

    /// A range of bytes as positions.
    pub fn range(&self, range: Range<usize>) -> LspRange {
        LspRange { start: self.position(range.start), end: self.position(range.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn characters_are_counted_in_the_units_agreed_upon() {
        let text = "ä\u{1f600}b\r\nzwei\rdrei\n";
        let utf16 = Lines::new(text, Encoding::Utf16);
        assert_eq!(utf16.position(text.find('b').expect("there")), at(0, 3));
        assert_eq!(utf16.offset(at(0, 3)), 6);
        // Inside of a pair of units, and behind the end of a line.
        assert_eq!((utf16.offset(at(0, 2)), utf16.offset(at(0, 99))), (2, 7));
        assert_eq!(utf16.position(text.find("drei").expect("there")), at(2, 0));
        assert_eq!((utf16.offset(at(3, 0)), utf16.offset(at(9, 9))), (text.len(), text.len()));
        let utf8 = Lines::new(text, Encoding::Utf8);
        assert_eq!((utf8.offset(at(0, 6)), utf8.position(6)), (6, at(0, 6)));
        assert_eq!(utf8.offset(at(0, 1)), 0);
    }

    #[test]
    fn every_offset_has_its_position() {
        let text = "x\u{1f600}ö\r\n\r\n\rend";
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let lines = Lines::new(text, encoding);
            for (offset, c) in text.char_indices().filter(|(_, c)| !matches!(c, '\r' | '\n')) {
                assert_eq!(lines.offset(lines.position(offset)), offset, "{c}");
            }
        }
    }
}
