//! What goes from the local disk: copies of blocks that the bucket has, and what is kept of others.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Tier;
use super::send::Pending;
use super::stub::{State, Stub};
use crate::blocks::StoredBlock;
use crate::error::Error;
use crate::store::Inner;
use crate::tenant::Tenant;

impl Inner {
    /// Drops local copies that are old enough, or beyond the bytes.
    pub(super) fn drop_copies(&self, tier: &Tier) -> Result<(), Error> {
        if self.copies_to_drop(tier).is_empty() {
            return Ok(());
        }
        // A merge that writes a block anew puts its file where the old one is: not while that one is deleted.
        let _merging = self.merging.lock();
        for (tenant, block) in self.copies_to_drop(tier) {
            if tier.is_stopped() {
                break;
            }
            self.drop_copy(tier, &tenant, &block)?;
        }
        Ok(())
    }

    /// The oldest first.
    fn copies_to_drop(&self, tier: &Tier) -> Vec<Pending> {
        let now_ms = self.options.clock.now_ms();
        let before_ms = tier.options.local_age_ms.map_or(i64::MIN, |age_ms| now_ms.saturating_sub(age_ms));
        let mut local: Vec<Pending> = Vec::new();
        for tenant in self.tenants.all() {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            let here = blocks.iter().filter(|block| block.far.is_none());
            local.extend(here.map(|block| (Arc::clone(&tenant), Arc::clone(block))));
        }
        local.sort_by_key(|(_, block)| block.max_time_ms());
        let mut bytes: u64 = local.iter().map(|(_, block)| block.size_bytes()).sum();
        let bytes_max = tier.options.local_bytes_max.unwrap_or(u64::MAX);
        local.retain(|(_, block)| {
            let is_over = block.is_in_bucket() && (block.max_time_ms() < before_ms || bytes > bytes_max);
            bytes -= if is_over { block.size_bytes() } else { 0 };
            is_over
        });
        local
    }

    fn drop_copy(&self, tier: &Tier, tenant: &Tenant, block: &Arc<StoredBlock>) -> Result<(), Error> {
        let _leaving = self.leaving.lock();
        if !self.is_in_store(tenant, block) {
            return Ok(());
        }
        let stub = Stub::of(&block.block, State::Copied);
        let far = self.open_far(tenant, block.name, &stub)?;
        far.keeps_looked_for.store(block.keeps_looked_for.load(Ordering::Relaxed), Ordering::Relaxed);
        tenant.replace(&[Arc::clone(block)], Some(far));
        self.files.remove(&block.path)?;
        tier.dropped_copies.fetch_add(1, Ordering::Relaxed);
        self.files.sync_dir(&tenant.dir)
    }

    /// Lets go of what is kept of far blocks, of the longest unused first, until the cache is within its bound. What queries
    /// under way read of them stays until they end.
    pub(crate) fn trim_cache(&self) -> Result<(), Error> {
        let Some(tier) = &self.tier else { return Ok(()) };
        let mut bytes = tier.cache.bytes();
        if bytes <= tier.cache.bytes_max {
            return Ok(());
        }
        let mut far: Vec<(Arc<Tenant>, Arc<StoredBlock>, u64, u64)> = Vec::new();
        for tenant in self.tenants.all() {
            for block in tenant.state.read().blocks.iter() {
                if let Some(kept) = block.far.as_ref().filter(|kept| kept.bytes() > 0) {
                    far.push((Arc::clone(&tenant), Arc::clone(block), kept.used_at(), kept.bytes()));
                }
            }
        }
        far.sort_by_key(|(_, _, used_at, _)| *used_at);
        for (tenant, block, _, kept_bytes) in far {
            if bytes <= tier.cache.bytes_max {
                break;
            }
            let _leaving = self.leaving.lock();
            if !self.is_in_store(&tenant, &block) {
                continue;
            }
            let stub = Stub::of(&block.block, State::Copied);
            let fresh = self.open_far(&tenant, block.name, &stub)?;
            fresh.keeps_looked_for.store(block.keeps_looked_for.load(Ordering::Relaxed), Ordering::Relaxed);
            tenant.replace(&[Arc::clone(&block)], Some(fresh));
            bytes = bytes.saturating_sub(kept_bytes);
        }
        Ok(())
    }
}
