//! Later samples over earlier ones: the last write wins, whatever kind the samples are of.

use std::ops::Range;

use crate::SampleBuffer;

/// A place in a [`SampleBuffer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Float samples before it.
    pub(crate) floats: usize,
    /// Histogram samples before it.
    pub(crate) histograms: usize,
}

impl SampleBuffer {
    /// The place behind the last sample.
    #[must_use]
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { floats: self.timestamps_ms.len(), histograms: self.histograms.len() }
    }

    /// First and last time of a buffer whose samples are in order; `None` without samples.
    #[must_use]
    pub fn time_range(&self) -> Option<(i64, i64)> {
        let floats = self.timestamps_ms.first().copied().zip(self.timestamps_ms.last().copied());
        let histograms = self.histograms.first().zip(self.histograms.last()).map(|(first, last)| (first.0, last.0));
        match (floats, histograms) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        }
    }

    /// Whether the times of each kind ascend and no time is in both kinds: what readers of the buffer may rely on.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        let mut histograms = self.histograms.iter().map(|(time, _)| *time).peekable();
        self.timestamps_ms.is_sorted_by(|a, b| a < b)
            && self.histograms.is_sorted_by(|a, b| a.0 < b.0)
            && (self.histograms.is_empty() || self.timestamps_ms.iter().all(|time| !advance_to(&mut histograms, *time)))
    }

    /// Makes one stretch of two that are each in order: `first..middle`, and `middle..` with what was written later. Of
    /// two samples with the same time the later one stays, also when one is a float and the other a histogram.
    pub fn overlay(&mut self, first: Mark, mut middle: Mark) {
        pad(&mut self.start_timestamps_ms, self.timestamps_ms.len());
        pad(&mut self.histogram_start_timestamps_ms, self.histograms.len());
        if first.histograms < self.histograms.len() {
            self.drop_overruled(first, &mut middle);
            self.overlay_histograms(first.histograms, middle.histograms);
        }
        self.overlay_floats(first.floats, middle.floats);
    }

    /// Appends the samples of another buffer that lie in the time range, both ends inclusive.
    pub fn extend_between(&mut self, from: &Self, start_ms: i64, end_ms: i64) {
        let times = &from.timestamps_ms;
        let first = times.partition_point(|time| *time < start_ms);
        let end = first + times[first..].partition_point(|time| *time <= end_ms);
        extend_starts(&mut self.start_timestamps_ms, self.timestamps_ms.len(), &from.start_timestamps_ms, first..end);
        self.timestamps_ms.extend_from_slice(&times[first..end]);
        self.values.extend_from_slice(&from.values[first..end]);
        let first = from.histograms.partition_point(|(time, _)| *time < start_ms);
        let end = first + from.histograms[first..].partition_point(|(time, _)| *time <= end_ms);
        let (starts, from_starts) = (&mut self.histogram_start_timestamps_ms, &from.histogram_start_timestamps_ms);
        extend_starts(starts, self.histograms.len(), from_starts, first..end);
        self.histograms.extend_from_slice(&from.histograms[first..end]);
    }

    /// Leaves out the samples of the first stretch at whose times the second one has a sample of the other kind.
    fn drop_overruled(&mut self, first: Mark, middle: &mut Mark) {
        let mut newer = self.histograms[middle.histograms..].iter().map(|(time, _)| *time).peekable();
        let older = &self.timestamps_ms[first.floats..middle.floats];
        let kept: Vec<bool> = older.iter().map(|time| !advance_to(&mut newer, *time)).collect();
        middle.floats -= count_dropped(&kept);
        retain(&mut self.timestamps_ms, first.floats, &kept);
        retain(&mut self.values, first.floats, &kept);
        retain(&mut self.start_timestamps_ms, first.floats, &kept);

        let mut newer = self.timestamps_ms[middle.floats..].iter().copied().peekable();
        let older = &self.histograms[first.histograms..middle.histograms];
        let kept: Vec<bool> = older.iter().map(|(time, _)| !advance_to(&mut newer, *time)).collect();
        middle.histograms -= count_dropped(&kept);
        retain(&mut self.histograms, first.histograms, &kept);
        retain(&mut self.histogram_start_timestamps_ms, first.histograms, &kept);
    }

    fn overlay_floats(&mut self, first: usize, middle: usize) {
        let times = &self.timestamps_ms;
        if middle == first || middle == times.len() || times[middle - 1] < times[middle] {
            return;
        }
        if times[times.len() - 1] < times[first] {
            // It was written later and is of an earlier time as a whole.
            self.timestamps_ms[first..].rotate_left(middle - first);
            self.values[first..].rotate_left(middle - first);
            if let Some(starts) = self.start_timestamps_ms.get_mut(first..).filter(|starts| !starts.is_empty()) {
                starts.rotate_left(middle - first);
            }
            return;
        }
        // What lies before the newer stretch stays where it is.
        let first = first + times[first..middle].partition_point(|time| *time < times[middle]);
        let has_starts = !self.start_timestamps_ms.is_empty();
        let copy = |place: usize| {
            let start_ms = if has_starts { self.start_timestamps_ms[place] } else { 0 };
            (times[place], (self.values[place], start_ms))
        };
        let older: Vec<_> = (first..middle).map(copy).collect();
        let newer: Vec<_> = (middle..times.len()).map(copy).collect();
        self.timestamps_ms.truncate(first);
        self.values.truncate(first);
        self.start_timestamps_ms.truncate(first);
        merge(older, newer, |(time, (value, start_ms))| {
            self.push(time, value);
            if has_starts {
                self.start_timestamps_ms.push(start_ms);
            }
        });
    }

    fn overlay_histograms(&mut self, first: usize, middle: usize) {
        let all = &mut self.histograms;
        if middle == first || middle == all.len() || all[middle - 1].0 < all[middle].0 {
            return;
        }
        let first = first + all[first..middle].partition_point(|(time, _)| *time < all[middle].0);
        let starts = &mut self.histogram_start_timestamps_ms;
        let has_starts = !starts.is_empty();
        let mut split = |at: usize| -> Vec<_> {
            let starts = if has_starts { starts.split_off(at) } else { Vec::new() };
            let starts = starts.into_iter().chain(std::iter::repeat(0));
            all.split_off(at).into_iter().zip(starts).map(|((time, one), start_ms)| (time, (one, start_ms))).collect()
        };
        let newer = split(middle);
        let older = split(first);
        merge(older, newer, |(time, (histogram, start_ms))| {
            all.push((time, histogram));
            if has_starts {
                starts.push(start_ms);
            }
        });
    }
}

