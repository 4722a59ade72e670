//! The `global` and `scrape_configs` sections of prometheus.yml: what is written, and what it comes to.
//!
//! [`GlobalConfig`] and [`ScrapeConfig`] are the sections as written, with Prometheus' names; unknown keys are errors with
//! their line. [`resolve`] fills in defaults, checks what Prometheus checks, and gives the [`Job`]s to run.

mod http;
mod job;
mod protocol;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bongsu_config::http::{Authorization, BasicAuth, Credentials, TlsConfig};
use bongsu_config::{ByteSize, Duration, Secret, nullable};
use bongsu_model::RelabelRule;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::discovery::TargetGroup;
use crate::discovery::file::FileSdConfig;

pub use http::{HttpConfig, HttpHeader};
pub use job::{Job, Limits, resolve};
pub use protocol::ScrapeProtocol;

/// Why sections cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Something in `global`.
    #[error("global: {0}")]
    Global(String),
    /// Something in one scrape configuration.
    #[error("scrape config with job name {job:?}: {reason}")]
    Job {
        /// Its `job_name`.
        job: String,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// Two with one name.
    #[error("found multiple scrape configs with job name {0:?}")]
    DuplicateJob(String),
    /// One without a name.
    #[error("job_name of scrape config number {0} is empty")]
    JobNameEmpty(usize),
}

/// The `global` section. What concerns rules is read and kept for the rules engine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlobalConfig {
    /// Time between scrapes; default 1m.
    pub scrape_interval: Option<Duration>,
    /// Time that a scrape may take; default 10s, or the interval when that is shorter.
    pub scrape_timeout: Option<Duration>,
    /// Time between rule evaluations; default 1m.
    pub evaluation_interval: Option<Duration>,
    /// How far back rules look.
    pub rule_query_offset: Option<Duration>,
    /// Labels for everything that leaves this process.
    #[serde(deserialize_with = "nullable")]
    pub external_labels: BTreeMap<String, String>,
    /// Accepted; queries are logged elsewhere.
    pub query_log_file: Option<String>,
    /// Accepted; failures are shown by the targets page and the log.
    pub scrape_failure_log_file: Option<String>,
    /// Default of [`ScrapeConfig::body_size_limit`].
    #[serde(deserialize_with = "size_with_unit")]
    pub body_size_limit: Option<ByteSize>,
    /// Default of [`ScrapeConfig::sample_limit`].
    pub sample_limit: u64,
    /// Default of [`ScrapeConfig::target_limit`].
    pub target_limit: u64,
    /// Default of [`ScrapeConfig::label_limit`].
    pub label_limit: u64,
    /// Default of [`ScrapeConfig::label_name_length_limit`].
    pub label_name_length_limit: u64,
    /// Default of [`ScrapeConfig::label_value_length_limit`].
    pub label_value_length_limit: u64,
    /// Default of [`ScrapeConfig::keep_dropped_targets`].
    pub keep_dropped_targets: u64,
    /// Default of [`ScrapeConfig::scrape_protocols`].
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Default of [`ScrapeConfig::metric_name_validation_scheme`].
    pub metric_name_validation_scheme: Option<ValidationScheme>,
    /// Default of [`ScrapeConfig::metric_name_escaping_scheme`].
    pub metric_name_escaping_scheme: Option<EscapingScheme>,
    /// Accepted; native histograms are not scraped.
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    /// Accepted; classic histograms are always scraped.
    pub always_scrape_classic_histograms: Option<bool>,
    /// Accepted; native histograms are not scraped.
    pub scrape_native_histograms: Option<bool>,
    /// Default of [`ScrapeConfig::extra_scrape_metrics`].
    pub extra_scrape_metrics: Option<bool>,
}

/// Which metric and label names are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValidationScheme {
    /// Any UTF-8.
    #[default]
    Utf8,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    Legacy,
}

/// How a target is asked to write names that are not of the legacy form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EscapingScheme {
    /// As they are.
    #[default]
    #[serde(rename = "allow-utf-8")]
    AllowUtf8,
    /// Other characters become `_`.
    Underscores,
    /// Dots become `_dot_`.
    Dots,
    /// Characters become their code.
    Values,
}

/// A size that has to have a unit, as Prometheus asks for one here; a bare 0 is no limit.
fn size_with_unit<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if text != "0" && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(serde::de::Error::custom(format!("unknown unit in {text:?}; expected a size such as 10MB")));
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A service discovery that is known by name only.
type Unsupported = Option<IgnoredAny>;

