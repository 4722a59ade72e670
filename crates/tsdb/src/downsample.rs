//! Old days get blocks of buckets beside those of samples; then the samples may go.
//!
//! A block of buckets carries the flush numbers of the blocks that it was made of. So it shows whether it has all that is in
//! blocks of samples of its day ([`Day::is_current`]), and it is made anew when late samples came.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::blocks::{BlockName, StoredBlock};
use crate::merge::{CLOSED_LEVEL, Plan};
use crate::options::DownsamplingLevel;
use crate::partition::Partition;
use crate::store::Inner;
use crate::tenant::Tenant;

/// The blocks of a day.
#[derive(Debug, Default)]
pub(crate) struct Day {
    /// Those of samples, in order of writing.
    pub(crate) samples: Vec<Arc<StoredBlock>>,
    /// Those of buckets, by resolution in seconds. Of one resolution there is more than one only after a crash.
    pub(crate) coarse: BTreeMap<u32, Arc<StoredBlock>>,
}

impl Day {
    fn add(&mut self, block: &Arc<StoredBlock>) {
        match block.name.resolution_secs {
            0 => self.samples.push(Arc::clone(block)),
            secs => _ = self.coarse.insert(secs, Arc::clone(block)),
        }
    }

    /// Whether no block of samples has something that a block of buckets does not have, but for what came later and stands in
    /// blocks of its own.
    pub(crate) fn is_current(&self, coarse: &StoredBlock) -> bool {
        let mixes = |block: &Arc<StoredBlock>| {
            block.name.first_flush <= coarse.name.last_flush && block.name.last_flush > coarse.name.last_flush
        };
        !self.samples.iter().any(mixes)
    }

    /// Whether the samples are still there that a block of buckets was made of.
    pub(crate) fn has_samples_of(&self, coarse: BlockName) -> bool {
        let first = self.samples.iter().map(|block| block.name.first_flush).min();
        let last = self.samples.iter().map(|block| block.name.last_flush).max();
        first.is_some_and(|first| first <= coarse.first_flush) && last >= Some(coarse.last_flush)
    }

    /// Whether a block of buckets has what a block of samples has.
    pub(crate) fn has_buckets_of(&self, samples: BlockName) -> bool {
        let covers = |coarse: &Arc<StoredBlock>| {
            coarse.name.first_flush <= samples.first_flush && samples.last_flush <= coarse.name.last_flush
        };
        self.coarse.values().any(covers)
    }

    /// What to make buckets of: samples, or where some of those are gone the finer buckets.
    fn sources(&self, resolution_secs: u32) -> Option<Vec<Arc<StoredBlock>>> {
        let whole = self.coarse.values().all(|coarse| self.has_samples_of(coarse.name));
        if whole && !self.samples.is_empty() {
            return Some(self.samples.clone());
        }
        let finer = self.coarse.range(..resolution_secs).next_back();
        finer.filter(|(secs, _)| resolution_secs.is_multiple_of(**secs)).map(|(_, block)| vec![Arc::clone(block)])
    }

    fn plan(&self, day: Partition, resolution_secs: u32) -> Option<Plan> {
        let known = self.coarse.get(&resolution_secs);
        let inputs = self.sources(resolution_secs)?;
        if let Some(known) = known {
            let last = inputs.iter().map(|input| input.name.last_flush).max();
            if last <= Some(known.name.last_flush) {
                return None;
            }
        }
        let replaced = known.into_iter().cloned().collect();
        Some(Plan { partition: day, inputs, level: CLOSED_LEVEL, resolution_secs, replaced })
    }
}

/// Blocks by their days.
pub(crate) fn days(blocks: &[Arc<StoredBlock>]) -> BTreeMap<Partition, Day> {
    let mut days: BTreeMap<Partition, Day> = BTreeMap::new();
    blocks.iter().for_each(|block| days.entry(block.name.partition.day()).or_default().add(block));
    days
}

/// How to write a block of buckets anew for which there still are the samples.
pub(crate) fn plan_anew(blocks: &[Arc<StoredBlock>], block: &Arc<StoredBlock>) -> Option<Plan> {
    let BlockName { partition, resolution_secs, .. } = block.name;
    let day = days(blocks).remove(&partition.day())?;
    (resolution_secs > 0 && day.has_samples_of(block.name)).then(|| Plan {
        partition,
        inputs: day.samples,
        level: CLOSED_LEVEL,
        resolution_secs,
        replaced: vec![Arc::clone(block)],
    })
}

impl Inner {
    /// The next block of buckets that is due, the finest ones first.
    pub(crate) fn plan_downsampling(&self, tenant: &Tenant, blocks: &[Arc<StoredBlock>], now_ms: i64) -> Option<Plan> {
        let levels = &self.options.downsampling.levels;
        if levels.is_empty() {
            return None;
        }
        let expiry = self.expired(&tenant.id, now_ms);
        let days = days(blocks);
        let is_due = |day: &Partition, level: &DownsamplingLevel| {
            let end_ms = day.end_ms();
            end_ms.saturating_add(level.after_ms) < now_ms && end_ms >= expiry.first_ms()
        };
        levels.iter().find_map(|level| {
            let due = days.iter().filter(|(day, _)| is_due(day, level));
            let mut plans = due.filter_map(|(day, blocks)| blocks.plan(*day, level.resolution_secs));
            plans.find(|plan| !plan.is_put_off(now_ms))
        })
    }
}
