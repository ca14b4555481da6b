//! `format_query` and `parse_query`.

use axum::response::Response;

use super::reply::Reply;
use super::{ApiError, Params};
use crate::promql::{self, Expr};

/// The query in its usual layout.
pub(super) async fn format(params: Params) -> Result<Response, ApiError> {
    Ok(Reply::data(&parsed(&params)?.pretty()).finish(params.accepts))
}

/// The query's syntax tree.
pub(super) async fn parse(params: Params) -> Result<Response, ApiError> {
    Ok(Reply::data(&parsed(&params)?.to_json()).finish(params.accepts))
}

fn parsed(params: &Params) -> Result<Expr, ApiError> {
    promql::parse(params.get("query")).map_err(|error| ApiError::parameter("query", error))
}
