//! Changes for people and for programs.

mod json;
mod markdown;
mod text;
mod words;

pub use json::json;
pub use markdown::markdown;
pub use text::text;

use super::{Change, Fate, Risk, Thing};
use crate::diag::Files;

/// What is shown.
pub struct Report<'a> {
    /// What the first side is called.
    pub before: &'a str,
    /// What the second side is called.
    pub after: &'a str,
    /// What may hurt.
    pub risks: &'a [Risk],
    /// What changed.
    pub changes: &'a [Change<'a>],
    /// The texts of the first side's manifest.
    pub files_before: &'a Files,
    /// The texts of the second side's manifest.
    pub files_after: &'a Files,
}

/// A place in a manifest.
struct At {
    file: String,
    line: usize,
    column: usize,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Report<'_> {
    /// Where a thing is said on the first side.
    fn at_before(&self, change: &Change<'_>) -> Option<At> {
        at(change.before, self.files_before)
    }

    /// Where a thing is said on the second side.
    fn at_after(&self, change: &Change<'_>) -> Option<At> {
        at(change.after, self.files_after)
    }

    /// How many things came, went, changed: `1 added, 2 changed`.
    pub fn summary(&self) -> String {
        let count = |fate: Fate| self.changes.iter().filter(|change| change.fate == fate).count();
        let counts = [
            (count(Fate::Added), "added"),
            (count(Fate::Removed), "removed"),
            (count(Fate::Changed), "changed"),
        ];
        let said = counts.iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = said.map(|(count, word)| format!("{count} {word}")).collect();
        said.join(", ")
    }
}

fn at(thing: Option<&Thing>, files: &Files) -> Option<At> {
    let span = thing?.span?;
    let place = files.start(span);
    Some(At { file: files.name(span.file).to_owned(), line: place.line, column: place.column })
}

/// The mark of what became of a thing.
fn mark(fate: Fate) -> char {
    match fate {
        Fate::Added => '+',
        Fate::Removed => '-',
        Fate::Changed => '~',
    }
}
