//! A backend that fails, waits and lies as a seed says: for tests of what stands above.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{Backend, Object};
use crate::error::{Error, ErrorKind};

/// What goes wrong. Shared with the test, which may change its mind.
#[derive(Debug, Default)]
pub struct FaultPlan {
    /// The state of the generator; print it when a test fails.
    pub seed: AtomicU64,
    /// Of a thousand calls, so many fail: half of them before and half of them after they did their work.
    pub errors_per_mille: AtomicU64,
    /// Of a thousand reads, so many give fewer bytes than asked for.
    pub short_reads_per_mille: AtomicU64,
    /// Of a thousand reads, so many give bytes with a bit flipped.
    pub flips_per_mille: AtomicU64,
    /// Every call takes at least this long.
    pub delay_ms: AtomicU64,
    /// Every call waits until this is false again.
    pub is_stuck: AtomicBool,
    /// Nothing is answered.
    pub is_away: AtomicBool,
    /// Nothing but reads is answered.
    pub is_read_only: AtomicBool,
}

impl FaultPlan {
    /// A plan without faults.
    #[must_use]
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { seed: AtomicU64::new(seed), ..Self::default() })
    }

    fn next(&self) -> u64 {
        // SplitMix64: a state that only counts, so that threads can share it.
        let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn hits(&self, per_mille: &AtomicU64) -> bool {
        let per_mille = per_mille.load(Ordering::Relaxed);
        per_mille > 0 && self.next() % 1000 < per_mille
    }
}

/// See the module's text.
pub struct Faults<B> {
    inner: B,
    plan: Arc<FaultPlan>,
}

impl<B: Backend> Faults<B> {
    /// Stands before another backend.
    pub fn new(inner: B, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }

    fn call<T>(&self, is_read: bool, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let refused = |text: &str| Err(Error::new(ErrorKind::Unavailable, text));
        std::thread::sleep(Duration::from_millis(self.plan.delay_ms.load(Ordering::Relaxed)));
        while self.plan.is_stuck.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.plan.is_away.load(Ordering::Relaxed) || (!is_read && self.plan.is_read_only.load(Ordering::Relaxed)) {
            return refused("injected: away");
        }
        if !self.plan.hits(&self.plan.errors_per_mille) {
            return work();
        }
        if self.plan.next().is_multiple_of(2) {
            work()?;
            return refused("injected: the answer was lost");
        }
        refused("injected: refused")
    }
}

impl<B: Backend> Backend for Faults<B> {
    fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        self.call(false, || self.inner.put(key, bytes))
    }

    fn put_file(&self, key: &str, file: &Path) -> Result<(), Error> {
        self.call(false, || self.inner.put_file(key, file))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let bytes = self.call(true, || self.inner.get_range(key, range))?;
        if self.plan.hits(&self.plan.short_reads_per_mille) {
            return Ok(bytes.slice(..bytes.len() / 2));
        }
        if !bytes.is_empty() && self.plan.hits(&self.plan.flips_per_mille) {
            let mut flipped = bytes.to_vec();
            let place = self.plan.next() as usize % flipped.len();
            flipped[place] ^= 1;
            return Ok(flipped.into());
        }
        Ok(bytes)
    }

    fn size_bytes(&self, key: &str) -> Result<u64, Error> {
        self.call(true, || self.inner.size_bytes(key))
    }

    fn list(&self, count_max: usize) -> Result<Vec<Object>, Error> {
        self.call(true, || self.inner.list(count_max))
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.call(false, || self.inner.delete(key))
    }
}
