//! What an engine is told once, and what it is told with each query.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::budget::QueryProgress;

/// Settings of an engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How old a sample may be to count as a series' current value, milliseconds.
    pub lookback_ms: i64,
    /// The most points that a query may hold in memory at one time, absent ones included.
    pub samples_max: u64,
    /// The most series that one selector may select.
    pub series_max: usize,
    /// Step of subqueries that name none, milliseconds.
    pub subquery_default_step_ms: i64,
    /// The longest value that `label_replace` and `label_join` may make, bytes.
    pub label_value_bytes_max: usize,
    /// The most steps of a range query; its series may have one point more.
    pub points_per_series_max: usize,
    /// Threads that evaluate; 0: as many as the machine has cores.
    pub threads: usize,
    /// Whether a metric's name is dropped at the end of the query in place of at once, which keeps apart for longer what
    /// differs in the name only. Prometheus has it behind a feature flag.
    pub delayed_name_removal: bool,
    /// Whether `rate` and its kin look at when samples say that their counting began. Prometheus has it behind a feature flag.
    pub start_timestamps: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback_ms: 5 * 60_000,
            samples_max: 50_000_000,
            series_max: 1_000_000,
            subquery_default_step_ms: 60_000,
            label_value_bytes_max: 64 << 10,
            points_per_series_max: 11_000,
            threads: 0,
            delayed_name_removal: false,
            start_timestamps: false,
        }
    }
}

/// What belongs to one query. The default asks for nothing and bounds nothing beyond the engine's own settings.
#[derive(Clone, Debug, Default)]
pub struct QueryContext {
    /// Set by the caller to stop the query, when its client has gone away for instance.
    pub cancel: Arc<AtomicBool>,
    /// When the query has to be done.
    pub deadline: Option<Instant>,
    /// In place of [`EngineOptions::lookback_ms`].
    pub lookback_ms: Option<i64>,
    /// In place of [`EngineOptions::samples_max`], a tenant's own bound for instance.
    pub samples_max: Option<u64>,
    /// In place of [`EngineOptions::series_max`].
    pub series_max: Option<usize>,
    /// The time of day, milliseconds, for MetricsQL's `now()`; without it, that is the query's end.
    pub now_ms: Option<i64>,
    /// Whether samples are to be counted as Prometheus counts them, which takes an evaluation of its own and longer.
    pub counts_samples: bool,
    /// Where the query counts what it uses.
    pub progress: Arc<QueryProgress>,
}
