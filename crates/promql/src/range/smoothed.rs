//! `x smoothed`: at each step the sample on the line between those around it.
//!
//! Source: Prometheus' feature "promql-extended-range-selectors" (`smoothSeries` of its engine).

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels, ResetHint};
use bongsu_syntax::Span;

use super::extended::between;
use super::extended_histograms::interpolate;
use super::histograms::Remarks;
use super::{Samples, Windows};
use crate::annotation::Annotations;
use crate::series::{Cell, Series};

/// The smoothed samples of one series. A step at which samples of both kinds are near has none, and a remark; `span` is the selector.
pub(crate) fn smoothed_series(
    labels: Labels,
    windows: &Windows,
    samples: Samples<'_>,
    annotations: &Annotations,
    span: Span,
) -> Series {
    let remarks = Remarks { annotations, span, call: span };
    let metric = labels.metric_name().to_owned();
    let mut series = Series::absent(labels, windows.grid.count);
    for step in 0..windows.grid.count {
        let near = near(windows, step, samples);
        let time_ms = windows.end_ms(step);
        let cell = match (near.times_ms.is_empty(), near.histograms.is_empty()) {
            (false, false) => {
                annotations.mixed_samples(span, &metric);
                Cell::Absent
            }
            (true, false) => smoothed_histogram(near, time_ms, &remarks, &metric),
            _ => smoothed_float(near, time_ms).map_or(Cell::Absent, Cell::Float),
        };
        series.set(step, cell);
    }
    series
}

/// The samples that a step may look at, before and after it.
fn near<'a>(windows: &Windows, step: usize, samples: Samples<'a>) -> Samples<'a> {
    let time_ms = windows.end_ms(step);
    let (after_ms, until_ms) =
        (time_ms.saturating_sub(windows.range_ms), time_ms.saturating_add(windows.reach_after_ms));
    let floats = |until: i64| samples.times_ms.partition_point(|&sample_ms| sample_ms <= until);
    let histograms = |until: i64| samples.histograms.partition_point(|sample| sample.0 <= until);
    let places = floats(after_ms)..floats(until_ms);
    Samples {
        times_ms: &samples.times_ms[places.clone()],
        values: &samples.values[places],
        histograms: &samples.histograms[histograms(after_ms)..histograms(until_ms)],
        starts_ms: &[],
        histogram_starts_ms: &[],
        weights: &[],
    }
}

/// Without a later sample the last one stays; before the first one there is nothing.
fn smoothed_float(near: Samples<'_>, time_ms: i64) -> Option<f64> {
    let point = |place: usize| Some((*near.times_ms.get(place)?, near.values[place]));
    let after = near.times_ms.partition_point(|&sample_ms| sample_ms < time_ms);
    match (after.checked_sub(1).and_then(point), point(after)) {
        (_, Some((sample_ms, value))) if sample_ms == time_ms => Some(value),
        (Some(before), Some(next)) => Some(between(before, next, time_ms, false)),
        (Some((_, value)), None) => Some(value),
        (None, _) => None,
    }
}

/// Histograms are counters unless both around the step are gauges.
fn smoothed_histogram(near: Samples<'_>, time_ms: i64, remarks: &Remarks<'_>, metric: &str) -> Cell {
    let after = near.histograms.partition_point(|sample| sample.0 < time_ms);
    match (after.checked_sub(1).map(|before| &near.histograms[before]), near.histograms.get(after)) {
        (_, Some((sample_ms, histogram))) if *sample_ms == time_ms => Cell::Histogram(Arc::clone(histogram)),
        (Some(before), Some(next)) if before.1.has_custom_buckets() != next.1.has_custom_buckets() => {
            remarks.annotations.mixed_schemas(remarks.span, metric);
            Cell::Absent
        }
        (Some(before), Some(next)) => {
            let is_counter = [before, next].iter().any(|sample| sample.1.reset_hint != ResetHint::Gauge);
            interpolate(before, next, time_ms, is_counter, remarks, metric).map_or(Cell::Absent, Cell::of)
        }
        // A hint is about two samples that follow each other, and this one is shown at another time than its own.
        (Some((_, histogram)), None) => {
            Cell::of(FloatHistogram { reset_hint: ResetHint::Unknown, ..FloatHistogram::clone(histogram) })
        }
        (None, _) => Cell::Absent,
    }
}
