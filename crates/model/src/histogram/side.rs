//! One side of a histogram, as runs of buckets and as a list of buckets with their indexes.

use super::FloatHistogram;

/// A run of buckets that are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// Buckets between the end of the span before (or bucket 0) and the start of this one.
    pub offset: i32,
    /// The number of buckets in the run.
    pub length: u32,
}

/// Indexes ascend; arithmetic works on this form.
pub(super) type Entries<T> = Vec<(i32, T)>;

impl FloatHistogram {
    /// The positive buckets with their indexes, ascending; empty ones that are stored are among them.
    #[must_use]
    pub fn positive(&self) -> Vec<(i32, f64)> {
        entries(&self.positive_spans, &self.positive_buckets)
    }

    /// The negative buckets with their indexes, away from zero.
    #[must_use]
    pub fn negative(&self) -> Vec<(i32, f64)> {
        entries(&self.negative_spans, &self.negative_buckets)
    }

    /// Takes other positive buckets; indexes ascend.
    pub fn set_positive(&mut self, entries: &[(i32, f64)]) {
        (self.positive_spans, self.positive_buckets) = spans(entries);
    }

    /// Takes other negative buckets; indexes ascend.
    pub fn set_negative(&mut self, entries: &[(i32, f64)]) {
        (self.negative_spans, self.negative_buckets) = spans(entries);
    }

    /// Forgets empty buckets.
    pub fn compact(&mut self) {
        for (spans_of, counts) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            if counts.contains(&0.0) || spans_of.iter().skip(1).any(|span| span.offset == 0) {
                let mut kept = entries(spans_of, counts);
                kept.retain(|&(_, count)| count != 0.0);
                (*spans_of, *counts) = spans(&kept);
            }
        }
    }
}

/// What is not in both spans and counts is left out: only a histogram that nobody has checked has such.
fn entries(spans: &[BucketSpan], counts: &[f64]) -> Entries<f64> {
    let (mut list, mut index) = (Vec::with_capacity(counts.len()), 0_i32);
    let mut counts = counts.iter();
    for span in spans {
        index = index.wrapping_add(span.offset);
        for &count in counts.by_ref().take(span.length as usize) {
            list.push((index, count));
            index = index.wrapping_add(1);
        }
    }
    list
}

fn spans(entries: &[(i32, f64)]) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for &(index, _) in entries {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index.wrapping_sub(next), length: 1 }),
        }
        next = index.wrapping_add(1);
    }
    (spans, entries.iter().map(|&(_, count)| count).collect())
}

/// The index of a bucket when its resolution is halved `halvings` times.
pub(super) fn coarser_index(index: i32, halvings: u32) -> i32 {
    (index.wrapping_sub(1) >> halvings.min(31)).wrapping_add(1)
}

/// Merges neighbours that are the same bucket at a coarser resolution.
pub(super) fn coarsen<T: Copy>(entries: &mut Entries<T>, halvings: u32, merge: impl Fn(&mut T, T)) {
    for entry in entries.iter_mut() {
        entry.0 = coarser_index(entry.0, halvings);
    }
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            merge(&mut kept.1, later.1);
        }
        same
    });
}

/// Joins two lists; what both have is merged.
pub(super) fn join<T: Copy>(left: &Entries<T>, right: &Entries<T>, merge: impl Fn(&mut T, T)) -> Entries<T> {
    let mut joined = Vec::with_capacity(left.len().max(right.len()));
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.0 == b.0 => {
                let mut both = *a;
                merge(&mut both.1, b.1);
                left.next();
                right.next();
                Some(both)
            }
            (Some(a), Some(b)) if a.0 > b.0 => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some(entry) => joined.push(entry),
            None => return joined,
        }
    }
}
