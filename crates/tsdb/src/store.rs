//! The store: one log, the tenants, and what happens to them over time.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use bongsu_log::{Commit, Log, Position, Recovery};
use bongsu_model::TenantId;
use parking_lot::{Mutex, RwLock};

use crate::batch::{Batch, TimeBounds};
use crate::departure::Departure;
use crate::entry::Entry;
use crate::error::{Error, Rejected, Rejections, WriteError, WriteErrorKind};
use crate::files::Files;
use crate::flush::FlushNumbers;
use crate::merge::blocks_met_max;
use crate::options::{Limits, Options};
use crate::pace::Rests;
use crate::progress::CurrentMerge;
use crate::reader::Reader;
use crate::record::Protocol;
use crate::replay::{self, Replayed};
use crate::retention::{Expiry, Policies};
use crate::snapshot;
use crate::stats::{Counters, Stats};
use crate::tenant::{Applied, Tenant};
use crate::tenants::Tenants;
use crate::tier::Tier;

/// After a failed flush the next one waits this long.
const FLUSH_RETRY_MS: i64 = 10_000;
/// Writes are refused while memory or log are beyond their flush bounds by this factor.
const OVERFULL_FACTOR: u64 = 4;

/// The store of all tenants. Methods take `&self` and may be called from any thread; clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) files: Files,
    /// How long what is kept.
    pub(crate) policies: Policies,
    pub(crate) log: Log,
    pub(crate) tenants: Tenants,
    /// Held shared from the log to the head, and alone for the moment in which log and heads are cut at the same place.
    pub(crate) gate: RwLock<()>,
    /// One flush at a time.
    pub(crate) flushing: Mutex<FlushNumbers>,
    /// One merge at a time.
    pub(crate) merging: Mutex<()>,
    pub(crate) current_merge: CurrentMerge,
    pub(crate) rests: Rests,
    /// Held while blocks leave, by retention or for a merged one, but not while the merged one is written.
    pub(crate) leaving: Mutex<()>,
    /// Held while a list of tombstones changes.
    pub(crate) deleting: Mutex<()>,
    /// Deletions of tenants that are not done.
    pub(crate) departures: Mutex<Vec<Departure>>,
    /// Held by the one who finishes them.
    pub(crate) departing: Mutex<()>,
    /// No merge goes on.
    pub(crate) merges_stopped: AtomicBool,
    pub(crate) counters: Counters,
    /// The bucket, if there is one.
    pub(crate) tier: Option<Arc<Tier>>,
    /// Where the last flush cut the log.
    pub(crate) log_cut: AtomicU64,
    /// Flushes do not keep up: memory or log are far beyond their bounds.
    overfull: AtomicBool,
    /// Why the last flush failed, if it did.
    flush_failure: Mutex<Option<String>>,
    /// No flush before this time, after one has failed.
    flush_not_before_ms: AtomicI64,
}

/// What was found when a store was opened.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// What the log read, and what it had to leave out.
    pub log: Recovery,
    /// Samples of both kinds read from the log.
    pub replayed_samples: u64,
    /// Intact records of the log that make no sense. The first messages are in `damaged`.
    pub unusable_records: u64,
    /// Damaged files and records, for people. They are left where they are and do not take part.
    pub damaged: Vec<String>,
}

/// A request that was taken in.
#[derive(Debug, Default)]
pub struct Written {
    /// Float samples taken.
    pub samples: u64,
    /// Native histograms taken.
    pub histograms: u64,
    /// Exemplars taken, those that were known already included.
    pub exemplars: u64,
    /// Exemplars not taken because their series has a newer one.
    pub out_of_order_exemplars: u64,
    /// Samples not taken because another replica of the sender is listened to.
    pub duplicates: u64,
    /// What was not taken.
    pub rejected: Option<Rejected>,
    /// Done when the request is durable; `None` when nothing of it was taken.
    pub commit: Option<Commit>,
}

impl Written {
    /// Blocks until the request is durable.
    ///
    /// # Errors
    /// When it could not be made durable: the sender should send it again.
    pub fn wait(self) -> Result<(), WriteError> {
        self.commit.map_or(Ok(()), Commit::wait).map_err(WriteError::from)
    }
}

/// What [`Store::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// The heads went to blocks.
    pub flushed: bool,
    /// Blocks that retention deleted.
    pub dropped_blocks: usize,
    /// All samples are past their time, so that the clock is more likely wrong than they are old: none is deleted for its
    /// age until newer ones come.
    pub retention_waits: bool,
}

thread_local! {
    /// The memory of the last request of this thread.
    static BATCH: RefCell<Batch> = RefCell::default();
}

