//! `/-/…`: is it alive, is it ready, read the configuration again, end.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};

use super::Prometheus;

pub(super) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

pub(super) async fn ready(State(web): State<Arc<Prometheus>>) -> Response {
    if web.is_ready() {
        "Prometheus Server is Ready.\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response()
    }
}

pub(super) async fn reload(State(web): State<Arc<Prometheus>>, method: Method) -> Response {
    if let Some(refusal) = refuse(&web, &method) {
        return refusal;
    }
    let Some(reload) = web.reload() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "failed to reload config: nothing to reload\n")
            .into_response();
    };
    match reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            warn!("the configuration was not reloaded: {error}");
            let text = format!("failed to reload config: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

pub(super) async fn quit(State(web): State<Arc<Prometheus>>, method: Method) -> Response {
    if let Some(refusal) = refuse(&web, &method) {
        return refusal;
    }
    info!("told to end over HTTP");
    web.quit.cancel();
    "Requesting termination... Goodbye!".into_response()
}

fn refuse(web: &Prometheus, method: &Method) -> Option<Response> {
    if !matches!(*method, Method::POST | Method::PUT) {
        let allow = [(header::ALLOW, "POST, PUT")];
        let text = "Only POST or PUT requests allowed";
        return Some((StatusCode::METHOD_NOT_ALLOWED, allow, text).into_response());
    }
    let is_enabled = web.options.enable_lifecycle;
    (!is_enabled).then(|| (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response())
}
