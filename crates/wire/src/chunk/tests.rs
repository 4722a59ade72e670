//! Chunks written by the test, bit by bit, as `tsdb/docs/format/chunks.md` of Prometheus draws them.

use std::sync::Arc;

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint, SampleBuffer};
use proptest::prelude::*;

use super::*;
use crate::remote_read::xor::encode;

#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(&mut self, value: u64, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn signed(&mut self, value: i64) {
        let widths = [3, 6, 9, 12, 18, 25, 56];
        let fits = |width: u32| (-(1_i64 << (width - 1)) + 1..=1_i64 << (width - 1)).contains(&value);
        match widths.iter().position(|width| fits(*width)) {
            _ if value == 0 => self.bits(0, 1),
            Some(place) => {
                self.bits((1 << (place + 2)) - 2, place as u32 + 2);
                self.bits(value.cast_unsigned(), widths[place]);
            }
            None => {
                self.bits(0xff, 8);
                self.bits(value.cast_unsigned(), 64);
            }
        }
    }

    fn unsigned(&mut self, value: u64) {
        let widths = [3, 6, 9, 12, 18, 25, 56];
        match widths.iter().position(|width| value >> width == 0) {
            _ if value == 0 => self.bits(0, 1),
            Some(place) => {
                self.bits((1 << (place + 2)) - 2, place as u32 + 2);
                self.bits(value, widths[place]);
            }
            None => {
                self.bits(0xff, 8);
                self.bits(value, 64);
            }
        }
    }

    /// Without the window of the value before: allowed, if not short.
    fn xor(&mut self, before: f64, value: f64) {
        let difference = before.to_bits() ^ value.to_bits();
        if difference == 0 {
            return self.bits(0, 1);
        }
        let leading = difference.leading_zeros().min(31);
        let width = 64 - leading - difference.trailing_zeros();
        self.bits(0b11, 2);
        self.bits(u64::from(leading), 5);
        self.bits(u64::from(width & 63), 6);
        self.bits(difference >> difference.trailing_zeros(), width);
    }

    fn layout(&mut self, h: &FloatHistogram, samples: usize, flags: u64) {
        self.bits(samples as u64, 16);
        self.bits(flags << 6, 8);
        self.bits(255, 8);
        self.bits(h.zero_threshold.to_bits(), 64);
        self.signed(i64::from(h.schema));
        for spans in [&h.positive_spans, &h.negative_spans] {
            self.unsigned(spans.len() as u64);
            for span in spans {
                self.unsigned(u64::from(span.length));
                self.signed(i64::from(span.offset));
            }
        }
        if h.has_custom_buckets() {
            self.unsigned(h.custom_bounds.len() as u64);
            for bound in &h.custom_bounds {
                self.bits(0, 1);
                self.bits(bound.to_bits(), 64);
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place));
        self.0.chunks(8).map(byte).collect()
    }
}

/// What the numbers of a histogram are, in the order in which chunks have them; buckets as differences.
fn integers(time_ms: i64, h: &FloatHistogram) -> (Vec<i64>, Vec<i64>) {
    let deltas = |buckets: &[f64]| {
        let mut last = 0;
        buckets.iter().map(|count| *count as i64 - std::mem::replace(&mut last, *count as i64)).collect::<Vec<_>>()
    };
    let buckets = [deltas(&h.positive_buckets), deltas(&h.negative_buckets)].concat();
    (vec![time_ms, h.count as i64, h.zero_count as i64], buckets)
}

fn integer_chunk(samples: &[(i64, FloatHistogram)], flags: u64) -> Vec<u8> {
    let mut out = Writer::default();
    out.layout(&samples[0].1, samples.len(), flags);
    let mut before = None;
    for (time_ms, h) in samples {
        let (head, buckets) = integers(*time_ms, h);
        match before.take() {
            None => {
                out.signed(head[0]);
                out.unsigned(head[1] as u64);
                out.unsigned(head[2] as u64);
                out.bits(h.sum.to_bits(), 64);
                buckets.iter().for_each(|delta| out.signed(*delta));
                before = Some((h.sum, head.clone(), vec![0; 3], buckets.clone(), vec![0; buckets.len()]));
            }
            Some((sum, last, last_delta, last_buckets, last_buckets_delta)) => {
                let delta: Vec<i64> = head.iter().zip(&last).map(|(a, b)| a - b).collect();
                delta.iter().zip(&last_delta).for_each(|(a, b)| out.signed(a - b));
                out.xor(sum, h.sum);
                let buckets_delta: Vec<i64> = buckets.iter().zip(&last_buckets).map(|(a, b)| a - b).collect();
                buckets_delta.iter().zip(&last_buckets_delta).for_each(|(a, b)| out.signed(a - b));
                before = Some((h.sum, head, delta, buckets, buckets_delta));
            }
        }
    }
    out.finish()
}

