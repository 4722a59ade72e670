//! JSON of results, written by hand: a range query's answer is numbers by the million.
//!
//! To the byte as Prometheus writes it (`util/jsonutil`): times are seconds with exactly three decimals when there are
//! milliseconds, values are strings, large and tiny ones with an exponent.

use bongsu_model::{Bucket, FloatHistogram, Labels};
use bongsu_promql::{MatrixSeries, SampleValue, Value, VectorSample};
use std::fmt::Write;

/// `{"resultType":"matrix","result":[…]}`, unless `out` becomes longer than `bytes_max`: looked at after each sample of a
/// vector, series of floats, and histogram. Returns whether it was written.
pub(crate) fn write_value(out: &mut String, value: &Value, bytes_max: usize) -> bool {
    let (kind, open) = match value {
        Value::Scalar(_) => ("scalar", ""),
        Value::String { .. } => ("string", ""),
        Value::Vector(_) => ("vector", "["),
        Value::Matrix(_) => ("matrix", "["),
    };
    let _ = write!(out, "{{\"resultType\":\"{kind}\",\"result\":{open}");
    match value {
        // These two are not written by `util/jsonutil`: no exponents, and no zeros at the end.
        Value::Scalar(sample) => {
            let number = bongsu_model::format_float;
            let seconds = number(sample.timestamp_ms as f64 / 1000.0);
            let _ = write!(out, "[{seconds},\"{}\"]", number(sample.value));
        }
        Value::String { timestamp_ms, text } => {
            let _ = write!(out, "[{},", bongsu_model::format_float(*timestamp_ms as f64 / 1000.0));
            write_text(out, text);
            out.push(']');
        }
        Value::Vector(samples) => separated(out, samples, |out, one| {
            if out.len() <= bytes_max {
                write_vector_sample(out, one);
            }
        }),
        Value::Matrix(series) => separated(out, series, |out, one| {
            if out.len() <= bytes_max {
                write_matrix_series(out, one, bytes_max);
            }
        }),
    }
    out.push_str(if open.is_empty() { "}" } else { "]}" });
    out.len() <= bytes_max
}

fn write_vector_sample(out: &mut String, sample: &VectorSample) {
    out.push_str("{\"metric\":");
    write_labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(value) => {
            out.push_str(",\"value\":");
            write_point(out, sample.timestamp_ms, *value);
        }
        SampleValue::Histogram(histogram) => {
            out.push_str(",\"histogram\":");
            write_histogram_point(out, sample.timestamp_ms, histogram);
        }
    }
    out.push('}');
}

fn write_matrix_series(out: &mut String, series: &MatrixSeries, bytes_max: usize) {
    out.push_str("{\"metric\":");
    write_labels(out, &series.labels);
    if !series.values.is_empty() {
        out.push_str(",\"values\":[");
        for (index, (timestamp_ms, value)) in series.timestamps_ms.iter().zip(&series.values).enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_point(out, *timestamp_ms, *value);
        }
        out.push(']');
    }
    if !series.histograms.is_empty() {
        out.push_str(",\"histograms\":[");
        separated(out, &series.histograms, |out, (time_ms, one)| {
            if out.len() <= bytes_max {
                write_histogram_point(out, *time_ms, one);
            }
        });
        out.push(']');
    }
    out.push('}');
}

/// `[1.5,{"count":"3","sum":"4","buckets":[[0,"0.5","1","3"]]}]`: of each bucket that is not empty which of its borders belong to it,
/// where it begins and ends, and its count.
fn write_histogram_point(out: &mut String, timestamp_ms: i64, histogram: &FloatHistogram) {
    out.push('[');
    write_seconds(out, timestamp_ms);
    out.push_str(",{\"count\":\"");
    write_float(out, histogram.count);
    out.push_str("\",\"sum\":\"");
    write_float(out, histogram.sum);
    out.push('"');
    let mut buckets = histogram.buckets();
    buckets.retain(|bucket| bucket.count != 0.0);
    if !buckets.is_empty() {
        out.push_str(",\"buckets\":[");
        separated(out, &buckets, write_bucket);
        out.push(']');
    }
    out.push_str("}]");
}

fn write_bucket(out: &mut String, bucket: &Bucket) {
    let borders = match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => "[0",
        (true, false) => "[1",
        (false, false) => "[2",
        (true, true) => "[3",
    };
    out.push_str(borders);
    for number in [bucket.lower, bucket.upper, bucket.count] {
        out.push_str(",\"");
        write_float(out, number);
        out.push('"');
    }
    out.push(']');
}

/// The items with commas between them.
pub(crate) fn separated<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

/// `{"name":"value",…}`.
pub(crate) fn write_labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_text(out, value);
    }
    out.push('}');
}

fn write_point(out: &mut String, timestamp_ms: i64, value: f64) {
    out.push('[');
    write_seconds(out, timestamp_ms);
    out.push_str(",\"");
    write_float(out, value);
    out.push_str("\"]");
}

pub(crate) fn write_seconds(out: &mut String, timestamp_ms: i64) {
    let magnitude = timestamp_ms.unsigned_abs();
    if timestamp_ms < 0 {
        out.push('-');
    }
    out.push_str(itoa::Buffer::new().format(magnitude / 1000));
    let fraction = magnitude % 1000;
    if fraction != 0 {
        let _ = write!(out, ".{fraction:03}");
    }
}

/// Go's `'f'` format, and its `'e'` format below 1e-6 and from 1e21 on.
pub(crate) fn write_float(out: &mut String, value: f64) {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 && (value != 0.0 || value.is_sign_positive()) {
        out.push_str(itoa::Buffer::new().format(value as i64));
    } else if magnitude.is_finite() && magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
    } else {
        bongsu_model::push_float(out, value);
    }
}

/// A JSON string, with the characters escaped that Go's encoder escapes when it does not guard HTML.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if (c as u32) < 0x20 => {
                    let _ = write!(out, "\\u{:04x}", c as u32);
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_go_prints_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (-3.0, "-3"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e22, "-2.5e+22"),
            (1e-6, "0.000001"),
            (1.25e-7, "1.25e-07"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            write_float(&mut out, value);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn times_have_three_decimals_or_none() {
        for (ms, expected) in [
            (0, "0"),
            (1000, "1"),
            (1_435_781_430_781, "1435781430.781"),
            (1500, "1.500"),
            (-1, "-0.001"),
            (5, "0.005"),
        ] {
            let mut out = String::new();
            write_seconds(&mut out, ms);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn what_becomes_too_long_is_given_up() {
        let point = |at: i64| bongsu_model::FloatHistogram { count: at as f64, ..Default::default() };
        let series = |histograms: i64| MatrixSeries {
            labels: Labels::empty(),
            timestamps_ms: vec![1; 10],
            values: vec![1.0; 10],
            histograms: (0..histograms).map(|at| (at, std::sync::Arc::new(point(at)))).collect(),
        };
        for value in [Value::Matrix((0..1000).map(|_| series(0)).collect()), Value::Matrix(vec![series(1000)])] {
            let mut all = String::new();
            assert!(write_value(&mut all, &value, usize::MAX));
            let mut exact = String::new();
            assert!(write_value(&mut exact, &value, all.len()) && exact == all);
            let mut cut = String::new();
            assert!(!write_value(&mut cut, &value, 1000));
            assert!(cut.len() < 3000, "{}", cut.len());
        }
    }

    #[test]
    fn texts_are_valid_json() {
        for text in ["", "plain", "q\"b\\", "\u{1}\n\r\t", "한글", "\u{7f}"] {
            let mut out = String::new();
            write_text(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
