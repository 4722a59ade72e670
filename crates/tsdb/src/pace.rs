//! How fast merges go: they share the machine with writes and queries.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::options::MergePace;

/// A rest is taken once so much of it is due.
const REST_MIN: Duration = Duration::from_millis(5);
/// ... in naps of at most this length, so that a stop is not kept waiting.
const NAP_MAX: Duration = Duration::from_millis(50);

/// What all merges have in common.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    /// Callers that wait for merges to be done: then none rests.
    waiting: AtomicUsize,
    rested_ms: AtomicU64,
}

/// No merge rests while it is there.
pub(crate) struct Hurry<'r>(&'r Rests);

impl Rests {
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Hurry(self)
    }

    /// How long all merges have rested, milliseconds.
    pub(crate) fn rested_ms(&self) -> u64 {
        self.rested_ms.load(Ordering::Relaxed)
    }

    /// Whether somebody waits for all merges to be done.
    pub(crate) fn is_hurried(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pace of one merge.
pub(crate) struct Pacer<'r> {
    rests: &'r Rests,
    pace: MergePace,
    begun: Instant,
    rested: Mutex<Duration>,
}

impl<'r> Pacer<'r> {
    /// The pace of a merge that begins now; of a partition of so many blocks that reading suffers, it is as fast as can be.
    pub(crate) fn new(rests: &'r Rests, pace: MergePace, blocks: usize) -> Self {
        let pace = if blocks > pace.blocks_max { MergePace::unbounded() } else { pace };
        Self { rests, pace, begun: Instant::now(), rested: Mutex::default() }
    }

    /// Rests as long as is due after so many bytes; returns early when the merge is to stop, or somebody waits for it.
    pub(crate) fn rest(&self, done_bytes: impl FnOnce() -> u64, is_stopped: &dyn Fn() -> bool) {
        if self.pace.is_unbounded() || self.rests.is_hurried() {
            return;
        }
        let mut rested = self.rested.lock();
        let due = due(self.pace, self.begun.elapsed(), *rested, done_bytes());
        if due < REST_MIN {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < due && !is_stopped() && !self.rests.is_hurried() {
            std::thread::sleep(NAP_MAX.min(due.saturating_sub(begun.elapsed())));
        }
        self.rests.rested_ms.fetch_add(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        *rested += begun.elapsed();
    }
}

/// How long to rest now, after so much time of which so much was rest.
fn due(pace: MergePace, elapsed: Duration, rested: Duration, done_bytes: u64) -> Duration {
    let (elapsed, rested) = (elapsed.as_secs_f64(), rested.as_secs_f64());
    let worked = (elapsed - rested).max(0.0);
    // So that work is its share of work and rest together.
    let by_cpu = worked / pace.cpu_share.clamp(0.01, 1.0) - worked - rested;
    // What is read is written, too.
    let bytes = done_bytes as f64 * 2.0;
    let by_disk = pace.bytes_per_second.map_or(0.0, |rate| bytes / rate.max(1) as f64 - elapsed);
    // A day stands for ever: longer ones do not fit the type.
    Duration::from_secs_f64(by_cpu.max(by_disk).clamp(0.0, 86_400.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_as_long_as_the_shares_ask() {
        let seconds = |pace, elapsed, rested, bytes| {
            due(pace, Duration::from_secs(elapsed), Duration::from_secs(rested), bytes).as_secs_f64()
        };
        let half = MergePace { cpu_share: 0.5, ..MergePace::unbounded() };
        assert_eq!(seconds(half, 10, 0, 0), 10.0);
        assert_eq!(seconds(half, 20, 10, 0), 0.0);
        assert_eq!(seconds(half, 22, 10, 0), 2.0);
        let slow = MergePace { bytes_per_second: Some(1000), ..MergePace::unbounded() };
        assert_eq!(seconds(slow, 1, 0, 5000), 9.0, "5,000 bytes read and 5,000 written take ten seconds");
        assert_eq!(seconds(slow, 10, 9, 5000), 0.0);
        let least = MergePace { cpu_share: 0.0, bytes_per_second: Some(0), blocks_max: 0 };
        assert_eq!(seconds(least, 1, 0, u64::MAX), 86_400.0);
        assert_eq!(seconds(MergePace::unbounded(), 100, 0, 1 << 40), 0.0);
    }

    #[test]
    fn nobody_rests_while_somebody_waits_or_too_many_blocks_do() {
        let rests = Rests::default();
        let never = MergePace { bytes_per_second: Some(1), blocks_max: 10, ..MergePace::unbounded() };
        let waiting = rests.hurry();
        Pacer::new(&rests, never, 4).rest(|| 1 << 40, &|| false);
        drop(waiting);
        Pacer::new(&rests, never, 11).rest(|| 1 << 40, &|| false);
        Pacer::new(&rests, never, 4).rest(|| 1 << 40, &|| true);
        assert_eq!(rests.rested_ms(), 0, "and one that is stopped neither");
    }
}
