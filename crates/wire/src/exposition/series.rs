//! Metric name and labels: the part of a sample line that stays the same from scrape to scrape.

use std::borrow::Cow;

use bongsu_model::METRIC_NAME;

use super::ParseError;
use super::scanner::{Scanner, unescape};

/// The text of a series as it came, `name{label="value"}` or `{"name", label="value"}`; checked when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series<'a>(&'a str);

impl<'a> Series<'a> {
    /// The raw text: the same text is the same series.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// The label pairs in the order in which they stand, the metric name as `__name__`. Not sorted, and neither checked
    /// for names given twice.
    #[must_use]
    pub fn labels(self) -> SeriesLabels<'a> {
        SeriesLabels { scanner: Scanner::new(self.0) }
    }
}

/// The pairs of a [`Series`].
#[derive(Clone, Debug)]
pub struct SeriesLabels<'a> {
    scanner: Scanner<'a>,
}

/// Equal when the pairs are.
impl PartialEq for SeriesLabels<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}

impl<'a> Iterator for SeriesLabels<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let metric = if self.scanner.position() == 0 { self.scanner.take_name(true) } else { "" };
        if !metric.is_empty() {
            return Some((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(metric)));
        }
        self.scanner.take_while(|byte| matches!(byte, b' ' | b'\t' | b'{' | b','));
        match read_label(&mut self.scanner, Style::Text).ok()?? {
            Label::Metric(name) => Some((Cow::Borrowed(METRIC_NAME), unescape(name, true))),
            Label::Pair(name, value) => Some((unescape(name, true), unescape(value, true))),
        }
    }
}

/// What stands in braces, escapes not resolved.
enum Label<'a> {
    /// A quoted string without a value names the metric.
    Metric(&'a str),
    Pair(&'a str, &'a str),
}

/// What the two formats do not share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Blanks anywhere, line breaks in strings, commas optional.
    Text,
    OpenMetrics,
}

/// Reads a series and leaves the scanner behind it.
pub(super) fn read<'a>(scanner: &mut Scanner<'a>, style: Style) -> Result<Series<'a>, ParseError> {
    let start = scanner.position();
    let mut named = !scanner.take_name(true).is_empty();
    let mut series = scanner.since(start);
    if style == Style::Text {
        scanner.skip_blanks();
    }
    if scanner.peek() == Some(b'{') {
        read_braces(scanner, style, &mut named)?;
        series = scanner.since(start);
    }
    if !named {
        return Err(scanner.error_at(start, format!("expected a metric name, found none in {series:?}")));
    }
    Ok(Series(series))
}

/// Reads the labels of an exemplar, which has no name.
pub(super) fn read_exemplar_labels<'a>(scanner: &mut Scanner<'a>) -> Result<SeriesLabels<'a>, ParseError> {
    let start = scanner.position();
    read_braces(scanner, Style::OpenMetrics, &mut true)?;
    Ok(Series(scanner.since(start)).labels())
}

fn read_braces(scanner: &mut Scanner<'_>, style: Style, named: &mut bool) -> Result<(), ParseError> {
    scanner.take_byte(b'{');
    loop {
        let start = scanner.position();
        match read_label(scanner, style)? {
            None => return Ok(()),
            Some(Label::Metric(_)) if *named => {
                return Err(scanner.error_at(start, "expected = and a value: the metric is named already".to_owned()));
            }
            Some(Label::Metric(_)) => *named = true,
            Some(Label::Pair(..)) => {}
        }
        skip(scanner, style);
        let comma = scanner.take_byte(b',');
        if style == Style::OpenMetrics && !comma && scanner.peek() != Some(b'}') {
            return Err(scanner.expected("a comma or }"));
        }
    }
}

/// One label, or `None` after the closing brace.
fn read_label<'a>(scanner: &mut Scanner<'a>, style: Style) -> Result<Option<Label<'a>>, ParseError> {
    skip(scanner, style);
    if scanner.take_byte(b'}') {
        return Ok(None);
    }
    let quoted = scanner.peek() == Some(b'"');
    let name = if quoted { scanner.take_string(style == Style::Text)? } else { scanner.take_name(false) };
    if !quoted && name.is_empty() {
        return Err(scanner.expected("a label name or }"));
    }
    skip(scanner, style);
    if quoted && matches!(scanner.peek(), Some(b',' | b'}')) {
        return Ok(Some(Label::Metric(name)));
    }
    if !scanner.take_byte(b'=') {
        return Err(scanner.expected("= after the label name"));
    }
    skip(scanner, style);
    if scanner.peek() != Some(b'"') {
        return Err(scanner.expected("a label value in double quotes"));
    }
    let value = scanner.take_string(style == Style::Text)?;
    Ok(Some(Label::Pair(name, value)))
}

#[inline]
fn skip(scanner: &mut Scanner<'_>, style: Style) {
    if style == Style::Text {
        scanner.skip_blanks();
    }
}
