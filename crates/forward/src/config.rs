//! The `remote_write` section of prometheus.yml, with Prometheus' names and defaults.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bongsu_config::http::{Authorization, BasicAuth, Credentials, TlsConfig};
use bongsu_config::{Duration, Secret, nullable};
use bongsu_model::{Labels, RelabelRule};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::forward::Options;

/// A section that is well formed and cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("remote_write {url:?}: {reason}")]
pub struct InvalidSection {
    url: String,
    reason: String,
}

/// One entry of `remote_write`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteWrite {
    /// Where to.
    pub url: String,
    /// For one request.
    pub remote_timeout: Duration,
    /// Header lines for every request.
    #[serde(deserialize_with = "nullable")]
    pub headers: BTreeMap<String, String>,
    /// What to change or leave out; runs after the external labels were added.
    #[serde(deserialize_with = "nullable")]
    pub write_relabel_configs: Vec<RelabelRule>,
    /// The queue's name in logs, metrics and on disk; made from the URL when empty.
    pub name: String,
    /// Exemplars are not sent by this program; accepted so that files can be used unchanged.
    pub send_exemplars: bool,
    /// Native histograms are not sent by this program; accepted so that files can be used unchanged.
    pub send_native_histograms: bool,
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// Any other `Authorization` header.
    pub authorization: Option<Authorization>,
    /// The older way to write `authorization: {credentials: …}`.
    pub bearer_token: Option<Secret>,
    /// The older way to write `authorization: {credentials_file: …}`.
    pub bearer_token_file: Option<PathBuf>,
    /// Not supported: an error when present.
    pub oauth2: Option<IgnoredAny>,
    /// Not supported: an error when present.
    pub sigv4: Option<IgnoredAny>,
    /// Not supported: an error when present.
    pub azuread: Option<IgnoredAny>,
    /// Not supported: an error when present.
    pub google_iam: Option<IgnoredAny>,
    /// TLS.
    #[serde(deserialize_with = "nullable")]
    pub tls_config: TlsConfig,
    /// A proxy for all requests.
    pub proxy_url: Option<String>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be used.
    pub enable_http2: bool,
    /// Accepted so that files can be used unchanged; the HTTP client chooses addresses.
    pub round_robin_dns: bool,
    /// Bounds of requests and waits.
    #[serde(deserialize_with = "nullable")]
    pub queue_config: QueueConfig,
    /// Types and help texts.
    #[serde(deserialize_with = "nullable")]
    pub metadata_config: MetadataConfig,
    /// `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`; the first is sent either way, as every receiver of
    /// the second takes it too.
    pub protobuf_message: ProtobufMessage,
}

impl Default for RemoteWrite {
    fn default() -> Self {
        Self {
            url: String::new(),
            remote_timeout: Duration::from_secs(30),
            headers: BTreeMap::new(),
            write_relabel_configs: Vec::new(),
            name: String::new(),
            send_exemplars: false,
            send_native_histograms: false,
            basic_auth: None,
            authorization: None,
            bearer_token: None,
            bearer_token_file: None,
            oauth2: None,
            sigv4: None,
            azuread: None,
            google_iam: None,
            tls_config: TlsConfig::default(),
            proxy_url: None,
            follow_redirects: true,
            enable_http2: true,
            round_robin_dns: false,
            queue_config: QueueConfig::default(),
            metadata_config: MetadataConfig::default(),
            protobuf_message: ProtobufMessage::V1,
        }
    }
}

/// The form of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ProtobufMessage {
    /// Remote write 1.0.
    #[serde(rename = "prometheus.WriteRequest")]
    V1,
    /// Remote write 2.0.
    #[serde(rename = "io.prometheus.write.v2.Request")]
    V2,
}

/// `queue_config`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// Prometheus' bound of samples in memory per shard. The queue here is on disk and bounded in bytes.
    pub capacity: u32,
    /// Prometheus raises its shards up to this number; here the number does not change.
    pub max_shards: u16,
    /// Requests at the same time.
    pub min_shards: u16,
    /// The most samples in one request.
    pub max_samples_per_send: u32,
    /// The longest time that samples wait for a request to fill up.
    pub batch_send_deadline: Duration,
    /// The first wait after a failed request.
    pub min_backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
    /// Whether a request that was answered with 429 is sent again. Unlike Prometheus' the default is yes: the queue is on
    /// disk, and waiting costs nothing that is not bounded.
    pub retry_on_http_429: bool,
    /// Samples older than this are not sent; 0 for no bound.
    pub sample_age_limit: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_ms(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: true,
            sample_age_limit: Duration::from_ms(0),
        }
    }
}

