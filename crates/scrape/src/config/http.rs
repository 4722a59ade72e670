//! How targets are reached: authentication, TLS, proxy, headers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bongsu_config::Secret;
use bongsu_config::http::{Contradiction, Credentials, TlsConfig, read_trimmed};
use serde::Deserialize;

use super::ScrapeConfig;

/// The client side of a job; the fetcher that the caller plugs in acts on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpConfig {
    /// The `Authorization` header.
    pub credentials: Credentials,
    /// TLS.
    pub tls: TlsConfig,
    /// A proxy for all requests of the job.
    pub proxy_url: Option<String>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether compressed answers are asked for.
    pub enable_compression: bool,
    /// Further headers.
    pub headers: BTreeMap<String, HttpHeader>,
    /// The files that are named above are relative to this.
    pub base_dir: PathBuf,
}

/// The values of one of `http_headers`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    /// Plain values.
    pub values: Vec<String>,
    /// Values that are not shown.
    pub secrets: Vec<Secret>,
    /// Files with values.
    pub files: Vec<PathBuf>,
}

impl HttpConfig {
    /// The client side of a scrape configuration, checked.
    pub(super) fn resolve(config: &ScrapeConfig, base_dir: &Path) -> Result<Self, Contradiction> {
        let credentials = config.credentials();
        credentials.check()?;
        config.tls_config.check()?;
        Ok(Self {
            credentials,
            tls: config.tls_config.clone(),
            proxy_url: config.proxy_url.clone(),
            follow_redirects: config.follow_redirects.unwrap_or(true),
            enable_compression: config.enable_compression.unwrap_or(true),
            headers: config.http_headers.clone(),
            base_dir: base_dir.to_owned(),
        })
    }

    /// The headers that every request of the job carries. Files are read now, so that a changed token is used at once.
    ///
    /// # Errors
    /// When a file cannot be read; the error names it.
    pub fn request_headers(&self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        if let Some(value) = self.credentials.header(&self.base_dir)? {
            headers.push(("authorization".to_owned(), value));
        }
        for (name, header) in &self.headers {
            for value in &header.values {
                headers.push((name.clone(), value.clone()));
            }
            for secret in &header.secrets {
                headers.push((name.clone(), secret.expose().to_owned()));
            }
            for file in &header.files {
                headers.push((name.clone(), read_trimmed(&self.base_dir.join(file))?));
            }
        }
        Ok(headers)
    }
}
