//! Old samples as buckets: which blocks answer a question, and what their buckets look like to who asked.
//!
//! ```text
//! purpose ─► for each day: samples, or buckets of one resolution ([`choose`]) ─► read ─► [`Shape`]: points that give the
//!            same answer to what is asked ─► among the samples of other days
//! ```
//!
//! Buckets are exact where no window begins or ends within one. Then the least, greatest, sum, count and first and last value
//! are those of the samples, and so is the growth of a counter.

mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_block::{Bucket, Coarse};
use bongsu_model::{Purpose, SampleBuffer, Summary};

use crate::blocks::StoredBlock;
use crate::downsample::{self, Day};
use crate::partition::Partition;
use shape::Shape;

/// While samples are there, buckets stand for them only when answers are so many buckets apart.
const BUCKETS_PER_STEP_MIN: i64 = 5;

/// Buckets that answer for a day.
#[derive(Clone, Copy, Debug)]
struct Choice {
    resolution_secs: u32,
    /// The last flush that they know of.
    last_flush: u64,
}

/// The blocks that answer, in their order: where there are both, either those of samples or buckets of one resolution.
pub(super) fn choose(blocks: &[Arc<StoredBlock>], purpose: &Purpose) -> Vec<Arc<StoredBlock>> {
    if blocks.iter().all(|block| block.name.resolution_secs == 0) {
        return blocks.to_vec();
    }
    let days = downsample::days(blocks);
    let choices: HashMap<Partition, Choice> =
        days.iter().filter_map(|(partition, day)| Some((*partition, choice(*partition, day, purpose)?))).collect();
    let answers = |block: &&Arc<StoredBlock>| match choices.get(&block.name.partition.day()) {
        Some(choice) if block.name.resolution_secs == 0 => block.name.first_flush > choice.last_flush,
        Some(choice) => block.name.resolution_secs == choice.resolution_secs,
        None => block.name.resolution_secs == 0,
    };
    blocks.iter().filter(answers).cloned().collect()
}

/// The buckets that answer for a day; `None` when samples do.
fn choice(partition: Partition, day: &Day, purpose: &Purpose) -> Option<Choice> {
    let mut usable: Vec<_> = day.coarse.values().filter(|coarse| day.is_current(coarse)).collect();
    if usable.is_empty() && day.samples.is_empty() {
        usable.extend(day.coarse.values());
    }
    let has_samples = usable.iter().all(|coarse| day.has_samples_of(coarse.name));
    let resolution_ms = |coarse: &StoredBlock| i64::from(coarse.name.resolution_secs) * 1000;
    let is_enough = |coarse: &&&Arc<StoredBlock>| {
        let apart = purpose.spacing_ms() / resolution_ms(coarse) >= BUCKETS_PER_STEP_MIN;
        is_exact(purpose, resolution_ms(coarse), partition) && (apart || !has_samples)
    };
    let coarsest = usable.iter().rev().find(is_enough);
    let finest = || if has_samples { None } else { usable.first() };
    let name = coarsest.or_else(finest)?.name;
    Some(Choice { resolution_secs: name.resolution_secs, last_flush: name.last_flush })
}

/// Whether buckets of a day answer as its samples do.
fn is_exact(purpose: &Purpose, resolution_ms: i64, day: Partition) -> bool {
    let fits = |first_ms: i64| {
        let is_aligned = |ms: i64| ms % resolution_ms == 0;
        (is_aligned(first_ms) && (purpose.steps < 2 || is_aligned(purpose.step_ms)))
            || !has_one_within(first_ms, purpose, (day.start_ms(), day.end_ms()))
    };
    match purpose.summary {
        Summary::Samples => false,
        // The value at a time is a real one, though one of the bucket before it may be newer.
        Summary::Value => purpose.spacing_ms() >= resolution_ms,
        _ => {
            purpose.range_ms >= resolution_ms
                && fits(purpose.first_end_ms)
                && fits(purpose.first_end_ms.saturating_sub(purpose.range_ms))
        }
    }
}

/// Whether one of the times that follow each other by steps lies at or after the start and before the end.
fn has_one_within(first_ms: i64, purpose: &Purpose, (start_ms, end_ms): (i64, i64)) -> bool {
    let steps = i64::try_from(purpose.steps).unwrap_or(i64::MAX);
    let step_ms = purpose.step_ms.max(1);
    // The first one that does not lie before the start.
    let number = start_ms.saturating_sub(first_ms).saturating_add(step_ms - 1).div_euclid(step_ms).max(0);
    number < steps && first_ms.saturating_add(number.saturating_mul(step_ms)) < end_ms
}

/// What blocks of buckets have of one series, until it stands among the samples.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    histograms: SampleBuffer,
}

