//! The bucket of a life, and what goes wrong with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_bucket::{Backend, Bucket, FaultPlan, Faults, Memory};
use bongsu_tsdb::BucketOptions;
use rand::Rng;
use rand::rngs::StdRng;

use crate::common::HOUR_MS;

/// Objects that stay when machines come and go.
pub struct Objects {
    memory: Memory,
    plan: Arc<FaultPlan>,
    local_age_ms: Option<i64>,
    local_bytes_max: Option<u64>,
    cache_bytes_max: u64,
}

/// What goes wrong with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    None,
    /// Some calls fail, before or after they did their work.
    Errors,
    /// Some reads are short, or have a bit flipped.
    Lies,
    /// It does not answer.
    Away,
    /// It does not take anything.
    ReadOnly,
    /// It is slow.
    Slow,
}

impl Objects {
    pub fn new(random: &mut StdRng) -> Self {
        let local_age_ms = [None, Some(24 * HOUR_MS), Some(i64::MIN)][random.random_range(0..3)];
        let local_bytes_max = random.random_ratio(1, 2).then(|| random.random_range(0..20_000));
        let cache_bytes_max = if random.random_ratio(1, 3) { 20_000 } else { 1 << 20 };
        let plan = FaultPlan::new(random.random());
        Self { memory: Memory::default(), plan, local_age_ms, local_bytes_max, cache_bytes_max }
    }

    /// For one run of a store. All is done by the thread of the test, and at once, so that a seed says what happens.
    pub fn options(&self) -> BucketOptions {
        let faults = Faults::new(self.memory.clone(), Arc::clone(&self.plan));
        let bucket = Bucket::with_backend("objects", Box::new(faults)).without_pauses();
        let mut options = BucketOptions::new(Arc::new(bucket));
        (options.local_age_ms, options.local_bytes_max) = (self.local_age_ms, self.local_bytes_max);
        options.cache_bytes_max = self.cache_bytes_max;
        (options.delete_after, options.parallel) = (Duration::ZERO, 1);
        options
    }

    /// Blocks that are in the bucket.
    pub fn block_keys(&self) -> Vec<String> {
        let all = self.memory.list(usize::MAX).unwrap().into_iter();
        all.map(|object| object.key).filter(|key| key.ends_with(".block")).collect()
    }

    pub fn suffer(&self, outage: Outage, random: &mut StdRng) {
        self.heal();
        let set = |what: &std::sync::atomic::AtomicU64, number: u64| what.store(number, Ordering::Relaxed);
        match outage {
            Outage::None => {}
            Outage::Errors => set(&self.plan.errors_per_mille, random.random_range(50..700)),
            Outage::Lies => {
                set(&self.plan.short_reads_per_mille, random.random_range(0..200));
                set(&self.plan.flips_per_mille, random.random_range(0..200));
            }
            Outage::Away => self.plan.is_away.store(true, Ordering::Relaxed),
            Outage::ReadOnly => self.plan.is_read_only.store(true, Ordering::Relaxed),
            Outage::Slow => set(&self.plan.delay_ms, 1),
        }
    }

    pub fn heal(&self) {
        let FaultPlan { errors_per_mille, short_reads_per_mille, flips_per_mille, delay_ms, .. } = &*self.plan;
        for fault in [errors_per_mille, short_reads_per_mille, flips_per_mille, delay_ms] {
            fault.store(0, Ordering::Relaxed);
        }
        self.plan.is_away.store(false, Ordering::Relaxed);
        self.plan.is_read_only.store(false, Ordering::Relaxed);
    }
}

impl Outage {
    pub fn random(random: &mut StdRng) -> Self {
        match random.random_range(0..12) {
            0 | 1 => Self::Errors,
            2 => Self::Lies,
            3 => Self::Away,
            4 => Self::ReadOnly,
            5 => Self::Slow,
            _ => Self::None,
        }
    }

    /// Whether nothing may fail for it.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::None | Self::Slow)
    }
}
