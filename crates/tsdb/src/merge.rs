//! Merge: many small blocks to few large ones.
//!
//! A two-hour partition gets a block every few minutes. While it is open, runs of four blocks of like size become one, so
//! that a query meets few blocks and a sample is rewritten few times; once it is closed, all become one small block; once
//! the day is over, all of the day become one. Who waits for merges to be done, as `/api/v1/admin/tsdb/compact` does, gets one
//! small block of each partition, also of an open one. Only blocks that were written one after the other are merged, because of
//! two samples with the same time the later one counts. A block on disk that could not be opened stays apart: the name of a
//! merged block must not cover it, as the next start would take it for replaced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_block::{Effort, SealedBlock, WriteOptions};
use bongsu_model::Labels;

use crate::blocks::{BlockName, StoredBlock};
use crate::downsample;
use crate::error::Error;
use crate::options::MergePace;
use crate::pace::Pacer;
use crate::partition::Partition;
use crate::retention::trim;
use crate::store::Inner;
use crate::tenant::Tenant;
use crate::tombstones::{self, Deleted};

/// A merge of an open partition: quick, little smaller than its inputs.
const OPEN_LEVEL: u32 = 1;
/// A merge of a closed partition: as small as can be.
pub(crate) const CLOSED_LEVEL: u32 = 2;
/// Open partitions merge this many blocks of like size.
const RUN_MIN: usize = 4;
/// Late blocks are merged into a large one only when together they have this part of its size, or when somebody asks for it.
const LATE_SHARE: u64 = 4;
/// Most samples of a chunk that is written as small as can be: a day at an interval of 6 s. Readers decode parts of it.
pub(crate) const LONG_CHUNK_SAMPLES: usize = 1 << 14;
/// After a failed merge its inputs rest this long.
const RETRY_MS: i64 = 600_000;

/// One merge to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) partition: Partition,
    pub(crate) inputs: Vec<Arc<StoredBlock>>,
    pub(crate) level: u32,
    /// Of a block of buckets, else 0.
    pub(crate) resolution_secs: u32,
    /// What goes when the result is there.
    pub(crate) replaced: Vec<Arc<StoredBlock>>,
}

impl Plan {
    /// One of which the inputs go.
    fn of(partition: Partition, inputs: Vec<Arc<StoredBlock>>, level: u32) -> Self {
        Self { partition, replaced: inputs.clone(), inputs, level, resolution_secs: 0 }
    }

    /// The one that writes a block anew.
    fn of_one(block: &Arc<StoredBlock>) -> Self {
        let BlockName { partition, resolution_secs, .. } = block.name;
        Self { resolution_secs, ..Self::of(partition, vec![Arc::clone(block)], block.block.meta().level) }
    }

    fn name(&self) -> BlockName {
        BlockName { resolution_secs: self.resolution_secs, ..name_of(self.partition, &self.inputs) }
    }
}

impl Inner {
    /// Does one merge, if one is due. Returns whether it did.
    pub(crate) fn merge_one(&self) -> Result<bool, Error> {
        let _merging = self.merging.lock();
        let is_stopped = || self.merges_stopped.load(Ordering::Relaxed);
        if is_stopped() {
            return Ok(false);
        }
        let now_ms = self.options.clock.now_ms();
        let Some((crowd, tenant, plan)) = self.next_merge(now_ms) else { return Ok(false) };
        let is_stopped = || is_stopped() || tenant.is_leaving.load(Ordering::Relaxed);
        let pacer = Pacer::new(&self.rests, self.options.merge_pace, crowd);
        match self.carry_out(&tenant, &plan, now_ms, &pacer, &is_stopped) {
            Err(Error::Block(bongsu_block::Error::Cancelled { .. })) => Ok(false),
            outcome => outcome.inspect_err(|_| plan.put_off(now_ms)).map(|()| true),
        }
    }

    /// The merge that helps readers most: that of the day with the most blocks, which are told too. So no tenant whose merges
    /// never end keeps the others from theirs.
    fn next_merge(&self, now_ms: i64) -> Option<(usize, Arc<Tenant>, Plan)> {
        // Who waits for merges wants all that can be had of them.
        let all = self.rests.is_hurried();
        let due = |tenant: Arc<Tenant>| {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            let trim = || self.plan_trim(&tenant, &blocks, now_ms);
            let coarser = || self.plan_downsampling(&tenant, &blocks, now_ms);
            let plan = plan(&blocks, &tenant.unopened, now_ms, all).or_else(trim).or_else(coarser)?;
            Some((blocks_of_day(&blocks, plan.partition), tenant, plan))
        };
        // Of equal ones the first.
        self.tenants.all().into_iter().filter_map(due).rev().max_by_key(|(crowd, ..)| *crowd)
    }

