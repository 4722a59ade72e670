//! Why a block could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a block could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} block {path:?}: {source}{}", bongsu_disk::remedy(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The bytes are not those that were written.
    #[error("block {path:?} is damaged: section {section}, byte {offset}: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The part of the file, in the words of `docs/formats/block.md`.
        section: &'static str,
        /// Bytes from the start of the (decompressed) section; for the footer and for pages from the start of the
        /// file, and in pages no finer than to the chunks of one series.
        offset: u64,
        /// What was expected.
        reason: &'static str,
    },
    /// Written by a later version of this program.
    #[error(
        "block {path:?} has format version {version}, this program reads versions 1 to {supported}: start the newer one that \
         wrote it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The last one that is understood.
        supported: u32,
    },
    /// The caller pushed something that a block cannot hold.
    #[error("cannot store series {series} in a block: {reason}")]
    Input {
        /// The labels.
        series: String,
        /// The rule that was broken.
        reason: &'static str,
    },
    /// The caller wanted no more of it.
    #[error("writing block {path:?} was cancelled")]
    Cancelled {
        /// The file.
        path: PathBuf,
    },
    /// A bound of the format was reached.
    #[error("block {path:?} is full: {what}")]
    Full {
        /// The file.
        path: PathBuf,
        /// The bound.
        what: &'static str,
    },
}

impl Error {
    /// For `map_err` on I/O results.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Where decoding of a slice stopped and what was expected there; becomes [`Error::Corrupt`] when file and section are
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Bytes from the start of the slice.
    pub at: usize,
    /// What was expected.
    pub reason: &'static str,
}

impl Damage {
    /// Damage at a place.
    pub(crate) fn at(at: usize, reason: &'static str) -> Self {
        Self { at, reason }
    }

    /// The error for a slice that starts `base` bytes into a section.
    pub(crate) fn in_section(self, path: &Path, section: &'static str, base: u64) -> Error {
        Error::Corrupt { path: path.to_owned(), section, offset: base + self.at as u64, reason: self.reason }
    }
}
