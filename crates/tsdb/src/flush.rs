//! Flush: from memory to blocks, then away with the log.
//!
//! ```text
//! gate closed:  log.rotate() = P ─► every head becomes `frozen`      writes wait, milliseconds
//! gate open:    frozen ─► block files, renamed into place ─► in the list of blocks, `frozen` gone ─► log.truncate_to(P)
//! ```
//!
//! A crash before the truncation replays samples that are also in a block, with the same values. A failure on the way
//! leaves `frozen` and the log as they are; the next flush goes on from there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_block::{BlockWriter, Effort, WriteOptions};
use bongsu_log::Position;
use bongsu_model::SampleBuffer;

use crate::blocks::{BlockName, StoredBlock};
use crate::durable;
use crate::error::Error;
use crate::head::Frozen;
use crate::partition::Partition;
use crate::span;
use crate::store::Inner;
use crate::tenant::Tenant;

/// The level of blocks that come from a flush; see [`crate::merge`].
pub(crate) const FLUSHED_LEVEL: u32 = 0;

/// What a flush has to finish before the next one begins.
#[derive(Debug)]
pub(crate) struct FlushState {
    /// The log up to here goes once everything frozen is in blocks.
    pending: Option<Position>,
    /// The number of the next flush.
    next_flush: u64,
}

impl FlushState {
    pub(crate) fn new(next_flush: u64) -> Self {
        Self { pending: None, next_flush }
    }
}

impl Inner {
    /// Writes everything in memory to blocks.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut flushing = self.flushing.lock();
        if flushing.pending.is_some() {
            // What failed before comes first: there is room for one frozen generation.
            self.finish_flush(&mut flushing)?;
        }
        if !self.has_unflushed() {
            return Ok(());
        }
        flushing.pending = Some(self.freeze()?);
        self.finish_flush(&mut flushing)
    }

    /// Whether the log or a head has something that no block has.
    fn has_unflushed(&self) -> bool {
        let tenants = self.tenants.all();
        tenants.iter().any(|tenant| tenant.state.read().head.active_count > 0) || self.log.end() > self.log.start()
    }

    /// The boundary between what this flush writes and what the next one will.
    fn freeze(&self) -> Result<Position, Error> {
        let _closed = self.gate.write();
        let position = self.log.rotate()?;
        for tenant in self.tenants.all() {
            tenant.freeze(&self.options.limits);
        }
        Ok(position)
    }

    fn finish_flush(&self, flushing: &mut FlushState) -> Result<(), Error> {
        let Some(position) = flushing.pending else { return Ok(()) };
        // What keeps one tenant from being written must not keep the others in memory.
        let tenants = self.tenants.all();
        let outcomes = tenants.iter().map(|tenant| self.flush_tenant(tenant, flushing.next_flush));
        outcomes.fold(Ok(()), Result::and)?;
        flushing.next_flush += 1;
        flushing.pending = None;
        self.log.truncate_to(position)?;
        self.counters.flushes.add(1);
        Ok(())
    }

    fn flush_tenant(&self, tenant: &Tenant, flush: u64) -> Result<(), Error> {
        tenant.save_metadata()?;
        let frozen = tenant.state.read().frozen.clone();
        if let Some(frozen) = frozen {
            tenant.register(self.write_blocks(tenant, &frozen, flush)?);
        }
        Ok(())
    }

    fn write_blocks(&self, tenant: &Tenant, frozen: &Frozen, flush: u64) -> Result<Vec<Arc<StoredBlock>>, Error> {
        durable::create_dir_all(&tenant.dir)?;
        // In two steps, so that the table is not held while new series are sorted.
        let known = Arc::clone(frozen.table.read().order());
        let order = Arc::new(known.extend(&frozen.spans, frozen.chunks.len()));
        frozen.table.write().set_order(Arc::clone(&order));
        let mut written = Vec::new();
        for partition in partitions(frozen, self.options.clock.now_ms()) {
            let name = BlockName { partition, first_flush: flush, last_flush: flush };
            let path = tenant.dir.join(name.to_string());
            let options = WriteOptions { effort: Effort::Fast, level: FLUSHED_LEVEL, ..WriteOptions::default() };
            let mut writer = BlockWriter::create(&path, options)?;
            push_partition(&mut writer, frozen, &order.sorted, partition)?;
            writer.finish()?;
            written.push(StoredBlock::open(&tenant.dir, name)?);
        }
        Ok(written)
    }
}

/// Pushes the samples of one partition, series by series in label order.
fn push_partition(
    writer: &mut BlockWriter,
    frozen: &Frozen,
    sorted: &[u32],
    partition: Partition,
) -> Result<(), bongsu_block::Error> {
    let (start_ms, end_ms) = (partition.start_ms(), partition.end_ms());
    let mut buffer = SampleBuffer::default();
    for series in sorted {
        let chunk = &frozen.chunks[*series as usize];
        if !chunk.overlaps(start_ms, end_ms) {
            continue;
        }
        buffer.clear();
        chunk.view().read(start_ms, end_ms, &mut buffer);
        if !buffer.is_empty() {
            writer.push(&span::labels(frozen.spans.get(*series)), &buffer)?;
        }
    }
    Ok(())
}

/// The partitions that samples lie in, found from the ends of chunks where that is enough.
fn partitions(frozen: &Frozen, now_ms: i64) -> BTreeSet<Partition> {
    let at = |time_ms| Partition::for_flush(time_ms, now_ms);
    let mut found = BTreeSet::new();
    let mut last = None;
    for chunk in frozen.chunks.iter().filter(|chunk| !chunk.is_empty()) {
        let (first_ms, last_ms) = chunk.time_range();
        let ends = (at(first_ms), at(last_ms));
        if last == Some(ends) && ends.0 == ends.1 {
            continue;
        }
        last = Some(ends);
        if ends.0 == ends.1 {
            found.insert(ends.0);
        } else {
            found.extend(chunk.view().times().map(at));
        }
    }
    found
}
