//! What readers hand on, and to whom.

use std::fmt;

use bongsu_model::{Exemplar, Labels, LabelsBuilder, Matcher, MetricMetadata, SampleBuffer};

use crate::error::Error;

/// Samples of one series.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The series.
    pub labels: &'a Labels,
    /// Floats and native histograms, each kind ascending in time.
    pub samples: &'a SampleBuffer,
    /// Exemplars, ascending in time.
    pub exemplars: &'a [Exemplar],
}

/// Takes series, piece by piece. Pieces of one series come ascending in time.
pub trait Receiver {
    /// Takes a piece.
    ///
    /// # Errors
    /// When nothing more can be taken; the reader ends with that.
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error>;

    /// Takes what a metric family is.
    ///
    /// # Errors
    /// As [`piece`](Self::piece).
    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        let _ = (family, metadata);
        Ok(())
    }

    /// All that stands before this point of the source has been handed over.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the caller wants the reader to end.
    fn reached(&mut self, point: &Point) -> Result<(), Error> {
        let _ = point;
        Ok(())
    }
}

/// A place in a source, from which a later read can go on: in which of its parts, and how far in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// A block's name, a file's name, or the start of a stretch of time.
    pub part: String,
    /// Series or lines of the part that are done.
    pub done: u64,
}

impl Point {
    /// A point of a text such as `01HF2…:1200`, as [`Display`](fmt::Display) writes it.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("expected PART:NUMBER as an import prints it, found {text:?}");
        let (part, done) = text.rsplit_once(':').ok_or_else(expected)?;
        Ok(Self { part: part.to_owned(), done: done.parse().map_err(|_| expected())? })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.part, self.done)
    }
}

/// Which samples are wanted: the readers of large sources leave out early what is not.
#[derive(Clone, Debug)]
pub struct Window {
    /// First wanted time, inclusive, milliseconds.
    pub start_ms: i64,
    /// Last wanted time, inclusive, milliseconds.
    pub end_ms: i64,
    /// Sets of conditions of which one has to hold; without any all series are wanted.
    pub matchers: Vec<Vec<Matcher>>,
}

impl Default for Window {
    /// Everything.
    fn default() -> Self {
        Self { start_ms: i64::MIN, end_ms: i64::MAX, matchers: Vec::new() }
    }
}

impl Window {
    /// Whether a series is wanted.
    #[must_use]
    pub fn wants(&self, labels: &Labels) -> bool {
        let holds = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or(""));
        self.matchers.is_empty() || self.matchers.iter().any(|set| set.iter().all(holds))
    }

    /// Whether all times are wanted.
    #[must_use]
    pub fn is_all_time(&self) -> bool {
        self.start_ms == i64::MIN && self.end_ms == i64::MAX
    }
}

/// Hands on what is wanted, for readers that do not look themselves.
pub struct Narrowed<'r> {
    window: Window,
    inner: &'r mut dyn Receiver,
    samples: SampleBuffer,
}

impl<'r> Narrowed<'r> {
    /// In front of `inner`.
    pub fn new(window: Window, inner: &'r mut dyn Receiver) -> Self {
        Self { window, inner, samples: SampleBuffer::default() }
    }
}

impl Receiver for Narrowed<'_> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        if !self.window.wants(piece.labels) {
            return Ok(());
        }
        if self.window.is_all_time() {
            return self.inner.piece(piece);
        }
        let Window { start_ms, end_ms, .. } = self.window;
        self.samples.clear();
        self.samples.extend_between(piece.samples, start_ms, end_ms);
        let first = piece.exemplars.partition_point(|exemplar| exemplar.timestamp_ms < start_ms);
        let end = piece.exemplars.partition_point(|exemplar| exemplar.timestamp_ms <= end_ms);
        let exemplars = piece.exemplars.get(first..end).unwrap_or_default();
        if self.samples.is_empty() && exemplars.is_empty() {
            return Ok(());
        }
        self.inner.piece(Piece { samples: &self.samples, exemplars, ..piece })
    }

    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        self.inner.metadata(family, metadata)
    }

    fn reached(&mut self, point: &Point) -> Result<(), Error> {
        self.inner.reached(point)
    }
}

/// Gives every series more labels, which win, on its way.
pub struct Labelled<'r> {
    labels: Vec<(String, String)>,
    inner: &'r mut dyn Receiver,
}

impl<'r> Labelled<'r> {
    /// In front of `inner`.
    pub fn new(labels: Vec<(String, String)>, inner: &'r mut dyn Receiver) -> Self {
        Self { labels, inner }
    }
}

impl Receiver for Labelled<'_> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        if self.labels.is_empty() {
            return self.inner.piece(piece);
        }
        let mut labels = LabelsBuilder::from_labels(piece.labels);
        for (name, value) in &self.labels {
            labels.set(name, value);
        }
        self.inner.piece(Piece { labels: &labels.build(), ..piece })
    }

    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        self.inner.metadata(family, metadata)
    }

    fn reached(&mut self, point: &Point) -> Result<(), Error> {
        self.inner.reached(point)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bongsu_model::format_float;

    use super::*;

    /// What was taken, as text: a line for each piece.
    #[derive(Default)]
    pub(crate) struct Taken(pub(crate) String);

    impl Receiver for Taken {
        fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
            self.0 += &piece.labels.to_string();
            for (time_ms, value) in piece.samples.timestamps_ms.iter().zip(&piece.samples.values) {
                self.0 += &format!(" {}@{time_ms}", format_float(*value));
            }
            for (time_ms, histogram) in &piece.samples.histograms {
                self.0 += &format!(" histogram({}, {})@{time_ms}", histogram.count, histogram.sum);
            }
            for exemplar in piece.exemplars {
                self.0 += &format!(" #{}={}@{}", exemplar.labels, exemplar.value, exemplar.timestamp_ms);
            }
            self.0.push('\n');
            Ok(())
        }

        fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
            self.0 += &format!("# {family} {} {:?}\n", metadata.metric_type, metadata.help);
            Ok(())
        }
    }

    #[test]
    fn points_are_read_as_they_are_written() {
        let point = Point { part: "01HF:x".to_owned(), done: 12 };
        assert_eq!(Point::parse(&point.to_string()), Ok(point));
        assert!(Point::parse("01HF").is_err() && Point::parse("01HF:x").is_err());
    }

    #[test]
    fn hands_on_what_is_wanted() {
        let mut taken = Taken::default();
        let matchers = vec![vec![Matcher::equal("__name__", "up")], vec![Matcher::equal("job", "b")]];
        let mut labelled = Labelled::new(vec![("site".to_owned(), "x".to_owned())], &mut taken);
        let mut narrowed = Narrowed::new(Window { start_ms: 2, end_ms: 3, matchers }, &mut labelled);
        let mut samples = SampleBuffer::default();
        (1..5).for_each(|time_ms| samples.push(time_ms, time_ms as f64));
        for (name, job) in [("up", "a"), ("down", "a"), ("down", "b")] {
            let labels = Labels::from_pairs([("__name__", name), ("job", job)]);
            narrowed.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
        }
        assert_eq!(taken.0, "up{job=\"a\", site=\"x\"} 2@2 3@3\ndown{job=\"b\", site=\"x\"} 2@2 3@3\n");
    }
}
