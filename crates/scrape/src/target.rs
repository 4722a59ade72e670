//! What is scraped: an address with labels.

use std::fmt::Write;
use std::sync::Arc;

use bongsu_model::{Labels, LabelsBuilder, format_duration_ms, parse_duration_ms, relabel};

use crate::config::Job;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";

/// A target, relabelled and ready.
#[derive(Clone, Debug)]
pub struct Target {
    job: Arc<Job>,
    labels: Labels,
    discovered: Labels,
    url: String,
    interval_ms: i64,
    timeout_ms: i64,
}

/// Why discovered labels make no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Relabelling left no `__address__`.
    #[error("no address")]
    NoAddress,
    /// The address holds more than host and port.
    #[error("{0:?} is not a valid hostname")]
    Address(String),
    /// A label gives a bad duration.
    #[error("cannot read {label}: {reason}")]
    Duration {
        /// Which label.
        label: &'static str,
        /// Why.
        reason: String,
    },
    /// The interval is 0.
    #[error("scrape interval cannot be 0")]
    IntervalZero,
    /// The timeout is 0.
    #[error("scrape timeout cannot be 0")]
    TimeoutZero,
    /// The timeout is longer than the interval.
    #[error("scrape timeout cannot be greater than scrape interval ({timeout_ms} ms > {interval_ms} ms)")]
    TimeoutLong {
        /// Timeout.
        timeout_ms: i64,
        /// Interval.
        interval_ms: i64,
    },
}

impl Target {
    /// The labels with defaults before relabelling: what discovery found and what the job says.
    #[must_use]
    pub fn discovered_labels(job: &Job, found: &[(&str, &str)]) -> Labels {
        let mut builder = LabelsBuilder::default();
        for (name, value) in found {
            builder.set(name, value);
        }
        let interval = format_duration_ms(job.interval_ms);
        let timeout = format_duration_ms(job.timeout_ms);
        let defaults = [
            ("job", job.name.as_str()),
            (INTERVAL, &interval),
            (TIMEOUT, &timeout),
            (METRICS_PATH, &job.metrics_path),
            (SCHEME, &job.scheme),
        ];
        for (name, value) in defaults {
            if builder.get(name).is_none() {
                builder.set(name, value);
            }
        }
        for (key, values) in &job.params {
            let name = format!("{PARAM_PREFIX}{key}");
            if let (None, Some(value)) = (builder.get(&name), values.first()) {
                builder.set(&name, value);
            }
        }
        builder.build()
    }

    /// The target that the job makes of discovered labels; `None` when a rule drops it.
    ///
    /// # Errors
    /// When the labels left do not say what to scrape.
    pub fn resolve(job: &Arc<Job>, discovered: &Labels) -> Result<Option<Self>, TargetError> {
        let mut builder = LabelsBuilder::from_labels(discovered);
        if !relabel(&job.relabel, &mut builder) {
            return Ok(None);
        }
        let address = builder.get(ADDRESS).ok_or(TargetError::NoAddress)?.to_owned();
        if address.contains('/') {
            return Err(TargetError::Address(address));
        }
        let (interval_ms, timeout_ms) = times(&builder)?;
        if builder.get("instance").is_none() {
            builder.set("instance", &address);
        }
        let url = url(job, &builder, &address);
        builder.retain(|name| !name.starts_with("__"));
        let (job, discovered, labels) = (Arc::clone(job), discovered.clone(), builder.build());
        Ok(Some(Self { job, labels, discovered, url, interval_ms, timeout_ms }))
    }

    /// The job that it belongs to.
    #[must_use]
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// The labels that its series get.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels before relabelling.
    #[must_use]
    pub fn discovered(&self) -> &Labels {
        &self.discovered
    }

    /// Where it is scraped.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Time between scrapes.
    #[must_use]
    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// The most time a scrape takes.
    #[must_use]
    pub fn timeout_ms(&self) -> i64 {
        self.timeout_ms
    }

    /// The same for the same labels and URL, in every process.
    pub(crate) fn hash64(&self) -> u64 {
        self.labels.hash64() ^ xxhash_rust::xxh3::xxh3_64(self.url.as_bytes()).rotate_left(1)
    }
}

fn times(labels: &LabelsBuilder) -> Result<(i64, i64), TargetError> {
    let read = |label: &'static str| {
        parse_duration_ms(labels.get(label).unwrap_or_default())
            .map_err(|error| TargetError::Duration { label, reason: error.to_string() })
    };
    let (interval_ms, timeout_ms) = (read(INTERVAL)?, read(TIMEOUT)?);
    match (interval_ms, timeout_ms) {
        (0, _) => Err(TargetError::IntervalZero),
        (_, 0) => Err(TargetError::TimeoutZero),
        _ if timeout_ms > interval_ms => Err(TargetError::TimeoutLong { timeout_ms, interval_ms }),
        times => Ok(times),
    }
}

/// Scheme, address, path and the parameters, in which a `__param_` label replaces the first value.
fn url(job: &Job, labels: &LabelsBuilder, address: &str) -> String {
    let mut params = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(key) = name.strip_prefix(PARAM_PREFIX) {
            let values = params.entry(key.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    let path = labels.get(METRICS_PATH).unwrap_or_default();
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    let mut url = format!("{}://{address}{slash}{path}", labels.get(SCHEME).unwrap_or_default());
    let mut separator = '?';
    for (key, value) in params.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value))) {
        url.push(separator);
        separator = '&';
        push_encoded(&mut url, key);
        url.push('=');
        push_encoded(&mut url, value);
    }
    url
}

/// Form encoding, as in query strings.
fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            b' ' => url.push('+'),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
}