impl Store {
    /// Opens the store of a directory, or creates it.
    ///
    /// Damaged blocks and log records never make this fail: they are left out and told in the report.
    ///
    /// # Errors
    /// When another process has the directory, or when files cannot be read or created.
    pub fn open(mut options: Options) -> Result<(Self, OpenReport), Error> {
        // What a block cannot hold must not come in.
        for limits in std::iter::once(&mut options.limits).chain(options.tenant_limits.values_mut()) {
            let labels_max = &mut limits.label_names_per_series_max;
            *labels_max = (*labels_max).min(bongsu_block::LABELS_MAX);
        }
        options.log.disk = Arc::clone(&options.disk);
        let files = Files(Arc::clone(&options.disk));
        files.create_dir_all(&options.dir.join("log"))?;
        let tenants = Tenants::new(files.clone(), options.dir.join("tenants"));
        let Replayed { log, departures, mut report, mut last_flush } = replay::open_log(&options, &files, &tenants)?;
        last_flush = last_flush.max(tenants.open_all(&options, &mut report.damaged)?);
        snapshot::sweep(&files, &options.dir)?;
        let flushing = FlushNumbers::new(last_flush.map_or(0, |flush| flush + 1));
        let log_cut = AtomicU64::new(log.start().0);
        let tier = options.bucket.clone().map(|bucket| Arc::new(Tier::new(bucket, &options.dir, &files)));
        let inner = Inner {
            policies: Policies::of(&options),
            options,
            files,
            log,
            tenants,
            gate: RwLock::new(()),
            flushing: Mutex::new(flushing),
            merging: Mutex::new(()),
            current_merge: CurrentMerge::default(),
            rests: Rests::default(),
            leaving: Mutex::new(()),
            deleting: Mutex::new(()),
            departures: Mutex::new(departures),
            departing: Mutex::new(()),
            merges_stopped: AtomicBool::new(false),
            counters: Counters::default(),
            tier,
            log_cut,
            overfull: AtomicBool::new(false),
            flush_failure: Mutex::default(),
            flush_not_before_ms: AtomicI64::new(i64::MIN),
        };
        inner.open_tier(&mut report.damaged)?.into_iter().for_each(|last| inner.flushing.lock().pass(last));
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// Takes in the body of a remote write request, snappy and all. When this returns, queries see the samples; they
    /// are durable when the commit is done. Of a partly bad request the good part is taken.
    ///
    /// # Errors
    /// When nothing of the request was taken; the kind tells the sender what to do.
    pub fn write(&self, tenant: &TenantId, protocol: Protocol, body: &[u8]) -> Result<Written, WriteError> {
        BATCH.with_borrow_mut(|batch| self.inner.write(tenant, protocol, body, batch))
    }

    /// The series of one tenant; a tenant that is not known has none.
    #[must_use]
    pub fn reader(&self, tenant: &TenantId) -> Reader {
        Reader::new(Arc::clone(&self.inner), tenant.clone())
    }

    /// Writes everything in memory to blocks and truncates the log.
    ///
    /// # Errors
    /// When files cannot be written; everything stays in memory and in the log, and the next flush goes on.
    pub fn flush(&self) -> Result<(), Error> {
        self.inner.flush()
    }

    /// Merges until nothing is left to merge, as fast as can be. Returns how many merges were done.
    ///
    /// # Errors
    /// When a block cannot be read or written; the blocks stay as they were.
    pub fn merge(&self) -> Result<usize, Error> {
        let _hurry = self.inner.rests.hurry();
        let mut count = 0;
        while self.merge_once()? {
            count += 1;
        }
        Ok(count)
    }

    /// Does one merge, if there is one to do; returns whether it did, and then there may be more. For a thread of its own:
    /// a large merge takes minutes.
    ///
    /// # Errors
    /// When a block cannot be read or written; the blocks stay as they were, and others are merged first.
    pub fn merge_once(&self) -> Result<bool, Error> {
        self.inner.merge_one()
    }

    /// Gives up the merge under way, and what is on its way to the bucket, for good: the process ends. The blocks stay as they
    /// were.
    pub fn stop_merges(&self) {
        self.inner.merges_stopped.store(true, Ordering::Relaxed);
        if let Some(tier) = &self.inner.tier {
            tier.stop();
        }
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.options.dir
    }

    /// Deletes blocks past their time or beyond the size. Returns how many.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub fn enforce_retention(&self) -> Result<usize, Error> {
        self.inner.enforce_retention()
    }

