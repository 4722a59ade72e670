//! The centre's settings: a file, and flags over it.

mod downsample;
mod ha;
mod keeping;
mod merges;
mod store;
mod tenants;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use bongsu_config::{ByteSize, Duration};
use bongsu_model::TenantId;
use serde::{Deserialize, Deserializer, de};

pub use downsample::Downsample;
pub use ha::Ha;
pub(crate) use keeping::rules_yaml;
pub use keeping::{RetentionRule, SeriesSelector};
pub use merges::Merges;
pub use store::StoreConfig;
pub(crate) use tenants::yaml as tenants_yaml;
pub use tenants::{TenantConfig, TenantLimits};

/// What `bongsu server --config FILE` reads. Every field has a default, unknown ones are errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen; one port for everything. Default 127.0.0.1:9009.
    pub listen: SocketAddr,
    /// The data directory, made when missing. Default `data`.
    pub data: PathBuf,
    /// How long samples are kept, from their own time. Default 1y.
    pub retention: Duration,
    /// How many bytes of blocks are kept, oldest go first. Default: no bound.
    pub retention_size: Option<ByteSize>,
    /// Series that are kept for another time; the first rule that a series fulfils counts. Default: none.
    pub retention_rules: Vec<RetentionRule>,
    /// Old samples as buckets, finer ones first. Default: none.
    #[serde(deserialize_with = "downsample::list")]
    pub downsample: Vec<Downsample>,
    /// How old samples get for which there are buckets, by whole days; then only those are left. Default: as old as
    /// `retention` says.
    pub keep_raw: Option<Duration>,
    /// Tenants with settings of their own, by id. Default: none.
    #[serde(deserialize_with = "tenants::by_id")]
    pub tenants: BTreeMap<TenantId, TenantConfig>,
    /// Pairs of senders of which one is listened to. Default: all samples are taken.
    pub ha: Option<Ha>,
    /// Reads and merges keep the last sample of each interval of a series alone. Default 0s: all are kept.
    pub dedup_interval: Duration,
    /// How much of the machine merging blocks may take.
    pub merges: Merges,
    /// Whether data may be deleted and snapshots taken over HTTP. Default false.
    pub admin_api: bool,
    /// Which origins' pages may read the API: a regular expression, anchored at both ends. Default `.*`, as in Prometheus.
    pub cors_origin: String,
    /// The query language.
    pub promql: PromQl,
    /// What lies where.
    pub store: StoreConfig,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9009)),
            data: PathBuf::from("data"),
            retention: Duration::from_secs(365 * 24 * 3600),
            retention_size: None,
            retention_rules: Vec::new(),
            downsample: Vec::new(),
            keep_raw: None,
            tenants: BTreeMap::new(),
            ha: None,
            dedup_interval: Duration::from_ms(0),
            merges: Merges::default(),
            admin_api: false,
            cors_origin: ".*".to_owned(),
            promql: PromQl::default(),
            store: StoreConfig::default(),
            limits: Limits::default(),
        }
    }
}

/// The `promql` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromQl {
    /// Whether `rate` and its kin look at when samples say that their counting began: Prometheus has it behind
    /// a feature flag. Default false.
    pub start_timestamps: bool,
    /// Whether names are dropped at the end of the query only; `--enable-feature=promql-delayed-name-removal` of
    /// Prometheus. Default false.
    pub delayed_name_removal: bool,
    /// How old a sample may be to count as a series' value; `--query.lookback-delta` of Prometheus. Default 5m.
    #[serde(deserialize_with = "positive")]
    pub lookback: Duration,
    /// Step of subqueries that name none; the global evaluation interval of Prometheus. Default 1m.
    #[serde(deserialize_with = "positive")]
    pub subquery_step: Duration,
    /// Whether queries that do not say otherwise may use habits of MetricsQL. Default false.
    pub metricsql: bool,
}

