//! Samples without those of some stretches of time.

use crate::SampleBuffer;

impl SampleBuffer {
    /// Appends the samples of another buffer that lie in none of the time ranges, both ends inclusive, given in any order; one that
    /// ends before it starts is empty.
    pub fn extend_without(&mut self, from: &Self, removed: &mut [(i64, i64)]) {
        removed.sort_unstable();
        let mut next_ms = i64::MIN;
        for (start_ms, end_ms) in removed.iter().copied().filter(|(start_ms, end_ms)| start_ms <= end_ms) {
            if start_ms > next_ms {
                self.extend_between(from, next_ms, start_ms - 1);
            }
            if end_ms == i64::MAX {
                return;
            }
            next_ms = next_ms.max(end_ms + 1);
        }
        self.extend_between(from, next_ms, i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn leaves_out_what_a_scan_leaves_out(
            times in proptest::collection::btree_set(0..30_i64, 0..20),
            ranges in proptest::collection::vec((0..30_i64, 0..30_i64), 0..4),
            whole in proptest::prelude::any::<bool>(),
        ) {
            let mut from = SampleBuffer::default();
            times.iter().for_each(|time| from.push(*time, *time as f64));
            let mut ranges = ranges;
            ranges.extend(whole.then_some((i64::MIN, 10)));
            ranges.extend(whole.then_some((25, i64::MAX)));
            let kept = |time: &i64| !ranges.iter().any(|(start, end)| (start..=end).contains(&time));
            let wanted: Vec<i64> = times.iter().copied().filter(|time| kept(time)).collect();
            let mut got = SampleBuffer::default();
            got.extend_without(&from, &mut ranges.clone());
            proptest::prop_assert_eq!(got.timestamps_ms, wanted);
        }
    }
}
