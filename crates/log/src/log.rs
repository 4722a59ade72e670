//! The log itself: appending, rotating, truncating.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bongsu_disk::{Disk, OsDisk};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::Position;
use crate::commit::{Commit, Ticket};
use crate::committer;
use crate::error::{Error, ErrorKind};
use crate::reader::Reader;
use crate::record::RecordHeader;
use crate::recovery::{self, Recovery};
use crate::segment::{ActiveSegment, Segment, SegmentHeader};

/// When appends count as committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After `fdatasync`: an acknowledged record survives a power cut.
    Always,
    /// After the write: an acknowledged record survives the end of the process, and a power cut when it is older than
    /// about this many milliseconds.
    Every {
        /// The longest time between a write and its sync.
        interval_ms: u64,
    },
}

/// Bounds of a log and where it writes.
#[derive(Clone)]
pub struct Options {
    /// A segment that has reached this size is followed by a new one; it may end up larger by one group.
    pub segment_bytes_max: u64,
    /// The largest payload of one record.
    pub record_bytes_max: usize,
    /// The most bytes that wait for the disk; [`Log::append`] blocks beyond.
    pub buffered_bytes_max: usize,
    /// When appends count as committed.
    pub sync: SyncPolicy,
    /// The file system.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 128 << 20,
            record_bytes_max: 64 << 20,
            buffered_bytes_max: 64 << 20,
            sync: SyncPolicy::Always,
            disk: Arc::new(OsDisk),
        }
    }
}

/// A time in which every record that was appended is written, or still waits for that. After a failed write another one
/// begins: a record may then be there without those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Era(u64);

/// Counters since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken in.
    pub appends: u64,
    /// Their bytes, headers included.
    pub appended_bytes: u64,
    /// Groups written: each is one write, and one sync with [`SyncPolicy::Always`].
    pub groups: u64,
    /// Syncs of record data.
    pub syncs: u64,
    /// Failed writes, syncs and segment creations.
    pub failures: u64,
}

/// An open log. It is closed by dropping it: what was appended is written and synced first.
pub struct Log {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    /// Keeps other processes out of the directory.
    _lock: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("dir", &self.shared.dir).finish_non_exhaustive()
    }
}

/// What the handle, the committer thread and readers share.
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub options: Options,
    pub state: Mutex<State>,
    /// There is something for the committer to do.
    pub work: Condvar,
    /// Buffered bytes became fewer.
    pub space: Condvar,
}

pub(crate) struct State {
    /// Groups that wait for the committer; appends go to the last one.
    pub groups: VecDeque<Group>,
    /// Bytes of all groups, the one being written included.
    pub buffered_bytes: usize,
    /// Where the next record goes.
    pub end: Position,
    /// Where the records end that were written without an error.
    pub committed: Position,
    /// All segments, oldest first; the last one is the active one, unless the log is broken.
    pub segments: Vec<Segment>,
    pub seat: Seat,
    pub stopping: bool,
    /// Deleted segments may come back after a power cut.
    pub has_unsynced_removals: bool,
    /// The memory of a written group, to be used again.
    pub spare: Vec<u8>,
    pub stats: Stats,
}

/// Where the active segment is.
pub(crate) enum Seat {
    Ready(ActiveSegment),
    /// With the committer.
    Busy,
    /// Something failed: the next append begins a fresh segment. After a failed sync the kernel may have thrown away
    /// what it could not write, so nothing is ever appended to that file again.
    Broken,
}

/// Records that are written together.
pub(crate) struct Group {
    pub start: Position,
    pub bytes: Vec<u8>,
    pub ticket: Arc<Ticket>,
    /// Whether a new segment begins with this group.
    pub rotates: bool,
}

