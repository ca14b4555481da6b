//! Selectors and what may follow them: brackets, `offset`, `@`, `anchored`.

use crate::model::{METRIC_NAME, MatchOp, Matcher};

use super::super::ast::{
    At, BinaryOp, Broken, Edges, Expr, MatrixSelector, SelectorMatcher, Span, Subquery,
    VectorSelector,
};
use super::super::lexer::{Keyword, TokenKind};
use super::super::number;
use super::{Failed, Parsed, Parser};

impl Parser<'_> {
    /// Whether a selector starts here. Many keywords may be a metric's name.
    pub(super) fn at_selector(&self) -> bool {
        use TokenKind as T;
        matches!(
            self.peek().kind,
            T::LeftBrace
                | T::Identifier
                | T::MetricIdentifier
                | T::Aggregate(_)
                | T::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
                | T::Keyword(
                    Keyword::By
                        | Keyword::Without
                        | Keyword::Offset
                        | Keyword::Anchored
                        | Keyword::Smoothed
                        | Keyword::Fill
                        | Keyword::FillLeft
                        | Keyword::FillRight
                )
                | T::Start
                | T::End
                | T::Step
                | T::Range
                | T::MinOf
                | T::MaxOf
        )
    }

    pub(super) fn vector_selector(&mut self) -> Parsed<VectorSelector> {
        let first = self.peek();
        let mut selector = VectorSelector {
            name: None,
            matchers: Vec::new(),
            offset: None,
            at: None,
            edges: Edges::Plain,
            info_labels: false,
            span: first.span,
        };
        if first.kind != TokenKind::LeftBrace {
            self.next();
            let name = self.slice(first.span);
            selector.name = Some(name.to_owned());
            selector.matchers.push(name_matcher(name.to_owned(), first.span));
        }
        if self.peek().kind == TokenKind::LeftBrace {
            let braces = self.braces(&mut selector.matchers)?;
            selector.span = selector.span.to(braces);
        }
        Ok(selector)
    }

    /// `{a="b", "name"}`; returns its span.
    fn braces(&mut self, matchers: &mut Vec<SelectorMatcher>) -> Parsed<Span> {
        let open = self.next();
        loop {
            if let Some(close) = self.take(TokenKind::RightBrace) {
                return Ok(open.span.to(close.span));
            }
            let before = self.errors.len();
            match self.matcher() {
                Ok(matcher) => matchers.extend(matcher),
                Err(Failed) => self.skip_in_list(TokenKind::RightBrace)?,
            }
            match self.peek().kind {
                TokenKind::Comma => {
                    self.next();
                }
                TokenKind::RightBrace => {}
                _ => {
                    let Failed = self.unexpected("label matching", "\",\" or \"}\"");
                    self.skip_in_list(TokenKind::RightBrace)?;
                    self.take(TokenKind::Comma);
                }
            }
            self.contain(before);
        }
    }

    /// Skips to the next `,` or the end of the list.
    pub(super) fn skip_in_list(&mut self, close: TokenKind) -> Parsed<()> {
        loop {
            match self.peek().kind {
                TokenKind::Comma => return Ok(()),
                kind if kind == close => return Ok(()),
                TokenKind::Eof | TokenKind::Error => return Err(Failed),
                TokenKind::LeftParen | TokenKind::LeftBrace | TokenKind::RightBrace
                    if close == TokenKind::RightParen =>
                {
                    return Err(Failed);
                }
                _ => self.next(),
            };
        }
    }

    /// Notes that what was recorded since then is wrong with one element of a list alone.
    pub(super) fn contain(&mut self, before: usize) {
        self.errors.iter_mut().skip(before).for_each(|error| error.contained = true);
    }

    /// `None` if the mistake in it leaves the rest readable.
    fn matcher(&mut self) -> Parsed<Option<SelectorMatcher>> {
        const CONTEXT: &str = "label matching";
        let first = self.peek();
        let name = match first.kind {
            TokenKind::Identifier => {
                self.next();
                self.slice(first.span).to_owned()
            }
            TokenKind::String => {
                self.next();
                let name = self.unquoted(first);
                if matches!(self.peek().kind, TokenKind::Comma | TokenKind::RightBrace) {
                    return Ok(Some(name_matcher(name, first.span)));
                }
                name
            }
            _ => return Err(self.unexpected(CONTEXT, "identifier or \"}\"")),
        };
        let op = match self.peek().kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::EqualRegex => MatchOp::Regex,
            TokenKind::NotEqualRegex => MatchOp::NotRegex,
            _ => return Err(self.unexpected(CONTEXT, "label matching operator")),
        };
        self.next();
        let value = self.expect(TokenKind::String, CONTEXT, "string")?;
        let text = self.unquoted(value);
        let span = first.span.to(value.span);
        match Matcher::new(name, op, text) {
            Ok(matcher) => Ok(Some(SelectorMatcher { matcher, span, value_span: value.span })),
            Err(err) => {
                self.syntax(span, format!("error parsing regexp: {err}"));
                Ok(None)
            }
        }
    }

    /// `[5m]` or `[1h:1m]`
    pub(super) fn range_or_subquery(&mut self, expr: Expr) -> Parsed<Expr> {
        const EXPECTED: &str = "number, duration, step(), or range()";
        let open = self.next();
        let range = self.positive_duration("subquery or range selector", EXPECTED)?;
        if self.take(TokenKind::Colon).is_some() {
            let context = "subquery selector";
            let step = if self.peek().kind == TokenKind::RightBracket {
                None
            } else {
                let expected = "number, duration, step(), range(), or \"]\"";
                Some(self.positive_duration(context, expected)?)
            };
            let close = self.expect(TokenKind::RightBracket, context, "\"]\"")?;
            let span = expr.span().to(close.span);
            let range_span = open.span.to(close.span);
            self.grow(self.height, span)?;
            return Ok(Expr::Subquery(Subquery {
                expr: Box::new(expr),
                range,
                step,
                offset: None,
                at: None,
                range_span,
                span,
            }));
        }
        let close = self.expect(TokenKind::RightBracket, "subquery or range", "\":\" or \"]\"")?;
        let range_span = open.span.to(close.span);
        let span = expr.span().to(close.span);
        let problem = match &expr {
            Expr::Vector(selector) if selector.offset.is_some() => {
                "no offset modifiers allowed before range"
            }
            Expr::Vector(selector) if selector.at.is_some() => {
                "no @ modifiers allowed before range"
            }
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        if !problem.is_empty() {
            self.syntax(range_span, problem);
        }
        self.grow(self.height, span)?;
        Ok(match expr {
            Expr::Vector(selector) => {
                Expr::Matrix(MatrixSelector { selector, range, range_span, span })
            }
            expr => Expr::Broken(Broken { children: vec![expr], span }),
        })
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.next();
        let offset = self.offset_duration()?;
        let end = offset.span();
        let target = expr.span();
        let slot = match &mut expr {
            Expr::Vector(selector) => &mut selector.offset,
            Expr::Matrix(matrix) => &mut matrix.selector.offset,
            Expr::Subquery(subquery) => &mut subquery.offset,
            // Its own mistake is told already.
            Expr::Broken(_) => return Ok(expr),
            _ => {
                self.syntax(
                    target,
                    "offset modifier must be preceded by an instant vector selector or range \
                     vector selector or a subquery",
                );
                return Ok(expr);
            }
        };
        if slot.as_ref().is_some_and(|offset| offset.constant() != Some(0)) {
            self.syntax(target, "offset may not be set multiple times");
        } else {
            *slot = Some(offset);
            extend(&mut expr, end);
        }
        Ok(expr)
    }

    pub(super) fn at_modifier(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.next();
        let (at, end) = self.at_time(expr.span())?;
        let target = expr.span();
        let slot = match &mut expr {
            Expr::Vector(selector) => &mut selector.at,
            Expr::Matrix(matrix) => &mut matrix.selector.at,
            Expr::Subquery(subquery) => &mut subquery.at,
            Expr::Broken(_) => return Ok(expr),
            _ => {
                self.syntax(
                    target,
                    "@ modifier must be preceded by an instant vector selector or range vector \
                     selector or a subquery",
                );
                return Ok(expr);
            }
        };
        if slot.is_some() {
            self.syntax(target, "@ <timestamp> may not be set multiple times");
        } else {
            *slot = Some(at);
            extend(&mut expr, end);
        }
        Ok(expr)
    }

    /// What follows `@`, and where.
    fn at_time(&mut self, target: Span) -> Parsed<(At, Span)> {
        const CONTEXT: &str = "@";
        const EXPECTED: &str = "timestamp";
        let first = self.peek();
        let at = match first.kind {
            TokenKind::Start => At::Start,
            TokenKind::End => At::End,
            _ => {
                let negative = self.take_sign().unwrap_or(false);
                if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) {
                    return Err(self.unexpected(CONTEXT, EXPECTED));
                }
                let number = self.number()?;
                let seconds = if negative { -number.value } else { number.value };
                // The bounds of a 64-bit integer, as Prometheus has them.
                if !seconds.is_finite() || seconds.abs() >= 9_223_372_036_854_775_807.0 {
                    let shown = if seconds.is_finite() {
                        format!("{seconds:.6}")
                    } else {
                        number::format_float(seconds)
                    };
                    let message = format!("timestamp out of bounds for @ modifier: {shown}");
                    self.syntax(target, message);
                }
                let millis = (seconds * 1000.0).round() as i64;
                return Ok((At::Time(millis), first.span.to(number.span)));
            }
        };
        self.next();
        self.expect(TokenKind::LeftParen, CONTEXT, EXPECTED)?;
        let close = self.expect(TokenKind::RightParen, CONTEXT, EXPECTED)?;
        Ok((at, first.span.to(close.span)))
    }

    /// `anchored` or `smoothed`
    pub(super) fn edges(&mut self, mut expr: Expr) -> Expr {
        let token = self.next();
        let (edges, word) = match token.kind {
            TokenKind::Keyword(Keyword::Anchored) => (Edges::Anchored, "anchored"),
            _ => (Edges::Smoothed, "smoothed"),
        };
        let target = expr.span();
        if !self.options.extended_ranges {
            self.syntax(target, format!("{word} modifier is experimental and not enabled"));
            return expr;
        }
        let slot = match &mut expr {
            Expr::Vector(selector) => &mut selector.edges,
            Expr::Matrix(matrix) => &mut matrix.selector.edges,
            Expr::Broken(_) => return expr,
            Expr::Subquery(_) => {
                self.syntax(target, format!("{word} modifier is not supported for subqueries"));
                return expr;
            }
            _ => {
                self.syntax(target, format!("{word} modifier not implemented"));
                return expr;
            }
        };
        if *slot != Edges::Plain && *slot != edges {
            self.syntax(target, "anchored and smoothed modifiers cannot be used together");
        }
        *slot = edges;
        extend(&mut expr, token.span);
        expr
    }

    /// Takes a sign, if there is one, and says whether it is a minus.
    pub(super) fn take_sign(&mut self) -> Option<bool> {
        match self.peek().kind {
            TokenKind::Op(BinaryOp::Add) => self.next(),
            TokenKind::Op(BinaryOp::Sub) => {
                self.next();
                return Some(true);
            }
            _ => return None,
        };
        Some(false)
    }
}

fn name_matcher(name: String, span: Span) -> SelectorMatcher {
    SelectorMatcher { matcher: Matcher::equal(METRIC_NAME, name), span, value_span: span }
}

/// A modifier belongs to the node before it.
fn extend(expr: &mut Expr, modifier: Span) {
    let span = match expr {
        Expr::Vector(selector) => &mut selector.span,
        Expr::Matrix(matrix) => &mut matrix.span,
        Expr::Subquery(subquery) => &mut subquery.span,
        _ => return,
    };
    *span = span.to(modifier);
}
