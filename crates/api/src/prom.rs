//! Prometheus' read API, and Mimir's cardinality API. Sources: "HTTP API" of the Prometheus 3 documentation, and Mimir's
//! HTTP API reference. What differs is listed in `docs/api.md`.

mod activity;
mod ast;
mod batch;
mod blocks;
mod cardinality;
mod dialect;
mod exemplars;
mod federate;
mod format;
pub(crate) mod json;
mod labels;
mod metadata;
mod query;
mod read;
mod stats;
mod status;
mod targets;
mod tsdb;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bongsu_model::TenantId;
use http::header;

use crate::error::{ApiError, ErrorType};
use crate::metrics;
use crate::queue::{Full, Slot};
use crate::state::{Api, ApiLimits};

/// One table of all routes; each takes GET and, where Prometheus does, a form POST.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/query_batch", post(batch::batch))
        .route("/read", post(read::read))
        .route("/query_exemplars", get(exemplars::exemplars).post(exemplars::exemplars))
        .route("/format_query", get(format::format_query).post(format::format_query))
        .route("/parse_query", get(format::parse_query).post(format::parse_query))
        .route("/series", get(labels::series).post(labels::series))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/metadata", get(metadata::metadata))
        .route("/targets", get(targets::targets))
        .route("/targets/metadata", get(targets::metadata))
        .route("/scrape_pools", get(targets::scrape_pools))
        .route("/alertmanagers", get(targets::alertmanagers))
        .route("/rules", get(status::rules))
        .route("/alerts", get(status::alerts))
        .route("/notifications", get(status::notifications))
        .route("/features", get(status::features))
        .route("/status/buildinfo", get(status::build_info))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/runtimeinfo", get(status::runtime_info))
        .route("/status/walreplay", get(status::wal_replay))
        .route("/status/tsdb", get(tsdb::status))
        .route("/status/blocks", get(blocks::status))
        .route("/status/active_queries", get(activity::active))
        .route("/status/active_queries/{id}", delete(activity::stop))
        .route("/status/slow_queries", get(activity::slow))
        .route("/cardinality/label_names", get(cardinality::label_names).post(cardinality::label_names))
        .route("/cardinality/label_values", get(cardinality::label_values).post(cardinality::label_values))
}

pub(crate) use federate::federate;

/// `{"status":"success","data":…}` around a finished text.
pub(crate) fn success(data: &str) -> Response {
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

/// Runs engine work in a slot of the query queue. The work keeps the slot until it ends, also when its client has gone.
pub(crate) async fn queued<T: Send + 'static>(
    api: &Arc<Api>,
    tenant: &TenantId,
    timeout: Duration,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let slot = take_slot(api, tenant, timeout).await?;
    blocking(move || {
        let _slot = slot;
        work()
    })
    .await
}

/// Waits for a slot of the query queue.
async fn take_slot(api: &Api, tenant: &TenantId, timeout: Duration) -> Result<Slot, ApiError> {
    let asked = Instant::now();
    let place = api.queue.enter(tenant).map_err(|full| {
        metrics::QUERIES_REFUSED.add([full.as_str()], 1);
        full_error(full, &api.limits)
    })?;
    let slot = tokio::time::timeout(timeout, place.wait()).await;
    metrics::QUERY_QUEUE_SECONDS.observe(asked.elapsed().as_secs_f64());
    match slot {
        Ok(Some(slot)) => Ok(slot),
        _ => Err(ApiError::new(ErrorType::Timeout, "query timed out in query queue")),
    }
}

fn full_error(full: Full, limits: &ApiLimits) -> ApiError {
    match full {
        Full::Tenant => {
            let most = limits.queries_waiting_per_tenant_max;
            let text = format!(
                "too many queries of this tenant are waiting; the limit is {most} (setting \
                 limits.queries_waiting_per_tenant): ask for fewer at a time, or raise it"
            );
            ApiError::new(ErrorType::TooManyRequests, text)
        }
        Full::Everyone => {
            let most = limits.queries_waiting_max;
            let text = format!(
                "too many queries of all tenants are waiting; the limit is {most} (setting limits.queries_waiting): \
                 try again later, or raise it"
            );
            ApiError::new(ErrorType::Unavailable, text)
        }
    }
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
