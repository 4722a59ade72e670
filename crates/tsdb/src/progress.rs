//! How far the merge under way has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_model::TenantId;
use parking_lot::Mutex;

use crate::blocks::StoredBlock;
use crate::partition::Partition;

/// The merge under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeProgress {
    /// Whose blocks they are.
    pub tenant: TenantId,
    /// First and last time of the partition, milliseconds.
    pub partition_ms: (i64, i64),
    /// How many blocks become one.
    pub blocks: usize,
    /// The level of that one; see [`crate::HeldBlock::level`].
    pub level: u32,
    /// When it began, milliseconds.
    pub since_ms: i64,
    /// Bytes of the blocks.
    pub bytes: u64,
    /// About how many of these have been read and written.
    pub done_bytes: u64,
}

/// Where the merge under way is seen from outside: there is at most one.
#[derive(Debug, Default)]
pub(crate) struct CurrentMerge(Mutex<Option<Arc<Running>>>);

#[derive(Debug)]
struct Running {
    begun: MergeProgress,
    /// Series of all blocks, one that is in several counted for each.
    series: u64,
    done_series: AtomicU64,
}

/// Ends the merge when it is dropped.
pub(crate) struct Begun<'a> {
    current: &'a CurrentMerge,
    running: Arc<Running>,
}

impl CurrentMerge {
    pub(crate) fn begin(
        &self,
        tenant: &TenantId,
        partition: Partition,
        inputs: &[Arc<StoredBlock>],
        level: u32,
        now_ms: i64,
    ) -> Begun<'_> {
        let begun = MergeProgress {
            tenant: tenant.clone(),
            partition_ms: (partition.start_ms(), partition.end_ms()),
            blocks: inputs.len(),
            level,
            since_ms: now_ms,
            bytes: inputs.iter().map(|input| input.size_bytes()).sum(),
            done_bytes: 0,
        };
        let series = inputs.iter().map(|input| u64::from(input.block.meta().series_count)).sum();
        self.start(begun, series)
    }

    fn start(&self, begun: MergeProgress, series: u64) -> Begun<'_> {
        let running = Arc::new(Running { begun, series, done_series: AtomicU64::new(0) });
        *self.0.lock() = Some(Arc::clone(&running));
        Begun { current: self, running }
    }

    pub(crate) fn get(&self) -> Option<MergeProgress> {
        self.0.lock().as_ref().map(|running| running.progress())
    }
}

impl Running {
    fn progress(&self) -> MergeProgress {
        let done = self.done_series.load(Ordering::Relaxed).min(self.series);
        let share = u128::from(self.begun.bytes) * u128::from(done) / u128::from(self.series.max(1));
        // Not more than all bytes, which are a u64.
        MergeProgress { done_bytes: u64::try_from(share).unwrap_or(self.begun.bytes), ..self.begun.clone() }
    }
}

impl Begun<'_> {
    /// As in [`MergeProgress`].
    pub(crate) fn done_bytes(&self) -> u64 {
        self.running.progress().done_bytes
    }

    /// One more series of one of the blocks is being merged.
    pub(crate) fn next_series(&self) {
        self.running.done_series.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.current.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_is_seen_from_its_begin_to_its_end() {
        let current = CurrentMerge::default();
        assert_eq!(current.get(), None);
        let begun = MergeProgress {
            tenant: TenantId::parse("a").unwrap(),
            partition_ms: (0, 7_199_999),
            blocks: 4,
            level: 1,
            since_ms: 5,
            bytes: u64::MAX,
            done_bytes: 0,
        };
        let running = current.start(begun.clone(), 4);
        assert_eq!(current.get(), Some(begun));
        running.next_series();
        assert_eq!(current.get().unwrap().done_bytes, u64::MAX / 4);
        (0..9).for_each(|_| running.next_series());
        assert_eq!(current.get().unwrap().done_bytes, u64::MAX);
        drop(running);
        assert_eq!(current.get(), None);
    }
}
