//! Why a backup could not be taken or restored.

use std::path::Path;

/// Why a backup could not be taken or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system or the target.
    #[error("cannot {action} {what}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not those that were written.
    #[error("{what} is damaged: {reason}")]
    Corrupt {
        /// Which file of the target.
        what: String,
        /// What was expected.
        reason: String,
    },
    /// Written by a later version of this program.
    #[error("{what} has version {version}, this program reads version 1")]
    Version {
        /// Which file of the target.
        what: String,
        /// Its version.
        version: String,
    },
    /// The directory to restore to has something in it.
    #[error("{0} is not empty: restore to a directory that is empty or not there")]
    NotEmpty(String),
    /// The target has no backup, or none of the name.
    #[error("there is no backup{0}")]
    Missing(String),
    /// A file cannot stand in a manifest.
    #[error("{0:?} cannot be backed up: its name has a line break or is not UTF-8")]
    Name(String),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        Self::of_key(action, &path.display().to_string())
    }

    pub(crate) fn of_key(action: &'static str, key: &str) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let what = key.to_owned();
        move |source| Self::Io { action, what, source }
    }

    pub(crate) fn corrupt(what: &str, reason: impl Into<String>) -> Self {
        Self::Corrupt { what: what.to_owned(), reason: reason.into() }
    }
}
