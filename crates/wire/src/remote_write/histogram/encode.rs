//! Writes native histograms, always with float counts: every histogram has that form.

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint};

use super::super::cursor::{fixed64, length_delimited, varint};
use super::super::encode::{push_bytes, push_varint};

/// Appends the fields of a histogram message.
pub(crate) fn push_histogram(out: &mut Vec<u8>, timestamp_ms: i64, start_ms: Option<i64>, histogram: &FloatHistogram) {
    let reset_hint = match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    push_double(out, 2, histogram.count);
    push_double(out, 3, histogram.sum);
    push_number(out, 4, zigzag(histogram.schema));
    push_double(out, 5, histogram.zero_threshold);
    push_double(out, 7, histogram.zero_count);
    push_spans(out, 8, &histogram.negative_spans);
    push_doubles(out, 10, &histogram.negative_buckets);
    push_spans(out, 11, &histogram.positive_spans);
    push_doubles(out, 13, &histogram.positive_buckets);
    push_number(out, 14, reset_hint);
    push_number(out, 15, timestamp_ms.cast_unsigned());
    push_doubles(out, 16, &histogram.custom_bounds);
    if let Some(start_ms) = start_ms {
        push_number(out, 17, start_ms.cast_unsigned());
    }
}

pub(crate) fn push_number(out: &mut Vec<u8>, field: u64, value: u64) {
    push_varint(out, varint(field));
    push_varint(out, value);
}

pub(crate) fn push_double(out: &mut Vec<u8>, field: u64, value: f64) {
    push_varint(out, fixed64(field));
    out.extend_from_slice(&value.to_le_bytes());
}

fn push_doubles(out: &mut Vec<u8>, field: u64, values: &[f64]) {
    if values.is_empty() {
        return;
    }
    push_varint(out, length_delimited(field));
    push_varint(out, size_of_val(values) as u64);
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

pub(crate) fn push_spans(out: &mut Vec<u8>, field: u64, spans: &[BucketSpan]) {
    let mut content = Vec::with_capacity(12);
    for span in spans {
        content.clear();
        push_number(&mut content, 1, zigzag(span.offset));
        push_number(&mut content, 2, u64::from(span.length));
        push_bytes(out, field, &content);
    }
}

pub(crate) fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
}
