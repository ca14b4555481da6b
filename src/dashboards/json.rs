//! JSON (RFC 8259) with the place of every value.
//!
//! Folders of dashboards are large, and each is read at every check: this reader goes over the bytes
//! once. It is as strict as Grafana's, which reads with Go's `encoding/json`.

use std::ops::Range;

use crate::diag::{FileId, Span, Spanned};

/// Values may be nested this deep, as in `serde_json`.
const MAX_DEPTH: usize = 127;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Json {
    /// What it is.
    pub data: Data,
    /// Where it was written, with the quotes or brackets around it.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Data {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Names and values in their order; a name may occur twice, and then the last one counts.
    Object(Vec<(Spanned<String>, Json)>),
}

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where; one character, or nothing at the end of the text.
    pub span: Span,
}

impl Json {
    /// The value of a field; `None` for other values than objects, too.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Data::Object(fields) = &self.data else { return None };
        fields.iter().rev().find(|(key, _)| key.value == name).map(|(_, value)| value)
    }

    /// The value below a field of a field; `None` where one of them is missing.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<Spanned<String>> {
        match &self.data {
            Data::Text(text) => Some(Spanned::new(text.clone(), self.span)),
            _ => None,
        }
    }

    /// The text without its place.
    pub fn str(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self.data {
            Data::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        matches!(self.data, Data::Bool(true))
    }

    /// The values of a list; none for anything else.
    pub fn list(&self) -> &[Self] {
        match &self.data {
            Data::List(list) => list,
            _ => &[],
        }
    }
}

/// Reads a whole text.
pub fn read(text: &str, file: FileId) -> Result<Json, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, file, depth: 0 };
    let value = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.fail("the value is over here, and something follows"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    file: FileId,
    depth: usize,
}

