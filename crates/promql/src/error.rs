//! Why a query gave no result.

use bongsu_model::{SourceError, SourceErrorKind};

/// What the caller can do about a failed query; each kind has its own place in the HTTP API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryErrorKind {
    /// The expression or the time range does not make sense: write another one.
    BadData,
    /// The expression is fine, the data does not fit it: labels that match many to many, for instance.
    Execution,
    /// A bound was hit: ask for less, or raise the limit that the text names.
    Limit,
    /// The deadline passed.
    Timeout,
    /// The caller went away.
    Canceled,
    /// The store cannot answer now.
    Unavailable,
}

/// A failed query. The texts of common cases are those of Prometheus, because people search for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What the caller can do.
    pub kind: QueryErrorKind,
    /// What happened, for people.
    pub message: String,
}

impl QueryError {
    pub(crate) fn new(kind: QueryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::BadData, message)
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::Execution, message)
    }

    pub(crate) fn same_labelset() -> Self {
        Self::execution("vector cannot contain metrics with the same labelset")
    }

    pub(crate) fn too_many_samples() -> Self {
        Self::new(QueryErrorKind::Limit, "query processing would load too many samples into memory in query execution")
    }
}

impl From<SourceError> for QueryError {
    fn from(error: SourceError) -> Self {
        let kind = match error.kind {
            SourceErrorKind::Limit => QueryErrorKind::Limit,
            _ => QueryErrorKind::Unavailable,
        };
        Self::new(kind, error.message)
    }
}

impl From<bongsu_syntax::DurationError> for QueryError {
    fn from(error: bongsu_syntax::DurationError) -> Self {
        Self::bad_data(error.to_string())
    }
}
