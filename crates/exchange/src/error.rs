//! Why samples could not be read or handed on.

use std::path::Path;

/// Why an import or an export ended early. What was handed on before stays handed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a stream cannot be read or written.
    #[error("cannot {action} {place}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Bytes of a file are not what its format says.
    #[error("{file}, byte {offset}: {message}")]
    Damaged {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What was expected and what was found.
        message: String,
    },
    /// A line of a text is not what its format says.
    #[error("line {line}: {message}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What was expected and what was found.
        message: String,
    },
    /// Another server's answer is not what was asked for.
    #[error("answer of the server: {0}")]
    Answer(String),
    /// The receiving side does not take it, or has not after many tries.
    #[error("{0}")]
    Target(String),
    /// A source in this process.
    #[error("{0}")]
    Source(#[from] bongsu_model::SourceError),
    /// The caller asked for the end.
    #[error("stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let place = path.display().to_string();
        move |source| Self::Io { action, place, source }
    }

    pub(crate) fn damaged(file: &str, offset: u64, message: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, message: message.into() }
    }
}
