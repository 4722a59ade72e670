//! Retention: blocks go whole, by age and by total size; series that a rule keeps for less leave with a merge.

mod order;
mod policy;
pub(crate) mod trim;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::TenantId;

use crate::blocks::StoredBlock;
use crate::downsample;
use crate::error::Error;
use crate::files::Files;
use crate::store::Inner;
use crate::tenant::Tenant;

pub(crate) use policy::{Expiry, Policies};

impl Inner {
    /// What readers of a tenant do not see any more.
    pub(crate) fn hidden(&self, tenant: &TenantId) -> Expiry {
        Expiry::for_readers(self.policies.get(tenant), self.options.clock.now_ms())
    }

    /// What of a tenant may go from the disk.
    pub(crate) fn expired(&self, tenant: &TenantId, now_ms: i64) -> Expiry {
        Expiry::for_disk(self.policies.get(tenant), now_ms, self.newest_ms())
    }

    /// Whether no sample is newer than the retention, as with a clock that is wrong.
    pub(crate) fn all_are_past_their_time(&self) -> bool {
        let start_ms = self.options.clock.now_ms().saturating_sub(self.options.retention_ms);
        self.newest_ms().is_some_and(|newest_ms| newest_ms < start_ms)
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
        let (now_ms, newest_ms) = (self.options.clock.now_ms(), self.newest_ms());
        let mut all: Vec<Candidate> = Vec::new();
        for tenant in self.tenants.all() {
            let expiry = Expiry::for_disk(self.policies.get(&tenant.id), now_ms, newest_ms);
            let blocks = Arc::clone(&tenant.state.read().blocks);
            let done = self.done_samples(&blocks, &expiry);
            all.extend(blocks.iter().map(|block| Candidate {
                tenant: Arc::clone(&tenant),
                block: Arc::clone(block),
                start_ms: if done.contains(&block.path) { i64::MAX } else { expiry.first_ms() },
                tenant_bytes_max: expiry.policy().bytes_max,
            }));
        }
        let mut sizes = Sizes::of(&all);
        if all.iter().any(|one| sizes.are_beyond(one, self.options.retention_bytes)) {
            order::sort(&mut all);
        }
        let (mut dropped, mut outcome) = (0, Ok(()));
        let mut kept_back: Vec<Candidate> = Vec::new();
        for one in all {
            let is_past = one.block.max_time_ms() < one.start_ms;
            if is_past || sizes.are_beyond(&one, self.options.retention_bytes) {
                if !is_past && kept_back.iter().any(|other| order::is_written_over(other, &one)) {
                    continue;
                }
                let deleted = one.delete(&self.files);
                dropped += usize::from(deleted.is_ok());
                if deleted.is_ok() {
                    sizes.take(&one);
                }
                if deleted.is_err() {
                    kept_back.push(one);
                }
                outcome = outcome.and(deleted);
            }
        }
        self.counters.dropped_blocks.add(dropped as u64);
        outcome.map(|()| dropped)
    }

    /// The blocks of samples that need not be kept any more, because blocks of buckets have what they had.
    fn done_samples(&self, blocks: &[Arc<StoredBlock>], expiry: &Expiry) -> HashSet<PathBuf> {
        let Some(keep_ms) = self.options.downsampling.keep_samples_ms else { return HashSet::new() };
        let start_ms = expiry.start_ms(keep_ms);
        let old = downsample::days(blocks).into_iter().filter(|(day, _)| day.end_ms() < start_ms);
        old.flat_map(|(_, day)| {
            let done = day.samples.iter().filter(|block| day.has_buckets_of(block.name));
            done.map(|block| block.path.clone()).collect::<Vec<_>>()
        })
        .collect()
    }
}

/// A block that retention looks at.
struct Candidate {
    tenant: Arc<Tenant>,
    block: Arc<StoredBlock>,
    /// Older blocks go.
    start_ms: i64,
    tenant_bytes_max: Option<u64>,
}

impl Candidate {
    fn delete(&self, files: &Files) -> Result<(), Error> {
        self.block.delete(files)?;
        self.tenant.replace(&[Arc::clone(&self.block)], None);
        self.tenant.lateness.changed(i64::MIN);
        files.sync_dir(&self.tenant.dir)
    }
}

/// Bytes of blocks.
struct Sizes {
    all: u64,
    by_tenant: HashMap<TenantId, u64>,
}

impl Sizes {
    fn of(all: &[Candidate]) -> Self {
        let mut sizes = Self { all: 0, by_tenant: HashMap::new() };
        for one in all {
            sizes.all += one.block.size_bytes();
            *sizes.by_tenant.entry(one.tenant.id.clone()).or_default() += one.block.size_bytes();
        }
        sizes
    }

    fn are_beyond(&self, one: &Candidate, bytes_max: Option<u64>) -> bool {
        let of_tenant = self.by_tenant.get(&one.tenant.id).copied().unwrap_or(0);
        bytes_max.is_some_and(|bytes_max| self.all > bytes_max)
            || one.tenant_bytes_max.is_some_and(|bytes_max| of_tenant > bytes_max)
    }

    fn take(&mut self, one: &Candidate) {
        self.all -= one.block.size_bytes();
        if let Some(of_tenant) = self.by_tenant.get_mut(&one.tenant.id) {
            *of_tenant -= one.block.size_bytes();
        }
    }
}
