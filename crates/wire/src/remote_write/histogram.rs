//! Native histograms. The message is the same in remote write 1.0 and 2.0, but for the start time that 2.0 has.
//!
//! ```text
//!  Histogram   1: count (int)   2: count (double)    3: sum        4: schema (sint)   5: zero threshold
//!              6: zeros (int)   7: zeros (double)    8/11: spans   9/12: deltas       10/13: counts
//!             14: reset hint   15: timestamp        16: custom bounds                 17: start time
//!  Span        1: offset (sint)                      2: length
//! ```
//!
//! Counts as integers come as differences from bucket to bucket, counts as floats as they are. Both become absolute floats;
//! what an integer histogram says is checked in integers before. Source: Prometheus' `prompb` and `model/histogram`.

mod check;
mod encode;
mod reduce;

use bongsu_model::{BucketSpan, FloatHistogram, ResetHint};

use super::DecodeError;
use super::cursor::{Cursor, fixed64, length_delimited, varint};
use super::walk::walk;

pub use check::HistogramError;
pub(crate) use encode::{push_double, push_histogram, push_number, push_spans, zigzag};

/// The schema of histograms with bounds of their own.
const CUSTOM_SCHEMA: i32 = -53;
/// The finest schema that is kept; finer ones up to 52 are known and made coarser.
const SCHEMA_MAX: i32 = 8;
const SCHEMA_MIN: i32 = -4;
const SCHEMA_REDUCED_MAX: i32 = 52;
/// The most buckets, and the most spans, of one side, and the most custom bounds.
const BUCKETS_MAX: usize = 1 << 16;

/// One native histogram of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When the counting began, in milliseconds since the Unix epoch, if the sender said so (remote write 2.0).
    pub start_ms: Option<i64>,
    /// The histogram, or why it can never be taken. The rest of a request is not touched by that.
    pub histogram: Result<FloatHistogram, HistogramError>,
    /// Where the message stands in the decoded body.
    pub offset_bytes: usize,
}

/// The fields as they come.
#[derive(Debug, Default)]
struct Fields {
    count: Count,
    zero_count: Count,
    sum: f64,
    schema: i64,
    zero_threshold: f64,
    negative: Side,
    positive: Side,
    reset_hint: u64,
    timestamp_ms: i64,
    custom_bounds: Vec<f64>,
    start_ms: i64,
    /// More of something than is kept.
    is_cut: bool,
}

/// A count of which the sender gave one form.
#[derive(Clone, Copy, Debug)]
enum Count {
    Integer(u64),
    Float(f64),
}

impl Default for Count {
    fn default() -> Self {
        Self::Integer(0)
    }
}

impl Count {
    /// The integer; a count of the other form does not count, as in Prometheus.
    fn integer(self) -> u64 {
        if let Self::Integer(count) = self { count } else { 0 }
    }

    fn float(self) -> f64 {
        if let Self::Float(count) = self { count } else { 0.0 }
    }
}

/// The negative or the positive buckets.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl HistogramSample {
    /// Reads the message that the cursor stands in front of.
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self, DecodeError> {
        let offset_bytes = cursor.offset();
        let mut fields = Fields::default();
        while !cursor.at_end() {
            fields.read(&mut cursor)?;
        }
        let timestamp_ms = fields.timestamp_ms;
        let start_ms = Some(fields.start_ms).filter(|start_ms| *start_ms != 0);
        Ok(Self { timestamp_ms, start_ms, histogram: fields.finish(), offset_bytes })
    }
}

