//! HTTP clients from configuration sections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::Secret;
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
    let tls = &config.tls;
    let files = TlsFiles {
        ca: (tls.ca.as_deref(), tls.ca_file.as_deref()),
        cert: (tls.cert.as_deref(), tls.cert_file.as_deref()),
        key: (tls.key.as_ref().map(Secret::expose), tls.key_file.as_deref()),
        server_name: tls.server_name.as_deref(),
    };
    Ok(Client::new(ClientOptions {
        timeout: Duration::from_secs(600),
        follow_redirects: config.follow_redirects,
        insecure_skip_verify: tls.insecure_skip_verify,
        proxy_url: config.proxy_url.clone(),
        ..files.options(Path::new(""))?
    })?)
}

fn push_client(config: &RemoteWrite, base_dir: &Path) -> anyhow::Result<Client> {
    let tls = &config.tls_config;
    let files = TlsFiles {
        ca: (tls.ca.as_deref(), tls.ca_file.as_deref()),
        cert: (tls.cert.as_deref(), tls.cert_file.as_deref()),
        key: (tls.key.as_ref().map(Secret::expose), tls.key_file.as_deref()),
        server_name: tls.server_name.as_deref(),
    };
    Ok(Client::new(ClientOptions {
        timeout: config.remote_timeout.as_std(),
        follow_redirects: config.follow_redirects,
        insecure_skip_verify: tls.insecure_skip_verify,
        proxy_url: config.proxy_url.clone(),
        ..files.options(base_dir)?
    })?)
}

/// PEM texts, each given in place or as a file.
struct TlsFiles<'a> {
    ca: (Option<&'a str>, Option<&'a Path>),
    cert: (Option<&'a str>, Option<&'a Path>),
    key: (Option<&'a str>, Option<&'a Path>),
    server_name: Option<&'a str>,
}

impl TlsFiles<'_> {
    fn options(&self, base_dir: &Path) -> anyhow::Result<ClientOptions> {
        anyhow::ensure!(
            self.server_name.is_none_or(str::is_empty),
            "tls_config server_name is not supported: the certificate has to name the host of the URL"
        );
        let mut identity_pem = read_pem(self.cert, base_dir)?;
        if let (Some(identity), Some(key)) = (&mut identity_pem, read_pem(self.key, base_dir)?) {
            identity.push(b'\n');
            identity.extend(key);
        }
        Ok(ClientOptions { ca_pem: read_pem(self.ca, base_dir)?, identity_pem, ..ClientOptions::default() })
    }
}

fn read_pem(given: (Option<&str>, Option<&Path>), base_dir: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match given {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(file)) => {
            let path: PathBuf = base_dir.join(file);
            let bytes = std::fs::read(&path).map_err(|e| anyhow::anyhow!("cannot read {}: {e}", path.display()))?;
            Ok(Some(bytes))
        }
        (None, None) => Ok(None),
    }
}

/// The way to the centre: the sender's own thread waits while the runtime sends.
pub(crate) struct PushTransport {
    client: Client,
    runtime: Handle,
    clock: Arc<dyn Clock>,
}

impl PushTransport {
    pub(crate) fn new(config: &RemoteWrite, base_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self { client: push_client(config, base_dir)?, runtime: Handle::current(), clock })
    }
}

impl Transport for PushTransport {
    fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let answer = self
            .runtime
            .block_on(self.client.post(request.url, request.headers, request.body, ANSWER_BYTES_MAX))
            .map_err(|error| TransportError(error.to_string()))?;
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

    #[test]
    fn retry_after_in_both_forms() {
        assert_eq!(retry_after_ms("5", 0), Some(5000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), Some(40_000));
        assert_eq!(retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 90_000), Some(0));
        assert_eq!(retry_after_ms("soon", 0), None);
    }
}
