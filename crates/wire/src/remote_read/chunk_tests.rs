//! Chunks of native histograms: what a client reads is what was encoded, and the bytes are those of Prometheus.

use std::sync::Arc;

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint, STALE_NAN, SampleBuffer};
use proptest::prelude::*;

use super::bits::VARBIT_WIDTHS;
use super::histogram_chunk::{encode, run_length};
use super::tests::{ProtoChunk, frames};
use super::{StreamedSeries, xor};

/// Bits of a chunk, read one after the other.
struct Reader<'c> {
    chunk: &'c [u8],
    at: usize,
}

impl Reader<'_> {
    fn bits(&mut self, count: u32) -> u64 {
        (0..count).fold(0, |bits, _| {
            let bit = self.chunk[self.at / 8] >> (7 - self.at % 8) & 1;
            self.at += 1;
            bits << 1 | u64::from(bit)
        })
    }

    /// The width of a varbit and its bits.
    fn varbit(&mut self) -> (u32, u64) {
        let ones = (0..8).take_while(|_| self.bits(1) == 1).count();
        let width = match ones {
            0 => 0,
            8 => 64,
            ones => VARBIT_WIDTHS[ones - 1],
        };
        (width, self.bits(width))
    }

    fn signed(&mut self) -> i64 {
        match self.varbit() {
            (width @ 1..64, raw) if raw > 1 << (width - 1) => raw.cast_signed() - (1 << width),
            (_, raw) => raw.cast_signed(),
        }
    }

    fn unsigned(&mut self) -> u64 {
        self.varbit().1
    }

    fn double(&mut self) -> f64 {
        f64::from_bits(self.bits(64))
    }

    fn spans(&mut self) -> Vec<BucketSpan> {
        let count = self.unsigned();
        let mut span = || {
            let length = self.unsigned() as u32;
            BucketSpan { offset: self.signed() as i32, length }
        };
        (0..count).map(|_| span()).collect()
    }

    fn zero_threshold(&mut self) -> f64 {
        match self.bits(8) {
            0 => 0.0,
            255 => self.double(),
            byte => 2_f64.powi(byte as i32 - 244),
        }
    }

    fn custom_bound(&mut self) -> f64 {
        match self.unsigned() {
            0 => self.double(),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        }
    }

    fn xor(&mut self, (last, window): &mut (u64, (u32, u32))) -> f64 {
        if self.bits(1) == 1 {
            if self.bits(1) == 1 {
                let leading = self.bits(5) as u32;
                let width = Some(self.bits(6) as u32).filter(|width| *width > 0).unwrap_or(64);
                *window = (leading, 64 - leading - width);
            }
            *last ^= self.bits(64 - window.0 - window.1) << window.1;
        }
        f64::from_bits(*last)
    }
}

/// What Prometheus makes of a chunk: the first sample's hint is that of the chunk, later ones were no reset.
fn decode(chunk: &[u8]) -> Vec<(i64, FloatHistogram)> {
    let mut reader = Reader { chunk, at: 0 };
    let count = reader.bits(16);
    let header = reader.bits(8) >> 6;
    let mut layout = FloatHistogram { zero_threshold: reader.zero_threshold(), ..FloatHistogram::default() };
    layout.schema = reader.signed() as i32;
    layout.positive_spans = reader.spans();
    layout.negative_spans = reader.spans();
    if layout.has_custom_buckets() {
        layout.custom_bounds = (0..reader.unsigned()).map(|_| reader.custom_bound()).collect();
    }
    let buckets = |spans: &[BucketSpan]| spans.iter().map(|span| span.length as usize).sum::<usize>();
    let (positive, negative) = (buckets(&layout.positive_spans), buckets(&layout.negative_spans));
    let mut states = vec![(0, (0, 0)); 3 + positive + negative];
    let (mut time, mut delta, mut all) = (0, 0, Vec::new());
    for place in 0..count {
        if place == 0 {
            time = reader.signed();
            states.iter_mut().for_each(|state| state.0 = reader.bits(64));
        } else {
            delta += reader.signed();
            time += delta;
            for state in &mut states {
                reader.xor(state);
            }
        }
        let number: Vec<f64> = states.iter().map(|state| f64::from_bits(state.0)).collect();
        let reset_hint = match (header, place) {
            (0b11, _) => ResetHint::Gauge,
            (_, 1..) => ResetHint::NotReset,
            (0b10, 0) => ResetHint::Reset,
            _ => ResetHint::Unknown,
        };
        all.push((
            time,
            FloatHistogram {
                reset_hint,
                count: number[0],
                zero_count: number[1],
                sum: number[2],
                positive_buckets: number[3..3 + positive].to_vec(),
                negative_buckets: number[3 + positive..].to_vec(),
                ..layout.clone()
            },
        ));
    }
    all
}

