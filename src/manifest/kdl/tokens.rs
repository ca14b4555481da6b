//! KDL as a sequence of tokens that together are the whole text: what a formatter and a reader of
//! comments need. Nothing is judged here; of a broken text the tokens are as good as they can be.

use std::ops::Range;

use super::words::behind_string;
use super::{is_newline, is_space};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Spaces and tabs.
    Space,
    /// One line break.
    Newline,
    /// `// …` without its line break.
    LineComment,
    /// `/* … */`, which may hold others.
    BlockComment,
    /// `/-`.
    SlashDash,
    /// A backslash that joins the next line.
    Continuation,
    /// `{`.
    Open,
    /// `}`.
    Close,
    /// `(`.
    OpenTag,
    /// `)`.
    CloseTag,
    /// `=`.
    Equals,
    /// `;`.
    Semicolon,
    /// A word, a number, a keyword or a string.
    Value,
}

/// A token and its bytes in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub range: Range<usize>,
}

/// All tokens: each begins where the one before it ends.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (kind, len) = token(text, at);
        tokens.push(Token { kind, range: at..at + len });
        at += len;
    }
    tokens
}

fn token(text: &str, at: usize) -> (Kind, usize) {
    let rest = &text[at..];
    let first = rest.chars().next().unwrap_or(' ');
    let kind = match first {
        '{' => Kind::Open,
        '}' => Kind::Close,
        '(' => Kind::OpenTag,
        ')' => Kind::CloseTag,
        '=' => Kind::Equals,
        ';' => Kind::Semicolon,
        '"' => return (Kind::Value, behind_string(text, at, 0) - at),
        '\\' => Kind::Continuation,
        _ if rest.starts_with("\r\n") => return (Kind::Newline, 2),
        c if is_newline(c) => Kind::Newline,
        c if is_space(c) || c == '\u{feff}' => {
            let len = rest.find(|c| !is_space(c) && c != '\u{feff}').unwrap_or(rest.len());
            return (Kind::Space, len);
        }
        '/' if rest.starts_with("//") => {
            return (Kind::LineComment, rest.find(is_newline).unwrap_or(rest.len()));
        }
        '/' if rest.starts_with("/*") => return (Kind::BlockComment, block_comment(rest)),
        '/' if rest.starts_with("/-") => return (Kind::SlashDash, 2),
        '#' => {
            let hashes = rest.len() - rest.trim_start_matches('#').len();
            if rest[hashes..].starts_with('"') {
                return (Kind::Value, behind_string(text, at + hashes, hashes) - at);
            }
            return (Kind::Value, hashes + word(&rest[hashes..]));
        }
        c => return (Kind::Value, c.len_utf8() + word(&rest[c.len_utf8()..])),
    };
    (kind, first.len_utf8())
}

/// Length of what goes on with a word.
fn word(text: &str) -> usize {
    let end = |c| {
        is_space(c)
            || is_newline(c)
            || matches!(c, '{' | '}' | '(' | ')' | '=' | ';' | '"' | '\\' | '/' | '\u{feff}')
    };
    text.find(end).unwrap_or(text.len())
}

/// Length of a block comment with those inside of it; of one that is not closed, the rest.
fn block_comment(text: &str) -> usize {
    let mut at = 2;
    let mut depth = 1;
    while depth > 0 {
        let Some(next) = memchr::memchr2(b'*', b'/', &text.as_bytes()[at..]) else {
            return text.len();
        };
        at += next;
        match &text.as_bytes()[at..] {
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<(Kind, &str)> =
            tokens(text).into_iter().map(|token| (token.kind, &text[token.range])).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_byte_belongs_to_one_token() {
        use Kind::{
            BlockComment, Close, CloseTag, Continuation, Equals, LineComment, Newline, Open,
            OpenTag, Semicolon, SlashDash, Space, Value,
        };
        check(
            "a b=(t)\"{ // }\"; /-c",
            &[
                (Value, "a"),
                (Space, " "),
                (Value, "b"),
                (Equals, "="),
                (OpenTag, "("),
                (Value, "t"),
                (CloseTag, ")"),
                (Value, "\"{ // }\""),
                (Semicolon, ";"),
                (Space, " "),
                (SlashDash, "/-"),
                (Value, "c"),
            ],
        );
        check(
            "a { /* x /* y */ */ } // z\r\n",
            &[
                (Value, "a"),
                (Space, " "),
                (Open, "{"),
                (Space, " "),
                (BlockComment, "/* x /* y */ */"),
                (Space, " "),
                (Close, "}"),
                (Space, " "),
                (LineComment, "// z"),
                (Newline, "\r\n"),
            ],
        );
        check(
            "a \\\n#\"b\"c\"#",
            &[
                (Value, "a"),
                (Space, " "),
                (Continuation, "\\"),
                (Newline, "\n"),
                (Value, "#\"b\"c\"#"),
            ],
        );
        check("#true", &[(Value, "#true")]);
    }

    #[test]
    fn broken_texts_have_tokens_too() {
        for text in ["\"", "#\"", "/*", "/* /*", "a/b", "\\", "}}", "\"\"\"\n", "##", "ä\u{feff}"]
        {
            let tokens = tokens(text);
            let mut at = 0;
            for token in &tokens {
                assert_eq!(token.range.start, at, "{text:?}");
                assert!(token.range.end > at && text.get(token.range.clone()).is_some());
                at = token.range.end;
            }
            assert_eq!(at, text.len(), "{text:?}");
        }
    }
}
