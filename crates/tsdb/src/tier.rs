//! The second tier: blocks in a bucket.
//!
//! ```text
//!              send                      drop                       trim
//! .block ────────────► .block + .remote ──────► .remote + cache ◄──────── the longest unused caches go
//!   only here           here and there           only there: read by ranges
//! ```
//!
//! What stands in the directory of a tenant says where a block is, so that a crash at any point leaves a state that is
//! gone on from; the files are drawn in `docs/formats/bucket.md`. All that asks the bucket is done by one thread
//! ([`Store::tend_bucket`]), besides queries, which read. Flushes, merges and retention do not know of it: a block that
//! left the store is recognised by its stub that stayed, and its object is deleted once no newer block needs it. What is
//! missing on the disk is never a reason to delete it from the bucket: at a start, a block that has a stub and no file is
//! one that is only there.

mod drop;
mod far;
pub(crate) mod gone;
mod join;
mod remote;
mod send;
pub(crate) mod stub;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bongsu_bucket::Bucket;
use bongsu_model::TenantId;
use parking_lot::Mutex;

use crate::blocks::{BlockName, StoredBlock};
use crate::error::Error;
use crate::files::Files;
use crate::store::{Inner, Store};
use far::Cache;
pub(crate) use far::Kept;
pub(crate) use sweep::is_in_bucket;

/// Small files and what is to be deleted are looked for that often.
const ROUND: Duration = Duration::from_secs(5);

/// How the store uses a bucket.
#[derive(Clone, Debug)]
pub struct BucketOptions {
    /// Where blocks go.
    pub bucket: Arc<Bucket>,
    /// Blocks whose newest sample is older than this need not be on the local disk; `None`: they stay.
    pub local_age_ms: Option<i64>,
    /// Above this many bytes of blocks on the local disk, the oldest that the bucket has go from there.
    pub local_bytes_max: Option<u64>,
    /// Bytes that are kept of blocks that are only in the bucket.
    pub cache_bytes_max: u64,
    /// What left the store is deleted from the bucket after that long, so that queries that began before can end.
    pub delete_after: Duration,
    /// Blocks that are sent, or looked at, at the same time, each by a thread; one alone is done by the thread that asks.
    pub parallel: usize,
}

impl BucketOptions {
    /// The defaults: a week here, 10 GiB of cache.
    #[must_use]
    pub fn new(bucket: Arc<Bucket>) -> Self {
        Self {
            bucket,
            local_age_ms: Some(7 * 24 * 3_600_000),
            local_bytes_max: None,
            cache_bytes_max: 10 << 30,
            delete_after: Duration::from_secs(180),
            parallel: 4,
        }
    }
}

/// What the second tier holds now.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BucketStats {
    /// Blocks on the local disk.
    pub local_blocks: usize,
    /// Their bytes.
    pub local_bytes: u64,
    /// Blocks that are only in the bucket.
    pub remote_blocks: usize,
    /// Their bytes.
    pub remote_bytes: u64,
    /// Blocks that the bucket does not have yet.
    pub pending_blocks: usize,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Bytes kept of blocks that are only in the bucket.
    pub cache_bytes: u64,
    /// Blocks sent since the start.
    pub sent_blocks: u64,
    /// Local copies dropped since the start.
    pub dropped_copies: u64,
    /// Objects deleted since the start.
    pub deleted_objects: u64,
    /// Whether the bucket was found to be this store's, since the start.
    pub is_joined: bool,
    /// What went wrong last, as long as it was not done since.
    pub last_error: Option<String>,
    /// Requests to the bucket.
    pub requests: bongsu_bucket::Stats,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) options: BucketOptions,
    /// The data directory.
    dir: PathBuf,
    files: Files,
    cache: Arc<Cache>,
    /// The bucket is known to be this store's, and what it has is known.
    is_joined: AtomicBool,
    stopped: AtomicBool,
    /// One round at a time.
    tending: Mutex<Tending>,
    last_error: Mutex<Option<String>>,
    /// Keys of blocks in the bucket that could not be opened: they take no part, and stay.
    unreadable: Mutex<HashSet<String>>,
    sent_blocks: AtomicU64,
    dropped_copies: AtomicU64,
    deleted_objects: AtomicU64,
}

/// What the thread that tends the bucket remembers.
#[derive(Debug, Default)]
struct Tending {
    next_round: Option<Instant>,
    next_owner_check: Option<Instant>,
    /// Pending blocks that are passed over because they failed last.
    passed_over: usize,
    /// The blocks of tenants of which nothing is left to be deleted from the bucket.
    settled: HashMap<TenantId, Arc<Vec<Arc<StoredBlock>>>>,
    /// Small files as they were sent.
    sent_files: HashMap<(TenantId, &'static str), SentFile>,
}

/// A small file as the bucket has it.
#[derive(Debug)]
struct SentFile {
    /// When it was changed, and its bytes; `None`: there is none.
    stamp: Option<(SystemTime, u64)>,
    /// Checksum of its content.
    crc: u32,
    /// A change after this one has another stamp. The clock of a file system stands still for some milliseconds.
    is_settled: bool,
}

impl Tier {
    pub(crate) fn new(options: BucketOptions, dir: &Path, files: &Files) -> Self {
        let cache = Arc::new(Cache::new(dir.join("cache"), options.cache_bytes_max));
        Self {
            options,
            dir: dir.to_owned(),
            files: files.clone(),
            cache,
            is_joined: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            tending: Mutex::default(),
            last_error: Mutex::new(None),
            unreadable: Mutex::default(),
            sent_blocks: AtomicU64::new(0),
            dropped_copies: AtomicU64::new(0),
            deleted_objects: AtomicU64::new(0),
        }
    }

