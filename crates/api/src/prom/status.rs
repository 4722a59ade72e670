//! What the server says of itself in Prometheus' words.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::success;
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

/// No rules are evaluated by this server: the list is empty, in the shape that Grafana asks for.
pub(super) async fn rules() -> Response {
    success(r#"{"groups":[]}"#)
}

/// Without rules there are no alerts.
pub(super) async fn alerts() -> Response {
    success(r#"{"alerts":[]}"#)
}