    fn carry_out(
        &self,
        tenant: &Tenant,
        plan: &Plan,
        now_ms: i64,
        pacer: &Pacer<'_>,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        // What cannot be deleted still is no reason not to merge.
        let _ = tenant.sweep();
        let name = plan.name();
        let effort = if plan.level == CLOSED_LEVEL { Effort::Small } else { Effort::Fast };
        let expiry = self.expired(&tenant.id, now_ms);
        let start_ms_min = expiry.first_ms();
        let first_ms = plan.inputs.iter().map(|input| input.block.meta().min_time_ms).min().unwrap_or(i64::MAX);
        let may_be_over = first_ms < expiry.whole_from_ms();
        let disk = Arc::clone(&self.files.0);
        let interval_ms = self.options.limits_of(&tenant.id).interval_ms;
        let Plan { level, resolution_secs, .. } = *plan;
        let chunk_samples_max =
            if effort == Effort::Small { LONG_CHUNK_SAMPLES } else { WriteOptions::default().chunk_samples_max };
        let options =
            WriteOptions { effort, chunk_samples_max, level, start_ms_min, interval_ms, resolution_secs, disk };
        let inputs: Vec<_> = plan.inputs.iter().map(|stored| Arc::clone(&stored.block)).collect();
        let tombstones = Arc::clone(&tenant.state.read().tombstones);
        let deleted: Vec<_> = plan.inputs.iter().map(|stored| Deleted::of(&tombstones, stored)).collect();
        let progress = self.current_merge.begin(&tenant.id, plan.partition, &plan.inputs, plan.level, now_ms);
        let removed = |place: usize, labels: &Labels| {
            progress.next_series();
            let mut ranges = deleted[place].ranges(labels);
            if may_be_over {
                ranges.extend(expiry.start_of(labels).checked_sub(1).map(|last_ms| (i64::MIN, last_ms)));
            }
            ranges
        };
        let path = tenant.dir.join(name.to_string());
        let is_cancelled = || {
            pacer.rest(|| progress.done_bytes(), is_stopped);
            is_stopped()
        };
        let write = if resolution_secs > 0 { bongsu_block::downsample } else { bongsu_block::merge_without };
        let sealed = write(&inputs, &path, options, &removed, &is_cancelled)?;
        let _leaving = self.leaving.lock();
        if tombstones::are_missed(&tombstones, &tenant.state.read().tombstones, &plan.inputs, name) {
            // Deleted meanwhile: the same merge is done again, without the samples. Under its name, this one would bring
            // them back at the next start.
            return Ok(());
        }
        let merged = self.put_in_place(tenant, &plan.replaced, name, sealed)?;
        if resolution_secs > 0 {
            if merged.is_none() {
                // Of nothing come no buckets: not looked at again at once.
                plan.put_off(now_ms);
            }
            tenant.lateness.changed(plan.partition.start_ms());
        }
        tenant.replace(&plan.replaced, merged);
        self.counters.merges.add(1);
        self.counters.merged_bytes.add(plan.inputs.iter().map(|input| input.size_bytes()).sum());
        // The file of a block that was rewritten alone has been replaced by the new one.
        plan.replaced.iter().filter(|input| input.name != name).for_each(|input| tenant.discard(&input.path));
        self.files.sync_dir(&tenant.dir)
    }

    /// Gives a merged block its name.
    fn put_in_place(
        &self,
        tenant: &Tenant,
        inputs: &[Arc<StoredBlock>],
        name: BlockName,
        sealed: SealedBlock,
    ) -> Result<Option<Arc<StoredBlock>>, Error> {
        if sealed.meta().series_count == 0 {
            // Everything was deleted: there is nothing to keep a file for, and nothing that stands for the inputs if some
            // come back after a power cut. So the oldest goes first.
            for input in inputs {
                input.delete(&self.files)?;
                self.files.sync_dir(&tenant.dir)?;
            }
            return Ok(None);
        }
        let placed = sealed.publish().and_then(|_| StoredBlock::open(&tenant.dir, name));
        if placed.is_err() && !inputs.iter().any(|input| input.name == name) {
            tenant.discard(&tenant.dir.join(name.to_string()));
        }
        Ok(Some(placed?))
    }

