//! Wire formats: how samples look on their way in and out, and nothing about the way itself.
//!
//! ```text
//!  remote_write   snappy + protobuf, as Prometheus, Alloy and vmagent send it      ──► series, samples, metadata
//!  remote_read    the same for questions, and answers as samples or as streamed XOR chunks
//!  chunk          samples of one series as bits, in streamed answers and in Prometheus' blocks
//!  exposition     text format 0.0.4 and OpenMetrics 1.0, as exporters show them    ──► entries, line by line
//!                 and both ways of writing samples for others to scrape: text and protobuf
//! ```
//!
//! Decoders are sans-I/O, borrow from the bytes that they are given, say where in them something is wrong, and never
//! panic on what a stranger sends. Called by the store (`tsdb`), the queue (`forward`) and the collector (`scrape`).

pub mod chunk;
pub mod exposition;
pub mod remote_read;
pub mod remote_write;