/// Makes starts as long as the samples, unless nothing is known at all.
fn pad(starts: &mut Vec<i64>, count: usize) {
    if !starts.is_empty() {
        starts.resize(count, 0);
    }
}

/// Appends some of the starts of another buffer behind the `count` samples that are there.
fn extend_starts(starts: &mut Vec<i64>, count: usize, from: &[i64], range: Range<usize>) {
    if !from.is_empty() || !starts.is_empty() {
        starts.resize(count, 0);
        starts.extend(range.map(|place| from.get(place).copied().unwrap_or(0)));
    }
}

fn count_dropped(kept: &[bool]) -> usize {
    kept.iter().filter(|kept| !**kept).count()
}

/// Keeps of the entries from `first` on those that are marked, and all behind the marked ones. An empty column stays so.
fn retain<T>(column: &mut Vec<T>, first: usize, kept: &[bool]) {
    if count_dropped(kept) == 0 {
        return;
    }
    let mut place = 0;
    column.retain(|_| {
        let is_kept = place < first || kept.get(place - first).copied().unwrap_or(true);
        place += 1;
        is_kept
    });
}

/// Passes over the times before `time`; tells whether it is the next one.
fn advance_to(times: &mut std::iter::Peekable<impl Iterator<Item = i64>>, time: i64) -> bool {
    while times.next_if(|next| *next < time).is_some() {}
    times.peek() == Some(&time)
}

