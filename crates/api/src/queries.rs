//! The queries at work, and the last ones that took long: for people who ask what the server is busy with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bongsu_model::TenantId;
use bongsu_promql::{QueryProgress, QueryStats};
use parking_lot::Mutex;

use crate::metrics;

/// How much of a query's text is kept.
const TEXT_BYTES_MAX: usize = 4096;
/// How many slow queries are remembered, of all tenants.
const SLOW_MAX: usize = 200;

/// Both lists.
#[derive(Default)]
pub(crate) struct Queries {
    /// Queries that take at least so long are slow; zero: none is.
    slow_after: Duration,
    last_id: AtomicU64,
    active: Mutex<BTreeMap<u64, Arc<ActiveQuery>>>,
    /// The newest is the last.
    slow: Mutex<VecDeque<SlowQuery>>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) id: u64,
    pub(crate) tenant: TenantId,
    /// `instant` or `range`.
    pub(crate) kind: &'static str,
    /// The beginning of the text.
    pub(crate) text: String,
    /// When it came, milliseconds.
    pub(crate) at_ms: i64,
}

/// A query that waits or works.
pub(crate) struct ActiveQuery {
    pub(crate) asked: Asked,
    came: Instant,
    begun: OnceLock<Instant>,
    cancel: Arc<AtomicBool>,
    progress: Arc<QueryProgress>,
}

/// A query that took long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlowQuery {
    pub(crate) asked: Asked,
    /// Waiting for a slot.
    pub(crate) queued: Duration,
    /// Waiting and evaluation.
    pub(crate) total: Duration,
    pub(crate) used: QueryStats,
    pub(crate) error: Option<String>,
}

/// A query is in the list of active ones as long as this lives.
pub(crate) struct Registered {
    queries: Arc<Queries>,
    query: Arc<ActiveQuery>,
}

impl Queries {
    pub(crate) fn new(slow_after: Duration) -> Arc<Self> {
        Arc::new(Self { slow_after, ..Self::default() })
    }

    /// Adds a query to the active ones. `cancel` stops it when set.
    pub(crate) fn register(
        self: &Arc<Self>,
        tenant: &TenantId,
        kind: &'static str,
        text: &str,
        at_ms: i64,
        cancel: &Arc<AtomicBool>,
    ) -> Registered {
        let text = text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let query = Arc::new(ActiveQuery {
            asked: Asked { id, tenant: tenant.clone(), kind, text, at_ms },
            came: Instant::now(),
            begun: OnceLock::new(),
            cancel: Arc::clone(cancel),
            progress: Arc::default(),
        });
        self.active.lock().insert(id, Arc::clone(&query));
        Registered { queries: Arc::clone(self), query }
    }

    /// The active queries of a tenant, or of all; the oldest first.
    pub(crate) fn active(&self, tenant: Option<&TenantId>) -> Vec<Arc<ActiveQuery>> {
        let active = self.active.lock();
        active.values().filter(|query| tenant.is_none_or(|tenant| *tenant == query.asked.tenant)).cloned().collect()
    }

    /// The slow queries of a tenant, or of all; the newest first.
    pub(crate) fn slow(&self, tenant: Option<&TenantId>) -> Vec<SlowQuery> {
        let slow = self.slow.lock();
        slow.iter().rev().filter(|query| tenant.is_none_or(|tenant| *tenant == query.asked.tenant)).cloned().collect()
    }

    /// Tells an active query to stop. Returns whether there is one of this number.
    pub(crate) fn stop(&self, id: u64, tenant: Option<&TenantId>) -> bool {
        let active = self.active.lock();
        let query = active.get(&id).filter(|query| tenant.is_none_or(|tenant| *tenant == query.asked.tenant));
        query.inspect(|query| query.cancel.store(true, Ordering::Relaxed)).is_some()
    }

    /// From when on a query is slow.
    pub(crate) fn slow_after(&self) -> Duration {
        self.slow_after
    }

