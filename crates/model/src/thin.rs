//! Fewer samples: the last one of each interval.

use crate::{Mark, SampleBuffer};

impl SampleBuffer {
    /// Of the samples behind `first`, which are in order, keeps the last one of each stretch of time from behind one multiple of
    /// the interval to the next, that one included: as VictoriaMetrics' `-dedup.minScrapeInterval` does. Keeping twice, or of
    /// two parts and then of both, leaves the same as keeping once. An interval of 0 keeps everything.
    pub fn keep_last_of_intervals(&mut self, first: Mark, interval_ms: i64) {
        if interval_ms <= 0 {
            return;
        }
        let (floats, histograms) = (first.floats, first.histograms);
        let stretch = |time_ms: i64| time_ms.saturating_sub(1).div_euclid(interval_ms);
        let float_times: Vec<i64> = self.timestamps_ms[floats..].to_vec();
        let histogram_times: Vec<i64> = self.histograms[histograms..].iter().map(|(time, _)| *time).collect();
        let kept_floats = last_ones(&float_times, &histogram_times, stretch);
        let kept_histograms = last_ones(&histogram_times, &float_times, stretch);
        if kept_floats.len() < float_times.len() {
            keep(&mut self.timestamps_ms, floats, &kept_floats);
            keep(&mut self.values, floats, &kept_floats);
            keep(&mut self.start_timestamps_ms, floats, &kept_floats);
        }
        if kept_histograms.len() < histogram_times.len() {
            keep(&mut self.histograms, histograms, &kept_histograms);
            keep(&mut self.histogram_start_timestamps_ms, histograms, &kept_histograms);
        }
    }
}

/// The places of the times that no other one follows in the same stretch, in either list.
fn last_ones(times: &[i64], others: &[i64], stretch: impl Fn(i64) -> i64) -> Vec<usize> {
    let is_last = |place: &usize| {
        let time = times[*place];
        let followed = |next: Option<&i64>| next.is_some_and(|next| stretch(*next) == stretch(time));
        let other = others.partition_point(|other| *other <= time);
        !followed(times.get(place + 1)) && !followed(others.get(other))
    };
    (0..times.len()).filter(is_last).collect()
}

/// Keeps what stands before `first`, and of the rest what is at the places. The list may be too short.
fn keep<T: Clone>(list: &mut Vec<T>, first: usize, places: &[usize]) {
    let mut next = first;
    for place in places.iter().map(|place| first + place) {
        if place >= list.len() {
            break;
        }
        list.swap(next, place);
        next += 1;
    }
    list.truncate(next.max(first.min(list.len())));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::FloatHistogram;

    fn buffer(samples: &[(i64, bool)]) -> SampleBuffer {
        let mut buffer = SampleBuffer::default();
        for (time_ms, is_histogram) in samples {
            if *is_histogram {
                buffer.histograms.push((*time_ms, Arc::new(FloatHistogram::default())));
                buffer.set_last_histogram_start(time_ms.saturating_add(1));
            } else {
                buffer.push(*time_ms, *time_ms as f64);
                buffer.set_last_start(time_ms.saturating_add(1));
            }
        }
        buffer
    }

    fn times(buffer: &SampleBuffer) -> Vec<i64> {
        let mut times = buffer.timestamps_ms.clone();
        times.extend(buffer.histograms.iter().map(|(time, _)| *time));
        times.sort_unstable();
        times
    }

    #[test]
    fn the_end_of_an_interval_belongs_to_it() {
        let mut samples = buffer(&[(1, false), (10, false), (11, false), (19, true), (21, false), (-10, false)][..5]);
        samples.keep_last_of_intervals(Mark::default(), 10);
        assert_eq!(times(&samples), [10, 19, 21]);
        let mut untouched = buffer(&[(1, false), (2, false)]);
        untouched.keep_last_of_intervals(Mark::default(), 0);
        assert_eq!(times(&untouched), [1, 2]);
        let mut ends = buffer(&[(i64::MIN, false), (i64::MIN + 1, false), (i64::MAX, false)]);
        ends.keep_last_of_intervals(Mark::default(), 1000);
        assert_eq!(times(&ends), [i64::MIN + 1, i64::MAX]);
    }

    proptest::proptest! {
        #[test]
        fn keeps_what_a_map_by_interval_keeps_whatever_stood_before(
            samples in proptest::collection::btree_map(-50..50_i64, proptest::prelude::any::<bool>(), 0..40),
            interval_ms in 1..20_i64,
            before in 0..3_usize,
        ) {
            let samples: Vec<(i64, bool)> = samples.into_iter().collect();
            let by_interval: std::collections::BTreeMap<i64, i64> =
                samples.iter().map(|(time, _)| ((time - 1).div_euclid(interval_ms), *time)).collect();
            let wanted: Vec<i64> = by_interval.into_values().collect();
            let mut whole = buffer(&[(1000, false), (1001, true), (1002, false)][..before]);
            let first = whole.mark();
            let added = buffer(&samples);
            whole.extend_between(&added, i64::MIN, i64::MAX);
            whole.keep_last_of_intervals(first, interval_ms);
            let mut kept = times(&whole);
            kept.truncate(wanted.len());
            proptest::prop_assert_eq!(kept, wanted);
            proptest::prop_assert_eq!(whole.len(), before + times(&whole).len() - before);
            for (time, start) in whole.timestamps_ms.iter().zip(&whole.start_timestamps_ms) {
                proptest::prop_assert_eq!(time + 1, *start);
            }
            for ((time, _), start) in whole.histograms.iter().zip(&whole.histogram_start_timestamps_ms) {
                proptest::prop_assert_eq!(time + 1, *start);
            }
        }
    }
}
