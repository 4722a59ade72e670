//! Errors in Prometheus' JSON shape.

use axum::response::{IntoResponse, Response};
use bongsu_model::{SourceError, SourceErrorKind};
use bongsu_promql::{QueryError, QueryErrorKind};
use http::{StatusCode, header};

/// The `errorType` words of Prometheus' API, each with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorType {
    BadData,
    Execution,
    Timeout,
    Canceled,
    Internal,
    Unavailable,
    NotFound,
    TooManyRequests,
}

impl ErrorType {
    fn word(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
            Self::TooManyRequests => "too_many_requests",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout | Self::Canceled | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub kind: ErrorType,
    pub message: String,
}

impl ApiError {
    pub(crate) fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The answer's body.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "status": "error", "errorType": self.kind.word(), "error": self.message })
    }

    /// For clients that read no JSON: the text alone.
    pub(crate) fn into_plain_response(self) -> Response {
        let status = match self.kind {
            // What a query's own data did to it is the server's matter here.
            ErrorType::Execution => StatusCode::INTERNAL_SERVER_ERROR,
            kind => kind.status(),
        };
        (status, format!("{}\n", self.message)).into_response()
    }

    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(ErrorType::BadData, message)
    }

    /// A parameter that was not understood, with Prometheus' wording.
    pub(crate) fn bad_parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {reason}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.kind.status(), [(header::CONTENT_TYPE, "application/json")], self.to_json().to_string()).into_response()
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match error.kind {
            QueryErrorKind::BadData => ErrorType::BadData,
            QueryErrorKind::Timeout => ErrorType::Timeout,
            QueryErrorKind::Canceled => ErrorType::Canceled,
            QueryErrorKind::Unavailable => ErrorType::Unavailable,
            _ => ErrorType::Execution,
        };
        Self::new(kind, error.message)
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        let kind = match error.kind {
            SourceErrorKind::Limit => ErrorType::Execution,
            SourceErrorKind::Corrupt => ErrorType::Internal,
            _ => ErrorType::Unavailable,
        };
        Self::new(kind, error.message)
    }
}
