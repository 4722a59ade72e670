//! The text format 0.0.4: blanks nearly everywhere, free comments, timestamps in milliseconds.

use bongsu_model::MetricType;

use super::float::parse_value;
use super::scanner::{Scanner, unescape};
use super::series::{self, Style};
use super::{Entry, ParseError, SampleEntry};

pub(super) fn next<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Entry<'a>>, ParseError> {
    loop {
        scanner.skip_blanks();
        match scanner.peek() {
            None => return Ok(None),
            Some(b'\n') => {
                scanner.take_byte(b'\n');
            }
            Some(b'#') => return comment(scanner).map(Some),
            Some(_) => return sample(scanner).map(Some),
        }
    }
}

/// A line that starts with `#`. Only `# HELP ` and `# TYPE `, blanks included, are more than a comment.
fn comment<'a>(scanner: &mut Scanner<'a>) -> Result<Entry<'a>, ParseError> {
    let start = scanner.position();
    for keyword in ["HELP", "TYPE"] {
        if take_keyword(scanner, keyword) {
            return meta(scanner, keyword);
        }
        scanner.rewind(start);
    }
    Ok(Entry::Comment(scanner.take_line()))
}

fn take_keyword(scanner: &mut Scanner<'_>, keyword: &str) -> bool {
    let blanks = |scanner: &mut Scanner<'_>| {
        let start = scanner.position();
        scanner.skip_blanks();
        scanner.position() > start
    };
    scanner.take_byte(b'#') && blanks(scanner) && scanner.take_prefix(keyword) && blanks(scanner)
}

fn meta<'a>(scanner: &mut Scanner<'a>, keyword: &str) -> Result<Entry<'a>, ParseError> {
    let metric = scanner.take_family_name(keyword)?;
    if !matches!(scanner.peek(), None | Some(b' ' | b'\t' | b'\n')) {
        return Err(scanner.expected("a blank after the metric name"));
    }
    // One blank separates; more of them belong to the text.
    let _ = scanner.take_byte(b' ') || scanner.take_byte(b'\t');
    if keyword == "HELP" {
        return Ok(Entry::Help { metric, help: unescape(scanner.take_line(), false) });
    }
    let metric_type = match scanner.clone().take_line() {
        "untyped" => MetricType::Unknown,
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        _ => return Err(scanner.expected("counter, gauge, histogram, summary or untyped")),
    };
    scanner.take_line();
    Ok(Entry::Type { metric, metric_type })
}

fn sample<'a>(scanner: &mut Scanner<'a>) -> Result<Entry<'a>, ParseError> {
    let series = series::read(scanner, Style::Text)?;
    scanner.skip_blanks();
    let mut behind = scanner.clone();
    let word = behind.take_while(|byte| !matches!(byte, b'{' | b' ' | b'\t' | b'\n'));
    let value = parse_value(word).ok_or_else(|| scanner.expected("a value"))?;
    behind.skip_blanks();
    *scanner = behind;
    let timestamp_ms = match scanner.peek() {
        None | Some(b'\n') => None,
        Some(_) => Some(timestamp(scanner)?),
    };
    scanner.skip_blanks();
    if !scanner.at_end() && !scanner.take_byte(b'\n') {
        return Err(scanner.expected("the end of the line after the timestamp"));
    }
    Ok(Entry::Sample(SampleEntry { series, value, timestamp_ms, exemplar: None }))
}

fn timestamp(scanner: &mut Scanner<'_>) -> Result<i64, ParseError> {
    let mut behind = scanner.clone();
    let digits = behind.take_while(|byte| byte.is_ascii_digit() || byte == b'-');
    let timestamp_ms =
        digits.parse().map_err(|_| scanner.expected("a timestamp in milliseconds or the end of the line"))?;
    *scanner = behind;
    Ok(timestamp_ms)
}
