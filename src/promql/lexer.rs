//! From text to tokens.
//!
//! A word is a keyword or a name depending on where it stands: between braces everything is a
//! name, between brackets only the words of duration expressions are known. The first thing that is
//! no token ends the list.

use super::ast::{AggregateOp, BinaryOp, Span};
use super::quote::{quote, quote_char, read_escape};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// End of the text.
    Eof,
    /// Here the text stops making tokens; see [`LexError`].
    Error,
    Comma,
    Colon,
    /// `=`
    Assign,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Number,
    Duration,
    String,
    /// A name without a colon.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    /// An operator; `!=` in braces as well.
    Op(BinaryOp),
    /// `@`
    At,
    /// `=~`
    EqualRegex,
    /// `!~`
    NotEqualRegex,
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Offset,
    Anchored,
    Smoothed,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

impl Token {
    /// The token in a message: `identifier "x"`, `<op:+>`, `end of input`.
    pub(super) fn describe(self, text: &str) -> String {
        let raw = &text[self.span.start..self.span.end];
        let literal = |what: &str| {
            let mut cut: String = raw.chars().take(10).collect();
            let more = if cut.len() < raw.len() { "..." } else { "" };
            cut = quote(&cut);
            format!("{what} {cut}{more}")
        };
        match self.kind {
            TokenKind::Eof | TokenKind::Error => "end of input".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quote(raw)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(raw)),
            TokenKind::Number => literal("number"),
            TokenKind::Duration => literal("duration"),
            TokenKind::String => literal("string"),
            TokenKind::Op(_) | TokenKind::At | TokenKind::EqualRegex | TokenKind::NotEqualRegex => {
                format!("<op:{raw}>")
            }
            TokenKind::Aggregate(_) => format!("<aggr:{raw}>"),
            TokenKind::Keyword(_) => format!("<{raw}>"),
            _ => quote(raw),
        }
    }
}

/// Why the list of tokens ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LexError {
    pub span: Span,
    pub message: String,
    /// The bracket or parenthesis that is not closed.
    pub opened: Option<Span>,
}

#[derive(Debug)]
pub(super) struct Lexed {
    /// Ends with [`TokenKind::Eof`] or [`TokenKind::Error`].
    pub tokens: Vec<Token>,
    pub error: Option<LexError>,
}

/// Cuts the text into tokens; comments and blanks are left out.
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        at: 0,
        start: 0,
        tokens: Vec::with_capacity(text.len() / 4 + 2),
        parens: Vec::new(),
        brace: None,
        bracket: None,
        got_colon: false,
        in_duration: false,
    };
    let error = lexer.run().err();
    let kind = if error.is_some() { TokenKind::Error } else { TokenKind::Eof };
    let at = error.as_ref().map_or(text.len(), |error| error.span.start);
    lexer.tokens.push(Token { kind, span: Span::new(at, at) });
    Lexed { tokens: lexer.tokens, error }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Where the current token starts.
    start: usize,
    tokens: Vec<Token>,
    parens: Vec<Span>,
    brace: Option<Span>,
    bracket: Option<Span>,
    got_colon: bool,
    /// Inside brackets, before the first number.
    in_duration: bool,
}

type Step = Result<(), LexError>;

