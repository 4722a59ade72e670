//! A scrape configuration with all defaults in place.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bongsu_config::{ByteSize, Duration};
use bongsu_model::RelabelRule;
use bongsu_wire::exposition::Format;

use super::protocol::accept_header;
use super::{ConfigError, EscapingScheme, GlobalConfig, HttpConfig, ScrapeConfig, ScrapeProtocol, ValidationScheme};
use crate::discovery::TargetGroup;
use crate::discovery::file::FileSdConfig;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a configured limit a body may still not be larger than this.
const BODY_BYTES_MAX: u64 = 512 << 20;

/// What to scrape and how; never changes while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The value of the `job` label.
    pub name: String,
    /// Time between scrapes of a target, milliseconds, above 0.
    pub interval_ms: i64,
    /// The most time a scrape takes, milliseconds, at most the interval.
    pub timeout_ms: i64,
    /// Labels of the target give way to labels that the target exposes.
    pub honor_labels: bool,
    /// Timestamps that the target gives are kept.
    pub honor_timestamps: bool,
    /// Series with timestamps of their own get stale markers too.
    pub track_timestamps_staleness: bool,
    /// Path of the URL.
    pub metrics_path: String,
    /// `http`, `https`, or a scheme that only the fetcher knows.
    pub scheme: String,
    /// Query parameters of the URL.
    pub params: BTreeMap<String, Vec<String>>,
    /// The `Accept` header.
    pub accept: String,
    /// The form of bodies whose content type says nothing.
    pub fallback_format: Option<Format>,
    /// Which names are allowed.
    pub validation: ValidationScheme,
    /// Caps.
    pub limits: Limits,
    /// Also report timeout, sample limit and body size.
    pub extra_metrics: bool,
    /// Rules for targets.
    pub relabel: Vec<RelabelRule>,
    /// Rules for series.
    pub metric_relabel: Vec<RelabelRule>,
    /// The client side; shared, so that a fetcher can keep one client per job.
    pub http: Arc<HttpConfig>,
    /// Targets that are written down.
    pub static_groups: Vec<TargetGroup>,
    /// Targets that are in files.
    pub files: Vec<FileSdConfig>,
}

/// Caps of a job; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body after decompression; always bounded.
    pub body_bytes_max: u64,
    /// Samples of a scrape after relabelling; more fail the scrape.
    pub samples_max: Option<u64>,
    /// Targets after relabelling; more fail all scrapes of the job.
    pub targets_max: Option<u64>,
    /// Labels of a series.
    pub labels_max: Option<u64>,
    /// Bytes of a label name.
    pub label_name_bytes_max: Option<u64>,
    /// Bytes of a label value.
    pub label_value_bytes_max: Option<u64>,
    /// How many dropped targets are kept for the targets page.
    pub dropped_targets_max: Option<u64>,
}

/// Fills in defaults and checks what Prometheus checks. File names are relative to `base_dir`, the folder of the
/// configuration file.
///
/// # Errors
/// The first thing that Prometheus would refuse too, or that is not supported yet.
pub fn resolve(global: &GlobalConfig, configs: &[ScrapeConfig], base_dir: &Path) -> Result<Vec<Arc<Job>>, ConfigError> {
    let (interval, timeout) = global_times(global)?;
    let mut names = HashSet::new();
    let mut jobs = Vec::with_capacity(configs.len());
    for (place, config) in configs.iter().enumerate() {
        if config.job_name.is_empty() {
            return Err(ConfigError::JobNameEmpty(place + 1));
        }
        if !names.insert(&config.job_name) {
            return Err(ConfigError::DuplicateJob(config.job_name.clone()));
        }
        let job = resolve_job(global, interval, timeout, config, base_dir)
            .map_err(|reason| ConfigError::Job { job: config.job_name.clone(), reason })?;
        jobs.push(Arc::new(job));
    }
    Ok(jobs)
}

/// A duration that is written and not 0; 0 is the default, as in Prometheus.
fn given(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| duration.as_ms() > 0)
}

fn global_times(global: &GlobalConfig) -> Result<(Duration, Duration), ConfigError> {
    let interval = given(global.scrape_interval).unwrap_or(DEFAULT_INTERVAL);
    let timeout = given(global.scrape_timeout).unwrap_or(DEFAULT_TIMEOUT.min(interval));
    if timeout > interval {
        return Err(ConfigError::Global("scrape timeout greater than scrape interval".to_owned()));
    }
    if let Some(name) = global.external_labels.keys().find(|name| name.is_empty()) {
        return Err(ConfigError::Global(format!("{name:?} is not a valid label name")));
    }
    if let Some(protocols) = &global.scrape_protocols {
        check_protocols(protocols).map_err(ConfigError::Global)?;
    }
    let validation = global.metric_name_validation_scheme.unwrap_or_default();
    check_schemes(validation, global.metric_name_escaping_scheme).map_err(ConfigError::Global)?;
    Ok((interval, timeout))
}

