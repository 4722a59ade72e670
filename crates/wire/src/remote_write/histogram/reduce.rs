//! Makes a histogram with a finer schema than is kept coarser, without loss of observations.

use bongsu_model::{BucketSpan, FloatHistogram};

use super::{CUSTOM_SCHEMA, SCHEMA_MAX};

/// Brings a valid histogram to the finest schema that is kept, if it is finer. Source: Prometheus' `ReduceResolution`.
pub(super) fn to_finest_kept(histogram: &mut FloatHistogram) {
    if histogram.schema <= SCHEMA_MAX || histogram.schema == CUSTOM_SCHEMA {
        return;
    }
    let shift = (histogram.schema - SCHEMA_MAX).unsigned_abs();
    for (spans, buckets) in [
        (&mut histogram.positive_spans, &mut histogram.positive_buckets),
        (&mut histogram.negative_spans, &mut histogram.negative_buckets),
    ] {
        (*spans, *buckets) = coarser(spans, buckets, shift);
    }
    histogram.schema = SCHEMA_MAX;
}

/// Joins each 2^`shift` buckets into one.
fn coarser(spans: &[BucketSpan], buckets: &[f64], shift: u32) -> (Vec<BucketSpan>, Vec<f64>) {
    let (mut joined_spans, mut joined) = (Vec::<BucketSpan>::new(), Vec::<f64>::new());
    let (mut number, mut last, mut buckets) = (0_i64, None, buckets.iter());
    for span in spans {
        number += i64::from(span.offset);
        for count in buckets.by_ref().take(span.length as usize) {
            // A bucket ends at its number and includes that end: numbers ..., 1 - 2^shift to 0, 1 to 2^shift, ... go together.
            let target = ((number - 1) >> shift) + 1;
            number += 1;
            match (last, joined.last_mut(), joined_spans.last_mut()) {
                (Some(before), Some(sum), _) if before == target => *sum += count,
                (Some(before), _, Some(run)) if before + 1 == target => {
                    run.length += 1;
                    joined.push(*count);
                }
                _ => {
                    // Fits: the numbers got smaller.
                    let offset = (target - last.map_or(0, |before| before + 1)) as i32;
                    joined_spans.push(BucketSpan { offset, length: 1 });
                    joined.push(*count);
                }
            }
            last = Some(target);
        }
    }
    (joined_spans, joined)
}
