//! Prometheus' chunks of native histograms with float counts. Source: `tsdb/docs/format/chunks.md`, `tsdb/chunkenc`.
//!
//! ```text
//! samples <2, big endian> │ counter reset <2 bits> 0 <6 bits> │ layout │ sample*
//! layout   zero threshold │ schema (varbit) │ spans, positive │ spans, negative │ custom bounds, for schema -53 only
//! spans    number (varbit) │ (length (varbit) │ offset (varbit))*
//! sample   time (varbit; from the second on the delta of deltas) │ count │ zero count │ sum │ positive and negative counts
//! ```
//!
//! The numbers of the first sample stand there as they are, later ones as the exclusive or with the one before. All samples have the layout
//! of the chunk: a bucket that one of them does not have is written as an empty one.

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint};

use super::bits::{Bits, XorState};

/// What the chunk says of a counter reset at its start.
const UNKNOWN: u64 = 0b00;
const NO_RESET: u64 = 0b01;
const RESET: u64 = 0b10;
const GAUGE: u64 = 0b11;

/// A histogram at a time, milliseconds.
pub(super) type Timed<H> = (i64, H);

/// Numbers of the buckets of a chunk at most, so that one chunk about fills a frame. A single histogram may have more.
const NUMBERS_MAX: usize = 1 << 17;

/// The buckets that all samples of a chunk have.
#[derive(Default)]
struct Layout {
    positive: Vec<i32>,
    negative: Vec<i32>,
}

impl Layout {
    /// The layout with the buckets of one more histogram.
    fn with(&self, histogram: &FloatHistogram) -> Self {
        Self {
            positive: union(&self.positive, &histogram.positive()),
            negative: union(&self.negative, &histogram.negative()),
        }
    }

    fn len(&self) -> usize {
        self.positive.len() + self.negative.len()
    }
}