fn float_chunk(samples: &[(i64, FloatHistogram)], flags: u64) -> Vec<u8> {
    let mut out = Writer::default();
    out.layout(&samples[0].1, samples.len(), flags);
    let numbers =
        |h: &FloatHistogram| [&[h.count, h.zero_count, h.sum], &h.positive_buckets[..], &h.negative_buckets].concat();
    let (mut last_ms, mut last_delta, mut last) = (0, 0, Vec::new());
    for (index, (time_ms, h)) in samples.iter().enumerate() {
        let numbers = numbers(h);
        if index == 0 {
            out.signed(*time_ms);
            numbers.iter().for_each(|number| out.bits(number.to_bits(), 64));
        } else {
            out.signed(time_ms - last_ms - last_delta);
            numbers.iter().zip(&last).for_each(|(number, before)| out.xor(*before, *number));
            last_delta = time_ms - last_ms;
        }
        (last_ms, last) = (*time_ms, numbers);
    }
    out.finish()
}

fn histogram(schema: i32, counts: &[u32], scale: f64) -> FloatHistogram {
    let counts: Vec<f64> = counts.iter().map(|count| f64::from(*count) * scale).collect();
    let (positive, negative) = counts.split_at(2);
    FloatHistogram {
        schema,
        zero_threshold: 0.001,
        zero_count: scale,
        count: counts.iter().sum::<f64>() + scale,
        sum: counts.iter().sum::<f64>() * 1.5,
        positive_spans: vec![BucketSpan { offset: -2, length: 1 }, BucketSpan { offset: 3, length: 1 }],
        positive_buckets: positive.to_vec(),
        negative_spans: vec![BucketSpan { offset: 1, length: negative.len() as u32 }],
        negative_buckets: negative.to_vec(),
        custom_bounds: if schema == FloatHistogram::CUSTOM_BUCKETS { vec![0.5, 1.0, 2.5] } else { Vec::new() },
        reset_hint: ResetHint::Unknown,
    }
}

/// The hints that a reader gives: nothing is known of the first one.
fn expected(samples: &[(i64, FloatHistogram)]) -> Vec<(i64, Arc<FloatHistogram>)> {
    let hint = |index| if index == 0 { ResetHint::Unknown } else { ResetHint::NotReset };
    let with_hint = |(index, (time_ms, h)): (usize, &(i64, FloatHistogram))| {
        (*time_ms, Arc::new(FloatHistogram { reset_hint: hint(index), ..h.clone() }))
    };
    samples.iter().enumerate().map(with_hint).collect()
}

fn read(encoding: Encoding, chunk: &[u8]) -> SampleBuffer {
    let mut out = SampleBuffer::default();
    decode(encoding, chunk, &mut out).unwrap();
    out
}

#[test]
fn a_gauge_says_so_and_a_stale_marker_has_no_buckets() {
    let one = [(1_000, histogram(3, &[1, 2, 3], 1.0))];
    assert_eq!(read(Encoding::Histogram, &integer_chunk(&one, 0b11)).histograms[0].1.reset_hint, ResetHint::Gauge);
    let mut out = Writer::default();
    out.layout(&FloatHistogram::default(), 1, 0);
    out.signed(7);
    out.unsigned(0);
    out.unsigned(0);
    out.bits(bongsu_model::STALE_NAN_BITS, 64);
    let stale = read(Encoding::Histogram, &out.finish());
    assert!(stale.histograms[0].1.is_stale() && stale.histograms[0].0 == 7);
}

#[test]
fn zero_thresholds_and_custom_bounds_have_short_forms() {
    let mut out = Writer::default();
    out.bits(1, 16);
    out.bits(0, 8);
    // 2^-128, the default, takes one byte.
    out.bits(116, 8);
    out.signed(-53);
    out.unsigned(0);
    out.unsigned(0);
    out.unsigned(2);
    out.unsigned(2_501);
    out.bits(0, 1);
    out.bits(1e6_f64.to_bits(), 64);
    out.signed(7);
    out.unsigned(0);
    out.unsigned(0);
    out.bits(0, 64);
    let read = read(Encoding::Histogram, &out.finish());
    assert_eq!(read.histograms[0].1.zero_threshold, 2_f64.powi(-128));
    assert_eq!(read.histograms[0].1.custom_bounds, [2.5, 1e6]);
}

impl Writer {
    fn varint(&mut self, value: i64) {
        self.uvarint((value << 1 ^ value >> 63).cast_unsigned());
    }

    fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bits(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.bits(value, 8);
    }

