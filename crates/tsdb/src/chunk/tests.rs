use std::collections::BTreeMap;

use bongsu_model::{BucketSpan, ResetHint, STALE_NAN, SampleBuffer};
use proptest::prelude::*;

use super::*;

fn read(chunk: &Chunk, start_ms: i64, end_ms: i64) -> BTreeMap<i64, String> {
    let mut out = SampleBuffer::default();
    chunk.view().read(start_ms, end_ms, &mut out);
    assert!(out.timestamps_ms.is_sorted_by(|a, b| a < b), "times of floats ascend, each once");
    assert!(out.histograms.is_sorted_by(|a, b| a.0 < b.0), "times of histograms ascend, each once");
    let len = out.len();
    out.start_timestamps_ms.resize(out.values.len(), 0);
    out.histogram_start_timestamps_ms.resize(out.histograms.len(), 0);
    let floats = out.timestamps_ms.iter().zip(&out.values).zip(&out.start_timestamps_ms);
    let floats = floats.map(|((time, value), start_ms)| (*time, Written::Float(*value).text(*start_ms)));
    let histograms = out.histograms.iter().zip(&out.histogram_start_timestamps_ms);
    let histograms = histograms.map(|((time, histogram), start_ms)| (*time, format!("{} {start_ms}", text(histogram))));
    let all: BTreeMap<_, _> = floats.chain(histograms).collect();
    assert_eq!(all.len(), len, "no time is in both");
    all
}

/// Everything of a histogram, to the bit.
fn text(histogram: &FloatHistogram) -> String {
    let bits = |floats: &[f64]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    let FloatHistogram { reset_hint, schema, zero_threshold, zero_count, count, sum, .. } = histogram;
    format!(
        "{reset_hint:?} {schema} {:x?} {:?}:{:x?} {:?}:{:x?} {:x?}",
        bits(&[*zero_threshold, *zero_count, *count, *sum]),
        histogram.positive_spans,
        bits(&histogram.positive_buckets),
        histogram.negative_spans,
        bits(&histogram.negative_buckets),
        bits(&histogram.custom_bounds),
    )
}

#[derive(Clone, Debug)]
enum Written {
    Float(f64),
    Histogram(FloatHistogram),
}

impl Written {
    fn text(&self, start_ms: i64) -> String {
        match self {
            Self::Float(value) => format!("{:x} {start_ms}", value.to_bits()),
            Self::Histogram(histogram) => format!("{} {start_ms}", text(histogram)),
        }
    }

    fn append_to(&self, chunk: &mut Chunk, timestamp_ms: i64, start_ms: i64) -> usize {
        match self {
            Self::Float(value) => {
                let sample = Sample { timestamp_ms, value: *value };
                if start_ms == 0 { chunk.append(sample) } else { chunk.append_with_start(sample, start_ms) }
            }
            Self::Histogram(histogram) => chunk.append_histogram(timestamp_ms, histogram, start_ms),
        }
    }
}

#[test]
fn a_regular_constant_series_costs_a_byte_a_sample() {
    let mut chunk = Chunk::default();
    for i in 0..100 {
        chunk.append(Sample { timestamp_ms: 1_000_000 + i * 15_000, value: 42.0 });
    }
    assert_eq!(chunk.bytes.len(), 8 + 3 + 4 + 98);
    assert_eq!(size_of::<Chunk>(), 64);
    assert_eq!(read(&chunk, i64::MIN, i64::MAX).len(), 100);
}

#[test]
fn repeated_samples_do_not_grow_the_chunk() {
    for (of_histograms, start_ms) in [(false, 0), (false, 5), (true, 0), (true, 5)] {
        let mut chunk = Chunk::default();
        let mut grown = 0;
        for _ in 0..1000 {
            for t in 0..10 {
                let value = t as f64;
                let written = if of_histograms {
                    Written::Histogram(FloatHistogram { count: value, ..FloatHistogram::default() })
                } else {
                    Written::Float(value)
                };
                grown += written.append_to(&mut chunk, t, start_ms);
            }
        }
        assert!(grown < 4096, "{grown}");
        assert_eq!(read(&chunk, 0, 9).len(), 10);
    }
}

#[test]
fn the_newest_histogram_sent_again_is_no_late_one() {
    let mut chunk = Chunk::default();
    let histogram = FloatHistogram { sum: STALE_NAN, ..FloatHistogram::default() };
    assert!(chunk.append_histogram(5, &histogram, 3) > 0);
    assert_eq!(chunk.append_histogram(5, &histogram, 3), 0);
    assert!(chunk.view().maps.is_none());
    assert!(chunk.append_histogram(5, &histogram, 4) > 0);
    assert!(chunk.append_histogram(5, &FloatHistogram { sum: 0.0, ..histogram }, 4) == 0, "in place of the one before");
    assert_eq!(chunk.view().maps.map(|maps| (maps.histograms.len(), maps.starts.len())), Some((1, 1)));
}

