//! Durations that are computed: `[5m * 2]`, `offset -step()`.

use super::ast::{BinaryOp, NumberLiteral, Span};

/// A duration, or an expression that gives one, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// `5m`, `300`: seconds.
    Number(NumberLiteral),
    /// `step()`: step of the query.
    Step(Span),
    /// `range()`: end minus start of the query.
    Range(Span),
    /// `-5m`, `+5m`
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// What follows it.
        expr: Box<DurationExpr>,
        /// With the sign.
        span: Span,
    },
    /// `5m * 2`; the operator is arithmetic, without `atan2`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<DurationExpr>,
        /// Right operand.
        rhs: Box<DurationExpr>,
    },
    /// `min_of(a, b)` and `max_of(a, b)`
    Choice {
        /// Whether the greater of the two is meant.
        max: bool,
        /// First argument.
        lhs: Box<DurationExpr>,
        /// Second argument.
        rhs: Box<DurationExpr>,
        /// With the name and the parentheses.
        span: Span,
    },
    /// `(5m + 1s)`
    Paren {
        /// What the parentheses hold.
        expr: Box<DurationExpr>,
        /// With the parentheses.
        span: Span,
    },
}

/// A duration that has no value: 0 as a divisor, or out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DurationError {
    /// The node at fault.
    pub span: Span,
    /// What is wrong, in Prometheus' words.
    pub message: &'static str,
}

/// What a duration expression may refer to, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DurationContext {
    /// Step of the query; 0 for an instant query.
    pub step: i64,
    /// End minus start of the query.
    pub range: i64,
}

impl DurationExpr {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(number) => number.span,
            Self::Step(span)
            | Self::Range(span)
            | Self::Unary { span, .. }
            | Self::Choice { span, .. }
            | Self::Paren { span, .. } => *span,
            Self::Binary { lhs, rhs, .. } => lhs.span().to(rhs.span()),
        }
    }

    /// Milliseconds (may be negative: an offset), cut to whole ones.
    pub fn resolve(&self, context: DurationContext) -> Result<i64, DurationError> {
        let seconds = self.seconds(context)?;
        let millis = (seconds * 1000.0).round();
        // The limit of a Go duration: 2^63 nanoseconds.
        if !millis.is_finite() || millis.abs() > 9_223_372_036_854.0 {
            return Err(DurationError { span: self.span(), message: "duration out of range" });
        }
        Ok(millis as i64)
    }

    /// As [`Self::resolve`] for a length that must be greater than 0 (range, subquery step).
    pub fn resolve_positive(&self, context: DurationContext) -> Result<i64, DurationError> {
        let millis = self.resolve(context)?;
        if millis <= 0 {
            let message = "duration must be greater than 0";
            return Err(DurationError { span: self.span(), message });
        }
        Ok(millis)
    }

    /// The value in milliseconds if it does not depend on the query.
    pub fn constant(&self) -> Option<i64> {
        if self.depends_on_query() { None } else { self.resolve(DurationContext::default()).ok() }
    }

    /// Whether `step()` or `range()` occurs in it.
    pub fn depends_on_query(&self) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Step(_) | Self::Range(_) => true,
            Self::Unary { expr, .. } | Self::Paren { expr, .. } => expr.depends_on_query(),
            Self::Binary { lhs, rhs, .. } | Self::Choice { lhs, rhs, .. } => {
                lhs.depends_on_query() || rhs.depends_on_query()
            }
        }
    }

    fn seconds(&self, context: DurationContext) -> Result<f64, DurationError> {
        Ok(match self {
            Self::Number(number) => number.value,
            Self::Step(_) => context.step as f64 / 1000.0,
            Self::Range(_) => context.range as f64 / 1000.0,
            Self::Unary { negative, expr, .. } => {
                let value = expr.seconds(context)?;
                if *negative { -value } else { value }
            }
            Self::Paren { expr, .. } => expr.seconds(context)?,
            Self::Choice { max, lhs, rhs, .. } => {
                let (lhs, rhs) = (lhs.seconds(context)?, rhs.seconds(context)?);
                if *max { lhs.max(rhs) } else { lhs.min(rhs) }
            }
            Self::Binary { op, lhs, rhs } => {
                let (left, right) = (lhs.seconds(context)?, rhs.seconds(context)?);
                let zero = |message| DurationError { span: rhs.span(), message };
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div if right == 0.0 => return Err(zero("division by zero")),
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod if right == 0.0 => return Err(zero("modulo by zero")),
                    BinaryOp::Mod => left % right,
                    _ => left.powf(right),
                }
            }
        })
    }
}
