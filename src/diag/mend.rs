//! Applying the edits of findings to the texts.

use super::files::Files;
use super::finding::{Finding, Replacement};
use super::span::{FileId, Span};

/// The texts of the files that the edits of these findings change without further thought, and the findings whose edits were
/// applied: in the order given, each that does not touch an edit before it.
pub fn mend<'a>(
    files: &Files,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> (Vec<(FileId, String)>, Vec<&'a Finding>) {
    let mut edits: Vec<&Replacement> = Vec::new();
    let mut applied = Vec::new();
    for finding in findings {
        let Some(fix) = finding.fix.as_ref().filter(|fix| !fix.choice) else { continue };
        let own = fix.replacements.as_slice();
        let sound = |edit: &Replacement| {
            files.get(edit.span.file).is_some_and(|file| file.text.get(edit.span.range()).is_some())
        };
        let free = |edit: &Replacement| edits.iter().all(|other| !touch(edit.span, other.span));
        let changes = |edit: &Replacement| files.text(edit.span) != edit.text;
        if own.iter().all(|edit| sound(edit) && free(edit)) && own.iter().any(changes) {
            edits.extend(own);
            applied.push(finding);
        }
    }
    edits.sort_by_key(|edit| edit.span);
    let mut texts: Vec<(FileId, String)> = Vec::new();
    // From the end, so that the offsets before stay right.
    for edit in edits.iter().rev() {
        let at = match texts.iter().position(|(file, _)| *file == edit.span.file) {
            Some(at) => at,
            None => {
                let text = files.get(edit.span.file).map_or("", |file| &file.text);
                texts.push((edit.span.file, text.to_owned()));
                texts.len() - 1
            }
        };
        texts[at].1.replace_range(edit.span.range(), &edit.text);
    }
    texts.reverse();
    (texts, applied)
}

/// Whether two edits overlap, or insert at one place, so that their order would matter.
fn touch(one: Span, other: Span) -> bool {
    let (a, b) = (one.range(), other.range());
    one.file == other.file
        && (a.start < b.end && b.start < a.end
            || a.start == b.start
            || a.is_empty() && b.start < a.start && a.start < b.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Severity};

    const CODE: Code = Code { code: "S1", name: "n", severity: Severity::Error, explain: "" };

    /// Edits as place and text; the text that comes of them, and which were applied.
    fn check(
        text: &str,
        edits: &[(std::ops::Range<usize>, &str)],
        expected: &str,
        which: &[usize],
    ) {
        let mut files = Files::default();
        let id = files.add("a", text);
        let findings: Vec<Finding> = edits
            .iter()
            .enumerate()
            .map(|(at, (range, text))| {
                CODE.says(at.to_string()).replace("t", Span::new(id, range.clone()), *text)
            })
            .collect();
        let (texts, applied) = mend(&files, &findings);
        assert_eq!(texts.first().map_or(text, |(_, text)| text), expected);
        let numbers: Vec<usize> =
            applied.iter().filter_map(|finding| finding.message.parse().ok()).collect();
        assert_eq!(numbers, which);
    }

    #[test]
    fn edits_that_touch_one_before_them_wait() {
        check("abc", &[(0..1, "x"), (2..3, "yy")], "xbyy", &[0, 1]);
        check("abc", &[(1..3, "x"), (0..2, "y"), (0..0, "z")], "zax", &[0, 2]);
        check("abc", &[(1..1, "x"), (1..1, "y")], "axbc", &[0]);
        check("abc", &[(1..1, "x"), (1..2, "y")], "axbc", &[0]);
        check("abc", &[(0..1, "a"), (7..9, "b")], "abc", &[]);
    }
}
