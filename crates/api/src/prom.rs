//! Prometheus' read API. Source: "HTTP API" of the Prometheus 3 documentation.

mod format;
mod json;
mod labels;
mod metadata;
mod query;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use crate::error::{ApiError, ErrorType};
use crate::state::Api;

/// One table of all routes; each takes GET and, where Prometheus does, a form POST.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/query_exemplars", get(query::exemplars).post(query::exemplars))
        .route("/format_query", get(format::format_query).post(format::format_query))
        .route("/series", get(labels::series).post(labels::series))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/metadata", get(metadata::metadata))
        .route("/rules", get(status::rules))
        .route("/alerts", get(status::alerts))
        .route("/status/buildinfo", get(status::build_info))
}

/// `{"status":"success","data":…}` around a finished text.
fn success(data: &str) -> Response {
    json_response(format!("{{\"status\":\"success\",\"data\":{data}}}"))
}

/// The same with warnings.
fn success_with_warnings(data: &str, warnings: &[String]) -> Response {
    if warnings.is_empty() {
        return success(data);
    }
    let warnings = serde_json::json!(warnings);
    json_response(format!("{{\"status\":\"success\",\"data\":{data},\"warnings\":{warnings}}}"))
}

fn json_response(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Runs engine work on the blocking pool, so that the threads of the network stay free.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(panic) => {
            tracing::error!(%panic, "a request panicked");
            Err(ApiError::new(ErrorType::Internal, "internal error, see the log"))
        }
    }
}