    fn remember(&self, query: SlowQuery) {
        let SlowQuery { asked, queued, total, used, error } = &query;
        tracing::warn!(
            tenant = %asked.tenant,
            kind = asked.kind,
            query = asked.text,
            seconds = total.as_secs_f64(),
            queue_seconds = queued.as_secs_f64(),
            series = used.series_read,
            samples = used.samples_read,
            peak_points = used.points_peak,
            error = error.as_deref(),
            "slow query"
        );
        metrics::QUERIES_SLOW.inc();
        let mut slow = self.slow.lock();
        if slow.len() >= SLOW_MAX {
            slow.pop_front();
        }
        slow.push_back(query);
    }
}

impl ActiveQuery {
    pub(crate) fn is_waiting(&self) -> bool {
        self.begun.get().is_none()
    }

    /// How long it has waited for a slot, or has had to.
    pub(crate) fn queued(&self) -> Duration {
        self.begun.get().map_or_else(|| self.came.elapsed(), |begun| *begun - self.came)
    }

    /// Since it came.
    pub(crate) fn age(&self) -> Duration {
        self.came.elapsed()
    }

    pub(crate) fn used(&self) -> QueryStats {
        self.progress.stats()
    }
}

impl Registered {
    /// Where the evaluation counts.
    pub(crate) fn progress(&self) -> Arc<QueryProgress> {
        Arc::clone(&self.query.progress)
    }

    /// The query has got its slot.
    pub(crate) fn begin(&self) {
        // Set once: a query has one slot.
        let _ = self.query.begun.set(Instant::now());
    }

    /// The query is over; it is remembered when it was slow.
    pub(crate) fn end(self, error: Option<&str>) {
        let total = self.query.age();
        let slow_after = self.queries.slow_after;
        if !slow_after.is_zero() && total >= slow_after {
            let (asked, used) = (self.query.asked.clone(), self.query.used());
            let queued = self.query.queued();
            self.queries.remember(SlowQuery { asked, queued, total, used, error: error.map(str::to_owned) });
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.queries.active.lock().remove(&self.query.asked.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn tenants_see_and_stop_their_own() {
        let queries = Queries::new(Duration::ZERO);
        let cancels: [Arc<AtomicBool>; 2] = Default::default();
        let first = queries.register(&tenant("a"), "range", "up", 1, &cancels[0]);
        let _second = queries.register(&tenant("b"), "instant", "down", 2, &cancels[1]);
        let seen = |tenant: Option<&TenantId>| -> Vec<String> {
            queries.active(tenant).iter().map(|query| query.asked.text.clone()).collect()
        };
        assert_eq!((seen(Some(&tenant("a"))), seen(None)), (vec!["up".into()], vec!["up".into(), "down".into()]));
        assert!(!queries.stop(1, Some(&tenant("b"))), "not theirs");
        assert!(queries.stop(1, Some(&tenant("a"))) && cancels[0].load(Ordering::Relaxed));
        assert!(queries.stop(2, None) && !queries.stop(3, None));
        assert!(first.query.is_waiting());
        first.begin();
        assert!(!first.query.is_waiting());
        drop(first);
        assert_eq!(seen(None), ["down"]);
    }

    #[test]
    fn slow_ones_are_remembered_newest_first_and_not_for_ever() {
        let queries = Queries::new(Duration::from_nanos(1));
        for number in 0..=SLOW_MAX {
            let query = queries.register(&tenant("a"), "range", &format!("q{number}"), 1, &Arc::default());
            std::thread::sleep(Duration::from_nanos(1));
            query.end((number == SLOW_MAX).then_some("too much"));
        }
        let slow = queries.slow(Some(&tenant("a")));
        assert_eq!((slow.len(), slow[0].asked.text.as_str()), (SLOW_MAX, "q200"));
        assert_eq!((slow[0].error.as_deref(), slow[1].error.as_deref()), (Some("too much"), None));
        assert!(queries.slow(Some(&tenant("b"))).is_empty() && queries.active(None).is_empty());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let queries = Queries::new(Duration::ZERO);
        let _query = queries.register(&tenant("a"), "range", &format!("x{}", "봉".repeat(2000)), 1, &Arc::default());
        assert_eq!(queries.active(None)[0].asked.text.len(), 4096);
        assert!(queries.active(None)[0].asked.text.ends_with('봉'));
    }
}
