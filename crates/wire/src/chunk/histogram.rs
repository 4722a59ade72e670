//! Chunks of native histograms.

use std::sync::Arc;

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint, SampleBuffer, is_stale};

use super::ChunkError;
use super::bits::{Bits, XorValue};

/// The most buckets, spans or custom bounds of one side.
const BUCKETS_MAX: u64 = 1 << 16;
/// The most buckets of all samples of a chunk: bounds the memory that one chunk becomes.
const CHUNK_BUCKETS_MAX: u64 = 1 << 22;

/// How counts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    Integer,
    Float,
}

pub(super) fn decode(data: &[u8], counts: Counts, out: &mut SampleBuffer) -> Result<(), ChunkError> {
    let mut bits = Bits::new(data);
    let count = bits.take(16)?;
    if count == 0 {
        return Ok(());
    }
    let is_gauge = bits.take(8)? >> 6 == 0b11;
    let layout = layout(&mut bits)?;
    let buckets = (layout.positive_buckets.len() + layout.negative_buckets.len()) as u64;
    if buckets * count > CHUNK_BUCKETS_MAX {
        return Err(bits.error("more buckets than a chunk may have"));
    }
    let mut time = Delta::default();
    let mut fields = match counts {
        Counts::Integer => Fields::Integer(Integers::new(&layout)),
        Counts::Float => Fields::Float(Floats::new(&layout)),
    };
    for index in 0..count {
        let time_ms = time.next(bits.varbit_int()?, index);
        let mut histogram = layout.clone();
        // Whether a chunk was begun because of a reset does not count: Prometheus does not rely on it either.
        histogram.reset_hint = match index {
            _ if is_gauge => ResetHint::Gauge,
            0 => ResetHint::Unknown,
            _ => ResetHint::NotReset,
        };
        let is_stale = match &mut fields {
            Fields::Integer(fields) => fields.read(&mut bits, index, &mut histogram)?,
            Fields::Float(fields) => fields.read(&mut bits, index, &mut histogram)?,
        };
        let histogram = if is_stale { FloatHistogram::stale() } else { histogram };
        out.histograms.push((time_ms, Arc::new(histogram)));
    }
    Ok(())
}

/// What all histograms of a chunk share; the buckets have their number and no counts yet.
fn layout(bits: &mut Bits<'_>) -> Result<FloatHistogram, ChunkError> {
    let zero_threshold = match bits.take(8)? {
        0 => 0.0,
        255 => bits.double()?,
        // Half of two to the power of what is written less 243.
        exponent => 2_f64.powi(exponent as i32 - 244),
    };
    let schema = i32::try_from(bits.varbit_int()?).map_err(|_| bits.error("a schema beyond 32 bits"))?;
    let (positive_spans, positive_count) = spans(bits)?;
    let (negative_spans, negative_count) = spans(bits)?;
    let mut custom_bounds = Vec::new();
    if schema == FloatHistogram::CUSTOM_BUCKETS {
        for _ in 0..bounded(bits)? {
            custom_bounds.push(custom_bound(bits)?);
        }
    }
    Ok(FloatHistogram {
        schema,
        zero_threshold,
        positive_spans,
        negative_spans,
        custom_bounds,
        positive_buckets: vec![0.0; positive_count],
        negative_buckets: vec![0.0; negative_count],
        ..FloatHistogram::default()
    })
}

/// A number of entries.
fn bounded(bits: &mut Bits<'_>) -> Result<u64, ChunkError> {
    let count = bits.varbit_uint()?;
    if count <= BUCKETS_MAX { Ok(count) } else { Err(bits.error("more buckets or spans than a histogram may have")) }
}

/// Spans, and the number of their buckets.
fn spans(bits: &mut Bits<'_>) -> Result<(Vec<BucketSpan>, usize), ChunkError> {
    let (mut spans, mut buckets) = (Vec::new(), 0);
    for _ in 0..bounded(bits)? {
        let length = bounded(bits)?;
        let offset = i32::try_from(bits.varbit_int()?).map_err(|_| bits.error("a span's offset beyond 32 bits"))?;
        buckets += length;
        if buckets > BUCKETS_MAX {
            return Err(bits.error("more buckets than a histogram may have"));
        }
        spans.push(BucketSpan { offset, length: length as u32 });
    }
    Ok((spans, buckets as usize))
}

