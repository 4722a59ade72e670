//! Results against expectations.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels, format_float, is_stale};
use bongsu_promql::{Annotation, MatrixSeries, SampleValue, Severity, Value, VectorSample};

use super::script::{Expected, Range, Remarks, Text, Times};
use super::series::Point;

/// Relative difference up to which two values are the same. Source: Prometheus' promqltest.
const EPSILON: f64 = 1e-6;

/// Whether a result is as expected; the error says what differs.
pub fn value(actual: &Value, expected: &Expected, times: Times) -> Result<(), String> {
    match (actual, times) {
        (Value::String { text, .. }, _) => string(text, expected),
        (Value::Scalar(sample), _) => scalar(sample.value, expected),
        (Value::Vector(samples), _) => vector(samples, expected),
        (Value::Matrix(series), Times::Range(range)) => matrix(series, expected, range),
        (Value::Matrix(series), Times::Instant(_)) => {
            let range = expected.range_vector.ok_or("got a range vector, expected an instant vector")?;
            matrix(series, expected, range)
        }
    }
}

fn string(actual: &str, expected: &Expected) -> Result<(), String> {
    match &expected.string {
        Some(text) if text == actual => Ok(()),
        Some(text) => Err(format!("expected the string {text:?}, got {actual:?}")),
        None => Err(format!("got the string {actual:?}, expected something else")),
    }
}

fn scalar(actual: f64, expected: &Expected) -> Result<(), String> {
    let value = expected.scalar.ok_or_else(|| format!("got the scalar {}, expected a vector", format_float(actual)))?;
    if almost_equal(value, actual) {
        return Ok(());
    }
    Err(format!("expected {}, got {}", format_float(value), format_float(actual)))
}

fn vector(samples: &[VectorSample], expected: &Expected) -> Result<(), String> {
    let mut missing: BTreeMap<&Labels, (usize, &[Point])> = expected
        .series
        .iter()
        .enumerate()
        .map(|(at, series)| (&series.labels, (at, series.points.as_slice())))
        .collect();
    for (place, sample) in samples.iter().enumerate() {
        let (labels, actual) = (&sample.labels, point_of(&sample.value));
        let Some((at, points)) = missing.remove(labels) else {
            return Err(format!("unexpected series {labels} with the value {}", text(&actual)));
        };
        if expected.ordered && at != place {
            return Err(format!("series {labels} at place {place}, expected at {at}"));
        }
        match points {
            [point] if same(point, &actual) => {}
            [point] => return Err(format!("expected {} for {labels}, got {}", text(point), text(&actual))),
            points => return Err(format!("expected {} points for {labels}, got one", points.len())),
        }
    }
    match missing.keys().next() {
        Some(labels) => Err(format!("missing series {labels}; the result is {}", brief(samples))),
        None => Ok(()),
    }
}

fn brief(samples: &[VectorSample]) -> String {
    let shown = samples.iter().take(3).map(|s| format!("{} {}", s.labels, text(&point_of(&s.value))));
    if samples.is_empty() { "empty".to_owned() } else { shown.collect::<Vec<_>>().join(", ") }
}

fn point_of(value: &SampleValue) -> Point {
    match value {
        SampleValue::Float(value) => Point::Float(*value),
        SampleValue::Histogram(histogram) => Point::Histogram(Arc::clone(histogram), false),
    }
}

fn text(point: &Point) -> String {
    match point {
        Point::Omitted => "nothing".to_owned(),
        Point::Float(value) => format_float(*value),
        Point::Histogram(histogram, _) => format!("{histogram} {:?} {}", histogram.reset_hint, histogram.schema),
    }
}

