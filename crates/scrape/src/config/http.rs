//! How targets are reached: authentication, TLS, proxy, headers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bongsu_config::Secret;
use serde::Deserialize;

use super::ScrapeConfig;

/// The client side of a job; the fetcher that the caller plugs in acts on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpConfig {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// Any other `Authorization` header; `bearer_token` and its file end here too.
    pub authorization: Option<Authorization>,
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
}

/// `basic_auth`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are Prometheus', by name and meaning")]
pub struct BasicAuth {
    pub username: String,
    pub username_file: Option<PathBuf>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
}

/// `authorization`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// The scheme; default `Bearer`.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    /// The token.
    pub credentials: Option<Secret>,
    /// Where the token is; read at every request.
    pub credentials_file: Option<PathBuf>,
}

/// `tls_config`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are Prometheus', by name and meaning")]
pub struct TlsConfig {
    pub ca: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key: Option<Secret>,
    pub key_file: Option<PathBuf>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
}

/// A TLS version by Prometheus' name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.0
    #[serde(rename = "TLS10")]
    Tls10,
    /// TLS 1.1
    #[serde(rename = "TLS11")]
    Tls11,
    /// TLS 1.2
    #[serde(rename = "TLS12")]
    Tls12,
    /// TLS 1.3
    #[serde(rename = "TLS13")]
    Tls13,
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
    /// The client side of a scrape configuration, checked; file names are relative to `base_dir`.
    pub(super) fn resolve(config: &ScrapeConfig, base_dir: &Path) -> Result<Self, String> {
        check_authentication(config)?;
        let mut authorization = config.authorization.clone();
        if config.bearer_token.is_some() || config.bearer_token_file.is_some() {
            authorization = Some(Authorization {
                scheme: None,
                credentials: config.bearer_token.clone(),
                credentials_file: config.bearer_token_file.clone(),
            });
        }
        let mut http = Self {
            basic_auth: config.basic_auth.clone(),
            authorization,
            tls: config.tls_config.clone().unwrap_or_default(),
            proxy_url: config.proxy_url.clone(),
            follow_redirects: config.follow_redirects.unwrap_or(true),
            enable_compression: config.enable_compression.unwrap_or(true),
            headers: config.http_headers.clone(),
        };
        http.join_paths(base_dir);
        http.tls.check()?;
        Ok(http)
    }

    fn join_paths(&mut self, base_dir: &Path) {
        let basic = self.basic_auth.iter_mut().flat_map(|basic| [&mut basic.username_file, &mut basic.password_file]);
        let token = self.authorization.iter_mut().map(|authorization| &mut authorization.credentials_file);
        let tls = [&mut self.tls.ca_file, &mut self.tls.cert_file, &mut self.tls.key_file];
        let headers = self.headers.values_mut().flat_map(|header| &mut header.files);
        for path in basic.chain(token).chain(tls).filter_map(Option::as_mut).chain(headers) {
            *path = base_dir.join(&*path);
        }
    }

    /// The headers that every request of the job carries. Files are read now, so that a changed token is used at once.
    ///
    /// # Errors
    /// When a file cannot be read; the error names it.
    pub fn request_headers(&self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        if let Some(basic) = &self.basic_auth {
            headers.push(("authorization".to_owned(), basic.header()?));
        }
        if let Some(authorization) = &self.authorization {
            headers.push(("authorization".to_owned(), authorization.header()?));
        }
        for (name, header) in &self.headers {
            for value in &header.values {
                headers.push((name.clone(), value.clone()));
            }
            for secret in &header.secrets {
                headers.push((name.clone(), secret.expose().to_owned()));
            }
            for file in &header.files {
                headers.push((name.clone(), read(file)?));
            }
        }
        Ok(headers)
    }
}

impl BasicAuth {
    fn header(&self) -> io::Result<String> {
        let username = text(&self.username, self.username_file.as_deref())?;
        let password = text(self.password.as_ref().map_or("", Secret::expose), self.password_file.as_deref())?;
        Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
    }
}

impl Authorization {
    fn header(&self) -> io::Result<String> {
        let token = text(self.credentials.as_ref().map_or("", Secret::expose), self.credentials_file.as_deref())?;
        Ok(format!("{} {token}", self.scheme.as_deref().unwrap_or("Bearer")))
    }
}

impl TlsConfig {
    fn check(&self) -> Result<(), String> {
        let sides = [
            ("ca", self.ca.is_some(), self.ca_file.is_some()),
            ("cert", self.cert.is_some(), self.cert_file.is_some()),
            ("key", self.key.is_some(), self.key_file.is_some()),
        ];
        if let Some((name, ..)) = sides.iter().find(|(_, inline, file)| *inline && *file) {
            return Err(format!("at most one of {name} and {name}_file must be configured"));
        }
        let has_cert = self.cert.is_some() || self.cert_file.is_some();
        let has_key = self.key.is_some() || self.key_file.is_some();
        if has_cert != has_key {
            return Err(
                "exactly one of cert or cert_file and one of key or key_file must be configured together".to_owned()
            );
        }
        Ok(())
    }
}

/// The text, or the content of the file when there is one.
fn text(inline: &str, file: Option<&Path>) -> io::Result<String> {
    file.map_or_else(|| Ok(inline.to_owned()), read)
}

fn read(path: &Path) -> io::Result<String> {
    let content = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))?;
    Ok(content.trim().to_owned())
}

fn check_authentication(config: &ScrapeConfig) -> Result<(), String> {
    let bearer = usize::from(config.bearer_token.is_some()) + usize::from(config.bearer_token_file.is_some());
    if bearer > 1 {
        return Err("at most one of bearer_token & bearer_token_file must be configured".to_owned());
    }
    let ways = usize::from(config.basic_auth.is_some()) + usize::from(config.authorization.is_some()) + bearer;
    if ways > 1 {
        return Err(
            "at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured".to_owned()
        );
    }
    if let Some(basic) = &config.basic_auth {
        if basic.password.is_some() && basic.password_file.is_some() {
            return Err("at most one of basic_auth password & password_file must be configured".to_owned());
        }
        if !basic.username.is_empty() && basic.username_file.is_some() {
            return Err("at most one of basic_auth username & username_file must be configured".to_owned());
        }
    }
    let Some(authorization) = &config.authorization else { return Ok(()) };
    if authorization.credentials.is_some() && authorization.credentials_file.is_some() {
        return Err("at most one of authorization credentials & credentials_file must be configured".to_owned());
    }
    if authorization.scheme.as_deref().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("basic")) {
        return Err("authorization type cannot be set to \"basic\", use \"basic_auth\" instead".to_owned());
    }
    Ok(())
}