fn resolve_job(
    global: &GlobalConfig,
    interval: Duration,
    timeout: Duration,
    config: &ScrapeConfig,
    base_dir: &Path,
) -> Result<Job, String> {
    if let Some(key) = config.unsupported().first() {
        return Err(format!("not supported yet: {key}"));
    }
    let interval = given(config.scrape_interval).unwrap_or(interval);
    let timeout = given(config.scrape_timeout).unwrap_or(timeout.min(interval));
    if timeout > interval {
        return Err("scrape timeout greater than scrape interval".to_owned());
    }
    let protocols = config.scrape_protocols.as_deref().or(global.scrape_protocols.as_deref());
    let protocols = protocols.unwrap_or(&ScrapeProtocol::DEFAULT);
    check_protocols(protocols)?;
    let validation = config.metric_name_validation_scheme.or(global.metric_name_validation_scheme).unwrap_or_default();
    let escaping = config.metric_name_escaping_scheme.or(global.metric_name_escaping_scheme);
    let escaping = check_schemes(validation, escaping)?;
    Ok(Job {
        name: config.job_name.clone(),
        interval_ms: interval.as_ms(),
        timeout_ms: timeout.as_ms(),
        honor_labels: config.honor_labels,
        honor_timestamps: config.honor_timestamps.unwrap_or(true),
        track_timestamps_staleness: config.track_timestamps_staleness,
        metrics_path: config.metrics_path.clone().unwrap_or_else(|| "/metrics".to_owned()),
        scheme: config.scheme.clone().unwrap_or_else(|| "http".to_owned()),
        params: config.params.clone(),
        accept: accept_header(protocols, escaping),
        fallback_format: config.fallback_scrape_protocol.and_then(ScrapeProtocol::format),
        validation,
        limits: Limits::resolve(global, config),
        extra_metrics: config.extra_scrape_metrics.or(global.extra_scrape_metrics).unwrap_or(false),
        relabel: items(config.relabel_configs.as_ref(), "relabel_configs")?,
        metric_relabel: items(config.metric_relabel_configs.as_ref(), "metric_relabel_configs")?,
        http: Arc::new(HttpConfig::resolve(config, base_dir).map_err(|error| error.to_string())?),
        static_groups: static_groups(config)?,
        files: items(config.file_sd_configs.as_ref(), "file_sd_configs")?
            .into_iter()
            .map(|files: FileSdConfig| files.resolve(base_dir))
            .collect::<Result<_, _>>()?,
    })
}

/// The items of a list in which nothing may be empty.
fn items<T: Clone>(list: Option<&Vec<Option<T>>>, key: &str) -> Result<Vec<T>, String> {
    let items: Option<Vec<T>> = list.map_or(Some(Vec::new()), |list| list.iter().cloned().collect());
    items.ok_or_else(|| format!("empty or null item in {key}"))
}

fn static_groups(config: &ScrapeConfig) -> Result<Vec<TargetGroup>, String> {
    let groups: Vec<TargetGroup> = items(config.static_configs.as_ref(), "static_configs")?;
    for group in &groups {
        group.check()?;
    }
    Ok(groups)
}

fn check_protocols(protocols: &[ScrapeProtocol]) -> Result<(), String> {
    if protocols.is_empty() {
        return Err("scrape_protocols cannot be empty".to_owned());
    }
    let twice = protocols.iter().enumerate().find(|(place, protocol)| protocols[..*place].contains(protocol));
    twice.map_or(Ok(()), |(_, protocol)| Err(format!("duplicated protocol in scrape_protocols: {protocol:?}")))
}

fn check_schemes(validation: ValidationScheme, escaping: Option<EscapingScheme>) -> Result<EscapingScheme, String> {
    match (validation, escaping) {
        (ValidationScheme::Legacy, Some(EscapingScheme::AllowUtf8)) => {
            Err("utf8 metric names requested but validation scheme is not set to UTF8".to_owned())
        }
        (ValidationScheme::Legacy, escaping) => Ok(escaping.unwrap_or(EscapingScheme::Underscores)),
        (ValidationScheme::Utf8, escaping) => Ok(escaping.unwrap_or_default()),
    }
}

impl Limits {
    fn resolve(global: &GlobalConfig, config: &ScrapeConfig) -> Self {
        let limit = |own: u64, global: u64| [own, global].into_iter().find(|limit| *limit > 0);
        let body = limit(
            config.body_size_limit.map_or(0, ByteSize::as_bytes),
            global.body_size_limit.map_or(0, ByteSize::as_bytes),
        );
        Self {
            body_bytes_max: body.unwrap_or(BODY_BYTES_MAX),
            samples_max: limit(config.sample_limit, global.sample_limit),
            targets_max: limit(config.target_limit, global.target_limit),
            labels_max: limit(config.label_limit, global.label_limit),
            label_name_bytes_max: limit(config.label_name_length_limit, global.label_name_length_limit),
            label_value_bytes_max: limit(config.label_value_length_limit, global.label_value_length_limit),
            dropped_targets_max: limit(config.keep_dropped_targets, global.keep_dropped_targets),
        }
    }
}
