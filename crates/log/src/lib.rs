//! Ordered, durable batches of bytes in a directory: the write-ahead log of the store and the queue of the agent.
//!
//! Appends gather in a group while the group before is written; one write and one `fdatasync` then serve all of them.
//! What a batch means is the caller's business. One process at a time owns a directory.
//!
//! ```text
//!  append ─► group ─► committer thread: write + fdatasync ─► 00000000000000000000.log   older segments
//!    │                        │                              00000000000134217900.log   the one written to
//!    └─► Commit ◄── done ─────┘                  read_from ◄────────┘   truncate_to deletes the oldest
//! ```
//!
//! The bytes on disk are drawn in `docs/formats/log.md`.

mod commit;
mod committer;
mod error;
mod log;
mod reader;
mod record;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;

pub use commit::Commit;
pub use error::{Error, ErrorKind};
pub use log::{Era, Log, Options, Stats, SyncPolicy};
pub use reader::{Entry, Reader};
pub use recovery::{Dropped, Recovery, scan_bytes};

/// A place in the log: the bytes of all records before it since the log began, record headers included and segment
/// headers not. It only grows, over segments and restarts; records that could not be kept leave a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);
