//! The store: takes in remote write requests, keeps them durable, answers which series there are and what their samples
//! are, for many tenants.
//!
//! ```text
//!  write ─► decode, check ─► series table ─► log (durable) ─► head ─┐ every few minutes
//!                                                                   ▼
//!  select ◄── merged by labels ◄── head + frozen + blocks ◄──── flush ─► blocks ─► merge ─► retention
//! ```
//!
//! It knows nothing of HTTP and of PromQL. Its files are drawn in `docs/formats/data-directory.md`. The server calls
//! [`Store::write`], [`Store::reader`] and, each from a thread of its own, [`Store::maintain`] and [`Store::merge_once`].

mod options;
mod store;

mod batch;
mod entry;
mod rate;
mod record;
mod refs;
mod replay;
mod tenant;
mod tenants;

mod chunk;
mod ha;
mod head;
mod index;
mod lateness;
mod span;
mod table;

pub mod offline;

mod blocks;
mod departure;
mod downsample;
mod files;
mod flush;
mod merge;
mod metadata;
mod pace;
mod partition;
mod progress;
mod retention;
mod snapshot;
mod tombstones;

mod tier;

mod error;
mod exemplars;
mod holdings;
mod index_check;
mod reader;
#[doc(hidden)]
pub mod stages;
mod stats;

pub use departure::Receipt;
pub use error::{Error, RejectReason, Rejected, WriteError, WriteErrorKind};
pub use holdings::{HeldBlock, Holdings, Place};
pub use options::{Downsampling, DownsamplingLevel, Limits, MergePace, Options, Pairs, RetentionRule, TenantRetention};
pub use progress::MergeProgress;
pub use reader::{Counted, HeadStats, Reader};
pub use record::Protocol;
pub use snapshot::{BACKUP_END, BackupLock};
pub use stats::Stats;
pub use store::{Maintained, OpenReport, Store, Written};
pub use tier::{BucketOptions, BucketStats};
