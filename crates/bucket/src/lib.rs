//! Objects somewhere else: in S3 (and what speaks it), Google Cloud Storage, Azure or a folder.
//!
//! ```text
//! engine (synchronous) ─► Bucket: retries, "unavailable since", counts ─► Backend ─► object_store on a runtime of its own
//!                                                                            └ Faults, Memory (tests): errors, waits, short reads
//! ```
//!
//! It knows keys and bytes, and nothing of blocks or tenants. It is no file system: an object is put as a whole, read by
//! ranges, listed and deleted.

mod backend;
mod bucket;
mod cloud;
mod config;
mod error;
#[cfg(feature = "faults")]
mod faults;
mod health;
#[cfg(feature = "faults")]
mod memory;
mod open;

pub use backend::{Backend, Object};
pub use bucket::{Bucket, Stats};
pub use config::{BucketConfig, Place};
pub use error::{Error, ErrorKind};
#[cfg(feature = "faults")]
pub use faults::{FaultPlan, Faults};
#[cfg(feature = "faults")]
pub use memory::Memory;