fn histogram(buckets: &[(i32, f64)]) -> FloatHistogram {
    let count = buckets.iter().map(|(_, count)| count).sum();
    let mut histogram =
        FloatHistogram { count, sum: 1.5 * count, zero_threshold: 2_f64.powi(-128), ..FloatHistogram::default() };
    histogram.set_positive(buckets);
    histogram
}

#[test]
fn bytes_are_those_of_prometheus() {
    // Written to Prometheus 2.42 and read from it as a streamed chunk.
    let expected = concat!(
        "000500ff3f50624dd2f1a9fc8ca48c6318ff0000d100948be02012000000000000200000000000000000000000000000001ff8000000000000200000",
        "000000000020090000000000001ff80000000000007c1d4c6c0fec0788bfff84bffede0f6036b137585e12fffec06da1fc267ffb705ed07ac4dd6168",
        "ed06da1dd8172ed069ec0b",
    );
    let run: Vec<(i64, Arc<FloatHistogram>)> = (0..5)
        .map(|i| {
            let n = f64::from(i);
            let histogram = FloatHistogram {
                reset_hint: ResetHint::Unknown,
                schema: 1,
                zero_threshold: 0.001,
                zero_count: 2.0 + n,
                count: 10.0 + 3.0 * n,
                sum: 1.5 * n,
                positive_spans: vec![BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 1, length: 1 }],
                positive_buckets: vec![1.0 + n, 2.0, 4.5 + 0.25 * n],
                negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
                negative_buckets: vec![1.0 + 0.5 * n],
                custom_bounds: Vec::new(),
            };
            (1_795_315_800_000 + i64::from(i) * 15_000, Arc::new(histogram))
        })
        .collect();
    let hex: String = encode(&run, None).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    assert!(decode(&encode(&run, None)).iter().zip(&run).all(|(read, put)| read.0 == put.0 && read.1.same_as(&put.1)));
}

/// The times and hints of the histograms in each chunk of a series.
fn streamed(samples: &SampleBuffer) -> Vec<String> {
    let mut out = Vec::new();
    StreamedSeries::new().write(0, [("a", "b")], samples, &mut out);
    let chunks = frames(&out).into_iter().flat_map(|frame| frame.series).flat_map(|series| series.chunks);
    chunks
        .map(|ProtoChunk { encoding, data, .. }| match encoding {
            1 => format!("floats {:?}", xor::decode(&data).0),
            _ => format!("{:?}", decode(&data).iter().map(|(time, h)| (*time, h.reset_hint)).collect::<Vec<_>>()),
        })
        .collect()
}

#[test]
fn a_reset_begins_a_chunk_and_new_buckets_do_not() {
    let gauge = FloatHistogram { reset_hint: ResetHint::Gauge, ..histogram(&[(1, 1.0)]) };
    let custom = FloatHistogram {
        schema: -53,
        custom_bounds: vec![0.1, 5.0, 1e9],
        zero_threshold: 0.0,
        ..histogram(&[(0, 9.0)])
    };
    let steps = [
        histogram(&[(1, 1.0)]),
        histogram(&[(0, 2.0), (1, 1.0), (5, 1.0)]),
        // Fewer than before.
        histogram(&[(0, 1.0)]),
        FloatHistogram { reset_hint: ResetHint::Reset, ..histogram(&[(0, 7.0)]) },
        gauge.clone(),
        gauge,
        FloatHistogram::stale(),
        FloatHistogram { schema: 2, ..histogram(&[(0, 8.0)]) },
        custom.clone(),
        custom,
    ];
    let mut samples = SampleBuffer::default();
    samples.histograms.extend((0..).map(|n| n * 10).zip(steps.map(Arc::new)));
    samples.push(25, 1.0);
    samples.push(26, 2.0);
    samples.push(200, f64::from_bits(STALE_NAN.to_bits()));
    assert_eq!(
        streamed(&samples),
        [
            "[(0, Unknown), (10, NotReset)]",
            "[(20, Reset)]",
            "floats [25, 26]",
            "[(30, Reset)]",
            "[(40, Gauge), (50, Gauge)]",
            "[(60, Unknown)]",
            "[(70, Unknown)]",
            "[(80, Reset), (90, NotReset)]",
            "floats [200]",
        ]
    );
}