impl Lexer<'_> {
    fn run(&mut self) -> Step {
        loop {
            self.skip_blanks_and_comments();
            self.start = self.at;
            let Some(c) = self.peek() else { return self.finish() };
            if self.brace.is_some() {
                self.inside_braces(c)?;
            } else if self.in_duration {
                self.inside_duration(c)?;
            } else {
                self.statement(c)?;
            }
        }
    }

    fn finish(&self) -> Step {
        if self.brace.is_some() {
            return Err(self.unclosed("unexpected end of input inside braces", self.brace));
        }
        if self.in_duration {
            let message = "unexpected end of input in duration expression";
            return Err(self.unclosed(message, self.bracket));
        }
        if let Some(open) = self.parens.last() {
            return Err(self.unclosed("unclosed left parenthesis", Some(*open)));
        }
        if self.bracket.is_some() {
            return Err(self.unclosed("unclosed left bracket", self.bracket));
        }
        Ok(())
    }

    fn statement(&mut self, c: char) -> Step {
        use TokenKind as T;
        self.bump(c);
        let kind = match c {
            ',' => T::Comma,
            '@' => T::At,
            '=' if self.take('=') => T::Op(BinaryOp::Equal),
            '=' if self.peek() == Some('~') => {
                return Err(self.fail("unexpected character after '=': '~'".to_owned()));
            }
            '=' => T::Assign,
            '!' if self.take('=') => T::Op(BinaryOp::NotEqual),
            '!' => {
                let next = self.peek().map_or("'\\x00'".to_owned(), quote_char);
                return Err(self.fail(format!("unexpected character after '!': {next}")));
            }
            '<' if self.take('=') => T::Op(BinaryOp::LessEqual),
            '<' if self.take('/') => T::Op(BinaryOp::TrimUpper),
            '<' => T::Op(BinaryOp::Less),
            '>' if self.take('=') => T::Op(BinaryOp::GreaterEqual),
            '>' if self.take('/') => T::Op(BinaryOp::TrimLower),
            '>' => T::Op(BinaryOp::Greater),
            '"' | '\'' | '`' => return self.string(c),
            '0'..='9' => return self.number(),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => return self.number(),
            ':' if self.bracket.is_some() => return self.colon(),
            _ if self.bracket.is_some() && is_alpha(c) => {
                return self.duration_word(|_| {
                    format!("unexpected character: {}, expected ':'", quote_char(c))
                });
            }
            _ if is_alpha(c) || c == ':' => {
                self.word();
                return Ok(());
            }
            '{' => {
                self.brace = Some(Span::new(self.start, self.at));
                T::LeftBrace
            }
            '[' => {
                if self.bracket.is_some() {
                    return Err(self.fail("unexpected left bracket '['".to_owned()));
                }
                self.bracket = Some(Span::new(self.start, self.at));
                self.got_colon = false;
                self.in_duration = true;
                T::LeftBracket
            }
            _ => return self.arithmetic(c, "unexpected character: "),
        };
        self.emit(kind);
        Ok(())
    }

    /// Between `[` and the first number.
    fn inside_duration(&mut self, c: char) -> Step {
        self.bump(c);
        match c {
            ',' => self.emit(TokenKind::Comma),
            ':' => {
                let message = "unexpected colon before duration in duration expression";
                return Err(self.fail(message.to_owned()));
            }
            '0'..='9' => return self.number(),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => return self.number(),
            _ if is_alpha(c) => {
                return self.duration_word(|_| {
                    format!("unexpected character in duration expression: {}", quote_char(c))
                });
            }
            _ => return self.arithmetic(c, "unexpected character in duration expression: "),
        }
        Ok(())
    }

    /// What expressions and duration expressions have in common.
    fn arithmetic(&mut self, c: char, complaint: &str) -> Step {
        use TokenKind as T;
        let kind = match c {
            '+' => T::Op(BinaryOp::Add),
            '-' => T::Op(BinaryOp::Sub),
            '*' => T::Op(BinaryOp::Mul),
            '/' => T::Op(BinaryOp::Div),
            '%' => T::Op(BinaryOp::Mod),
            '^' => T::Op(BinaryOp::Pow),
            '(' => {
                self.parens.push(Span::new(self.start, self.at));
                T::LeftParen
            }
            ')' => {
                if self.parens.pop().is_none() {
                    // Prometheus points behind the parenthesis.
                    self.start = self.at;
                    return Err(self.fail("unexpected right parenthesis ')'".to_owned()));
                }
                T::RightParen
            }
            ']' => {
                if self.bracket.take().is_none() {
                    return Err(self.fail("unexpected right bracket ']'".to_owned()));
                }
                self.in_duration = false;
                T::RightBracket
            }
            _ => return Err(self.fail(format!("{complaint}{}", quote_char(c)))),
        };
        self.emit(kind);
        Ok(())
    }

    fn inside_braces(&mut self, c: char) -> Step {
        use TokenKind as T;
        self.bump(c);
        let kind = match c {
            ',' => T::Comma,
            '"' | '\'' | '`' => return self.string(c),
            '=' if self.take('~') => T::EqualRegex,
            '=' => T::Assign,
            '!' if self.take('~') => T::NotEqualRegex,
            '!' if self.take('=') => T::Op(BinaryOp::NotEqual),
            '!' => {
                let next = self.peek().map_or("'\\x00'".to_owned(), quote_char);
                let message = format!("unexpected character after '!' inside braces: {next}");
                return Err(self.fail(message));
            }
            '{' => return Err(self.fail("unexpected left brace '{'".to_owned())),
            '}' => {
                self.brace = None;
                T::RightBrace
            }
            _ if is_alpha(c) => {
                self.take_while(is_alphanumeric);
                T::Identifier
            }
            _ => {
                let message = format!("unexpected character inside braces: {}", quote_char(c));
                return Err(self.fail(message));
            }
        };
        self.emit(kind);
        Ok(())
    }

    fn colon(&mut self) -> Step {
        if self.got_colon {
            return Err(self.fail("unexpected colon ':'".to_owned()));
        }
        self.got_colon = true;
        self.emit(TokenKind::Colon);
        Ok(())
    }

    fn string(&mut self, delimiter: char) -> Step {
        let raw = delimiter == '`';
        loop {
            let Some(c) = self.peek() else {
                let message =
                    if raw { "unterminated raw string" } else { "unterminated quoted string" };
                return Err(self.fail(message.to_owned()));
            };
            self.bump(c);
            match c {
                _ if c == delimiter => break,
                '\n' if !raw => return Err(self.fail("unterminated quoted string".to_owned())),
                '\\' if !raw => {
                    let escape = read_escape(&self.text[self.at..], delimiter, &mut Vec::new());
                    self.at += escape.map_err(|message| self.fail(message))?;
                }
                '\u{fffd}' => return Err(self.fail("invalid UTF-8 rune".to_owned())),
                _ => {}
            }
        }
        self.emit(TokenKind::String);
        Ok(())
    }

    /// A number or a duration; `self.start` is its first character.
    fn number(&mut self) -> Step {
        self.at = self.start;
        // Behind the first number of a bracket Prometheus reads on as in a statement.
        self.in_duration = false;
        if self.scan_number() {
            self.emit(TokenKind::Number);
            return Ok(());
        }
        if self.scan_units() {
            self.emit(TokenKind::Duration);
            return Ok(());
        }
        let read = quote(&self.text[self.start..self.at]);
        Err(self.fail(format!("bad number or duration syntax: {read}")))
    }

    /// Whether a number ends here. Whether it is a valid one is seen when it is read.
    fn scan_number(&mut self) -> bool {
        let hexadecimal = self.take('0') && self.take_any("xX");
        if hexadecimal {
            self.take('_');
        }
        let is_digit =
            |c: char| if hexadecimal { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        let (mut dot, mut exponent) = (false, false);
        if self.take('.') {
            dot = true;
        }
        self.take_while(is_digit);
        loop {
            match self.peek() {
                Some('.') => {
                    self.bump('.');
                    if dot || hexadecimal || self.take_any("_.") {
                        return false;
                    }
                    dot = true;
                }
                Some(c @ ('e' | 'E')) if !hexadecimal => {
                    self.bump(c);
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.take_any("+-");
                    if self.take_any("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                Some('_') => {
                    self.bump('_');
                    if self.take_any("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                Some(c) if is_digit(c) => self.take_while(is_digit),
                other => return !other.is_some_and(is_alphanumeric),
            }
        }
    }

    /// Reads on behind the first digits of a duration.
    fn scan_units(&mut self) -> bool {
        if !self.take_any("smhdwy") {
            return false;
        }
        self.take('s');
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.take_while(|c| c.is_ascii_digit());
            if !self.take_any("smhdw") {
                return false;
            }
            self.take('s');
        }
        match self.peek() {
            Some(c) if is_alphanumeric(c) => {
                self.bump(c);
                false
            }
            _ => true,
        }
    }

    /// A word between brackets.
    fn duration_word(&mut self, complain: impl Fn(&str) -> String) -> Step {
        self.take_while(is_alphanumeric);
        let word = &self.text[self.start..self.at];
        let kind = match word.to_ascii_lowercase().as_str() {
            "step" => TokenKind::Step,
            "range" => TokenKind::Range,
            "min_of" => TokenKind::MinOf,
            "max_of" => TokenKind::MaxOf,
            _ => return Err(self.fail(complain(word))),
        };
        self.emit(kind);
        Ok(())
    }

    fn word(&mut self) {
        self.take_while(|c| is_alphanumeric(c) || c == ':');
        let word = &self.text[self.start..self.at];
        let kind = match keyword(word) {
            // `fill` is a name unless it looks like the modifier.
            Some(TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.text[self.at..].trim_start_matches(is_space).starts_with('(') =>
            {
                TokenKind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        };
        self.emit(kind);
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.take_while(is_space);
            if self.peek() != Some('#') {
                return;
            }
            self.take_while(|c| c != '\n' && c != '\r');
        }
    }

    fn peek(&self) -> Option<char> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
            Some(_) => self.text[self.at..].chars().next(),
            None => None,
        }
    }

    fn bump(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.bump(c);
        }
        found
    }

    fn take_any(&mut self, set: &str) -> bool {
        match self.peek() {
            Some(c) if set.contains(c) => {
                self.bump(c);
                true
            }
            _ => false,
        }
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| test(*c)) {
            self.bump(c);
        }
    }

    fn emit(&mut self, kind: TokenKind) {
        self.tokens.push(Token { kind, span: Span::new(self.start, self.at) });
    }

    fn fail(&self, message: String) -> LexError {
        LexError { span: Span::new(self.start, self.at), message, opened: None }
    }

    fn unclosed(&self, message: &str, opened: Option<Span>) -> LexError {
        let end = self.text.len();
        LexError { span: Span::new(end, end), message: message.to_owned(), opened }
    }
}