/// One entry of `scrape_configs`. A limit of 0 is none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the fields are Prometheus', by name and meaning; the resolved ones are described in Job"
)]
pub struct ScrapeConfig {
    pub job_name: String,
    pub honor_labels: bool,
    pub honor_timestamps: Option<bool>,
    pub track_timestamps_staleness: bool,
    #[serde(deserialize_with = "nullable")]
    pub params: BTreeMap<String, Vec<String>>,
    pub scrape_interval: Option<Duration>,
    pub scrape_timeout: Option<Duration>,
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    pub scrape_native_histograms: Option<bool>,
    pub scrape_classic_histograms: Option<bool>,
    pub always_scrape_classic_histograms: Option<bool>,
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    pub extra_scrape_metrics: Option<bool>,
    pub scrape_failure_log_file: Option<String>,
    pub metrics_path: Option<String>,
    pub scheme: Option<String>,
    pub enable_compression: Option<bool>,
    #[serde(deserialize_with = "size_with_unit")]
    pub body_size_limit: Option<ByteSize>,
    pub sample_limit: u64,
    pub target_limit: u64,
    pub label_limit: u64,
    pub label_name_length_limit: u64,
    pub label_value_length_limit: u64,
    pub native_histogram_bucket_limit: u64,
    pub native_histogram_min_bucket_factor: f64,
    pub keep_dropped_targets: u64,
    pub metric_name_validation_scheme: Option<ValidationScheme>,
    pub metric_name_escaping_scheme: Option<EscapingScheme>,
    pub relabel_configs: Option<Vec<Option<RelabelRule>>>,
    pub metric_relabel_configs: Option<Vec<Option<RelabelRule>>>,

    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub bearer_token: Option<Secret>,
    pub bearer_token_file: Option<PathBuf>,
    pub oauth2: Unsupported,
    #[serde(deserialize_with = "nullable")]
    pub tls_config: TlsConfig,
    pub follow_redirects: Option<bool>,
    pub enable_http2: Option<bool>,
    pub proxy_url: Option<String>,
    pub no_proxy: Option<String>,
    pub proxy_from_environment: bool,
    pub proxy_connect_header: Unsupported,
    #[serde(deserialize_with = "nullable")]
    pub http_headers: BTreeMap<String, HttpHeader>,

    pub static_configs: Option<Vec<Option<TargetGroup>>>,
    pub file_sd_configs: Option<Vec<Option<FileSdConfig>>>,
    pub aws_sd_configs: Unsupported,
    pub azure_sd_configs: Unsupported,
    pub consul_sd_configs: Unsupported,
    pub digitalocean_sd_configs: Unsupported,
    pub dns_sd_configs: Unsupported,
    pub docker_sd_configs: Unsupported,
    pub dockerswarm_sd_configs: Unsupported,
    pub ec2_sd_configs: Unsupported,
    pub eureka_sd_configs: Unsupported,
    pub gce_sd_configs: Unsupported,
    pub hetzner_sd_configs: Unsupported,
    pub http_sd_configs: Unsupported,
    pub ionos_sd_configs: Unsupported,
    pub kubernetes_sd_configs: Unsupported,
    pub kuma_sd_configs: Unsupported,
    pub lightsail_sd_configs: Unsupported,
    pub linode_sd_configs: Unsupported,
    pub marathon_sd_configs: Unsupported,
    pub nerve_sd_configs: Unsupported,
    pub nomad_sd_configs: Unsupported,
    pub oci_sd_configs: Unsupported,
    pub openstack_sd_configs: Unsupported,
    pub outscale_sd_configs: Unsupported,
    pub ovhcloud_sd_configs: Unsupported,
    pub puppetdb_sd_configs: Unsupported,
    pub scaleway_sd_configs: Unsupported,
    pub serverset_sd_configs: Unsupported,
    pub stackit_sd_configs: Unsupported,
    pub triton_sd_configs: Unsupported,
    pub uyuni_sd_configs: Unsupported,
    pub vultr_sd_configs: Unsupported,
}

impl ScrapeConfig {
    fn credentials(&self) -> Credentials {
        Credentials {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            bearer_token: self.bearer_token.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
        }
    }

    /// The keys that are written and that this program cannot act on.
    #[must_use]
    pub fn unsupported(&self) -> Vec<&'static str> {
        let keys = [
            ("oauth2", &self.oauth2),
            ("proxy_connect_header", &self.proxy_connect_header),
            ("aws_sd_configs", &self.aws_sd_configs),
            ("azure_sd_configs", &self.azure_sd_configs),
            ("consul_sd_configs", &self.consul_sd_configs),
            ("digitalocean_sd_configs", &self.digitalocean_sd_configs),
            ("dns_sd_configs", &self.dns_sd_configs),
            ("docker_sd_configs", &self.docker_sd_configs),
            ("dockerswarm_sd_configs", &self.dockerswarm_sd_configs),
            ("ec2_sd_configs", &self.ec2_sd_configs),
            ("eureka_sd_configs", &self.eureka_sd_configs),
            ("gce_sd_configs", &self.gce_sd_configs),
            ("hetzner_sd_configs", &self.hetzner_sd_configs),
            ("http_sd_configs", &self.http_sd_configs),
            ("ionos_sd_configs", &self.ionos_sd_configs),
            ("kubernetes_sd_configs", &self.kubernetes_sd_configs),
            ("kuma_sd_configs", &self.kuma_sd_configs),
            ("lightsail_sd_configs", &self.lightsail_sd_configs),
            ("linode_sd_configs", &self.linode_sd_configs),
            ("marathon_sd_configs", &self.marathon_sd_configs),
            ("nerve_sd_configs", &self.nerve_sd_configs),
            ("nomad_sd_configs", &self.nomad_sd_configs),
            ("oci_sd_configs", &self.oci_sd_configs),
            ("openstack_sd_configs", &self.openstack_sd_configs),
            ("outscale_sd_configs", &self.outscale_sd_configs),
            ("ovhcloud_sd_configs", &self.ovhcloud_sd_configs),
            ("puppetdb_sd_configs", &self.puppetdb_sd_configs),
            ("scaleway_sd_configs", &self.scaleway_sd_configs),
            ("serverset_sd_configs", &self.serverset_sd_configs),
            ("stackit_sd_configs", &self.stackit_sd_configs),
            ("triton_sd_configs", &self.triton_sd_configs),
            ("uyuni_sd_configs", &self.uyuni_sd_configs),
            ("vultr_sd_configs", &self.vultr_sd_configs),
        ];
        keys.into_iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key).collect()
    }
}
