//! The PromQL evaluator: an expression and a source of series in, a value out. Semantics are those of Prometheus 3.
//!
//! ```text
//! Expr ─► Evaluator ─► Source::select ─► batches of series, on all cores:
//!                                        decode ─► window functions ─► columns ─► fold into groups
//! ```
//!
//! It works on columns: the steps of a query make a grid, and a series is one array with a cell for each step. Each series
//! is decoded once. An aggregation over selected series folds while they are decoded, so its memory follows groups × steps and
//! not series × steps. Every cost has a bound ([`EngineOptions`], [`QueryContext`]).
//!
//! The crate knows nothing of disks, HTTP or JSON.

mod account;
mod aggregate;
mod annotation;
mod binary;
mod budget;
mod durations;
mod engine;
mod error;
mod eval;
mod functions;
mod grid;
mod keys;
mod narrow;
mod number;
mod options;
mod quantile;
mod range;
mod series;
mod tally;
mod value;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use account::SampleCounts;
pub use annotation::{Annotation, Severity};
pub use budget::{QueryProgress, QueryStats};
pub use engine::Engine;
pub use error::{QueryError, QueryErrorKind};
pub use options::{EngineOptions, QueryContext};
pub use value::{MatrixSeries, QueryOutput, SampleValue, Value, VectorSample};
