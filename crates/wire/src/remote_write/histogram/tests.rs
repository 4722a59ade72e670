//! The protobuf oracle is `prost`, by messages declared here from the specification.

use bongsu_model::STALE_NAN_BITS;
use proptest::prelude::*;
use prost::{Message, Oneof};

use super::*;

#[derive(Clone, PartialEq, Message)]
struct PbHistogram {
    #[prost(oneof = "PbCount", tags = "1, 2")]
    count: Option<PbCount>,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(oneof = "PbZeros", tags = "6, 7")]
    zero_count: Option<PbZeros>,
    #[prost(message, repeated, tag = "8")]
    negative_spans: Vec<PbSpan>,
    #[prost(sint64, repeated, tag = "9")]
    negative_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "10")]
    negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<PbSpan>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(double, repeated, packed = "false", tag = "13")]
    positive_counts: Vec<f64>,
    #[prost(int32, tag = "14")]
    reset_hint: i32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    custom_values: Vec<f64>,
    #[prost(int64, tag = "17")]
    start_timestamp: i64,
    #[prost(string, tag = "99")]
    unknown: String,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
enum PbCount {
    #[prost(uint64, tag = "1")]
    Int(u64),
    #[prost(double, tag = "2")]
    Float(f64),
}

#[derive(Clone, Copy, PartialEq, Oneof)]
enum PbZeros {
    #[prost(uint64, tag = "6")]
    Int(u64),
    #[prost(double, tag = "7")]
    Float(f64),
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PbSpan {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

fn parse(message: &PbHistogram) -> HistogramSample {
    HistogramSample::parse(Cursor::new(&message.encode_to_vec(), 100)).unwrap()
}

/// Spans with as many buckets as they need; the first offset may be negative.
fn side() -> impl Strategy<Value = (Vec<PbSpan>, Vec<u32>)> {
    let span = (0..50_i32, 0..6_u32).prop_map(|(offset, length)| PbSpan { offset, length });
    (prop::collection::vec(span, 0..5), -40..40_i32).prop_flat_map(|(mut spans, first)| {
        if let Some(span) = spans.first_mut() {
            span.offset = first;
        }
        let buckets: u32 = spans.iter().map(|span| span.length).sum();
        (Just(spans), prop::collection::vec(0..1000_u32, buckets as usize))
    })
}

fn deltas(counts: &[u32]) -> Vec<i64> {
    let before = std::iter::once(0).chain(counts.iter().copied());
    counts.iter().zip(before).map(|(count, before)| i64::from(*count) - i64::from(before)).collect()
}

fn floats(counts: &[u32]) -> Vec<f64> {
    counts.iter().copied().map(f64::from).collect()
}

fn spans(spans: &[PbSpan]) -> Vec<BucketSpan> {
    spans.iter().map(|span| BucketSpan { offset: span.offset, length: span.length }).collect()
}

proptest! {
    #[test]
    fn integers_and_floats_of_prost_become_the_same_histogram(
        (schema, positive, negative) in (-4..=8_i32, side(), side()),
        (zeros, hint, timestamp, start) in (0..50_u32, 0..4_i32, any::<i64>(), 0..3_i64),
        unknown in "[a-z]{0,3}",
    ) {
        let count: u64 = positive.1.iter().chain(&negative.1).map(|count| u64::from(*count)).sum::<u64>() + u64::from(zeros);
        let integer = PbHistogram {
            count: Some(PbCount::Int(count)),
            sum: -0.5,
            schema,
            zero_threshold: 1e-9,
            zero_count: Some(PbZeros::Int(u64::from(zeros))),
            negative_spans: negative.0.clone(),
            negative_deltas: deltas(&negative.1),
            positive_spans: positive.0.clone(),
            positive_deltas: deltas(&positive.1),
            reset_hint: hint,
            timestamp,
            start_timestamp: start,
            unknown,
            ..PbHistogram::default()
        };
        let float = PbHistogram {
            count: Some(PbCount::Float(count as f64)),
            zero_count: Some(PbZeros::Float(f64::from(zeros))),
            negative_counts: floats(&negative.1),
            positive_counts: floats(&positive.1),
            // Of the other form: not looked at.
            negative_deltas: vec![],
            positive_deltas: vec![-7],
            ..integer.clone()
        };
        let expected = FloatHistogram {
            reset_hint: [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge][hint as usize],
            schema,
            zero_threshold: 1e-9,
            zero_count: f64::from(zeros),
            count: count as f64,
            sum: -0.5,
            positive_spans: spans(&positive.0),
            positive_buckets: floats(&positive.1),
            negative_spans: spans(&negative.0),
            negative_buckets: floats(&negative.1),
            custom_bounds: vec![],
        };
        let from_integer = parse(&integer);
        prop_assert_eq!((from_integer.timestamp_ms, from_integer.start_ms.unwrap_or(0)), (timestamp, start));
        prop_assert_eq!(from_integer.histogram.as_ref(), Ok(&expected));
        prop_assert_eq!(&parse(&float).histogram, &from_integer.histogram);

        let mut bytes = Vec::new();
        push_histogram(&mut bytes, timestamp, from_integer.start_ms, &expected);
        prop_assert_eq!(HistogramSample::parse(Cursor::new(&bytes, 100)).unwrap(), from_integer);
        let written = PbHistogram::decode(&*bytes).unwrap();
        prop_assert_eq!((written.positive_counts, written.schema), (expected.positive_buckets, schema));
    }

    #[test]
    fn a_finer_histogram_is_made_coarser_without_loss(schema in 9..=14_i32, (pb_spans, counts) in side()) {
        let message = PbHistogram {
            count: Some(PbCount::Float(1.0)),
            schema,
            positive_spans: pb_spans.clone(),
            positive_counts: floats(&counts),
            ..PbHistogram::default()
        };
        let histogram = parse(&message).histogram.unwrap();
        // A fine bucket i lies in the coarse bucket j for which (j - 1) × 2^shift < i ≤ j × 2^shift.
        let width = 2_f64.powi(schema - 8);
        let coarse = |(number, count): (i64, f64)| ((number as f64 / width).ceil() as i64, count);
        let sum_up = |buckets: Vec<(i64, f64)>| {
            let mut sums = std::collections::BTreeMap::new();
            buckets.into_iter().for_each(|(number, count)| *sums.entry(number).or_insert(0.0) += count);
            sums
        };
        let expected = sum_up(numbered(&spans(&pb_spans), &floats(&counts)).into_iter().map(coarse).collect());
        prop_assert_eq!(histogram.schema, 8);
        let buckets = numbered(&histogram.positive_spans, &histogram.positive_buckets);
        prop_assert_eq!(buckets.len(), expected.len(), "each bucket stands once");
        prop_assert_eq!(sum_up(buckets), expected);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = HistogramSample::parse(Cursor::new(&bytes, 0));
    }
}

/// Buckets with their numbers.
fn numbered(spans: &[BucketSpan], counts: &[f64]) -> Vec<(i64, f64)> {
    let (mut number, mut counts, mut out) = (0_i64, counts.iter(), Vec::new());
    for span in spans {
        number += i64::from(span.offset);
        for _ in 0..span.length {
            out.push((number, *counts.next().unwrap()));
            number += 1;
        }
    }
    out
}

fn pb_span(offset: i32, length: u32) -> PbSpan {
    PbSpan { offset, length }
}

/// A sound integer histogram: 2 and 1 observations in buckets 0 and 1, and 4 in the zero bucket.
fn sound() -> PbHistogram {
    PbHistogram {
        count: Some(PbCount::Int(7)),
        zero_count: Some(PbZeros::Int(4)),
        positive_spans: vec![pb_span(0, 2)],
        positive_deltas: vec![2, -1],
        ..PbHistogram::default()
    }
}

/// Sound custom buckets: up to 1 and up to 2.
fn custom() -> PbHistogram {
    PbHistogram {
        count: Some(PbCount::Int(3)),
        schema: -53,
        positive_spans: vec![pb_span(0, 2)],
        positive_deltas: vec![2, -1],
        custom_values: vec![1.0, 2.0],
        ..PbHistogram::default()
    }
}

#[test]
fn what_makes_no_sense_is_named() {
    let float = || PbHistogram {
        count: Some(PbCount::Float(3.0)),
        positive_spans: vec![pb_span(-7, 1)],
        positive_counts: vec![3.0],
        ..PbHistogram::default()
    };
    for message in [sound(), custom(), float(), PbHistogram::default()] {
        assert_eq!(parse(&message).histogram.map(drop), Ok(()), "{message:?}");
    }
    for (message, text) in [
        (PbHistogram { schema: -5, ..sound() }, "schema -5"),
        (PbHistogram { schema: 53, ..sound() }, "schema 53"),
        (PbHistogram { schema: -54, ..sound() }, "schema -54"),
        (
            PbHistogram { count: Some(PbCount::Int(8)), ..sound() },
            "7 observations are in the buckets, but the histogram's count is 8",
        ),
        (PbHistogram { positive_deltas: vec![2, -3], ..sound() }, "negative count"),
        (PbHistogram { positive_deltas: vec![i64::MAX, i64::MAX], ..sound() }, "negative count"),
        (PbHistogram { positive_spans: vec![pb_span(0, 1)], ..sound() }, "positive spans need 1 buckets, there are 2"),
        (PbHistogram { negative_spans: vec![pb_span(0, 1)], ..sound() }, "negative spans need 1 buckets, there are 0"),
        (
            PbHistogram { positive_spans: vec![pb_span(0, 1), pb_span(-1, 1)], ..sound() },
            "positive span number 2 has the negative offset -1",
        ),
        (
            PbHistogram { positive_spans: vec![pb_span(i32::MAX, 1), pb_span(i32::MAX, 1)], ..sound() },
            "positive spans lead beyond the bucket numbers of 32 bits",
        ),
        (PbHistogram { custom_values: vec![1.0], ..sound() }, "must not have custom bounds"),
        (PbHistogram { positive_counts: vec![-1.0], ..float() }, "negative count"),
        (PbHistogram { count: Some(PbCount::Float(-1.0)), ..float() }, "negative count"),
        (PbHistogram { zero_count: Some(PbZeros::Float(-1.0)), ..float() }, "negative count"),
        (PbHistogram { custom_values: vec![2.0, 2.0], ..custom() }, "do not ascend"),
        (PbHistogram { custom_values: vec![1.0, f64::NAN], ..custom() }, "bound of NaN"),
        (PbHistogram { custom_values: vec![1.0, f64::INFINITY], ..custom() }, "bound of +Inf"),
        (PbHistogram { custom_values: vec![], ..custom() }, "beyond its custom bounds"),
        (PbHistogram { positive_spans: vec![pb_span(2, 2)], ..custom() }, "beyond its custom bounds"),
        (PbHistogram { positive_spans: vec![pb_span(-1, 2)], ..custom() }, "negative offset -1"),
        (PbHistogram { zero_threshold: 0.1, ..custom() }, "must not have a zero bucket"),
        (
            PbHistogram { zero_count: Some(PbZeros::Int(1)), count: Some(PbCount::Int(4)), ..custom() },
            "must not have a zero bucket",
        ),
        (PbHistogram { negative_spans: vec![pb_span(0, 0)], ..custom() }, "must not have negative buckets"),
        (PbHistogram { positive_deltas: vec![0; BUCKETS_MAX + 1], ..sound() }, "more than 65536 buckets"),
    ] {
        let read = parse(&message);
        let error = read.histogram.unwrap_err().to_string();
        assert!(error.contains(text), "{error:?} should hold {text:?}");
        assert_eq!(read.offset_bytes, 100);
    }
}

#[test]
fn observations_of_nan_are_in_no_bucket_and_a_stale_marker_keeps_its_bits() {
    let with_nan = PbHistogram { count: Some(PbCount::Int(9)), sum: f64::NAN, ..sound() };
    assert_eq!(parse(&with_nan).histogram.unwrap().count, 9.0);
    let too_few = PbHistogram { count: Some(PbCount::Int(6)), sum: f64::NAN, ..sound() };
    assert!(matches!(parse(&too_few).histogram, Err(HistogramError::CountMismatch { in_buckets: 7, count: 6 })));
    let stale = PbHistogram { sum: f64::from_bits(STALE_NAN_BITS), ..PbHistogram::default() };
    assert_eq!(parse(&stale).histogram.unwrap().sum.to_bits(), STALE_NAN_BITS);
}