/// Thousandths, more by one, when that is exact; else a zero bit and the float.
fn custom_bound(bits: &mut Bits<'_>) -> Result<f64, ChunkError> {
    match bits.varbit_uint()? {
        0 => bits.double(),
        thousandths => Ok((thousandths - 1) as f64 / 1000.0),
    }
}

/// A number that is written as it is, then as difference of differences.
#[derive(Clone, Copy, Debug, Default)]
struct Delta {
    value: i64,
    delta: i64,
}

impl Delta {
    #[inline]
    fn next(&mut self, written: i64, index: u64) -> i64 {
        if index == 0 {
            self.value = written;
        } else {
            self.delta = self.delta.wrapping_add(written);
            self.value = self.value.wrapping_add(self.delta);
        }
        self.value
    }
}

enum Fields {
    Integer(Integers),
    Float(Floats),
}

/// Integer counts; those of buckets are differences from bucket to bucket, too.
struct Integers {
    count: Delta,
    zeros: Delta,
    sum: XorValue,
    positive: Vec<Delta>,
    negative: Vec<Delta>,
}

impl Integers {
    fn new(layout: &FloatHistogram) -> Self {
        let deltas = |buckets: &Vec<f64>| vec![Delta::default(); buckets.len()];
        Self {
            count: Delta::default(),
            zeros: Delta::default(),
            sum: XorValue::default(),
            positive: deltas(&layout.positive_buckets),
            negative: deltas(&layout.negative_buckets),
        }
    }

    /// Reads one sample behind its time; true for the stale marker, which has no buckets.
    fn read(&mut self, bits: &mut Bits<'_>, index: u64, out: &mut FloatHistogram) -> Result<bool, ChunkError> {
        let number = |bits: &mut Bits<'_>, of: &mut Delta| -> Result<f64, ChunkError> {
            let written = if index == 0 { bits.varbit_uint()?.cast_signed() } else { bits.varbit_int()? };
            Ok(of.next(written, index).cast_unsigned() as f64)
        };
        out.count = number(bits, &mut self.count)?;
        out.zero_count = number(bits, &mut self.zeros)?;
        out.sum = if index == 0 { first(bits, &mut self.sum)? } else { self.sum.next(bits)? };
        if is_stale(out.sum) {
            return Ok(true);
        }
        let sides = [(&mut self.positive, &mut out.positive_buckets), (&mut self.negative, &mut out.negative_buckets)];
        for (deltas, buckets) in sides {
            let mut absolute = 0_i64;
            for (delta, bucket) in deltas.iter_mut().zip(buckets) {
                absolute = absolute.wrapping_add(delta.next(bits.varbit_int()?, index));
                *bucket = absolute as f64;
            }
        }
        Ok(false)
    }
}

/// Float counts.
struct Floats {
    count: XorValue,
    zeros: XorValue,
    sum: XorValue,
    positive: Vec<XorValue>,
    negative: Vec<XorValue>,
}

impl Floats {
    fn new(layout: &FloatHistogram) -> Self {
        let values = |buckets: &Vec<f64>| vec![XorValue::default(); buckets.len()];
        Self {
            count: XorValue::default(),
            zeros: XorValue::default(),
            sum: XorValue::default(),
            positive: values(&layout.positive_buckets),
            negative: values(&layout.negative_buckets),
        }
    }

    /// Reads one sample behind its time; true for the stale marker, which has no buckets.
    fn read(&mut self, bits: &mut Bits<'_>, index: u64, out: &mut FloatHistogram) -> Result<bool, ChunkError> {
        let number = |bits: &mut Bits<'_>, of: &mut XorValue| match index {
            0 => first(bits, of),
            _ => of.next(bits),
        };
        out.count = number(bits, &mut self.count)?;
        out.zero_count = number(bits, &mut self.zeros)?;
        out.sum = number(bits, &mut self.sum)?;
        if is_stale(out.sum) {
            return Ok(true);
        }
        let sides = [(&mut self.positive, &mut out.positive_buckets), (&mut self.negative, &mut out.negative_buckets)];
        for (values, buckets) in sides {
            for (value, bucket) in values.iter_mut().zip(buckets) {
                *bucket = number(bits, value)?;
            }
        }
        Ok(false)
    }
}

/// The first value of a column stands as it is.
fn first(bits: &mut Bits<'_>, of: &mut XorValue) -> Result<f64, ChunkError> {
    let value = bits.double()?;
    *of = XorValue::new(value);
    Ok(value)
}
