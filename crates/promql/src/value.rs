//! What a query gives back.

use bongsu_model::{Labels, Sample};

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
    pub value: f64,
}

/// Samples of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSeries {
    /// The series.
    pub labels: Labels,
    /// Times, ascending, milliseconds.
    pub timestamps_ms: Vec<i64>,
    /// One value for each time.
    pub values: Vec<f64>,
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
}
