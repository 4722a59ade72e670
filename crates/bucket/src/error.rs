//! Why a bucket could not do something.

/// See the module's text. The message names the bucket and the object.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the caller can do.
    pub kind: ErrorKind,
    message: String,
}

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such object.
    Absent,
    /// The credentials are missing, wrong or not enough: people have to act.
    Denied,
    /// Not reachable, too slow or overloaded: try again later.
    Unavailable,
    /// The answer is not what was asked for, as with fewer bytes than the object has.
    Corrupt,
    /// The settings cannot work.
    Invalid,
    /// A bound was met: an object is larger, or there are more, than the caller takes.
    Limit,
    /// A local file could not be read.
    Local,
}

impl Error {
    /// An error with a message for people.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Whether the same call may succeed soon without anybody's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Corrupt)
    }

    /// The same with words before it.
    pub(crate) fn within(self, context: &str) -> Self {
        Self { kind: self.kind, message: format!("{context}: {}", self.message) }
    }
}
