//! Many samples as a few numbers: what a coarse block keeps of each stretch of time.
//!
//! A bucket is about the samples after the end of the one before, up to its own end, that inclusive: so windows of PromQL
//! that end where buckets do hold whole buckets.

mod codec;

use std::sync::Arc;

use bongsu_model::{FloatHistogram, KahanSum, SampleBuffer, is_stale};

pub(crate) use codec::{BUCKETS, decode, encode, samples};

/// What is kept of the samples of a stretch of time. Stale markers are not among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The last time of the stretch, milliseconds: a multiple of the resolution.
    pub end_ms: i64,
    /// How many samples; 0 when there was a stale marker only.
    pub count: u64,
    /// Times of the first and the last sample; those of the stale marker when there is none.
    pub first_ms: i64,
    /// See `first_ms`.
    pub last_ms: i64,
    /// The first value.
    pub first: f64,
    /// The last value.
    pub last: f64,
    /// The least value; NaN only when there is nothing else.
    pub min: f64,
    /// The greatest value; NaN only when there is nothing else.
    pub max: f64,
    /// The sum of the values.
    pub sum: f64,
    /// The sum of the values before each decrease. A counter has grown by `last - first + lost`.
    pub lost: f64,
    /// The time of a stale marker behind the last sample.
    pub stale_ms: Option<i64>,
}

/// What a coarse block has of a series.
#[derive(Clone, Debug, Default)]
pub struct Coarse {
    /// Of the float samples, ascending.
    pub buckets: Vec<Bucket>,
    /// Of the native histograms the last one of each bucket, and stale markers; no float samples.
    pub histograms: SampleBuffer,
}

impl Coarse {
    /// What is left of samples at a resolution, milliseconds.
    #[must_use]
    pub fn of(samples: &SampleBuffer, resolution_ms: i64) -> Self {
        let mut coarse = Self { buckets: buckets_of(samples, resolution_ms), ..Self::default() };
        coarse.histograms.histograms = last_histograms(&samples.histograms, resolution_ms);
        coarse
    }

    /// What is left at a coarser resolution, a multiple of that of this.
    #[must_use]
    pub fn coarser(&self, resolution_ms: i64) -> Self {
        let mut coarse = Self { buckets: coarser_buckets(&self.buckets, resolution_ms), ..Self::default() };
        coarse.histograms.histograms = last_histograms(&self.histograms.histograms, resolution_ms);
        coarse
    }

    /// Forgets all and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.histograms.clear();
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.histograms.is_empty()
    }

    /// Takes everything away that has to do with samples in one of the ranges of time, both ends inclusive.
    pub fn remove(&mut self, ranges: &mut [(i64, i64)]) {
        let meets = |bucket: &Bucket| {
            ranges.iter().any(|(start_ms, end_ms)| bucket.first_ms <= *end_ms && bucket.until_ms() >= *start_ms)
        };
        self.buckets.retain(|bucket| !meets(bucket));
        let mut kept = SampleBuffer::default();
        kept.extend_without(&self.histograms, ranges);
        self.histograms = kept;
    }

    /// First and last time of what it is about.
    #[must_use]
    pub fn time_range(&self) -> Option<(i64, i64)> {
        let first = self.buckets.iter().map(|bucket| bucket.first_ms).min();
        let last = self.buckets.iter().map(Bucket::until_ms).max();
        match (first.zip(last), self.histograms.time_range()) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        }
    }

    /// How many samples a reader gets who does not know buckets.
    pub(crate) fn sample_count(&self) -> u64 {
        let of_bucket = |bucket: &Bucket| u64::from(bucket.count > 0) + u64::from(bucket.stale_ms.is_some());
        self.buckets.iter().map(of_bucket).sum::<u64>() + self.histograms.len() as u64
    }
}

impl Bucket {
    /// The time of the last sample or of the stale marker behind it.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        self.stale_ms.unwrap_or(self.last_ms)
    }

    fn of_stale(end_ms: i64, time_ms: i64) -> Self {
        Self {
            end_ms,
            count: 0,
            first_ms: time_ms,
            last_ms: time_ms,
            first: 0.0,
            last: 0.0,
            min: 0.0,
            max: 0.0,
            sum: 0.0,
            lost: 0.0,
            stale_ms: Some(time_ms),
        }
    }

    fn of_sample(end_ms: i64, time_ms: i64, value: f64) -> Self {
        Self {
            count: 1,
            first: value,
            last: value,
            min: value,
            max: value,
            sum: value,
            stale_ms: None,
            ..Self::of_stale(end_ms, time_ms)
        }
    }

    /// Takes in what follows, which may lie in a later bucket.
    fn extend(&mut self, next: &Self) {
        if self.count == 0 || next.count == 0 {
            let (end_ms, stale_ms) = (self.end_ms, next.stale_ms);
            if self.count == 0 {
                *self = *next;
            }
            (self.end_ms, self.stale_ms) = (end_ms, stale_ms);
            return;
        }
        self.lost += next.lost + if next.first < self.last { self.last } else { 0.0 };
        self.count += next.count;
        (self.last_ms, self.last, self.stale_ms) = (next.last_ms, next.last, next.stale_ms);
        if next.min < self.min || self.min.is_nan() {
            self.min = next.min;
        }
        if next.max > self.max || self.max.is_nan() {
            self.max = next.max;
        }
        self.sum += next.sum;
    }
}

/// The end of the bucket that a time belongs to.
#[must_use]
pub(crate) fn bucket_end_ms(time_ms: i64, resolution_ms: i64) -> i64 {
    let before = time_ms.saturating_sub(1).div_euclid(resolution_ms);
    before.saturating_add(1).saturating_mul(resolution_ms)
}

