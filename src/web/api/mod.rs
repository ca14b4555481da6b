//! The HTTP API v1 of Prometheus, in its exact shapes.

mod error;
mod format;
mod params;
mod query;
mod read;
mod reply;
mod rules;
mod series;
mod status;
mod targets;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub(super) use error::ApiError;
pub(super) use params::{Params, parse_duration_param, parse_selector, parse_time};
pub(super) use reply::{Accepts, compressed};
pub(super) use targets::health;

use super::Prometheus;

/// All endpoints, to be put under `/api/v1`.
pub(super) fn router(web: &Arc<Prometheus>) -> Router<Arc<Prometheus>> {
    let routes = Router::new()
        .route("/query", get(query::instant).post(query::instant).options(nothing))
        .route("/query_range", get(query::range).post(query::range).options(nothing))
        .route("/query_exemplars", get(query::exemplars).post(query::exemplars).options(nothing))
        .route("/format_query", get(format::format).post(format::format).options(nothing))
        .route("/parse_query", get(format::parse).post(format::parse).options(nothing))
        .route("/series", get(series::series).post(series::series).options(nothing))
        .route("/labels", get(series::labels).post(series::labels).options(nothing))
        .route("/label/{name}/values", get(series::label_values).options(nothing))
        .route("/metadata", get(series::metadata).options(nothing))
        .route("/targets", get(targets::targets).options(nothing))
        .route("/targets/metadata", get(targets::metadata).options(nothing))
        .route("/scrape_pools", get(targets::scrape_pools).options(nothing))
        .route("/alertmanagers", get(targets::alertmanagers).options(nothing))
        .route("/rules", get(rules::rules).options(nothing))
        .route("/alerts", get(rules::alerts).options(nothing))
        .route("/status/config", get(status::config).options(nothing))
        .route("/status/flags", get(status::flags).options(nothing))
        .route("/status/runtimeinfo", get(status::runtime_info).options(nothing))
        .route("/status/buildinfo", get(status::build_info).options(nothing))
        .route("/status/tsdb", get(status::tsdb).options(nothing))
        .route("/read", post(read::read))
        .route("/write", post(write::write))
        .route("/status/walreplay", get(status::wal_replay).options(nothing));
    routes.layer(from_fn_with_state(Arc::clone(web), allow_origin))
}

async fn nothing() -> impl IntoResponse {
    StatusCode::NO_CONTENT
}

/// Lets pages of the allowed origins read the answers.
async fn allow_origin(
    State(web): State<Arc<Prometheus>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    let Some(origin) = origin else { return response };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let allowed = &web.options.cors_origin;
    if allowed.as_str() == "^(?:.*)$" {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if origin.to_str().is_ok_and(|origin| allowed.is_match(origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}
