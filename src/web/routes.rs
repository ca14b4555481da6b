//! All paths of the monitoring server.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use tower::ServiceExt as _;

use super::{Prometheus, api, federate, lifecycle, metrics, pages};

/// The API, the pages and the endpoints of the process, under the route prefix.
pub fn router(web: Arc<Prometheus>) -> Router {
    let when_ready = Router::new()
        .nest("/api/v1", api::router(&web))
        .route("/federate", get(federate::federate))
        .merge(pages::router())
        .route_layer(from_fn_with_state(Arc::clone(&web), only_when_ready));
    let always = Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/-/healthy", get(lifecycle::healthy))
        .route("/-/ready", get(lifecycle::ready))
        .route("/-/reload", any(lifecycle::reload))
        .route("/-/quit", any(lifecycle::quit));
    let routes = when_ready.merge(always).fallback(pages::not_found);
    let routes = match web.prefix() {
        "" => routes,
        prefix => {
            let home = format!("{prefix}/");
            let to_home = move || async move { Redirect::to(&home) };
            // A nested `/` answers without the slash at its end only.
            let with_slash = get(pages::overview);
            let routes = Router::new().nest(prefix, routes);
            routes.route(&format!("{prefix}/"), with_slash).route("/", get(to_home))
        }
    };
    routes.layer(from_fn_with_state(Arc::clone(&web), count)).with_state(web)
}

/// What is answered while the store is still being opened: alive, and not ready. From the moment that
/// the router is put into `opened` on, that one answers; no connection is lost in between.
pub fn starting(prefix: &str, opened: Arc<OnceLock<Router>>) -> Router {
    let healthy = format!("{}/-/healthy", prefix.trim_end_matches('/'));
    let before = Router::new()
        .route(&healthy, get(lifecycle::healthy))
        .fallback(async || (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"));
    Router::new().fallback(async move |request: Request| {
        opened.get().unwrap_or(&before).clone().oneshot(request).await
    })
}

async fn only_when_ready(
    State(web): State<Arc<Prometheus>>,
    request: Request,
    next: Next,
) -> Response {
    if web.is_ready() {
        next.run(request).await
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response()
    }
}

async fn count(State(web): State<Arc<Prometheus>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let handler = request.extensions().get::<MatchedPath>().map_or_else(
        || "other".to_owned(),
        |path| path.as_str().strip_prefix(web.prefix()).unwrap_or(path.as_str()).to_owned(),
    );
    let response = next.run(request).await;
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let length = length.or_else(|| response.body().size_hint().exact());
    web.requests.count(&handler, response.status().as_u16(), begun.elapsed(), length);
    response
}
