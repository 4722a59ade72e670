//! Quantiles and fractions of native histograms.
//!
//! Within a bucket, observations are taken to be spread as the buckets are: exponentially, but linearly in custom buckets and around zero.

use bongsu_model::{Bucket, FloatHistogram};

/// A number made of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NativeResult {
    pub(crate) value: f64,
    /// The histogram counts observations of NaN, which are in no bucket.
    pub(crate) ignores_nans: bool,
}

impl NativeResult {
    fn plain(value: f64) -> Self {
        Self { value, ignores_nans: false }
    }
}

/// The φ-quantile. Observations of NaN count as greater than all others.
pub(crate) fn native_quantile(quantile: f64, histogram: &FloatHistogram) -> NativeResult {
    if quantile < 0.0 {
        return NativeResult::plain(f64::NEG_INFINITY);
    }
    if quantile > 1.0 {
        return NativeResult::plain(f64::INFINITY);
    }
    if histogram.count == 0.0 || quantile.is_nan() {
        return NativeResult::plain(f64::NAN);
    }
    // From the nearer end, so that less is added up; but NaNs would be at the upper one.
    let forward = histogram.sum.is_nan() || quantile < 0.5;
    let mut rank = histogram.count * if forward { quantile } else { 1.0 - quantile };
    let mut buckets = histogram.buckets();
    if !forward {
        buckets.reverse();
    }
    let (mut count, mut at) = (0.0, 0);
    for (place, bucket) in buckets.iter().enumerate() {
        at = place;
        count += bucket.count;
        if bucket.count != 0.0 && count >= rank {
            break;
        }
    }
    let Some(&found) = buckets.get(at) else {
        return NativeResult::plain(0.0);
    };
    if histogram.has_custom_buckets() {
        match (found.lower, found.upper) {
            (f64::NEG_INFINITY, upper) if upper <= 0.0 => return NativeResult::plain(upper),
            (lower, f64::INFINITY) if lower != f64::NEG_INFINITY => return NativeResult::plain(lower),
            _ => {}
        }
    }
    let bucket = without_other_side(found, histogram);
    count = count.min(histogram.count);
    if count < rank {
        // Only observations of NaN are in no bucket.
        let is_nan = histogram.sum.is_nan();
        return NativeResult { value: if is_nan { f64::NAN } else { bucket.upper }, ignores_nans: is_nan };
    }
    rank = if forward { rank - (count - bucket.count) } else { count - rank };
    let all: f64 = count + buckets[at + 1..].iter().map(|bucket| bucket.count).sum::<f64>();
    let ignores_nans = histogram.sum.is_nan() && all < histogram.count;
    NativeResult { value: value_at(rank / bucket.count, &bucket, histogram), ignores_nans }
}

/// The zero bucket without the side on which nothing was observed; a lowest custom bucket that ends above zero begins there.
fn without_other_side(mut bucket: Bucket, histogram: &FloatHistogram) -> Bucket {
    if histogram.has_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
            bucket.lower = 0.0;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        match (histogram.negative_buckets.is_empty(), histogram.positive_buckets.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }
    bucket
}

/// The value below which a share of a bucket's observations lies.
fn value_at(share: f64, bucket: &Bucket, histogram: &FloatHistogram) -> f64 {
    let (lower, upper) = (bucket.lower, bucket.upper);
    if histogram.has_custom_buckets() || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * share;
    }
    let (lower_log, upper_log) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        (lower_log + (upper_log - lower_log) * share).exp2()
    } else {
        -(upper_log + (lower_log - upper_log) * (1.0 - share)).exp2()
    }
}

/// The share of observations between two values. Those of NaN are between none.
pub(crate) fn native_fraction(lower: f64, upper: f64, histogram: &FloatHistogram) -> NativeResult {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return NativeResult::plain(f64::NAN);
    }
    if lower >= upper {
        return NativeResult::plain(0.0);
    }
    let buckets = histogram.buckets();
    let in_buckets: f64 = buckets.iter().map(|bucket| bucket.count).sum();
    let observed = if histogram.sum.is_nan() { in_buckets } else { histogram.count };
    let rank = |value: f64| rank_of(value, &buckets, histogram).filter(|rank| *rank <= observed).unwrap_or(observed);
    let value = (rank(upper) - rank(lower)) / histogram.count;
    NativeResult { value, ignores_nans: histogram.sum.is_nan() && in_buckets < histogram.count }
}

/// How many observations are below a value; `None` when it is beyond all buckets.
fn rank_of(value: f64, buckets: &[Bucket], histogram: &FloatHistogram) -> Option<f64> {
    let mut rank = 0.0;
    for original in buckets {
        let bucket = without_other_side(*original, histogram);
        if bucket.lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            let linear = histogram.has_custom_buckets() || (original.lower <= 0.0 && original.upper >= 0.0);
            return Some(if linear {
                linear_rank(rank, value, &bucket)
            } else {
                rank + bucket.count * share_below(value, &bucket)
            });
        }
        rank += bucket.count;
    }
    None
}

/// Nothing is known about where in a bucket without a lower bound observations are, so it counts as a whole.
fn linear_rank(rank: f64, value: f64, bucket: &Bucket) -> f64 {
    if bucket.lower == f64::NEG_INFINITY {
        return bucket.count;
    }
    rank + bucket.count * (value - bucket.lower) / (bucket.upper - bucket.lower)
}

/// The share of an exponential bucket's observations that are below a value in it.
fn share_below(value: f64, bucket: &Bucket) -> f64 {
    let [lower, upper, at] = [bucket.lower, bucket.upper, value].map(|bound| bound.abs().log2());
    if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
}
