//! Range functions on samples, without expressions.

use std::sync::Arc;

use bongsu_syntax::{Extent, FunctionId};

use super::{Samples, Sweep, Windows, extended, over_time, rate, trend};
use crate::budget::Budget;
use crate::grid::Grid;
use crate::number::is_present;

const SECOND: i64 = 1_000;

fn windows(range_seconds: i64, at_seconds: i64) -> Windows {
    Windows {
        grid: Grid::at(at_seconds * SECOND),
        range_ms: range_seconds * SECOND,
        offset_ms: 0,
        at_ms: None,
        reach_before_ms: 300 * SECOND,
        reach_after_ms: 300 * SECOND,
    }
}

/// Values ten seconds apart from 0 on.
fn every_ten_seconds(values: &[f64]) -> Vec<i64> {
    (0..values.len() as i64).map(|at| at * 10 * SECOND).collect()
}

/// Floats and nothing else.
fn floats<'a>(times_ms: &'a [i64], values: &'a [f64]) -> Samples<'a> {
    Samples { times_ms, values, histograms: &[], starts_ms: &[], histogram_starts_ms: &[], weights: &[] }
}

fn apply(values: &[f64], range_seconds: i64, at_seconds: i64, f: impl FnMut(&super::Window<'_>) -> Option<f64>) -> f64 {
    let times_ms = every_ten_seconds(values);
    let budget = Budget::new(Arc::default(), None, 0);
    let samples = floats(&times_ms, values);
    Sweep { windows: &windows(range_seconds, at_seconds), samples, budget: &budget }.map(f).unwrap()[0]
}

#[test]
fn increase_adds_what_was_lost_by_resets() {
    let values = [0.0, 10.0, 20.0, 5.0, 15.0, 2.0];
    let increase = rate::Extrapolation::new(FunctionId::Increase, 50 * SECOND);
    let resets = rate::reset_places(&values);
    assert_eq!(resets, [3, 5]);
    // 10 up to the first reset, 15 up to the second, 2 after it; a quarter more for the ten seconds before the first sample.
    assert_eq!(
        apply(&values, 50, 50, |w| increase.value(w, &values, &resets, &mut rate::FactorMemo::default())),
        33.75
    );
    // The counter began at 0, so nothing is added before that.
    assert_eq!(apply(&values, 51, 50, |w| increase.value(w, &values, &resets, &mut rate::FactorMemo::default())), 37.0);
}

#[test]
fn a_window_holds_its_end_and_not_its_start() {
    assert_eq!(apply(&[1.0, 2.0, 3.0, 4.0], 20, 30, over_time::sum), 7.0);
    assert!(!is_present(apply(&[1.0], 10, 10, over_time::sum)));
}

#[test]
fn averages_survive_what_sums_do_not() {
    let big = f64::MAX / 1.5;
    assert_eq!(apply(&[big, big, big], 100, 20, over_time::avg), big);
    assert_eq!(apply(&[1.0, 1e100, 1.0, -1e100], 100, 30, over_time::sum), 2.0);
    assert!(apply(&[1.0, f64::INFINITY, f64::NEG_INFINITY], 100, 20, over_time::avg).is_nan());
}

#[test]
fn extremes_pass_over_nan() {
    assert_eq!(apply(&[f64::NAN, 2.0, f64::NAN, 1.0], 100, 30, over_time::min), 1.0);
    assert_eq!(apply(&[f64::NAN, 2.0, f64::NAN], 100, 20, over_time::max), 2.0);
    assert!(apply(&[f64::NAN, f64::NAN], 100, 10, over_time::max).is_nan());
}

#[test]
fn lines_are_drawn_through_samples() {
    let values = [1.0, 3.0, 5.0, 7.0];
    assert!((apply(&values, 100, 30, trend::derivative) - 0.2).abs() < 1e-12);
    assert!((apply(&values, 100, 30, |w| trend::predict(w, 60.0)) - 19.0).abs() < 1e-12);
    assert!(apply(&[f64::INFINITY, f64::INFINITY], 100, 10, trend::derivative).is_nan());
}

#[test]
fn a_canceled_query_stops_within_a_column() {
    let budget = Budget::new(Arc::new(true.into()), None, 0);
    let values = [1.0; 1_000];
    let times_ms = every_ten_seconds(&values);
    let samples = floats(&times_ms, &values);
    for (steps, stops) in [(1_000, false), (2_000, true)] {
        // Every window holds all samples.
        let grid = Grid { start_ms: 10_000 * SECOND, step_ms: 1, count: steps };
        let windows = Windows { grid, ..windows(100_000, 0) };
        let sweep = Sweep { windows: &windows, samples, budget: &budget };
        assert_eq!(sweep.map(over_time::sum).is_err(), stops);
        assert_eq!(extended::column(FunctionId::Changes, Extent::Anchored, &sweep).is_err(), stops);
    }
}

#[test]
fn extended_ranges_use_the_samples_around_them() {
    let values = [0.0, 10.0, 20.0, 30.0, 5.0, 15.0];
    let times_ms = every_ten_seconds(&values);
    let budget = Budget::new(Arc::default(), None, 0);
    let ask = |extent, range_seconds, at_seconds| {
        let samples = floats(&times_ms, &values);
        let sweep = Sweep { windows: &windows(range_seconds, at_seconds), samples, budget: &budget };
        extended::column(FunctionId::Increase, extent, &sweep).unwrap()[0]
    };
    // From the sample at 0 s, the last one before 5 s, to the one at 20 s.
    assert_eq!(ask(Extent::Anchored, 20, 25), 20.0);
    assert_eq!(ask(Extent::Anchored, 20, 45), 15.0);
    assert_eq!(ask(Extent::Smoothed, 20, 25), 20.0);
    assert_eq!(ask(Extent::Smoothed, 4, 27), 4.0);
    // After the last sample there is nothing to draw a line to.
    assert_eq!(ask(Extent::Smoothed, 10, 55), 5.0);
    assert!(!is_present(ask(Extent::Anchored, 10, 65)));
}
