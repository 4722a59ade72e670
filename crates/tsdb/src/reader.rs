//! Questions to the store, for one tenant.

mod cardinality;
mod labels;
mod select;

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{MetricMetadata, Selection, SeriesSet, Source, SourceError, SourceErrorKind, TenantId};

use crate::store::Inner;
use select::Selected;

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

    /// What is known of the metrics, by name; the newest variant of each is the last one.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, Vec<MetricMetadata>> {
        let metrics = self.inner.tenants.get(&self.tenant).map(|tenant| tenant.metadata.lock().all());
        metrics.map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    fn selected(&self, selection: &Selection) -> Result<Selected, SourceError> {
        let Some(tenant) = self.inner.tenants.get(&self.tenant) else { return Ok(Selected::default()) };
        let start_ms = selection.start_ms.max(self.oldest_ms());
        Selected::new(&tenant, &Selection { start_ms, ..selection.clone() })
    }

    /// What is older is on its way out and not read.
    fn oldest_ms(&self) -> i64 {
        self.inner.cutoff_ms(self.inner.options.clock.now_ms())
    }
}

impl Source for Reader {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(self.selected(selection)?))
    }
}

fn source_error(error: &bongsu_block::Error) -> SourceError {
    let kind = match error {
        bongsu_block::Error::Io { .. } => SourceErrorKind::Unavailable,
        _ => SourceErrorKind::Corrupt,
    };
    SourceError { kind, message: error.to_string() }
}