    /// One step of what keeps memory and disk within their bounds: retention, and a flush when it is due. For a thread of
    /// its own, about every second. Merges are apart: see [`merge_once`](Self::merge_once).
    ///
    /// # Errors
    /// When a part failed; the other one is done nevertheless, nothing is lost, and it is tried again later.
    pub fn maintain(&self) -> Result<Maintained, Error> {
        let dropped_blocks = self.inner.enforce_retention();
        let trimmed = self.inner.trim_cache();
        let flushed = self.inner.flush_if_due()?;
        self.inner.finish_departures()?;
        let retention_waits = self.inner.all_are_past_their_time();
        trimmed?;
        Ok(Maintained { flushed, dropped_blocks: dropped_blocks?, retention_waits })
    }

    /// Counts since the store was opened, and what it holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// All tenants that have written something.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.inner.tenants.all().iter().map(|tenant| tenant.id.clone()).collect()
    }

    /// Flushes, so that the next start is quick, and lets go of the directory once the last clone and reader are dropped.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); the log has everything nevertheless.
    pub fn close(self) -> Result<(), Error> {
        self.inner.flush()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.options.dir).finish_non_exhaustive()
    }
}

impl Inner {
    fn write(
        &self,
        tenant: &TenantId,
        protocol: Protocol,
        body: &[u8],
        batch: &mut Batch,
    ) -> Result<Written, WriteError> {
        let limits = self.options.limits_of(tenant);
        self.check_room()?;
        let now_ms = self.options.clock.now_ms();
        let hidden = Expiry::for_readers(self.policies.get(tenant), now_ms);
        let bounds = time_bounds(limits, &hidden, now_ms);
        let mut rejections = Rejections::default();
        batch.decode(protocol, body, limits.request_decoded_bytes_max, bounds, &mut rejections)?;

        let _open = self.gate.read();
        let founding = self.tenants.get(tenant).is_none().then(|| self.tenants.founding.lock());
        let refused = |error: &WriteError| self.counters.count_refused(error);
        let (tenant, duplicates) = self.admit(tenant, batch, now_ms, &mut rejections).inspect_err(refused)?;
        self.counters.duplicates.add(duplicates);
        let mut turn = tenant.turn.lock();
        tenant.resolve(batch, Some(limits), &mut rejections);
        batch.refuse_expired(&hidden, &mut rejections);
        self.counters.count_rejected(&rejections);
        if batch.taken().next().is_none() && batch.metadata.is_empty() {
            self.counters.dropped_exemplars.add(batch.dropped_exemplars);
            return Ok(Written { duplicates, rejected: rejections.finish(), ..Written::default() });
        }
        let is_whole = rejections.is_empty() && !batch.is_changed;
        let entry =
            Entry { tenant: &tenant, received_ms: now_ms, batch, as_it_came: is_whole.then_some((protocol, body)) };
        let commit = entry.append(&self.log, &mut turn)?;
        let applied = tenant.apply(batch, now_ms, limits);
        drop(turn);
        if founding.is_some() {
            tenant.begin(Position(self.log_cut.load(Ordering::Relaxed)));
            self.tenants.insert(&tenant);
        }
        self.counters.count_applied(&applied);
        let Applied { samples, histograms, exemplars, out_of_order_exemplars, .. } = applied;
        let (rejected, commit) = (rejections.finish(), Some(commit));
        Ok(Written { samples, histograms, exemplars, out_of_order_exemplars, duplicates, rejected, commit })
    }

    /// The tenant of a request, if there is room for it and its rate allows for so many samples.
    /// Leaves out what another replica of the sender has sent, and tells how many samples these are.
    fn admit(
        &self,
        id: &TenantId,
        batch: &mut Batch,
        now_ms: i64,
        rejections: &mut Rejections,
    ) -> Result<(Arc<Tenant>, u64), WriteError> {
        let (limits, samples) = (self.options.limits_of(id), batch.samples_total());
        let tenant = self.tenants.for_write(id, &self.options, samples)?;
        let elect = |pairs| tenant.elections.lock().apply(batch, pairs, now_ms, rejections);
        let duplicates = limits.pairs.as_ref().map_or(0, elect);
        tenant.rate.lock().take(samples - duplicates, limits, now_ms)?;
        Ok((tenant, duplicates))
    }

    /// Refuses writes while flushes fail or fall far behind, rather than fill memory and disk.
    fn check_room(&self) -> Result<(), WriteError> {
        let log_bytes_max = self.options.flush_log_bytes.saturating_mul(OVERFULL_FACTOR);
        if self.overfull.load(Ordering::Relaxed) || self.log.end().0 - self.log.start().0 > log_bytes_max {
            let why = self.flush_failure.lock().clone();
            let why =
                why.map_or_else(|| "that takes longer than they come".to_owned(), |why| format!("the last try: {why}"));
            let message = format!(
                "memory or log are far beyond their bounds until samples can be written to blocks again; {why}"
            );
            return Err(WriteError::new(WriteErrorKind::Unavailable, message));
        }
        Ok(())
    }

