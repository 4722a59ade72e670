//! The queue on disk, and how far each shard has come.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_log::{Log, Position, Reader, Recovery, SyncPolicy};
use bongsu_model::Clock;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::cursor::CursorFile;
use crate::error::Error;
use crate::record::{EncodedRecord, Record};
use crate::stats::Counters;

/// The longest time that records and cursor stay unsynced.
const SYNC_INTERVAL_MS: u64 = 1000;

/// What senders and the sink share.
pub(crate) struct Queue {
    pub log: Log,
    pub clock: Arc<dyn Clock>,
    pub counters: Counters,
    bytes_max: u64,
    state: Mutex<State>,
    /// Something was appended, the clock may have moved, or the queue is stopping.
    wake: Condvar,
    cursor: Mutex<CursorFile>,
}

struct State {
    stopping: bool,
    /// Grows with everything that a waiting sender should look at.
    epoch: u64,
    shards: Vec<Progress>,
    /// Whether a shard has moved since its position was kept.
    is_unsaved: bool,
    saved_at_ms: i64,
}

/// How far a shard has come.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Records before this one are dealt with: here a restart goes on.
    settled: Position,
    /// Records before this one are with the sender, or were dropped because the queue was full.
    taken: Position,
}

/// A moment to wait for. A wall clock that is set back cannot make the wait longer than it was meant to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    due_ms: i64,
    length_ms: i64,
}

impl Deadline {
    pub fn new(now_ms: i64, length_ms: i64) -> Self {
        Self { due_ms: now_ms.saturating_add(length_ms), length_ms }
    }

    /// The milliseconds that are left; 0 when it is over.
    pub fn left_ms(&mut self, now_ms: i64) -> u64 {
        if self.due_ms.saturating_sub(now_ms) > self.length_ms {
            *self = Self::new(now_ms, self.length_ms);
        }
        u64::try_from(self.due_ms.saturating_sub(now_ms)).unwrap_or(0)
    }
}

impl Queue {
    pub fn open(dir: &Path, shards: u16, bytes_max: u64, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let cursor = CursorFile::new(dir);
        let mut positions = cursor.load(usize::from(shards))?;
        let mut pending = 0;
        let options = bongsu_log::Options {
            // Whole segments are dropped when the queue is full: an eighth is little enough.
            segment_bytes_max: (bytes_max / 8).clamp(64 << 10, 16 << 20),
            sync: SyncPolicy::Every { interval_ms: SYNC_INTERVAL_MS },
            ..bongsu_log::Options::default()
        };
        let (log, recovery) = Log::open(&dir.join("log"), options, &mut |position, payload| {
            if let Some(Record { header, .. }) = Record::decode(payload) {
                let is_pending = position >= positions[usize::from(header.shard % shards)];
                pending += if is_pending { u64::from(header.samples) } else { 0 };
            }
        })?;
        report(&recovery);
        // After a power cut the cursor may be ahead of what is left of the log. The corrected place is kept at once: new
        // records take the positions that were lost, and a stale cursor would skip them.
        if positions.iter().any(|position| *position > log.end()) {
            positions.iter_mut().for_each(|position| *position = log.end().min(*position));
            cursor.save(&positions)?;
        }
        let counters = Counters::default();
        counters.samples_pending.store(pending, Ordering::Relaxed);
        let shards = positions.into_iter().map(|settled| Progress { settled, taken: settled }).collect();
        let state = State { stopping: false, epoch: 0, shards, is_unsaved: false, saved_at_ms: clock.now_ms() };
        let (state, cursor) = (Mutex::new(state), Mutex::new(cursor));
        Ok(Self { log, clock, counters, bytes_max, state, wake: Condvar::new(), cursor })
    }

