//! Selection in a generation that is in memory. Nothing is copied: a lock is held for one series, or for few.

use bongsu_model::{LabelsBuffer, Matcher, SampleBuffer};

use crate::head::Memory;
use crate::span;
use crate::table::{Order, refresh_order};

/// Looked at under one lock.
const LOCKED_SERIES: usize = 4096;
/// From so many selected series on that the table's order does not know, it is brought up to date.
const UNORDERED_MAX: usize = 1024;

impl Memory {
    /// The selected series that may have samples in the range, in lists that are each sorted by labels.
    pub(super) fn select(&self, matchers: &[Matcher], (start_ms, end_ms): (i64, i64)) -> Vec<Vec<u32>> {
        let found = self.table.read().index().select(matchers);
        let mut hits = Vec::with_capacity(found.len() as usize);
        let mut found = found.into_iter().peekable();
        while found.peek().is_some() {
            let chunks = self.chunks.read();
            let overlaps =
                |series: &u32| chunks.get(*series as usize).is_some_and(|chunk| chunk.overlaps(start_ms, end_ms));
            hits.extend(found.by_ref().take(LOCKED_SERIES).filter(overlaps));
        }
        self.sort(hits)
    }

    fn sort(&self, hits: Vec<u32>) -> Vec<Vec<u32>> {
        let mut order = self.table.read().order().clone();
        let unordered = hits.iter().filter(|series| order.place_of(**series).is_none()).count();
        if unordered > UNORDERED_MAX {
            order = refresh_order(&self.table);
        }
        let (known, unknown): (Vec<u32>, Vec<u32>) =
            hits.into_iter().partition(|series| order.place_of(*series).is_some());
        let mut runs = vec![in_order(&order, known), self.sort_few(unknown)];
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// Sorts series that the order does not know.
    fn sort_few(&self, series: Vec<u32>) -> Vec<u32> {
        let table = self.table.read();
        let mut labelled: Vec<_> =
            series.into_iter().map(|series| (span::labels(table.span(series)), series)).collect();
        drop(table);
        labelled.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        labelled.into_iter().map(|(_, series)| series).collect()
    }

    /// Puts the labels of a series in place of those in `labels`.
    pub(super) fn read_labels(&self, series: u32, labels: &mut LabelsBuffer) {
        labels.set(span::pairs(self.table.read().span(series)));
    }

    /// Appends the samples of a series in the range.
    pub(super) fn read(&self, series: u32, start_ms: i64, end_ms: i64, buffer: &mut SampleBuffer) {
        self.chunks.read()[series as usize].view().read(start_ms, end_ms, buffer);
    }
}

/// Sorts series that the order knows: the few by their places, the many by a walk over all places.
fn in_order(order: &Order, mut series: Vec<u32>) -> Vec<u32> {
    if series.len() < order.sorted.len() / 16 {
        series.sort_unstable_by_key(|series| order.place_of(*series));
        return series;
    }
    let mut wanted = vec![0_u64; order.rank.len().div_ceil(64)];
    for number in series.drain(..) {
        wanted[number as usize / 64] |= 1 << (number % 64);
    }
    series.extend(order.sorted.iter().filter(|number| wanted[**number as usize / 64] >> (**number % 64) & 1 == 1));
    series
}
