//! Samples from elsewhere, and to elsewhere.
//!
//! ```text
//!  blocks of Prometheus, Mimir, Thanos ─┐                        ┌─► Uploader ─► remote write requests
//!  text, OpenMetrics                    ├─► Receiver (series) ───┼─► JSON lines, CSV, OpenMetrics, Parquet
//!  JSON lines of VictoriaMetrics, CSV   │                        └─► whatever a caller does with series
//!  remote read, a store of this process ┘
//! ```
//!
//! A reader hands series to a [`Receiver`] in pieces of bounded size and says after which [`Point`] it could go on; a writer
//! is a receiver. So each format is read and written once, whatever stands at the other end.
//!
//! It knows the formats of files that other programs write, JSON among them, and nothing of HTTP and of our store: callers
//! hand in bytes and a [`Transport`].

mod block;
mod csv;
mod error;
mod jsonl;
mod lines;
mod open_metrics;
mod parquet;
mod receiver;
mod remote_read;
mod source;
mod text;
mod upload;

pub use block::{Block, BlockDirectory, Found, ReadAt, Skipped};
pub use csv::{CsvColumns, CsvReader, CsvWriter};
pub use error::Error;
pub use jsonl::{JsonLinesReader, JsonLinesWriter};
pub use lines::Lines;
pub use open_metrics::OpenMetricsWriter;
pub use parquet::ParquetWriter;
pub use receiver::{Labelled, Narrowed, Piece, Point, Receiver, Window};
pub use remote_read::{read_samples, read_stream};
pub use source::export;
pub use text::{TextOptions, TextReader};
pub use upload::{Counts, Protocol, Refused, Sent, Transport, UploadOptions, Uploader};