/// A bucket and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    bucket: Bucket,
    resolution_ms: i64,
    is_exact: bool,
}

impl Pieces {
    pub(super) fn add(&mut self, coarse: &Coarse, block: &StoredBlock, purpose: &Purpose) {
        let resolution_ms = i64::from(block.name.resolution_secs) * 1000;
        let is_exact = is_exact(purpose, resolution_ms, block.name.partition);
        self.pieces.extend(coarse.buckets.iter().map(|bucket| Piece { bucket: *bucket, resolution_ms, is_exact }));
        let (first, middle) = (bongsu_model::Mark::default(), self.histograms.mark());
        self.histograms.extend_between(&coarse.histograms, i64::MIN, i64::MAX);
        self.histograms.overlay(first, middle);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.histograms.is_empty()
    }

    /// Puts points for the buckets among the samples that stand in the buffer behind so many floats and histograms.
    pub(super) fn join(
        mut self,
        (floats, histograms): (usize, usize),
        bounds_ms: (i64, i64),
        purpose: &Purpose,
        buffer: &mut SampleBuffer,
    ) {
        self.pieces.sort_by_key(|piece| piece.bucket.first_ms);
        let mut shape = Shape::new(purpose, bounds_ms);
        self.pieces.iter().for_each(|piece| shape.add(piece));
        buffer.weights.resize(floats, 1.0);
        // Of points nobody knows when their counting began.
        buffer.start_timestamps_ms.truncate(floats);
        let times = buffer.timestamps_ms.split_off(floats);
        let values = buffer.values.split_off(floats);
        let samples = times.into_iter().zip(values).map(|(time_ms, value)| (time_ms, value, 1.0)).collect();
        for (time_ms, value, weight) in in_order(samples, shape.into_points()) {
            buffer.push(time_ms, value);
            buffer.weights.push(weight);
        }
        let mut all = buffer.histograms.split_off(histograms);
        buffer.histogram_start_timestamps_ms.truncate(histograms);
        all.retain(|(time_ms, _)| self.histograms.histograms.binary_search_by_key(time_ms, |other| other.0).is_err());
        all.extend(self.histograms.histograms);
        all.sort_by_key(|(time_ms, _)| *time_ms);
        buffer.histograms.extend(all);
    }
}

/// A time, a value, and for how many samples it stands.
type Point = (i64, f64, f64);

/// Both lists, each ascending, as one; of two points at one time, that of the first list.
fn in_order(mut samples: Vec<Point>, points: Vec<Point>) -> Vec<Point> {
    if samples.last().zip(points.first()).is_none_or(|(last, first)| last.0 < first.0) {
        samples.extend(points);
        return samples;
    }
    // Stable: samples come first among equals.
    samples.extend(points);
    samples.sort_by_key(|point| point.0);
    samples.dedup_by_key(|point| point.0);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::Span;

    #[test]
    fn buckets_are_exact_where_no_window_begins_or_ends_within_one() {
        const HOUR_MS: i64 = 3_600_000;
        let day = Partition::at(Span::Day, 10 * 24 * HOUR_MS);
        let exact = |summary, range_ms, first_end_ms, step_ms, steps| {
            is_exact(&Purpose { summary, range_ms, first_end_ms, step_ms, steps }, HOUR_MS, day)
        };
        let start_ms = day.start_ms();
        assert!(exact(Summary::Max, 2 * HOUR_MS, start_ms + HOUR_MS, 3 * HOUR_MS, 9));
        assert!(
            !exact(Summary::Max, 2 * HOUR_MS, start_ms + HOUR_MS, HOUR_MS / 2, 9),
            "every other one is not aligned"
        );
        assert!(!exact(Summary::Max, 2 * HOUR_MS, start_ms + HOUR_MS + 1, HOUR_MS, 9));
        assert!(!exact(Summary::Max, HOUR_MS / 2, start_ms + HOUR_MS, HOUR_MS, 9));
        assert!(!exact(Summary::Samples, 2 * HOUR_MS, start_ms + HOUR_MS, HOUR_MS, 9));
        // A window of thirty days that begins and ends at any time, but not in this day.
        let month_ms = 30 * 24 * HOUR_MS;
        assert!(exact(Summary::Max, month_ms, start_ms + 25 * HOUR_MS + 1, 1, 1));
        assert!(!exact(Summary::Max, month_ms, start_ms + 23 * HOUR_MS + 1, 1, 1));
        assert!(!exact(Summary::Max, month_ms, start_ms + month_ms + 7, 1, 1), "it begins in this day");
        assert!(exact(Summary::Value, 1, 7, HOUR_MS, 9) && !exact(Summary::Value, 1, 7, HOUR_MS - 1, 9));
    }
}
