//! Places inside of strings: the value of a setting is text of another language (PromQL, a template),
//! and its mistakes have offsets in that text.

use std::ops::Range;

use crate::diag::{Files, Span, Spanned};
use crate::manifest::place_in;

/// The span in the manifest of a part of a setting's value; an empty part, such as the end of the
/// text, is widened to the character behind it.
pub fn inside(files: &Files, value: &Spanned<String>, part: Range<usize>) -> Span {
    let span = place_in(files, value, part);
    if span.len > 0 || span == value.span {
        return span;
    }
    let at = (span.start - value.span.start) as usize;
    let behind = files.text(value.span).get(at..).and_then(|text| text.chars().next());
    value.span.part(at..at + behind.map_or(0, char::len_utf8))
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
    fn escapes_are_followed() {
        check("\"a{b=\\\"c\\\"}\"", "a{b=\"c\"}", 5..6, "c");
        check("\"a{b=\\\"c\\\"} )\"", "a{b=\"c\"} )", 9..10, ")");
        check("'a{b=''c''} )'", "a{b='c'} )", 9..10, ")");
    }

    #[test]
    fn the_end_of_the_text_has_a_place() {
        check("\"sum(\"", "sum(", 4..4, "\"");
    }
}
