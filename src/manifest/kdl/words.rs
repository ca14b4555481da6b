//! Values of KDL: words, strings in all their forms, numbers and keywords.

use super::super::duration;
use super::super::tree::Notation;
use super::{Data, Reader, Value, codes, is_newline, is_space};
use crate::diag::Finding;

impl Reader<'_> {
    /// A single value without annotation. `None` when there is none or it is beyond repair, which is
    /// then in the findings; what is behind it is read on.
    pub(super) fn value(&mut self) -> Option<Value> {
        let start = self.at;
        match self.peek()? {
            '"' => Some(self.string(0)),
            '#' => Some(self.hash()),
            c if c.is_ascii_digit() || self.signed_number() => Some(self.number()),
            c if is_word(c) => Some(self.word()),
            c => {
                let wild = self.wild_word();
                if wild.len() > 1 && !matches!(c, '{' | '(' | '[' | '=' | ')') {
                    return Some(self.needs_quotes(start));
                }
                self.at = start + c.len_utf8();
                let finding = codes::SYNTAX
                    .says(format!("`{}` cannot stand here", c.escape_debug()))
                    .at(self.span(start..self.at), "a name or a value was expected");
                let finding = match c {
                    '[' => {
                        finding.help("a list is written as values one behind the other: `a b c`")
                    }
                    '=' => finding.help("a property is a name, `=` and a value: `name=\"value\"`"),
                    _ => finding,
                };
                self.follow_up(finding);
                None
            }
        }
    }

    /// `#true`, `#null`, `#inf` or a raw string.
    fn hash(&mut self) -> Value {
        let start = self.at;
        let hashes = self.rest().bytes().take_while(|byte| *byte == b'#').count();
        if self.rest()[hashes..].starts_with('"') {
            self.at += hashes;
            return self.string(hashes);
        }
        let word = self.wild_word();
        let data = match &self.text[start..start + word.len()] {
            "#true" => Data::Bool(true),
            "#false" => Data::Bool(false),
            "#null" => Data::Null,
            word @ ("#inf" | "#-inf" | "#nan") => Data::Number(word[1..].to_owned()),
            _ => return self.needs_quotes(start),
        };
        self.at = start + word.len();
        self.plain(start, data)
    }

    /// A word without quotes.
    fn word(&mut self) -> Value {
        let start = self.at;
        let rest = self.rest();
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += len;
        if !self.at_word_end() {
            return self.needs_quotes(start);
        }
        let word = self.text[start..self.at].to_owned();
        let data = match word.as_str() {
            "true" => Data::Bool(true),
            "false" => Data::Bool(false),
            "null" => Data::Null,
            "inf" | "-inf" | "nan" => Data::Number(word.clone()),
            _ => return self.plain(start, Data::Text(word)),
        };
        let finding = codes::SYNTAX
            .says(format!("`{word}` is written `#{word}` in KDL"))
            .at(self.span(start..self.at), "")
            .help(format!("write `#{word}`, or \"{word}\" for a text"))
            .replace(&format!("write `#{word}`"), self.span(start..start), "#");
        self.findings.push(finding);
        self.plain(start, data)
    }

    /// Whether a number with a sign or a leading point begins here.
    fn signed_number(&self) -> bool {
        let rest = self.rest().as_bytes();
        match rest {
            [b'+' | b'-' | b'.', b'0'..=b'9', ..] => true,
            [b'+' | b'-', b'.', digit, ..] => digit.is_ascii_digit(),
            _ => false,
        }
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        let rest = self.rest();
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += len;
        let word = self.text[start..self.at].to_owned();
        if self.at_word_end() && is_number(&word) {
            return self.plain(start, Data::Number(word));
        }
        let meant = match duration::parse(&word) {
            Some(_) => Some(word.clone()),
            None => duration::guess(&word),
        };
        let Some(meant) = meant.filter(|_| self.at_word_end()) else {
            return self.needs_quotes(start);
        };
        let span = self.span(start..self.at);
        let finding = codes::BARE_DURATION
            .says(format!("the duration `{word}` needs quotes"))
            .at(span, "a word cannot begin with a digit")
            .help(format!("write \"{meant}\""))
            .replace("put it in quotes", span, format!("\"{meant}\""));
        self.findings.push(finding);
        self.plain(start, Data::Text(meant))
    }

    /// Takes everything up to the next space as a text, and says that it needs quotes.
    fn needs_quotes(&mut self, start: usize) -> Value {
        self.at = start;
        let word = self.wild_word();
        self.at += word.len();
        let span = self.span(start..self.at);
        let finding = codes::SYNTAX
            .says(format!("`{}` needs quotes", word.escape_debug()))
            .at(span, "not a plain word or number")
            .help(format!("write {word:?}"))
            .replace("put it in quotes", span, format!("{word:?}"));
        self.findings.push(finding);
        self.plain(start, Data::Text(word))
    }

    /// Everything from here up to a space or an end of the node; nothing is taken.
    fn wild_word(&self) -> String {
        let rest = self.rest();
        let end = |c| is_space(c) || is_newline(c) || matches!(c, ';' | '{' | '}' | '"');
        let len = rest.find(end).unwrap_or(rest.len());
        rest[..len].to_owned()
    }

    /// Whether a word can end here.
    fn at_word_end(&self) -> bool {
        match self.peek() {
            None | Some(';' | '{' | '}' | '=' | ')' | '\\') => true,
            Some('/') => ["//", "/*", "/-"].iter().any(|start| self.rest().starts_with(start)),
            Some(c) => is_space(c) || is_newline(c) || c == '"',
        }
    }

    fn plain(&self, start: usize, data: Data) -> Value {
        Value {
            data,
            tag: None,
            span: self.span(start..self.at),
            quoted: false,
            notation: Notation::Kdl,
        }
    }

    // -- Strings

    /// A string; the reader stands at its first quote, `hashes` have been taken before.
    fn string(&mut self, hashes: usize) -> Value {
        let start = self.at - hashes;
        let close = behind_string(self.text, self.at, hashes);
        let fence = "#".repeat(hashes);
        let multi = self.rest().starts_with("\"\"\"");
        let quotes = if multi { 3 } else { 1 };
        let ending = format!("{}{fence}", &"\"\"\""[..quotes]);
        let inside_start = self.at + quotes;
        let all = &self.text[inside_start..close.max(inside_start)];
        let (inside, closed) = match all.strip_suffix(ending.as_str()) {
            Some(inside) if !ends_escaped(inside, hashes) => (inside, true),
            _ if multi => (all, false),
            _ => (up_to_the_end_of_the_node(all), false),
        };
        let all = if closed { all } else { inside };
        self.at = inside_start + all.len();
        if !closed {
            let opened = self.span(start..inside_start);
            let finding: Finding = codes::SYNTAX
                .says("this text is not closed")
                .at(opened, "opened here")
                .help(format!("close it with `{ending}`"));
            self.findings.push(if multi {
                finding
            } else {
                finding.replace("close it", self.span(self.at..self.at), ending)
            });
        }
        let text = if multi {
            self.dedent(inside, inside_start, hashes > 0, closed)
        } else if hashes > 0 {
            inside.to_owned()
        } else {
            self.unescape(inside, inside_start)
        };
        Value {
            data: Data::Text(text),
            tag: None,
            span: self.span(start..self.at),
            quoted: true,
            notation: Notation::Kdl,
        }
    }

    /// Resolves escapes; unknown ones are reported and taken as they stand.
    fn unescape(&mut self, text: &str, offset: usize) -> String {
        let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return text.to_owned() };
        let mut out = text[..first].to_owned();
        let mut rest = &text[first..];
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let taken = match escape(rest) {
                Some((Some(c), len)) => {
                    out.push(c);
                    len
                }
                Some((None, len)) => len,
                None => {
                    let start = offset + (text.len() - rest.len());
                    let len = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                    let finding = codes::SYNTAX
                        .says(format!("`{}` is no escape", &rest[..len]))
                        .at(self.span(start..start + len), "")
                        .help("write `\\\\` for a backslash, or a raw text: `#\"…\"#`")
                        .replace("double the backslash", self.span(start..start), "\\");
                    self.findings.push(finding);
                    out.push_str(&rest[..len]);
                    len
                }
            };
            rest = &rest[taken..];
        }
        out.push_str(rest);
        out
    }

    /// The text of a string in triple quotes: without the first and last line break, and without the
    /// indentation of the last line.
    fn dedent(&mut self, inside: &str, offset: usize, raw: bool, closed: bool) -> String {
        let joined = if raw { inside.to_owned() } else { join_escaped_lines(inside) };
        let normal = joined.replace("\r\n", "\n").replace(is_newline, "\n");
        let mut lines: Vec<&str> = normal.split('\n').collect();
        let prefix = if closed { lines.pop().unwrap_or("") } else { "" };
        let first_empty = lines.first().is_some_and(|line| line.is_empty());
        if closed && (!first_empty || !prefix.chars().all(is_space)) {
            let message = "a text in triple quotes begins and ends with a line of its own";
            let finding = codes::SYNTAX
                .says(message)
                .at(self.span(offset - 3..offset), "opened here")
                .help("begin a new line behind the first quotes and before the last ones");
            self.findings.push(finding);
            return if raw { inside.to_owned() } else { self.unescape(inside, offset) };
        }
        let mut wrong = false;
        let kept: Vec<&str> = lines
            .iter()
            .skip(1)
            .map(|line| match line.strip_prefix(prefix) {
                _ if line.chars().all(is_space) => "",
                Some(rest) => rest,
                None => {
                    wrong = true;
                    line
                }
            })
            .collect();
        if wrong {
            let finding = codes::SYNTAX
                .says("a line of this text is indented less than its last line")
                .at(self.span(offset - 3..offset), "opened here")
                .help("indent all lines at least as far as the closing quotes");
            self.findings.push(finding);
        }
        let text = kept.join("\n");
        // Escapes are resolved behind the indentation, so places inside are not known any more; a
        // wrong escape is reported at the opening quotes.
        if raw { text } else { self.unescape_at(&text, offset) }
    }

    fn unescape_at(&mut self, text: &str, offset: usize) -> String {
        let known = self.findings.len();
        let result = self.unescape(text, 0);
        let opened = self.span(offset - 3..offset);
        for finding in self.findings.iter_mut().skip(known) {
            finding.fix = None;
            if let Some(label) = &mut finding.label {
                label.span = opened;
            }
        }
        result
    }
}

