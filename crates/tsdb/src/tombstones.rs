//! What was deleted and is still in blocks.
//!
//! A deletion first flushes, so that every sample it is about lies in a block, and then keeps a tombstone: matchers, a
//! range of time, and the number of the tenant's last flush. The tombstone is about the samples that this flush and earlier
//! ones wrote, and about none that came later. Readers leave them out; a merge leaves them out for good, block by block, as
//! its inputs may have been written before and after. The file is drawn in `docs/formats/data-directory.md`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_model::{Labels, MatchOp, Matcher, SampleBuffer, TenantId};

use crate::blocks::{BlockName, StoredBlock};
use crate::error::Error;
use crate::files;
use crate::store::{Inner, Store};
use crate::tenant::Tenant;

mod codec;

const FILE: &str = "tombstones";
/// Deletions of a tenant that may wait: every read of a series looks at those of its blocks.
const TOMBSTONES_MAX: usize = 1000;

/// All of a tenant, shared with those who read.
pub(crate) type Tombstones = Arc<Vec<Arc<Tombstone>>>;

/// One deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// Conditions on the labels that all have to hold.
    pub(crate) matchers: Vec<Matcher>,
    /// Deleted times, both inclusive.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// Samples of this flush and of earlier ones are deleted.
    pub(crate) last_flush: u64,
}

impl Tombstone {
    /// Whether samples of the block may be deleted.
    fn concerns(&self, block: &StoredBlock) -> bool {
        block.name.last_flush <= self.last_flush && block.overlaps(self.start_ms, self.end_ms)
    }

    fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
    }

    /// Whether the block has a series that samples are deleted of.
    fn hits(&self, block: &StoredBlock) -> Result<bool, Error> {
        Ok(self.concerns(block) && !block.block.select(&self.matchers)?.is_empty())
    }
}

/// The tombstones that concern one block.
#[derive(Debug)]
pub(crate) struct Deleted(Vec<Arc<Tombstone>>);

impl Deleted {
    pub(crate) fn of(tombstones: &[Arc<Tombstone>], block: &StoredBlock) -> Self {
        Self(tombstones.iter().filter(|tombstone| tombstone.concerns(block)).cloned().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The deleted times of a series, both ends inclusive.
    pub(crate) fn ranges(&self, labels: &Labels) -> Vec<(i64, i64)> {
        let hits = self.0.iter().filter(|tombstone| tombstone.matches(labels));
        hits.map(|tombstone| (tombstone.start_ms, tombstone.end_ms)).collect()
    }

    /// Whether one deletion covers all that the block can have of a series.
    pub(crate) fn is_whole(&self, labels: &Labels, block: &StoredBlock) -> bool {
        let meta = block.block.meta();
        let covers = |t: &Tombstone| t.start_ms <= meta.min_time_ms && t.end_ms >= meta.max_time_ms;
        self.0.iter().any(|tombstone| covers(tombstone) && tombstone.matches(labels))
    }

    /// Appends what `read` appends, without what is deleted.
    pub(crate) fn read<E>(
        &self,
        labels: &Labels,
        buffer: &mut SampleBuffer,
        read: impl FnOnce(&mut SampleBuffer) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut removed = self.ranges(labels);
        if removed.is_empty() {
            return read(buffer);
        }
        let mut whole = SampleBuffer::default();
        read(&mut whole)?;
        buffer.extend_without(&whole, &mut removed);
        Ok(())
    }
}

impl Store {
    /// Deletes the samples that are there now from `start_ms` to `end_ms`, both inclusive, of the series of a tenant that
    /// fulfil all matchers. What is written later stays. Everything in memory goes to blocks first; the samples are gone
    /// for readers at once, from the disk with the next merge of their block or with
    /// [`clean_tombstones`](Self::clean_tombstones). Names and values that only deleted series had may show until then.
    ///
    /// # Errors
    /// When files cannot be written, or too many deletions wait to be carried out; nothing is deleted then.
    pub fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), Error> {
        self.inner.delete_series(tenant, matchers, (start_ms, end_ms))
    }

    /// Writes the blocks that have deleted samples anew, without them, of all tenants. Returns how many. Takes as long as a
    /// merge of these blocks.
    ///
    /// # Errors
    /// When a block cannot be read or written; the samples stay deleted for readers.
    pub fn clean_tombstones(&self) -> Result<usize, Error> {
        self.inner.clean_tombstones()
    }
}

impl Inner {
    fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
    ) -> Result<(), Error> {
        let Some(tenant) = self.tenants.get(tenant) else { return Ok(()) };
        if end_ms < start_ms {
            return Ok(());
        }
        self.flush()?;
        // From the number of the last flush to the published tombstone no merge ends: see `are_missed`.
        let _leaving = self.leaving.lock();
        if tenant.is_leaving.load(Ordering::Relaxed) {
            return Ok(());
        }
        let blocks = Arc::clone(&tenant.state.read().blocks);
        let Some(last_flush) = blocks.iter().map(|block| block.name.last_flush).max() else { return Ok(()) };
        let tombstone = Tombstone { matchers: matchers.to_vec(), start_ms, end_ms, last_flush };
        let mut is_hit = false;
        for block in blocks.iter() {
            // Looking into a block that is only in the bucket would make a deletion wait for it, or fail.
            is_hit = is_hit || if block.far.is_some() { tombstone.concerns(block) } else { tombstone.hits(block)? };
        }
        if !is_hit {
            return Ok(());
        }
        self.change_tombstones(&tenant, |list| {
            list.push(Arc::new(tombstone));
            if list.len() > TOMBSTONES_MAX { Err(Error::TooManyDeletions { max: TOMBSTONES_MAX }) } else { Ok(()) }
        })
    }

