//! Whether a counter was reset between two histograms.

use super::buckets::{custom_bound, exponential_bound};
use super::side::coarsen;
use super::{FloatHistogram, HistogramSum, ResetHint};

impl FloatHistogram {
    /// Whether something was counted before that is not counted any more. The hint decides where it knows.
    ///
    /// A finer resolution or a narrower zero bucket comes with a reset only; a coarser or wider one is compared at that width.
    #[must_use]
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() {
            return !previous.has_custom_buckets() || self.lost_custom_counts(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = HistogramSum::new(previous).zero_count_at(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count.value() {
            return true;
        }
        let halvings = (previous.schema - self.schema).unsigned_abs();
        let outside = |entries: Vec<(i32, f64)>| -> Vec<(i32, f64)> {
            let inside = |&(index, _): &(i32, f64)| exponential_bound(index, self.schema) <= threshold;
            entries.into_iter().skip_while(inside).collect()
        };
        [(self.positive(), previous.positive()), (self.negative(), previous.negative())].into_iter().any(
            |(now, mut before)| {
                coarsen(&mut before, halvings, |sum, count| *sum += count);
                lost_counts(&outside(now), &outside(before))
            },
        )
    }

    fn lost_custom_counts(&self, previous: &Self) -> bool {
        if self.custom_bounds == previous.custom_bounds {
            return lost_counts(&self.positive(), &previous.positive());
        }
        let common: Vec<f64> =
            self.custom_bounds.iter().copied().filter(|bound| previous.custom_bounds.contains(bound)).collect();
        let rolled_up = |histogram: &Self| {
            let mut counts = vec![0.0; common.len() + 1];
            for (index, count) in histogram.positive() {
                let bound = custom_bound(index, &histogram.custom_bounds);
                counts[common.partition_point(|&one| one < bound)] += count;
            }
            counts
        };
        rolled_up(self).into_iter().zip(rolled_up(previous)).any(|(now, before)| now < before)
    }
}

/// Whether any bucket holds less than before; one that is gone may have been empty.
fn lost_counts(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    let mut now = now.iter().peekable();
    before.iter().any(|&(index, count)| {
        while now.next_if(|entry| entry.0 < index).is_some() {}
        match now.peek() {
            Some(&&(at, current)) if at == index => current < count,
            _ => count != 0.0,
        }
    })
}
