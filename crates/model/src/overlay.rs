//! Later samples over earlier ones: the last write wins, whatever kind the samples are of.

use crate::SampleBuffer;

/// A place in a [`SampleBuffer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Float samples before it.
    floats: usize,
    /// Histogram samples before it.
    histograms: usize,
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
        if first.histograms < self.histograms.len() {
            self.drop_overruled(first, &mut middle);
            overlay_histograms(self, first.histograms, middle.histograms);
        }
        overlay_floats(self, first.floats, middle.floats);
    }

    /// Appends the samples of another buffer that lie in the time range, both ends inclusive.
    pub fn extend_between(&mut self, from: &Self, start_ms: i64, end_ms: i64) {
        let times = &from.timestamps_ms;
        let first = times.partition_point(|time| *time < start_ms);
        let end = first + times[first..].partition_point(|time| *time <= end_ms);
        self.timestamps_ms.extend_from_slice(&times[first..end]);
        self.values.extend_from_slice(&from.values[first..end]);
        let first = from.histograms.partition_point(|(time, _)| *time < start_ms);
        let end = first + from.histograms[first..].partition_point(|(time, _)| *time <= end_ms);
        self.histograms.extend_from_slice(&from.histograms[first..end]);
    }

    /// Leaves out the samples of the first stretch at whose times the second one has a sample of the other kind.
    fn drop_overruled(&mut self, first: Mark, middle: &mut Mark) {
        let Self { timestamps_ms, values, histograms } = self;
        let mut newer = histograms[middle.histograms..].iter().map(|(time, _)| *time).peekable();
        let mut kept = first.floats;
        for place in first.floats..middle.floats {
            if !advance_to(&mut newer, timestamps_ms[place]) {
                (timestamps_ms[kept], values[kept]) = (timestamps_ms[place], values[place]);
                kept += 1;
            }
        }
        timestamps_ms.drain(kept..middle.floats);
        values.drain(kept..middle.floats);
        middle.floats = kept;

        let mut newer = timestamps_ms[middle.floats..].iter().copied().peekable();
        let mut kept = first.histograms;
        for place in first.histograms..middle.histograms {
            if !advance_to(&mut newer, histograms[place].0) {
                histograms.swap(kept, place);
                kept += 1;
            }
        }
        histograms.drain(kept..middle.histograms);
        middle.histograms = kept;
    }
}

/// Passes over the times before `time`; tells whether it is the next one.
fn advance_to(times: &mut std::iter::Peekable<impl Iterator<Item = i64>>, time: i64) -> bool {
    while times.next_if(|next| *next < time).is_some() {}
    times.peek() == Some(&time)
}

fn overlay_floats(buffer: &mut SampleBuffer, first: usize, middle: usize) {
    let times = &buffer.timestamps_ms;
    if middle == first || middle == times.len() || times[middle - 1] < times[middle] {
        return;
    }
    // What lies before the newer stretch stays where it is.
    let first = first + times[first..middle].partition_point(|time| *time < times[middle]);
    let copy = |from: usize, to: usize| {
        let values = buffer.values[from..to].iter().copied();
        times[from..to].iter().copied().zip(values).collect::<Vec<_>>()
    };
    let (older, newer) = (copy(first, middle), copy(middle, times.len()));
    buffer.timestamps_ms.truncate(first);
    buffer.values.truncate(first);
    merge(older, newer, |(time, value)| buffer.push(time, value));
}

fn overlay_histograms(buffer: &mut SampleBuffer, first: usize, middle: usize) {
    let all = &mut buffer.histograms;
    if middle == first || middle == all.len() || all[middle - 1].0 < all[middle].0 {
        return;
    }
    let first = first + all[first..middle].partition_point(|(time, _)| *time < all[middle].0);
    let newer = all.split_off(middle);
    let older = all.split_off(first);
    merge(older, newer, |sample| all.push(sample));
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

    /// A sample: a histogram of that count, or a float.
    type Stretch = BTreeMap<i64, (bool, u32)>;

    fn push(buffer: &mut SampleBuffer, stretch: &Stretch) {
        for (time, (is_histogram, number)) in stretch {
            let number = f64::from(*number);
            if *is_histogram {
                let histogram = FloatHistogram { count: number, ..FloatHistogram::default() };
                buffer.histograms.push((*time, Arc::new(histogram)));
            } else {
                buffer.push(*time, number);
            }
        }
    }

    fn stretches() -> impl Strategy<Value = Stretch> {
        proptest::collection::btree_map(0_i64..30, (any::<bool>(), 0_u32..1000), 0..20)
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
            prop_assert_eq!(format!("{buffer:?}"), format!("{wanted:?}"));

            let (mut all, mut some, mut wanted) = <(SampleBuffer, SampleBuffer, SampleBuffer)>::default();
            push(&mut all, &model);
            some.extend_between(&all, range.0, range.1);
            model.retain(|time, _| range.0 <= *time && *time <= range.1);
            push(&mut wanted, &model);
            prop_assert_eq!(format!("{some:?}"), format!("{wanted:?}"));
            prop_assert!(all.is_in_order());
            let range = |stretch: &Stretch| stretch.keys().next().copied().zip(stretch.keys().next_back().copied());
            prop_assert_eq!(some.time_range(), range(&model));
        }
    }
}
