//! How bodies are fetched, behind a trait.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::config::HttpConfig;
use crate::error::ScrapeError;

/// A GET of a target's metrics.
#[derive(Clone, Debug)]
pub struct Request {
    /// The job that the target belongs to.
    pub job: String,
    /// Where to; schemes other than `http` and `https` are the fetcher's own business.
    pub url: String,
    /// All headers, authentication included.
    pub headers: Vec<(String, String)>,
    /// When the caller stops waiting.
    pub timeout: Duration,
    /// A body larger than this, as sent, is to be refused with [`FetchError::TooLarge`].
    pub body_bytes_max: u64,
    /// TLS, proxy, redirects; the same `Arc` for all requests of a job, so that it can be the key of a kept client.
    pub http: Arc<HttpConfig>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status; 200 for what does not speak HTTP.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Whether the body is gzipped: the `Content-Encoding` header says so.
    pub gzipped: bool,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body, decompressed, of at most `bytes_max`.
    pub(crate) fn into_body(self, bytes_max: u64) -> Result<Bytes, ScrapeError> {
        let mut body = self.body;
        if self.gzipped {
            let mut plain = Vec::new();
            // One byte more than allowed tells a body that is too large from one that just fits.
            MultiGzDecoder::new(&*body)
                .take(bytes_max.saturating_add(1))
                .read_to_end(&mut plain)
                .map_err(|error| ScrapeError::Gzip(error.to_string()))?;
            body = plain.into();
        }
        if body.len() as u64 > bytes_max { Err(ScrapeError::BodySize { bytes_max }) } else { Ok(body) }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The body is larger than allowed.
    #[error("body is larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// Not reachable, or the connection broke; the text says where and why.
    #[error("{0}")]
    Connection(String),
}

/// The answer, later.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Response, FetchError>> + Send + 'a>>;

/// Fetches bodies. Dropping the future gives up the request.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches one body.
    fn fetch(&self, request: Request) -> FetchFuture<'_>;
}
