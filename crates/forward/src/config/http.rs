//! Authentication and TLS of an entry.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bongsu_config::Secret;
use serde::Deserialize;

use super::RemoteWrite;

/// `basic_auth`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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

/// `tls_config`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
    /// `TLS10` to `TLS13`.
    pub min_version: Option<String>,
    /// `TLS10` to `TLS13`.
    pub max_version: Option<String>,
}

impl RemoteWrite {
    /// The header lines of every request: the configured ones and `Authorization`. Files are read now, relative to
    /// `base_dir`; a caller that asks before every request uses a changed token at once.
    ///
    /// # Errors
    /// When a file cannot be read; the error names it.
    pub fn request_headers(&self, base_dir: &Path) -> io::Result<Vec<(String, String)>> {
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(value) = self.authorization_header(base_dir)? {
            headers.push(("Authorization".to_owned(), value));
        }
        Ok(headers)
    }

    fn authorization_header(&self, base_dir: &Path) -> io::Result<Option<String>> {
        let text = |inline: Option<&Secret>, file: Option<&PathBuf>| match file {
            Some(file) => read(&base_dir.join(file)),
            None => Ok(inline.map_or("", Secret::expose).to_owned()),
        };
        if let Some(basic) = &self.basic_auth {
            let username = match &basic.username_file {
                Some(file) => read(&base_dir.join(file))?,
                None => basic.username.clone(),
            };
            let password = text(basic.password.as_ref(), basic.password_file.as_ref())?;
            return Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))));
        }
        if let Some(authorization) = &self.authorization {
            let scheme = authorization.scheme.as_deref().unwrap_or("Bearer");
            let token = text(authorization.credentials.as_ref(), authorization.credentials_file.as_ref())?;
            return Ok(Some(format!("{scheme} {token}")));
        }
        if self.bearer_token.is_some() || self.bearer_token_file.is_some() {
            let token = text(self.bearer_token.as_ref(), self.bearer_token_file.as_ref())?;
            return Ok(Some(format!("Bearer {token}")));
        }
        Ok(None)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let content = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))?;
    Ok(content.trim().to_owned())
}

/// Refuses what contradicts itself.
pub(super) fn check(entry: &RemoteWrite) -> Result<(), String> {
    let ways = [
        entry.basic_auth.is_some(),
        entry.authorization.is_some(),
        entry.bearer_token.is_some(),
        entry.bearer_token_file.is_some(),
    ];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err(
            "at most one of basic_auth, authorization, bearer_token and bearer_token_file may be set".to_owned()
        );
    }
    let basic = entry.basic_auth.clone().unwrap_or_default();
    let authorization = entry.authorization.clone().unwrap_or_default();
    let tls = &entry.tls_config;
    let pairs = [
        ("basic_auth username", !basic.username.is_empty() && basic.username_file.is_some()),
        ("basic_auth password", basic.password.is_some() && basic.password_file.is_some()),
        ("authorization credentials", authorization.credentials.is_some() && authorization.credentials_file.is_some()),
        ("tls_config ca", tls.ca.is_some() && tls.ca_file.is_some()),
        ("tls_config cert", tls.cert.is_some() && tls.cert_file.is_some()),
        ("tls_config key", tls.key.is_some() && tls.key_file.is_some()),
    ];
    if let Some((name, _)) = pairs.iter().find(|(_, both)| *both) {
        return Err(format!("{name} may be given as text or as a file, not both"));
    }
    if authorization.scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("basic")) {
        return Err("authorization type must not be basic; use basic_auth".to_owned());
    }
    let has_cert = tls.cert.is_some() || tls.cert_file.is_some();
    let has_key = tls.key.is_some() || tls.key_file.is_some();
    if has_cert != has_key {
        return Err("tls_config needs both a cert and a key, or neither".to_owned());
    }
    Ok(())
}
