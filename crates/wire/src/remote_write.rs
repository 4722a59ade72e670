//! Prometheus remote write: a snappy block around a protobuf message, `prometheus.WriteRequest` for 1.0. The message of 2.0
//! is in [`v2`].
//!
//! ```text
//!  WriteRequest  1: TimeSeries*              3: MetricMetadata*
//!  TimeSeries    1: Label*  2: Sample*  3: Exemplar*  4: Histogram*
//!  Label         1: name    2: value
//!  Sample        1: value (double)           2: timestamp (int64, milliseconds)
//!  Metadata      1: type    2: metric family 4: help  5: unit
//! ```
//!
//! The walk is written by hand: it allocates nothing, reads each byte of framing once, and leaves labels as the raw
//! bytes that came, because a store compares those instead of parsing them. Source: the remote write 1.0 specification
//! and Prometheus' `prompb`.

pub(crate) mod cursor;
mod decode;
pub(crate) mod encode;
mod exemplar;
pub(crate) mod histogram;
mod metadata;
mod snappy;
#[cfg(test)]
mod tests;
pub mod v2;
mod walk;

pub use decode::{Item, Labels, Samples, TimeSeries, WriteRequest, labels_of_span};
pub use encode::{SeriesData, WriteRequestBuilder};
pub use exemplar::{ExemplarError, Exemplars};
pub use histogram::{HistogramError, HistogramSample, Histograms};
pub use metadata::Metadata;
pub use snappy::{compress, decompress};

/// Why bytes are not a remote write request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body would be larger than allowed once decompressed: a matter of limits, not of form.
    #[error("request body of {declared_bytes} bytes after decompression is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The length that the snappy block declares.
        declared_bytes: u64,
        /// The limit that was passed in.
        bytes_max: u64,
    },
    /// Not a snappy block.
    #[error("request body is not a valid snappy block: {reason}")]
    Snappy {
        /// What the decompressor says.
        reason: String,
    },
    /// Not the protobuf message that was expected.
    #[error("{what} at byte {offset_bytes} of the decoded body")]
    Malformed {
        /// What is wrong, such as `truncated varint`.
        what: &'static str,
        /// Where, counted from the start of the bytes that were handed in.
        offset_bytes: usize,
    },
}
