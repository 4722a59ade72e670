//! What is being scraped, told from what arrives.
//!
//! The centre scrapes nothing: agents do, and push. Each of their targets brings a series `up`, and that is what targets
//! are told from: their labels, their health and the time of the last scrape. What only the one who scrapes knows (the
//! address, labels before relabelling, the text of an error) is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bongsu_model::{Labels, METRIC_NAME, Matcher, SampleBuffer, Selection, Source, is_stale};
use bongsu_tsdb::Reader;
use serde_json::{Value, json};

use super::status::rfc3339;
use super::{queued, success};
use crate::error::ApiError;
use crate::params::{Params, parse_selector};
use crate::state::Api;
use crate::tenant::Tenant;

/// One target, by its labels.
struct Target {
    labels: Labels,
    last_scrape_ms: i64,
    up: bool,
    duration_seconds: f64,
}

pub(super) async fn targets(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let state = params.text("state").to_lowercase();
    let wanted_pool = params.get("scrapePool").map(str::to_owned);
    if !matches!(state.as_str(), "" | "any" | "active") {
        return Ok(success(r#"{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}"#));
    }
    let reader = api.store.reader(&tenant);
    let active = read(&api, reader).await?;
    let mut shown: Vec<&Target> =
        active.iter().filter(|target| wanted_pool.as_deref().is_none_or(|pool| pool == target.pool())).collect();
    shown.sort_by(|a, b| a.pool().cmp(b.pool()));
    let shown: Vec<Value> = shown.into_iter().map(Target::to_json).collect();
    // Nobody tells the centre of targets that were dropped.
    let mut data = json!({ "activeTargets": shown, "droppedTargets": [] });
    if state != "active" {
        let pools: BTreeMap<&str, u64> = active.iter().map(|target| (target.pool(), 0)).collect();
        data["droppedTargetCounts"] = json!(pools);
    } else {
        data["droppedTargetCounts"] = Value::Null;
    }
    Ok(success(&data.to_string()))
}

/// The jobs of the targets.
pub(super) async fn scrape_pools(State(api): State<Arc<Api>>, Tenant(tenant): Tenant) -> Result<Response, ApiError> {
    let active = read(&api, api.store.reader(&tenant)).await?;
    let pools: BTreeSet<&str> = active.iter().map(Target::pool).collect();
    Ok(success(&json!({ "scrapePools": pools }).to_string()))
}

/// Metadata arrives without the target that it came from: the list is empty, for a well-formed question.
pub(super) async fn metadata(params: Params) -> Result<Response, ApiError> {
    if params.get("limit").is_some_and(|text| text.parse::<i64>().is_err()) {
        return Err(ApiError::bad_data("limit must be a number"));
    }
    if let Some(text) = params.get("match_target") {
        parse_selector(text).map_err(|error| ApiError::bad_parameter("match_target", error))?;
    }
    Ok(success("[]"))
}

/// No alertmanagers are told of alerts yet.
pub(super) async fn alertmanagers() -> Response {
    success(r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#)
}

async fn read(api: &Arc<Api>, reader: Reader) -> Result<Vec<Target>, ApiError> {
    let (end_ms, series_max) = (api.clock.now_ms(), api.limits.query_series_max);
    let start_ms = end_ms.saturating_sub(api.engine.options().lookback_ms);
    let tenant = reader.tenant().clone();
    queued(api, &tenant, api.limits.query_timeout, move || {
        let last = |name: &str| last_samples(&reader, name, (start_ms, end_ms), series_max);
        let durations = last("scrape_duration_seconds")?;
        let target = |(labels, (last_scrape_ms, value)): (Labels, (i64, f64))| Target {
            duration_seconds: durations.get(&labels).map_or(0.0, |(_, seconds)| *seconds),
            up: value == 1.0,
            last_scrape_ms,
            labels,
        };
        Ok(last("up")?.into_iter().map(target).collect())
    })
    .await
}

/// The last sample of each series of a metric by the labels without its name; those that have ended are left out.
fn last_samples(
    reader: &Reader,
    metric: &str,
    (start_ms, end_ms): (i64, i64),
    series_max: usize,
) -> Result<BTreeMap<Labels, (i64, f64)>, ApiError> {
    let matchers = vec![Matcher::equal(METRIC_NAME, metric)];
    let set = reader.select(&Selection { matchers, start_ms, end_ms, series_max })?;
    let (mut buffer, mut found) = (SampleBuffer::default(), BTreeMap::new());
    for place in 0..set.len() {
        buffer.clear();
        set.read(place, &mut buffer)?;
        if let (Some(time_ms), Some(value)) = (buffer.timestamps_ms.last(), buffer.values.last())
            && !is_stale(*value)
        {
            found.insert(set.labels(place)?.without(METRIC_NAME), (*time_ms, *value));
        }
    }
    Ok(found)
}

impl Target {
    /// Prometheus names a pool after its job.
    fn pool(&self) -> &str {
        self.labels.get("job").unwrap_or("")
    }

    fn to_json(&self) -> Value {
        json!({
            "discoveredLabels": {},
            "labels": self.labels.iter().collect::<BTreeMap<_, _>>(),
            "scrapePool": self.pool(),
            "scrapeUrl": "",
            "globalUrl": "",
            "lastError": "",
            "lastScrape": rfc3339(self.last_scrape_ms),
            "lastScrapeDuration": self.duration_seconds,
            "health": if self.up { "up" } else { "down" },
            "scrapeInterval": "",
            "scrapeTimeout": "",
        })
    }
}
