//! `status/active_queries` and `status/slow_queries`: what the server is busy with, and what took long. Prometheus has no
//! such request; its `stats` and its query log tell a part of it.
//!
//! A tenant sees its own queries. With the operators' actions enabled, `all_tenants=true` shows those of all.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bongsu_model::TenantId;
use bongsu_promql::QueryStats;
use http::StatusCode;
use serde_json::{Value, json};

use super::success;
use crate::error::{ApiError, ErrorType};
use crate::params::Params;
use crate::queries::{ActiveQuery, Asked, SlowQuery};
use crate::state::Api;
use crate::tenant::Tenant;

/// The queries that wait or are evaluated now, the oldest first.
pub(super) async fn active(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let queries: Vec<Value> =
        api.queries.active(whose(&api, &tenant, &params)?).iter().map(|query| active_json(query)).collect();
    let data = json!({ "slots": api.limits.queries_concurrent_max, "queries": queries });
    Ok(success(&data.to_string()))
}

/// The last queries that took long, the newest first.
pub(super) async fn slow(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let queries: Vec<Value> = api.queries.slow(whose(&api, &tenant, &params)?).iter().map(slow_json).collect();
    let data = json!({ "thresholdSeconds": api.queries.slow_after().as_secs_f64(), "queries": queries });
    Ok(success(&data.to_string()))
}

/// Stops one query. The one who waits for it is told that it was canceled.
pub(super) async fn stop(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    Path(id): Path<u64>,
    params: Params,
) -> Result<Response, ApiError> {
    if !api.queries.stop(id, whose(&api, &tenant, &params)?) {
        return Err(ApiError::new(ErrorType::NotFound, format!("no query {id} is active")));
    }
    tracing::info!(%tenant, id, "a query is stopped over HTTP");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whose queries are meant; `None`: those of all tenants.
pub(super) fn whose<'t>(api: &Api, tenant: &'t TenantId, params: &Params) -> Result<Option<&'t TenantId>, ApiError> {
    if params.text("all_tenants") != "true" {
        return Ok(Some(tenant));
    }
    if !api.admin_enabled {
        return Err(ApiError::new(
            ErrorType::Unavailable,
            "all_tenants needs the setting admin_api (--enable-admin-api)",
        ));
    }
    Ok(None)
}

fn active_json(query: &ActiveQuery) -> Value {
    let mut shown = asked_json(&query.asked, query.used());
    shown["state"] = json!(if query.is_waiting() { "waiting" } else { "running" });
    shown["queueSeconds"] = json!(query.queued().as_secs_f64());
    shown["durationSeconds"] = json!(query.age().as_secs_f64());
    shown
}

fn slow_json(query: &SlowQuery) -> Value {
    let mut shown = asked_json(&query.asked, query.used);
    shown["queueSeconds"] = json!(query.queued.as_secs_f64());
    shown["durationSeconds"] = json!(query.total.as_secs_f64());
    shown["error"] = json!(query.error.as_deref().unwrap_or(""));
    shown
}

fn asked_json(asked: &Asked, used: QueryStats) -> Value {
    json!({
        "id": asked.id,
        "tenant": asked.tenant.as_str(),
        "kind": asked.kind,
        "query": asked.text,
        "startMs": asked.at_ms,
        "seriesRead": used.series_read,
        "samplesRead": used.samples_read,
        "peakPoints": used.points_peak,
    })
}
