//! Places inside of strings: the value of a setting is text of another language (PromQL, a template),
//! and its mistakes have offsets in that text.

use std::ops::Range;

use crate::diag::{Files, Span, Spanned};

/// The span in the manifest of a part of a setting's value. Quotes, and the indentation of strings of
/// several lines, are accounted for line by line; if the text was written with escapes the whole value
/// is the best that can be said.
pub fn inside(files: &Files, value: &Spanned<String>, part: Range<usize>) -> Span {
    let raw = files.text(value.span);
    let (start, end) = match (place(raw, value, part.start), place(raw, value, part.end)) {
        (Some(start), Some(end)) if start <= end => (start, end),
        _ => return value.span,
    };
    value.span.part(start..end.max(start + usize::from(start == end && start < raw.len())))
}

/// Offset in the raw text of an offset in the value.
fn place(raw: &str, value: &str, offset: usize) -> Option<usize> {
    let mut searched = 0;
    let mut line_start = 0;
    for line in value.split('\n') {
        let found = raw[searched..].find(line)? + searched;
        if offset <= line_start + line.len() {
            let inside = offset - line_start;
            return line.is_char_boundary(inside).then_some(found + inside);
        }
        searched = found + line.len();
        line_start += line.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, value: &str, part: Range<usize>, expected: &str) {
        let mut files = Files::default();
        let file = files.add("stack.kdl", source);
        let spanned = Spanned::new(value.to_owned(), Span::new(file, 0..source.len()));
        assert_eq!(files.text(inside(&files, &spanned, part)), expected);
    }

    #[test]
    fn quotes_and_indentation_are_accounted_for() {
        check("\"rate(up)\"", "rate(up)", 5..7, "up");
        check("#\"a == \"b\"\"#", "a == \"b\"", 5..8, "\"b\"");
        check("\"\"\"\n    sum(\n      up\n    )\n    \"\"\"", "sum(\n  up\n)", 7..9, "up");
    }

    #[test]
    fn with_escapes_the_whole_value_is_meant() {
        check("\"a{b=\\\"c\\\"}\"", "a{b=\"c\"}", 2..3, "\"a{b=\\\"c\\\"}\"");
    }

    #[test]
    fn the_end_of_the_text_has_a_place() {
        check("\"sum(\"", "sum(", 4..4, "\"");
    }
}
