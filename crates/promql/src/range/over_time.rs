//! `*_over_time`: one series' samples in a window, made into one number.

use super::Window;
use crate::number::{KahanSum, Mean};

pub(super) fn sum(window: &Window<'_>) -> Option<f64> {
    let mut sum = KahanSum::default();
    for &value in window.values {
        sum.add(value);
    }
    Some(sum.value())
}

/// How many samples there are.
pub(super) fn count(window: &Window<'_>) -> f64 {
    if window.weights.is_empty() { window.values.len() as f64 } else { window.weights.iter().sum() }
}

pub(super) fn avg(window: &Window<'_>) -> Option<f64> {
    if !window.weights.is_empty() {
        let mut sum = KahanSum::default();
        window.values.iter().zip(window.weights).for_each(|(value, weight)| sum.add(value * weight));
        return Some(sum.value() / count(window));
    }
    let mut mean = Mean::default();
    for &value in window.values {
        mean.add(value);
    }
    Some(mean.value())
}

/// NaN only when there is nothing else.
pub(super) fn min(window: &Window<'_>) -> Option<f64> {
    window.values.iter().copied().reduce(|best, value| if value < best || best.is_nan() { value } else { best })
}

/// NaN only when there is nothing else.
pub(super) fn max(window: &Window<'_>) -> Option<f64> {
    window.values.iter().copied().reduce(|best, value| if value > best || best.is_nan() { value } else { best })
}

/// When the sample was taken that is `at_least` as good as every other; the last one of equals. Seconds.
pub(super) fn time_of(window: &Window<'_>, at_least: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let mut best = (window.values[0], window.times_ms[0]);
    for (&value, &time_ms) in window.values.iter().zip(window.times_ms) {
        if at_least(value, best.0) || best.0.is_nan() {
            best = (value, time_ms);
        }
    }
    Some(best.1 as f64 / 1000.0)
}

/// The population variance, by Welford's method with compensated sums.
pub(super) fn variance(window: &Window<'_>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, KahanSum::default(), KahanSum::default());
    for &value in window.values {
        count += 1.0;
        let delta = value - mean.value();
        mean.add(delta / count);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / count
}

/// The median of the distances from the median; NaN when there is a NaN.
pub(super) fn median_absolute_deviation(window: &Window<'_>, scratch: &mut Vec<f64>) -> f64 {
    if window.values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    scratch.clear();
    scratch.extend_from_slice(window.values);
    let median = crate::quantile::quantile(0.5, scratch);
    for value in scratch.iter_mut() {
        *value = (*value - median).abs();
    }
    crate::quantile::quantile(0.5, scratch)
}
