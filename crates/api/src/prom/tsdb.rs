//! What fills the store's memory.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bongsu_tsdb::Counted;
use serde_json::{Value, json};

use super::{blocking, success};
use crate::error::ApiError;
use crate::params::{Params, parse_integer};
use crate::state::Api;
use crate::tenant::Tenant;

/// Entries of each list without `limit`, as in Prometheus.
const LIMIT_DEFAULT: usize = 10;
/// The most that may be asked for, as in Prometheus.
const LIMIT_MAX: i64 = 10_000;

pub(super) async fn status(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = limit(&params)?;
    let reader = api.store.reader(&tenant);
    let stats = blocking(move || Ok(reader.head_stats(limit))).await?;
    let data = json!({
        "headStats": {
            "numSeries": stats.series,
            "numLabelPairs": stats.label_pairs,
            "chunkCount": stats.chunks,
            "minTime": stats.min_ms,
            "maxTime": stats.max_ms,
        },
        "seriesCountByMetricName": list(&stats.series_by_metric),
        "labelValueCountByLabelName": list(&stats.values_by_label),
        "memoryInBytesByLabelName": list(&stats.bytes_by_label),
        "seriesCountByLabelValuePair": list(&stats.series_by_pair),
    });
    Ok(success(&data.to_string()))
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    let Some(text) = params.get("limit") else { return Ok(LIMIT_DEFAULT) };
    match parse_integer(text) {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(usize::try_from(limit).unwrap_or(LIMIT_DEFAULT)),
        Ok(limit) if limit > LIMIT_MAX => Err(ApiError::bad_data(format!("limit must not exceed {LIMIT_MAX}"))),
        _ => Err(ApiError::bad_data("limit must be a positive number")),
    }
}

fn list(entries: &[Counted]) -> Vec<Value> {
    entries.iter().map(|entry| json!({ "name": entry.name, "value": entry.count })).collect()
}
