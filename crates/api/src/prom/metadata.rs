//! What metrics are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::success;
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

pub(super) async fn metadata(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = count_parameter(&params, "limit")?;
    // Of entries of one metric 0 means all.
    let per_metric = Some(count_parameter(&params, "limit_per_metric")?).filter(|n| *n > 0).unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let mut out = serde_json::Map::new();
    for (metric, entries) in api.store.reader(&tenant).metadata() {
        if wanted.is_some_and(|name| name != metric) {
            continue;
        }
        if out.len() >= limit {
            break;
        }
        let entries = entries.iter().take(per_metric).map(
            |entry| serde_json::json!({ "type": entry.metric_type.as_str(), "help": entry.help, "unit": entry.unit }),
        );
        out.insert(metric, entries.collect());
    }
    Ok(success(&serde_json::Value::Object(out).to_string()))
}

/// Only a negative number means all metrics: with 0 there are none, as in Prometheus.
fn count_parameter(params: &Params, name: &str) -> Result<usize, ApiError> {
    let Some(text) = params.get(name) else { return Ok(usize::MAX) };
    let count: i64 = text.parse().map_err(|_| ApiError::bad_data(format!("{name} must be a number")))?;
    Ok(if count < 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) })
}
