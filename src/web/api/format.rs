//! `format_query` and `parse_query`.

use axum::response::Response;

use super::reply::Reply;
use super::{ApiError, Params};
use crate::promql;

/// The query in its usual layout.
pub(super) async fn format(params: Params) -> Result<Response, ApiError> {
    let expr = parsed(&params)?;
    Ok(Reply::data(&expr.to_string()).finish(params.accepts))
}

fn parsed(params: &Params) -> Result<promql::Expr, ApiError> {
    promql::parse(params.get("query")).map_err(|error| ApiError::parameter("query", error))
}