    /// Writes one of the tenant's blocks anew without what was deleted of it.
    pub(crate) fn rewrite(
        &self,
        tenant: &Tenant,
        blocks: &[Arc<StoredBlock>],
        block: &Arc<StoredBlock>,
    ) -> Result<(), Error> {
        let plan = downsample::plan_anew(blocks, block).unwrap_or_else(|| Plan::of_one(block));
        let is_stopped = || self.merges_stopped.load(Ordering::Relaxed);
        // Somebody waits for it.
        let pacer = Pacer::new(&self.rests, MergePace::unbounded(), 1);
        self.carry_out(tenant, &plan, self.options.clock.now_ms(), &pacer, &is_stopped)
    }
}

impl Inner {
    /// Writes a block anew that has series past their time.
    fn plan_trim(&self, tenant: &Tenant, blocks: &[Arc<StoredBlock>], now_ms: i64) -> Option<Plan> {
        let block = trim::next(blocks, &self.expired(&tenant.id, now_ms), |block| block.is_put_off(now_ms))?;
        Some(Plan::of_one(&block))
    }
}

impl StoredBlock {
    pub(crate) fn is_put_off(&self, now_ms: i64) -> bool {
        let not_before_ms = self.merge_not_before_ms.load(Ordering::Relaxed);
        // A clock that was set back must not put it off for long.
        now_ms < not_before_ms && now_ms.saturating_add(RETRY_MS) >= not_before_ms
    }
}

/// How many blocks of samples lie in the day of a partition.
fn blocks_of_day(blocks: &[Arc<StoredBlock>], partition: Partition) -> usize {
    let day = partition.day();
    let of_day = |block: &&Arc<StoredBlock>| block.name.partition.day() == day && block.name.resolution_secs == 0;
    blocks.iter().filter(of_day).count()
}

/// The most blocks that a read of one moment meets: those of its two hours and of its day.
pub(crate) fn blocks_met_max(blocks: &[Arc<StoredBlock>]) -> usize {
    let mut by_partition: BTreeMap<Partition, usize> = BTreeMap::new();
    for block in blocks.iter().filter(|block| block.name.resolution_secs == 0) {
        *by_partition.entry(block.name.partition).or_default() += 1;
    }
    let of_day = |partition: Partition| by_partition.get(&partition.day()).copied().unwrap_or(0);
    let met = |(partition, count): (&Partition, &usize)| {
        if *partition == partition.day() { *count } else { count + of_day(*partition) }
    };
    by_partition.iter().map(met).max().unwrap_or(0)
}

impl Plan {
    /// A damaged block or a full disk must not keep other blocks from being merged.
    fn put_off(&self, now_ms: i64) {
        for input in &self.inputs {
            input.merge_not_before_ms.store(now_ms.saturating_add(RETRY_MS), Ordering::Relaxed);
        }
    }

    pub(crate) fn is_put_off(&self, now_ms: i64) -> bool {
        self.inputs.iter().any(|input| input.is_put_off(now_ms))
    }
}

