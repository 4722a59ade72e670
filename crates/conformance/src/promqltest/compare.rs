//! Results against expectations.

use std::collections::BTreeMap;

use bongsu_model::{Labels, format_float, is_stale};
use bongsu_promql::{Annotation, MatrixSeries, Severity, Value, VectorSample};

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
        let (labels, actual) = (&sample.labels, format_float(sample.value));
        let Some((at, points)) = missing.remove(labels) else {
            return Err(format!("unexpected series {labels} with the value {actual}"));
        };
        if expected.ordered && at != place {
            return Err(format!("series {labels} at place {place}, expected at {at}"));
        }
        match points {
            [Point::Float(value)] if almost_equal(*value, sample.value) => {}
            [Point::Float(value)] => {
                return Err(format!("expected {} for {labels}, got {actual}", format_float(*value)));
            }
            points => return Err(format!("expected {} points for {labels}, got one", points.len())),
        }
    }
    match missing.keys().next() {
        Some(labels) => Err(format!("missing series {labels}; the result is {}", brief(samples))),
        None => Ok(()),
    }
}

fn brief(samples: &[VectorSample]) -> String {
    let shown = samples.iter().take(3).map(|s| format!("{} {}", s.labels, format_float(s.value))).collect::<Vec<_>>();
    if samples.is_empty() { "empty".to_owned() } else { shown.join(", ") }
}

fn matrix(series: &[MatrixSeries], expected: &Expected, range: Range) -> Result<(), String> {
    let mut missing: BTreeMap<&Labels, &[Point]> =
        expected.series.iter().map(|series| (&series.labels, series.points.as_slice())).collect();
    for actual in series {
        let Some(points) = missing.remove(&actual.labels) else {
            return Err(format!("unexpected series {} with {}", actual.labels, points_text(actual)));
        };
        let times = (0..).map(|step: i64| range.start_ms + step * range.step_ms);
        let wanted: Vec<(i64, f64)> = times
            .zip(points)
            .filter_map(|(time, point)| match point {
                Point::Float(value) => Some((time, *value)),
                Point::Omitted | Point::Histogram => None,
            })
            .collect();
        let same = wanted.len() == actual.values.len()
            && wanted
                .iter()
                .zip(actual.timestamps_ms.iter().zip(&actual.values))
                .all(|(wanted, actual)| wanted.0 == *actual.0 && almost_equal(wanted.1, *actual.1));
        if !same {
            let wanted = wanted.iter().map(|(time, value)| format!("{}@{time}", format_float(*value)));
            let wanted = wanted.collect::<Vec<_>>().join(" ");
            return Err(format!("expected {wanted} for {}, got {}", actual.labels, points_text(actual)));
        }
    }
    match missing.keys().next() {
        Some(labels) => Err(format!("missing series {labels}")),
        None => Ok(()),
    }
}

fn points_text(series: &MatrixSeries) -> String {
    let points = series.timestamps_ms.iter().zip(&series.values);
    points.map(|(time, value)| format!("{}@{time}", format_float(*value))).collect::<Vec<_>>().join(" ")
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
