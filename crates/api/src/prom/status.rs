//! What the server says of itself in Prometheus' words.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::success;
use crate::error::ApiError;
use crate::params::{Params, parse_bool};
use crate::state::Api;

/// The Prometheus version whose API is spoken. Grafana reads it to decide what it may ask for.
const PROMETHEUS_API_VERSION: &str = "3.5.0";

pub(super) async fn build_info(State(api): State<Arc<Api>>) -> Response {
    let data = json!({
        "application": "Bongsu",
        "applicationVersion": api.build.version,
        "version": PROMETHEUS_API_VERSION,
        "revision": api.build.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    success(&data.to_string())
}

/// The settings in effect, in the form of a configuration file of the centre.
pub(super) async fn config(State(api): State<Arc<Api>>) -> Response {
    success(&json!({ "yaml": api.info.config_yaml }).to_string())
}

/// The same by names of flags.
pub(super) async fn flags(State(api): State<Arc<Api>>) -> Response {
    let flags: Map<String, Value> = api.info.flags.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    success(&Value::Object(flags).to_string())
}

/// Go's own words have no meaning here: tasks stand for goroutines, what tunes its collector is empty.
pub(super) async fn runtime_info(State(api): State<Arc<Api>>) -> Response {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let directory = std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default();
    let started = rfc3339(api.info.started_ms);
    let data = json!({
        "startTime": started,
        "CWD": directory,
        "hostname": api.info.hostname,
        "serverTime": rfc3339(api.clock.now_ms()),
        "reloadConfigSuccess": true,
        "lastConfigTime": started,
        "corruptionCount": 0,
        "goroutineCount": tasks,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": api.info.retention,
    });
    success(&data.to_string())
}

/// The log is replayed before the first request is taken: there is never anything left of it.
pub(super) async fn wal_replay() -> Response {
    success(r#"{"min":0,"max":0,"current":0}"#)
}

/// Nothing is told this way: what is wrong is in the log and in the metrics.
pub(super) async fn notifications() -> Response {
    success("[]")
}

/// What can be asked of this server, by area.
pub(super) async fn features(State(api): State<Arc<Api>>) -> Response {
    let functions: Map<String, Value> =
        bongsu_syntax::FUNCTIONS.iter().map(|function| (function.name.to_owned(), json!(true))).collect();
    let data = json!({
        "api": {
            "admin": api.admin_enabled,
            "federation": true,
            "label_values_match": true,
            "lifecycle": false,
            "query_batch": true,
            "query_stats": true,
            "remote_read": true,
            "remote_write_receiver": true,
            "time_range_labels": true,
            "time_range_series": true,
        },
        "promql": {
            "anchored": true,
            "at_modifier": true,
            "delayed_name_removal": api.engine.options().delayed_name_removal,
            "duration_expr": true,
            "experimental_functions": true,
            "fill_modifiers": true,
            "negative_offset": true,
            "per_step_stats": false,
            "smoothed": true,
        },
        "promql_functions": functions,
        "rules": {},
    });
    success(&data.to_string())
}

/// No rules are evaluated by this server: the list is empty, in the shape that Grafana asks for.
pub(super) async fn rules(params: Params) -> Result<Response, ApiError> {
    let kind = params.text("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return Err(ApiError::bad_parameter("type", format!("not supported value {kind:?}")));
    }
    if let Some(text) = params.get("exclude_alerts") {
        let refuse =
            |error| ApiError::bad_parameter("exclude_alerts", format!("error converting exclude_alerts: {error}"));
        parse_bool(text).map_err(refuse)?;
    }
    params.matchers().map_err(|error| ApiError::bad_parameter("match[]", error))?;
    Ok(success(r#"{"groups":[]}"#))
}

/// Without rules there are no alerts.
pub(super) async fn alerts() -> Response {
    success(r#"{"alerts":[]}"#)
}

/// A time as Go writes it in JSON.
pub(super) fn rfc3339(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default().to_string()
}
