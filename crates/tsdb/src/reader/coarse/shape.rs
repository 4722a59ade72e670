//! Points in the place of samples, so that a function of windows gives the same answer.

use bongsu_block::Bucket;
use bongsu_model::{Purpose, STALE_NAN, Summary};

use super::{Piece, Point};

/// A bucket becomes at most so many points.
const POINTS_MAX: i64 = 64;

/// Makes points of buckets, which come in order.
#[derive(Debug)]
pub(super) struct Shape {
    summary: Summary,
    /// Windows are so long.
    range_ms: i64,
    bounds_ms: (i64, i64),
    points: Vec<Point>,
    /// End of the bucket before, and its last sample.
    before: Option<(i64, i64, f64)>,
}

impl Shape {
    pub(super) fn new(purpose: &Purpose, bounds_ms: (i64, i64)) -> Self {
        let Purpose { summary, range_ms, .. } = *purpose;
        Self { summary, range_ms: range_ms.max(1), bounds_ms, points: Vec::new(), before: None }
    }

    pub(super) fn into_points(self) -> Vec<Point> {
        self.points
    }

    pub(super) fn add(&mut self, piece: &Piece) {
        let bucket = piece.bucket;
        if bucket.count > 0 {
            match self.summary {
                Summary::Samples => {
                    self.push(bucket.first_ms, bucket.first, 1.0);
                    self.push(bucket.last_ms, bucket.last, bucket.count as f64 - 1.0);
                }
                Summary::Value | Summary::Ends => {
                    self.fill(piece, bucket.first);
                    self.push(bucket.last_ms, bucket.last, 1.0);
                }
                Summary::Presence => self.everywhere(piece, bucket.last),
                Summary::Min => self.everywhere(piece, bucket.min),
                Summary::Max => self.everywhere(piece, bucket.max),
                Summary::Sum => self.spread(piece, true),
                Summary::Mean => self.spread(piece, false),
                Summary::Growth => self.grow(piece, bucket.lost),
                Summary::Difference => self.grow(piece, 0.0),
            }
            self.before = Some((bucket.end_ms, bucket.last_ms, bucket.last));
        }
        if let Some(stale_ms) = bucket.stale_ms {
            self.push(stale_ms, STALE_NAN, 0.0);
        }
    }

    /// Points outside what was asked for, and those that are not later than one before, are left out.
    fn push(&mut self, time_ms: i64, value: f64, weight: f64) {
        let is_later = self.points.last().is_none_or(|last| last.0 < time_ms);
        if is_later && (self.bounds_ms.0..=self.bounds_ms.1).contains(&time_ms) {
            self.points.push((time_ms, value, weight));
        }
    }

    /// How far apart points are so that a window that reaches into the bucket meets one.
    fn stride_ms(&self, piece: &Piece) -> i64 {
        self.range_ms.max(piece.resolution_ms / POINTS_MAX).max(1)
    }

    /// Points from the first sample on, before the last one.
    fn fill(&mut self, piece: &Piece, value: f64) {
        let stride_ms = self.stride_ms(piece);
        let mut time_ms = piece.bucket.first_ms;
        while time_ms < piece.bucket.last_ms {
            self.push(time_ms, value, 1.0);
            time_ms = time_ms.saturating_add(stride_ms);
        }
    }

    /// A window that reaches into the bucket sees the value.
    fn everywhere(&mut self, piece: &Piece, value: f64) {
        self.fill(piece, value);
        self.push(piece.bucket.last_ms, value, 1.0);
    }

    /// One point for all samples of the bucket, or where windows are shorter than buckets some that share them. A point has
    /// its share of the sum, or the mean.
    fn spread(&mut self, piece: &Piece, is_sum: bool) {
        let Bucket { first_ms, last_ms, sum, count, .. } = piece.bucket;
        let (span_ms, count) = (last_ms - first_ms, count as f64);
        let wanted = if self.range_ms < piece.resolution_ms { span_ms / self.stride_ms(piece) } else { 1 };
        let shares = wanted.clamp(1, POINTS_MAX);
        let value = if is_sum { sum / shares as f64 } else { sum / count };
        for number in 1..=shares {
            self.push(first_ms + span_ms * number / shares, value, count / shares as f64);
        }
    }

    /// Samples whose growth, with a counter's resets, is that of the bucket's.
    fn grow(&mut self, piece: &Piece, lost: f64) {
        let bucket = &piece.bucket;
        if piece.is_exact {
            self.push(bucket.first_ms, bucket.first, 1.0);
            self.drop_from(bucket.first_ms, bucket.last_ms, lost);
            self.push(bucket.last_ms, bucket.last, bucket.count as f64 - 1.0);
            return;
        }
        let follows = |before: &(i64, i64, f64)| before.0.saturating_add(piece.resolution_ms) >= bucket.end_ms;
        let (from_ms, from, lost) = match self.before.filter(follows) {
            // Decreases between two buckets are those of a counter, too.
            Some((_, time_ms, value)) if self.summary == Summary::Growth && bucket.first < value => {
                (time_ms, value, lost + value)
            }
            Some((_, time_ms, value)) => (time_ms, value, lost),
            None => {
                self.push(bucket.first_ms, bucket.first, 1.0);
                (bucket.first_ms, bucket.first, lost)
            }
        };
        self.climb(piece, (from_ms, from), lost);
    }

    /// From a sample to the bucket's last one: straight to the end, or to where the counter fell.
    fn climb(&mut self, piece: &Piece, (from_ms, from): (i64, f64), lost: f64) {
        let (until_ms, until) = (piece.bucket.last_ms, piece.bucket.last);
        let top = if lost > 0.0 { lost } else { until };
        let span_ms = until_ms - from_ms;
        // A window needs two points.
        let is_short = self.range_ms < 2 * piece.resolution_ms;
        let wanted = if is_short { (span_ms - 1) / (self.range_ms / 2).max(1) + 1 } else { 1 };
        let shares = wanted.clamp(1, POINTS_MAX);
        for number in 1..shares {
            let share = number as f64 / shares as f64;
            self.push(from_ms + span_ms * number / shares, from + (top - from) * share, 1.0);
        }
        self.drop_from(from_ms, until_ms, lost);
        self.push(until_ms, until, 1.0);
    }

    /// The fall of a counter right before a sample: what it lost all in all, then nothing.
    fn drop_from(&mut self, from_ms: i64, until_ms: i64, lost: f64) {
        if lost > 0.0 && until_ms - from_ms > 2 {
            self.push(until_ms - 2, lost, 0.0);
            self.push(until_ms - 1, 0.0, 0.0);
        }
    }
}
