//! Native histograms with float counts.
//!
//! The types are here so that buffers, evaluator and store are laid out for them; what computes with them comes with the
//! native histogram work.

/// What is known about a counter reset between this histogram and the one before. Source: Prometheus' histogram model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// A run of buckets that are next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSpan {
    /// Buckets between the end of the span before (or bucket 0) and the start of this one.
    pub offset: i32,
    /// The number of buckets in the run.
    pub length: u32,
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
    /// Sum of all observed values.
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
