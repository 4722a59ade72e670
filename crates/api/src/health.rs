//! Whether the process lives, whether it can serve, and its own metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::state::Api;

/// 200 once the store is open, 503 before that and during the shutdown.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    if api.is_ready() {
        (StatusCode::OK, "Bongsu is ready.\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Bongsu is not ready.\n").into_response()
    }
}

/// 200 as long as the process answers.
pub(crate) async fn healthy() -> &'static str {
    "Bongsu is healthy.\n"
}

/// Own metrics in the text format.
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.registry.expose()).into_response()
}