impl Log {
    /// Opens the log in a directory, or creates it. Every intact record is handed to `replay`, in order. A torn tail is
    /// cut, damaged stretches are skipped, and both are told in the [`Recovery`]; they are never an error.
    ///
    /// # Errors
    /// When another process has the directory, when files cannot be read or created (but for want of space: then appends
    /// fail until there is some), and when a segment is whole and of another version.
    pub fn open(
        dir: &Path,
        options: Options,
        replay: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(Self, Recovery), Error> {
        let disk = options.disk.as_ref();
        disk.create_dir_all(dir).map_err(|source| Error::io("create log directory", dir, &source))?;
        let lock_path = dir.join("lock");
        let lock = disk.lock(&lock_path).map_err(|source| Error::io("lock", &lock_path, &source))?;
        let lock = lock.ok_or_else(|| Error::locked(&lock_path))?;
        let recovered = recovery::recover(disk, dir, replay)?;
        let mut state = State {
            groups: VecDeque::new(),
            buffered_bytes: 0,
            end: recovered.end,
            committed: recovered.end,
            segments: recovered.segments,
            seat: Seat::Broken,
            stopping: false,
            has_unsynced_removals: false,
            spare: Vec::new(),
            stats: Stats::default(),
        };
        match state.begin_segment(disk, dir) {
            // What there is can be read; appends try again.
            Err(error) if error.kind == ErrorKind::DiskFull => {}
            begun => {
                begun?;
                let active = state.segments.last().map(|segment| Arc::clone(&segment.path));
                for path in recovered.empty.iter().filter(|path| Some(*path) != active.as_ref()) {
                    // One that stays is found again by the next start.
                    let _ = disk.remove(path);
                }
            }
        }
        let (work, space) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { dir: dir.to_owned(), options, state: Mutex::new(state), work, space });
        let committer = std::thread::Builder::new()
            .name("log-committer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || committer::run(&shared)
            })
            .map_err(|source| Error::io("start the committer thread for", dir, &source))?;
        Ok((Self { shared, committer: Some(committer), _lock: lock }, recovered.recovery))
    }

    /// Appends one record made of the parts. Returns at once, or blocks while [`Options::buffered_bytes_max`] is reached.
    /// The position is that of the record's start.
    ///
    /// # Errors
    /// When the record is too large, or when the log is broken and a fresh segment could not be created either. Errors of
    /// the write itself come from the [`Commit`].
    pub fn append(&self, parts: &[&[u8]]) -> Result<(Position, Commit), Error> {
        let record = self.measure(parts)?;
        let state = self.shared.state_with_space_for(record.bytes())?;
        Ok(self.push(state, &record, parts))
    }

    /// Appends, as [`append`](Self::append) does, a record that makes no sense without those before it: only while the log
    /// is in an era. `None` when it is in a later one, and then nothing is appended.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_in(&self, era: Era, parts: &[&[u8]]) -> Result<Option<(Position, Commit)>, Error> {
        let record = self.measure(parts)?;
        let state = self.shared.state_with_space_for(record.bytes())?;
        Ok((state.era() == era).then(|| self.push(state, &record, parts)))
    }

    /// The era that the log is in.
    #[must_use]
    pub fn era(&self) -> Era {
        self.shared.state.lock().era()
    }

    /// Puts a record into the group that is written next.
    fn push(&self, mut state: MutexGuard<'_, State>, record: &RecordHeader, parts: &[&[u8]]) -> (Position, Commit) {
        let position = state.end;
        let group = state.last_group();
        group.bytes.extend_from_slice(&record.encode(position));
        parts.iter().for_each(|part| group.bytes.extend_from_slice(part));
        let commit = Commit::new(Arc::clone(&group.ticket));
        state.end.0 += record.bytes() as u64;
        state.buffered_bytes += record.bytes();
        state.stats.appends += 1;
        state.stats.appended_bytes += record.bytes() as u64;
        drop(state);
        self.shared.work.notify_one();
        (position, commit)
    }

    fn measure(&self, parts: &[&[u8]]) -> Result<RecordHeader, Error> {
        let payload_bytes: usize = parts.iter().map(|part| part.len()).sum();
        let bytes_max = self.shared.options.record_bytes_max.min(u32::MAX as usize);
        if payload_bytes > bytes_max {
            return Err(Error::too_large(payload_bytes, bytes_max));
        }
        let payload_crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        Ok(RecordHeader { payload_bytes: payload_bytes as u32, payload_crc })
    }

    /// Where the next record goes.
    #[must_use]
    pub fn end(&self) -> Position {
        self.shared.state.lock().end
    }

    /// Where the log begins: the start of its oldest segment.
    #[must_use]
    pub fn start(&self) -> Position {
        let state = self.shared.state.lock();
        state.segments.first().map_or(state.end, |segment| segment.start)
    }

    /// Where the segments begin, oldest first: the positions at which [`Log::truncate_to`] can cut.
    #[must_use]
    pub fn segment_starts(&self) -> Vec<Position> {
        self.shared.state.lock().segments.iter().map(|segment| segment.start).collect()
    }

    /// Begins a new segment and returns its start: records appended before this call end there, later ones begin there or
    /// behind. Waits for the disk.
    ///
    /// # Errors
    /// When the new segment cannot be created.
    pub fn rotate(&self) -> Result<Position, Error> {
        let (start, commit) = {
            let mut state = self.shared.state_with_space_for(0)?;
            let group = state.push_group(true);
            (group.start, Commit::new(Arc::clone(&group.ticket)))
        };
        self.shared.work.notify_one();
        commit.wait()?;
        Ok(start)
    }

    /// Deletes the segments that end at or before `position`, but never the newest one.
    ///
    /// # Errors
    /// When a file cannot be deleted; those before it are.
    pub fn truncate_to(&self, position: Position) -> Result<(), Error> {
        let doomed: Vec<Segment> = {
            let state = self.shared.state.lock();
            let older = state.segments.len().saturating_sub(1);
            state.segments[..older].iter().take_while(|segment| segment.end <= position).cloned().collect()
        };
        for segment in &doomed {
            match self.shared.options.disk.remove(&segment.path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("delete log segment", &segment.path, &source));
                }
                _ => self.shared.state.lock().segments.retain(|other| other.start != segment.start),
            }
            self.shared.state.lock().has_unsynced_removals = true;
            // Before the next one goes: after a power cut no older segment may be back without those behind it.
            self.sync_removals()?;
        }
        // What an earlier call could not sync.
        self.sync_removals()
    }

    fn sync_removals(&self) -> Result<(), Error> {
        if !self.shared.state.lock().has_unsynced_removals {
            return Ok(());
        }
        let synced = self.shared.options.disk.sync_dir(&self.shared.dir);
        synced.map_err(|source| Error::io("sync log directory", &self.shared.dir, &source))?;
        self.shared.state.lock().has_unsynced_removals = false;
        Ok(())
    }

    /// A reader of committed records from `position` on, also of those that are appended later. A position before the
    /// oldest record stands for that one.
    #[must_use]
    pub fn read_from(&self, position: Position) -> Reader {
        Reader::new(Arc::clone(&self.shared), position)
    }

    /// The bytes of all segment files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.state.lock().segments.iter().map(Segment::file_bytes).sum()
    }

    /// Counters since the log was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.state.lock().stats
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.work.notify_one();
        if let Some(committer) = self.committer.take() {
            // A panic there has been printed already.
            let _ = committer.join();
        }
    }
}

