//! Whether an expression's types hold together; settles what depends on them.

use crate::model::METRIC_NAME;

use super::ast::{Aggregate, Binary, Call, Cardinality, Expr, Span, ValueType, VectorSelector};
use super::error::{ParseError, ParseErrorKind};
use super::function::Arity;
use super::quote::quote;

/// Checks all of the tree and adds what is wrong. Also marks the second argument of `info`, makes set
/// operators many-to-many, and removes the matching where an operand is a scalar. What is
/// [`Expr::Broken`] fits everywhere.
pub(super) fn check_types(expr: &mut Expr, text: &str, errors: &mut Vec<ParseError>) {
    Checker { text, errors }.check(expr);
}

struct Checker<'t> {
    text: &'t str,
    errors: &'t mut Vec<ParseError>,
}

/// A type, or `None` for what could not be read.
type Type = Option<ValueType>;

impl Checker<'_> {
    fn check(&mut self, expr: &mut Expr) -> Type {
        match expr {
            Expr::Number(_) | Expr::String(_) => {}
            Expr::Vector(selector) => self.selector(selector),
            Expr::Matrix(matrix) => self.selector(&matrix.selector),
            Expr::Subquery(subquery) => {
                let found = self.check(&mut subquery.expr);
                if let Some(found) = found.filter(|found| *found != ValueType::Vector) {
                    let found = found.api_name();
                    let message =
                        format!("subquery is only allowed on instant vector, got {found} instead");
                    self.error(subquery.span, message);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) => {
                let found = self.check(&mut unary.expr)?;
                if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                    let found = found.documented();
                    self.error(
                        unary.span,
                        format!(
                            "unary expression only allowed on expressions of type scalar or \
                             instant vector, got \"{found}\""
                        ),
                    );
                }
            }
            Expr::Paren(paren) => return self.check(&mut paren.expr),
            Expr::Broken(broken) => {
                for child in &mut broken.children {
                    self.check(child);
                }
                return None;
            }
        }
        known_type(expr)
    }

    fn selector(&mut self, selector: &VectorSelector) {
        if let Some(name) = &selector.name {
            let second = selector.plain_matchers().skip(1).find(|m| m.name == METRIC_NAME);
            if let Some(second) = second {
                let (name, second) = (quote(name), quote(&second.value));
                let message = format!("metric name must not be set twice: {name} or {second}");
                self.error(selector.span, message);
            }
        } else if !selector.info_labels
            && selector.plain_matchers().all(crate::model::Matcher::matches_empty)
        {
            let message = "vector selector must contain at least one non-empty matcher";
            self.error(selector.span, message);
        }
    }

    fn aggregate(&mut self, aggregate: &mut Aggregate) {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression");
        if let (Some(param), Some(wanted)) = (&mut aggregate.param, aggregate.op.param_type()) {
            self.expect(param, wanted, "aggregation parameter");
        }
    }

    fn call(&mut self, call: &mut Call) {
        let function = call.function;
        let (name, given) = (function.name, call.args.len());
        let complaint = match function.arity {
            Arity::Exact if given != function.arg_types.len() => {
                Some(format!("expected {}", function.arg_types.len()))
            }
            Arity::Between { min, .. } | Arity::AtLeast(min) if given < min => {
                Some(format!("expected at least {min}"))
            }
            Arity::Between { max, .. } if given > max => Some(format!("expected at most {max}")),
            _ => None,
        };
        if let Some(complaint) = complaint {
            let message = format!("{complaint} argument(s) in call to \"{name}\", got {given}");
            self.error(call.span, message);
        }
        if name == "info" {
            self.info_labels(call);
        }
        // Of a fixed list only the arguments that belong there have a type.
        let checked = function.max_args().map_or(given, |max| max.min(given));
        for (index, arg) in call.args.iter_mut().enumerate() {
            let Some(wanted) = function.arg_type(index).filter(|_| index < checked) else {
                continue;
            };
            let context = format!("call to function \"{name}\"");
            self.expect(arg, wanted, &context);
        }
    }

    /// The second argument of `info` selects labels, not series.
    fn info_labels(&mut self, call: &mut Call) {
        match call.args.get_mut(1) {
            None | Some(Expr::Broken(_)) => {}
            Some(Expr::Vector(selector)) => {
                selector.info_labels = true;
                if selector.name.is_some() {
                    let span = selector.span;
                    let message = "expected label selectors only, got vector selector instead";
                    self.error(span, message);
                }
            }
            Some(other) => {
                let span = other.span();
                self.error(span, "expected label selectors only");
            }
        }
    }

    fn binary(&mut self, binary: &mut Binary) {
        let lhs = self.check(&mut binary.lhs);
        let rhs = self.check(&mut binary.rhs);
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            let message = "bool modifier can only be used on comparison operators";
            self.error(binary.op_span, message);
        }
        let both_scalar = lhs == Some(ValueType::Scalar) && rhs == Some(ValueType::Scalar);
        if op.is_comparison() && !binary.return_bool && both_scalar {
            self.error(binary.op_span, "comparisons between scalars must use BOOL modifier");
        }
        for (side, expr) in [(lhs, &binary.lhs), (rhs, &binary.rhs)] {
            if matches!(side, Some(ValueType::Matrix | ValueType::String)) {
                let message = "binary expression must contain only scalar and instant vector types";
                self.error(expr.span(), message);
            }
        }
        let Some(matching) = &mut binary.matching else { return };
        if matching.on {
            let twice = matching
                .labels
                .iter()
                .find(|label| matching.include.iter().any(|other| other.name == label.name));
            if let Some(label) = twice {
                let name = quote(&label.name);
                let message = format!("label {name} must not occur in ON and GROUP clause at once");
                self.error(binary.op_span, message);
            }
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let not_vector = |side: Type| side.is_some_and(|side| side != ValueType::Vector);
        if not_vector(lhs) || not_vector(rhs) {
            if !matching.labels.is_empty() {
                self.error(binary.span, "vector matching only allowed between instant vectors");
            }
            if filled {
                let message = "filling in missing series only allowed between instant vectors";
                self.error(binary.span, message);
            }
            binary.matching = None;
        } else if op.is_set() {
            match matching.cardinality {
                Cardinality::OneToOne => matching.cardinality = Cardinality::ManyToMany,
                Cardinality::ManyToMany => {}
                Cardinality::ManyToOne | Cardinality::OneToMany => {
                    let name = op.as_str();
                    let message = format!("no grouping allowed for \"{name}\" operation");
                    self.error(binary.span, message);
                }
            }
            if filled {
                let message = "filling in missing series not allowed for set operators";
                self.error(binary.span, message);
            }
        }
        if op.is_set() && [lhs, rhs].contains(&Some(ValueType::Scalar)) {
            let name = op.as_str();
            let message =
                format!("set operator \"{name}\" not allowed in binary scalar expression");
            self.error(binary.span, message);
        }
    }

    fn expect(&mut self, expr: &mut Expr, wanted: ValueType, context: &str) {
        let Some(found) = self.check(expr).filter(|found| *found != wanted) else { return };
        let (wanted, found) = (wanted.documented(), found.documented());
        let message = format!("expected type {wanted} in {context}, got {found}");
        self.error(expr.span(), message);
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        let error = ParseError::new(self.text, span, message.into(), ParseErrorKind::Type);
        self.errors.push(error);
    }
}

/// The type, unless it depends on something that could not be read.
fn known_type(expr: &Expr) -> Type {
    match expr {
        Expr::Broken(_) => None,
        Expr::Paren(paren) => known_type(&paren.expr),
        Expr::Unary(unary) => known_type(&unary.expr),
        Expr::Binary(binary) => match (known_type(&binary.lhs), known_type(&binary.rhs)) {
            (Some(_), Some(_)) => Some(expr.value_type()),
            // With one vector the result is a vector; two scalars make a scalar.
            (Some(ValueType::Vector), _) | (_, Some(ValueType::Vector)) => Some(ValueType::Vector),
            _ => None,
        },
        _ => Some(expr.value_type()),
    }
}
