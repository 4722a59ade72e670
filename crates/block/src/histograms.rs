//! Native histograms of one chunk: runs of samples that have the same layout, and in a run a column for each number.
//!
//! ```text
//! 4 (1 byte) │ (samples (varint) │ layout │ column × (3 + buckets))*         column: bytes (varint) │ column of values
//!
//! layout     hint (1 byte) │ schema (zigzag) │ zero threshold (8 bytes) │ spans │ spans │ bounds (varint) │ 8 bytes each
//! spans      count (varint) │ (offset (zigzag) │ length (varint))*
//! ```
//!
//! The columns are those of count, zero count, sum, each positive and each negative bucket.

use std::sync::Arc;

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint};

use crate::bytes::{Cursor, put_signed, put_varint};
use crate::error::Damage;
use crate::values::{self, Effort, ValueEncoder};

/// In place of the codec of a column of values. Must not be one of those.
pub(crate) const HISTOGRAMS: u8 = 4;

/// A histogram has at most this many positive buckets, as many negative ones, as many spans of either, and as many custom
/// bounds: what the decoders of remote write take.
const BUCKETS_MAX: usize = 1 << 16;

/// The weights of a chunk's histograms add up to at most this. Bounds what a few damaged bytes can make a reader
/// allocate, to some 8 MiB.
const CHUNK_WEIGHT_MAX: usize = 1 << 20;

/// A sample of a series.
pub(crate) type Sample = (i64, Arc<FloatHistogram>);

/// Tells why a block cannot hold a histogram, if it cannot: buckets must be as many as the spans tell, and no more than
/// allowed.
pub(crate) fn check(histogram: &FloatHistogram) -> Result<(), &'static str> {
    let sides = [
        (&histogram.positive_spans, &histogram.positive_buckets),
        (&histogram.negative_spans, &histogram.negative_buckets),
    ];
    for (spans, buckets) in sides {
        if spans.iter().map(|span| u64::from(span.length)).sum::<u64>() != buckets.len() as u64 {
            return Err("a histogram needs as many buckets as its spans tell");
        }
        if buckets.len().max(spans.len()).max(histogram.custom_bounds.len()) > BUCKETS_MAX {
            return Err("a histogram may have at most 65536 buckets or spans of a side, and custom bounds");
        }
    }
    Ok(())
}

/// What a histogram takes.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    buckets: usize,
    spans: usize,
    bounds: usize,
}

impl Sizes {
    fn of(histogram: &FloatHistogram) -> Self {
        Self {
            buckets: histogram.positive_buckets.len() + histogram.negative_buckets.len(),
            spans: histogram.positive_spans.len() + histogram.negative_spans.len(),
            bounds: histogram.custom_bounds.len(),
        }
    }

    /// Numbers and spans of a histogram, 8 bytes each, and as much again for what is around them.
    fn weight(self) -> usize {
        16 + self.buckets + self.spans + self.bounds
    }
}