/// The most useful merge of a tenant's blocks, given in order of writing. `unopened` are on disk too. With `all`, of every
/// partition one block is to remain, as small as can be.
fn plan(blocks: &[Arc<StoredBlock>], unopened: &[BlockName], now_ms: i64, all: bool) -> Option<Plan> {
    let of_run = |partition: Partition, run: Vec<Arc<StoredBlock>>| match (all, partition.is_closed(now_ms)) {
        (true, _) => plan_whole(partition, run),
        (false, true) => plan_closed(partition, run),
        (false, false) => plan_open(partition, &run),
    };
    let of_samples = |block: &&Arc<StoredBlock>| block.name.resolution_secs == 0;
    let mut days: Vec<Partition> = blocks.iter().filter(of_samples).map(|block| block.name.partition.day()).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter().find_map(|day| {
        let of_day = blocks.iter().filter(of_samples).filter(|block| day.contains(block.name.partition));
        let of_day: Vec<_> = of_day.cloned().collect();
        if day.is_closed(now_ms) {
            return plan_partition(day, of_day, unopened, now_ms, &of_run);
        }
        let mut partitions: Vec<Partition> = of_day.iter().map(|block| block.name.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions.into_iter().find_map(|partition| {
            let (inputs, others): (Vec<_>, Vec<_>) =
                of_day.iter().cloned().partition(|block| block.name.partition == partition);
            let others: Vec<_> = others.iter().map(|block| block.name).chain(unopened.iter().copied()).collect();
            plan_partition(partition, inputs, &others, now_ms, &of_run)
        })
    })
}

/// The most useful merge of `inputs` whose result does not pretend to hold one of `others`.
fn plan_partition(
    partition: Partition,
    inputs: Vec<Arc<StoredBlock>>,
    others: &[BlockName],
    now_ms: i64,
    of_run: &dyn Fn(Partition, Vec<Arc<StoredBlock>>) -> Option<Plan>,
) -> Option<Plan> {
    runs_beside(partition, inputs, others)
        .into_iter()
        .find_map(|run| of_run(partition, run).filter(|plan| !plan.is_put_off(now_ms)))
}

/// The longest runs of neighbours that, merged, would cover none of `others`.
fn runs_beside(
    partition: Partition,
    blocks: Vec<Arc<StoredBlock>>,
    others: &[BlockName],
) -> Vec<Vec<Arc<StoredBlock>>> {
    let covers_none = |run: &[Arc<StoredBlock>]| {
        let name = name_of(partition, run);
        !others.iter().any(|other| name.covers(other))
    };
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    for block in blocks {
        run.push(block);
        if !covers_none(&run) {
            let next = run.split_off(run.len() - 1);
            runs.push(std::mem::replace(&mut run, next));
        }
    }
    runs.push(run);
    // What covers one of them all alone stays as it is.
    runs.retain(|run| !run.is_empty() && covers_none(run));
    runs
}

/// The name of what comes of a merge of `inputs`.
fn name_of(partition: Partition, inputs: &[Arc<StoredBlock>]) -> BlockName {
    let names = inputs.iter().map(|block| block.name);
    BlockName {
        partition,
        resolution_secs: 0,
        first_flush: names.clone().map(|name| name.first_flush).min().unwrap_or(0),
        last_flush: names.map(|name| name.last_flush).max().unwrap_or(0),
    }
}

/// Whether a block was made of all that there was of the partition.
fn is_done(partition: Partition, block: &StoredBlock) -> bool {
    block.name.partition == partition && block.block.meta().level == CLOSED_LEVEL
}

/// All blocks of a partition become one, closed or not.
fn plan_whole(partition: Partition, inputs: Vec<Arc<StoredBlock>>) -> Option<Plan> {
    let is_needed = !inputs.is_empty() && (inputs.len() > 1 || !is_done(partition, &inputs[0]));
    is_needed.then(|| Plan::of(partition, inputs, CLOSED_LEVEL))
}

/// All blocks of a closed partition become one; late ones wait until they are worth it.
fn plan_closed(partition: Partition, inputs: Vec<Arc<StoredBlock>>) -> Option<Plan> {
    let Some(done) = inputs.iter().position(|block| is_done(partition, block)) else {
        return (!inputs.is_empty()).then(|| Plan::of(partition, inputs, CLOSED_LEVEL));
    };
    let late_bytes: u64 = inputs.iter().map(|block| block.size_bytes()).sum::<u64>() - inputs[done].size_bytes();
    if late_bytes.saturating_mul(LATE_SHARE) >= inputs[done].size_bytes() && inputs.len() > 1 {
        return Some(Plan::of(partition, inputs, CLOSED_LEVEL));
    }
    let late = &inputs[done + 1..];
    (late.len() >= RUN_MIN).then(|| Plan::of(partition, late.to_vec(), OPEN_LEVEL))
}

/// The run of the smallest blocks that are next to each other.
fn plan_open(partition: Partition, blocks: &[Arc<StoredBlock>]) -> Option<Plan> {
    // By powers of four: a block of one tier is made of about four of the tier below.
    let tier = |block: &Arc<StoredBlock>| block.size_bytes().max(1).ilog2() / 2;
    let largest = blocks.iter().map(tier).max()?;
    (0..=largest).find_map(|bound| {
        let run = blocks.chunk_by(|a, b| tier(a) <= bound && tier(b) <= bound).find(|run| run.len() >= RUN_MIN)?;
        Some(Plan::of(partition, run.to_vec(), OPEN_LEVEL))
    })
}
