//! Import and export over HTTP, as VictoriaMetrics has them: JSON lines, the text format and CSV in; JSON lines and CSV out.
//! Source: "How to import/export data" of VictoriaMetrics' documentation. What differs is listed in `docs/api.md`.

mod body;
mod export;
mod import;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Api;

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/import", post(import::json_lines))
        .route("/import/prometheus", post(import::text))
        .route("/import/csv", post(import::csv))
        .route("/export", get(export::json_lines).post(export::json_lines))
        .route("/export/csv", get(export::csv).post(export::csv))
}