    /// Flushes when time, log or memory ask for it, else tries again what failed. Returns whether it did.
    fn flush_if_due(&self) -> Result<bool, Error> {
        let now_ms = self.options.clock.now_ms();
        let due = self.flush_due(now_ms);
        let not_before_ms = self.flush_not_before_ms.load(Ordering::Relaxed);
        // A clock that was set back must not put a flush off for long.
        let is_put_off = now_ms < not_before_ms && now_ms.saturating_add(FLUSH_RETRY_MS) >= not_before_ms;
        if is_put_off || due == FlushDue::Nothing {
            return Ok(false);
        }
        let outcome = if due == FlushDue::All { self.flush() } else { self.retry_flush() };
        self.flush_due(now_ms);
        *self.flush_failure.lock() = outcome.as_ref().err().map(ToString::to_string);
        outcome.inspect_err(|_| {
            self.counters.flush_failures.add(1);
            self.flush_not_before_ms.store(now_ms.saturating_add(FLUSH_RETRY_MS), Ordering::Relaxed);
        })?;
        Ok(true)
    }

    /// What asks to be flushed. The head of a tenant whose last flush failed does not: it has to wait for that one.
    fn flush_due(&self, now_ms: i64) -> FlushDue {
        let (mut fresh_bytes, mut all_bytes, mut has_pending, mut is_old) = (0, 0, false, false);
        for tenant in self.tenants.all() {
            let state = tenant.state.read();
            let head_bytes = state.head.bytes as u64;
            all_bytes += head_bytes + state.frozen.as_ref().map_or(0, |frozen| frozen.bytes as u64);
            if state.pending_from.is_some() {
                has_pending = true;
                continue;
            }
            fresh_bytes += head_bytes;
            let age_ms = state.head.since_ms.map(|since_ms| now_ms.saturating_sub(since_ms));
            // Below zero after the clock was set back.
            is_old |= age_ms.is_some_and(|age_ms| age_ms >= self.options.flush_interval_ms || age_ms < 0);
        }
        let bytes_max = self.options.flush_head_bytes.saturating_mul(OVERFULL_FACTOR);
        self.overfull.store(all_bytes > bytes_max, Ordering::Relaxed);
        let log_bytes = self.log.end().0 - self.log_cut.load(Ordering::Relaxed);
        if is_old || fresh_bytes >= self.options.flush_head_bytes || log_bytes >= self.options.flush_log_bytes {
            FlushDue::All
        } else if has_pending {
            FlushDue::Pending
        } else {
            FlushDue::Nothing
        }
    }

    fn stats(&self) -> Stats {
        let mut stats = self.counters.stats();
        for tenant in self.tenants.all() {
            let state = tenant.state.read();
            stats.tenants += 1;
            stats.head_series += state.head.series_count();
            stats.head_active_series += state.head.active_count;
            stats.head_samples += state.head.sample_count;
            stats.head_bytes += state.head.bytes;
            stats.held_exemplars += tenant.exemplars.lock().len();
            stats.blocks += state.blocks.len();
            stats.damaged_blocks += tenant.unopened.len() as u64;
            stats.blocks_met_max = stats.blocks_met_max.max(blocks_met_max(&state.blocks));
            let elections = tenant.elections.lock();
            stats.clusters += elections.len();
            stats.replica_changes += elections.changes;
            for block in state.blocks.iter() {
                stats.block_bytes += block.size_bytes();
                stats.block_samples += block.block.meta().sample_count;
            }
        }
        stats.bucket = self.bucket_stats();
        stats.merges_rested_ms = self.rests.rested_ms();
        stats.log_bytes = self.log.size_bytes();
        stats.log_syncs = self.log.stats().syncs;
        stats
    }
}

/// Which samples a tenant may write.
fn time_bounds(limits: &Limits, hidden: &Expiry, now_ms: i64) -> TimeBounds {
    let oldest_ms = limits.past_ms_max.map_or(i64::MIN, |behind_ms| now_ms.saturating_sub(behind_ms));
    let max_ms = limits.future_ms_max.map_or(i64::MAX, |ahead_ms| now_ms.saturating_add(ahead_ms));
    TimeBounds { min_ms: hidden.first_ms().max(oldest_ms), max_ms }
}

/// What a step of maintenance has to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlushDue {
    Nothing,
    /// What an earlier flush could not write.
    Pending,
    All,
}
