//! OpenMetrics 1.0: exactly one blank between parts, no free comments or empty lines, timestamps in seconds, `# EOF`.

use bongsu_model::MetricType;

use super::float::parse_value;
use super::scanner::{Scanner, unescape};
use super::series::{self, Style};
use super::{Entry, Exemplar, ParseError, SampleEntry};

pub(super) fn next<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Entry<'a>>, ParseError> {
    match scanner.peek() {
        None => Err(scanner.expected("# EOF")),
        Some(b'#') => comment(scanner),
        Some(_) => sample(scanner).map(Some),
    }
}

fn comment<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Entry<'a>>, ParseError> {
    let start = scanner.position();
    if scanner.take_prefix("# EOF") {
        scanner.take_byte(b'\n');
        return if scanner.at_end() { Ok(None) } else { Err(scanner.expected("nothing after # EOF")) };
    }
    for keyword in ["HELP", "TYPE", "UNIT"] {
        if scanner.take_prefix("# ") && scanner.take_prefix(keyword) && scanner.take_byte(b' ') {
            return meta(scanner, keyword).map(Some);
        }
        scanner.rewind(start);
    }
    Err(scanner.expected("# HELP, # TYPE, # UNIT or # EOF"))
}

fn meta<'a>(scanner: &mut Scanner<'a>, keyword: &str) -> Result<Entry<'a>, ParseError> {
    let metric = scanner.take_family_name(keyword)?;
    if !scanner.take_byte(b' ') && scanner.peek() != Some(b'\n') {
        return Err(scanner.expected("one blank after the metric name"));
    }
    let text_at = scanner.position();
    let text = scanner.take_line();
    match keyword {
        "HELP" => Ok(Entry::Help { metric, help: unescape(text, true) }),
        "UNIT" => match metric.strip_suffix(text) {
            Some(stem) if text.is_empty() || stem.ends_with('_') => Ok(Entry::Unit { metric, unit: text }),
            _ => Err(scanner
                .error_at(text_at, format!("expected a unit that the name {metric:?} ends with, found {text:?}"))),
        },
        _ => match metric_type(text) {
            Some(metric_type) => Ok(Entry::Type { metric, metric_type }),
            None => Err(scanner.error_at(text_at, format!("expected a metric type, found {text:?}"))),
        },
    }
}

/// The text format's `untyped` is none of OpenMetrics' words.
fn metric_type(word: &str) -> Option<MetricType> {
    if word == "untyped" { None } else { MetricType::parse(word) }
}

fn sample<'a>(scanner: &mut Scanner<'a>) -> Result<Entry<'a>, ParseError> {
    let series = series::read(scanner, Style::OpenMetrics)?;
    let value = number(scanner, "a blank and a value")?;
    let timestamp_ms = timestamp(scanner)?;
    let exemplar = if scanner.take_prefix(" # ") { Some(exemplar(scanner)?) } else { None };
    if !scanner.take_byte(b'\n') {
        return Err(scanner.expected("the end of the line"));
    }
    Ok(Entry::Sample(SampleEntry { series, value, timestamp_ms, exemplar }))
}

fn exemplar<'a>(scanner: &mut Scanner<'a>) -> Result<Exemplar<'a>, ParseError> {
    if scanner.peek() != Some(b'{') {
        return Err(scanner.expected("the labels of an exemplar"));
    }
    let labels = series::read_exemplar_labels(scanner)?;
    let value = number(scanner, "a blank and the value of the exemplar")?;
    Ok(Exemplar { labels, value, timestamp_ms: timestamp(scanner)? })
}

/// A blank and a number.
fn number(scanner: &mut Scanner<'_>, what: &str) -> Result<f64, ParseError> {
    let start = scanner.position();
    if scanner.take_byte(b' ')
        && let Some(value) = parse_value(scanner.take_while(|byte| !matches!(byte, b' ' | b'\n')))
    {
        return Ok(value);
    }
    scanner.rewind(start);
    Err(scanner.expected(what))
}

/// A blank and seconds since the epoch, unless an exemplar or the end of the line is next.
fn timestamp(scanner: &mut Scanner<'_>) -> Result<Option<i64>, ParseError> {
    if scanner.peek() != Some(b' ') || scanner.clone().take_prefix(" # ") {
        return Ok(None);
    }
    let start = scanner.position();
    let seconds = number(scanner, "a timestamp in seconds")?;
    if !seconds.is_finite() {
        scanner.rewind(start);
        return Err(scanner.expected("a finite timestamp in seconds"));
    }
    Ok(Some((seconds * 1000.0) as i64))
}
