//! Counters that say when their counting began: what `rate` and its kin make of start timestamps.
//!
//! A counter that began anew since the sample before was reset, though its value may be higher; one that began within the window began
//! at 0 there. Source: Prometheus' feature "use-start-timestamps".

use super::Window;
use super::rate::{Extrapolation, seconds_between};

/// When samples were taken and when their counting began, milliseconds; 0 when that is not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    pub(super) time_ms: i64,
    pub(super) start_ms: i64,
}

impl Started {
    /// Whether the counting began anew since the sample before.
    pub(super) fn is_reset_after(self, before: Self) -> bool {
        // A start that is not before its own sample says nothing.
        let known = self.start_ms != 0 && self.start_ms < self.time_ms;
        if !known || self.start_ms < before.time_ms {
            return false;
        }
        // Deltas begin where the one before ended. A cumulative counter of which no start is known looks just so, but for its first sample.
        let follows = before.start_ms != 0 && before.start_ms < before.time_ms;
        self.start_ms > before.time_ms || follows
    }

    /// Whether both claim to have counted the same stretch of time, though not from the same start on.
    pub(super) fn overlaps(self, before: Self) -> bool {
        self.start_ms != 0 && self.start_ms < before.time_ms && self.start_ms != before.start_ms
    }

    /// The start, if it lies within a window: then the value was 0 there.
    pub(super) fn start_within(self, window_start_ms: i64) -> Option<i64> {
        let within = self.start_ms != 0 && self.start_ms > window_start_ms && self.start_ms < self.time_ms;
        within.then_some(self.start_ms)
    }
}

impl Window<'_> {
    /// The times of a sample.
    pub(super) fn started(&self, place: usize) -> Started {
        Started { time_ms: self.times_ms[place], start_ms: self.starts_ms.get(place).copied().unwrap_or(0) }
    }
}

/// Whether a sample is less than the one before, or counts from a later start.
pub(super) fn is_reset(window: &Window<'_>, place: usize) -> bool {
    window.values[place] < window.values[place - 1] || window.started(place).is_reset_after(window.started(place - 1))
}

/// `rate` and `increase`. `remark` is called when starts contradict each other.
pub(super) fn growth(kind: Extrapolation, window: &Window<'_>, remark: impl FnOnce()) -> Option<f64> {
    let last = window.values.len() - 1;
    let mut growth = window.values[last] - window.values[0];
    let mut overlap = false;
    for place in 1..=last {
        overlap |= window.started(place).overlaps(window.started(place - 1));
        if is_reset(window, place) {
            growth += window.values[place - 1];
        }
    }
    if overlap {
        remark();
    }
    let sampled = (window.times_ms[0], window.times_ms[last]);
    let borders = (window.start_ms, window.end_ms);
    if let Some(start_ms) = window.started(0).start_within(window.start_ms) {
        let factor = kind.factor_from((start_ms, sampled.0), sampled.1, window.end_ms, last);
        return Some((growth + window.values[0]) * factor);
    }
    (last > 0).then(|| growth * kind.factor(sampled, borders, last, (window.values[0], growth)))
}

/// `irate`: from the last two samples.
pub(super) fn instant(window: &Window<'_>) -> Option<f64> {
    let last = window.values.len().checked_sub(1).filter(|&last| last > 0)?;
    let growth =
        if is_reset(window, last) { window.values[last] } else { window.values[last] - window.values[last - 1] };
    Some(growth / seconds_between(window.times_ms[last - 1], window.times_ms[last]))
}

/// `resets`
pub(super) fn resets(window: &Window<'_>) -> Option<f64> {
    Some((1..window.values.len()).filter(|&place| is_reset(window, place)).count() as f64)
}

impl Extrapolation {
    /// As [`factor`](Self::factor), of growth from a start within the window on: nothing is extrapolated before that. `first` is the start
    /// and the first sample's time.
    pub(super) fn factor_from(self, first: (i64, i64), last_ms: i64, end_ms: i64, intervals: usize) -> f64 {
        let sampled = seconds_between(first.0, last_ms);
        let between = if intervals > 0 { seconds_between(first.1, last_ms) / intervals as f64 } else { 0.0 };
        let mut to_end = seconds_between(last_ms, end_ms);
        if to_end >= between * 1.1 {
            to_end = between / 2.0;
        }
        (sampled + to_end) / sampled / self.divisor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_start_is_a_reset_and_a_senseless_one_is_none() {
        let sample = |start_ms, time_ms| Started { time_ms, start_ms };
        for (before, now, reset, overlap) in [
            (sample(0, 100), sample(0, 200), false, false),
            (sample(50, 100), sample(50, 200), false, false),
            (sample(50, 100), sample(150, 200), true, false),
            (sample(50, 100), sample(100, 200), true, false),
            (sample(0, 100), sample(100, 200), false, false),
            (sample(100, 100), sample(100, 200), false, false),
            (sample(50, 100), sample(200, 200), false, false),
            (sample(50, 100), sample(300, 200), false, false),
            (sample(50, 100), sample(70, 200), false, true),
        ] {
            assert_eq!((now.is_reset_after(before), now.overlaps(before)), (reset, overlap), "{before:?} {now:?}");
        }
        assert_eq!(sample(50, 100).start_within(40), Some(50));
        assert_eq!([sample(50, 100).start_within(50), sample(0, 100).start_within(-1)], [None, None]);
    }
}