    /// A difference with a window of its own, behind `prefix`.
    fn window(&mut self, (prefix, width): (u64, u32), before: f64, value: f64) {
        let difference = before.to_bits() ^ value.to_bits();
        let significant = 64 - difference.leading_zeros().min(31) - difference.trailing_zeros();
        self.bits(prefix, width);
        self.bits(u64::from(difference.leading_zeros().min(31)), 5);
        self.bits(u64::from(significant & 63), 6);
        self.bits(difference >> difference.trailing_zeros(), significant);
    }
}

#[test]
fn floats_with_start_timestamps_are_read_control_by_control() {
    let mut out = Writer::default();
    out.bits(9, 16);
    // The first sample has a start, and starts change from the fourth on.
    out.bits(0x80 | 3, 8);
    out.varint(10_000);
    out.bits(1.0_f64.to_bits(), 64);
    out.varint(9_000);
    // Second: a second later, a new value.
    out.uvarint(1_000);
    out.window((0b110, 3), 1.0, 2.5);
    // Third: nothing changes.
    out.bits(0, 1);
    // Fourth: the stale marker; its start is 11,500, half a second before the sample in front of it.
    out.bits(0b11111, 5);
    out.signed(500);
    // Fifth: another value, compared with the one before the marker; the distance of starts is the same.
    out.window((0b101, 3), 2.5, 4.0);
    out.signed(0);
    // Sixth: one millisecond early, the same value.
    out.bits(0b110, 3);
    out.bits(0x1fff, 13);
    out.bits(0, 1);
    out.signed(1);
    // Seventh: 20 bits of time, the window from before.
    out.bits(0b1110, 4);
    out.bits(5_000, 20);
    out.bits(0b10, 2);
    out.bits(
        0,
        64 - (2.5_f64.to_bits() ^ 4.0_f64.to_bits()).leading_zeros()
            - (2.5_f64.to_bits() ^ 4.0_f64.to_bits()).trailing_zeros(),
    );
    out.signed(0);
    // Eighth: 64 bits of time, the stale marker.
    out.bits(0b11110, 5);
    out.bits((-4_999_i64).cast_unsigned(), 64);
    out.bits(0b111, 3);
    out.signed(0);
    // Ninth: nothing changes, and the value is the last one that was none.
    out.bits(0, 1);
    out.signed(0);
    let read = read(Encoding::Xor2, &out.finish());
    assert_eq!(read.timestamps_ms, [10_000, 11_000, 12_000, 13_000, 14_000, 14_999, 20_998, 21_998, 22_998]);
    let text: Vec<String> = read
        .values
        .iter()
        .map(|v| if bongsu_model::is_stale(*v) { "stale".to_owned() } else { v.to_string() })
        .collect();
    assert_eq!(text, ["1", "2.5", "2.5", "stale", "4", "4", "4", "stale", "4"]);
    assert_eq!(read.start_timestamps_ms, [1_000, 1_000, 1_000, 11_500, 12_500, 13_499, 14_498, 20_497, 21_497]);
}

#[test]
fn says_where_a_chunk_ends_early_and_keeps_what_was_before() {
    let chunk = encode(&[1_000, 2_000, 3_000], &[1.0, 2.5, 4.0]);
    let mut out = SampleBuffer::default();
    let error = decode(Encoding::Xor, &chunk[..chunk.len() - 1], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "chunk ends early at byte 17 of the chunk");
    assert_eq!(out.timestamps_ms, [1_000, 2_000]);
    // A histogram of 65,536 buckets, 65,535 times, would be 32 GiB.
    let mut large = Writer::default();
    large.bits(65_535, 16);
    large.bits(0, 16);
    large.signed(0);
    large.unsigned(1);
    large.unsigned(65_536);
    large.signed(0);
    large.unsigned(0);
    let error = decode(Encoding::Histogram, &large.finish(), &mut out).unwrap_err();
    assert_eq!(error.what, "more buckets than a chunk may have");
}

proptest! {
    #[test]
    fn histograms_come_back(
        counts in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 5), 1..20),
        step in 1_i64..100_000, schema in prop_oneof![-4..9_i32, Just(-53)], scale in prop_oneof![Just(1.0), Just(0.3)],
    ) {
        let histograms = counts.iter().map(|counts| histogram(schema, counts, scale));
        let samples: Vec<_> = (1..).map(|i| i * i * step).zip(histograms).collect();
        let (encoding, chunk) = if scale == 1.0 {
            (Encoding::Histogram, integer_chunk(&samples, 0b10))
        } else {
            (Encoding::FloatHistogram, float_chunk(&samples, 0))
        };
        prop_assert_eq!(read(encoding, &chunk).histograms, expected(&samples));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), number in 1_u64..5) {
        let mut out = SampleBuffer::default();
        let _ = decode(Encoding::of_number(number).unwrap(), &bytes, &mut out);
        // What was read before a fault is whole.
        prop_assert_eq!(out.timestamps_ms.len(), out.values.len());
    }
}