    /// Appends records and returns when they are written. On an error some of them may be in.
    pub fn append(&self, records: &[EncodedRecord]) -> Result<(), bongsu_log::Error> {
        // Pending before they are written, because the sender may be faster than this thread.
        let samples: u64 = records.iter().map(|record| u64::from(record.header.samples)).sum();
        self.counters.samples_pending.fetch_add(samples, Ordering::Relaxed);
        let mut outcome = Ok(());
        let mut commits = Vec::with_capacity(records.len());
        for record in records {
            match self.log.append(&[&record.header.encode(), &record.body]) {
                Ok((_, commit)) => commits.push((commit, record.header)),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        let mut written = 0;
        for (commit, header) in commits {
            match commit.wait() {
                Ok(()) => {
                    written += u64::from(header.samples);
                    self.counters.newest_appended_ms.fetch_max(header.newest_ms, Ordering::Relaxed);
                }
                Err(error) => outcome = Err(error),
            }
        }
        self.counters.samples_appended.fetch_add(written, Ordering::Relaxed);
        self.counters.samples_pending.fetch_sub(samples - written, Ordering::Relaxed);
        self.drop_oldest();
        self.wake_up();
        outcome
    }

    /// Drops the oldest segments while the queue is larger than it may be.
    fn drop_oldest(&self) {
        if self.log.size_bytes() <= self.bytes_max {
            return;
        }
        let mut state = self.state.lock();
        while self.log.size_bytes() > self.bytes_max {
            let [first, second, ..] = self.log.segment_starts()[..] else { return };
            let samples = state.count_untaken(self.log.read_from(first), second);
            state.shards.iter_mut().for_each(|shard| shard.taken = shard.taken.max(second));
            self.counters.settle(&self.counters.samples_dropped_full, samples);
            if samples > 0 {
                tracing::warn!(samples, bytes_max = self.bytes_max, "queue is full: its oldest samples are dropped");
            }
            if let Err(error) = self.log.truncate_to(second) {
                tracing::warn!(%error, "queue is full and cannot be shortened");
                return;
            }
        }
    }

    /// Makes waiting senders look at clock and queue again.
    pub fn wake_up(&self) {
        self.state.lock().epoch += 1;
        self.wake.notify_all();
    }

    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_all();
    }

    pub fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// To be handed to [`Queue::wait`]: what happens after this call ends the wait.
    pub fn epoch(&self) -> u64 {
        self.state.lock().epoch
    }

    /// Waits for something new since `epoch`, or for the deadline. False: the queue is stopping.
    pub fn wait(&self, epoch: u64, mut deadline: Option<Deadline>) -> bool {
        let mut state = self.state.lock();
        while !state.stopping && state.epoch == epoch && self.wait_once(&mut state, deadline.as_mut()) {}
        !state.stopping
    }

    /// Waits for the deadline, whatever else happens. False: the queue is stopping.
    pub fn sleep(&self, mut deadline: Deadline) -> bool {
        let mut state = self.state.lock();
        while !state.stopping && self.wait_once(&mut state, Some(&mut deadline)) {}
        !state.stopping
    }

    /// False when the deadline is over.
    fn wait_once(&self, state: &mut MutexGuard<'_, State>, deadline: Option<&mut Deadline>) -> bool {
        let Some(deadline) = deadline else {
            self.wake.wait(state);
            return true;
        };
        let left_ms = deadline.left_ms(self.clock.now_ms());
        if left_ms > 0 {
            self.wake.wait_for(state, Duration::from_millis(left_ms));
        }
        left_ms > 0
    }

    /// Where a shard's sender goes on reading.
    pub fn taken(&self, shard: usize) -> Position {
        self.state.lock().shards[shard].taken
    }

    /// Hands a record to a shard's sender. False when it was dropped in the meantime because the queue was full.
    pub fn take(&self, shard: usize, start: Position, next: Position) -> bool {
        let progress = &mut self.state.lock().shards[shard];
        let is_there = start >= progress.taken;
        progress.taken = progress.taken.max(next);
        is_there
    }

    /// A shard is done with all its records before `position`: moves the cursor, and once a second keeps it. The answer
    /// is when to call again, if nothing happens until then, so that the cursor is kept.
    pub fn settle(&self, shard: usize, position: Position) -> Option<Deadline> {
        let now_ms = self.clock.now_ms();
        {
            let mut state = self.state.lock();
            let settled = &mut state.shards[shard].settled;
            let has_moved = position > *settled;
            *settled = position.max(*settled);
            state.is_unsaved |= has_moved;
            if !state.is_unsaved {
                return None;
            }
            let since_ms = now_ms.abs_diff(state.saved_at_ms);
            if since_ms < SYNC_INTERVAL_MS {
                return Some(Deadline::new(now_ms, (SYNC_INTERVAL_MS - since_ms).cast_signed()));
            }
            (state.is_unsaved, state.saved_at_ms) = (false, now_ms);
        }
        if let Err(error) = self.save_cursor() {
            tracing::warn!(%error, "samples will be sent again after a restart");
        }
        None
    }

    /// Keeps the cursor and deletes the segments that are dealt with.
    pub fn save_cursor(&self) -> Result<(), Error> {
        let cursor = self.cursor.lock();
        let positions: Vec<Position> = self.state.lock().shards.iter().map(|shard| shard.settled).collect();
        cursor.save(&positions)?;
        if let Some(first) = positions.into_iter().min() {
            self.log.truncate_to(first)?;
        }
        Ok(())
    }
}

impl State {
    /// The samples of records before `end` that no sender has taken.
    fn count_untaken(&self, mut reader: Reader, end: Position) -> u64 {
        let mut samples = 0;
        // An unreadable record is lost either way; the sender counts it.
        while let Ok(Some(entry)) = reader.read() {
            if entry.position >= end {
                break;
            }
            let Some(Record { header, .. }) = Record::decode(entry.payload) else { continue };
            if entry.position >= self.shards[usize::from(header.shard) % self.shards.len()].taken {
                samples += u64::from(header.samples);
            }
        }
        samples
    }
}

fn report(recovery: &Recovery) {
    for dropped in &recovery.dropped {
        let segment = dropped.segment.display();
        tracing::warn!(%segment, offset = dropped.offset_bytes, bytes = dropped.bytes, reason = dropped.reason, "queue is damaged");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_model::ManualClock;

    #[test]
    fn a_cursor_ahead_of_the_log_is_corrected_on_disk_too() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Queue::open(dir.path(), 1, 1 << 20, Arc::new(ManualClock::new(0))).unwrap();
        drop(open());
        // As after a power cut: the cursor reached the disk, the records before it did not.
        CursorFile::new(dir.path()).save(&[Position(1000)]).unwrap();
        let end = open().log.end();
        assert_eq!(CursorFile::new(dir.path()).load(1).unwrap(), [end]);
    }
}