impl Default for PromQl {
    fn default() -> Self {
        Self {
            start_timestamps: false,
            delayed_name_removal: false,
            lookback: Duration::from_secs(5 * 60),
            subquery_step: Duration::from_secs(60),
            metricsql: false,
        }
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let duration = Duration::deserialize(deserializer)?;
    if duration.as_ms() > 0 { Ok(duration) } else { Err(de::Error::custom("expected a duration greater than 0")) }
}

/// The `limits` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Series of one tenant in memory. Default 5,000,000.
    pub series_per_tenant: usize,
    /// Labels of one series. Default 100.
    pub labels_per_series: usize,
    /// Bytes of a label name. Default 1KB.
    pub label_name_size: ByteSize,
    /// Bytes of a label value. Default 64KB.
    pub label_value_size: ByteSize,
    /// Exemplars of one tenant in memory, the newest ones; 0: none are kept. Default 100,000.
    pub exemplars: usize,
    /// How far ahead of the clock a sample may be: times in the wrong unit are refused by it. Default 1w.
    pub samples_ahead: Duration,
    /// How far behind the clock a sample may be. Default: no bound but the retention.
    pub samples_behind: Option<Duration>,
    /// Samples of one tenant per second, on average; more are answered 429. Default: no bound.
    pub samples_per_second: Option<f64>,
    /// Samples of one tenant that may come at once after a pause, beyond the average. Default 1,000,000.
    pub samples_burst: f64,
    /// Bytes of a compressed remote write body. Default 16MB.
    pub push_body_size: ByteSize,
    /// Queries evaluated at once. Default 20.
    pub queries_concurrent: usize,
    /// Those of one tenant. Default 16.
    pub queries_concurrent_per_tenant: usize,
    /// Queries that may wait for their turn; more are answered 503. Default 1,000.
    pub queries_waiting: usize,
    /// Those of one tenant; more are answered 429. Default 200.
    pub queries_waiting_per_tenant: usize,
    /// The longest that a query may take. Default 2m.
    pub query_timeout: Duration,
    /// Samples that a query may hold in memory at a time. Default 50,000,000.
    pub query_samples: u64,
    /// Series that one selector may select. Default 1,000,000.
    pub query_series: usize,
    /// Bytes of the answer to a query. Default 256MB.
    pub query_response_size: ByteSize,
    /// Memory of kept answers to range queries; 0: none are kept. Default 64MB.
    pub query_cache_size: ByteSize,
    /// Of the newest samples, up to this age, no answer is kept. Default 10m.
    pub query_cache_recent: Duration,
    /// Queries that take so long are listed and logged as slow; 0s: none is. Default 5s.
    pub slow_query: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series_per_tenant: 5_000_000,
            labels_per_series: 100,
            label_name_size: ByteSize::from_bytes(1 << 10),
            label_value_size: ByteSize::from_bytes(64 << 10),
            exemplars: 100_000,
            samples_ahead: Duration::from_secs(7 * 24 * 3600),
            samples_behind: None,
            samples_per_second: None,
            samples_burst: 1e6,
            push_body_size: ByteSize::from_bytes(16 << 20),
            queries_concurrent: 20,
            queries_concurrent_per_tenant: 16,
            queries_waiting: 1_000,
            queries_waiting_per_tenant: 200,
            query_timeout: Duration::from_secs(120),
            query_samples: 50_000_000,
            query_series: 1_000_000,
            query_response_size: ByteSize::from_bytes(256 << 20),
            query_cache_size: ByteSize::from_bytes(64 << 20),
            query_cache_recent: Duration::from_secs(600),
            slow_query: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bongsu.yml");
        std::fs::write(&file, text).unwrap();
        bongsu_config::load(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn lengths_of_time_that_queries_divide_by_are_not_zero() {
        let config = load("promql:\n  lookback: 10m\n  metricsql: true\n").unwrap();
        assert_eq!((config.promql.lookback.as_ms(), config.promql.metricsql), (600_000, true));
        let error = load("promql:\n  subquery_step: 0s\n").unwrap_err();
        assert!(error.contains(":2") && error.contains("expected a duration greater than 0"), "{error}");
    }

    #[test]
    fn rules_and_tenants_are_read_and_refused_where_they_stand() {
        let text = "retention_rules:\n- match: '{job=\"debug\"}'\n  keep: 7d\ntenants:\n  a.b:\n    retention: 30d\n    retention_size: 1GB\n";
        let config = load(text).unwrap();
        assert_eq!(config.retention_rules[0].series.matchers[0].value(), "debug");
        let (id, tenant) = config.tenants.first_key_value().unwrap();
        assert_eq!((id.as_str(), tenant.retention.unwrap().as_ms()), ("a.b", 30 * 86_400_000));
        for (text, expected) in [
            ("retention_rules:\n- match: rate(x[5m])\n  keep: 7d\n", "expected a series selector"),
            ("retention_rules:\n- match: up\n  keep: 0s\n", "expected a duration greater than 0"),
            ("downsample: [{after: 1d, resolution: 7m}]\n", "divides a day"),
            (
                "downsample: [{after: 1d, resolution: 10m}, {after: 2d, resolution: 15m}]\n",
                "a multiple of the resolution 10m",
            ),
            ("tenants:\n  a/b: {}\n", "tenant id has the character '/'"),
            ("tenants:\n  a: {retension: 3d}\n", "did you mean `retention`?"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
