//! Buckets with the values at which they begin and end.

use super::FloatHistogram;
use super::bounds::FRACTIONS;

/// Observations between two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether an observation of exactly `lower` is in it.
    pub lower_inclusive: bool,
    /// Whether an observation of exactly `upper` is in it.
    pub upper_inclusive: bool,
    /// How many observations there are.
    pub count: f64,
}

impl FloatHistogram {
    /// All buckets from the lowest to the highest, the zero bucket among them if it is not empty. Where a bucket overlaps with the zero
    /// bucket, it begins or ends at the zero threshold.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut all = self.negative_buckets();
        all.reverse();
        if self.zero_count > 0.0 && !self.has_custom_buckets() {
            all.push(self.zero_bucket());
        }
        all.extend(self.positive_buckets());
        for bucket in &mut all {
            if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
                bucket.upper = -self.zero_threshold;
            } else if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
                bucket.lower = self.zero_threshold;
            }
        }
        all
    }

    /// The positive buckets, ascending; those of custom bounds are all positive.
    #[must_use]
    pub fn positive_buckets(&self) -> Vec<Bucket> {
        self.positive().into_iter().map(|(index, count)| self.positive_bucket(index, count)).collect()
    }

    /// The negative buckets, away from zero.
    #[must_use]
    pub fn negative_buckets(&self) -> Vec<Bucket> {
        let bucket = |(index, count)| Bucket {
            lower: -exponential_bound(index, self.schema),
            upper: -exponential_bound(index.wrapping_sub(1), self.schema),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        };
        self.negative().into_iter().map(bucket).collect()
    }

    /// The bucket around zero.
    #[must_use]
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = if self.has_custom_buckets() {
            (custom_bound(index.wrapping_sub(1), &self.custom_bounds), custom_bound(index, &self.custom_bounds))
        } else {
            (exponential_bound(index.wrapping_sub(1), self.schema), exponential_bound(index, self.schema))
        };
        let lower_inclusive = self.has_custom_buckets() && index == 0;
        Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count }
    }
}

/// The upper bound of a bucket with bounds of its own: the last one has none.
pub(super) fn custom_bound(index: i32, bounds: &[f64]) -> f64 {
    match usize::try_from(index) {
        Ok(place) => bounds.get(place).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// The upper bound of an exponential bucket. The highest finite one is the greatest float.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let exponent = i64::from(index) << schema.unsigned_abs().min(16);
        return if exponent == 1024 { f64::MAX } else { power_of_two(exponent) };
    }
    let schema = schema.min(8);
    let place = index & ((1 << schema) - 1);
    let fraction = FRACTIONS[(place as usize) << (8 - schema)];
    let exponent = i64::from(index >> schema) + 1;
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    // In two steps: 2^exponent alone may be too great while the product is not.
    fraction * 2.0 * power_of_two(exponent - 1)
}

/// 2^exponent, 0 below and infinite above all floats.
fn power_of_two(exponent: i64) -> f64 {
    let halved = exponent.clamp(-2200, 2200) / 2;
    let rest = exponent.clamp(-2200, 2200) - halved;
    2_f64.powi(halved as i32) * 2_f64.powi(rest as i32)
}
