//! Where a series is heading: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::Window;
use crate::number::KahanSum;

/// A line through samples.
struct Line {
    /// Per second.
    slope: f64,
    /// The value at the time asked for.
    intercept: f64,
}

/// The slope of the line through the samples, per second.
pub(super) fn derivative(window: &Window<'_>) -> Option<f64> {
    // The first sample's time keeps the numbers small.
    (window.values.len() >= 2).then(|| regression(window, window.times_ms[0]).slope)
}

/// The value of the line through the samples, `ahead_seconds` after the evaluation's time.
pub(super) fn predict(window: &Window<'_>, ahead_seconds: f64) -> Option<f64> {
    if window.values.len() < 2 {
        return None;
    }
    let line = regression(window, window.step_time_ms);
    Some(line.slope * ahead_seconds + line.intercept)
}

/// Least squares with compensated sums.
fn regression(window: &Window<'_>, intercept_ms: i64) -> Line {
    let first = window.values[0];
    if window.values.iter().all(|&value| value == first) {
        let intercept = if first.is_infinite() { f64::NAN } else { first };
        return Line { slope: if first.is_infinite() { f64::NAN } else { 0.0 }, intercept };
    }
    let count = window.values.len() as f64;
    let (mut x_sum, mut y_sum) = (KahanSum::default(), KahanSum::default());
    let (mut xy_sum, mut xx_sum) = (KahanSum::default(), KahanSum::default());
    for (&time_ms, &y) in window.times_ms.iter().zip(window.values) {
        let x = time_ms.saturating_sub(intercept_ms) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let (x_sum, y_sum) = (x_sum.value(), y_sum.value());
    let covariance = xy_sum.value() - x_sum * y_sum / count;
    let variance = xx_sum.value() - x_sum * x_sum / count;
    let slope = covariance / variance;
    Line { slope, intercept: y_sum / count - slope * x_sum / count }
}

/// Holt's linear trend: a smoothed level and a smoothed slope.
pub(super) fn double_exponential(window: &Window<'_>, level_factor: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = *window.values else { return None };
    let (mut before, mut level, mut trend) = (0.0, first, second - first);
    for (at, &value) in window.values.iter().enumerate().skip(1) {
        if at > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        (before, level) = (level, level_factor * value + (1.0 - level_factor) * (level + trend));
    }
    Some(level)
}
