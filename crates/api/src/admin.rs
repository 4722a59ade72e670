//! Operators' actions. They return when the work is done. Those that delete data or take disk space have to be enabled.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use bongsu_model::TenantId;
use http::StatusCode;

use crate::error::{ApiError, ErrorType};
use crate::params::{Params, parse_bool, parse_selector};
use crate::prom::success;
use crate::state::Api;
use crate::tenant::Tenant;

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/tsdb/flush", post(flush))
        .route("/admin/tsdb/compact", post(compact))
        .route("/admin/tsdb/delete_series", post(delete_series).put(delete_series))
        .route("/admin/tsdb/clean_tombstones", post(clean_tombstones).put(clean_tombstones))
        .route("/admin/tsdb/snapshot", post(snapshot).put(snapshot))
        .route("/admin/tenants/{tenant}", delete(delete_tenant))
}

/// Everything in memory goes to blocks.
async fn flush(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let store = api.store.clone();
    run(move || store.flush()).await
}

/// Flush, then merge until nothing is left to merge.
async fn compact(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let store = api.store.clone();
    run(move || store.flush().and_then(|()| store.merge()).map(drop)).await
}

/// Deletes what the tenant has now of the series that one of the selectors selects.
async fn delete_series(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (start_ms, end_ms) = params.time_range_ms()?;
    let selectors = params.all("match[]").map(parse_selector).collect::<Result<Vec<_>, _>>();
    let selectors = selectors.map_err(|error| ApiError::bad_parameter("match[]", error))?;
    let store = api.store.clone();
    tracing::info!(%tenant, ?selectors, start_ms, end_ms, "series are deleted over HTTP");
    run(move || selectors.iter().try_for_each(|matchers| store.delete_series(&tenant, matchers, start_ms, end_ms)))
        .await
}

/// Deletes all that there is of a tenant, and answers with the receipt.
async fn delete_tenant(State(api): State<Arc<Api>>, Path(tenant): Path<String>) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    let tenant = TenantId::parse(&tenant).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let store = api.store.clone();
    tracing::info!(%tenant, "a tenant is deleted over HTTP");
    let name = tenant.clone();
    match work(move || store.delete_tenant(&tenant)).await? {
        Some(receipt) => Ok(success(&receipt_json(&receipt).to_string())),
        None => Err(ApiError::new(ErrorType::NotFound, format!("there is no tenant {name}"))),
    }
}

/// What a receipt says.
pub fn receipt_json(receipt: &bongsu_tsdb::Receipt) -> serde_json::Value {
    let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
    let files: Vec<_> =
        receipt.files.iter().map(|(name, bytes)| serde_json::json!({ "name": name, "bytes": bytes })).collect();
    serde_json::json!({
        "tenant": receipt.tenant.as_str(),
        "asked": time(receipt.asked_ms),
        "finished": receipt.finished_ms.map(time),
        "series": receipt.series,
        "samples": receipt.samples,
        "bytes": receipt.bytes(),
        "files": files,
        "snapshots": receipt.snapshots,
        "receipt": format!("receipts/{}", receipt.name()),
    })
}

/// Takes what was deleted from the disk, of all tenants.
async fn clean_tombstones(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    let store = api.store.clone();
    run(move || store.clean_tombstones().map(drop)).await
}

/// Links all blocks of all tenants into a new directory under `snapshots` of the data directory.
async fn snapshot(State(api): State<Arc<Api>>, params: Params) -> Result<Response, ApiError> {
    check_enabled(&api)?;
    let flag = |name: &'static str| match params.text(name) {
        "" => Ok(false),
        text => {
            parse_bool(text).map_err(|error| ApiError::bad_parameter(name, format!("unable to parse boolean: {error}")))
        }
    };
    let (skip_head, end) = (flag("skip_head")?, if flag("backup")? { bongsu_tsdb::BACKUP_END } else { "" });
    let time = jiff::Timestamp::from_millisecond(api.clock.now_ms()).unwrap_or_default();
    let name = format!("{}-{:016x}{end}", time.strftime("%Y%m%dT%H%M%SZ"), RandomState::new().build_hasher().finish());
    let (store, dir) = (api.store.clone(), api.store.dir().join("snapshots").join(&name));
    run(move || store.snapshot(&dir, !skip_head)).await?;
    Ok(success(&serde_json::json!({ "name": name }).to_string()))
}

fn check_enabled(api: &Api) -> Result<(), ApiError> {
    if api.admin_enabled { Ok(()) } else { Err(ApiError::new(ErrorType::Unavailable, "admin APIs disabled")) }
}

async fn run(action: impl FnOnce() -> Result<(), bongsu_tsdb::Error> + Send + 'static) -> Result<Response, ApiError> {
    work(action).await.map(|()| StatusCode::NO_CONTENT.into_response())
}

async fn work<T: Send + 'static>(
    action: impl FnOnce() -> Result<T, bongsu_tsdb::Error> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(action).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(ApiError::new(ErrorType::Internal, error.to_string())),
        Err(panic) => Err(ApiError::new(ErrorType::Internal, panic.to_string())),
    }
}
