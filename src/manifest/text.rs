//! Places inside a text value: where the third letter of an expression stands in the file.

use std::ops::Range;

use crate::diag::{Files, Span, Spanned};

/// The place in the source of a part of a text value. `range` counts bytes of the value.
///
/// Escapes, raw and folded texts, indentation and doubled quotes are followed; where that fails the
/// place of the whole value is given. What has no length gets the character behind it.
pub fn place_in(files: &Files, text: &Spanned<String>, range: Range<usize>) -> Span {
    let source = files.text(text.span);
    let (start, end) = match plain(source, &text.value) {
        Some(offset) => (offset + range.start, offset + range.end),
        None => {
            let offsets = align(source, &text.value).unwrap_or_default();
            match (offsets.get(range.start), offsets.get(range.end)) {
                (Some(start), Some(end)) => (*start, *end),
                _ => return text.span,
            }
        }
    };
    let behind = source.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    text.span.part(start..if end > start { end } else { start + behind })
}

/// Offset of a value that stands in the source as it is.
fn plain(source: &str, value: &str) -> Option<usize> {
    let inner = source.trim_start_matches('#');
    let hashes = source.len() - inner.len();
    for start in [hashes + 1, 0] {
        if source.len() >= start + value.len()
            && source.get(start..start + value.len()) == Some(value)
        {
            return Some(start);
        }
    }
    None
}

/// Offset in the source for each byte of the value, and for its end.
fn align(source: &str, value: &str) -> Option<Vec<usize>> {
    let mut offsets = Vec::with_capacity(value.len() + 1);
    let raw = source.trim_start_matches('#').starts_with('"') && source.starts_with('#');
    let single = source.starts_with('\'');
    let mut at = opening(source);
    for wanted in value.chars() {
        loop {
            let rest = source.get(at..)?;
            let Some(found) = rest.chars().next() else {
                // The last line break of a block is not part of its place.
                if !wanted.is_whitespace() {
                    return None;
                }
                offsets.push(at);
                break;
            };
            let (meant, len) = match found {
                '\\' if !raw && !single => escape(rest),
                '\'' if single && rest.starts_with("''") => (Some('\''), 2),
                '\n' if wanted == ' ' => (Some(' '), 1),
                c => (Some(c), c.len_utf8()),
            };
            if meant == Some(wanted) {
                offsets.extend(std::iter::repeat_n(at, wanted.len_utf8()));
                at += len;
                break;
            }
            // Indentation and line breaks that the value does not have.
            if meant.is_none() || found.is_whitespace() {
                at += len;
            } else {
                return None;
            }
        }
    }
    offsets.push(at);
    Some(offsets)
}

/// Length of what opens a text: quotes, or the first line of a block.
fn opening(source: &str) -> usize {
    let hashes = source.len() - source.trim_start_matches('#').len();
    let rest = &source[hashes..];
    if rest.starts_with("\"\"\"") {
        hashes + 3
    } else if rest.starts_with(['"', '\'']) {
        hashes + 1
    } else if rest.starts_with(['|', '>']) {
        rest.find('\n').map_or(source.len(), |newline| newline + 1)
    } else {
        0
    }
}

/// The character of `\ud83d\ude00`.
fn halves(text: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (first, second) = (unit(0)?, unit(6)?);
    let pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
    let code = || 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    pair.then(code).and_then(char::from_u32)
}