#[test]
fn chunks_have_120_samples_and_about_a_frame_of_numbers() {
    let mut samples = SampleBuffer::default();
    let one = Arc::new(histogram(&[(1, 1.0)]));
    samples.histograms.extend((0..250).map(|time| (time, Arc::clone(&one))));
    let mut out = Vec::new();
    StreamedSeries::new().write(0, [("a", "b")], &samples, &mut out);
    let chunks: Vec<usize> = frames(&out)[0].series[0].chunks.iter().map(|chunk| decode(&chunk.data).len()).collect();
    assert_eq!(chunks, [120, 120, 10]);

    let wide: Vec<(i32, f64)> = (0..40_000).map(|index| (index, 1.0)).collect();
    let wide = Arc::new(histogram(&wide));
    assert_eq!(
        run_length(&[(0, Arc::clone(&wide)), (1, Arc::clone(&wide)), (2, Arc::clone(&wide)), (3, wide)], 120),
        3
    );
}

fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
    let side =
        prop::collection::btree_map(-20..20_i32, prop_oneof![(0..5_i32).prop_map(f64::from), any::<f64>()], 0..6);
    let hint = prop_oneof![
        Just(ResetHint::Unknown),
        Just(ResetHint::Unknown),
        Just(ResetHint::NotReset),
        Just(ResetHint::Reset),
        Just(ResetHint::Gauge)
    ];
    let threshold = prop_oneof![Just(0.0), Just(2_f64.powi(-128)), Just(1024.0), Just(2048.0), Just(0.001)];
    let bounds = prop_oneof![Just(vec![]), Just(vec![-1.0, 0.0, 0.005, 2.5]), Just(vec![33_554.43, 33_554.431, 1e300])];
    (side.clone(), side, hint, threshold, bounds, -4..8_i32, any::<f64>(), 0..9_u8).prop_map(
        |(positive, negative, reset_hint, zero_threshold, custom_bounds, schema, sum, stale)| {
            if stale == 0 {
                return FloatHistogram::stale();
            }
            let schema = if custom_bounds.is_empty() { schema } else { FloatHistogram::CUSTOM_BUCKETS };
            let mut histogram =
                FloatHistogram { reset_hint, zero_threshold, custom_bounds, schema, sum, ..FloatHistogram::default() };
            histogram.count = positive.values().sum();
            histogram.set_positive(&positive.into_iter().collect::<Vec<_>>());
            histogram.set_negative(&negative.into_iter().collect::<Vec<_>>());
            histogram
        },
    )
}

proptest! {
    #[test]
    fn histograms_read_back(
        histograms in prop::collection::vec((any_histogram(), 1..5_usize), 0..20),
        deltas in prop::collection::vec(prop_oneof![Just(15_000_i64), 1..20_000_i64, 1..1_i64 << 50], 100),
    ) {
        let same = histograms.iter().flat_map(|(one, times)| std::iter::repeat_n(Arc::new(one.clone()), *times));
        let times = deltas.iter().scan(-1_i64 << 40, |time, delta| { *time += delta; Some(*time) });
        let mut samples = SampleBuffer::default();
        samples.histograms.extend(times.zip(same));
        let mut out = Vec::new();
        StreamedSeries::new().write(0, [("a", "b")], &samples, &mut out);
        let chunks = frames(&out).into_iter().flat_map(|frame| frame.series).flat_map(|series| series.chunks);
        let read: Vec<(i64, FloatHistogram)> = chunks.flat_map(|chunk| decode(&chunk.data)).collect();
        prop_assert_eq!(read.len(), samples.histograms.len());
        let compact = |histogram: &FloatHistogram| { let mut one = histogram.clone(); one.compact(); one };
        for ((read_ms, read), (put_ms, put)) in read.iter().zip(&samples.histograms) {
            prop_assert_eq!(read_ms, put_ms);
            prop_assert!(compact(read).same_as(&compact(put)), "{:?} {:?}", read, put);
            let is_gauge = |h: &FloatHistogram| h.reset_hint == ResetHint::Gauge;
            prop_assert_eq!(is_gauge(read), is_gauge(put));
        }
    }
}
