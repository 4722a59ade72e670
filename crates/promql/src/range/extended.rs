//! Extended range selectors: `anchored` takes the last sample before the range as its beginning, `smoothed` draws lines between
//! samples to find the values at the range's borders. Nothing is extrapolated.
//!
//! Source: Prometheus' feature "promql-extended-range-selectors" and its design document.

use bongsu_syntax::{Extent, FunctionId};

use super::starts::Started;
use super::{Samples, Sweep, Windows};
use crate::error::QueryError;
use crate::number::ABSENT;

/// Whether the function can use the samples around its range.
pub(super) fn allows(extent: Extent, id: FunctionId) -> bool {
    use FunctionId as F;
    match extent {
        Extent::Plain => true,
        Extent::Anchored => matches!(id, F::Changes | F::Delta | F::Increase | F::Rate | F::Resets),
        Extent::Smoothed => matches!(id, F::Delta | F::Increase | F::Rate),
    }
}

/// The names of the functions that [`allows`] an extent, for the error.
pub(super) fn allowed_names(extent: Extent) -> &'static str {
    match extent {
        Extent::Smoothed => "delta, increase, rate",
        _ => "changes, delta, increase, rate, resets",
    }
}

/// The function's value at every step.
///
/// # Errors
/// When the query has to stop.
pub(super) fn column(id: FunctionId, extent: Extent, sweep: &Sweep<'_>) -> Result<Vec<f64>, QueryError> {
    let Sweep { windows, samples, budget } = *sweep;
    if id == FunctionId::Resets && !samples.starts_ms.is_empty() {
        return started_resets(sweep);
    }
    let is_counter = id != FunctionId::Delta;
    let range_seconds = windows.range_ms as f64 / 1000.0;
    let value = |range: &Borders<'_>| match id {
        FunctionId::Changes => range.pairs().filter(|(a, b)| a != b && !(a.is_nan() && b.is_nan())).count() as f64,
        FunctionId::Resets => range.pairs().filter(|(a, b)| b < a).count() as f64,
        FunctionId::Rate => range.growth(is_counter) / range_seconds,
        _ => range.growth(is_counter),
    };
    let mut pace = budget.pace();
    let mut column = vec![ABSENT; windows.grid.count];
    for (step, cell) in column.iter_mut().enumerate() {
        let range = Borders::of(extent, is_counter, windows, step, samples);
        pace.advance(range.as_ref().map_or(1, |range| range.inner.len() + 2))?;
        if let Some(range) = range.filter(|range| !range.is_late) {
            *cell = value(&range);
        }
    }
    Ok(column)
}

/// `resets` of an anchored range whose samples say when their counting began.
fn started_resets(sweep: &Sweep<'_>) -> Result<Vec<f64>, QueryError> {
    let Sweep { windows, samples, budget } = *sweep;
    let start_ms = |place: usize| samples.starts_ms.get(place).copied().unwrap_or(0);
    let started = |place: usize| Started { time_ms: samples.times_ms[place], start_ms: start_ms(place) };
    let is_reset = |place: usize| {
        samples.values[place] < samples.values[place - 1] || started(place).is_reset_after(started(place - 1))
    };
    let mut pace = budget.pace();
    let mut column = vec![ABSENT; windows.grid.count];
    for (step, cell) in column.iter_mut().enumerate() {
        let end_ms = windows.end_ms(step);
        let start_ms = end_ms.saturating_sub(windows.range_ms);
        let place_after = |time_ms: i64| samples.times_ms.partition_point(|&sample_ms| sample_ms <= time_ms);
        let first = place_after(start_ms.saturating_sub(windows.reach_before_ms));
        let (inside, to) = (place_after(start_ms), place_after(end_ms));
        pace.advance(to - first + 1)?;
        if inside < to {
            let anchor = inside.saturating_sub(1).max(first);
            *cell = (anchor + 1..to).filter(|&place| is_reset(place)).count() as f64;
        }
    }
    Ok(column)
}

