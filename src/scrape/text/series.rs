//! Name and labels of a sample line: `name{a="1",b="2"}` or `{"any name",a="1"}`.

use std::borrow::Cow;

use crate::model::METRIC_NAME;

/// Label pairs in the order of the line.
pub type LabelPairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A text between quotes, or a bare name.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    bytes: &'a [u8],
    escaped: bool,
}

impl<'a> Word<'a> {
    /// The text without escapes; broken UTF-8 becomes U+FFFD, though callers have checked it.
    fn unescape(self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.bytes);
        if self.escaped { Cow::Owned(unescape(&text)) } else { text }
    }
}

/// What a walk over a series comes across.
pub(super) enum Part<'a> {
    Name(Word<'a>),
    Label(Word<'a>, Word<'a>),
}

/// `\\`, `\n` and `\"`; a backslash before anything else stays.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (known, replacement) = match rest.as_bytes().get(at + 1) {
            Some(b'\\') => (2, "\\"),
            Some(b'n') => (2, "\n"),
            Some(b'"') => (2, "\""),
            _ => (1, "\\"),
        };
        out.push_str(replacement);
        rest = &rest[at + known..];
    }
    out.push_str(rest);
    out
}

pub(super) fn pairs(series: &str) -> LabelPairs<'_> {
    let mut pairs = Vec::new();
    // The reader has walked over the same text before: it cannot fail any more.
    let _ = walk(series.as_bytes(), false, |part| match part {
        Part::Name(name) => pairs.push((Cow::Borrowed(METRIC_NAME), name.unescape())),
        Part::Label(name, value) => pairs.push((name.unescape(), value.unescape())),
    });
    pairs
}

/// Length of the bare metric name at the start, 0 if there is none.
pub(super) fn bare_name(bytes: &[u8]) -> usize {
    let is_name = |byte: u8, first: bool| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || !first && byte.is_ascii_digit()
    };
    bytes
        .iter()
        .enumerate()
        .position(|(index, &byte)| !is_name(byte, index == 0))
        .unwrap_or(bytes.len())
}

/// Length of the quoted text at the start, with its quotes, and whether there is a backslash in it.
pub(super) fn quoted(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut escaped = false;
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((at + 1, escaped)),
            b'\\' => {
                escaped = true;
                bytes.get(at + 1).filter(|byte| **byte != b'\n')?;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// Why a series cannot be read, and where.
pub(super) enum Broken {
    /// Something else was expected at this place.
    Expected(&'static str, usize),
    /// Said as it is.
    Because(&'static str),
}

fn skip_blanks(bytes: &[u8], at: usize, strict: bool) -> usize {
    if strict {
        return at;
    }
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Walks over the series at the start of the bytes and returns its length. `strict` allows no blanks.
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    strict: bool,
    mut visit: impl FnMut(Part<'a>),
) -> Result<usize, Broken> {
    let name = bare_name(bytes);
    let mut named = name > 0;
    if named {
        visit(Part::Name(Word { bytes: &bytes[..name], escaped: false }));
    }
    let mut at = skip_blanks(bytes, name, strict);
    if bytes.get(at) != Some(&b'{') {
        return if named { Ok(name) } else { Err(Broken::Expected("a metric name", 0)) };
    }
    at += 1;
    let mut after_comma = false;
    loop {
        at = skip_blanks(bytes, at, strict);
        let label = match bytes.get(at) {
            Some(b'}') if strict && after_comma => {
                return Err(Broken::Expected("a label name", at));
            }
            Some(b'}') => return Ok(at + 1),
            Some(b'"') => {
                let (length, escaped) =
                    quoted(&bytes[at..]).ok_or(Broken::Because("the quoted text does not end"))?;
                let word = Word { bytes: &bytes[at + 1..at + length - 1], escaped };
                at = skip_blanks(bytes, at + length, strict);
                (bytes.get(at) == Some(&b'=')).then_some(word).ok_or(word)
            }
            _ => {
                let length = bytes[at..]
                    .iter()
                    .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
                    .unwrap_or(bytes.len() - at);
                if length == 0 || bytes[at].is_ascii_digit() {
                    return Err(Broken::Expected("a label name", at));
                }
                let word = Word { bytes: &bytes[at..at + length], escaped: false };
                at = skip_blanks(bytes, at + length, strict);
                if bytes.get(at) != Some(&b'=') {
                    return Err(Broken::Expected("= after the label name", at));
                }
                Ok(word)
            }
        };
        match label {
            Ok(label) => {
                at = skip_blanks(bytes, at + 1, strict);
                if bytes.get(at) != Some(&b'"') {
                    return Err(Broken::Expected("a quoted label value", at));
                }
                let (length, escaped) =
                    quoted(&bytes[at..]).ok_or(Broken::Because("the quoted text does not end"))?;
                let value = Word { bytes: &bytes[at + 1..at + length - 1], escaped };
                visit(Part::Label(label, value));
                at = skip_blanks(bytes, at + length, strict);
            }
            Err(_) if named => return Err(Broken::Because("the metric name is given twice")),
            Err(name) => {
                named = true;
                visit(Part::Name(name));
            }
        }
        match bytes.get(at) {
            Some(b',') => {
                at += 1;
                after_comma = true;
            }
            Some(b'}') => return Ok(at + 1),
            // The older format never insisted on its commas.
            Some(b'"' | b'_' | b'a'..=b'z' | b'A'..=b'Z') if !strict => {}
            _ => return Err(Broken::Expected(", or } after the label", at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_escapes_are_undone() {
        assert_eq!(unescape(r#"a\\b\nc\"d\te\"#), "a\\b\nc\"d\\te\\");
    }

    #[test]
    fn empty_values_are_kept() {
        let found = pairs(r#"a{instance=""}"#);
        assert_eq!(found, [("__name__".into(), "a".into()), ("instance".into(), "".into())]);
    }
}
