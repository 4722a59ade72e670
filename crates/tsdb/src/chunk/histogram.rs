//! A histogram as its difference from the one before it in the same chunk.
//!
//! ```text
//! changed (1 byte) │ layout, if changed │ numbers: count, zero count, sum, positive buckets, negative buckets
//!
//! layout   hint (1 byte) │ schema (zigzag) │ zero threshold (8 bytes) │ positive │ negative │ bounds (varint) │ 8 bytes each
//!          positive, negative: spans (varint) │ (offset (zigzag) │ length (varint))* │ buckets (varint)
//! number   0  the 8 bytes of the float follow
//!          1  as before, and so are the ones behind it: how many in all follows
//!          2  as before
//!          3… 2 + zigzag of the difference of two integers
//! ```
//!
//! Buckets of a new layout are told as if they had been 0 before. An idle histogram costs some 4 bytes, a busy one about a
//! byte or two for each bucket that counted.

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint};

use super::bytes::{Bytes, put_varint, unzigzag, zigzag};

const RAW: u64 = 0;
const SAME_RUN: u64 = 1;
const SAME: u64 = 2;
/// Integers up to here are exact as floats.
const INTEGER_MAX: u64 = 1 << 53;

/// Appends `now` to `out` and makes it the one before.
pub(super) fn encode(last: &mut FloatHistogram, now: &FloatHistogram, out: &mut Vec<u8>) {
    let changed = !has_same_layout(last, now);
    out.push(u8::from(changed));
    if changed {
        put_layout(now, out);
        copy_layout(now, last);
    }
    let mut same = 0;
    for (last, now) in numbers_mut(last).zip(numbers(now)) {
        if last.to_bits() == now.to_bits() {
            same += 1;
            continue;
        }
        put_same(same, out);
        same = 0;
        if let Some(step) = integer_step(*last, *now) {
            put_varint(out, SAME + zigzag(step));
        } else {
            put_varint(out, RAW);
            out.extend_from_slice(&now.to_bits().to_le_bytes());
        }
        *last = *now;
    }
    put_same(same, out);
}

fn put_same(count: u64, out: &mut Vec<u8>) {
    match count {
        0 => {}
        1 => put_varint(out, SAME),
        _ => {
            put_varint(out, SAME_RUN);
            put_varint(out, count);
        }
    }
}

/// Reads what [`encode`] wrote: `last` becomes the histogram.
pub(super) fn decode(last: &mut FloatHistogram, bytes: &mut Bytes<'_>) {
    if bytes.byte() != 0 {
        take_layout(last, bytes);
    }
    let mut same = 0;
    for number in numbers_mut(last) {
        if same > 0 {
            same -= 1;
            continue;
        }
        match bytes.varint() {
            RAW => *number = bytes.float(),
            SAME_RUN => same = bytes.varint().saturating_sub(1),
            SAME => {}
            step => *number = (*number as i64).wrapping_add(unzigzag(step - SAME)) as f64,
        }
    }
}

/// Whether all bits of two histograms are the same.
pub(super) fn is_same(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    has_same_layout(a, b) && numbers(a).map(|number| number.to_bits()).eq(numbers(b).map(|number| number.to_bits()))
}

/// The memory of a histogram behind its pointers.
pub(super) fn heap_bytes(histogram: &FloatHistogram) -> usize {
    let spans = histogram.positive_spans.capacity() + histogram.negative_spans.capacity();
    let floats = histogram.positive_buckets.capacity()
        + histogram.negative_buckets.capacity()
        + histogram.custom_bounds.capacity();
    spans * size_of::<BucketSpan>() + floats * size_of::<f64>()
}

fn has_same_layout(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    a.reset_hint == b.reset_hint
        && a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.positive_buckets.len() == b.positive_buckets.len()
        && a.negative_buckets.len() == b.negative_buckets.len()
        && a.custom_bounds.iter().map(|bound| bound.to_bits()).eq(b.custom_bounds.iter().map(|bound| bound.to_bits()))
}