/// Whether a character can stand in a word without quotes.
fn is_word(c: char) -> bool {
    !matches!(c, '\\' | '/' | '(' | ')' | '{' | '}' | ';' | '[' | ']' | '"' | '#' | '=')
        && !is_space(c)
        && !is_newline(c)
        && !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a word is a number of KDL.
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let all = |text: &str, allowed: fn(char) -> bool| {
        text.starts_with(allowed) && text.chars().all(|c| c == '_' || allowed(c))
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        return all(hex, |c| c.is_ascii_hexdigit());
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return all(octal, |c| matches!(c, '0'..='7'));
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return all(binary, |c| matches!(c, '0' | '1'));
    }
    let decimal = |text: &str| all(text, |c| c.is_ascii_digit());
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    decimal(whole)
        && fraction.is_none_or(decimal)
        && exponent.is_none_or(|text| decimal(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// Offset behind the string whose first quote stands at `at`, or behind its line when a string of one
/// line is not closed, or the end of the text.
pub(super) fn behind_string(text: &str, at: usize, hashes: usize) -> usize {
    let bytes = text.as_bytes();
    let multi = text[at..].starts_with("\"\"\"");
    let quotes = if multi { 3 } else { 1 };
    let mut next = at + quotes;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' if hashes == 0 => {
                // An escape takes the next character; before a line break it takes all white space.
                let rest = &text[next + 1..];
                let space = rest.find(|c| !is_space(c) && !is_newline(c)).unwrap_or(rest.len());
                let one = rest.chars().next().map_or(0, char::len_utf8);
                next += 1 + space.max(one);
            }
            b'"' if bytes[next..].len() >= quotes + hashes
                && bytes[next..next + quotes].iter().all(|byte| *byte == b'"')
                && bytes[next + quotes..next + quotes + hashes].iter().all(|b| *b == b'#') =>
            {
                return next + quotes + hashes;
            }
            byte if byte.is_ascii() && !is_newline(byte as char) => next += 1,
            _ => {
                let c = text[next..].chars().next().unwrap_or(' ');
                if !multi && is_newline(c) {
                    return next;
                }
                next += c.len_utf8();
            }
        }
    }
    bytes.len().min(next)
}

