//! Prometheus remote read: a snappy block around a protobuf `prometheus.ReadRequest`, answered in one of two ways.
//!
//! ```text
//!  ReadRequest          1: Query*            2: accepted response types
//!  Query                1: start (ms)  2: end (ms)  3: LabelMatcher*  4: hints, not read
//!  LabelMatcher         1: type  2: name  3: value
//!
//!  SAMPLES              snappy block of a ReadResponse: 1: QueryResult* { 1: TimeSeries* }, one result for each query
//!  STREAMED_XOR_CHUNKS  frames: length (varint) │ crc32c of the message <4, big endian> │ ChunkedReadResponse
//!  ChunkedReadResponse  1: ChunkedSeries* { 1: Label*  2: Chunk* }   2: index of the query
//!  Chunk                1: first time (ms)  2: last time (ms)  3: encoding, 1 XOR, 3 float histograms  4: data
//! ```
//!
//! Native histograms stand in both, with float counts. Sources: Prometheus' `prompb/remote.proto` and `types.proto`,
//! `storage/remote/chunked.go`.

mod answer;
mod ask;
mod bits;
mod decode;
mod encode;
mod histogram_chunk;
pub(crate) mod xor;

#[cfg(test)]
mod chunk_tests;
#[cfg(test)]
mod tests;

pub use crate::remote_write::{DecodeError, compress, decompress};
pub use answer::{AnswerError, FRAME_BYTES_ACCEPTED_MAX, FramedLabels, check_frame, read_frame, read_response};
pub use ask::encode_request;
pub use decode::{Query, ReadRequest, RequestError, ResponseType};
pub use encode::{FRAME_BYTES_MAX, ReadResponseBuilder, StreamedSeries};
