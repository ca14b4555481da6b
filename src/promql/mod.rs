//! PromQL: lexer, parser with spans and recovery, functions, and an evaluator over
//! [`crate::storage::Select`].

mod answer;
pub mod ast;
mod check_types;
mod display;
mod duration_expr;
mod error;
mod eval;
mod function;
mod lexer;
pub mod number;
mod parser;
pub mod quote;
mod same;
pub mod series_notation;
mod tree_json;
mod walk;

pub use answer::{Answer, MatrixSeries, QueryError, QueryOptions, QueryStats, Value, VectorSample};
pub use ast::{Expr, Span, ValueType};
pub use error::{ParseError, ParseErrorKind, ParseErrors};
pub use eval::{instant, range};
pub use function::{Arity, FUNCTIONS, Function};
pub use parser::{ParseOptions, parse, parse_recovering, parse_selector, parse_with};
pub use walk::SelectorUse;
