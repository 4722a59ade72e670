//! The thread that writes groups.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::log::{Group, Seat, Shared, State, SyncPolicy};
use crate::segment::{ActiveSegment, SegmentHeader};

/// A group's memory is kept for the next one up to this size.
const SPARE_BYTES_MAX: usize = 8 << 20;

/// Writes groups until the log is closed and nothing is left to write.
pub(crate) fn run(shared: &Shared) {
    let mut committer = Committer { shared, synced_at: Instant::now() };
    loop {
        match committer.next_task() {
            Task::Write(active, group) => committer.commit(active, group),
            Task::Sync(active) => committer.sync(active),
            Task::Stop => return,
        }
    }
}

/// What to do next, with the active segment that it needs.
enum Task {
    Write(ActiveSegment, Group),
    Sync(ActiveSegment),
    Stop,
}

struct Committer<'a> {
    shared: &'a Shared,
    synced_at: Instant,
}

impl Committer<'_> {
    /// Waits until there is something to do. Groups come first; what is written and not synced waits for its time, or for
    /// the log to be closed.
    fn next_task(&self) -> Task {
        let mut state = self.shared.state.lock();
        loop {
            if let Seat::Ready(active) = std::mem::replace(&mut state.seat, Seat::Busy) {
                if let Some(group) = state.groups.pop_front() {
                    return Task::Write(active, group);
                }
                let dirty = active.dirty;
                if dirty && (state.stopping || self.is_sync_due()) {
                    return Task::Sync(active);
                }
                state.seat = Seat::Ready(active);
                if dirty && !state.stopping {
                    self.shared.work.wait_until(&mut state, self.synced_at + self.sync_interval());
                    continue;
                }
            } else {
                state.seat = Seat::Broken;
            }
            if state.stopping {
                return Task::Stop;
            }
            self.shared.work.wait(&mut state);
        }
    }

    fn sync_interval(&self) -> Duration {
        match self.shared.options.sync {
            SyncPolicy::Always => Duration::ZERO,
            SyncPolicy::Every { interval_ms } => Duration::from_millis(interval_ms),
        }
    }

    fn is_sync_due(&self) -> bool {
        self.synced_at.elapsed() >= self.sync_interval()
    }

    fn sync(&mut self, mut active: ActiveSegment) {
        let result = active.sync();
        self.synced_at = Instant::now();
        let mut state = self.shared.state.lock();
        match result {
            Ok(()) => {
                state.stats.syncs += 1;
                state.seat = Seat::Ready(active);
            }
            Err(error) => {
                state.fail(&error);
                // What was buffered is gone: those who wait for room are told why.
                self.shared.space.notify_all();
            }
        }
    }

    /// Writes one group and tells those who wait for it.
    fn commit(&mut self, active: ActiveSegment, mut group: Group) {
        let mut attempt = Attempt { active, fresh: false, synced: false };
        let result = self.write(&mut attempt, &group);
        if attempt.synced {
            self.synced_at = Instant::now();
        }
        {
            let mut state = self.shared.state.lock();
            state.buffered_bytes -= group.bytes.len();
            match &result {
                Ok(()) => state.finish(attempt),
                Err(error) => {
                    state.abandon(attempt, self.shared);
                    state.fail(error);
                }
            }
            if state.spare.capacity() == 0 && group.bytes.capacity() <= SPARE_BYTES_MAX {
                group.bytes.clear();
                state.spare = group.bytes;
            }
        }
        self.shared.space.notify_all();
        group.ticket.complete(result);
    }

    fn write(&self, attempt: &mut Attempt, group: &Group) -> Result<(), Error> {
        let options = &self.shared.options;
        let full = attempt.active.file_bytes() >= options.segment_bytes_max;
        if (full || group.rotates) && !attempt.active.is_empty() {
            if attempt.active.dirty {
                attempt.active.sync()?;
            }
            let header = SegmentHeader { start: group.start, previous_end: attempt.active.end };
            attempt.active = ActiveSegment::create(options.disk.as_ref(), &self.shared.dir, header)?;
            attempt.fresh = true;
        }
        if group.bytes.is_empty() {
            return Ok(());
        }
        attempt.active.write(&group.bytes)?;
        if self.is_sync_due() {
            attempt.active.sync()?;
            attempt.synced = true;
        }
        Ok(())
    }
}

/// The way of one group to the disk.
struct Attempt {
    active: ActiveSegment,
    /// Whether `active` was created for this group.
    fresh: bool,
    synced: bool,
}

impl State {
    /// Shows a written group to readers and puts its segment back.
    fn finish(&mut self, attempt: Attempt) {
        if attempt.fresh {
            self.show_segment(&attempt.active);
        }
        self.committed = attempt.active.end;
        if let Some(last) = self.segments.last_mut() {
            last.end = attempt.active.end;
        }
        self.stats.groups += 1;
        self.stats.syncs += u64::from(attempt.synced);
        self.seat = Seat::Ready(attempt.active);
    }

    /// Leaves the segment of a failed group behind, with the records that readers were shown before.
    fn abandon(&mut self, attempt: Attempt, shared: &Shared) {
        let readable_end = if attempt.fresh { attempt.active.start } else { self.committed };
        if !attempt.fresh && readable_end == attempt.active.start {
            self.segments.pop();
        }
        attempt.active.abandon(shared.options.disk.as_ref(), readable_end);
    }

    /// Marks the log as broken and fails all groups that wait.
    fn fail(&mut self, error: &Error) {
        self.stats.failures += 1;
        self.seat = Seat::Broken;
        for waiting in self.groups.drain(..) {
            self.buffered_bytes -= waiting.bytes.len();
            waiting.ticket.complete(Err(error.clone()));
        }
    }
}
