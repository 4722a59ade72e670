//! What every handler shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bongsu_model::{Clock, Matcher};
use bongsu_promql::Engine;
use bongsu_telemetry::Registry;
use bongsu_tsdb::Store;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::cache::Cache;
use crate::queries::Queries;
use crate::queue::{Queue, QueueLimits};

/// Bounds of requests.
#[derive(Clone, Debug)]
pub struct ApiLimits {
    /// A compressed remote write body; larger ones are answered 413.
    pub push_body_bytes_max: usize,
    /// Compressed remote write bytes being worked on at once; more are answered 503 with `Retry-After`.
    pub push_inflight_bytes_max: usize,
    /// The longest that a push's body may take to arrive.
    pub push_read_timeout: Duration,
    /// A form body of a query.
    pub form_body_bytes_max: usize,
    /// Queries evaluated at once; further ones wait within their timeout.
    pub queries_concurrent_max: usize,
    /// Those of one tenant.
    pub queries_concurrent_per_tenant_max: usize,
    /// Queries that may wait, of all tenants; more are answered 503.
    pub queries_waiting_max: usize,
    /// Those of one tenant; more are answered 429.
    pub queries_waiting_per_tenant_max: usize,
    /// The longest that a query may take; also the default.
    pub query_timeout: Duration,
    /// Bytes of the answer to a query.
    pub query_response_bytes_max: usize,
    /// Queries that take so long are listed and logged as slow; zero: none is.
    pub slow_query_after: Duration,
    /// Memory of kept answers to range queries; 0: none are kept.
    pub query_cache_bytes_max: usize,
    /// Of the newest samples, up to this age, no answer is kept.
    pub query_cache_recent: Duration,
    /// Series that one selector, or one series request, may touch.
    pub query_series_max: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            push_body_bytes_max: 16 << 20,
            push_inflight_bytes_max: 256 << 20,
            push_read_timeout: Duration::from_secs(60),
            form_body_bytes_max: 4 << 20,
            queries_concurrent_max: 20,
            queries_concurrent_per_tenant_max: 16,
            queries_waiting_max: 1_000,
            queries_waiting_per_tenant_max: 200,
            query_timeout: Duration::from_secs(120),
            query_response_bytes_max: 256 << 20,
            slow_query_after: Duration::from_secs(5),
            query_cache_bytes_max: 64 << 20,
            query_cache_recent: Duration::from_secs(600),
            query_series_max: 5_000_000,
        }
    }
}

/// Without a slot nothing could ever be answered: there is always one.
fn queue_limits(limits: &ApiLimits) -> QueueLimits {
    QueueLimits {
        running_max: limits.queries_concurrent_max.max(1),
        tenant_running_max: limits.queries_concurrent_per_tenant_max.max(1),
        waiting_max: limits.queries_waiting_max,
        tenant_waiting_max: limits.queries_waiting_per_tenant_max,
    }
}

/// What `status/buildinfo` says.
#[derive(Clone, Debug, Default)]
pub struct BuildInfo {
    /// Bongsu's version.
    pub version: &'static str,
    /// The commit, or "".
    pub revision: &'static str,
}

/// What the status endpoints say of the process.
#[derive(Clone, Debug, Default)]
pub struct ServerInfo {
    /// When it was started, milliseconds.
    pub started_ms: i64,
    /// The host's name.
    pub hostname: String,
    /// How long and how much is kept, as a person reads it.
    pub retention: String,
    /// The settings in effect, as a configuration file has them.
    pub config_yaml: String,
    /// The settings in effect by the names of flags.
    pub flags: Vec<(String, String)>,
}

/// What the state is made of.
pub struct ApiOptions {
    /// Where samples are.
    pub store: Store,
    /// Who evaluates.
    pub engine: Engine,
    /// Own metrics.
    pub registry: Registry,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: ApiLimits,
    /// Who we are.
    pub build: BuildInfo,
    /// What is told of the process.
    pub info: ServerInfo,
    /// Whether data may be deleted and snapshots taken over HTTP.
    pub admin_enabled: bool,
    /// Which origins' pages may read the API: a condition on the `Origin` header.
    pub cors_origin: Matcher,
    /// Whether queries that name no dialect may use habits of MetricsQL.
    pub metricsql: bool,
}

/// The state behind all routes.
pub struct Api {
    pub(crate) store: Store,
    pub(crate) engine: Arc<Engine>,
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: ApiLimits,
    pub(crate) build: BuildInfo,
    pub(crate) info: ServerInfo,
    pub(crate) admin_enabled: bool,
    pub(crate) cors_origin: Matcher,
    pub(crate) metricsql: bool,
    /// One permit per KiB of a push under way.
    pub(crate) push_slots: Semaphore,
    pub(crate) queue: Queue,
    pub(crate) queries: Arc<Queries>,
    pub(crate) cache: Option<Cache>,
    ready: AtomicBool,
}

impl Api {
    /// The state; not ready until [`Api::set_ready`].
    #[must_use]
    pub fn new(options: ApiOptions) -> Self {
        Self {
            push_slots: Semaphore::new(options.limits.push_inflight_bytes_max / 1024),
            queue: Queue::new(queue_limits(&options.limits)),
            queries: Queries::new(options.limits.slow_query_after),
            cache: Cache::new(
                options.limits.query_cache_bytes_max,
                i64::try_from(options.limits.query_cache_recent.as_millis()).unwrap_or(i64::MAX),
            ),
            store: options.store,
            engine: Arc::new(options.engine),
            registry: options.registry,
            clock: options.clock,
            limits: options.limits,
            build: options.build,
            info: options.info,
            admin_enabled: options.admin_enabled,
            cors_origin: options.cors_origin,
            metricsql: options.metricsql,
            ready: AtomicBool::new(false),
        }
    }

    /// Says whether `/-/ready` answers 200: set after start, taken back when the shutdown begins.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Room for a push of so many bytes, of the largest allowed size when not known; `None` when there is none now.
    pub(crate) fn reserve_push(&self, announced_bytes: Option<usize>) -> Option<SemaphorePermit<'_>> {
        let body_max = self.limits.push_body_bytes_max;
        let kib = announced_bytes.unwrap_or(body_max).min(body_max).min(self.limits.push_inflight_bytes_max) / 1024;
        self.push_slots.try_acquire_many(u32::try_from(kib.max(1)).unwrap_or(u32::MAX)).ok()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
