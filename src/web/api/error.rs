//! The one error of all API handlers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::promql::QueryError;
use crate::storage::SelectError;
use crate::web::json::write_string;

/// What kind of failure it is: `errorType` and status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum ErrorKind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
}

impl ErrorKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            // "Client closed request": nobody reads it, the counts of requests do.
            Self::Canceled => StatusCode::from_u16(499).expect("499 is a status code"),
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::web) struct ApiError {
    pub kind: ErrorKind,
    pub message: String,
}

impl ApiError {
    /// The request is wrong.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::BadData, message: message.into() }
    }

    /// A parameter is wrong.
    pub fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {why}"))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Parse(message) => return Self::parameter("query", message),
            QueryError::Execution(_) | QueryError::TooManySamples => ErrorKind::Execution,
            QueryError::Timeout => ErrorKind::Timeout,
            QueryError::Canceled => ErrorKind::Canceled,
            QueryError::Store(_) => ErrorKind::Internal,
        };
        Self { kind, message: error.to_string() }
    }
}

impl From<SelectError> for ApiError {
    fn from(error: SelectError) -> Self {
        Self { kind: ErrorKind::Internal, message: error.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = Vec::from(&b"{\"status\":\"error\",\"errorType\":\""[..]);
        body.extend_from_slice(self.kind.as_str().as_bytes());
        body.extend_from_slice(b"\",\"error\":");
        write_string(&mut body, &self.message);
        body.push(b'}');
        let json = HeaderValue::from_static("application/json");
        (self.kind.status(), [(header::CONTENT_TYPE, json)], body).into_response()
    }
}
