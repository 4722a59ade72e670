//! Counters of a queue and its sender.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A snapshot of the counters. All are since the queue was opened, except the pending samples, the bytes and the times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples taken into the queue.
    pub samples_appended: u64,
    /// Samples in the queue that are not sent yet.
    pub samples_pending: u64,
    /// Samples that the other side took.
    pub samples_sent: u64,
    /// Samples of requests that were tried again, once per try.
    pub samples_retried: u64,
    /// Samples that the other side refused for good (4xx other than 429).
    pub samples_failed: u64,
    /// Samples dropped because the queue was full.
    pub samples_dropped_full: u64,
    /// Samples dropped because they were too old when their turn came.
    pub samples_dropped_old: u64,
    /// Records that could not be read any more.
    pub records_damaged: u64,
    /// Requests that the other side took.
    pub requests_sent: u64,
    /// Compressed bytes of those requests.
    pub bytes_sent: u64,
    /// Bytes of the queue on disk.
    pub queue_bytes: u64,
    /// The newest sample time taken into the queue, milliseconds since the epoch; 0 before the first.
    pub newest_appended_ms: i64,
    /// The newest sample time that the other side took; 0 before the first.
    pub newest_sent_ms: i64,
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub samples_appended: AtomicU64,
    pub samples_pending: AtomicU64,
    pub samples_sent: AtomicU64,
    pub samples_retried: AtomicU64,
    pub samples_failed: AtomicU64,
    pub samples_dropped_full: AtomicU64,
    pub samples_dropped_old: AtomicU64,
    pub records_damaged: AtomicU64,
    pub requests_sent: AtomicU64,
    pub bytes_sent: AtomicU64,
    pub newest_appended_ms: AtomicI64,
    pub newest_sent_ms: AtomicI64,
}

impl Counters {
    pub fn snapshot(&self, queue_bytes: u64) -> Stats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            samples_appended: load(&self.samples_appended),
            samples_pending: load(&self.samples_pending),
            samples_sent: load(&self.samples_sent),
            samples_retried: load(&self.samples_retried),
            samples_failed: load(&self.samples_failed),
            samples_dropped_full: load(&self.samples_dropped_full),
            samples_dropped_old: load(&self.samples_dropped_old),
            records_damaged: load(&self.records_damaged),
            requests_sent: load(&self.requests_sent),
            bytes_sent: load(&self.bytes_sent),
            queue_bytes,
            newest_appended_ms: self.newest_appended_ms.load(Ordering::Relaxed),
            newest_sent_ms: self.newest_sent_ms.load(Ordering::Relaxed),
        }
    }

    /// Samples leave the queue for this reason.
    pub fn settle(&self, reason: &AtomicU64, samples: u64) {
        reason.fetch_add(samples, Ordering::Relaxed);
        self.samples_pending.fetch_sub(samples, Ordering::Relaxed);
    }
}