fn matrix(series: &[MatrixSeries], expected: &Expected, range: Range) -> Result<(), String> {
    let mut missing: BTreeMap<&Labels, &[Point]> =
        expected.series.iter().map(|series| (&series.labels, series.points.as_slice())).collect();
    for actual in series {
        let found = points(actual);
        let Some(points) = missing.remove(&actual.labels) else {
            return Err(format!("unexpected series {} with {}", actual.labels, points_text(&found)));
        };
        let times = (0..).map(|step: i64| range.start_ms + step * range.step_ms);
        let wanted: Vec<(i64, Point)> =
            times.zip(points.iter().cloned()).filter(|(_, point)| *point != Point::Omitted).collect();
        let agree = wanted.len() == found.len()
            && wanted.iter().zip(&found).all(|(wanted, actual)| wanted.0 == actual.0 && same(&wanted.1, &actual.1));
        if !agree {
            let (wanted, found) = (points_text(&wanted), points_text(&found));
            return Err(format!("expected {wanted} for {}, got {found}", actual.labels));
        }
    }
    match missing.keys().next() {
        Some(labels) => Err(format!("missing series {labels}")),
        None => Ok(()),
    }
}

/// Floats and histograms in the order of their times.
fn points(series: &MatrixSeries) -> Vec<(i64, Point)> {
    let floats = series.timestamps_ms.iter().zip(&series.values).map(|(&time, &value)| (time, Point::Float(value)));
    let histograms = series.histograms.iter().map(|(time, one)| (*time, Point::Histogram(Arc::clone(one), false)));
    let mut all: Vec<_> = floats.chain(histograms).collect();
    all.sort_by_key(|(time, _)| *time);
    all
}

fn points_text(points: &[(i64, Point)]) -> String {
    points.iter().map(|(time, point)| format!("{}@{time}", text(point))).collect::<Vec<_>>().join(" ")
}

fn same(expected: &Point, actual: &Point) -> bool {
    match (expected, actual) {
        (Point::Float(expected), Point::Float(actual)) => almost_equal(*expected, *actual),
        (Point::Histogram(expected, says_hint), Point::Histogram(actual, _)) => {
            (!says_hint || expected.reset_hint == actual.reset_hint) && same_histogram(expected, actual)
        }
        _ => false,
    }
}

/// Indices and counts of the buckets on one side of zero.
type Side = Vec<(i32, f64)>;

/// Buckets that are empty do not count, nor do hints. Source: Prometheus' promqltest.
fn same_histogram(expected: &FloatHistogram, actual: &FloatHistogram) -> bool {
    let sides = |histogram: &FloatHistogram| {
        let mut histogram = histogram.clone();
        histogram.compact();
        [histogram.positive(), histogram.negative()]
    };
    let numbers = |h: &FloatHistogram| [h.count, h.sum, h.zero_threshold, h.zero_count];
    let all = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| almost_equal(*a, *b));
    let same_side = |(a, b): (&Side, &Side)| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1))
    };
    expected.schema == actual.schema
        && all(&numbers(expected), &numbers(actual))
        && all(&expected.custom_bounds, &actual.custom_bounds)
        && sides(expected).iter().zip(&sides(actual)).all(same_side)
}

/// Whether the remarks of a result are as expected.
pub fn annotations(actual: &[Annotation], query: &str, expected: &Expected) -> Result<(), String> {
    remarks(actual, query, Severity::Warning, &expected.warnings)?;
    remarks(actual, query, Severity::Info, &expected.infos)
}

fn remarks(actual: &[Annotation], query: &str, severity: Severity, expected: &Remarks) -> Result<(), String> {
    let texts: Vec<String> =
        actual.iter().filter(|remark| remark.severity == severity).map(|remark| remark.render(query)).collect();
    if expected.forbidden
        && let Some(text) = texts.first()
    {
        return Err(format!("unexpected {text:?}"));
    }
    if let Some(missing) = expected.texts.iter().find(|wanted| !texts.iter().any(|text| wanted.accepts(text))) {
        return Err(format!("missing {severity:?} {missing:?}, got {texts:?}"));
    }
    let unexpected = texts.iter().find(|text| !expected.texts.iter().any(|wanted| wanted.accepts(text)));
    match unexpected {
        Some(text) if !expected.texts.is_empty() => Err(format!("unexpected {text:?}")),
        _ => Ok(()),
    }
}

/// Whether a failure is as expected.
pub fn failure(error: &str, expected: &Text) -> Result<(), String> {
    if expected.accepts(error) { Ok(()) } else { Err(format!("expected the error {expected:?}, got {error:?}")) }
}

/// The same up to rounding; every NaN equals every other, but for the stale marker.
fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}
