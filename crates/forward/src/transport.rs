//! The way to the centre, handed in.

use bytes::Bytes;

/// One remote_write request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a str,
    /// All header lines except those of HTTP itself and `Authorization`, which is the transport's.
    pub headers: &'a [(String, String)],
    /// The snappy block; a clone costs nothing.
    pub body: Bytes,
}

/// The answer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` asks for, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
    /// The beginning of the answer's text, for the log.
    pub body_excerpt: String,
}

/// Why there is no answer. It is always worth another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

/// Sends requests: blocking, called on the threads of the sender, one call per shard at a time. It owns the timeout.
pub trait Transport: Send + Sync {
    /// Sends one request and waits for the answer.
    ///
    /// # Errors
    /// When there is none. An HTTP error status is an answer.
    fn send(&self, request: Request<'_>) -> Result<Response, TransportError>;
}