    fn bucket(&self) -> &Bucket {
        &self.options.bucket
    }

    /// Blocks that are sent or looked at at a time.
    fn parallel(&self) -> usize {
        self.options.parallel.max(1)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Gives up what is under way, for good.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.bucket().stop();
    }
}

/// The key of a tenant's file.
fn key(tenant: &TenantId, file: &str) -> String {
    format!("tenants/{tenant}/{file}")
}

fn block_key(tenant: &TenantId, name: BlockName) -> String {
    key(tenant, &name.to_string())
}

impl Store {
    /// One step of what keeps the bucket: sends what it does not have, deletes what has left the store, drops local copies
    /// that are old enough. Returns whether there is more to do at once. For a thread of its own: files take a while.
    /// Without a bucket, nothing.
    ///
    /// # Errors
    /// When the bucket or the disk fails; nothing is lost, and it is tried again later.
    pub fn tend_bucket(&self) -> Result<bool, Error> {
        let Some(tier) = &self.inner.tier else { return Ok(false) };
        let outcome = self.inner.tend(tier, &mut tier.tending.lock());
        *tier.last_error.lock() = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    /// Does all of that, and what would wait for its time, at once.
    ///
    /// # Errors
    /// As [`tend_bucket`](Self::tend_bucket).
    pub fn sync_bucket(&self) -> Result<(), Error> {
        loop {
            if let Some(tier) = &self.inner.tier {
                tier.tending.lock().next_round = None;
            }
            if !self.tend_bucket()? {
                return Ok(());
            }
        }
    }
}

impl Inner {
    fn tend(&self, tier: &Arc<Tier>, tending: &mut Tending) -> Result<bool, Error> {
        if tier.is_stopped() {
            return Ok(false);
        }
        if !tier.is_joined.load(Ordering::Relaxed) {
            self.join_bucket(tier)?;
        }
        let pending = self.pending_blocks();
        let now = Instant::now();
        let is_round = tending.next_round.is_none_or(|next| next <= now);
        if pending.is_empty() && !is_round {
            return Ok(false);
        }
        if tending.next_owner_check.is_none_or(|next| next <= now) {
            tier.check_owner()?;
            tending.next_owner_check = Some(now + join::OWNER_CHECK);
        }
        let sent = self.send_blocks(tier, tending, pending);
        if matches!(sent, Ok(true)) {
            return sent;
        }
        tending.next_round = Some(now + ROUND);
        // Before the files of a new tenant of the same name are sent.
        let gone = self.sweep_tenants(tier, tending);
        let files = self.send_files(tier, tending);
        let swept = self.sweep_bucket(tier, tending).and(gone);
        let dropped = self.drop_copies(tier);
        sent.and(files).and(swept).and(dropped).map(|()| false)
    }

    /// What the second tier holds; `None` without one.
    pub(crate) fn bucket_stats(&self) -> Option<BucketStats> {
        let tier = self.tier.as_ref()?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = BucketStats {
            cache_bytes: tier.cache.bytes(),
            sent_blocks: count(&tier.sent_blocks),
            dropped_copies: count(&tier.dropped_copies),
            deleted_objects: count(&tier.deleted_objects),
            is_joined: tier.is_joined.load(Ordering::Relaxed),
            last_error: tier.last_error.lock().clone(),
            requests: tier.bucket().stats(),
            ..BucketStats::default()
        };
        for tenant in self.tenants.all() {
            for block in tenant.state.read().blocks.iter() {
                let (blocks, bytes) = if block.far.is_some() {
                    (&mut stats.remote_blocks, &mut stats.remote_bytes)
                } else {
                    (&mut stats.local_blocks, &mut stats.local_bytes)
                };
                *blocks += 1;
                *bytes += block.size_bytes();
                if !block.is_in_bucket() {
                    stats.pending_blocks += 1;
                    stats.pending_bytes += block.size_bytes();
                }
            }
        }
        Some(stats)
    }
}

/// Does some work for each of many, so many at a time. Returns what came of each, in their order.
fn in_parallel<T: Sync, R: Send>(parallel: usize, all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if parallel < 2 {
        return all.iter().map(work).collect();
    }
    let mut done = Vec::with_capacity(all.len());
    for some in all.chunks(parallel) {
        std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|one| scope.spawn(|| work(one))).collect();
            for thread in threads {
                match thread.join() {
                    Ok(result) => done.push(result),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    done
}
