//! Durations in brackets and after `offset`: a number, `5m`, or arithmetic over them.

use super::super::ast::{BinaryOp, DurationExpr, NumberLiteral, Span};
use super::super::lexer::TokenKind;
use super::{Failed, Parsed, Parser, binding};

/// The greatest number of seconds in a duration of Prometheus: 2^63 nanoseconds.
const MAX_SECONDS: f64 = 9_223_372_036.854_776;

impl Parser<'_> {
    /// A duration between brackets.
    pub(super) fn positive_duration(
        &mut self,
        context: &str,
        expected: &str,
    ) -> Parsed<DurationExpr> {
        let duration = self.duration(0, context, expected)?;
        if literal(&duration).is_some_and(|seconds| seconds <= 0.0) {
            self.syntax(duration.span(), "duration must be greater than 0");
            return Err(Failed);
        }
        Ok(self.settled(duration))
    }

    /// What follows `offset`: an operator behind it belongs to the expression around it, so
    /// `x offset 5m * 2` is `(x offset 5m) * 2`.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let context = "offset";
        let expected = "number, duration, step(), or range()";
        let start = self.peek().span;
        let sign = self.take_sign();
        let mut duration = self.duration_primary(context, expected)?;
        if let Some(negative) = sign {
            let span = start.to(duration.span());
            duration = DurationExpr::Unary { negative, expr: Box::new(duration), span };
        }
        Ok(self.settled(duration))
    }

    /// A duration expression whose operators bind at least as strongly as `min`.
    fn duration(&mut self, min: u8, context: &str, expected: &str) -> Parsed<DurationExpr> {
        self.nested(|parser| {
            let mut lhs = parser.duration_unary(context, expected)?;
            let mut chain = 0;
            while let TokenKind::Op(
                op @ (BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod
                | BinaryOp::Pow),
            ) = parser.peek().kind
            {
                let strength = binding(op);
                if strength < min {
                    break;
                }
                let op_span = parser.next().span;
                let next = if op == BinaryOp::Pow { strength } else { strength + 1 };
                let rhs = parser.duration(next, context, expected)?;
                let zero = literal(&rhs) == Some(0.0);
                if zero && matches!(op, BinaryOp::Div | BinaryOp::Mod) {
                    let what = if op == BinaryOp::Div { "division" } else { "modulo" };
                    parser.syntax(op_span, format!("{what} by zero"));
                    return Err(Failed);
                }
                // Each operator makes the tree one level higher.
                chain += 1;
                if chain > super::MAX_NESTING {
                    let message = "duration expression has too many operators";
                    parser.syntax(op_span, message);
                    return Err(Failed);
                }
                lhs = DurationExpr::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) };
            }
            Ok(lhs)
        })
    }

    fn duration_unary(&mut self, context: &str, expected: &str) -> Parsed<DurationExpr> {
        let start = self.peek().span;
        let Some(negative) = self.take_sign() else {
            return self.duration_primary(context, expected);
        };
        let expr = self.duration(binding(BinaryOp::Pow), context, expected)?;
        let span = start.to(expr.span());
        Ok(DurationExpr::Unary { negative, expr: Box::new(expr), span })
    }

    fn duration_primary(&mut self, context: &str, expected: &str) -> Parsed<DurationExpr> {
        let token = self.peek();
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let number = self.number()?;
                // Not a number (NaN) is no duration either.
                if number.value.abs() <= MAX_SECONDS {
                    return Ok(DurationExpr::Number(number));
                }
                self.syntax(number.span, "duration out of range");
                Err(Failed)
            }
            TokenKind::Step | TokenKind::Range => {
                self.next();
                self.expect(TokenKind::LeftParen, context, expected)?;
                let close = self.expect(TokenKind::RightParen, context, expected)?;
                let span = token.span.to(close.span);
                Ok(match token.kind {
                    TokenKind::Step => DurationExpr::Step(span),
                    _ => DurationExpr::Range(span),
                })
            }
            TokenKind::MinOf | TokenKind::MaxOf => {
                self.next();
                self.expect(TokenKind::LeftParen, context, expected)?;
                let lhs = Box::new(self.duration(0, context, expected)?);
                self.expect(TokenKind::Comma, context, "\",\"")?;
                let rhs = Box::new(self.duration(0, context, expected)?);
                let close = self.expect(TokenKind::RightParen, context, "\")\"")?;
                let span = token.span.to(close.span);
                Ok(DurationExpr::Choice { max: token.kind == TokenKind::MaxOf, lhs, rhs, span })
            }
            TokenKind::LeftParen => {
                self.next();
                let expr = Box::new(self.duration(0, context, expected)?);
                let close = self.expect(TokenKind::RightParen, context, "\")\"")?;
                Ok(DurationExpr::Paren { expr, span: token.span.to(close.span) })
            }
            _ => Err(self.unexpected(context, expected)),
        }
    }

    /// A literal becomes a whole number of milliseconds; anything else needs its option.
    fn settled(&mut self, duration: DurationExpr) -> DurationExpr {
        if let Some(seconds) = signed_literal(&duration) {
            let value = (seconds * 1000.0).round() / 1000.0;
            let span = duration.span();
            return DurationExpr::Number(NumberLiteral { value, duration: true, span });
        }
        if !self.options.duration_expressions {
            let span: Span = duration.span();
            self.syntax(span, "experimental duration expression is not enabled");
        }
        duration
    }
}

/// The value of a number in any parentheses and behind any signs.
fn literal(duration: &DurationExpr) -> Option<f64> {
    match duration {
        DurationExpr::Number(number) => Some(number.value),
        DurationExpr::Paren { expr, .. } => literal(expr),
        DurationExpr::Unary { negative, expr, .. } => {
            literal(expr).map(|value| if *negative { -value } else { value })
        }
        _ => None,
    }
}

/// The value of a number behind at most one sign.
fn signed_literal(duration: &DurationExpr) -> Option<f64> {
    match duration {
        DurationExpr::Number(number) => Some(number.value),
        DurationExpr::Unary { negative, expr, .. } => match &**expr {
            DurationExpr::Number(number) => {
                Some(if *negative { -number.value } else { number.value })
            }
            _ => None,
        },
        _ => None,
    }
}
