//! The evaluator: runs a syntax tree over anything that can [`Select`].

use std::time::Duration;

use super::{Answer, Expr, QueryError, QueryOptions};
use crate::model::Timestamp;
use crate::storage::Select;

/// Evaluates at one time.
pub fn instant(
    _store: &dyn Select,
    _expr: &Expr,
    _at: Timestamp,
    _options: &QueryOptions,
) -> Result<Answer, QueryError> {
    Err(QueryError::Execution("not evaluated yet".to_owned()))
}

/// Evaluates at `start`, `start + step` … up to `end`.
pub fn range(
    _store: &dyn Select,
    _expr: &Expr,
    _start: Timestamp,
    _end: Timestamp,
    _step: Duration,
    _options: &QueryOptions,
) -> Result<Answer, QueryError> {
    Err(QueryError::Execution("not evaluated yet".to_owned()))
}
