//! Flush: from memory to blocks, then away with the log.
//!
//! ```text
//! gate closed:  log.rotate() = P ─► every head becomes `frozen`      writes wait, milliseconds
//! gate open:    frozen ─► block files, renamed into place ─► in the list of blocks, `frozen` gone ─► log.truncate_to(P)
//! ```
//!
//! A crash before the truncation replays samples that are also in a block, with the same values. A failure on the way
//! leaves `frozen` of its tenant and the log as they are; the next flush goes on from there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_block::{BlockWriter, Effort, WriteOptions};
use bongsu_log::Position;
use bongsu_model::SampleBuffer;

use crate::blocks::{BlockName, StoredBlock};
use crate::error::Error;
use crate::files::Files;
use crate::head::Frozen;
use crate::partition::Partition;
use crate::span;
use crate::store::Inner;
use crate::table::refresh_order;
use crate::tenant::Tenant;

/// The level of blocks that come from a flush; see [`crate::merge`].
pub(crate) const FLUSHED_LEVEL: u32 = 0;

/// A generation with samples of that many partitions is written that many files at a time.
const OPEN_FILES_MAX: usize = 32;

/// The number of the next flush. A flush that has to split a block takes more than one.
#[derive(Debug)]
pub(crate) struct FlushNumbers(u64);

impl FlushNumbers {
    pub(crate) fn new(next: u64) -> Self {
        Self(next)
    }

    /// Goes on behind a number, if it is not there already.
    pub(crate) fn pass(&mut self, last: u64) {
        self.0 = self.0.max(last.saturating_add(1));
    }

    fn take(&mut self) -> u64 {
        self.0 += 1;
        self.0 - 1
    }
}

impl Inner {
    /// Writes everything in memory to blocks: what failed before first, as there is room for one frozen generation of a
    /// tenant. A tenant that cannot be written keeps its samples in memory and in the log, and keeps no other one back.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut numbers = self.flushing.lock();
        let retried = self.flush_pending(&mut numbers);
        if self.has_unflushed() {
            self.freeze()?;
            let flushed = self.flush_pending(&mut numbers);
            self.log.truncate_to(self.log_kept_from())?;
            self.counters.flushes.add(1);
            return retried.and(flushed);
        }
        // An earlier flush may have failed at this only: a deletion must not be acked while the log may come back.
        self.log.truncate_to(self.log_kept_from())?;
        retried
    }

    /// Finishes what earlier flushes could not.
    pub(crate) fn retry_flush(&self) -> Result<(), Error> {
        let outcome = self.flush_pending(&mut self.flushing.lock());
        self.log.truncate_to(self.log_kept_from())?;
        outcome
    }

    /// Whether the log or a head has something that no block has.
    fn has_unflushed(&self) -> bool {
        let tenants = self.tenants.all();
        tenants.iter().any(|tenant| tenant.state.read().head.active_count > 0) || self.log.end() > self.log.start()
    }

    /// The boundary between what this flush writes and what the next one will.
    fn freeze(&self) -> Result<(), Error> {
        let _closed = self.gate.write();
        let position = self.log.rotate()?;
        for tenant in self.tenants.all() {
            tenant.freeze(position, self.options.limits_of(&tenant.id));
        }
        self.log_cut.store(position.0, Ordering::Relaxed);
        Ok(())
    }

    /// Writes what is frozen, tenant by tenant; returns the first error.
    fn flush_pending(&self, numbers: &mut FlushNumbers) -> Result<(), Error> {
        let tenants = self.tenants.all();
        let pending = tenants.iter().filter(|tenant| tenant.state.read().pending_from.is_some());
        pending.map(|tenant| self.flush_tenant(tenant, numbers)).fold(Ok(()), Result::and)
    }

    /// What lies before this in the log is in files.
    fn log_kept_from(&self) -> Position {
        let tenants = self.tenants.all();
        let log_cut = Position(self.log_cut.load(Ordering::Relaxed));
        tenants.iter().map(|tenant| tenant.log_from()).fold(log_cut, Position::min)
    }

    fn flush_tenant(&self, tenant: &Tenant, numbers: &mut FlushNumbers) -> Result<(), Error> {
        tenant.save_files()?;
        let frozen = tenant.state.read().frozen.clone();
        let Some(frozen) = frozen else {
            tenant.register(Vec::new());
            return Ok(());
        };
        self.files.create_dir_all(&tenant.dir)?;
        let order = refresh_order(&frozen.memory.table);
        let series_count = frozen.memory.chunks.read().len();
        // The table may know series of the generation after.
        let series: Vec<u32> =
            order.sorted.iter().copied().filter(|number| (*number as usize) < series_count).collect();
        let partitions: Vec<_> = partitions(&frozen, self.options.clock.now_ms()).into_iter().collect();
        let mut flush =
            TenantFlush { files: &self.files, tenant, frozen: &frozen, numbers, written: Vec::new(), skipped: None };
        let mut windows = partitions.chunks(OPEN_FILES_MAX);
        let written = windows.try_for_each(|window| flush.write(window, &series)).and_then(|()| flush.open());
        tenant.register(written.inspect_err(|_| flush.discard(0))?);
        flush.skipped.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// One generation of one tenant on its way to blocks.
struct TenantFlush<'a> {
    files: &'a Files,
    tenant: &'a Tenant,
    frozen: &'a Frozen,
    numbers: &'a mut FlushNumbers,
    /// Files that may be in place.
    written: Vec<BlockName>,
    /// Why the first series that no block can hold was left out.
    skipped: Option<bongsu_block::Error>,
}

