//! How fast a series changes: `rate`, `increase`, `delta`, `irate`, `idelta`, `changes`, `resets`.
//!
//! Source: Prometheus' documentation of these functions and its conformance tests.

use bongsu_syntax::FunctionId;

use super::Window;
use super::over_time::count;

/// Which of the functions that extrapolate to the whole window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extrapolation {
    /// A decrease is a reset to zero.
    pub(super) is_counter: bool,
    /// The window's length in seconds for a rate, 1 for an increase.
    divisor: f64,
}

impl Extrapolation {
    pub(super) fn new(id: FunctionId, range_ms: i64) -> Self {
        let divisor = if id == FunctionId::Rate { range_ms as f64 / 1000.0 } else { 1.0 };
        Self { is_counter: id != FunctionId::Delta, divisor }
    }

    /// See the field.
    pub(super) fn divisor(self) -> f64 {
        self.divisor
    }

    /// The growth between the first and the last sample, carried on to the borders of the window: to the border itself
    /// when it is about one sample distance away, else by half a distance; a counter not below zero.
    pub(super) fn value(
        self,
        window: &Window<'_>,
        series: &[f64],
        resets: &[usize],
        memo: &mut FactorMemo,
    ) -> Option<f64> {
        let (first, last) = (window.values[0], window.values[window.values.len() - 1]);
        let last_place = window.values.len() - 1;
        if last_place == 0 {
            return None;
        }
        let intervals =
            if window.weights.is_empty() { last_place } else { (count(window) as usize).saturating_sub(1) }.max(1);
        let mut growth = last - first;
        if self.is_counter && !resets.is_empty() {
            let from = resets.partition_point(|&place| place <= window.first);
            let inside = resets[from..].iter().take_while(|&&place| place < window.first + window.values.len());
            for &place in inside {
                growth += series[place - 1];
            }
        }

        let sampled = (window.times_ms[0], window.times_ms[last_place]);
        Some(growth * memo.factor(self, sampled, (window.start_ms, window.end_ms), intervals, (first, growth)))
    }

    /// By how much the growth between two samples is less than that of the whole window. `counted` is what a counter had at the first
    /// sample, and what it grew by since.
    pub(super) fn factor(
        self,
        (first_ms, last_ms): (i64, i64),
        (start_ms, end_ms): (i64, i64),
        intervals: usize,
        (first, growth): (f64, f64),
    ) -> f64 {
        let stretch = Stretch::of((first_ms, last_ms), (start_ms, end_ms), intervals);
        stretch.factor(self.to_zero(&stretch, first, growth).unwrap_or(stretch.to_start), self.divisor)
    }

    /// How long before the first sample a counter was 0, when that is not as long as the growth is carried on.
    #[inline]
    fn to_zero(self, stretch: &Stretch, first: f64, growth: f64) -> Option<f64> {
        if self.is_counter && growth > 0.0 && first >= 0.0 {
            let to_zero = stretch.sampled * (first / growth);
            return (to_zero < stretch.to_start).then_some(to_zero);
        }
        None
    }
}

/// Where samples lie in a window, seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    sampled: f64,
    /// How far the growth is carried on before the first sample and behind the last one.
    to_start: f64,
    to_end: f64,
}

impl Stretch {
    fn of((first_ms, last_ms): (i64, i64), (start_ms, end_ms): (i64, i64), intervals: usize) -> Self {
        let sampled = seconds_between(first_ms, last_ms);
        let distance = sampled / intervals as f64;
        let near = distance * 1.1;
        let carried = |to_border: f64| if to_border >= near { distance / 2.0 } else { to_border };
        let (to_start, to_end) = (seconds_between(start_ms, first_ms), seconds_between(last_ms, end_ms));
        Self { sampled, to_start: carried(to_start), to_end: carried(to_end) }
    }

    fn factor(&self, to_start: f64, divisor: f64) -> f64 {
        (self.sampled + to_start + self.to_end) / self.sampled / divisor
    }
}

/// The factor of the last window: with regular samples, the next window has the same. It saves all divisions but one.
#[derive(Debug, Default)]
pub(super) struct FactorMemo {
    /// Distances from the window's start to the first sample, to the last one and to the window's end, milliseconds, and intervals.
    of: Option<(i64, i64, i64, usize)>,
    stretch: Stretch,
    factor: f64,
}

impl FactorMemo {
    #[inline]
    fn factor(
        &mut self,
        kind: Extrapolation,
        (first_ms, last_ms): (i64, i64),
        (start_ms, end_ms): (i64, i64),
        intervals: usize,
        (first, growth): (f64, f64),
    ) -> f64 {
        let of = (first_ms - start_ms, last_ms - start_ms, end_ms - start_ms, intervals);
        if self.of != Some(of) {
            self.of = Some(of);
            self.stretch = Stretch::of((first_ms, last_ms), (start_ms, end_ms), intervals);
            self.factor = self.stretch.factor(self.stretch.to_start, kind.divisor);
        }
        match kind.to_zero(&self.stretch, first, growth) {
            Some(to_start) => self.stretch.factor(to_start, kind.divisor),
            None => self.factor,
        }
    }
}

/// Places of samples that are less than the one before. Most series have none, which makes a window cost the same
/// whatever its length.
pub(super) fn reset_places(values: &[f64]) -> Vec<usize> {
    (1..values.len()).filter(|&at| values[at] < values[at - 1]).collect()
}

/// From the last two samples: the difference, or for a `rate` the growth per second of a counter.
pub(super) fn instant(window: &Window<'_>, is_rate: bool) -> Option<f64> {
    let [.., before, last] = *window.values else { return None };
    let [.., before_ms, last_ms] = *window.times_ms else { return None };
    if !is_rate {
        return Some(last - before);
    }
    let growth = if last < before { last } else { last - before };
    Some(growth / seconds_between(before_ms, last_ms))
}

/// How often the value changed; NaN equals NaN here.
pub(super) fn changes(window: &Window<'_>) -> Option<f64> {
    let differ = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
    Some(window.values.windows(2).filter(differ).count() as f64)
}

/// How often the value went down.
pub(super) fn resets(window: &Window<'_>) -> Option<f64> {
    Some(window.values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64)
}

pub(super) fn seconds_between(from_ms: i64, to_ms: i64) -> f64 {
    (to_ms - from_ms) as f64 / 1000.0
}
