//! Looking at a data directory without running it: what `bongsu tsdb` is made of.
//!
//! Listing and checking only read, so that they may be done beside a running server; a file that a merge deletes meanwhile
//! is passed over. Repairing needs the directory for itself.

mod check;
mod list;
mod repair;

pub(crate) use check::is_sound;

pub use check::{Check, CheckKind, check, checks};
pub use list::{BlockFile, BlockSpan, block_files, is_data_dir};
pub use repair::{Fixed, Repair};
