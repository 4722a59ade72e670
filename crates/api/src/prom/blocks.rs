//! `status/blocks`: what the store holds of a tenant, in memory and on disk, block by block. Prometheus has no such request.
//!
//! A tenant sees its own. With the operators' actions enabled, `all_tenants=true` tells the totals of each.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bongsu_tsdb::{BucketStats, HeldBlock, Holdings, MergeProgress};
use serde_json::{Value, json};

use super::activity::whose;
use super::{blocking, success};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

pub(super) async fn status(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let is_of_all = whose(&api, &tenant, &params)?.is_none();
    let merging =
        api.store.merge_progress().map(|progress| merge_json(&progress, is_of_all || progress.tenant == tenant));
    let stats = api.store.stats();
    let bucket = stats.bucket.as_ref().map(bucket_json);
    let mut data = json!({ "merging": merging, "logBytes": stats.log_bytes, "bucket": bucket });
    if is_of_all {
        let all = blocking(move || Ok(api.store.all_holdings())).await?;
        data["tenants"] = all.iter().map(totals).collect();
    } else {
        data["allTenants"] = json!(api.admin_enabled);
        let held = blocking(move || Ok(api.store.holdings(&tenant))).await?;
        data["tenant"] = held.as_ref().map_or(Value::Null, totals);
        data["blocks"] = held.iter().flat_map(|held| &held.blocks).map(block).collect();
    }
    Ok(success(&data.to_string()))
}

/// The merge under way; whose it is concerns its tenant and operators.
fn merge_json(progress: &MergeProgress, with_tenant: bool) -> Value {
    json!({
        "tenant": with_tenant.then_some(progress.tenant.as_str()),
        "start": progress.partition_ms.0,
        "end": progress.partition_ms.1,
        "level": progress.level,
        "blocks": progress.blocks,
        "bytes": progress.bytes,
        "doneBytes": progress.done_bytes,
        "since": progress.since_ms,
    })
}

/// The second tier, of all tenants.
fn bucket_json(bucket: &BucketStats) -> Value {
    json!({
        "joined": bucket.is_joined,
        "lastError": bucket.last_error,
        "pendingBlocks": bucket.pending_blocks,
        "pendingBytes": bucket.pending_bytes,
        "cacheBytes": bucket.cache_bytes,
    })
}

fn totals(held: &Holdings) -> Value {
    json!({
        "tenant": held.tenant.as_str(),
        "head": {
            "series": held.head_series,
            "activeSeries": held.head_active_series,
            "samples": held.head_samples,
            "bytes": held.head_bytes,
            "minTime": held.head_range_ms.map(|(first_ms, _)| first_ms),
            "maxTime": held.head_range_ms.map(|(_, last_ms)| last_ms),
            "flushing": held.is_flushing,
        },
        "exemplars": held.exemplars,
        "deletions": held.deletions,
        "damagedBlocks": held.unopened_blocks,
        "blockCount": held.blocks.len(),
        "blockBytes": held.block_bytes(),
        "blockSamples": held.block_samples(),
    })
}

fn block(block: &HeldBlock) -> Value {
    json!({
        "name": block.name,
        "level": block.level,
        "resolution": block.resolution_ms,
        "start": block.partition_ms.0,
        "end": block.partition_ms.1,
        "minTime": block.range_ms.0,
        "maxTime": block.range_ms.1,
        "series": block.series,
        "samples": block.samples,
        "bytes": block.size_bytes,
        "place": block.place.as_str(),
    })
}