/// The samples of the only window as a query for the range itself shows them: the values at the borders, and the samples strictly
/// between. Empty when there is none.
pub(crate) fn shown(extent: Extent, windows: &Windows, samples: Samples<'_>) -> (Vec<i64>, Vec<f64>) {
    let end_ms = windows.end_ms(0);
    let start_ms = end_ms.saturating_sub(windows.range_ms);
    let Some(borders) = Borders::of(extent, false, windows, 0, samples) else { return (Vec::new(), Vec::new()) };
    let inside = borders.inner_times_ms.iter().copied().zip(borders.inner.iter().copied());
    std::iter::once((start_ms, borders.left)).chain(inside).chain(std::iter::once((end_ms, borders.right))).unzip()
}

/// The values at both borders of a range and those between them.
struct Borders<'a> {
    left: f64,
    /// The samples strictly within the range.
    inner_times_ms: &'a [i64],
    inner: &'a [f64],
    right: f64,
    /// Whether the first sample comes after the range; then a query for the range itself shows it at both borders.
    is_late: bool,
}

impl<'a> Borders<'a> {
    fn of(extent: Extent, is_counter: bool, windows: &Windows, step: usize, samples: Samples<'a>) -> Option<Self> {
        let end_ms = windows.end_ms(step);
        let start_ms = end_ms.saturating_sub(windows.range_ms);
        let place_after = |time_ms: i64| samples.times_ms.partition_point(|&sample_ms| sample_ms <= time_ms);
        let from = place_after(start_ms.saturating_sub(windows.reach_before_ms));
        let is_smoothed = extent == Extent::Smoothed;
        let to = place_after(end_ms.saturating_add(if is_smoothed { windows.reach_after_ms } else { 0 }));
        let (times_ms, values) = (&samples.times_ms[from..to], &samples.values[from..to]);
        let mut last = times_ms.len().checked_sub(1)?;
        // The last sample not after the range's start, when there is one.
        let first = times_ms[..last].partition_point(|&time_ms| time_ms <= start_ms).saturating_sub(1);
        if is_smoothed {
            last = times_ms[..last].partition_point(|&time_ms| time_ms < end_ms);
        }
        if times_ms[last] <= start_ms {
            return None;
        }
        let point = |place: usize| (times_ms[place], values[place]);
        let left = match is_smoothed && times_ms[first] < start_ms {
            true => between(point(first), point(first + 1), start_ms, is_counter),
            false => values[first],
        };
        let right = match is_smoothed && last > 0 && times_ms[last] > end_ms {
            true => between(point(last - 1), point(last), end_ms, is_counter),
            false => values[last],
        };
        let inner_end = last + usize::from(times_ms[last] < end_ms);
        let inner = (first + usize::from(times_ms[first] <= start_ms)).min(inner_end)..inner_end;
        let is_late = times_ms[first] > end_ms;
        Some(Self { left, inner_times_ms: &times_ms[inner.clone()], inner: &values[inner], right, is_late })
    }

    /// Each value with the one after it.
    fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        let values = std::iter::once(self.left).chain(self.inner.iter().copied()).chain(std::iter::once(self.right));
        values.clone().zip(values.skip(1))
    }

    fn growth(&self, is_counter: bool) -> f64 {
        let mut growth = self.right - self.left;
        if is_counter {
            for (before, _) in self.pairs().filter(|(before, after)| after < before) {
                growth += before;
            }
        }
        growth
    }
}

/// The value at a time between two samples. A counter that was reset between them counts as having begun at 0 at the first one.
pub(crate) fn between(a: (i64, f64), b: (i64, f64), time_ms: i64, is_counter: bool) -> f64 {
    let from = if is_counter && b.1 < a.1 { 0.0 } else { a.1 };
    from + (b.1 - from) * (time_ms - a.0) as f64 / (b.0 - a.0) as f64
}
