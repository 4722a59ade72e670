//! The HTTP client.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// How the client connects.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// For the whole request, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// Whether redirects are followed (at most ten).
    pub follow_redirects: bool,
    /// Skips the check of the server's certificate. For tests and for people who ask for it by name.
    pub insecure_skip_verify: bool,
    /// PEM certificates to trust in place of the built-in roots.
    pub ca_pem: Option<Vec<u8>>,
    /// The client's own certificate chain and key in one PEM text.
    pub identity_pem: Option<Vec<u8>>,
    /// A proxy for all requests.
    pub proxy_url: Option<String>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            follow_redirects: true,
            insecure_skip_verify: false,
            ca_pem: None,
            identity_pem: None,
            proxy_url: None,
        }
    }
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Options that cannot work: a bad proxy URL or certificate.
    #[error("http client: {0}")]
    Options(String),
    /// No answer in time.
    #[error("no answer from {url} in time")]
    Timeout {
        /// Where to.
        url: String,
    },
    /// Not reachable, or the connection broke.
    #[error("cannot reach {url}: {reason}")]
    Connection {
        /// Where to.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The answer is larger than the caller takes.
    #[error("answer of {url} is larger than the limit of {max_bytes} bytes")]
    TooLarge {
        /// Where from.
        url: String,
        /// The cap.
        max_bytes: usize,
    },
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: http::HeaderMap,
    /// Decompressed.
    pub body: Bytes,
}

impl Response {
    /// A header's value, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer whose body is read as it comes.
#[derive(Debug)]
pub struct Streamed {
    /// HTTP status.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: http::HeaderMap,
    url: String,
    response: reqwest::Response,
}

impl Streamed {
    /// The next piece of the body, decompressed; `None` at its end.
    ///
    /// # Errors
    /// The connection broke, or the time of the whole request is over.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.response.chunk().await.map_err(|error| failure(&self.url, &error))
    }
}

/// A client with its pool of connections; clones share it.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    /// When the options cannot work.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        // One TLS provider for the process. A second install is refused, which is what we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects = if options.follow_redirects { 10 } else { 0 };
        let policy = match redirects {
            0 => reqwest::redirect::Policy::none(),
            n => reqwest::redirect::Policy::limited(n),
        };
        let bad = |error: reqwest::Error| ClientError::Options(cause(&error));
        let mut builder = reqwest::Client::builder()
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout)
            .redirect(policy)
            .tls_danger_accept_invalid_certs(options.insecure_skip_verify)
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            // Proxies come from the configuration, never from the environment: an agent's way out is written down.
            .no_proxy();
        if let Some(url) = &options.proxy_url {
            builder = builder.proxy(reqwest::Proxy::all(url).map_err(bad)?);
        }
        if let Some(pem) = &options.ca_pem {
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).map_err(bad)?);
        }
        if let Some(pem) = &options.identity_pem {
            builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(bad)?);
        }
        builder.build().map(Self).map_err(bad)
    }

    /// GET with extra headers; an answer beyond `max_bytes` is an error.
    ///
    /// # Errors
    /// See [`ClientError`]; an HTTP error status is an answer, not an error.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(String, String)],
        max_bytes: usize,
    ) -> Result<Response, ClientError> {
        self.send(self.0.get(url), url, headers, max_bytes).await
    }

    /// POST of a body with extra headers; of the answer at most `max_bytes` are taken.
    ///
    /// # Errors
    /// See [`ClientError`]; an HTTP error status is an answer, not an error.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Response, ClientError> {
        self.send(self.0.post(url).body(body), url, headers, max_bytes).await
    }

    /// GET, or POST of a body, with extra headers; the answer is read by the caller, piece by piece, and has no bound here.
    ///
    /// # Errors
    /// See [`ClientError`]; an HTTP error status is an answer, not an error.
    pub async fn stream(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Option<Bytes>,
    ) -> Result<Streamed, ClientError> {
        let mut request = match body {
            None => self.0.get(url),
            Some(body) => self.0.post(url).body(body),
        };
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| failure(url, &error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Streamed { status, headers, url: url.to_owned(), response })
    }

    async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        url: &str,
        headers: &[(String, String)],
        max_bytes: usize,
    ) -> Result<Response, ClientError> {
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let failed = |error: reqwest::Error| failure(url, &error);
        let mut response = request.send().await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > max_bytes {
                return Err(ClientError::TooLarge { url: url.to_owned(), max_bytes });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response { status: response.status().as_u16(), headers: response.headers().clone(), body: body.freeze() })
    }
}

fn failure(url: &str, error: &reqwest::Error) -> ClientError {
    match error.is_timeout() {
        true => ClientError::Timeout { url: url.to_owned() },
        false => ClientError::Connection { url: url.to_owned(), reason: cause(error) },
    }
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
