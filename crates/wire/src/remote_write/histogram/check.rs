//! What must hold of a native histogram. Source: Prometheus' `model/histogram` (`Validate` of both kinds).

use bongsu_model::{BucketSpan, FloatHistogram};

use super::{BUCKETS_MAX, CUSTOM_SCHEMA, SCHEMA_MIN, SCHEMA_REDUCED_MAX};

/// Why a native histogram makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// No schema that is known.
    #[error("histogram has schema {schema}, known are -4 to 8, 9 to 52 (made coarser) and -53 for custom bounds")]
    Schema {
        /// What was sent.
        schema: i64,
    },
    /// More buckets, spans or bounds than are kept.
    #[error("histogram has more than {BUCKETS_MAX} buckets, spans or custom bounds")]
    TooManyBuckets,
    /// Spans that cover more or fewer buckets than there are.
    #[error("{side} spans need {needed} buckets, there are {buckets}")]
    SpansMismatch {
        /// `positive` or `negative`.
        side: &'static str,
        /// What the spans need.
        needed: u64,
        /// What was sent.
        buckets: usize,
    },
    /// A span that goes back.
    #[error("{side} span number {number} has the negative offset {offset}")]
    NegativeOffset {
        /// `positive` or `negative`.
        side: &'static str,
        /// Counted from 1.
        number: usize,
        /// What was sent.
        offset: i32,
    },
    /// Spans that lead to bucket numbers of more than 32 bits.
    #[error("{side} spans lead beyond the bucket numbers of 32 bits")]
    BucketNumber {
        /// `positive` or `negative`.
        side: &'static str,
    },
    /// A bucket, the zero bucket or all of them with fewer than no observations.
    #[error("histogram has a bucket or a total with a negative count")]
    NegativeCount,
    /// An integer histogram whose total is not what the buckets add up to.
    #[error("{in_buckets} observations are in the buckets, but the histogram's count is {count}")]
    CountMismatch {
        /// What the buckets add up to, the zero bucket included.
        in_buckets: u64,
        /// The total that was sent.
        count: u64,
    },
    /// Something that does not go with the schema.
    #[error("histogram {0}")]
    Custom(&'static str),
}

/// The counts of integer buckets that come as differences, and their sum.
pub(super) fn absolute(deltas: &[i64]) -> Result<(Vec<f64>, u64), HistogramError> {
    let (mut last, mut total) = (0_i64, 0_u64);
    let mut counts = Vec::with_capacity(deltas.len());
    for delta in deltas {
        last = last.checked_add(*delta).filter(|count| *count >= 0).ok_or(HistogramError::NegativeCount)?;
        total = total.saturating_add(last.unsigned_abs());
        counts.push(last as f64);
    }
    Ok((counts, total))
}

/// Observations of NaN are in no bucket, and make the sum NaN.
pub(super) fn integer_count(in_buckets: u64, count: u64, sum: f64) -> Result<(), HistogramError> {
    let fits = if sum.is_nan() { in_buckets <= count } else { in_buckets == count };
    if fits { Ok(()) } else { Err(HistogramError::CountMismatch { in_buckets, count }) }
}

/// Checks everything but the total, which float histograms need not have exactly.
pub(super) fn validate(histogram: &FloatHistogram) -> Result<(), HistogramError> {
    match histogram.schema {
        CUSTOM_SCHEMA => validate_custom(histogram)?,
        SCHEMA_MIN..=SCHEMA_REDUCED_MAX => {
            check_spans("negative", &histogram.negative_spans, histogram.negative_buckets.len(), false)?;
            check_spans("positive", &histogram.positive_spans, histogram.positive_buckets.len(), false)?;
            if !histogram.custom_bounds.is_empty() {
                return Err(HistogramError::Custom("with an exponential schema must not have custom bounds"));
            }
        }
        schema => return Err(HistogramError::Schema { schema: i64::from(schema) }),
    }
    let mut counts = histogram.positive_buckets.iter().chain(&histogram.negative_buckets);
    if histogram.zero_count < 0.0 || histogram.count < 0.0 || counts.any(|count| *count < 0.0) {
        return Err(HistogramError::NegativeCount);
    }
    Ok(())
}

fn validate_custom(histogram: &FloatHistogram) -> Result<(), HistogramError> {
    let error = |text| Err(HistogramError::Custom(text));
    let bounds = &histogram.custom_bounds;
    if bounds.iter().any(|bound| bound.is_nan()) {
        return error("has a custom bound of NaN");
    }
    if !bounds.is_sorted_by(|a, b| a < b) {
        return error("has custom bounds that do not ascend");
    }
    if bounds.last() == Some(&f64::INFINITY) {
        return error("must not have a custom bound of +Inf, which is implied");
    }
    let reach = check_spans("positive", &histogram.positive_spans, histogram.positive_buckets.len(), true)?;
    if reach > bounds.len() as u64 + 1 {
        return error("has spans that reach beyond its custom bounds");
    }
    if histogram.zero_count != 0.0 || histogram.zero_threshold != 0.0 {
        return error("with custom bounds must not have a zero bucket");
    }
    if !histogram.negative_spans.is_empty() || !histogram.negative_buckets.is_empty() {
        return error("with custom bounds must not have negative buckets");
    }
    Ok(())
}

/// Checks the spans of one side and returns the number behind the last bucket, counted from 0 when no offset is negative.
fn check_spans(
    side: &'static str,
    spans: &[BucketSpan],
    buckets: usize,
    from_zero: bool,
) -> Result<u64, HistogramError> {
    let (mut needed, mut end) = (0_u64, 0_i64);
    for (place, span) in spans.iter().enumerate() {
        if span.offset < 0 && (place > 0 || from_zero) {
            return Err(HistogramError::NegativeOffset { side, number: place + 1, offset: span.offset });
        }
        needed += u64::from(span.length);
        // Cannot overflow: at most 2^16 spans of 33 bits.
        end += i64::from(span.offset) + i64::from(span.length);
    }
    if needed != buckets as u64 {
        return Err(HistogramError::SpansMismatch { side, needed, buckets });
    }
    if i32::try_from(end).is_err() {
        return Err(HistogramError::BucketNumber { side });
    }
    Ok(end.unsigned_abs())
}
