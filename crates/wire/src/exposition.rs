//! Exposition: metrics as text, the Prometheus text format 0.0.4 and OpenMetrics 1.0.
//!
//! ```text
//!  # TYPE http_requests counter            ──► Entry::Type
//!  http_requests_total{code="200"} 1027    ──► Entry::Sample: series, value, timestamp, exemplar
//!  └────────────series───────────┘             labels are read from the series text when they are asked for
//! ```
//!
//! The raw text of a series is the cheapest key for it: an exporter writes the same bytes at every scrape, so a scraper
//! computes labels once. What is accepted follows Prometheus' `textparse`, quoted UTF-8 names included.

mod float;
mod open_metrics;
mod protobuf;
mod scanner;
mod series;
#[cfg(test)]
mod tests;
mod text;
mod writer;

use std::borrow::Cow;
use std::iter::FusedIterator;

use bongsu_model::MetricType;

pub use float::{format_go_float, normalize_bound};
pub use protobuf::{PROTOBUF_CONTENT_TYPE, ProtobufWriter};
use scanner::Scanner;
pub use series::{Series, SeriesLabels};
pub use writer::TextWriter;

/// The media type of what [`TextWriter`] writes.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Which text form a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4 (and 1.0.0, which adds quoted names).
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The form that a `Content-Type` header names, parameters aside; `None` for any other media type.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("text/plain") {
            Some(Self::Text)
        } else if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Some(Self::OpenMetrics)
        } else {
            None
        }
    }
}

/// One line of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// `# TYPE`
    Type {
        /// The metric family.
        metric: Cow<'a, str>,
        /// Its kind.
        metric_type: MetricType,
    },
    /// `# HELP`
    Help {
        /// The metric family.
        metric: Cow<'a, str>,
        /// The text, escapes resolved.
        help: Cow<'a, str>,
    },
    /// `# UNIT`, OpenMetrics only.
    Unit {
        /// The metric family.
        metric: Cow<'a, str>,
        /// The unit; the family's name ends with it.
        unit: &'a str,
    },
    /// Any other comment, text format only; from its `#` on.
    Comment(&'a str),
    /// A sample.
    Sample(SampleEntry<'a>),
}

/// A sample line.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleEntry<'a> {
    /// Name and labels.
    pub series: Series<'a>,
    /// The value; NaN is always the same, quiet one, so that no target can send a stale marker.
    pub value: f64,
    /// The time that the target gave, if any, in milliseconds.
    pub timestamp_ms: Option<i64>,
    /// An exemplar, OpenMetrics only.
    pub exemplar: Option<Exemplar<'a>>,
}

/// A reference to something outside, such as a trace, beside a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Its labels.
    pub labels: SeriesLabels<'a>,
    /// The observed value.
    pub value: f64,
    /// When it was observed, in milliseconds.
    pub timestamp_ms: Option<i64>,
}

/// Where an exposition is wrong, and what should have been there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

/// Reads entry after entry; after an error there is nothing more. OpenMetrics that does not end with `# EOF` is an error.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    scanner: Scanner<'a>,
    format: Format,
    done: bool,
}

impl<'a> Parser<'a> {
    /// A parser of `body`.
    #[must_use]
    pub fn new(body: &'a str, format: Format) -> Self {
        Self { scanner: Scanner::new(body), format, done: false }
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Entry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match self.format {
            Format::Text => text::next(&mut self.scanner),
            Format::OpenMetrics => open_metrics::next(&mut self.scanner),
        };
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl FusedIterator for Parser<'_> {}