/// What of an open text was most likely meant: where the block around it ends on the same line, the text
/// ended before, else everything behind it would be read as part of that block.
fn up_to_the_end_of_the_node(text: &str) -> &str {
    let mut depth = 0;
    let mut node = None;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return text[..node.unwrap_or(at)].trim_end_matches(is_space),
            '}' => depth -= 1,
            ';' if depth == 0 => node = node.or(Some(at)),
            _ => {}
        }
    }
    text
}

/// Whether the quote behind `inside` is escaped, so that it closes nothing.
fn ends_escaped(inside: &str, hashes: usize) -> bool {
    let backslashes = inside.bytes().rev().take_while(|byte| *byte == b'\\').count();
    hashes == 0 && backslashes % 2 == 1
}

/// The character that an escape stands for (none for escaped white space), and its length.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let c = match text[1..].chars().next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        's' => ' ',
        c @ ('\\' | '"') => c,
        'u' => {
            let end = text.find('}')?;
            let digits = text[2..].strip_prefix('{')?.get(..end - 3)?;
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 6)?;
            return Some((Some(char::from_u32(number)?), end + 1));
        }
        c if is_space(c) || is_newline(c) => {
            let rest = &text[1..];
            let space = rest.find(|c| !is_space(c) && !is_newline(c)).unwrap_or(rest.len());
            return Some((None, 1 + space));
        }
        _ => return None,
    };
    Some((Some(c), 2))
}

/// Removes escaped white space, which may hold line breaks.
fn join_escaped_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match escape(rest) {
            Some((None, len)) => len,
            other => {
                let len = other.map_or(1, |(_, len)| len);
                out.push_str(&rest[..len]);
                len
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}
