//! From tokens to the tree: a Pratt parser that goes on after a mistake.
//!
//! A syntax error is recorded where it happens and travels up as [`Failed`] to the nearest
//! parenthesis, which skips to its end and leaves an [`Expr::Broken`]. So one run shows the mistakes
//! of different arguments, and the first error is the one Prometheus shows.

mod call;
mod duration;
mod selector;

use super::ast::{Binary, BinaryOp, Broken, Expr, MAX_DEPTH, Paren, Span, Unary};
use super::ast::{NumberLiteral, StringLiteral};
use super::check_types::check_types;
use super::error::{ParseError, ParseErrorKind, ParseErrors};
use super::lexer::{Keyword, LexError, Token, TokenKind, lex};
use super::{number, quote};

/// Deepest nesting of parentheses, calls, signs and powers in a text.
const MAX_NESTING: usize = 100;
/// More mistakes than this are not told.
const MAX_ERRORS: usize = 20;

/// Which parts of the language Prometheus puts behind feature flags are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// `promql-experimental-functions`
    pub experimental_functions: bool,
    /// `promql-duration-expr`
    pub duration_expressions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`
    pub extended_ranges: bool,
    /// `promql-binop-fill-modifiers`
    pub fill_modifiers: bool,
}

impl ParseOptions {
    /// The whole language.
    pub const ALL: Self = Self {
        experimental_functions: true,
        duration_expressions: true,
        extended_ranges: true,
        fill_modifiers: true,
    };

    /// What Prometheus takes without any feature flag.
    pub const STABLE: Self = Self {
        experimental_functions: false,
        duration_expressions: false,
        extended_ranges: false,
        fill_modifiers: false,
    };
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self::ALL
    }
}

/// Reads an expression and checks its types; the whole language is allowed.
pub fn parse(text: &str) -> Result<Expr, ParseErrors> {
    parse_with(text, ParseOptions::ALL)
}

/// As [`parse`], with some parts of the language switched off.
pub fn parse_with(text: &str, options: ParseOptions) -> Result<Expr, ParseErrors> {
    match parse_recovering(text, options) {
        (Some(expr), errors) if errors.is_empty() => Ok(expr),
        (_, errors) => Err(ParseErrors(errors)),
    }
}

/// Reads as much as it can: a tree, with [`Expr::Broken`] nodes where nothing fits, and all mistakes:
/// first those of the syntax, then those of the types. `None` if there is no expression at all.
pub fn parse_recovering(text: &str, options: ParseOptions) -> (Option<Expr>, Vec<ParseError>) {
    let lexed = lex(text);
    let mut parser = Parser::new(text, &lexed.tokens, lexed.error, options);
    let mut expr = parser.whole_expression();
    let mut errors = parser.errors;
    if let Some(expr) = &mut expr {
        check_types(expr, text, &mut errors);
    }
    errors.truncate(MAX_ERRORS);
    (expr, errors)
}

/// Reads the matchers of a series selector, as `match[]` of the HTTP API takes them:
/// `up{job="node"}`. Whether they exclude anything is for the caller to say.
pub fn parse_selector(text: &str) -> Result<super::ast::VectorSelector, ParseErrors> {
    let lexed = lex(text);
    let mut parser = Parser::new(text, &lexed.tokens, lexed.error, ParseOptions::STABLE);
    let selector = parser.whole_selector();
    match selector {
        Ok(selector) if parser.errors.is_empty() => Ok(selector),
        _ => Err(ParseErrors(parser.errors)),
    }
}

/// The mistake is recorded already.
struct Failed;

type Parsed<T> = Result<T, Failed>;

struct Parser<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    lex_error: Option<LexError>,
    options: ParseOptions,
    errors: Vec<ParseError>,
    nesting: usize,
    /// Height of the expression read last.
    height: usize,
    /// How many aggregations are open: messages say ` in aggregation` then.
    aggregations: usize,
}

impl<'t> Parser<'t> {
    fn new(
        text: &'t str,
        tokens: &'t [Token],
        lex_error: Option<LexError>,
        options: ParseOptions,
    ) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            lex_error,
            options,
            errors: Vec::new(),
            nesting: 0,
            height: 0,
            aggregations: 0,
        }
    }

    fn whole_expression(&mut self) -> Option<Expr> {
        if self.peek().kind == TokenKind::Eof {
            self.syntax(Span::default(), "no expression found in input");
            return None;
        }
        let start = self.peek().span.start;
        match self.expression(0) {
            Ok(expr) => {
                if self.peek().kind != TokenKind::Eof {
                    let Failed = self.unexpected("", "");
                }
                Some(expr)
            }
            Err(Failed) => {
                let span = Span::new(start, self.text.len());
                Some(Expr::Broken(Broken { children: Vec::new(), span }))
            }
        }
    }

    fn whole_selector(&mut self) -> Parsed<super::ast::VectorSelector> {
        if !self.at_selector() {
            return Err(self.unexpected("", ""));
        }
        let selector = self.vector_selector()?;
        match self.peek().kind {
            TokenKind::Eof => Ok(selector),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// An expression whose operators bind at least as strongly as `min`.
    fn expression(&mut self, min: u8) -> Parsed<Expr> {
        self.nested(|parser| {
            let mut lhs = parser.unary()?;
            while let TokenKind::Op(op) = parser.peek().kind {
                let strength = binding(op);
                if strength < min {
                    break;
                }
                let lhs_height = parser.height;
                let op_span = parser.next().span;
                let modifiers = parser.binary_modifiers()?;
                // Only `^` groups from the right.
                let rhs =
                    parser.expression(if op == BinaryOp::Pow { strength } else { strength + 1 })?;
                let span = lhs.span().to(rhs.span());
                parser.grow(lhs_height.max(parser.height), span)?;
                lhs = Expr::Binary(Binary {
                    op,
                    lhs: Box::new(lhs),
                    rhs: Box::new(rhs),
                    return_bool: modifiers.return_bool,
                    matching: Some(modifiers.matching),
                    op_span,
                    span,
                });
            }
            Ok(lhs)
        })
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let TokenKind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.peek().kind else {
            return self.postfix();
        };
        let sign = self.next().span;
        let negative = op == BinaryOp::Sub;
        // A sign binds as `*` does: `-a^b` is `-(a^b)`, `-a*b` is `(-a)*b`.
        let expr = self.expression(binding(BinaryOp::Pow))?;
        let span = sign.to(expr.span());
        if let Expr::Number(number) = expr {
            let value = if negative { -number.value } else { number.value };
            return Ok(Expr::Number(NumberLiteral { value, span, ..number }));
        }
        self.grow(self.height, span)?;
        Ok(Expr::Unary(Unary { negative, expr: Box::new(expr), span }))
    }

    /// A primary expression with brackets, `offset`, `@` and their like behind it.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek().kind {
                TokenKind::LeftBracket => self.range_or_subquery(expr)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(expr)?,
                TokenKind::Keyword(Keyword::Anchored | Keyword::Smoothed) => self.edges(expr),
                TokenKind::At => self.at_modifier(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        self.height = 1;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.number().map(Expr::Number),
            TokenKind::String => {
                self.next();
                let value = self.unquoted(token);
                Ok(Expr::String(StringLiteral { value, span: token.span }))
            }
            TokenKind::LeftParen => self.paren(),
            TokenKind::Identifier
            | TokenKind::Start
            | TokenKind::End
            | TokenKind::Step
            | TokenKind::Range
            | TokenKind::MinOf
            | TokenKind::MaxOf
                if self.peek_second().kind == TokenKind::LeftParen =>
            {
                self.call()
            }
            TokenKind::Aggregate(op) if self.at_aggregation() => self.aggregation(op),
            _ if self.at_selector() => self.vector_selector().map(Expr::Vector),
            _ => Err(self.unexpected(self.context(), "")),
        }
    }

    fn paren(&mut self) -> Parsed<Expr> {
        let open = self.next();
        let expr = match self.expression(0) {
            Ok(expr) if self.peek().kind == TokenKind::RightParen => expr,
            Ok(expr) => {
                let Failed = self.unexpected(self.context(), "");
                self.skip_to_end_of_parens(false)?;
                expr
            }
            Err(Failed) => {
                self.skip_to_end_of_parens(false)?;
                self.broken_since(open.span.end)
            }
        };
        let span = open.span.to(self.next().span);
        self.grow(self.height, span)?;
        Ok(Expr::Paren(Paren { expr: Box::new(expr), span }))
    }

    fn number(&mut self) -> Parsed<NumberLiteral> {
        let token = self.next();
        let text = self.slice(token.span);
        let duration = token.kind == TokenKind::Duration;
        let value = if duration {
            number::parse_duration(text).map(|millis| millis as f64 / 1000.0)
        } else {
            number::parse_number(text)
        };
        match value {
            Ok(value) => Ok(NumberLiteral { value, duration, span: token.span }),
            Err(message) => {
                self.syntax(token.span, message);
                Err(Failed)
            }
        }
    }

    fn unquoted(&mut self, token: Token) -> String {
        let literal = self.slice(token.span);
        match quote::unquote(literal) {
            Ok(value) => value,
            Err(problem) => {
                let literal = quote::quote(literal);
                self.syntax(token.span, format!("error unquoting string {literal}: {problem}"));
                String::new()
            }
        }
    }

    fn peek(&self) -> Token {
        self.tokens[self.at]
    }

    fn peek_second(&self) -> Token {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    /// Takes a token; the last one stays.
    fn next(&mut self) -> Token {
        let token = self.tokens[self.at];
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek().kind == kind).then(|| self.next())
    }

    fn expect(&mut self, kind: TokenKind, context: &str, expected: &str) -> Parsed<Token> {
        self.take(kind).ok_or_else(|| self.unexpected(context, expected))
    }

    fn slice(&self, span: Span) -> &'t str {
        &self.text[span.start..span.end]
    }

    /// Where the parser is, for messages about a token that fits nothing.
    fn context(&self) -> &'static str {
        if self.aggregations > 0 { "aggregation" } else { "" }
    }

    /// Runs one level deeper, if there is room.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            let span = self.peek().span;
            self.syntax(span, format!("expression is nested more than {MAX_NESTING} levels deep"));
            return Err(Failed);
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// Records that a node stands on children of this height.
    fn grow(&mut self, children: usize, span: Span) -> Parsed<()> {
        self.height = children + 1;
        if self.height > MAX_DEPTH {
            self.syntax(span, format!("expression has more than {MAX_DEPTH} levels"));
            return Err(Failed);
        }
        Ok(())
    }

    /// Skips to the `)` that ends the current parentheses, or to a `,` if `commas`.
    fn skip_to_end_of_parens(&mut self, commas: bool) -> Parsed<()> {
        let mut depth = 0usize;
        loop {
            match self.peek().kind {
                TokenKind::Eof | TokenKind::Error => return Err(Failed),
                TokenKind::RightParen if depth == 0 => return Ok(()),
                TokenKind::Comma if depth == 0 && commas => return Ok(()),
                TokenKind::LeftParen | TokenKind::LeftBrace | TokenKind::LeftBracket => depth += 1,
                TokenKind::RightParen | TokenKind::RightBrace | TokenKind::RightBracket => {
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
            self.next();
        }
    }

    fn broken_since(&mut self, start: usize) -> Expr {
        self.height = 1;
        let end = self.peek().span.start.max(start);
        Expr::Broken(Broken { children: Vec::new(), span: Span::new(start, end) })
    }

    /// Records that the current token does not fit.
    fn unexpected(&mut self, context: &str, expected: &str) -> Failed {
        let token = self.peek();
        if token.kind == TokenKind::Error {
            if let Some(LexError { span, message, opened }) = self.lex_error.take() {
                self.push(span, message, ParseErrorKind::Syntax, opened);
            }
            return Failed;
        }
        let mut message = format!("unexpected {}", token.describe(self.text));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.syntax(token.span, message);
        Failed
    }

    fn syntax(&mut self, span: Span, message: impl Into<String>) {
        self.push(span, message.into(), ParseErrorKind::Syntax, None);
    }

    fn type_error(&mut self, span: Span, message: impl Into<String>) {
        self.push(span, message.into(), ParseErrorKind::Type, None);
    }

    fn push(&mut self, span: Span, message: String, kind: ParseErrorKind, opened: Option<Span>) {
        if self.errors.len() < MAX_ERRORS {
            let mut error = ParseError::new(self.text, span, message, kind);
            error.opened = opened;
            self.errors.push(error);
        }
    }
}

/// How strongly an operator binds.
fn binding(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Greater
        | BinaryOp::Less
        | BinaryOp::GreaterEqual
        | BinaryOp::LessEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => 6,
    }
}

#[cfg(test)]
mod tests;
