//! `/api/v1/write`: samples from other servers by remote write.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::warn;

use crate::remote::{Protocol, Received, RemoteError, Written};
use crate::storage::AppendError;
use crate::web::Prometheus;

/// Most bytes of a packed request; senders make them some hundred kilobytes.
const LARGEST: usize = 64 << 20;
/// A sender of 2.0 believes only these headers that its samples were stored.
const HEADERS: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

pub(super) async fn write(State(web): State<Arc<Prometheus>>, request: Request) -> Response {
    let Some(receiver) = web.receiver() else {
        let text =
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let protocol = match protocol_of(request.headers()) {
        Ok(protocol) => protocol,
        Err(why) => return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response(),
    };
    // Holds the memory of requests in bounds: whoever is over the number waits with its body unread.
    let Ok(_turn) = receiver.turns.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let body = match to_bytes(request.into_body(), LARGEST).await {
        Ok(body) => body,
        Err(err) => {
            let text = format!("cannot read the request: {err}; at most {LARGEST} bytes\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let samples = Arc::clone(receiver);
    // The log may have to wait for the disk.
    let received =
        tokio::task::spawn_blocking(move || samples.receiver.receive(protocol, &body)).await;
    match received {
        Ok(Ok(received)) => answer(protocol, received),
        Ok(Err(RemoteError::Malformed(why))) => {
            (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()
        }
        Ok(Err(RemoteError::Store(error))) => {
            warn!("a remote write request was not stored: {error}");
            // Both are tried again by senders, the first one only if it is told to.
            let status = match error {
                AppendError::SeriesLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
                AppendError::Log(_) | AppendError::Closed => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, format!("{error}\n")).into_response()
        }
        Err(_) => {
            let text = "the request failed inside the server\n";
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

fn protocol_of(headers: &HeaderMap) -> Result<Protocol, String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let kind = text(header::CONTENT_TYPE).unwrap_or("application/x-protobuf");
    let protocol = Protocol::from_content_type(kind).ok_or_else(|| {
        format!(
            "{kind} is not accepted here; application/x-protobuf with the message \
             prometheus.WriteRequest or io.prometheus.write.v2.Request is\n"
        )
    })?;
    match text(header::CONTENT_ENCODING) {
        None | Some("snappy") => Ok(protocol),
        Some(encoding) => Err(format!("the encoding {encoding} is not accepted here; snappy is\n")),
    }
}

fn answer(protocol: Protocol, received: Received) -> Response {
    let Received { written, problem } = received;
    let mut response = match problem {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    };
    if protocol == Protocol::V2 {
        let Written { samples, histograms, exemplars } = written;
        for (name, count) in HEADERS.into_iter().zip([samples, histograms, exemplars]) {
            response.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    response
}