/// Both ascend.
fn union(indexes: &[i32], buckets: &[(i32, f64)]) -> Vec<i32> {
    let mut all: Vec<i32> = indexes.iter().copied().chain(buckets.iter().map(|&(index, _)| index)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How many of the first histograms make one chunk: at most `samples_max`, of one layout, and without a reset but before the first.
pub(super) fn run_length<H: AsRef<FloatHistogram>>(histograms: &[Timed<H>], samples_max: usize) -> usize {
    let Some((_, first)) = histograms.first() else { return 0 };
    let (first, mut layout) = (first.as_ref(), Layout::default().with(first.as_ref()));
    for (count, pair) in (1..samples_max.min(histograms.len())).zip(histograms.windows(2)) {
        let (before, next) = (pair[0].1.as_ref(), pair[1].1.as_ref());
        if !goes_with(next, first) || (!is_gauge(next) && !next.is_stale() && next.is_reset_after(before)) {
            return count;
        }
        let wider = layout.with(next);
        if wider.len() * (count + 1) > NUMBERS_MAX {
            return count;
        }
        layout = wider;
    }
    samples_max.min(histograms.len())
}

/// Whether both may stand in one chunk, as far as their kinds go.
fn goes_with(next: &FloatHistogram, first: &FloatHistogram) -> bool {
    let bits = |bounds: &[f64]| -> Vec<u64> { bounds.iter().map(|bound| bound.to_bits()).collect() };
    if next.is_stale() || first.is_stale() {
        return next.is_stale() && first.is_stale();
    }
    is_gauge(next) == is_gauge(first)
        && next.schema == first.schema
        && next.zero_threshold.to_bits() == first.zero_threshold.to_bits()
        && bits(&next.custom_bounds) == bits(&first.custom_bounds)
}

fn is_gauge(histogram: &FloatHistogram) -> bool {
    histogram.reset_hint == ResetHint::Gauge
}

/// Encodes the histograms of one run; `before` is the sample that came before, if that was a histogram.
pub(super) fn encode<H: AsRef<FloatHistogram>>(run: &[Timed<H>], before: Option<&FloatHistogram>) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(run.len() as u64, 16);
    let Some((_, first)) = run.first() else { return bits.finish() };
    let first = first.as_ref();
    bits.push(reset_header(first, before), 2);
    bits.push(0, 6);
    // What ends a series has no buckets.
    let stale = first.is_stale().then(FloatHistogram::stale);
    let first = stale.as_ref().unwrap_or(first);
    let layout = run.iter().fold(Layout::default(), |layout, (_, histogram)| match &stale {
        Some(stale) => layout.with(stale),
        None => layout.with(histogram.as_ref()),
    });
    push_layout(&mut bits, first, &layout);
    push_samples(&mut bits, run, &layout);
    bits.finish()
}

fn push_samples<H: AsRef<FloatHistogram>>(bits: &mut Bits, run: &[Timed<H>], layout: &Layout) {
    let mut states = vec![XorState::default(); 3 + layout.len()];
    let (mut last_ms, mut last_delta) = (0_i64, 0_i64);
    for (place, (time_ms, histogram)) in run.iter().enumerate() {
        let histogram = histogram.as_ref();
        let numbers = numbers(histogram, layout);
        if place == 0 {
            bits.push_varbit_signed(*time_ms);
            states.iter_mut().zip(numbers).for_each(|(state, number)| state.first(bits, number));
        } else {
            let delta = time_ms.wrapping_sub(last_ms);
            bits.push_varbit_signed(delta.wrapping_sub(last_delta));
            states.iter_mut().zip(numbers).for_each(|(state, number)| state.push(bits, number));
            last_delta = delta;
        }
        last_ms = *time_ms;
    }
}

/// Count, zero count, sum and one number for each bucket of the layout.
fn numbers(histogram: &FloatHistogram, layout: &Layout) -> Vec<f64> {
    if histogram.is_stale() {
        return vec![0.0, 0.0, histogram.sum];
    }
    let mut all = vec![histogram.count, histogram.zero_count, histogram.sum];
    for (indexes, buckets) in [(&layout.positive, histogram.positive()), (&layout.negative, histogram.negative())] {
        let mut buckets = buckets.into_iter().peekable();
        all.extend(indexes.iter().map(|&index| buckets.next_if(|(at, _)| *at == index).map_or(0.0, |(_, n)| n)));
    }
    all
}

fn reset_header(first: &FloatHistogram, before: Option<&FloatHistogram>) -> u64 {
    match first.reset_hint {
        _ if first.is_stale() => UNKNOWN,
        ResetHint::Gauge => GAUGE,
        ResetHint::Reset => RESET,
        ResetHint::NotReset => NO_RESET,
        ResetHint::Unknown => match before.filter(|before| !before.is_stale() && !is_gauge(before)) {
            Some(before) if first.is_reset_after(before) => RESET,
            Some(_) => NO_RESET,
            None => UNKNOWN,
        },
    }
}

fn push_layout(bits: &mut Bits, first: &FloatHistogram, layout: &Layout) {
    push_zero_threshold(bits, first.zero_threshold);
    bits.push_varbit_signed(i64::from(first.schema));
    let entries = |indexes: &[i32]| -> Vec<(i32, f64)> { indexes.iter().map(|&index| (index, 0.0)).collect() };
    let mut histogram = FloatHistogram::default();
    histogram.set_positive(&entries(&layout.positive));
    histogram.set_negative(&entries(&layout.negative));
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        bits.push_varbit_unsigned(spans.len() as u64);
        for BucketSpan { offset, length } in spans {
            bits.push_varbit_unsigned(u64::from(*length));
            bits.push_varbit_signed(i64::from(*offset));
        }
    }
    if first.has_custom_buckets() {
        bits.push_varbit_unsigned(first.custom_bounds.len() as u64);
        first.custom_bounds.iter().for_each(|&bound| push_custom_bound(bits, bound));
    }
}

/// A byte for 0 and for powers of two between 2^-243 and 2^10, which are usual; else nine.
fn push_zero_threshold(bits: &mut Bits, threshold: f64) {
    const MANTISSA: u64 = (1 << 52) - 1;
    let raw = threshold.to_bits();
    let exponent = (raw >> 52).cast_signed() - 1023;
    if raw == 0 {
        bits.push(0, 8);
    } else if raw & MANTISSA == 0 && (-243..=10).contains(&exponent) {
        bits.push((exponent + 244).cast_unsigned(), 8);
    } else {
        bits.push(255, 8);
        bits.push(raw, 64);
    }
}

/// Thousandths up to 33,554.430 as a number, plus one; all else as it is, after a zero.
fn push_custom_bound(bits: &mut Bits, bound: f64) {
    const THOUSANDTHS_MAX: f64 = 33_554_430.0;
    let thousandths = (bound * 1000.0).round();
    if (0.0..=THOUSANDTHS_MAX).contains(&thousandths) && (thousandths / 1000.0).to_bits() == bound.to_bits() {
        bits.push_varbit_unsigned(thousandths as u64 + 1);
    } else {
        bits.push(0, 1);
        bits.push(bound.to_bits(), 64);
    }
}
