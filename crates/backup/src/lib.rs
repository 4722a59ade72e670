//! Backups: files go to a target that keeps each content once, and come back checked.
//!
//! ```text
//! sections (a name, a directory) ─► take ─► objects/<digest>, manifests/<time> ─► restore ─► an empty directory
//! ```
//!
//! A file that the last manifest knows by name, size and time is not read again; one whose content the target has is not
//! sent again. What the files mean is not known here: who calls names the sections, and sees to it that their files do not
//! change meanwhile. The target's files are drawn in `docs/formats/backup.md`.

mod copy;
mod digest;
mod error;
mod manifest;
mod prune;
mod restore;
mod take;
mod target;

pub use digest::Digest;
pub use error::Error;
pub use manifest::{Entry, Manifest, manifests, newest};
pub use prune::prune;
pub use restore::{Restored, restore};
pub use take::{Section, Taken, take};
pub use target::{Folder, Target};

/// Told while bytes are read: those that are done, and of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