impl Reader<'_> {
    fn fail(&self, message: &str) -> JsonError {
        let rest = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let message = match rest {
            Some(_) => message.to_owned(),
            None => "the text ends inside of a value".to_owned(),
        };
        let len = rest.map_or(0, char::len_utf8);
        JsonError { message, span: self.span(self.at..self.at + len) }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte behind white space.
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self) -> Result<Json, JsonError> {
        let next = self.peek();
        let start = self.at;
        let data = match next {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Data::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Data::Bool(true))?,
            Some(b'f') => self.word("false", Data::Bool(false))?,
            Some(b'n') => self.word("null", Data::Null)?,
            _ => return Err(self.fail("a value is missing here")),
        };
        Ok(Json { data, span: self.span(start..self.at) })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Data, JsonError>,
    ) -> Result<Data, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail("values are nested too deep"));
        }
        self.depth += 1;
        self.at += 1;
        let data = read(self);
        self.depth -= 1;
        data
    }

    fn object(&mut self) -> Result<Data, JsonError> {
        let mut fields = Vec::new();
        if self.ends(b'}') {
            return Ok(Data::Object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fail("the name of a field is missing here"));
            }
            let start = self.at;
            let name = self.string()?;
            let name = Spanned::new(name, self.span(start..self.at));
            if self.peek() != Some(b':') {
                return Err(self.fail("a `:` is missing before this"));
            }
            self.at += 1;
            fields.push((name, self.value()?));
            if self.ends(b'}') {
                return Ok(Data::Object(fields));
            }
            self.comma("`,` or `}`")?;
        }
    }

    fn list(&mut self) -> Result<Data, JsonError> {
        let mut list = Vec::new();
        if self.ends(b']') {
            return Ok(Data::List(list));
        }
        loop {
            list.push(self.value()?);
            if self.ends(b']') {
                return Ok(Data::List(list));
            }
            self.comma("`,` or `]`")?;
        }
    }

    fn ends(&mut self, bracket: u8) -> bool {
        let ends = self.peek() == Some(bracket);
        self.at += usize::from(ends);
        ends
    }

    fn comma(&mut self, wanted: &str) -> Result<(), JsonError> {
        if self.peek() != Some(b',') {
            return Err(self.fail(&format!("a {wanted} is missing before this")));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, data: Data) -> Result<Data, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fail("a value is missing here; texts stand in quotes"));
        }
        self.at += word.len();
        Ok(data)
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Result<Data, JsonError> {
        let start = self.at;
        let wrong = "this is no number of JSON";
        self.at += usize::from(self.bytes[self.at] == b'-');
        let zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = self.at;
        if !self.digits() || (zero && self.at > whole + 1) {
            return Err(self.fail(wrong));
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if !self.digits() {
                return Err(self.fail(wrong));
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if !self.digits() {
                return Err(self.fail(wrong));
            }
        }
        self.text[start..self.at].parse().map(Data::Number).map_err(|_| self.fail(wrong))
    }

    /// A text; the next byte is its quote.
    fn string(&mut self) -> Result<String, JsonError> {
        let opened = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.bytes[self.at..];
            let len = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let Some(len) = len else {
                let span = self.span(opened..opened + 1);
                return Err(JsonError { message: "this text is not closed".to_owned(), span });
            };
            text.push_str(&self.text[self.at..self.at + len]);
            self.at += len;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => text.push(self.escape()?),
                _ => return Err(self.fail("a line break or tab inside of a text: write `\\n`")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let c = match self.bytes.get(self.at + 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(&c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'u') => return self.unicode(),
            _ => return Err(self.fail("JSON does not know this escape")),
        };
        self.at += 2;
        Ok(c)
    }

    /// `\u00e9`, or two of them for what lies beyond the basic plane; halves alone become U+FFFD.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u32::from_str_radix(digits, 16).ok().filter(|_| hex)
        };
        let Some(first) = unit(self.at) else {
            return Err(self.fail("four hexadecimal digits belong behind `\\u`"));
        };
        let second = unit(self.at + 6).filter(|second| (0xdc00..0xe000).contains(second));
        let (code, len) = match second {
            Some(second) if (0xd800..0xdc00).contains(&first) => {
                (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
            }
            _ => (first, 6),
        };
        self.at += len;
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(json: &Json) -> serde_json::Value {
        match &json.data {
            Data::Null => serde_json::Value::Null,
            Data::Bool(flag) => (*flag).into(),
            Data::Number(number) => (*number).into(),
            Data::Text(text) => text.as_str().into(),
            Data::List(list) => list.iter().map(same).collect::<Vec<_>>().into(),
            Data::Object(fields) => serde_json::Value::Object(
                fields.iter().map(|(name, value)| (name.value.clone(), same(value))).collect(),
            ),
        }
    }

    #[test]
    fn values_are_those_of_another_reader() {
        for text in [
            "null",
            " [1, -0.5, 1e3, 2E-2, true, false, null, []] ",
            r#"{"a": {"b": "\"\\\/\b\f\n\r\tü\u00fc\ud83d\ude00"}, "c": ""}"#,
            "{}",
        ] {
            let own = same(&read(text, FileId(0)).unwrap());
            let other: serde_json::Value = serde_json::from_str(text).unwrap();
            // Its numbers remember whether they were whole.
            let floats = |value: &serde_json::Value| value.to_string().replace(".0", "");
            assert_eq!(floats(&own), floats(&other));
        }
    }

    #[test]
    fn what_another_reader_refuses_is_refused_at_its_place() {
        let check = |text: &str, at: usize, message: &str| {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
            let err = read(text, FileId(0)).unwrap_err();
            assert_eq!((err.span.start as usize, err.message.as_str()), (at, message), "{text}");
        };
        check("", 0, "the text ends inside of a value");
        check("{\"a\": 1,}", 8, "the name of a field is missing here");
        check("[1 2]", 3, "a `,` or `]` is missing before this");
        check("{\"a\" 1}", 5, "a `:` is missing before this");
        check("{\"a\": b}", 6, "a value is missing here");
        check("[tru]", 1, "a value is missing here; texts stand in quotes");
        check("[01]", 3, "this is no number of JSON");
        check("[1.]", 3, "this is no number of JSON");
        check("\"abc", 0, "this text is not closed");
        check("\"a\nb\"", 2, "a line break or tab inside of a text: write `\\n`");
        check("\"\\x\"", 1, "JSON does not know this escape");
        check("\"\\u12\"", 1, "four hexadecimal digits belong behind `\\u`");
        check("1 // one", 2, "the value is over here, and something follows");
        check(&"[".repeat(200), 127, "values are nested too deep");
    }

    #[test]
    fn places_hold_quotes_and_the_last_of_two_fields_counts() {
        let text = "{\"ä\": \"x\", \"a\": [1], \"a\": 2}";
        let json = read(text, FileId(0)).unwrap();
        assert_eq!(&text[json.get("ä").unwrap().span.range()], "\"x\"");
        assert_eq!(json.get("a").and_then(Json::number), Some(2.0));
        assert_eq!(&text[json.span.range()], text);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_within_itself(text in "[\\[\\]{}\",:\\\\u0-9a-fnt. ü]{0,40}") {
            let own = read(&text, FileId(0));
            let other = serde_json::from_str::<serde_json::Value>(&text);
            // Halves of characters are passed over, as Go does.
            if !text.contains("\\u") {
                proptest::prop_assert_eq!(own.is_ok(), other.is_ok(), "{:?}", other);
            }
            if let Err(err) = own {
                proptest::prop_assert!(text.get(err.span.range()).is_some());
            }
        }
    }
}
