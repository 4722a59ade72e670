//! Why a queue could not be opened.

use std::path::PathBuf;

/// Why a queue could not be opened or its cursor not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The queue's files.
    #[error("queue: {0}")]
    Log(#[from] bongsu_log::Error),
    /// The file that says how far the queue has been sent.
    #[error("cannot {what} cursor file {}: {source}", path.display())]
    Cursor {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A sender thread could not be started.
    #[error("cannot start a sender thread: {0}")]
    Thread(std::io::Error),
}
