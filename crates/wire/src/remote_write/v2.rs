//! The message of Prometheus remote write 2.0, `io.prometheus.write.v2.Request`: every text stands once, in a table.
//!
//! ```text
//!  Request      4: symbol* (string; the first one is "")     5: TimeSeries*
//!  TimeSeries   1: label refs (packed uint32: name, value, name, value, …)   2: Sample*   3: Histogram*   4: Exemplar*
//!               5: Metadata   6: created timestamp (of drafts of the specification; samples have their own since)
//!  Sample       1: value (double)   2: timestamp (int64, ms)   3: start timestamp (int64, ms; 0: none)
//!  Exemplar     1: label refs       2: value (double)          3: timestamp (int64, ms)
//!  Metadata     1: type             3: help ref                4: unit ref
//! ```
//!
//! A request's framing is checked as the walk goes; that references lead somewhere is checked series by series, so that
//! one bad series does not take the rest with it. Source: the remote write 2.0 specification and Prometheus' `prompb`.

mod decode;
mod encode;
mod points;
mod symbols;
#[cfg(test)]
mod tests;

pub use decode::{Request, SeriesIter, TimeSeries};
pub use encode::RequestBuilder;
pub use points::{Exemplars, Sample, Samples};
pub use symbols::{LabelPairs, SymbolError};
