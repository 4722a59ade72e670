//! Operators' actions. They return when the work is done.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;

use crate::error::{ApiError, ErrorType};
use crate::state::Api;

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/admin/tsdb/flush", post(flush)).route("/admin/tsdb/compact", post(compact))
}

/// Everything in memory goes to blocks.
async fn flush(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let store = api.store.clone();
    run(move || store.flush().map_err(|e| e.to_string())).await
}

/// Flush, then merge until nothing is left to merge.
async fn compact(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let store = api.store.clone();
    run(move || store.flush().and_then(|()| store.merge()).map(drop).map_err(|e| e.to_string())).await
}

async fn run(work: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<Response, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(Err(message)) => Err(ApiError::new(ErrorType::Internal, message)),
        Err(panic) => Err(ApiError::new(ErrorType::Internal, panic.to_string())),
    }
}