/// Splits samples into chunks of at most `samples_max` that a reader takes.
pub(crate) fn chunks(mut samples: &[Sample], samples_max: usize) -> impl Iterator<Item = &[Sample]> {
    std::iter::from_fn(move || {
        let mut weight = 0;
        let fits = |sample: &&Sample| {
            weight += Sizes::of(&sample.1).weight();
            weight <= CHUNK_WEIGHT_MAX
        };
        let count = samples.iter().take(samples_max).take_while(fits).count();
        let (chunk, rest) = samples.split_at(count);
        samples = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Appends a chunk, which is one of [`chunks`].
pub(crate) fn encode(samples: &[Sample], encoder: &mut ValueEncoder, effort: Effort, out: &mut Vec<u8>) {
    out.push(HISTOGRAMS);
    let (mut column, mut bytes) = (Vec::with_capacity(samples.len()), Vec::new());
    for run in samples.chunk_by(|a, b| has_same_layout(&a.1, &b.1)) {
        put_varint(out, run.len() as u64);
        put_layout(&run[0].1, out);
        for place in 0..3 + Sizes::of(&run[0].1).buckets {
            column.clear();
            column.extend(run.iter().map(|(_, histogram)| number(histogram, place)));
            bytes.clear();
            encoder.encode(&column, effort, &mut bytes);
            put_varint(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends the histograms of a chunk that lie in the time range; `times` are those of all.
pub(crate) fn decode(
    bytes: &[u8],
    times: &[i64],
    start_ms: i64,
    end_ms: i64,
    out: &mut Vec<Sample>,
) -> Result<(), Damage> {
    let mut cursor = Cursor::new(bytes);
    if cursor.byte()? != HISTOGRAMS {
        return Err(Damage::at(0, "expected a chunk of histograms"));
    }
    let (mut rest, mut weight) = (times, 0);
    while !rest.is_empty() {
        let count = cursor.count(rest.len(), "expected no more histograms than times")?;
        let layout = take_layout(&mut cursor)?;
        let sizes = Sizes::of(&layout);
        weight += count * sizes.weight();
        if count == 0 || weight > CHUNK_WEIGHT_MAX {
            return Err(cursor.damage("expected a run of some histograms, within the bound of a chunk"));
        }
        let (run, later) = rest.split_at(count);
        rest = later;
        let first = run.partition_point(|time| *time < start_ms);
        let end = run.partition_point(|time| *time <= end_ms).max(first);
        let mut histograms = vec![layout; end - first];
        decode_run(&mut cursor, 3 + sizes.buckets, count, first, &mut histograms)?;
        out.extend(run[first..end].iter().copied().zip(histograms.into_iter().map(Arc::new)));
    }
    if cursor.is_at_end() { Ok(()) } else { Err(cursor.damage("expected the histograms to end here")) }
}

/// Fills in the numbers of those histograms of a run that are wanted: the ones from `first` on.
fn decode_run(
    cursor: &mut Cursor<'_>,
    columns: usize,
    count: usize,
    first: usize,
    wanted: &mut [FloatHistogram],
) -> Result<(), Damage> {
    let mut column = Vec::new();
    for place in 0..columns {
        let len = cursor.count(usize::MAX, "expected a length")?;
        let bytes = cursor.take(len)?;
        if wanted.is_empty() {
            continue;
        }
        column.clear();
        values::decode(bytes, count, &mut column)?;
        for (histogram, value) in wanted.iter_mut().zip(&column[first..]) {
            if let Some(number) = number_mut(histogram, place) {
                *number = *value;
            }
        }
    }
    Ok(())
}

/// The number that stands in column `place`.
fn number(histogram: &FloatHistogram, place: usize) -> f64 {
    let first_negative = 3 + histogram.positive_buckets.len();
    match place {
        0 => histogram.count,
        1 => histogram.zero_count,
        2 => histogram.sum,
        _ if place < first_negative => histogram.positive_buckets[place - 3],
        _ => histogram.negative_buckets[place - first_negative],
    }
}

fn number_mut(histogram: &mut FloatHistogram, place: usize) -> Option<&mut f64> {
    let first_negative = 3 + histogram.positive_buckets.len();
    match place {
        0 => Some(&mut histogram.count),
        1 => Some(&mut histogram.zero_count),
        2 => Some(&mut histogram.sum),
        _ if place < first_negative => histogram.positive_buckets.get_mut(place - 3),
        _ => histogram.negative_buckets.get_mut(place - first_negative),
    }
}

/// Whether all but the numbers is the same, to the bit. As buckets are as many as the spans tell, they need no look.
fn has_same_layout(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    a.reset_hint == b.reset_hint
        && a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.custom_bounds.iter().map(|bound| bound.to_bits()).eq(b.custom_bounds.iter().map(|bound| bound.to_bits()))
}

fn put_layout(histogram: &FloatHistogram, out: &mut Vec<u8>) {
    out.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    });
    put_signed(out, i64::from(histogram.schema));
    out.extend_from_slice(&histogram.zero_threshold.to_le_bytes());
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        put_varint(out, spans.len() as u64);
        for span in spans {
            put_signed(out, i64::from(span.offset));
            put_varint(out, u64::from(span.length));
        }
    }
    put_varint(out, histogram.custom_bounds.len() as u64);
    histogram.custom_bounds.iter().for_each(|bound| out.extend_from_slice(&bound.to_le_bytes()));
}

/// A histogram whose numbers are all 0.
fn take_layout(cursor: &mut Cursor<'_>) -> Result<FloatHistogram, Damage> {
    let reset_hint = match cursor.byte()? {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => return Err(cursor.damage("expected a known hint of a reset")),
    };
    let schema = i32::try_from(cursor.signed()?).map_err(|_| cursor.damage("expected a schema of 32 bits"))?;
    let zero_threshold = f64::from_bits(cursor.u64_le()?);
    let (positive_spans, positive_count) = take_spans(cursor)?;
    let (negative_spans, negative_count) = take_spans(cursor)?;
    let bounds = cursor.count(BUCKETS_MAX, "expected at most 65536 custom bounds")?;
    let custom_bounds = (0..bounds).map(|_| cursor.u64_le().map(f64::from_bits)).collect::<Result<_, _>>()?;
    Ok(FloatHistogram {
        reset_hint,
        schema,
        zero_threshold,
        positive_spans,
        positive_buckets: vec![0.0; positive_count],
        negative_spans,
        negative_buckets: vec![0.0; negative_count],
        custom_bounds,
        ..FloatHistogram::default()
    })
}

/// Spans, and how many buckets they have.
fn take_spans(cursor: &mut Cursor<'_>) -> Result<(Vec<BucketSpan>, usize), Damage> {
    let count = cursor.count(BUCKETS_MAX, "expected at most 65536 spans")?;
    let (mut spans, mut buckets) = (Vec::new(), 0);
    for _ in 0..count {
        let offset = i32::try_from(cursor.signed()?).map_err(|_| cursor.damage("expected an offset of 32 bits"))?;
        let length = cursor.count(BUCKETS_MAX - buckets, "expected at most 65536 buckets")?;
        buckets += length;
        spans.push(BucketSpan { offset, length: length as u32 });
    }
    Ok((spans, buckets))
}

#[cfg(test)]
pub(crate) mod tests;
