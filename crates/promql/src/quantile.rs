//! Quantiles of values, and of classic histograms' buckets.
//!
//! Source: Prometheus' documentation of `quantile`, `histogram_quantile` and `histogram_fraction`, and its tests.

mod native;

use std::cmp::Ordering;

pub(crate) use native::{NativeResult, native_fraction, native_quantile};

/// The φ-quantile, between neighbours by weight. NaN counts as the least value. Sorts `values`.
pub(crate) fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| nan_first(*a, *b));
    let rank = quantile * (values.len() - 1) as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    let lower = lower as usize;
    let upper = (lower + 1).min(values.len() - 1);
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Ascending, NaN before everything.
pub(crate) fn nan_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Observations up to an upper bound, cumulative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper_bound: f64,
    pub(crate) count: f64,
}

/// Sorts buckets and joins those with equal bounds; `None` unless the last one has no upper bound.
fn tidy(buckets: &mut Vec<Bucket>) -> Option<()> {
    buckets.sort_by(|a, b| nan_first(a.upper_bound, b.upper_bound));
    if buckets.last()?.upper_bound != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|later, kept| {
        let same = later.upper_bound == kept.upper_bound;
        if same {
            kept.count += later.count;
        }
        same
    });
    Some(())
}

/// Differences below this share of the sum of both counts are noise of float arithmetic, not a decrease.
const COUNT_TOLERANCE: f64 = 1e-12;

/// Buckets that held less than the ones below them, and so were given as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forced {
    /// Upper bounds of the lowest and the highest one.
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// The most that was added.
    pub(crate) difference_max: f64,
}

/// Makes cumulative counts ascend; tells what took more than smoothing out float noise.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Forced> {
    let mut before = buckets[0].count;
    let mut forced: Option<Forced> = None;
    for bucket in &mut buckets[1..] {
        let distance = (bucket.count - before).abs();
        if distance == 0.0 {
            continue;
        }
        if distance / (bucket.count.abs() + before.abs()) < COUNT_TOLERANCE {
            bucket.count = before;
        } else if bucket.count < before {
            let bound = bucket.upper_bound;
            let known = forced.unwrap_or(Forced { lowest: bound, highest: bound, difference_max: 0.0 });
            let difference_max = known.difference_max.max(before - bucket.count);
            forced = Some(Forced { highest: bound, difference_max, ..known });
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

/// The φ-quantile of a classic histogram, linear within a bucket, and what had to be done to make its counts monotonic.
///
/// The lowest bucket begins at 0 when its bound is positive. In the highest bucket the answer is its lower bound.
pub(crate) fn bucket_quantile(quantile: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Forced>) {
    if quantile.is_nan() {
        return (f64::NAN, None);
    }
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, None);
    }
    if tidy(buckets).is_none() {
        return (f64::NAN, None);
    }
    let forced = make_monotonic(buckets);
    let highest = buckets.len() - 1;
    let observations = buckets[highest].count;
    if highest == 0 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, None);
    }
    let mut rank = quantile * observations;
    let at = buckets[..highest].partition_point(|bucket| bucket.count < rank);
    if at == highest {
        return (buckets[highest - 1].upper_bound, forced);
    }
    if at == 0 && buckets[0].upper_bound <= 0.0 {
        return (buckets[0].upper_bound, forced);
    }
    let (mut start, end, mut count) = (0.0, buckets[at].upper_bound, buckets[at].count);
    if at > 0 {
        start = buckets[at - 1].upper_bound;
        count -= buckets[at - 1].count;
        rank -= buckets[at - 1].count;
    }
    (start + (end - start) * (rank / count), forced)
}

/// The share of a classic histogram's observations between two values, linear within a bucket. A bucket without a finite
/// bound on one side counts as a whole, at its finite bound.
pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if tidy(buckets).is_none() {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |bound: f64| rank_of(bound, buckets).min(count);
    (rank(upper) - rank(lower)) / count
}

/// How many observations are below `bound`.
fn rank_of(bound: f64, buckets: &[Bucket]) -> f64 {
    let mut below = 0.0;
    let mut start = if buckets[0].upper_bound > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    for bucket in buckets {
        let end = bucket.upper_bound;
        if bound <= start {
            return below;
        }
        if bound < end {
            return match (start.is_finite(), end.is_finite()) {
                (true, true) => below + (bucket.count - below) * (bound - start) / (end - start),
                (false, true) => bucket.count,
                _ => below,
            };
        }
        (below, start) = (bucket.count, end);
    }
    below
}
