//! What the engines ask of a file system, behind a trait, so that a test can stop the process at every step, fill the disk,
//! or cut the power.
//!
//! ```text
//! log, block, tsdb ──► Disk ◄── OsDisk       the machine's file system
//!                           ◄── CrashDisk    that, and the end of the process at a named operation
//!                           ◄── SimDisk      a real directory that fills up and loses what was not synced
//! ```
//!
//! Everything that changes files goes this way. Finished files, which never change, are read straight from the machine: all
//! disks keep real files.

mod crash;
mod files;
mod os;
mod sim;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;

pub use crash::{CrashDisk, CrashPoint, CrashPointError};
pub use files::{is_full, remedy, remove_if_there, remove_tree, write_all_at, write_file};
pub use os::OsDisk;
pub use sim::{Fault, SimDisk};

/// A file system.
///
/// # Errors
/// All methods give those of the operating system.
pub trait Disk: Send + Sync + Debug {
    /// Creates a directory.
    ///
    /// # Errors
    /// When it is there already, among others.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a directory, in any order; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Those of the operating system.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Creates an empty file, or empties it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and cutting.
    ///
    /// # Errors
    /// Those of the operating system.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, in place of what has that name.
    ///
    /// # Errors
    /// Those of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// Those of the operating system.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Deletes an empty directory.
    ///
    /// # Errors
    /// When it is not empty, among others.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes created, renamed and deleted names of a directory durable.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks a file against other processes until the guard is dropped; `None` when another one has it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;

    /// Makes a directory and those above it, each durable; what is there already stays as it is.
    ///
    /// # Errors
    /// Those of the operating system, and when a file is in the way.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir_all(parent)?;
        }
        match self.create_dir(dir) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => Err(source),
            _ => self.sync_dir(parent.unwrap_or(Path::new("."))).inspect_err(|_| {
                // Found there the next time, it would be taken for durable.
                let _ = self.remove_dir(dir);
            }),
        }
    }
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// Those of the operating system, as for all methods here.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads some bytes from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes at `offset` and says how many.
    ///
    /// # Errors
    /// Those of the operating system.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts or extends it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes what was written durable (`fdatasync`).
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync(&self) -> io::Result<()>;
}
