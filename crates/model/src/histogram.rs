//! Native histograms with float counts, and how they are calculated with.
//!
//! Source of all behaviour here: the Prometheus specification of native histograms and upstream's `model/histogram`.

mod arithmetic;
mod bounds;
mod buckets;
mod reset;
mod side;
mod sum;
mod text;
mod trim;

#[cfg(test)]
mod tests;

pub use buckets::Bucket;
pub use side::BucketSpan;
pub use sum::{HistogramSum, IncompatibleHistograms, Joined};

/// What is known about a counter reset between this histogram and the one before. Source: Prometheus' histogram model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing is known: look at the buckets.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// A gauge histogram: resets have no meaning.
    Gauge,
}

/// A histogram with sparse buckets. Exponential for schemas -4 to 8: bucket i ends at 2^(i × 2^-schema); with custom
/// bounds for schema -53.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatHistogram {
    /// Counter reset hint.
    pub reset_hint: ResetHint,
    /// Resolution.
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observed values. The stale marker here makes the whole sample one.
    pub sum: f64,
    /// Runs of positive buckets.
    pub positive_spans: Vec<BucketSpan>,
    /// Their counts (absolute, not deltas).
    pub positive_buckets: Vec<f64>,
    /// Runs of negative buckets.
    pub negative_spans: Vec<BucketSpan>,
    /// Their counts (absolute, not deltas).
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of the buckets for schema -53; empty otherwise.
    pub custom_bounds: Vec<f64>,
}

impl FloatHistogram {
    /// The schema of histograms whose buckets have bounds of their own.
    pub const CUSTOM_BUCKETS: i32 = -53;

    /// The exponential schemas, from the coarsest to the finest.
    pub const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

    /// Whether the buckets have bounds of their own.
    #[must_use]
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == Self::CUSTOM_BUCKETS
    }

    /// The sample that says "this series has ended here".
    #[must_use]
    pub fn stale() -> Self {
        Self { sum: crate::STALE_NAN, ..Self::default() }
    }

    /// Whether it is the stale marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        crate::is_stale(self.sum)
    }

    /// Whether both say the same of what was observed, bit for bit; hints do not count.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let numbers = |h: &Self| [h.count, h.sum, h.zero_threshold, h.zero_count].map(f64::to_bits);
        let side =
            |entries: Vec<(i32, f64)>| entries.into_iter().map(|(index, count)| (index, count.to_bits())).collect();
        let sides = |h: &Self| -> [Vec<(i32, u64)>; 2] { [side(h.positive()), side(h.negative())] };
        self.schema == other.schema
            && numbers(self) == numbers(other)
            && self.custom_bounds == other.custom_bounds
            && sides(self) == sides(other)
    }
}
