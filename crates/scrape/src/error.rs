//! Why a scrape failed. The text is shown beside the target.

use bongsu_wire::exposition::ParseError;

use crate::fetch::FetchError;

/// Why a scrape failed as a whole: none of its samples were taken, and `up` is 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer that is not a 200.
    #[error("server returned HTTP status {0}")]
    Status(u16),
    /// Secrets for the request cannot be read.
    #[error("{0}")]
    Credentials(String),
    /// A body of a form that is not read here.
    #[error("received unsupported Content-Type {0:?} and no fallback_scrape_protocol specified for target")]
    ContentType(String),
    /// Not gzip although it says so.
    #[error("cannot decompress the body: {0}")]
    Gzip(String),
    /// Not UTF-8.
    #[error("body is not valid UTF-8 at byte {0}")]
    Utf8(usize),
    /// Not of its form.
    #[error("cannot parse the body: {0}")]
    Parse(#[from] ParseError),
    /// `body_size_limit`
    #[error("body size limit exceeded (limit: {bytes_max} bytes)")]
    BodySize {
        /// The limit.
        bytes_max: u64,
    },
    /// `sample_limit`
    #[error("sample limit exceeded (number of samples: {samples}, limit: {samples_max})")]
    Samples {
        /// Samples after relabelling.
        samples: u64,
        /// The limit.
        samples_max: u64,
    },
    /// `target_limit`
    #[error("target_limit exceeded (number of targets: {targets}, limit: {targets_max})")]
    Targets {
        /// Targets of the job.
        targets: u64,
        /// The limit.
        targets_max: u64,
    },
    /// `label_limit` and the limits of label sizes.
    #[error("{limit} exceeded (metric: {metric}, found: {found}, limit: {max})")]
    Labels {
        /// The name of the limit in the configuration.
        limit: &'static str,
        /// The metric's name, shortened.
        metric: String,
        /// How many, or how long.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A series without a name.
    #[error("metric name missing in series {0}")]
    NameMissing(String),
    /// A name that the validation scheme does not allow.
    #[error("invalid metric name or label names: {0}")]
    NameInvalid(String),
    /// A label name twice in one series.
    #[error("label name {label:?} is not unique in series {series}")]
    LabelTwice {
        /// The name.
        label: String,
        /// The series as the target wrote it.
        series: String,
    },
}