    fn clean_tombstones(&self) -> Result<usize, Error> {
        let _merging = self.merging.lock();
        let mut count = 0;
        for tenant in self.tenants.all() {
            let (blocks, tombstones) = {
                let state = tenant.state.read();
                (Arc::clone(&state.blocks), Arc::clone(&state.tombstones))
            };
            for block in blocks.iter() {
                let mut is_hit = false;
                for tombstone in tombstones.iter() {
                    is_hit = is_hit || tombstone.hits(block)?;
                }
                if is_hit {
                    self.rewrite(&tenant, &blocks, block)?;
                    count += 1;
                }
            }
            if !tombstones.is_empty() {
                tenant.sweep()?;
                self.change_tombstones(&tenant, |list| {
                    list.retain(|other| !tombstones.iter().any(|done| Arc::ptr_eq(done, other)));
                    Ok(())
                })?;
            }
        }
        Ok(count)
    }

    /// The file changes before readers see it: what was told to be deleted is deleted after a crash, too.
    fn change_tombstones(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(&mut Vec<Arc<Tombstone>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _deleting = self.deleting.lock();
        let mut list = tenant.state.read().tombstones.to_vec();
        change(&mut list)?;
        let path = tenant.dir.join(FILE);
        if list.is_empty() {
            self.files.remove(&path)?;
            self.files.sync_dir(&tenant.dir)?;
        } else {
            self.files.write_file(&path, &codec::encode(&list))?;
        }
        tenant.state.write().tombstones = Arc::new(list);
        tenant.lateness.changed(i64::MIN);
        Ok(())
    }
}

/// Whether a merge that knew the `old` tombstones has taken samples that a newer one deletes to where that one does not
/// reach: into a block that has later flushes, too.
pub(crate) fn are_missed(
    old: &[Arc<Tombstone>],
    new: &[Arc<Tombstone>],
    inputs: &[Arc<StoredBlock>],
    merged: BlockName,
) -> bool {
    let added = new.iter().filter(|tombstone| !old.iter().any(|known| Arc::ptr_eq(known, tombstone)));
    let mut out_of_reach = added.filter(|tombstone| tombstone.last_flush < merged.last_flush);
    out_of_reach.any(|tombstone| inputs.iter().any(|input| tombstone.concerns(input)))
}

/// Whether the bytes are a sound file.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    codec::decode(bytes).map(drop)
}

/// What the file of a tenant's directory has; without a sound file, nothing.
pub(crate) fn load(tenant_dir: &Path, damaged: &mut Vec<String>) -> Result<Tombstones, Error> {
    let decode = |bytes: &[u8]| {
        let list = codec::decode(bytes);
        list.map_err(|reason| format!("deletions are not known, what they deleted may be back: {reason}"))
    };
    let list = files::load(&tenant_dir.join(FILE), codec::MAGIC, damaged, decode)?;
    Ok(Arc::new(list.into_iter().map(Arc::new).collect()))
}

/// A matcher's operation as a byte of the file.
const OPS: [MatchOp; 4] = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];

#[cfg(test)]
mod tests {
    use bongsu_block::{BlockWriter, WriteOptions};

    use super::*;
    use crate::partition::Partition;

    /// A block with one sample of `m` at time 0.
    fn block(dir: &Path, first_flush: u64, last_flush: u64) -> Arc<StoredBlock> {
        let name = BlockName { partition: Partition::for_flush(0, 0), first_flush, last_flush, resolution_secs: 0 };
        let mut samples = SampleBuffer::default();
        samples.push(0, 1.0);
        let mut writer = BlockWriter::create(&dir.join(name.to_string()), WriteOptions::default()).unwrap();
        writer.push(&Labels::from_pairs([("__name__", "m")]), &samples).unwrap();
        writer.finish().unwrap();
        StoredBlock::open(dir, name).unwrap()
    }

    #[test]
    fn a_merge_misses_a_deletion_that_came_while_it_ran_and_does_not_reach_its_result() {
        let dir = tempfile::tempdir().unwrap();
        let inputs = [block(dir.path(), 1, 1), block(dir.path(), 2, 2)];
        let merged = BlockName { first_flush: 1, last_flush: 2, ..inputs[0].name };
        let tombstone = |start_ms: i64, last_flush: u64| {
            Arc::new(Tombstone { matchers: Vec::new(), start_ms, end_ms: start_ms + 10, last_flush })
        };
        let known = vec![tombstone(0, 1)];
        assert!(!are_missed(&known, &known, &inputs, merged), "the merge has left its samples out");
        assert!(are_missed(&known, &[known.clone(), vec![tombstone(0, 1)]].concat(), &inputs, merged));
        assert!(!are_missed(&[], &[tombstone(0, 2)], &inputs, merged), "it reaches the result");
        assert!(!are_missed(&[], &[tombstone(5, 1)], &inputs, merged), "it concerns no input");
    }
}
