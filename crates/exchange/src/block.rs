//! Blocks of Prometheus' storage, which Mimir and Thanos have, too. Source: `tsdb/docs/format` of Prometheus.
//!
//! ```text
//!  01HF2…/meta.json        time range, counts; Thanos: external labels, resolution
//!         index            symbols, series with the places of their chunks, postings, table of contents
//!         chunks/000001 …  chunks, each with a checksum
//!         tombstones       deleted stretches of series
//! ```
//!
//! A block is read in the order of its series, which is that of their labels: the symbols are held in memory, everything else
//! goes by. Every checksum is checked; every count is held against the bytes that are left.

mod bytes;
mod chunks;
mod directory;
mod index;
mod meta;
mod reader;
mod series;
mod symbols;
#[cfg(test)]
mod tests;
mod tombstones;

pub use bytes::ReadAt;
pub use directory::{BlockDirectory, Found, Skipped};
pub use reader::Block;
