//! Matchers of alerts as Alertmanager reads them: `severity=critical, team=~"a|b"`.
//!
//! There are two notations. The classic one knows plain names of labels only, and takes nearly anything
//! as a value without quotes. The one of 0.27 takes any text in quotes as a name. Alertmanager reads a
//! text in the classic notation if it can, and only else in the new one; so does [`parse`].

use std::ops::Range;

use crate::model::{MatchOp, Matcher};
use crate::promql::quote::unquote;

/// A matcher and where it stands in its text; offsets count bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// What it asks for.
    pub matcher: Matcher,
    /// The whole of it.
    pub range: Range<usize>,
    /// The name of the label, with its quotes.
    pub name: Range<usize>,
    /// The value, with its quotes.
    pub value: Range<usize>,
}

/// A text is no list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where in the text; empty at its end.
    pub at: Range<usize>,
}

impl SyntaxError {
    fn new(message: impl Into<String>, at: Range<usize>) -> Self {
        Self { message: message.into(), at }
    }
}

/// Reads matchers as Alertmanager 0.27 and later does. The error is that of the newer notation, since
/// it knows its place.
pub fn parse(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    parse_classic(text).or_else(|_| parse_utf8(text))
}

/// Reads matchers as Alertmanager before 0.27 does.
pub fn parse_classic(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let start = usize::from(text.starts_with('{'));
    let end = text.len() - usize::from(text.len() > start && text.ends_with('}'));
    let mut all = Vec::new();
    let mut from = start;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text[start..end].char_indices() {
        match c {
            ',' if !quoted => {
                all.push(classic_matcher(text, from..start + at)?);
                from = start + at + 1;
            }
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            // A comma within quotes leaves the state alone, as the reference program does.
            ',' => {}
            _ => escaped = false,
        }
    }
    if !text[from..end].trim().is_empty() {
        all.push(classic_matcher(text, from..end)?);
    }
    Ok(all)
}

/// What Go's `\s` is.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r')
}

/// The range without the spaces around what stands there.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start_matches(is_space).len());
    start..start + text[start..range.end].trim_end_matches(is_space).len()
}

fn classic_matcher(text: &str, range: Range<usize>) -> Result<Placed, SyntaxError> {
    let range = trimmed(text, range);
    let whole = &text[range.clone()];
    let wrong = |message: &str| SyntaxError::new(message, range.clone());
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let name = whole.len() - whole.trim_start_matches(is_name).len();
    if name == 0 || whole.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong("this does not begin with the name of a label"));
    }
    let operator = trimmed(text, range.start + name..range.end).start;
    let Some((op, length)) = operator_at(&text[operator..range.end]) else {
        return Err(wrong("the name of a label is followed by `=`, `!=`, `=~` or `!~`"));
    };
    let place = trimmed(text, operator + length..range.end);
    let value = classic_value(&text[place.clone()])
        .ok_or_else(|| SyntaxError::new("the quotes of this value do not fit", place.clone()))?;
    let name = range.start..range.start + name;
    placed(text[name.clone()].to_owned(), op, value, Ranges { range, name, value: place })
}

/// The text of a value, whose escapes are `\n`, `\"` and `\\`; other backslashes are meant as they are.
fn classic_value(raw: &str) -> Option<String> {
    let quoted = raw.strip_prefix('"');
    let (raw, mut open) = (quoted.unwrap_or(raw), quoted.is_some());
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            '"' if open && at + 1 == raw.len() => open = false,
            '"' => return None,
            c => value.push(c),
        }
    }
    (!open).then_some(value)
}

/// The operator that a text begins with, and its length.
fn operator_at(text: &str) -> Option<(MatchOp, usize)> {
    [MatchOp::Regex, MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Equal]
        .into_iter()
        .find(|op| text.starts_with(op.as_str()))
        .map(|op| (op, op.as_str().len()))
}

struct Ranges {
    range: Range<usize>,
    name: Range<usize>,
    value: Range<usize>,
}

fn placed(
    label: String,
    op: MatchOp,
    text: String,
    Ranges { range, name, value }: Ranges,
) -> Result<Placed, SyntaxError> {
    let matcher = Matcher::of_alerts(label, op, text)
        .map_err(|err| SyntaxError::new(err.to_string(), value.clone()))?;
    Ok(Placed { matcher, range, name, value })
}

