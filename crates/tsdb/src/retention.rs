//! Retention: blocks go whole, by age and by total size.

use std::sync::Arc;

use crate::blocks::StoredBlock;
use crate::error::Error;
use crate::store::Inner;
use crate::tenant::Tenant;

impl Inner {
    /// The first time that is kept.
    pub(crate) fn cutoff_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.options.retention_ms)
    }

    /// The first time whose samples stay on disk: the cutoff, if the newest sample of the store agrees that it is that late.
    pub(crate) fn delete_before_ms(&self, now_ms: i64) -> i64 {
        let cutoff_ms = self.cutoff_ms(now_ms);
        if self.newest_ms().is_some_and(|newest_ms| newest_ms >= cutoff_ms) { cutoff_ms } else { i64::MIN }
    }

    /// Whether no sample is newer than the cutoff, as with a clock that is wrong.
    pub(crate) fn all_are_past_their_time(&self) -> bool {
        let cutoff_ms = self.cutoff_ms(self.options.clock.now_ms());
        self.newest_ms().is_some_and(|newest_ms| newest_ms < cutoff_ms)
    }

    fn newest_ms(&self) -> Option<i64> {
        let newest = |tenant: Arc<Tenant>| {
            let state = tenant.state.read();
            let in_memory = (state.head.active_count > 0).then_some(state.head.max_ms);
            let frozen = state.frozen.as_ref().map(|frozen| frozen.max_ms);
            in_memory.max(frozen).max(state.blocks.iter().map(|block| block.max_time_ms()).max())
        };
        self.tenants.all().into_iter().filter_map(newest).max()
    }

    /// Deletes the blocks that are past their time or beyond the size. Returns how many. One that cannot be deleted stays,
    /// and keeps no other one.
    pub(crate) fn enforce_retention(&self) -> Result<usize, Error> {
        let _leaving = self.leaving.lock();
        let cutoff_ms = self.delete_before_ms(self.options.clock.now_ms());
        let mut all: Vec<(Arc<Tenant>, Arc<StoredBlock>)> = Vec::new();
        for tenant in self.tenants.all() {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            all.extend(blocks.iter().map(|block| (Arc::clone(&tenant), Arc::clone(block))));
        }
        all.sort_by_key(|(_, block)| block.max_time_ms());
        let mut total_bytes: u64 = all.iter().map(|(_, block)| block.size_bytes()).sum();
        let (mut dropped, mut outcome) = (0, Ok(()));
        for (tenant, block) in all {
            let expired = block.max_time_ms() < cutoff_ms;
            let beyond = self.options.retention_bytes.is_some_and(|bytes_max| total_bytes > bytes_max);
            if !expired && !beyond {
                break;
            }
            let deleted = block.delete(&self.files).and_then(|()| {
                tenant.replace(&[Arc::clone(&block)], None);
                tenant.lateness.changed(i64::MIN);
                total_bytes -= block.size_bytes();
                dropped += 1;
                self.files.sync_dir(&tenant.dir)
            });
            outcome = outcome.and(deleted);
        }
        self.counters.dropped_blocks.add(dropped as u64);
        outcome.map(|()| dropped)
    }
}
