//! Extended range selectors on native histograms.
//!
//! Source: Prometheus' feature "promql-extended-range-selectors".

use bongsu_model::{FloatHistogram, ResetHint};
use bongsu_syntax::{Extent, FunctionId};

use super::histograms::{MixedWindow, Remarks, changes, resets};
use crate::series::{Cell, SharedHistogram};

/// The function's value in a window with histograms; the window holds the samples around the range, too.
pub(super) fn cell(
    id: FunctionId,
    extent: Extent,
    window: &MixedWindow<'_>,
    remarks: &Remarks<'_>,
    metric: &str,
) -> Cell {
    use FunctionId as F;
    if matches!(id, F::Changes | F::Resets) {
        let merged = window.merged();
        let inside = merged.partition_point(|(started, _)| started.time_ms <= window.start_ms);
        if inside == merged.len() {
            return Cell::Absent;
        }
        let anchored = &merged[inside.saturating_sub(1)..];
        return Cell::Float(if id == F::Changes { changes(anchored) } else { resets(anchored) });
    }
    if !window.values.is_empty() {
        remarks.annotations.mixed_samples(remarks.span, metric);
        return Cell::Absent;
    }
    growth(id, extent, window, remarks, metric).map_or(Cell::Absent, Cell::of)
}

fn growth(
    id: FunctionId,
    extent: Extent,
    window: &MixedWindow<'_>,
    remarks: &Remarks<'_>,
    metric: &str,
) -> Option<FloatHistogram> {
    let samples = window.histograms;
    let (smoothed, is_counter) = (extent == Extent::Smoothed, id != FunctionId::Delta);
    let all_but_last = samples.len() - 1;
    let first = samples[..all_but_last].partition_point(|sample| sample.0 <= window.start_ms).saturating_sub(1);
    let mut last = all_but_last;
    if smoothed {
        last = samples[..all_but_last].partition_point(|sample| sample.0 < window.end_ms);
    }
    if samples[last].0 <= window.start_ms || (smoothed && samples[first].0 > window.end_ms) {
        return None;
    }
    let used = &samples[first..=last];
    let is_gauge = |one: &FloatHistogram| one.reset_hint == ResetHint::Gauge;
    for (_, one) in used {
        if one.has_custom_buckets() != used[0].1.has_custom_buckets() {
            remarks.annotations.mixed_schemas(remarks.span, metric);
            return None;
        }
        if is_counter && is_gauge(one) {
            remarks.annotations.not_a_counter(remarks.span, metric);
        }
    }
    let interpolated =
        |a: usize, b: usize, time_ms| interpolate(&samples[a], &samples[b], time_ms, is_counter, remarks, metric);
    let left = match smoothed && samples[first].0 < window.start_ms {
        true => interpolated(first, first + 1, window.start_ms)?,
        false => FloatHistogram::clone(&samples[first].1),
    };
    let right = match smoothed && last > 0 && samples[last].0 > window.end_ms {
        true => interpolated(last - 1, last, window.end_ms)?,
        false => FloatHistogram::clone(&samples[last].1),
    };
    let borders_are_gauges = is_gauge(&left) && is_gauge(&right);
    if !is_counter && !borders_are_gauges {
        remarks.annotations.not_a_gauge(remarks.span, metric);
    }
    let mut growth = remarks.minus(&right, &left, metric)?;
    if is_counter {
        let from_between = smoothed && samples[first].0 < window.start_ms;
        for lost in lost_by_resets(samples, (first, last), (&left, &right), from_between) {
            growth = remarks.plus(&growth, lost, metric)?;
        }
    }
    if id == FunctionId::Rate {
        growth.divide(window.range_ms as f64 / 1000.0);
    }
    growth.reset_hint = ResetHint::Gauge;
    growth.compact();
    Some(growth)
}

/// What counters had before each reset between the borders. The samples at `first` and `last` are represented by `left` and `right`.
fn lost_by_resets<'a>(
    samples: &'a [(i64, SharedHistogram)],
    (first, last): (usize, usize),
    (left, right): (&'a FloatHistogram, &'a FloatHistogram),
    from_between: bool,
) -> Vec<&'a FloatHistogram> {
    let (mut previous, mut next) = (left, first + 1);
    if from_between && next < samples.len() && samples[next].1.is_reset_after(&samples[first].1) {
        // The left border lies in the stretch of the reset and knows of it already.
        previous = &samples[next].1;
        next += 1;
    }
    if next > last {
        return Vec::new();
    }
    let mut lost = Vec::new();
    for (_, one) in &samples[next..last] {
        if one.is_reset_after(previous) {
            lost.push(previous);
        }
        previous = one;
    }
    if right.is_reset_after(previous) {
        lost.push(previous);
    }
    lost
}

/// The histogram on the line between two samples. A counter that was reset between them counts as having begun at nothing.
pub(super) fn interpolate(
    (before_ms, before): &(i64, SharedHistogram),
    (after_ms, after): &(i64, SharedHistogram),
    time_ms: i64,
    is_counter: bool,
    remarks: &Remarks<'_>,
    metric: &str,
) -> Option<FloatHistogram> {
    let share = (time_ms - before_ms) as f64 / (after_ms - before_ms) as f64;
    if is_counter && after.is_reset_after(before) {
        let mut part = FloatHistogram::clone(after);
        part.multiply(share);
        return Some(part);
    }
    let mut growth = remarks.minus(after, before, metric)?;
    growth.multiply(share);
    remarks.plus(&growth, before, metric)
}
