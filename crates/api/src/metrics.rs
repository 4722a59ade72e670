//! What the API counts of itself.

use bongsu_telemetry::{Counter, Family, Gauge, Histogram, Metric};

pub(crate) static HTTP_REQUESTS: Family<2> =
    Family::new("bongsu_http_requests_total", "HTTP requests by handler and status.", ["handler", "code"]);
pub(crate) static HTTP_SECONDS: Histogram<9> = Histogram::new(
    "bongsu_http_request_duration_seconds",
    "Time from the request head to the answer's head.",
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0],
);
pub(crate) static PUSH_SAMPLES: Counter =
    Counter::new("bongsu_push_samples_total", "Samples taken in by remote write.");
pub(crate) static PUSH_HISTOGRAMS: Counter =
    Counter::new("bongsu_push_histograms_total", "Native histograms taken in by remote write.");
pub(crate) static PUSH_EXEMPLARS: Counter =
    Counter::new("bongsu_push_exemplars_total", "Exemplars taken in by remote write.");
pub(crate) static PUSH_BYTES: Counter =
    Counter::new("bongsu_push_received_bytes_total", "Bytes of remote write bodies as they came.");
pub(crate) static PUSH_REJECTED: Family<2> = Family::new(
    "bongsu_push_rejected_samples_total",
    "Samples that were refused, by tenant and reason.",
    ["tenant", "reason"],
);
pub(crate) static PUSH_DUPLICATES: Family<1> = Family::new(
    "bongsu_push_deduplicated_samples_total",
    "Samples not taken because another replica of their sender is listened to, by tenant.",
    ["tenant"],
);
pub(crate) static PUSH_BUSY: Counter =
    Counter::new("bongsu_push_busy_total", "Pushes answered 503 because too many bytes were in flight.");
pub(crate) static QUERIES: Family<1> = Family::new("bongsu_queries_total", "Queries by outcome.", ["outcome"]);
pub(crate) static QUERIES_RUNNING: Gauge =
    Gauge::new("bongsu_queries_running", "Queries being evaluated now: slots of the queue in use.");
pub(crate) static QUERIES_WAITING: Gauge =
    Gauge::new("bongsu_queries_waiting", "Queries that wait for a slot, or have got theirs this moment.");
pub(crate) static QUERIES_REFUSED: Family<1> = Family::new(
    "bongsu_queries_refused_total",
    "Queries answered 429 or 503 because too many of their tenant, or of all, were waiting.",
    ["line"],
);
pub(crate) static QUERY_CACHE: Family<1> = Family::new(
    "bongsu_query_cache_requests_total",
    "Range queries by what the kept answers gave: all of it, a part, nothing, or nothing that may be kept.",
    ["result"],
);
pub(crate) static QUERY_CACHE_BYTES: Gauge = Gauge::new("bongsu_query_cache_bytes", "Memory of kept answers.");
pub(crate) static QUERY_CACHE_EVICTIONS: Counter =
    Counter::new("bongsu_query_cache_evictions_total", "Kept answers that made room for others.");
pub(crate) static QUERIES_SLOW: Counter =
    Counter::new("bongsu_queries_slow_total", "Queries that took longer than a query should.");
pub(crate) static QUERY_QUEUE_SECONDS: Histogram<9> = Histogram::new(
    "bongsu_query_queue_duration_seconds",
    "Time that queries waited for a slot.",
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0],
);
pub(crate) static QUERY_SECONDS: Histogram<9> = Histogram::new(
    "bongsu_query_duration_seconds",
    "Evaluation time of queries.",
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0],
);

/// All metrics of this crate.
pub static METRICS: &[&dyn Metric] = &[
    &HTTP_REQUESTS,
    &HTTP_SECONDS,
    &PUSH_SAMPLES,
    &PUSH_HISTOGRAMS,
    &PUSH_EXEMPLARS,
    &PUSH_BYTES,
    &PUSH_REJECTED,
    &PUSH_DUPLICATES,
    &PUSH_BUSY,
    &QUERIES,
    &QUERIES_RUNNING,
    &QUERIES_WAITING,
    &QUERIES_REFUSED,
    &QUERIES_SLOW,
    &QUERY_CACHE,
    &QUERY_CACHE_BYTES,
    &QUERY_CACHE_EVICTIONS,
    &QUERY_QUEUE_SECONDS,
    &QUERY_SECONDS,
];

/// A small closed set of names for the `handler` label: paths hold label names and would be unbounded.
pub(crate) fn handler_of(path: &str) -> &'static str {
    let path = path.strip_prefix("/prometheus").unwrap_or(path);
    match path.strip_prefix("/api/v1/").map(|rest| rest.split('/').next().unwrap_or("")) {
        Some("push" | "write" | "receive" | "metrics") => "push",
        Some("query") => "query",
        Some("query_range") => "query_range",
        Some("query_batch") => "query_batch",
        Some("read") => "remote_read",
        Some("series") => "series",
        Some("labels") => "labels",
        Some("label") => "label_values",
        Some("metadata") => "metadata",
        Some("status") => "status",
        Some("cardinality") => "cardinality",
        Some("import") => "import",
        Some("export") => "export",
        Some("admin") => "admin",
        Some(_) => "api_other",
        None if path.starts_with("/-/") => "health",
        None if path == "/metrics" => "metrics",
        None if path == "/federate" => "federate",
        None => "page",
    }
}
