//! Places in source text, and values that remember theirs.

use std::ops::{Deref, Range};

use serde::{Serialize, Serializer};

/// Which file of a [`Files`](super::Files) a span lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A stretch of one file: byte offset and length in bytes, always on character boundaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes; zero marks a place between two characters.
    pub len: u32,
}

impl Span {
    /// The same place where so many files stand before the first.
    #[must_use]
    pub fn behind(self, files: u32) -> Self {
        Self { file: FileId(self.file.0 + files), ..self }
    }

    /// The span of `range` in `file`; offsets beyond 4 GiB are cut off (files are refused long before).
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let start = u32::try_from(range.start).unwrap_or(u32::MAX);
        let end = u32::try_from(range.end).unwrap_or(u32::MAX);
        Self { file, start, len: end.saturating_sub(start) }
    }

    /// Offset behind the last byte.
    pub fn end(self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The span as a range of byte offsets.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end()
    }

    /// The smallest span that holds both; `self` when they lie in different files.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        let start = self.start.min(other.start) as usize;
        Span::new(self.file, start..self.end().max(other.end()))
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end() <= self.end()
    }

    /// A part of this span: `range` counts bytes from its start and is cut off at its end.
    ///
    /// With the [`Spanned::span`] of a string this is only right when the text was written without
    /// escapes; [`crate::manifest::place_in`] knows.
    pub fn part(self, range: Range<usize>) -> Span {
        let start = (self.start as usize + range.start).min(self.end());
        let end = (self.start as usize + range.end).clamp(start, self.end());
        Span::new(self.file, start..end)
    }
}

/// A value and where it was written.
///
/// Two of them are equal when their values are: the same stack written in KDL and in YAML is equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where. For a string in quotes, the quotes are part of it.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Where it was written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Another value at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }

    /// Borrows the value, keeping the place.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned { value: &self.value, span: self.span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: std::hash::Hash> std::hash::Hash for Spanned<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(0);

    #[test]
    fn spans_join_within_one_file_only() {
        let (a, b) = (Span::new(FILE, 2..4), Span::new(FILE, 9..10));
        assert_eq!(a.to(b), Span::new(FILE, 2..10));
        assert_eq!(a.to(Span::new(FileId(1), 9..10)), a);
    }

    #[test]
    fn a_part_never_leaves_its_span() {
        let span = Span::new(FILE, 10..15);
        assert_eq!(span.part(1..3), Span::new(FILE, 11..13));
        assert_eq!(span.part(3..99), Span::new(FILE, 13..15));
        assert_eq!(span.part(70..99), Span::new(FILE, 15..15));
    }

    #[test]
    fn equality_of_spanned_values_ignores_the_place() {
        assert_eq!(Spanned::new(1, Span::new(FILE, 0..1)), Spanned::new(1, Span::default()));
    }
}
