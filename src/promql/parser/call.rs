//! Calls, aggregations, and what stands between an operator and its right operand.

use super::super::ast::{
    Aggregate, AggregateOp, Broken, Call, Cardinality, Expr, Grouping, LabelName, Span,
    VectorMatching,
};
use super::super::function::Function;
use super::super::lexer::{Keyword, TokenKind};
use super::super::{number, quote};
use super::{Failed, Parsed, Parser};

/// `bool`, `on (…)`, `group_left (…)`, `fill (…)`
#[derive(Default)]
pub(super) struct BinaryModifiers {
    pub return_bool: bool,
    pub matching: VectorMatching,
}

struct Arguments {
    args: Vec<Expr>,
    /// With the parentheses.
    span: Span,
    /// Height of the tallest.
    height: usize,
}

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Parsed<Expr> {
        let name_span = self.next().span;
        let name = self.slice(name_span);
        let Some(function) = Function::find(name) else {
            let known = self.errors.len();
            let Arguments { args, span, height } = self.arguments()?;
            let message = format!("unknown function with name {}", quote::quote(name));
            self.type_error(name_span, message);
            // Prometheus finds it before it looks at the text behind, but after the arguments.
            self.errors[known..].rotate_right(1);
            let span = name_span.to(span);
            self.grow(height, span)?;
            return Ok(Expr::Broken(Broken { children: args, span }));
        };
        let Arguments { args, span, height } = self.arguments()?;
        if function.experimental && !self.options.experimental_functions {
            let message = format!("function {} is not enabled", quote::quote(name));
            self.type_error(name_span, message);
        }
        let span = name_span.to(span);
        self.grow(height, span)?;
        Ok(Expr::Call(Call { function, args, name_span, span }))
    }

    /// `(a, b)`
    fn arguments(&mut self) -> Parsed<Arguments> {
        let open = self.expect(TokenKind::LeftParen, self.context(), "")?;
        let mut args = Vec::new();
        let mut height = 0;
        if let Some(close) = self.take(TokenKind::RightParen) {
            return Ok(Arguments { args, span: open.span.to(close.span), height });
        }
        loop {
            let start = self.peek().span.start;
            let arg = match self.expression(0) {
                Ok(arg) => arg,
                Err(Failed) => {
                    self.skip_to_end_of_parens(true)?;
                    self.broken_since(start)
                }
            };
            args.push(arg);
            height = height.max(self.height);
            if !matches!(self.peek().kind, TokenKind::Comma | TokenKind::RightParen) {
                let Failed = self.unexpected(self.context(), "");
                self.skip_to_end_of_parens(true)?;
            }
            let token = self.next();
            if token.kind == TokenKind::Comma && self.peek().kind == TokenKind::RightParen {
                self.syntax(token.span, "trailing commas not allowed in function call args");
                self.next();
                let span = Span::new(open.span.start, token.span.end + 1);
                return Ok(Arguments { args, span, height });
            }
            if token.kind == TokenKind::RightParen {
                return Ok(Arguments { args, span: open.span.to(token.span), height });
            }
        }
    }

    /// Whether the aggregator's name here begins an aggregation; it may be a metric's name too.
    pub(super) fn at_aggregation(&self) -> bool {
        matches!(
            self.peek_second().kind,
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)
        )
    }

    pub(super) fn aggregation(&mut self, op: AggregateOp) -> Parsed<Expr> {
        self.aggregations += 1;
        let result = self.aggregation_parts(op);
        self.aggregations -= 1;
        result
    }

    fn aggregation_parts(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let op_span = self.next().span;
        let before = self.grouping()?;
        let Arguments { args, span, height } = self.arguments()?;
        let mut span = op_span.to(span);
        let grouping = if let Some((grouping, _)) = before {
            grouping
        } else if let Some((grouping, end)) = self.grouping()? {
            span = span.to(end);
            grouping
        } else {
            Grouping::default()
        };
        self.grow(height, span)?;
        let wanted = if op.param_type().is_some() { 2 } else { 1 };
        if args.is_empty() {
            self.type_error(span, "no arguments for aggregate expression provided");
        } else if op.is_experimental() && !self.options.experimental_functions {
            let name = op.as_str();
            self.type_error(
                span,
                format!(
                    "{name}() is experimental and must be enabled with \
                     --enable-feature=promql-experimental-functions"
                ),
            );
        } else if args.len() != wanted {
            let given = args.len();
            self.type_error(
                span,
                format!(
                    "wrong number of arguments for aggregate expression provided, \
                     expected {wanted}, got {given}"
                ),
            );
        }
        if args.len() != wanted {
            return Ok(Expr::Broken(Broken { children: args, span }));
        }
        let mut args = args.into_iter();
        let param = if wanted == 2 { args.next().map(Box::new) } else { None };
        let expr = Box::new(args.next().expect("their number was checked"));
        Ok(Expr::Aggregate(Aggregate { op, param, expr, grouping, op_span, span }))
    }

    /// `by (…)` or `without (…)`, and the span of it
    fn grouping(&mut self) -> Parsed<Option<(Grouping, Span)>> {
        let without = match self.peek().kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        let start = self.next().span;
        let (labels, end) = self.grouping_labels()?;
        Ok(Some((Grouping { without, labels }, start.to(end))))
    }

    /// `(a, b)`, and the span of it
    fn grouping_labels(&mut self) -> Parsed<(Vec<LabelName>, Span)> {
        const CONTEXT: &str = "grouping opts";
        let open = self.expect(TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        loop {
            if let Some(close) = self.take(TokenKind::RightParen) {
                return Ok((labels, open.span.to(close.span)));
            }
            let before = self.errors.len();
            match self.grouping_label(CONTEXT) {
                Ok(label) => labels.push(label),
                Err(Failed) => {
                    self.skip_in_list(TokenKind::RightParen)?;
                    self.contain(before);
                }
            }
            self.take(TokenKind::Comma);
        }
    }

    /// A label of a list, with what ends it in sight.
    fn grouping_label(&mut self, context: &str) -> Parsed<LabelName> {
        let token = self.peek();
        let name = match token.kind {
            TokenKind::String => {
                self.next();
                self.unquoted(token)
            }
            _ if is_word(token.kind) && !self.slice(token.span).contains(':') => {
                self.next();
                self.slice(token.span).to_owned()
            }
            _ => return Err(self.unexpected(context, "label")),
        };
        match self.peek().kind {
            TokenKind::Comma | TokenKind::RightParen => Ok(LabelName { name, span: token.span }),
            _ => Err(self.unexpected(context, "\",\" or \")\"")),
        }
    }

    pub(super) fn binary_modifiers(&mut self) -> Parsed<BinaryModifiers> {
        let return_bool = self.take(TokenKind::Keyword(Keyword::Bool)).is_some();
        let mut modifiers = BinaryModifiers { return_bool, ..BinaryModifiers::default() };
        let matching = &mut modifiers.matching;
        let on = match self.peek().kind {
            TokenKind::Keyword(Keyword::On) => Some(true),
            TokenKind::Keyword(Keyword::Ignoring) => Some(false),
            _ => None,
        };
        if let Some(on) = on {
            self.next();
            matching.on = on;
            matching.labels = self.grouping_labels()?.0;
            let cardinality = match self.peek().kind {
                TokenKind::Keyword(Keyword::GroupLeft) => Some(Cardinality::ManyToOne),
                TokenKind::Keyword(Keyword::GroupRight) => Some(Cardinality::OneToMany),
                _ => None,
            };
            if let Some(cardinality) = cardinality {
                self.next();
                matching.cardinality = cardinality;
                if self.peek().kind == TokenKind::LeftParen {
                    matching.include = self.grouping_labels()?.0;
                }
            }
        }
        let first = self.peek();
        while let TokenKind::Keyword(
            keyword @ (Keyword::Fill | Keyword::FillLeft | Keyword::FillRight),
        ) = self.peek().kind
        {
            let taken = match keyword {
                Keyword::FillLeft => matching.fill_left.is_some(),
                Keyword::FillRight => matching.fill_right.is_some(),
                _ => matching.fill_left.is_some() || matching.fill_right.is_some(),
            };
            if taken {
                return Err(self.unexpected(self.context(), ""));
            }
            self.next();
            let value = Some(self.fill_value()?);
            if keyword != Keyword::FillRight {
                matching.fill_left = value;
            }
            if keyword != Keyword::FillLeft {
                matching.fill_right = value;
            }
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if filled && !self.options.fill_modifiers {
            self.type_error(first.span, "binop fill modifiers are experimental and not enabled");
        }
        Ok(modifiers)
    }

    /// `(0)`, `(-Inf)`
    fn fill_value(&mut self) -> Parsed<f64> {
        const CONTEXT: &str = "fill value";
        self.expect(TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        let negative = self.take_sign().unwrap_or(false);
        let token = self.expect(TokenKind::Number, CONTEXT, "number")?;
        let value = number::parse_number(self.slice(token.span)).map_err(|message| {
            self.syntax(token.span, message);
            Failed
        })?;
        self.expect(TokenKind::RightParen, CONTEXT, "\")\"")?;
        Ok(if negative { -value } else { value })
    }
}

/// Whether the token is a word that may be a label's name: anything but a number.
fn is_word(kind: TokenKind) -> bool {
    use super::super::ast::BinaryOp;
    matches!(
        kind,
        TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2)
            | TokenKind::Aggregate(_)
            | TokenKind::Keyword(_)
            | TokenKind::Start
            | TokenKind::End
            | TokenKind::Step
            | TokenKind::Range
            | TokenKind::MinOf
            | TokenKind::MaxOf
    )
}