/// The buckets of the float samples of a buffer that is in order.
fn buckets_of(samples: &SampleBuffer, resolution_ms: i64) -> Vec<Bucket> {
    let mut all: Vec<Bucket> = Vec::new();
    let mut sum = KahanSum::default();
    for (time_ms, value) in samples.timestamps_ms.iter().zip(&samples.values) {
        let end_ms = bucket_end_ms(*time_ms, resolution_ms);
        let next = if is_stale(*value) {
            Bucket::of_stale(end_ms, *time_ms)
        } else {
            Bucket::of_sample(end_ms, *time_ms, *value)
        };
        match all.last_mut().filter(|last| last.end_ms == end_ms) {
            Some(last) => {
                last.extend(&next);
                if next.count > 0 {
                    sum.add(*value);
                    last.sum = sum.value();
                }
            }
            None => {
                sum = KahanSum::new(next.sum);
                all.push(next);
            }
        }
    }
    all
}

/// Buckets of a coarser resolution, a multiple of that of `finer`, which ascend.
fn coarser_buckets(finer: &[Bucket], resolution_ms: i64) -> Vec<Bucket> {
    let mut all: Vec<Bucket> = Vec::new();
    for bucket in finer {
        let end_ms = bucket_end_ms(bucket.end_ms, resolution_ms);
        match all.last_mut().filter(|last| last.end_ms == end_ms) {
            Some(last) => last.extend(bucket),
            None => all.push(Bucket { end_ms, ..*bucket }),
        }
    }
    all
}

/// Of the native histograms, the last one of each bucket, and a stale marker behind it.
fn last_histograms(samples: &[(i64, Arc<FloatHistogram>)], resolution_ms: i64) -> Vec<(i64, Arc<FloatHistogram>)> {
    let mut kept: Vec<(i64, Arc<FloatHistogram>)> = Vec::new();
    for of_bucket in samples.chunk_by(|a, b| bucket_end_ms(a.0, resolution_ms) == bucket_end_ms(b.0, resolution_ms)) {
        let last = of_bucket.iter().rposition(|(_, histogram)| !histogram.is_stale());
        // What comes behind the last one are stale markers, of which the first says when the series ended.
        let end = last.map_or(1, |last| (last + 2).min(of_bucket.len()));
        kept.extend_from_slice(&of_bucket[last.unwrap_or(0)..end]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use bongsu_model::STALE_NAN;
    use proptest::prelude::*;

    use super::*;

    fn buffer(samples: &[(i64, f64)]) -> SampleBuffer {
        let mut buffer = SampleBuffer::default();
        samples.iter().for_each(|(time_ms, value)| buffer.push(*time_ms, *value));
        buffer
    }

    #[test]
    fn a_bucket_ends_where_its_time_does_and_begins_behind_the_one_before() {
        for (time_ms, end_ms) in [(0, 0), (1, 10), (9, 10), (10, 10), (11, 20), (-1, 0), (-10, -10), (-11, -10)] {
            assert_eq!(bucket_end_ms(time_ms, 10), end_ms, "{time_ms}");
        }
        assert!(bucket_end_ms(i64::MIN, 3_600_000) < 0 && bucket_end_ms(i64::MAX, 3_600_000) > 0, "the ends of time");
    }

    #[test]
    fn samples_become_numbers_and_stale_markers_stay_where_they_end_a_bucket() {
        let stale = STALE_NAN;
        let samples = [(1, 5.0), (4, 9.0), (6, stale), (8, 2.0), (10, 3.0), (12, 1.0), (13, stale), (25, stale)];
        let buckets = buckets_of(&buffer(&samples), 10);
        let first = Bucket {
            end_ms: 10,
            count: 4,
            first_ms: 1,
            last_ms: 10,
            first: 5.0,
            last: 3.0,
            min: 2.0,
            max: 9.0,
            sum: 19.0,
            lost: 9.0,
            stale_ms: None,
        };
        assert_eq!(buckets[0], first);
        assert_eq!((buckets[1].count, buckets[1].last, buckets[1].stale_ms), (1, 1.0, Some(13)));
        assert_eq!((buckets[2].count, buckets[2].first_ms, buckets[2].stale_ms), (0, 25, Some(25)));
        let all = coarser_buckets(&buckets, 30);
        let whole = Bucket { end_ms: 30, count: 5, last_ms: 12, last: 1.0, min: 1.0, sum: 20.0, lost: 12.0, ..first };
        assert_eq!(all, [Bucket { stale_ms: Some(25), ..whole }]);
    }

    proptest! {
        #[test]
        fn coarser_buckets_are_those_of_the_samples(
            steps in prop::collection::vec((1_i64..8, prop_oneof![(0_i32..50).prop_map(f64::from), Just(STALE_NAN)]), 0..200),
        ) {
            let mut time_ms = -300;
            let samples: Vec<(i64, f64)> = steps.into_iter().map(|(step, value)| { time_ms += step; (time_ms, value) }).collect();
            let samples = buffer(&samples);
            let fine = buckets_of(&samples, 5);
            prop_assert!(fine.is_sorted_by(|a, b| a.end_ms < b.end_ms));
            let real = samples.values.iter().filter(|value| !is_stale(**value)).count() as u64;
            prop_assert_eq!(fine.iter().map(|bucket| bucket.count).sum::<u64>(), real);
            prop_assert_eq!(coarser_buckets(&fine, 20), buckets_of(&samples, 20));
        }
    }
}