/// `metadata_config`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetadataConfig {
    /// Whether types and help texts are sent.
    pub send: bool,
    /// Prometheus' interval. Here metadata goes with the samples when it is new or has changed.
    pub send_interval: Duration,
    /// Prometheus' bound of entries per request.
    pub max_samples_per_send: u32,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self { send: true, send_interval: Duration::from_secs(60), max_samples_per_send: 2000 }
    }
}

/// Header lines that the sender writes itself.
const RESERVED_HEADERS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "user-agent",
    "x-prometheus-remote-write-version",
];

impl RemoteWrite {
    /// Checks all entries of a file: each by itself, and that no name is used twice.
    ///
    /// # Errors
    /// The first entry that cannot work.
    pub fn check_all(entries: &[Self]) -> Result<(), InvalidSection> {
        let mut names = BTreeSet::new();
        for entry in entries {
            entry.check().map_err(|reason| entry.invalid(reason))?;
            if !names.insert(entry.queue_name()) {
                return Err(entry.invalid(format!("found multiple entries with the name {:?}", entry.queue_name())));
            }
        }
        Ok(())
    }

    fn invalid(&self, reason: String) -> InvalidSection {
        InvalidSection { url: self.url.clone(), reason }
    }

    fn check(&self) -> Result<(), String> {
        if self.url.is_empty() {
            return Err("url is empty".to_owned());
        }
        for header in self.headers.keys().map(|name| name.to_ascii_lowercase()) {
            if header == "authorization" {
                return Err("authorization header must be set with basic_auth or authorization".to_owned());
            }
            if RESERVED_HEADERS.contains(&header.as_str()) {
                return Err(format!("{header} is a reserved header; it must not be changed"));
            }
        }
        let unsupported = [
            ("oauth2", &self.oauth2),
            ("sigv4", &self.sigv4),
            ("azuread", &self.azuread),
            ("google_iam", &self.google_iam),
        ];
        if let Some((name, _)) = unsupported.iter().find(|(_, section)| section.is_some()) {
            return Err(format!("{name} is not supported; use basic_auth or authorization"));
        }
        self.credentials().check().map_err(|error| error.to_string())?;
        self.tls_config.check().map_err(|error| error.to_string())?;
        self.queue_config.check()
    }

    /// What the `Authorization` header is made of. It is left to the transport, as a file with a secret may change.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            bearer_token: self.bearer_token.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
        }
    }

    /// The name in logs, metrics and on disk: the given one, or one made from the URL. Safe as a folder name.
    #[must_use]
    pub fn queue_name(&self) -> String {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !self.name.is_empty() && self.name.len() <= 100 && self.name.bytes().all(is_plain) {
            return self.name.clone();
        }
        format!("{:08x}", crc32c::crc32c_append(crc32c::crc32c(self.name.as_bytes()), self.url.as_bytes()))
    }

    /// The options of a queue for this entry.
    #[must_use]
    pub fn options(&self, external_labels: &Labels, queue_bytes_max: u64) -> Options {
        let queue = &self.queue_config;
        let age_limit_ms = queue.sample_age_limit.as_ms();
        Options {
            name: self.queue_name(),
            url: self.url.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            external_labels: external_labels.clone(),
            write_relabel: self.write_relabel_configs.clone(),
            send_metadata: self.metadata_config.send,
            shards: queue.min_shards,
            samples_per_send_max: queue.max_samples_per_send,
            send_deadline_ms: queue.batch_send_deadline.as_ms(),
            backoff_min_ms: queue.min_backoff.as_ms(),
            backoff_max_ms: queue.max_backoff.as_ms(),
            retry_on_429: queue.retry_on_http_429,
            queue_bytes_max,
            age_max_ms: (age_limit_ms > 0).then_some(age_limit_ms),
        }
    }
}

impl QueueConfig {
    fn check(&self) -> Result<(), String> {
        let counts = [
            ("capacity", self.capacity),
            ("max_shards", u32::from(self.max_shards)),
            ("min_shards", u32::from(self.min_shards)),
            ("max_samples_per_send", self.max_samples_per_send),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("queue_config {name} must be greater than 0"));
        }
        if self.min_shards > self.max_shards {
            return Err("queue_config min_shards must not be greater than max_shards".to_owned());
        }
        if self.min_backoff > self.max_backoff {
            return Err("queue_config min_backoff must not be greater than max_backoff".to_owned());
        }
        Ok(())
    }
}