/// Reads matchers in the notation of 0.27 alone.
fn parse_utf8(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut tokens = Tokens { text, at: 0 };
    let mut all = Vec::new();
    let braces = tokens.take("{");
    loop {
        match tokens.peek() {
            None if !braces => return Ok(all),
            None => return Err(tokens.wrong("the brace is not closed")),
            Some('}') if braces => {
                tokens.take("}");
                return match tokens.peek() {
                    None => Ok(all),
                    Some(_) => Err(tokens.wrong("something follows the closing brace")),
                };
            }
            Some(_) => {}
        }
        let (label, name) = tokens.word("the name of a label")?;
        let op = tokens.operator()?;
        let (value, place) = tokens.word("a value")?;
        let ranges = Ranges { range: name.start..place.end, name, value: place };
        all.push(placed(label, op, value, ranges)?);
        let ended = tokens.peek().is_none_or(|c| c == '}' && braces);
        if !ended && !tokens.take(",") {
            return Err(tokens.wrong("between two matchers stands a comma"));
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Tokens<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn wrong(&self, message: impl Into<String>) -> SyntaxError {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        SyntaxError::new(message, self.at..self.at + length)
    }

    fn operator(&mut self) -> Result<MatchOp, SyntaxError> {
        self.peek();
        let Some((op, length)) = operator_at(self.rest()) else {
            return Err(self.wrong("here should be `=`, `!=`, `=~` or `!~`"));
        };
        self.at += length;
        Ok(op)
    }

    /// A text in double quotes, or without where it has no character that means something else.
    fn word(&mut self, what: &str) -> Result<(String, Range<usize>), SyntaxError> {
        let first = self.peek();
        let start = self.at;
        if first == Some('"') {
            let mut escaped = false;
            let close = self.rest().char_indices().skip(1).find_map(|(at, c)| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes.then_some(at)
            });
            let Some(close) = close else {
                let all = start..self.text.len();
                return Err(SyntaxError::new("the quote is not closed", all));
            };
            let range = start..start + close + 1;
            self.at = range.end;
            let literal = &self.text[range.clone()];
            let read = if literal.contains('\n') {
                Err("a line break is written `\\n`".to_owned())
            } else {
                unquote(literal)
            };
            return match read {
                Ok(text) => Ok((text, range)),
                Err(message) => Err(SyntaxError::new(message, range)),
            };
        }
        let means_something = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let length = self.rest().find(means_something).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.wrong(format!("here should be {what}")));
        }
        self.at += length;
        Ok((self.text[start..self.at].to_owned(), start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(result: Result<Vec<Placed>, SyntaxError>) -> String {
        match result {
            Ok(all) => all.iter().map(|one| one.matcher.to_string()).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{}: {}", error.at.start, error.message),
        }
    }

    #[test]
    fn the_classic_notation_takes_values_without_quotes() {
        let check = |text: &str, expected: &str| assert_eq!(show(parse_classic(text)), expected);
        check("severity=critical", r#"severity="critical""#);
        check("{a = b c , d!~\"x,y\"}", r#"a="b c" d!~"x,y""#);
        check(r##"a="\"b,\\" , b="""##, r##"a="\"b,\\" b="""##);
        check(r"a=x\y\n", r#"a="x\\y\n""#);
        check("a=b,", r#"a="b""#);
        check("", "");
        check("{}", "");
        check("a==b", r#"a="=b""#);
        check("a=b,,c=d", "4: this does not begin with the name of a label");
        check("a-b=c", "0: the name of a label is followed by `=`, `!=`, `=~` or `!~`");
        check("a=\"b", "2: the quotes of this value do not fit");
        check("a=b\"c", "2: the quotes of this value do not fit");
        check("a=\"b\"c", "2: the quotes of this value do not fit");
        check("\"a\"=b", "0: this does not begin with the name of a label");
    }

    #[test]
    fn the_new_notation_takes_any_text_as_name() {
        let check = |text: &str, expected: &str| assert_eq!(show(parse_utf8(text)), expected);
        check(r#"{"foo bar"="b", 🙂!=c,}"#, r#"foo bar="b" 🙂!="c""#);
        check(r#" a =~ "\x41.*" "#, r#"a=~"A.*""#);
        check("", "");
        check("{ }", "");
        check("a=b c=d", "4: between two matchers stands a comma");
        check("a=", "2: here should be a value");
        check("a=b}", "3: between two matchers stands a comma");
        check("{a=b", "4: the brace is not closed");
        check("{a=b} c", "6: something follows the closing brace");
        check(",a=b", "0: here should be the name of a label");
        check("a=\"\\q\"", "2: unknown escape sequence U+0071 'q'");
        check("a=\"b", "2: the quote is not closed");
    }

    #[test]
    fn the_classic_reading_wins_where_both_read_something() {
        assert_eq!(show(parse(r#"a="\x41""#)), r#"a="\\x41""#);
        assert_eq!(show(parse(r#""a b"=c"#)), r#"a b="c""#);
        assert_eq!(show(parse("a=~\"(\"")), "3: unclosed group");
    }

    #[test]
    fn matchers_know_their_places() {
        let text = r#"{ ab = "c,d" ,e=~f }"#;
        let part = |range: &Range<usize>| text[range.clone()].to_owned();
        let found: Vec<_> = parse(text)
            .unwrap()
            .iter()
            .map(|one| (part(&one.range), part(&one.name), part(&one.value)))
            .collect();
        let expected = [(r#"ab = "c,d""#, "ab", r#""c,d""#), ("e=~f", "e", "f")];
        assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
