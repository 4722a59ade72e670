//! What a query gives back.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels, Sample};

use crate::account::SampleCounts;
use crate::annotation::Annotation;
use crate::budget::QueryStats;

/// The result of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number, of an instant query.
    Scalar(Sample),
    /// A text, of an instant query.
    String {
        /// The time of the query.
        timestamp_ms: i64,
        /// The text.
        text: String,
    },
    /// One sample for each series, of an instant query. The order is that of the evaluation; only `sort` and its kin,
    /// `topk` and `bottomk` promise one.
    Vector(Vec<VectorSample>),
    /// Samples of each series: of a range query, sorted by labels, or of an instant query for a range vector.
    Matrix(Vec<MatrixSeries>),
}

/// One sample of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// Time of the evaluation, milliseconds.
    pub timestamp_ms: i64,
    /// The value.
    pub value: SampleValue,
}

/// A float or a native histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A histogram; the same one may stand in several places.
    Histogram(Arc<FloatHistogram>),
}

/// Samples of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSeries {
    /// The series.
    pub labels: Labels,
    /// Times of floats, ascending, milliseconds.
    pub timestamps_ms: Vec<i64>,
    /// One float for each time.
    pub values: Vec<f64>,
    /// Native histograms with their times, ascending; none of these times is that of a float.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

/// The result of a query with what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryOutput {
    /// The result.
    pub value: Value,
    /// Remarks, warnings first, each once.
    pub annotations: Vec<Annotation>,
    /// What the query has used.
    pub stats: QueryStats,
    /// The samples as Prometheus counts them, if the query was to count them.
    pub counts: Option<SampleCounts>,
}
