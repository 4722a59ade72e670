//! The notation of series and their points: `up{job="a"} 1 2+3x4 _ stale {{count:1}}`.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels, MatchOp, STALE_NAN, parse_duration_ms, parse_float};
use bongsu_syntax::{ExprKind, ParseOptions};

use super::histogram;

/// One place in a sequence of points.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// Nothing there.
    Omitted,
    /// A float; the stale marker included.
    Float(f64),
    /// A native histogram, and whether something was said of its counter reset hint, be it that it is unknown.
    Histogram(Arc<FloatHistogram>, bool),
}

/// A series and its points, one for each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub points: Vec<Point>,
    /// When the counting of each point began, relative to its time, milliseconds; empty when nothing is said of it.
    pub starts: Vec<Option<i64>>,
}

/// A repetition makes at most this many points.
const REPETITIONS_MAX: usize = 1_000_000;

impl Series {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (metric, points) = split_metric(line);
        Ok(Self { labels: parse_labels(metric)?, points: parse_points(points)?, starts: Vec::new() })
    }

    /// Reads a line `metric@st -1m _ 0s-1mx4`, which says when the counting of the samples in the next line began, or `@st -1m _` for all
    /// lines after it, whose labels are none; `None` when it is no such line.
    pub fn parse_starts(line: &str) -> Result<Option<Self>, String> {
        let Some((metric, items)) = line.split_once("@st").filter(|(_, items)| items.starts_with(char::is_whitespace))
        else {
            return Ok(None);
        };
        let mut starts = Vec::new();
        for item in items.split_whitespace() {
            push_starts(item, &mut starts).map_err(|error| format!("invalid start {item:?}: {error}"))?;
        }
        let labels = if metric.is_empty() { Labels::empty() } else { parse_labels(metric)? };
        Ok(Some(Self { labels, points: Vec::new(), starts }))
    }
}

/// `_`, `_x3`, `*` (as the one before), `*x3`, `-1m`, `-1mx3`, `-60s-1mx3`
fn push_starts(item: &str, starts: &mut Vec<Option<i64>>) -> Result<(), String> {
    let (value, times) = match item.split_once('x') {
        Some((value, times)) => (value, Some(repetitions(Some(times), item)?)),
        None => (item, None),
    };
    if value == "_" {
        starts.extend(std::iter::repeat_n(None, times.unwrap_or(1)));
        return Ok(());
    }
    if value == "*" {
        let last = starts.iter().rev().find_map(|start| *start).unwrap_or(0);
        starts.extend(std::iter::repeat_n(Some(last), times.unwrap_or(0) + 1));
        return Ok(());
    }
    let joint = value.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map_or(value.len(), |(at, _)| at);
    let (mut start, step) = (signed_ms(&value[..joint])?, &value[joint..]);
    if !step.is_empty() && times.is_none() {
        return Err("it needs a repetition such as x5".to_owned());
    }
    let step = if step.is_empty() { 0 } else { signed_ms(step)? };
    for _ in 0..=times.unwrap_or(0) {
        starts.push(Some(start));
        start += step;
    }
    Ok(())
}

fn signed_ms(text: &str) -> Result<i64, String> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (-1, magnitude),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    parse_duration_ms(magnitude).map(|ms| sign * ms).map_err(|error| error.to_string())
}

/// The metric ends at the first white space outside of braces and quotes, or with its closing brace.
fn split_metric(line: &str) -> (&str, &str) {
    let (mut quote, mut escaped, mut in_braces) = (None, false, false);
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(q), '\\') if q != '`' => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => in_braces = true,
            (None, '}') => return line.split_at(at + 1),
            // Braces after white space are the metric's, too, unless they are those of a histogram.
            (None, c) if c.is_whitespace() && !in_braces => {
                let rest = line[at..].trim_start();
                if !rest.starts_with('{') || rest.starts_with("{{") {
                    return line.split_at(at);
                }
            }
            _ => {}
        }
    }
    (line, "")
}