/// What an escape of KDL, YAML or JSON means, and its length.
fn escape(text: &str) -> (Option<char>, usize) {
    let Some(c) = text[1..].chars().next() else { return (None, 1) };
    let hex = |digits: Option<&str>| {
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32)
    };
    match c {
        'n' => (Some('\n'), 2),
        'r' => (Some('\r'), 2),
        't' => (Some('\t'), 2),
        'b' => (Some('\u{8}'), 2),
        'f' => (Some('\u{c}'), 2),
        's' => (Some(' '), 2),
        'u' if text[2..].starts_with('{') => {
            let end = text.find('}').unwrap_or(text.len() - 1);
            (hex(text.get(3..end)), end + 1)
        }
        // JSON writes what lies beyond the basic plane as two halves.
        'u' if halves(text).is_some() => (halves(text), 12),
        'u' => (hex(text.get(2..6)), 6),
        'x' => (hex(text.get(2..4)), 4),
        'U' => (hex(text.get(2..10)), 10),
        c if c.is_whitespace() => (None, text.len() - text[1..].trim_start().len()),
        c => (Some(c), 1 + c.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::{Files, Span, Spanned};
    use crate::manifest::{Format, parse};

    /// The source at the place of `needle` inside the expression of the only alert.
    fn check(text: &str, format: Format, needle: &str, expected: &str) {
        let loaded = parse("m", text, format, None).expect("no profile is asked for");
        let alert = loaded.stack.alerts().next().expect("an alert").clone();
        let start = alert.expr.find(needle).expect("the expression has it");
        let files: &Files = &loaded.files;
        let place = super::place_in(files, &alert.expr, start..start + needle.len());
        assert_eq!(files.text(place), expected, "{text}");
    }

    #[test]
    fn the_end_of_a_text_has_a_place() {
        for (expr, expected) in [("\"sum(\"", "\""), ("\"\"\"\n  sum(\n  \"\"\"", "\n")] {
            let text = format!("rules \"g\" {{\n  alert \"a\" {{\n    expr {expr}\n  }}\n}}");
            let loaded = parse("m", &text, Format::Kdl, None).expect("no profile is asked for");
            let alert = loaded.stack.alerts().next().expect("an alert");
            let place = super::place_in(&loaded.files, &alert.expr, 4..4);
            assert_eq!(loaded.files.text(place), expected);
        }
    }

    #[test]
    fn places_inside_texts_are_found_through_every_notation() {
        let kdl =
            |expr: &str| format!("rules \"g\" {{\n  alert \"a\" {{\n    expr {expr}\n  }}\n}}");
        check(&kdl("\"up == 0\""), Format::Kdl, "==", "==");
        check(&kdl("#\"up{a=\"b\"} == 0\"#"), Format::Kdl, "b", "b");
        check(&kdl("\"up{a=\\\"b\\\"} == 0\""), Format::Kdl, "==", "==");
        check(&kdl("\"up{a=\\\"b\\\"} == 0\""), Format::Kdl, "\"b\"", "\\\"b\\\"");
        check(&kdl("\"ü{a=\\\"ö\\\"} > 0\""), Format::Kdl, ">", ">");
        check(
            &kdl("\"\"\"\n      sum(\n        up\n      ) > 1\n      \"\"\""),
            Format::Kdl,
            "> 1",
            "> 1",
        );
        let yaml =
            |expr: &str| format!("rules:\n  g:\n    alert:\n      a:\n        expr: {expr}\n");
        check(&yaml("up == 0"), Format::Yaml, "==", "==");
        check(&yaml("'up{a=''b''} == 0'"), Format::Yaml, "==", "==");
        check(&yaml("\"up{a=\\\"b\\\"} == 0\""), Format::Yaml, "==", "==");
        check(
            &yaml("|\n          sum(\n            up\n          ) > 1"),
            Format::Yaml,
            "> 1",
            "> 1",
        );
        check(&yaml(">-\n          sum(up)\n          > 1"), Format::Yaml, "> 1", "> 1");
        let json = |expr: &str| {
            format!("{{\"rules\": {{\"g\": {{\"alert\": {{\"a\": {{\"expr\": {expr}}}}}}}}}}}")
        };
        check(&json("\"up{a=\\\"b\\/\\\"} == 0\""), Format::Json, "==", "==");
        check(&json("\"up{a=\\\"\\u00fcb\\\"} == 0\""), Format::Json, "b", "b");
    }

    #[test]
    fn two_halves_of_a_character_are_one() {
        let source = "\"a\\ud83d\\ude00b\"";
        let mut files = Files::default();
        let file = files.add("board.json", source);
        let text = Spanned::new("a\u{1f600}b".to_owned(), Span::new(file, 0..source.len()));
        assert_eq!(files.text(super::place_in(&files, &text, 5..6)), "b");
    }
}
