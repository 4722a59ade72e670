use bongsu_model::STALE_NAN;
use proptest::prelude::*;

use super::*;

/// Everything of a histogram, to the bit.
pub(crate) fn text(histogram: &FloatHistogram) -> String {
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

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_i64..1000).prop_map(|i| i as f64),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
        1 => any::<u64>().prop_map(f64::from_bits),
    ]
}

/// Runs of buckets with a count for each.
fn side() -> impl Strategy<Value = (Vec<BucketSpan>, Vec<f64>)> {
    let span = (any::<i32>(), 0_u32..5).prop_map(|(offset, length)| BucketSpan { offset, length });
    prop::collection::vec(span, 0..3).prop_flat_map(|spans| {
        let count = spans.iter().map(|span| span.length as usize).sum::<usize>();
        (Just(spans), prop::collection::vec(floats(), count))
    })
}

prop_compose! {
    /// Histograms that a block can hold, sound or not.
    pub(crate) fn histograms()(
        (hint, schema) in (0_u8..4, prop_oneof![Just(-53), Just(0), Just(8), any::<i32>()]),
        [zero_threshold, zero_count, count, sum] in [floats(), floats(), floats(), floats()],
        (positive_spans, positive_buckets) in side(),
        (negative_spans, negative_buckets) in side(),
        custom_bounds in prop::collection::vec(floats(), 0..3),
    ) -> FloatHistogram {
        let reset_hint = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge][usize::from(hint)];
        FloatHistogram {
            reset_hint, schema, zero_threshold, zero_count, count, sum,
            positive_spans, positive_buckets, negative_spans, negative_buckets, custom_bounds,
        }
    }
}

/// The same layout again and again, with other sums.
fn runs() -> impl Strategy<Value = Vec<Sample>> {
    let run = (histograms(), prop::collection::vec(floats(), 1..100));
    prop::collection::vec(run, 0..4).prop_map(|runs| {
        let all = runs.into_iter().flat_map(|(histogram, sums)| {
            sums.into_iter().map(move |sum| FloatHistogram { sum, count: 2.0 * sum, ..histogram.clone() })
        });
        all.zip(0..).map(|(histogram, i)| (i * 10, Arc::new(histogram))).collect()
    })
}

fn encoded(samples: &[Sample], effort: Effort) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(samples, &mut ValueEncoder::default(), effort, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8], times: &[i64], start_ms: i64, end_ms: i64) -> Result<Vec<(i64, String)>, Damage> {
    let mut out = Vec::new();
    decode(bytes, times, start_ms, end_ms, &mut out)?;
    Ok(out.iter().map(|(time, histogram)| (*time, text(histogram))).collect())
}

fn with_buckets(positive: usize, negative: usize) -> FloatHistogram {
    FloatHistogram {
        positive_spans: vec![BucketSpan { offset: 0, length: positive as u32 }],
        positive_buckets: vec![1.0; positive],
        negative_spans: vec![BucketSpan { offset: 0, length: negative as u32 }],
        negative_buckets: vec![1.0; negative],
        ..FloatHistogram::default()
    }
}

#[test]
fn what_a_block_cannot_hold_is_named() {
    let max = BUCKETS_MAX;
    assert_eq!(check(&FloatHistogram::stale()), Ok(()));
    assert_eq!(check(&with_buckets(max, max)), Ok(()));
    let too_many = Err("a histogram may have at most 65536 buckets or spans of a side, and custom bounds");
    assert_eq!(check(&with_buckets(0, max + 1)), too_many);
    let bounds = |count| FloatHistogram { custom_bounds: vec![0.0; count], ..FloatHistogram::default() };
    assert_eq!((check(&bounds(max)), check(&bounds(max + 1))), (Ok(()), too_many));
    let empty_spans = vec![BucketSpan { offset: 1, length: 0 }; max + 1];
    assert_eq!(check(&FloatHistogram { positive_spans: empty_spans, ..FloatHistogram::default() }), too_many);
    let mut short = with_buckets(3, 4);
    short.negative_buckets.pop();
    assert_eq!(check(&short), Err("a histogram needs as many buckets as its spans tell"));
}

#[test]
fn the_largest_histograms_come_back_in_chunks_that_a_reader_takes() {
    let max = BUCKETS_MAX;
    let largest = Arc::new(FloatHistogram {
        custom_bounds: (0..max).map(|bound| bound as f64).collect(),
        ..with_buckets(max, max)
    });
    let samples: Vec<Sample> = (0..10).map(|time| (time, Arc::clone(&largest))).collect();
    let mut count = 0;
    for chunk in chunks(&samples, 8) {
        let times: Vec<i64> = chunk.iter().map(|(time, _)| *time).collect();
        let back = decoded(&encoded(chunk, Effort::Fast), &times, i64::MIN, i64::MAX).unwrap();
        assert!(back.iter().all(|(_, histogram)| *histogram == text(&largest)));
        assert!((1..=8).contains(&back.len()));
        count += back.len();
    }
    assert_eq!(count, 10);
    assert_eq!(chunks(&samples, 1).count(), 10);
}

#[test]
fn more_than_a_chunk_may_hold_is_refused_before_it_is_allocated() {
    let samples: Vec<Sample> = (0..16).map(|time| (time, Arc::new(with_buckets(BUCKETS_MAX, 0)))).collect();
    let times: Vec<i64> = (0..16).collect();
    let refused = decoded(&encoded(&samples, Effort::Fast), &times, 0, 100);
    assert_eq!(refused.unwrap_err().reason, "expected a run of some histograms, within the bound of a chunk");
}

#[test]
fn sizes_of_a_typical_series() {
    // 40 buckets of which a quarter count, for two hours at 15 s.
    let samples: Vec<Sample> = (0..480)
        .map(|i| {
            let mut histogram = with_buckets(40, 0);
            for (bucket, count) in
                histogram.positive_buckets.iter_mut().enumerate().filter(|(bucket, _)| bucket % 4 == 1)
            {
                *count = (i * bucket as i64 + i * i % 7) as f64;
            }
            histogram.count = histogram.positive_buckets.iter().sum();
            histogram.sum = histogram.count / 7.0;
            (i * 15_000, Arc::new(histogram))
        })
        .collect();
    let bytes = encoded(&samples, Effort::Small).len();
    assert!(bytes < 480 * 16, "{bytes} bytes for 480 histograms, most of them for the sums");
}

proptest! {
    #[test]
    fn any_histograms_come_back(samples in runs(), small: bool, range in (0_i64..4000, 0_i64..4000)) {
        let effort = if small { Effort::Small } else { Effort::Fast };
        let bytes = encoded(&samples, effort);
        let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
        let all: Vec<_> = samples.iter().map(|(time, histogram)| (*time, text(histogram))).collect();
        prop_assert_eq!(decoded(&bytes, &times, i64::MIN, i64::MAX).unwrap(), all.clone());
        let some: Vec<_> = all.into_iter().filter(|(time, _)| range.0 <= *time && *time <= range.1).collect();
        prop_assert_eq!(decoded(&bytes, &times, range.0, range.1).unwrap(), some);
        prop_assert!(samples.is_empty() || decoded(&bytes[..bytes.len() - 1], &times, 0, 0).is_err());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        samples in runs(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        len in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&samples, Effort::Fast);
        for (place, byte) in damage {
            *place.get_mut(&mut bytes) = byte;
        }
        let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
        let _ = decoded(&bytes, &times, i64::MIN, i64::MAX);
        let _ = decoded(&bytes[..len.index(bytes.len())], &times, 100, 200);
    }
}