/// A metric is written like a selector whose matchers are all equalities.
fn parse_labels(metric: &str) -> Result<Labels, String> {
    if metric.trim() == "{}" {
        return Ok(Labels::empty());
    }
    let expr = bongsu_syntax::parse(metric, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let ExprKind::Vector(selector) = &expr.kind else { return Err(format!("{metric:?} is no metric")) };
    if selector.matchers.iter().any(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("labels of {metric:?} must be joined to their values by \"=\""));
    }
    Ok(Labels::from_pairs(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
}

fn parse_points(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (item, tail) = if rest.starts_with("{{") { take_histogram_item(rest)? } else { take_word(rest) };
        if item.starts_with("{{") {
            push_histograms(item, &mut points)?;
        } else {
            push_floats(item, &mut points)?;
        }
        rest = tail.trim_start();
    }
    Ok(points)
}

fn take_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// `{{…}}`, `{{…}}x3` or `{{…}}+{{…}}x3`
fn take_histogram_item(text: &str) -> Result<(&str, &str), String> {
    let mut end = 0;
    while text[end..].starts_with("{{") {
        let close = text[end..].find("}}").ok_or_else(|| format!("histogram without end: {text:?}"))?;
        end += close + 2;
        if text[end..].starts_with("+{{") || text[end..].starts_with("-{{") {
            end += 1;
        }
    }
    let (tail, _) = take_word(&text[end..]);
    Ok(text.split_at(end + tail.len()))
}

fn push_histograms(item: &str, points: &mut Vec<Point>) -> Result<(), String> {
    let (inner, after) = item[2..].split_once("}}").ok_or_else(|| format!("histogram without end: {item:?}"))?;
    let (mut value, says_hint) = (histogram::parse(inner)?, inner.contains("counter_reset_hint"));
    let (step, times) = match (after.strip_prefix("+{{"), after.strip_prefix("-{{")) {
        (None, None) => (None, after),
        (plus, minus) => {
            let (inner, times) =
                plus.or(minus).and_then(|step| step.split_once("}}")).ok_or("histogram without end")?;
            let mut step = histogram::parse(inner)?;
            if minus.is_some() {
                let hint = step.reset_hint;
                step.multiply(-1.0);
                step.reset_hint = hint;
            }
            (Some(step), times)
        }
    };
    // `x3` stands for the first and three more.
    let times = if times.is_empty() { 0 } else { repetitions(times.strip_prefix('x'), item)? };
    for _ in 0..=times {
        points.push(Point::Histogram(Arc::new(value.clone()), says_hint));
        if let Some(step) = &step {
            (value, _) = value.plus(step).map_err(|error| error.to_string())?;
            value.compact();
        }
    }
    Ok(())
}

fn push_floats(item: &str, points: &mut Vec<Point>) -> Result<(), String> {
    // "x" is no part of a number here: hexadecimal ones are not allowed.
    let (value, times) = match item.split_once('x') {
        Some((value, times)) => (value, Some(repetitions(Some(times), item)?)),
        None => (item, None),
    };
    if value == "_" {
        points.extend(std::iter::repeat_n(Point::Omitted, times.unwrap_or(1)));
        return Ok(());
    }
    let (mut value, step) = parse_value_and_step(value).ok_or_else(|| format!("{item:?} is no value of a series"))?;
    if step.is_some() && times.is_none() {
        return Err(format!("{item:?} needs a repetition such as x5"));
    }
    for _ in 0..=times.unwrap_or(0) {
        points.push(Point::Float(value));
        if let Some(step) = step {
            value += step;
        }
    }
    Ok(())
}

/// `4`, `stale`, `4+2`, `-4-2e-3`
fn parse_value_and_step(text: &str) -> Option<(f64, Option<f64>)> {
    if text == "stale" {
        return Some((STALE_NAN, None));
    }
    if let Some(value) = parse_float(text) {
        return Some((value, None));
    }
    // The sign that joins value and step is the last one that is not an exponent's.
    let joint =
        text.char_indices().skip(1).filter(|&(at, c)| matches!(c, '+' | '-') && !text[..at].ends_with(['e', 'E']));
    let at = joint.last()?.0;
    Some((parse_float(&text[..at])?, Some(parse_float(&text[at..])?)))
}

fn repetitions(text: Option<&str>, item: &str) -> Result<usize, String> {
    text.and_then(|text| text.parse().ok())
        .filter(|&times| times <= REPETITIONS_MAX)
        .ok_or_else(|| format!("invalid repetition in {item:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, labels: &str, points: &[Point]) {
        let series = Series::parse(line).unwrap();
        assert_eq!((series.labels.to_string().as_str(), series.points.as_slice()), (labels, points), "{line}");
    }

    #[test]
    fn reads_the_notation() {
        use Point::{Float, Omitted};
        check("up 1 -2 +Inf", "up", &[Float(1.0), Float(-2.0), Float(f64::INFINITY)]);
        check("{} 1e-3", "{}", &[Float(0.001)]);
        check(
            "up{a=\"} \\\"\"} 0+10x2 _x2 _",
            "up{a=\"} \\\"\"}",
            &[Float(0.0), Float(10.0), Float(20.0), Omitted, Omitted, Omitted],
        );
        check("{\"a.b\"} 5-1x1 3x1", "{__name__=\"a.b\"}", &[Float(5.0), Float(4.0), Float(3.0), Float(3.0)]);
        check("up 1e-1-2e-1x1", "up", &[Float(0.1), Float(-0.1)]);
        let histogram = |sum: f64, count: f64| {
            Point::Histogram(Arc::new(FloatHistogram { sum, count, ..FloatHistogram::default() }), false)
        };
        check(
            "up {{sum:1 count:2}}x1 {{}}+{{count:1}}x1 7",
            "up",
            &[histogram(1.0, 2.0), histogram(1.0, 2.0), histogram(0.0, 0.0), histogram(0.0, 1.0), Float(7.0)],
        );
        check("up {a=\"b\"} 1", "up{a=\"b\"}", &[Float(1.0)]);
    }

    #[test]
    fn reads_starts() {
        let line = Series::parse_starts("up{a=\"b\"}@st _ _x2 -30s-1mx2 0+1sx1 5m").unwrap().unwrap();
        let starts =
            [None, None, None, Some(-30_000), Some(-90_000), Some(-150_000), Some(0), Some(1_000), Some(300_000)];
        assert_eq!((line.labels.to_string().as_str(), line.starts.as_slice()), ("up{a=\"b\"}", &starts[..]));
        assert_eq!(Series::parse_starts("up 1 2").unwrap(), None);
        let line = Series::parse_starts("@st * -30s * _ *x1").unwrap().unwrap();
        let starts = [Some(0), Some(-30_000), Some(-30_000), None, Some(-30_000), Some(-30_000)];
        assert_eq!((line.labels, line.starts.as_slice()), (Labels::empty(), &starts[..]));
        assert!(Series::parse_starts("up@st 1y2x").is_err());
    }

    #[test]
    fn says_what_it_cannot_read() {
        for bad in ["up 1+2", "up x", "up 1xy", "up a", "up{a=~\"b\"} 1", "up {{count:1", "up 1x9999999"] {
            assert!(Series::parse(bad).is_err(), "{bad}");
        }
    }
}