#[test]
fn a_start_costs_some_bytes_when_it_changes() {
    let mut chunk = Chunk::default();
    let mut len = |timestamp_ms: i64, start_ms| {
        let before = chunk.bytes.len();
        chunk.append_with_start(Sample { timestamp_ms: timestamp_ms * 15_000, value: 0.0 }, start_ms);
        chunk.bytes.len() - before
    };
    let lens = [len(1, 0), len(2, 1_700_000_000_000), len(3, 1_700_000_000_000), len(4, 0), len(5, 0)];
    assert_eq!(lens, [8 + 1, 1 + 3 + 7, 1, 1 + 2, 1]);
    assert!(chunk.side.is_none(), "no memory is needed beside the bytes");
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_i64..1000).prop_map(|i| i as f64),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
        1 => any::<u64>().prop_map(f64::from_bits),
    ]
}

fn spans() -> impl Strategy<Value = Vec<BucketSpan>> {
    prop::collection::vec((any::<i32>(), 0_u32..5).prop_map(|(offset, length)| BucketSpan { offset, length }), 0..3)
}

prop_compose! {
    fn histograms()(
        (hint, schema) in (0_u8..4, prop_oneof![Just(-53), Just(0), Just(8), any::<i32>()]),
        [zero_threshold, zero_count, count, sum] in [floats(), floats(), floats(), floats()],
        (positive_spans, negative_spans) in (spans(), spans()),
        // Numbers of buckets that do not fit the spans are not the chunk's business.
        positive_buckets in prop::collection::vec(floats(), 0..8),
        negative_buckets in prop::collection::vec(floats(), 0..3),
        custom_bounds in prop::collection::vec(floats(), 0..3),
    ) -> FloatHistogram {
        let reset_hint = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge][usize::from(hint)];
        FloatHistogram {
            reset_hint, schema, zero_threshold, zero_count, count, sum,
            positive_spans, positive_buckets, negative_spans, negative_buckets, custom_bounds,
        }
    }
}

/// When the counting of a sample began: mostly as long ago as that of the one before, or not known.
fn starts() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(-1000), 2 => Just(0), 1 => any::<i64>()]
}

/// Samples of both kinds; of histograms also some that differ from each other in numbers only.
fn written() -> impl Strategy<Value = Written> {
    let alike = (histograms(), prop::collection::vec(floats(), 7)).prop_map(|(mut histogram, numbers)| {
        histogram.positive_spans = vec![BucketSpan { offset: 1, length: 6 }];
        (histogram.negative_spans, histogram.negative_buckets) = <_>::default();
        (histogram.custom_bounds, histogram.schema) = (Vec::new(), 3);
        (histogram.reset_hint, histogram.zero_threshold) = (ResetHint::Unknown, 0.5);
        (histogram.positive_buckets, histogram.count) = (numbers[1..].to_vec(), numbers[0]);
        histogram
    });
    prop_oneof![
        any::<u64>().prop_map(|bits| Written::Float(f64::from_bits(bits))),
        histograms().prop_map(Written::Histogram),
        alike.prop_map(Written::Histogram),
    ]
}

fn keeps_the_last(samples: Vec<(i64, Written, i64)>, range: (i64, i64)) -> Result<(), TestCaseError> {
    let mut chunk = Chunk::default();
    let mut model = BTreeMap::new();
    for (timestamp_ms, written, start_ms) in samples {
        written.append_to(&mut chunk, timestamp_ms, start_ms);
        model.insert(timestamp_ms, written.text(start_ms));
    }
    prop_assert_eq!(&read(&chunk, i64::MIN, i64::MAX), &model);
    prop_assert!(chunk.is_empty() == model.is_empty());
    if let (Some(first), Some(last)) = (model.first_key_value(), model.last_key_value()) {
        prop_assert_eq!(chunk.time_range(), (*first.0, *last.0));
    }
    let mut times: Vec<_> = chunk.view().times().collect();
    times.sort_unstable();
    times.dedup();
    prop_assert!(times.iter().eq(model.keys()));
    let (start, end) = (range.0.min(range.1), range.0.max(range.1));
    model.retain(|time, _| start <= *time && *time <= end);
    prop_assert_eq!(read(&chunk, start, end), model);
    Ok(())
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0..50_i64, 1 => any::<i64>()]
}

proptest! {
    #[test]
    fn keeps_the_last_of_every_time(
        samples in prop::collection::vec((times(), any::<u64>().prop_map(|bits| Written::Float(f64::from_bits(bits)))), 0..200),
        range in (any::<i64>(), any::<i64>()),
    ) {
        keeps_the_last(samples.into_iter().map(|(time, written)| (time, written, 0)).collect(), range)?;
    }

    #[test]
    fn keeps_the_last_of_every_time_of_both_kinds(
        samples in prop::collection::vec((times(), written(), starts()), 0..60),
        range in (times(), times()),
    ) {
        keeps_the_last(samples, range)?;
    }

    #[test]
    fn keeps_samples_of_both_kinds_that_come_in_order(
        samples in prop::collection::vec((1..100_i64, written(), starts()), 0..60),
    ) {
        let mut time = 0;
        let in_order = samples.into_iter().map(|(step, written, start_ms)| {
            time += step;
            (time, written, start_ms)
        });
        keeps_the_last(in_order.collect(), (100, 1000))?;
    }
}