/// Hands out both in order of time; of two with the same time, the newer one.
fn merge<T>(older: Vec<(i64, T)>, newer: Vec<(i64, T)>, mut each: impl FnMut((i64, T))) {
    let mut older = older.into_iter().peekable();
    for sample in newer {
        while let Some(earlier) = older.next_if(|(time, _)| *time < sample.0) {
            each(earlier);
        }
        older.next_if(|(time, _)| *time == sample.0);
        each(sample);
    }
    older.for_each(each);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::FloatHistogram;

    /// A sample: a histogram of that count, or a float, and when it began.
    type Stretch = BTreeMap<i64, (bool, u32, i64)>;

    fn push(buffer: &mut SampleBuffer, stretch: &Stretch) {
        for (time, (is_histogram, number, start_ms)) in stretch {
            let number = f64::from(*number);
            if *is_histogram {
                let histogram = FloatHistogram { count: number, ..FloatHistogram::default() };
                buffer.histograms.push((*time, Arc::new(histogram)));
                buffer.set_last_histogram_start(*start_ms);
            } else {
                buffer.push(*time, number);
                buffer.set_last_start(*start_ms);
            }
        }
    }

    fn stretches() -> impl Strategy<Value = Stretch> {
        let starts = prop_oneof![Just(0), 0_i64..1000];
        let stretch = proptest::collection::btree_map(0_i64..30, (any::<bool>(), 0_u32..1000, starts), 0..20);
        (stretch, any::<bool>()).prop_map(|(mut stretch, has_starts)| {
            if !has_starts {
                stretch.values_mut().for_each(|(_, _, start_ms)| *start_ms = 0);
            }
            stretch
        })
    }

    /// Starts that are not known are as good as none.
    fn text(buffer: &SampleBuffer) -> String {
        let mut buffer = buffer.clone();
        for starts in [&mut buffer.start_timestamps_ms, &mut buffer.histogram_start_timestamps_ms] {
            let known = starts.iter().rposition(|start_ms| *start_ms != 0).map_or(0, |last| last + 1);
            starts.truncate(known);
        }
        format!("{buffer:?}")
    }

    #[test]
    fn times_out_of_order_are_noticed() {
        let buffer = |floats: &[i64], histograms: &[i64]| {
            let mut buffer = SampleBuffer::default();
            floats.iter().for_each(|time| buffer.push(*time, 0.0));
            buffer.histograms.extend(histograms.iter().map(|time| (*time, Arc::default())));
            buffer
        };
        assert!(buffer(&[1, 3, 5], &[2, 4, 6]).is_in_order());
        for (floats, histograms) in [(&[1, 1][..], &[][..]), (&[], &[2, 1]), (&[1, 3, 5], &[0, 5, 6]), (&[7], &[7])] {
            assert!(!buffer(floats, histograms).is_in_order(), "{floats:?} {histograms:?}");
        }
    }

    proptest! {
        #[test]
        fn the_later_of_two_samples_stays(
            before in stretches(),
            layers in proptest::collection::vec(stretches(), 0..4),
            range in (0_i64..30, 0_i64..30),
        ) {
            let mut buffer = SampleBuffer::default();
            push(&mut buffer, &before);
            let first = buffer.mark();
            let mut model = Stretch::new();
            for layer in &layers {
                let middle = buffer.mark();
                push(&mut buffer, layer);
                buffer.overlay(first, middle);
                model.extend(layer);
            }
            let mut wanted = SampleBuffer::default();
            push(&mut wanted, &before);
            push(&mut wanted, &model);
            prop_assert_eq!(text(&buffer), text(&wanted));

            let (mut all, mut some, mut wanted) = <(SampleBuffer, SampleBuffer, SampleBuffer)>::default();
            push(&mut all, &model);
            some.extend_between(&all, range.0, range.1);
            model.retain(|time, _| range.0 <= *time && *time <= range.1);
            push(&mut wanted, &model);
            prop_assert_eq!(text(&some), text(&wanted));
            prop_assert!(all.is_in_order());
            let range = |stretch: &Stretch| stretch.keys().next().copied().zip(stretch.keys().next_back().copied());
            prop_assert_eq!(some.time_range(), range(&model));
        }
    }
}
