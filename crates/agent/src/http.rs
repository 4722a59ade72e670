//! HTTP clients from configuration sections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bongsu_config::Secret;
use bongsu_config::http::{Credentials, TlsConfig};
use bongsu_forward::config::RemoteWrite;
use bongsu_forward::{Request, Response, Transport, TransportError};
use bongsu_model::Clock;
use bongsu_net::{Client, ClientOptions};
use bongsu_scrape::HttpConfig;
use tokio::runtime::Handle;

/// Of an error answer this much is kept for the log.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const EXCERPT_CHARS_MAX: usize = 300;

/// The client of a scrape job. The scrape loop owns the timeout, so the client's own one is only a last resort.
pub(crate) fn scrape_client(config: &HttpConfig) -> anyhow::Result<Client> {
    Ok(Client::new(ClientOptions {
        timeout: Duration::from_secs(600),
        follow_redirects: config.follow_redirects,
        proxy_url: config.proxy_url.clone(),
        ..tls_options(&config.tls, &config.base_dir)?
    })?)
}

fn push_client(config: &RemoteWrite, base_dir: &Path) -> anyhow::Result<Client> {
    Ok(Client::new(ClientOptions {
        timeout: config.remote_timeout.as_std(),
        follow_redirects: config.follow_redirects,
        proxy_url: config.proxy_url.clone(),
        ..tls_options(&config.tls_config, base_dir)?
    })?)
}

/// Options with the TLS side filled in; file names are relative to `base_dir`.
fn tls_options(tls: &TlsConfig, base_dir: &Path) -> anyhow::Result<ClientOptions> {
    anyhow::ensure!(
        tls.server_name.as_deref().is_none_or(str::is_empty),
        "tls_config server_name is not supported: the certificate has to name the host of the URL"
    );
    let pem = |text: Option<&str>, file: &Option<PathBuf>| match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(file)) => read(&base_dir.join(file)).map(Some),
        (None, None) => Ok(None),
    };
    let mut identity_pem = pem(tls.cert.as_deref(), &tls.cert_file)?;
    if let (Some(identity), Some(key)) = (&mut identity_pem, pem(tls.key.as_ref().map(Secret::expose), &tls.key_file)?)
    {
        identity.push(b'\n');
        identity.extend(key);
    }
    Ok(ClientOptions {
        ca_pem: pem(tls.ca.as_deref(), &tls.ca_file)?,
        identity_pem,
        insecure_skip_verify: tls.insecure_skip_verify,
        ..ClientOptions::default()
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The way to the centre: the sender's own thread waits while the runtime sends.
pub(crate) struct PushTransport {
    client: Client,
    credentials: Credentials,
    base_dir: PathBuf,
    runtime: Handle,
    clock: Arc<dyn Clock>,
}

impl PushTransport {
    /// The way to the destination of a section; file names are relative to `base_dir`.
    pub(crate) fn new(config: &RemoteWrite, base_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let credentials = config.credentials();
        // A wrong file name is told at the start, not at the first request.
        credentials.header(base_dir)?;
        let client = push_client(config, base_dir)?;
        Ok(Self { client, credentials, base_dir: base_dir.to_owned(), runtime: Handle::current(), clock })
    }
}

impl Transport for PushTransport {
    fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let failed = |error: &dyn std::fmt::Display| TransportError(error.to_string());
        let mut headers = request.headers.to_vec();
        // Anew for each request: a secret in a file may have changed.
        let authorization = self.credentials.header(&self.base_dir).map_err(|error| failed(&error))?;
        headers.extend(authorization.map(|value| ("Authorization".to_owned(), value)));
        let answer = self.client.post(request.url, &headers, request.body, ANSWER_BYTES_MAX);
        let answer = self.runtime.block_on(answer).map_err(|error| failed(&error))?;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(Response {
            status: answer.status,
            retry_after_ms: answer.header("retry-after").and_then(|value| retry_after_ms(value, self.clock.now_ms())),
            body_excerpt: text.trim().chars().take(EXCERPT_CHARS_MAX).collect(),
        })
    }
}

/// `Retry-After`: seconds, or an HTTP date.
fn retry_after_ms(value: &str, now_ms: i64) -> Option<i64> {
    if let Ok(seconds) = value.trim().parse::<i64>() {
        return Some(seconds.clamp(0, 86_400) * 1000);
    }
    let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    Some((date.timestamp().as_millisecond() - now_ms).clamp(0, 86_400_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_model::SystemClock;
    use bytes::Bytes;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// Takes so many requests and hands back their Authorization headers.
    fn centre(requests: usize) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/v1/push", listener.local_addr().unwrap());
        let take_one = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut part) = (Vec::new(), [0; 1024]);
            while !head.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut part).unwrap();
                head.extend_from_slice(&part[..read]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
            let head = String::from_utf8(head).unwrap();
            let line = head.lines().find_map(|line| line.strip_prefix("authorization: "));
            line.unwrap_or("none").to_owned()
        };
        (url, std::thread::spawn(move || (0..requests).map(|_| take_one()).collect()))
    }

    #[test]
    fn a_changed_token_is_used_for_the_next_request() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (url, received) = centre(2);
        let section = RemoteWrite { bearer_token_file: Some("token".into()), ..RemoteWrite::default() };
        let open = || {
            let _entered = runtime.enter();
            PushTransport::new(&section, dir.path(), Arc::new(SystemClock))
        };
        assert!(open().is_err(), "a token that is not there is told at the start");

        let write = |token: &str| std::fs::write(dir.path().join("token"), token).unwrap();
        let request = || Request { url: &url, headers: &[], body: Bytes::new() };
        write("one\n");
        let transport = open().unwrap();
        assert_eq!(transport.send(request()).unwrap().status, 204);
        write("two\n");
        assert_eq!(transport.send(request()).unwrap().status, 204);
        assert_eq!(received.join().unwrap(), ["Bearer one", "Bearer two"]);

        std::fs::remove_file(dir.path().join("token")).unwrap();
        let error = transport.send(request()).unwrap_err();
        assert!(error.0.starts_with("cannot read ") && error.0.contains("token"), "{error}");
    }

    #[test]
    fn retry_after_in_both_forms() {
        assert_eq!(retry_after_ms("5", 0), Some(5000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), Some(40_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 90_000), Some(0));
        assert_eq!(retry_after_ms("soon", 0), None);
    }
}
