//! One immutable file of series with samples, of one tenant: written once from start to end, then only read.
//!
//! ```text
//! pages: values and time columns ► series ► dictionary of label pairs ► postings ► directories ► footer
//! ```
//!
//! The store flushes its head into such files ([`BlockWriter`]), asks them ([`Block`]) and merges small ones into larger
//! ones ([`merge`]) or into coarse ones ([`downsample`]). This crate knows nothing of folders full of blocks, of retention or of tenants. The bytes are drawn
//! in `docs/formats/block.md`.

mod bins;
mod buckets;
mod bytes;
mod chunk;
mod decimal;
mod dictionary;
mod error;
mod footer;
mod histograms;
mod labels;
mod merge;
mod output;
mod pack;
mod postings;
mod reader;
mod salvage;
mod section;
mod select;
mod series;
mod starts;
mod times;
mod values;
mod writer;

pub use buckets::{Bucket, Coarse};
pub use error::Error;
pub use footer::{BlockMeta, FOOTER_BYTES};
pub use labels::LabelWalk;
pub use merge::{Removed, downsample, merge, merge_without};
pub use reader::{Block, Codec, Inspection, LabelBytes, Part, RemoteFile};
pub use salvage::{Salvaged, salvage};
pub use series::LABELS_MAX;
pub use values::Effort;
pub use writer::{BlockWriter, SealedBlock, WriteOptions};

/// A chunk holds at most this many samples: bounds what one damaged count can make a reader allocate.
pub const CHUNK_SAMPLES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests;
