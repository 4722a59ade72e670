//! Authentication and TLS of a client, as every section of a prometheus.yml that sends requests writes them.
//!
//! serde cannot flatten a struct into sections that refuse unknown keys, so a section has the four keys of
//! [`Credentials`] itself and hands them over.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::Secret;

#[cfg(test)]
mod tests;

/// `basic_auth`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// Where the user's name is.
    pub username_file: Option<PathBuf>,
    /// The password.
    pub password: Option<Secret>,
    /// Where the password is.
    pub password_file: Option<PathBuf>,
}

/// `authorization`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// The scheme; default `Bearer`.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    /// The token.
    pub credentials: Option<Secret>,
    /// Where the token is.
    pub credentials_file: Option<PathBuf>,
}

/// Who a client says it is: at most one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// Any other `Authorization` header.
    pub authorization: Option<Authorization>,
    /// The older way to write `authorization: {credentials: …}`.
    pub bearer_token: Option<Secret>,
    /// The older way to write `authorization: {credentials_file: …}`.
    pub bearer_token_file: Option<PathBuf>,
}

/// `tls_config`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificates to trust, PEM.
    pub ca: Option<String>,
    /// Where they are.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, PEM.
    pub cert: Option<String>,
    /// Where it is.
    pub cert_file: Option<PathBuf>,
    /// The client's key, PEM.
    pub key: Option<Secret>,
    /// Where it is.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have.
    pub server_name: Option<String>,
    /// Trusts any certificate.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak.
    pub min_version: Option<TlsVersion>,
    /// The newest version to speak.
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

/// Keys that do not go together, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(&'static str);

/// Fails when one of the conditions holds.
fn refuse<const N: usize>(conditions: [(bool, &'static str); N]) -> Result<(), Contradiction> {
    conditions.into_iter().find(|(holds, _)| *holds).map_or(Ok(()), |(_, text)| Err(Contradiction(text)))
}

impl Credentials {
    /// Refuses more than one way to authenticate, and a secret that is given both as text and as a file.
    ///
    /// # Errors
    /// The first pair of keys that do not go together.
    pub fn check(&self) -> Result<(), Contradiction> {
        let (token, token_file) = (self.bearer_token.is_some(), self.bearer_token_file.is_some());
        let ways = [self.basic_auth.is_some(), self.authorization.is_some(), token || token_file];
        refuse([
            (token && token_file, "at most one of bearer_token & bearer_token_file must be configured"),
            (
                ways.into_iter().filter(|way| *way).count() > 1,
                "at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured",
            ),
        ])?;
        self.basic_auth.as_ref().map_or(Ok(()), BasicAuth::check)?;
        self.authorization.as_ref().map_or(Ok(()), Authorization::check)
    }

    /// The value of the `Authorization` header, when there is one. Files are read now, relative to `base_dir`: a caller
    /// that asks before each request uses a changed secret at once.
    ///
    /// # Errors
    /// When a file cannot be read; the error names it.
    pub fn header(&self, base_dir: &Path) -> io::Result<Option<String>> {
        let secret = |inline: &Option<Secret>, file: &Option<PathBuf>| {
            text(inline.as_ref().map_or("", Secret::expose), file.as_deref(), base_dir)
        };
        if let Some(basic) = &self.basic_auth {
            let username = text(&basic.username, basic.username_file.as_deref(), base_dir)?;
            let password = secret(&basic.password, &basic.password_file)?;
            return Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))));
        }
        if let Some(authorization) = &self.authorization {
            let scheme = authorization.scheme.as_deref().unwrap_or("Bearer");
            let token = secret(&authorization.credentials, &authorization.credentials_file)?;
            return Ok(Some(format!("{scheme} {token}")));
        }
        if self.bearer_token.is_some() || self.bearer_token_file.is_some() {
            return Ok(Some(format!("Bearer {}", secret(&self.bearer_token, &self.bearer_token_file)?)));
        }
        Ok(None)
    }
}

impl BasicAuth {
    fn check(&self) -> Result<(), Contradiction> {
        refuse([
            (
                !self.username.is_empty() && self.username_file.is_some(),
                "at most one of basic_auth username & username_file must be configured",
            ),
            (
                self.password.is_some() && self.password_file.is_some(),
                "at most one of basic_auth password & password_file must be configured",
            ),
        ])
    }
}

impl Authorization {
    fn check(&self) -> Result<(), Contradiction> {
        refuse([
            (
                self.credentials.is_some() && self.credentials_file.is_some(),
                "at most one of authorization credentials & credentials_file must be configured",
            ),
            (
                self.scheme.as_deref().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("basic")),
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
            ),
        ])
    }
}

impl TlsConfig {
    /// Refuses a text that is given both in place and as a file, a certificate without its key, and a key without its
    /// certificate.
    ///
    /// # Errors
    /// The first pair of keys that do not go together.
    pub fn check(&self) -> Result<(), Contradiction> {
        let (cert, cert_file) = (self.cert.is_some(), self.cert_file.is_some());
        let (key, key_file) = (self.key.is_some(), self.key_file.is_some());
        let (has_cert, has_key) = (cert || cert_file, key || key_file);
        let versions = self.min_version.zip(self.max_version);
        refuse([
            (self.ca.is_some() && self.ca_file.is_some(), "at most one of ca and ca_file must be configured"),
            (cert && cert_file, "at most one of cert and cert_file must be configured"),
            (key && key_file, "at most one of key and key_file must be configured"),
            (
                has_cert && !has_key,
                "exactly one of key or key_file must be configured when a client certificate is configured",
            ),
            (
                has_key && !has_cert,
                "exactly one of cert or cert_file must be configured when a client key is configured",
            ),
            (
                versions.is_some_and(|(min, max)| max < min),
                "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified",
            ),
        ])
    }
}

/// The text, or the content of the file when there is one.
fn text(inline: &str, file: Option<&Path>, base_dir: &Path) -> io::Result<String> {
    file.map_or_else(|| Ok(inline.to_owned()), |file| read_trimmed(&base_dir.join(file)))
}

/// A file's text without the white space around it, which editors leave at the end of a token.
///
/// # Errors
/// When it cannot be read; the error names it.
pub fn read_trimmed(path: &Path) -> io::Result<String> {
    let content = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))?;
    Ok(content.trim().to_owned())
}
