//! Every HTTP route and every JSON shape of the centre.
//!
//! ```text
//! push/   remote_write in: four paths, one handler
//! prom/   Prometheus' read API, at /api/v1 and /prometheus/api/v1
//! exchange/ import and export, as VictoriaMetrics has them
//! admin   operators' actions
//! cors    pages of other origins
//! health  /-/ready, /-/healthy, /metrics
//! page    the web UI, for every other path
//! ```
//!
//! A handler extracts, calls one engine method and maps the outcome; what happens inside engines is not known here.
//! Engines are synchronous: queries run on the blocking pool and stop when their client goes away.

mod admin;
mod cache;
mod cors;
mod error;
mod exchange;
mod health;
mod metrics;
mod page;
mod params;
mod prom;
mod push;
mod queries;
mod queue;
mod state;
mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

pub use admin::receipt_json;
pub use metrics::METRICS;
pub use state::{Api, ApiLimits, ApiOptions, BuildInfo, ServerInfo};

/// All routes over one state.
pub fn router(api: Arc<Api>) -> Router {
    let v1 = Router::new().merge(prom::routes()).merge(exchange::routes()).merge(admin::routes());
    let pushes = ["/api/v1/push", "/api/v1/write", "/api/v1/metrics/write", "/api/v1/receive"];
    let mut router = Router::new()
        .nest("/prometheus/api/v1", v1.clone())
        .nest("/api/v1", v1)
        .route("/-/ready", get(health::ready))
        .route("/-/healthy", get(health::healthy))
        .route("/metrics", get(health::metrics))
        .route("/federate", get(prom::federate))
        .route("/prometheus/federate", get(prom::federate));
    for path in pushes {
        router = router.route(path, post(push::push));
    }
    router = router.route("/prometheus/api/v1/write", post(push::push)).fallback(page::page);
    let router = router.with_state(Arc::clone(&api)).layer(middleware::from_fn_with_state(api, cors::cors));
    bongsu_net::compressed(router.layer(middleware::from_fn(count)))
}

/// Counts requests by route group and status, and times them.
async fn count(request: Request, next: Next) -> Response {
    let handler = metrics::handler_of(request.uri().path());
    let start = std::time::Instant::now();
    let response = next.run(request).await;
    metrics::HTTP_REQUESTS.add([handler, response.status().as_str()], 1);
    metrics::HTTP_SECONDS.observe(start.elapsed().as_secs_f64());
    response
}