fn keyword(word: &str) -> Option<TokenKind> {
    use TokenKind as T;
    // Longer than any keyword, or surely a name: no need to fold the case.
    if word.len() > 12 {
        return None;
    }
    let mut folded = [0; 12];
    let folded = &mut folded[..word.len()];
    folded.copy_from_slice(word.as_bytes());
    folded.make_ascii_lowercase();
    Some(match &*folded {
        b"and" => T::Op(BinaryOp::And),
        b"or" => T::Op(BinaryOp::Or),
        b"unless" => T::Op(BinaryOp::Unless),
        b"atan2" => T::Op(BinaryOp::Atan2),
        b"offset" => T::Keyword(Keyword::Offset),
        b"anchored" => T::Keyword(Keyword::Anchored),
        b"smoothed" => T::Keyword(Keyword::Smoothed),
        b"by" => T::Keyword(Keyword::By),
        b"without" => T::Keyword(Keyword::Without),
        b"on" => T::Keyword(Keyword::On),
        b"ignoring" => T::Keyword(Keyword::Ignoring),
        b"group_left" => T::Keyword(Keyword::GroupLeft),
        b"group_right" => T::Keyword(Keyword::GroupRight),
        b"fill" => T::Keyword(Keyword::Fill),
        b"fill_left" => T::Keyword(Keyword::FillLeft),
        b"fill_right" => T::Keyword(Keyword::FillRight),
        b"bool" => T::Keyword(Keyword::Bool),
        b"start" => T::Start,
        b"end" => T::End,
        b"step" => T::Step,
        b"range" => T::Range,
        b"min_of" => T::MinOf,
        b"max_of" => T::MaxOf,
        b"inf" | b"nan" => T::Number,
        folded => {
            let op = AggregateOp::ALL.into_iter().find(|op| op.as_str().as_bytes() == folded)?;
            T::Aggregate(op)
        }
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

pub(super) fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        lex(text).tokens.into_iter().map(|token| token.kind).collect()
    }

    fn error(text: &str) -> (usize, String) {
        let error = lex(text).error.expect("the text is broken");
        (error.span.start, error.message)
    }

    #[test]
    fn words_in_braces_are_names_and_elsewhere_keywords() {
        use TokenKind as T;
        assert_eq!(
            kinds("SUM{by!=\"x\"} # comment\n by a:b"),
            [
                T::Aggregate(AggregateOp::Sum),
                T::LeftBrace,
                T::Identifier,
                T::Op(BinaryOp::NotEqual),
                T::String,
                T::RightBrace,
                T::Keyword(Keyword::By),
                T::MetricIdentifier,
                T::Eof
            ]
        );
    }

    #[test]
    fn fill_is_a_keyword_only_before_a_parenthesis() {
        assert_eq!(kinds("fill")[0], TokenKind::Identifier);
        assert_eq!(kinds("fill (0)")[0], TokenKind::Keyword(Keyword::Fill));
    }

    #[test]
    fn numbers_and_durations_are_told_apart() {
        for (text, kind) in [
            ("1", TokenKind::Number),
            ("1e5", TokenKind::Number),
            ("0x1F", TokenKind::Number),
            ("5.", TokenKind::Number),
            ("1_0", TokenKind::Number),
            ("NaN", TokenKind::Number),
            ("5m", TokenKind::Duration),
            ("1h30m", TokenKind::Duration),
            ("10ms", TokenKind::Duration),
        ] {
            assert_eq!(kinds(text), [kind, TokenKind::Eof], "{text}");
        }
    }

    #[test]
    fn errors_read_as_those_of_prometheus() {
        for (text, at, message) in [
            ("2.5.", 0, "bad number or duration syntax: \"2.5.\""),
            ("100..4", 0, "bad number or duration syntax: \"100..\""),
            ("0deadbeef", 0, "bad number or duration syntax: \"0de\""),
            (".", 0, "unexpected character: '.'"),
            ("(1))", 4, "unexpected right parenthesis ')'"),
            ("((1)", 4, "unclosed left parenthesis"),
            ("x[5m", 4, "unclosed left bracket"),
            ("x{", 2, "unexpected end of input inside braces"),
            ("x]", 1, "unexpected right bracket ']'"),
            ("1 !~ 1", 2, "unexpected character after '!': '~'"),
            ("1 =~ 1", 2, "unexpected character after '=': '~'"),
            ("x{a!b}", 3, "unexpected character after '!' inside braces: 'b'"),
            ("\"a", 0, "unterminated quoted string"),
            ("`a", 0, "unterminated raw string"),
            ("x[5m a]", 5, "unexpected character: 'a', expected ':'"),
            ("x[abc]", 2, "unexpected character in duration expression: 'a'"),
            ("x[", 2, "unexpected end of input in duration expression"),
            ("\"\\q\"", 0, "unknown escape sequence U+0071 'q'"),
        ] {
            assert_eq!(error(text), (at, message.to_owned()), "{text}");
        }
    }
}
