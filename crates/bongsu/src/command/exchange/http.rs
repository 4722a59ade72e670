//! Requests of a command that has no runtime of its own.

use std::io::Read;
use std::time::Duration;

use anyhow::Context;
use bongsu_config::Secret;
use bongsu_net::{Client, ClientOptions, Response, Streamed};
use bytes::Bytes;
use tokio::runtime::Runtime;

/// A request with its whole answer: large servers need hours to stream.
const TIMEOUT: Duration = Duration::from_secs(12 * 3600);
/// Of an answer that says why something failed.
const EXCERPT_CHARS_MAX: usize = 500;

/// Pairs of a header's name and value.
pub(super) type Headers = Vec<(String, String)>;

pub(super) struct Http {
    pub(super) runtime: Runtime,
    client: Client,
}

impl Http {
    pub(super) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let client = Client::new(ClientOptions { timeout: TIMEOUT, ..ClientOptions::default() })?;
        Ok(Self { runtime, client })
    }

    pub(super) fn post(&self, url: &str, headers: &Headers, body: Vec<u8>) -> anyhow::Result<Response> {
        Ok(self.runtime.block_on(self.client.post(url, headers, Bytes::from(body), 1 << 20))?)
    }

    pub(super) fn get(&self, url: &str, headers: &Headers, bytes_max: usize) -> anyhow::Result<Response> {
        Ok(self.runtime.block_on(self.client.get(url, headers, bytes_max))?)
    }

    /// A body that is read as it comes; an answer other than 200 is an error with what it says.
    pub(super) fn stream(&self, url: &str, headers: &Headers, body: Option<Vec<u8>>) -> anyhow::Result<Body<'_>> {
        let answer = self.runtime.block_on(self.client.stream(url, headers, body.map(Bytes::from)))?;
        let (status, kind) = (answer.status, answer.headers.get("content-type").cloned());
        let kind = kind.and_then(|kind| kind.to_str().ok().map(str::to_owned)).unwrap_or_default();
        let mut body = Body { http: self, answer, piece: Bytes::new(), kind };
        if status != 200 {
            let mut text = String::new();
            // Half a text is better than none.
            let _ = (&mut body).take(4096).read_to_string(&mut text);
            anyhow::bail!("{url} answered {status}: {}", excerpt(&text));
        }
        Ok(body)
    }
}

/// The start of what a server said.
pub(super) fn excerpt(text: &str) -> String {
    text.trim().chars().take(EXCERPT_CHARS_MAX).collect()
}

/// An answer's body.
pub(super) struct Body<'h> {
    http: &'h Http,
    answer: Streamed,
    piece: Bytes,
    /// The content type.
    pub(super) kind: String,
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.http.runtime.block_on(self.answer.next()).map_err(std::io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let len = self.piece.len().min(out.len());
        out[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}

/// Headers of the command line.
pub(super) fn headers(texts: &[Secret]) -> anyhow::Result<Headers> {
    let pair = |text: &Secret| {
        let (name, value) = text.expose().split_once(':').context("--header: expected NAME: VALUE")?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// A server's URL with the path that is meant when it has none.
pub(super) fn with_path(url: &str, path: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.split_once('/') {
        Some((_, given)) if !given.is_empty() => url.to_owned(),
        _ => format!("{}{path}", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_path_means_the_usual_one() {
        assert_eq!(with_path("http://a:1", "/api"), "http://a:1/api");
        assert_eq!(with_path("http://a:1/", "/api"), "http://a:1/api");
        assert_eq!(with_path("http://a:1/x/y", "/api"), "http://a:1/x/y");
        assert_eq!(headers(&[Secret::new("A: b:c")]).unwrap(), [("A".to_owned(), "b:c".to_owned())]);
        assert!(headers(&[Secret::new("A")]).is_err());
    }
}