impl Fields {
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        const COUNT_INTEGER: u64 = varint(1);
        const COUNT_FLOAT: u64 = fixed64(2);
        const SUM: u64 = fixed64(3);
        const SCHEMA: u64 = varint(4);
        const ZERO_THRESHOLD: u64 = fixed64(5);
        const ZEROS_INTEGER: u64 = varint(6);
        const ZEROS_FLOAT: u64 = fixed64(7);
        const RESET_HINT: u64 = varint(14);
        const TIMESTAMP: u64 = varint(15);
        const START: u64 = varint(17);
        match cursor.varint()? {
            COUNT_INTEGER => self.count = Count::Integer(cursor.varint()?),
            COUNT_FLOAT => self.count = Count::Float(cursor.double()?),
            SUM => self.sum = cursor.double()?,
            SCHEMA => self.schema = cursor.zigzag()?,
            ZERO_THRESHOLD => self.zero_threshold = cursor.double()?,
            ZEROS_INTEGER => self.zero_count = Count::Integer(cursor.varint()?),
            ZEROS_FLOAT => self.zero_count = Count::Float(cursor.double()?),
            RESET_HINT => self.reset_hint = cursor.varint()?,
            TIMESTAMP => self.timestamp_ms = cursor.varint()?.cast_signed(),
            START => self.start_ms = cursor.varint()?.cast_signed(),
            tag => return self.read_list(tag, cursor),
        }
        Ok(())
    }

    /// Lists: numbers come packed into one field or, from older encoders, as a field each.
    fn read_list(&mut self, tag: u64, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
        let side = if tag >> 3 <= 10 { &mut self.negative } else { &mut self.positive };
        let cut = &mut self.is_cut;
        match (tag >> 3, tag & 7) {
            (8 | 11, 2) => push(&mut side.spans, span(cursor.message()?)?, cut),
            (9 | 12, 2) => read_packed(cursor, Cursor::zigzag, &mut side.deltas, cut)?,
            (9 | 12, 0) => push(&mut side.deltas, cursor.zigzag()?, cut),
            (10 | 13, 2) => read_packed(cursor, Cursor::double, &mut side.counts, cut)?,
            (10 | 13, 1) => push(&mut side.counts, cursor.double()?, cut),
            (16, 2) => read_packed(cursor, Cursor::double, &mut self.custom_bounds, cut)?,
            (16, 1) => push(&mut self.custom_bounds, cursor.double()?, cut),
            _ => cursor.skip(tag)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<FloatHistogram, HistogramError> {
        if self.is_cut {
            return Err(HistogramError::TooManyBuckets);
        }
        let schema = i32::try_from(self.schema).map_err(|_| HistogramError::Schema { schema: self.schema })?;
        let is_float = matches!(self.count, Count::Float(_));
        let (zero_count, count, positive_buckets, negative_buckets) = if is_float {
            (self.zero_count.float(), self.count.float(), self.positive.counts, self.negative.counts)
        } else {
            let (zeros, count) = (self.zero_count.integer(), self.count.integer());
            let (positive, in_positive) = check::absolute(&self.positive.deltas)?;
            let (negative, in_negative) = check::absolute(&self.negative.deltas)?;
            let in_buckets = in_positive.saturating_add(in_negative).saturating_add(zeros);
            check::integer_count(in_buckets, count, self.sum)?;
            (zeros as f64, count as f64, positive, negative)
        };
        let mut histogram = FloatHistogram {
            reset_hint: reset_hint(self.reset_hint),
            schema,
            zero_threshold: self.zero_threshold,
            zero_count,
            count,
            sum: self.sum,
            positive_spans: self.positive.spans,
            positive_buckets,
            negative_spans: self.negative.spans,
            negative_buckets,
            custom_bounds: self.custom_bounds,
        };
        check::validate(&histogram)?;
        reduce::to_finest_kept(&mut histogram);
        Ok(histogram)
    }
}

fn push<T>(list: &mut Vec<T>, item: T, is_cut: &mut bool) {
    if list.len() < BUCKETS_MAX {
        list.push(item);
    } else {
        *is_cut = true;
    }
}

fn read_packed<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl Fn(&mut Cursor<'a>) -> Result<T, DecodeError>,
    out: &mut Vec<T>,
    is_cut: &mut bool,
) -> Result<(), DecodeError> {
    let mut packed = cursor.message()?;
    while !packed.at_end() {
        push(out, read(&mut packed)?, is_cut);
    }
    Ok(())
}

fn span(mut cursor: Cursor<'_>) -> Result<BucketSpan, DecodeError> {
    const OFFSET: u64 = varint(1);
    const LENGTH: u64 = varint(2);
    let mut span = BucketSpan { offset: 0, length: 0 };
    while !cursor.at_end() {
        match cursor.varint()? {
            // Both are 32 bits wide: what a sender writes beyond is cut, as protobuf says.
            OFFSET => span.offset = cursor.zigzag()? as i32,
            LENGTH => span.length = cursor.varint()? as u32,
            other => cursor.skip(other)?,
        }
    }
    Ok(span)
}

fn reset_hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// The native histograms of a series; after an error the walk is over.
#[derive(Clone, Debug)]
pub struct Histograms<'a> {
    cursor: Cursor<'a>,
    /// Which field of the series holds them.
    tag: u64,
    /// Of those that have no start of their own.
    start_ms: Option<i64>,
    failed: bool,
}

impl<'a> Histograms<'a> {
    /// Walks a whole series message.
    pub(super) fn new(series: Cursor<'a>, field: u64, start_ms: Option<i64>) -> Self {
        Self { cursor: series, tag: length_delimited(field), start_ms, failed: false }
    }

    fn advance(&mut self) -> Result<Option<HistogramSample>, DecodeError> {
        while !self.cursor.at_end() {
            let tag = self.cursor.varint()?;
            if tag == self.tag {
                let sample = HistogramSample::parse(self.cursor.message()?)?;
                return Ok(Some(HistogramSample { start_ms: sample.start_ms.or(self.start_ms), ..sample }));
            }
            self.cursor.skip(tag)?;
        }
        Ok(None)
    }
}

walk!(<'a> Histograms<'a> => HistogramSample);

#[cfg(test)]
mod tests;
