//! The question that a query engine asks, and the shape of the answer.
//!
//! It stands among the words so that the evaluator knows nothing of disks and the store nothing of PromQL: the store, a
//! test's table in memory and, later, a remote node all answer the same question.

use std::ops::Range;
use std::sync::Arc;

use crate::{FloatHistogram, Labels, Matcher, Purpose};

/// Which series, and which stretch of their time.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Conditions that all have to hold.
    pub matchers: Vec<Matcher>,
    /// First wanted time, inclusive, milliseconds.
    pub start_ms: i64,
    /// Last wanted time, inclusive, milliseconds.
    pub end_ms: i64,
    /// The most series that may be selected; more is a [`SourceErrorKind::Limit`] error.
    pub series_max: usize,
}

/// Something that holds series: for one tenant.
pub trait Source: Send + Sync {
    /// The series that fulfil the matchers and may have samples in the time range, sorted by their labels.
    ///
    /// Samples are not decoded yet: that happens per series in [`SeriesSet::read`], on the thread that folds them.
    ///
    /// # Errors
    /// See [`SourceErrorKind`].
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError>;

    /// The same when it is known what the samples are for. Fewer samples may be read then, which give the same answer to
    /// that: see [`SampleBuffer::weights`].
    ///
    /// # Errors
    /// See [`SourceErrorKind`].
    fn select_for(&self, selection: &Selection, _purpose: &Purpose) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        self.select(selection)
    }
}

/// Selected series, addressed by their place `0..len()`, so that threads can share the work.
pub trait SeriesSet: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of one series. Labels of later places are greater.
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    fn labels(&self, place: usize) -> Result<Labels, SourceError>;

    /// The labels of neighbours, which may be cheaper than asking for one after the other.
    ///
    /// # Errors
    /// As [`labels`](Self::labels).
    fn labels_of(&self, places: Range<usize>) -> Result<Vec<Labels>, SourceError> {
        places.map(|place| self.labels(place)).collect()
    }

    /// Appends the samples of one series that lie in the selected time range to `buffer`: ascending times, each time once.
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError>;
}

/// Decoded samples of one series in columns; reused from series to series.
#[derive(Clone, Debug, Default)]
pub struct SampleBuffer {
    /// Times of float samples, ascending, milliseconds.
    pub timestamps_ms: Vec<i64>,
    /// Their values, stale markers included.
    pub values: Vec<f64>,
    /// Histogram samples, ascending; no time of theirs is among the float samples.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
    /// When the counting of each float sample began, milliseconds; 0 when that is not known. May be shorter than the samples,
    /// and is mostly empty: of what is missing nothing is known.
    pub start_timestamps_ms: Vec<i64>,
    /// The same of each histogram sample.
    pub histogram_start_timestamps_ms: Vec<i64>,
    /// For how many samples each float stands that a source put in the place of those it had ([`Source::select_for`]); empty
    /// when each stands for itself, as nearly always. Whoever moves samples about does so before there are weights.
    pub weights: Vec<f64>,
}

impl SampleBuffer {
    /// Forgets the samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.values.clear();
        self.histograms.clear();
        self.start_timestamps_ms.clear();
        self.histogram_start_timestamps_ms.clear();
        self.weights.clear();
    }

    /// Appends one float sample.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps_ms.push(timestamp_ms);
        self.values.push(value);
    }

    /// Says when the counting of the last float sample began; 0 when that is not known.
    #[inline]
    pub fn set_last_start(&mut self, start_ms: i64) {
        set_last(&mut self.start_timestamps_ms, self.timestamps_ms.len(), start_ms);
    }

    /// Says when the counting of the last histogram began; 0 when that is not known.
    #[inline]
    pub fn set_last_histogram_start(&mut self, start_ms: i64) {
        set_last(&mut self.histogram_start_timestamps_ms, self.histograms.len(), start_ms);
    }

    /// Samples of both kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps_ms.len() + self.histograms.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sets the last of `count` starts, if there is anything to say.
#[inline]
fn set_last(starts: &mut Vec<i64>, count: usize, start_ms: i64) {
    if count > 0 && (start_ms != 0 || starts.len() >= count) {
        starts.resize(count, 0);
        starts[count - 1] = start_ms;
    }
}

/// What a caller can do about a failed selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// A bound was hit: ask for less, or raise the limit that the text names.
    Limit,
    /// Stored bytes are damaged.
    Corrupt,
    /// Cannot be read now: try again.
    Unavailable,
}

/// Why series could not be selected or read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What the caller can do.
    pub kind: SourceErrorKind,
    /// What happened, for people.
    pub message: String,
}