impl Shared {
    /// The state of a healthy log with room for `bytes` more.
    fn state_with_space_for(&self, bytes: usize) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state.lock();
        loop {
            if state.stopping {
                return Err(Error::closed());
            }
            if matches!(state.seat, Seat::Broken) {
                state.begin_segment(self.options.disk.as_ref(), &self.dir)?;
            }
            if state.buffered_bytes == 0 || state.buffered_bytes + bytes <= self.options.buffered_bytes_max {
                return Ok(state);
            }
            self.space.wait(&mut state);
        }
    }
}

impl State {
    fn era(&self) -> Era {
        Era(self.stats.failures)
    }

    /// Puts a fresh segment in place of a broken one.
    fn begin_segment(&mut self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        let previous_end = self.segments.last().map_or(self.end, |segment| segment.end);
        let header = SegmentHeader { start: self.end, previous_end };
        let active = ActiveSegment::create(disk, dir, header).inspect_err(|_| self.stats.failures += 1)?;
        self.show_segment(&active);
        self.seat = Seat::Ready(active);
        Ok(())
    }

    /// Makes a fresh segment known to readers.
    pub fn show_segment(&mut self, active: &ActiveSegment) {
        self.committed = active.start;
        self.segments.push(Segment { start: active.start, end: active.end, path: active.path().into() });
    }

    /// The group that appends go to.
    fn last_group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            return self.push_group(false);
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn push_group(&mut self, rotates: bool) -> &mut Group {
        let bytes = std::mem::take(&mut self.spare);
        self.groups.push_back(Group { start: self.end, bytes, ticket: Arc::default(), rotates });
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }
}
