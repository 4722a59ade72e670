//! Questions to the store, for one tenant.

mod cardinality;
mod coarse;
mod labels;
mod select;

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{
    Exemplar, Labels, Matcher, MetricMetadata, Purpose, Selection, SeriesSet, Source, SourceError, SourceErrorKind,
    TenantId,
};

use crate::exemplars::matches_any;
use crate::store::Inner;
use select::{Looks, Selected};

pub use cardinality::{Counted, HeadStats};

/// The series of one tenant: head, frozen generation and blocks as one.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
    tenant: TenantId,
}

impl Reader {
    pub(crate) fn new(inner: Arc<Inner>, tenant: TenantId) -> Self {
        Self { inner, tenant }
    }

    /// Whose series they are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What is known of the metrics, by name; the newest variant of each is the last one.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, Vec<MetricMetadata>> {
        let metrics = self.inner.tenants.get(&self.tenant).map(|tenant| tenant.metadata.lock().all());
        metrics.map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// The exemplars in a range of time, both ends inclusive, of the series that fulfil all matchers of one of the sets:
    /// series by their labels, exemplars by time.
    #[must_use]
    pub fn exemplars(&self, matcher_sets: &[Vec<Matcher>], start_ms: i64, end_ms: i64) -> Vec<(Labels, Vec<Exemplar>)> {
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return Vec::new() };
        let start_ms = start_ms.max(self.first_ms());
        // Matching takes a while: not with the lock that writers wait for.
        let mut series = tenant.exemplars.lock().series();
        series.retain(|labels| matches_any(labels, matcher_sets));
        series.sort();
        let read = |labels| {
            let found = tenant.exemplars.lock().of_series(&labels, start_ms, end_ms);
            (!found.is_empty()).then_some((labels, found))
        };
        series.into_iter().filter_map(read).collect()
    }

    /// For who keeps answers: begins to record changes of samples up to a time, inclusive, and returns a mark. What is read after this
    /// call may be kept; it is true for times before [`changed_since`](Self::changed_since) that mark. `None` for a tenant
    /// that has no samples yet.
    #[must_use]
    pub fn rely_until(&self, until_ms: i64) -> Option<u64> {
        Some(self.inner.tenants.get(&self.tenant)?.lateness.rely_until(until_ms))
    }

    /// The first time of which samples were written late, deleted or lost since a mark; [`i64::MAX`] when there is none.
    #[must_use]
    pub fn changed_since(&self, mark: u64) -> i64 {
        self.inner.tenants.get(&self.tenant).map_or(i64::MIN, |tenant| tenant.lateness.changed_since(mark))
    }

    fn selected(&self, selection: &Selection, purpose: &Purpose) -> Result<Selected, SourceError> {
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return Ok(Selected::default()) };
        let hidden = self.inner.hidden(&self.tenant);
        let interval_ms = self.inner.options.limits_of(&self.tenant).interval_ms;
        let looks = Looks { purpose: *purpose, interval_ms };
        let start_ms = selection.start_ms.max(hidden.first_ms());
        Selected::new(&tenant, &Selection { start_ms, ..selection.clone() }, looks, hidden)
    }

    /// The first time from which on every series is read, which moves on with the clock: of what is older, some is on its
    /// way out.
    #[must_use]
    pub fn oldest_ms(&self) -> i64 {
        self.inner.hidden(&self.tenant).whole_from_ms()
    }

    /// The first time that is read of any series.
    fn first_ms(&self) -> i64 {
        self.inner.hidden(&self.tenant).first_ms()
    }
}

impl Source for Reader {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(self.selected(selection, &Purpose::SAMPLES)?))
    }

    fn select_for(&self, selection: &Selection, purpose: &Purpose) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(self.selected(selection, purpose)?))
    }
}

fn source_error(error: &bongsu_block::Error) -> SourceError {
    let kind = match error {
        bongsu_block::Error::Io { .. } => SourceErrorKind::Unavailable,
        _ => SourceErrorKind::Corrupt,
    };
    SourceError { kind, message: error.to_string() }
}
