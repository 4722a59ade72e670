//! How fast a series changes: `rate`, `increase`, `delta`, `irate`, `idelta`, `changes`, `resets`.
//!
//! Source: Prometheus' documentation of these functions and its conformance tests.

use bongsu_syntax::FunctionId;

use super::Window;

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
    pub(super) fn value(self, window: &Window<'_>, series: &[f64], resets: &[usize]) -> Option<f64> {
        let (first, last) = (window.values[0], window.values[window.values.len() - 1]);
        let intervals = window.values.len() - 1;
        if intervals == 0 {
            return None;
        }
        let mut growth = last - first;
        if self.is_counter && !resets.is_empty() {
            let from = resets.partition_point(|&place| place <= window.first);
            let inside = resets[from..].iter().take_while(|&&place| place < window.first + window.values.len());
            for &place in inside {
                growth += series[place - 1];
            }
        }

        let sampled = (window.times_ms[0], window.times_ms[intervals]);
        Some(growth * self.factor(sampled, (window.start_ms, window.end_ms), intervals, (first, growth)))
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
        let sampled = seconds_between(first_ms, last_ms);
        let distance = sampled / intervals as f64;
        let near = distance * 1.1;
        let mut to_start = seconds_between(start_ms, first_ms);
        let mut to_end = seconds_between(last_ms, end_ms);
        if to_start >= near {
            to_start = distance / 2.0;
        }
        if self.is_counter && growth > 0.0 && first >= 0.0 {
            let to_zero = sampled * (first / growth);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        if to_end >= near {
            to_end = distance / 2.0;
        }
        (sampled + to_start + to_end) / sampled / self.divisor
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
