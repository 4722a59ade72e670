//! Why the log could not do something.

use std::io;
use std::path::Path;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No space is left: free some; the log goes on by itself then.
    DiskFull,
    /// The disk failed: the next append tries a fresh segment.
    Io,
    /// Another process owns the directory.
    Locked,
    /// A segment was written by another version of the program: use that one.
    Version,
    /// The record is larger than [`crate::Options::record_bytes_max`].
    TooLarge,
    /// The log has been closed.
    Closed,
}

/// Why the log could not do something. It can be cloned because one failed write fails every append of its group.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the caller can do.
    pub kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of the operating system, with what was tried and where.
    pub(crate) fn io(what: &str, path: &Path, source: &io::Error) -> Self {
        let kind = if bongsu_disk::is_full(source) { ErrorKind::DiskFull } else { ErrorKind::Io };
        let remedy = bongsu_disk::remedy(source);
        Self { kind, message: format!("cannot {what} {}: {source}{remedy}", path.display()) }
    }

    pub(crate) fn locked(path: &Path) -> Self {
        let message = format!(
            "directory is in use by another process, which holds the lock {}: stop that one, or use another directory",
            path.display()
        );
        Self { kind: ErrorKind::Locked, message }
    }

    pub(crate) fn version(path: &Path) -> Self {
        let message = format!(
            "log segment {} has another version than 1, the only one known here: start the newer Bongsu that wrote it",
            path.display()
        );
        Self { kind: ErrorKind::Version, message }
    }

    pub(crate) fn too_large(bytes: usize, bytes_max: usize) -> Self {
        let message = format!("record of {bytes} bytes is larger than the {bytes_max} bytes that the log takes");
        Self { kind: ErrorKind::TooLarge, message }
    }

    pub(crate) fn closed() -> Self {
        Self { kind: ErrorKind::Closed, message: "log is closed".to_owned() }
    }
}
