//! Functions of one native histogram: what was observed, in one number.

use bongsu_model::FloatHistogram;
use bongsu_syntax::FunctionId;

use crate::number::KahanSum;

/// The function of this id, if it is one of native histograms alone.
pub(crate) fn function(id: FunctionId) -> Option<fn(&FloatHistogram) -> f64> {
    use FunctionId as F;
    Some(match id {
        F::HistogramCount => |histogram| histogram.count,
        F::HistogramSum => |histogram| histogram.sum,
        F::HistogramAvg => |histogram| histogram.sum / histogram.count,
        F::HistogramStdvar => variance,
        F::HistogramStddev => |histogram| variance(histogram).sqrt(),
        _ => return None,
    })
}

/// Each observation counts as the middle of its bucket: the geometric one, but the arithmetic one of custom buckets and 0 around zero.
fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = KahanSum::default();
    for bucket in histogram.buckets().iter().filter(|bucket| bucket.count != 0.0) {
        let middle = if histogram.has_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let distance = middle - mean;
        sum.add(bucket.count * distance * distance);
    }
    sum.value() / histogram.count
}
