//! String literals: quoting for messages and printing, reading with Go's escapes.

use std::fmt::Write;

/// The text in double quotes, escaped as Prometheus prints it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// One character in single quotes, as lexer messages show it.
pub(super) fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c, '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, c: char, delimiter: char) {
    let short = match c {
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        '\\' => '\\',
        _ if c == delimiter => c,
        ' ' => return out.push(' '),
        _ if is_printable(c) => return out.push(c),
        _ => {
            let code = c as u32;
            let written = match code {
                0..0x80 => write!(out, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
            return written.expect("a String takes everything");
        }
    };
    out.push('\\');
    out.push(short);
}

fn is_printable(c: char) -> bool {
    // The lexer takes U+FFFD for broken UTF-8, so it is always escaped.
    let replacement = c == char::REPLACEMENT_CHARACTER;
    let private = ('\u{e000}'..='\u{f8ff}').contains(&c);
    !(c.is_control() || c.is_whitespace() || private || replacement)
}

/// Reads a literal with its quotes (`"…"`, `'…'` or `` `…` ``); the lexer has checked that it is
/// closed. Bytes that make no UTF-8 (`"\xff"`) become U+FFFD.
pub fn unquote(literal: &str) -> Result<String, String> {
    let mut chars = literal.chars();
    let (Some(open), Some(close)) = (chars.next(), chars.next_back()) else {
        return Err("invalid syntax".to_owned());
    };
    if open != close {
        return Err("invalid syntax".to_owned());
    }
    let inner = chars.as_str();
    if open == '`' {
        return Ok(inner.replace('\r', ""));
    }
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let length = read_escape(&rest[at + 1..], open, &mut bytes)?;
        rest = &rest[at + 1 + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads what follows a backslash, appends what it means, and returns how many bytes it took. The
/// error is the lexer's sentence.
pub(super) fn read_escape(text: &str, delimiter: char, out: &mut Vec<u8>) -> Result<usize, String> {
    let Some(c) = text.chars().next() else {
        return Err("escape sequence not terminated".to_owned());
    };
    let simple = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        _ if c == delimiter => c as u8,
        '0'..='7' => {
            let value = digits(text, 3, 8)?;
            out.push(u8::try_from(value).map_err(|_| bad_code_point())?);
            return Ok(3);
        }
        'x' => {
            out.push(digits(&text[1..], 2, 16)? as u8);
            return Ok(3);
        }
        'u' | 'U' => {
            let count = if c == 'u' { 4 } else { 8 };
            let value = digits(&text[1..], count, 16)?;
            let c = char::from_u32(value).ok_or_else(bad_code_point)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(1 + count);
        }
        _ => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    out.push(simple);
    Ok(1)
}

fn digits(text: &str, count: usize, base: u32) -> Result<u32, String> {
    let mut chars = text.chars();
    (0..count).try_fold(0u32, |value, _| match chars.next() {
        None => Err("escape sequence not terminated".to_owned()),
        Some(c) => match c.to_digit(base) {
            Some(digit) => value
                .checked_mul(base)
                .and_then(|v| v.checked_add(digit))
                .ok_or_else(bad_code_point),
            None => Err(format!("illegal character {} in escape sequence", code_point(c))),
        },
    })
}

fn bad_code_point() -> String {
    "escape sequence is an invalid Unicode code point".to_owned()
}

/// `U+0071 'q'`
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_escapes_what_go_escapes() {
        assert_eq!(quote("a\"b\\c\n\t"), r#""a\"b\\c\n\t""#);
        assert_eq!(quote("grün 'x'"), "\"grün 'x'\"");
        assert_eq!(quote("\u{7f}\u{1}\u{a0}"), r#""\x7f\x01\u00a0""#);
        assert_eq!(quote_char('\''), r"'\''");
        assert_eq!(quote_char('"'), "'\"'");
    }

    #[test]
    fn unquoting_reads_all_escapes() {
        assert_eq!(
            unquote(r#""a\tb\\\"\x41\101\u00fc\U0001F600""#).unwrap(),
            "a\tb\\\"AA\u{fc}\u{1F600}"
        );
        assert_eq!(unquote(r"'it\'s'").unwrap(), "it's");
        assert_eq!(unquote("`raw \\n`").unwrap(), "raw \\n");
        assert_eq!(unquote("\"\"").unwrap(), "");
        assert_eq!(unquote(r#""\q""#).unwrap_err(), "unknown escape sequence U+0071 'q'");
        assert_eq!(
            unquote(r#""\x4g""#).unwrap_err(),
            "illegal character U+0067 'g' in escape sequence"
        );
        assert!(unquote(r#""\400""#).is_err());
        assert!(unquote(r#""\ud800""#).is_err());
    }

    #[test]
    fn a_quoted_text_is_read_back() {
        for text in ["", "a\"b", "\\", "\u{0}\u{1f}\u{7f}", "ü😀\u{a0}\u{2028}", "\r\n"] {
            assert_eq!(unquote(&quote(text)).unwrap(), text);
        }
    }
}
