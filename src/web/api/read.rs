//! `/api/v1/read`: samples for other servers by remote read.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tracing::warn;

use crate::promql::QueryError;
use crate::remote::{ReadError, ReadRequest};
use crate::web::Prometheus;

/// Most bytes of a request: matchers, nothing more.
const LARGEST: usize = 8 << 20;
/// Messages that are made before the client has read those before them.
const AHEAD: usize = 4;

/// Why a read ended.
enum Failed {
    Query(QueryError),
    Read(ReadError),
}

impl From<QueryError> for Failed {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<ReadError> for Failed {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Query(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Self::Read(error) => {
                let status = match error {
                    ReadError::Malformed(_) | ReadError::TooManySamples(_) => {
                        StatusCode::BAD_REQUEST
                    }
                    ReadError::Histograms => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    ReadError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (status, error.to_string())
            }
        };
        (status, format!("{text}\n")).into_response()
    }
}

pub(super) async fn read(State(web): State<Arc<Prometheus>>, request: Request) -> Response {
    let body = match to_bytes(request.into_body(), LARGEST).await {
        Ok(body) => body,
        Err(err) => {
            let text = format!("cannot read the request: {err}\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let (pool, timeout) = (Arc::clone(&web.pool), web.options.query_timeout);
    let (begin, begun) = oneshot::channel();
    let (messages, stream) = mpsc::channel(AHEAD);
    // A stream goes on after its head was answered, and holds its turn in the pool for as long.
    let work = tokio::spawn(async move {
        pool.run(timeout, move |_| {
            let asked = ReadRequest::parse(&body, &web.loaded().external_labels)?;
            let limits = web.options.remote_read;
            if !asked.is_streamed(&*web.store)? {
                return Ok(Some(asked.samples(&*web.store, limits)?));
            }
            let mut begin = Some(begin);
            let sent = asked.chunks(&*web.store, limits, |frame| {
                if let Some(begin) = begin.take() {
                    // Whoever asked may have gone away.
                    let _ = begin.send(());
                }
                match messages.blocking_send(Ok(Bytes::from(frame))) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            match sent {
                // The head is out: a stream that breaks off is all that can be said.
                Err(error) if begin.is_none() => {
                    warn!("a remote read broke off: {error}");
                    let _ = messages.blocking_send(Err(std::io::Error::other(error.to_string())));
                    Ok(None)
                }
                sent => Ok::<_, Failed>(sent.map(|()| None)?),
            }
        })
        .await
    });
    let streamed = || {
        let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
        ([(header::CONTENT_TYPE, kind)], Body::from_stream(ReceiverStream::new(stream)))
            .into_response()
    };
    if begun.await.is_ok() {
        return streamed();
    }
    match work.await {
        Ok(Ok(Some(packed))) => {
            let head = [
                (header::CONTENT_TYPE, "application/x-protobuf"),
                (header::CONTENT_ENCODING, "snappy"),
            ];
            (head, packed).into_response()
        }
        // A stream of nothing.
        Ok(Ok(None)) => streamed(),
        Ok(Err(failed)) => failed.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
