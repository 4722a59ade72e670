//! Why the store could not do something, and why it did not take some of a request.

use std::path::Path;

/// Why a store could not be opened or a maintenance step failed. What is in the log and in memory stays there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The write-ahead log.
    #[error("write-ahead log: {0}")]
    Log(#[from] bongsu_log::Error),
    /// A block.
    #[error("{0}")]
    Block(#[from] bongsu_block::Error),
    /// Another file or directory.
    #[error("cannot {action} {path}: {source}{}", bongsu_disk::remedy(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of a later version of this program.
    #[error("{what} was written by a newer version of Bongsu: start that one, or a later one")]
    Newer {
        /// Which file.
        what: String,
    },
    /// The bucket.
    #[error("{0}")]
    Bucket(#[from] bongsu_bucket::Error),
    /// The bucket belongs to another data directory.
    #[error("bucket {bucket} is not this data directory's: {reason}")]
    NotOwner {
        /// Its URL.
        bucket: String,
        /// What was found.
        reason: String,
    },
    /// A tenant has so many deletions that every read would have to look at all of them.
    #[error("{max} deletions wait to be carried out, no more are taken; clean_tombstones carries them out")]
    TooManyDeletions {
        /// The bound.
        max: usize,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { action, path, source }
    }
}

/// Why nothing of a request was kept.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WriteError {
    /// What the sender can do.
    pub kind: WriteErrorKind,
    /// What is counted as refused: why, and how many samples. `None` where the samples are not known.
    pub refused: Option<(RejectReason, u64)>,
    /// After how long it makes sense to try again, milliseconds, when that is known.
    pub retry_after_ms: Option<i64>,
    message: String,
}

/// What a sender can do about a [`WriteError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// Not a request of its protocol: do not send it again.
    Malformed,
    /// Larger than the limit: send less at a time.
    TooLarge,
    /// A bound on the whole store was reached.
    Limit,
    /// Cannot be kept now, as with a full disk: send it again later.
    Unavailable,
}

impl WriteError {
    pub(crate) fn new(kind: WriteErrorKind, message: impl ToString) -> Self {
        Self { kind, refused: None, retry_after_ms: None, message: message.to_string() }
    }

    /// A whole request that met a bound.
    pub(crate) fn limit(reason: RejectReason, samples: u64, message: impl ToString) -> Self {
        Self { refused: Some((reason, samples)), ..Self::new(WriteErrorKind::Limit, message) }
    }
}

impl From<bongsu_wire::remote_write::DecodeError> for WriteError {
    fn from(error: bongsu_wire::remote_write::DecodeError) -> Self {
        let kind = match error {
            bongsu_wire::remote_write::DecodeError::TooLarge { .. } => WriteErrorKind::TooLarge,
            _ => WriteErrorKind::Malformed,
        };
        Self::new(kind, error)
    }
}

impl From<bongsu_log::Error> for WriteError {
    fn from(error: bongsu_log::Error) -> Self {
        let kind = match error.kind {
            bongsu_log::ErrorKind::TooLarge => WriteErrorKind::TooLarge,
            _ => WriteErrorKind::Unavailable,
        };
        Self::new(kind, format!("write-ahead log: {error}"))
    }
}

/// Why a sample was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// Older than the retention, or than [`crate::Limits::past_ms_max`].
    SampleTooOld,
    /// Further ahead than [`crate::Limits::future_ms_max`].
    SampleTooFarInFuture,
    /// A native histogram that makes no sense.
    InvalidHistogram,
    /// The labels are not UTF-8, a name is empty, or references to texts lead nowhere.
    InvalidLabels,
    /// A label name came twice.
    DuplicateLabel,
    /// A series without labels.
    MissingLabels,
    /// More than [`crate::Limits::label_names_per_series_max`].
    TooManyLabels,
    /// Longer than [`crate::Limits::label_name_bytes_max`].
    LabelNameTooLong,
    /// Longer than [`crate::Limits::label_value_bytes_max`].
    LabelValueTooLong,
    /// A new series beyond [`crate::Limits::series_per_tenant_max`].
    SeriesLimit,
    /// A request while [`crate::Limits::samples_per_second_max`] is used up.
    RateLimit,
    /// A new tenant beyond [`crate::Limits::tenants_max`].
    TenantLimit,
    /// A cluster of replicas beyond [`crate::Pairs::clusters_max`].
    TooManyClusters,
}

impl RejectReason {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SampleTooOld,
        Self::SampleTooFarInFuture,
        Self::InvalidHistogram,
        Self::InvalidLabels,
        Self::DuplicateLabel,
        Self::MissingLabels,
        Self::TooManyLabels,
        Self::LabelNameTooLong,
        Self::LabelValueTooLong,
        Self::SeriesLimit,
        Self::RateLimit,
        Self::TenantLimit,
        Self::TooManyClusters,
    ];

    /// The word for metrics and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SampleTooOld => "sample_too_old",
            Self::SampleTooFarInFuture => "sample_too_far_in_future",
            Self::InvalidHistogram => "invalid_histogram",
            Self::InvalidLabels => "invalid_labels",
            Self::DuplicateLabel => "duplicate_label",
            Self::MissingLabels => "missing_labels",
            Self::TooManyLabels => "too_many_labels",
            Self::LabelNameTooLong => "label_name_too_long",
            Self::LabelValueTooLong => "label_value_too_long",
            Self::SeriesLimit => "series_limit",
            Self::RateLimit => "rate_limit",
            Self::TenantLimit => "tenant_limit",
            Self::TooManyClusters => "too_many_clusters",
        }
    }
}

/// What was not taken of a request whose rest was.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Why the first offender was not taken.
    pub reason: RejectReason,
    /// The first offender.
    pub series: String,
    /// Samples not taken, for whatever reason.
    pub count: u64,
    /// What is wrong with the first offender, for people.
    pub message: String,
    /// Samples not taken by reason, those that are not 0.
    pub by_reason: Vec<(RejectReason, u64)>,
}

/// The first offender and the counts of a request.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    first: Option<Rejected>,
    pub(crate) by_reason: [u64; RejectReason::ALL.len()],
}

impl Rejections {
    /// Counts samples that are not taken.
    pub(crate) fn add(&mut self, refusal: Refusal, samples: u64, series: impl FnOnce() -> String) {
        let Refusal { reason, message } = refusal;
        self.count(reason, samples, || (series(), message));
    }

    /// The same for a reason that may come once a sample: texts (series, then message) are made for the first offender only.
    pub(crate) fn count(&mut self, reason: RejectReason, samples: u64, texts: impl FnOnce() -> (String, String)) {
        self.by_reason[reason as usize] += samples;
        let first = self.first.get_or_insert_with(|| {
            let (series, message) = texts();
            Rejected { reason, series, count: 0, message, by_reason: Vec::new() }
        });
        first.count += samples;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn finish(self) -> Option<Rejected> {
        let mut first = self.first?;
        let counts = RejectReason::ALL.into_iter().zip(self.by_reason);
        first.by_reason = counts.filter(|(_, count)| *count > 0).collect();
        Some(first)
    }
}

/// Why a series or a sample cannot be taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: RejectReason,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(reason: RejectReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