/// Everything but the numbers; buckets become 0.
fn copy_layout(from: &FloatHistogram, to: &mut FloatHistogram) {
    to.reset_hint = from.reset_hint;
    to.schema = from.schema;
    to.zero_threshold = from.zero_threshold;
    to.positive_spans.clone_from(&from.positive_spans);
    to.negative_spans.clone_from(&from.negative_spans);
    to.custom_bounds.clone_from(&from.custom_bounds);
    fill_zero(&mut to.positive_buckets, from.positive_buckets.len());
    fill_zero(&mut to.negative_buckets, from.negative_buckets.len());
}

fn fill_zero(buckets: &mut Vec<f64>, len: usize) {
    buckets.clear();
    buckets.resize(len, 0.0);
}

fn put_layout(histogram: &FloatHistogram, out: &mut Vec<u8>) {
    out.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    });
    put_varint(out, zigzag(i64::from(histogram.schema)));
    out.extend_from_slice(&histogram.zero_threshold.to_bits().to_le_bytes());
    for (spans, buckets) in [
        (&histogram.positive_spans, &histogram.positive_buckets),
        (&histogram.negative_spans, &histogram.negative_buckets),
    ] {
        put_varint(out, spans.len() as u64);
        for span in spans {
            put_varint(out, zigzag(i64::from(span.offset)));
            put_varint(out, u64::from(span.length));
        }
        put_varint(out, buckets.len() as u64);
    }
    put_varint(out, histogram.custom_bounds.len() as u64);
    histogram.custom_bounds.iter().for_each(|bound| out.extend_from_slice(&bound.to_bits().to_le_bytes()));
}

fn take_layout(histogram: &mut FloatHistogram, bytes: &mut Bytes<'_>) {
    histogram.reset_hint = match bytes.byte() {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    histogram.schema = bytes.zigzag() as i32;
    histogram.zero_threshold = bytes.float();
    for (spans, buckets) in [
        (&mut histogram.positive_spans, &mut histogram.positive_buckets),
        (&mut histogram.negative_spans, &mut histogram.negative_buckets),
    ] {
        spans.clear();
        for _ in 0..bytes.varint() {
            spans.push(BucketSpan { offset: bytes.zigzag() as i32, length: bytes.varint() as u32 });
        }
        fill_zero(buckets, bytes.varint() as usize);
    }
    histogram.custom_bounds.clear();
    for _ in 0..bytes.varint() {
        histogram.custom_bounds.push(bytes.float());
    }
}

fn numbers(histogram: &FloatHistogram) -> impl Iterator<Item = &f64> {
    [&histogram.count, &histogram.zero_count, &histogram.sum]
        .into_iter()
        .chain(&histogram.positive_buckets)
        .chain(&histogram.negative_buckets)
}

fn numbers_mut(histogram: &mut FloatHistogram) -> impl Iterator<Item = &mut f64> {
    [&mut histogram.count, &mut histogram.zero_count, &mut histogram.sum]
        .into_iter()
        .chain(&mut histogram.positive_buckets)
        .chain(&mut histogram.negative_buckets)
}

/// The difference of two floats that are integers, exactly.
fn integer_step(last: f64, now: f64) -> Option<i64> {
    let integer = |value: f64| {
        let integer = value as i64;
        let exact = integer.unsigned_abs() <= INTEGER_MAX && (integer as f64).to_bits() == value.to_bits();
        exact.then_some(integer)
    };
    Some(integer(now)? - integer(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A latency histogram of 40 buckets, of which some count a little between two scrapes.
    fn busy(i: u32) -> FloatHistogram {
        let buckets: Vec<f64> =
            (0..40).map(|b| f64::from(1000 * b + if b % 4 == 0 { i * (b % 7) } else { 0 })).collect();
        FloatHistogram {
            schema: 3,
            zero_threshold: 1e-128,
            count: buckets.iter().sum(),
            sum: f64::from(i) * 0.1234,
            positive_spans: vec![BucketSpan { offset: -10, length: 30 }, BucketSpan { offset: 3, length: 10 }],
            positive_buckets: buckets,
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn sizes_of_typical_histograms() {
        let (mut last, mut out) = (FloatHistogram::default(), Vec::new());
        let mut size = |now: &FloatHistogram| {
            out.clear();
            encode(&mut last, now, &mut out);
            out.len()
        };
        assert!(size(&busy(0)) < 140);
        assert_eq!(size(&busy(0)), 3, "nothing happened: one run of 43 numbers");
        assert!(size(&busy(1)) <= 45);
    }
}
