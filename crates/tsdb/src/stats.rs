//! What the store counts and what it holds now.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{RejectReason, Rejections, WriteError};
use crate::tenant::Applied;
use crate::tier::BucketStats;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) samples: Counter,
    pub(crate) histograms: Counter,
    pub(crate) exemplars: Counter,
    pub(crate) out_of_order_exemplars: Counter,
    pub(crate) dropped_exemplars: Counter,
    pub(crate) dropped_metadata: Counter,
    rejected: [Counter; RejectReason::ALL.len()],
    pub(crate) flushes: Counter,
    pub(crate) flush_failures: Counter,
    pub(crate) merges: Counter,
    pub(crate) merged_bytes: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) dropped_blocks: Counter,
    pub(crate) damaged_indexes: Counter,
}

/// Counts since the store was opened, and what it holds now.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests taken in, wholly or partly.
    pub requests: u64,
    /// Float samples taken in.
    pub samples: u64,
    /// Native histograms taken in.
    pub histograms: u64,
    /// Exemplars taken in, those that were known already included.
    pub exemplars: u64,
    /// Exemplars not taken because their series has a newer one.
    pub out_of_order_exemplars: u64,
    /// Exemplars not taken for another reason: too much text, outside the times that are taken, or none are kept.
    pub dropped_exemplars: u64,
    /// Samples not taken, by reason.
    pub rejected: Vec<(RejectReason, u64)>,
    /// Metadata of metrics that there was no room for.
    pub dropped_metadata: u64,
    /// Flushes done.
    pub flushes: u64,
    /// Flushes that failed and are tried again.
    pub flush_failures: u64,
    /// Merges done.
    pub merges: u64,
    /// Bytes of the blocks that they read.
    pub merged_bytes: u64,
    /// How long merges have rested to leave the machine to others, milliseconds.
    pub merges_rested_ms: u64,
    /// Samples not taken because another replica of their sender is listened to.
    pub duplicates: u64,
    /// Clusters of replicas of which one is listened to.
    pub clusters: usize,
    /// Times that another replica took the place of a silent one.
    pub replica_changes: u64,
    /// The most blocks of one tenant that a read of one moment may meet: its two hours' and its day's.
    pub blocks_met_max: usize,
    /// Blocks deleted by retention.
    pub dropped_blocks: u64,
    /// Blocks that are damaged: left out since the start, or found so by [`Store::check_indexes`](crate::Store::check_indexes).
    pub damaged_blocks: u64,
    /// Tenants.
    pub tenants: usize,
    /// Series in memory, those without samples since the last flush included.
    pub head_series: usize,
    /// Series with samples since the last flush.
    pub head_active_series: usize,
    /// Samples in memory that are in no block and in no frozen generation.
    pub head_samples: u64,
    /// Memory of those samples and of series that came with them.
    pub head_bytes: usize,
    /// Exemplars in memory.
    pub held_exemplars: usize,
    /// Blocks.
    pub blocks: usize,
    /// Their bytes on disk.
    pub block_bytes: u64,
    /// Their samples; a sample that was sent twice may count twice until its blocks are merged.
    pub block_samples: u64,
    /// Bytes of the write-ahead log on disk.
    pub log_bytes: u64,
    /// Syncs of the write-ahead log.
    pub log_syncs: u64,
    /// The second tier, if there is one.
    pub bucket: Option<BucketStats>,
}

impl Counters {
    pub(crate) fn count_rejected(&self, rejections: &Rejections) {
        for (counter, count) in self.rejected.iter().zip(rejections.by_reason) {
            if count > 0 {
                counter.add(count);
            }
        }
    }

    /// Counts the samples of a request of which nothing was taken.
    pub(crate) fn count_refused(&self, error: &WriteError) {
        if let Some((reason, samples)) = error.refused {
            self.rejected[reason as usize].add(samples);
        }
    }

    pub(crate) fn count_applied(&self, applied: &Applied) {
        self.requests.add(1);
        self.samples.add(applied.samples);
        self.histograms.add(applied.histograms);
        self.exemplars.add(applied.exemplars);
        self.out_of_order_exemplars.add(applied.out_of_order_exemplars);
        self.dropped_exemplars.add(applied.dropped_exemplars);
        self.dropped_metadata.add(applied.dropped_metadata);
    }

    /// The counted part of the stats.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            requests: self.requests.get(),
            samples: self.samples.get(),
            rejected: RejectReason::ALL.into_iter().zip(self.rejected.iter().map(Counter::get)).collect(),
            histograms: self.histograms.get(),
            exemplars: self.exemplars.get(),
            out_of_order_exemplars: self.out_of_order_exemplars.get(),
            dropped_exemplars: self.dropped_exemplars.get(),
            dropped_metadata: self.dropped_metadata.get(),
            flushes: self.flushes.get(),
            flush_failures: self.flush_failures.get(),
            merges: self.merges.get(),
            merged_bytes: self.merged_bytes.get(),
            duplicates: self.duplicates.get(),
            dropped_blocks: self.dropped_blocks.get(),
            damaged_blocks: self.damaged_indexes.get(),
            ..Stats::default()
        }
    }
}