impl TenantFlush<'_> {
    /// Writes the samples that some series have in some partitions that follow each other. What is more than a block can
    /// hold is written in two halves.
    fn write(&mut self, partitions: &[Partition], series: &[u32]) -> Result<(), Error> {
        let (flush, written) = (self.numbers.take(), self.written.len());
        match self.write_files(flush, partitions, series) {
            Err(bongsu_block::Error::Full { .. }) if series.len() > 1 => {
                self.discard(written);
                let (first, second) = series.split_at(series.len() / 2);
                self.write(partitions, first)?;
                self.write(partitions, second)
            }
            outcome => Ok(outcome?),
        }
    }

    fn write_files(&mut self, flush: u64, partitions: &[Partition], series: &[u32]) -> Result<(), bongsu_block::Error> {
        let disk = Arc::clone(&self.files.0);
        let options = WriteOptions { effort: Effort::Fast, level: FLUSHED_LEVEL, disk, ..WriteOptions::default() };
        let create = |partition: &Partition| {
            let name = BlockName { partition: *partition, first_flush: flush, last_flush: flush, resolution_secs: 0 };
            Ok((name, BlockWriter::create(&self.tenant.dir.join(name.to_string()), options.clone())?))
        };
        let mut files = partitions.iter().map(create).collect::<Result<Vec<_>, bongsu_block::Error>>()?;
        self.push_all(&mut files, series)?;
        for (name, writer) in files {
            // Before: when only the last sync fails, the file is there.
            self.written.push(name);
            writer.finish()?;
        }
        Ok(())
    }

    fn open(&self) -> Result<Vec<Arc<StoredBlock>>, Error> {
        Ok(self.written.iter().map(|name| StoredBlock::open(&self.tenant.dir, *name)).collect::<Result<_, _>>()?)
    }

    /// Deletes what was written, but for the first files: tried again, it gets other names.
    fn discard(&mut self, kept: usize) {
        for name in self.written.drain(kept..) {
            self.tenant.discard(&self.tenant.dir.join(name.to_string()));
        }
    }

    /// Decodes every series once and deals its samples out.
    fn push_all(&mut self, files: &mut [(BlockName, BlockWriter)], series: &[u32]) -> Result<(), bongsu_block::Error> {
        let start_ms = files.iter().map(|(name, _)| name.partition.start_ms()).min().unwrap_or(i64::MAX);
        let end_ms = files.iter().map(|(name, _)| name.partition.end_ms()).max().unwrap_or(i64::MIN);
        let (mut all, mut part) = (SampleBuffer::default(), SampleBuffer::default());
        let chunks = self.frozen.memory.chunks.read();
        for number in series {
            let chunk = &chunks[*number as usize];
            if !chunk.overlaps(start_ms, end_ms) {
                continue;
            }
            all.clear();
            chunk.view().read(start_ms, end_ms, &mut all);
            let labels = span::labels(self.frozen.spans.get(*number));
            for (name, writer) in &mut *files {
                let (start_ms, end_ms) = (name.partition.start_ms(), name.partition.end_ms());
                part.clear();
                part.extend_between(&all, start_ms, end_ms);
                match writer.push(&labels, &part) {
                    Err(error @ bongsu_block::Error::Input { .. }) => _ = self.skipped.get_or_insert(error),
                    outcome => outcome?,
                }
            }
        }
        Ok(())
    }
}

/// The partitions that samples lie in, found from the ends of chunks where that is enough.
fn partitions(frozen: &Frozen, now_ms: i64) -> BTreeSet<Partition> {
    let at = |time_ms| Partition::for_flush(time_ms, now_ms);
    let mut found = BTreeSet::new();
    let mut last = None;
    for chunk in frozen.memory.chunks.read().iter().filter(|chunk| !chunk.is_empty()) {
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
