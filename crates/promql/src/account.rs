//! Samples counted as Prometheus counts them, which evaluates step by step and series by series.
//!
//! A sample counts at each step that looks at it, and the peak is that of an engine that holds what it has read and what it has made of it.
//! This engine works on columns and holds other things; who asks for the counts (`stats`) pays for an evaluation node by node, and nobody else
//! pays anything. Source: `currentSamples` and `samplesStats` in Prometheus' `promql/engine.go`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bongsu_model::FloatHistogram;

use crate::grid::Grid;
use crate::range::{Samples, Windows};
use crate::series::{Scalar, Series};

/// The samples of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// How many each step looked at, with its time in milliseconds.
    pub per_step: Vec<(i64, u64)>,
    /// The most that Prometheus would hold at one time.
    pub peak: u64,
}

impl SampleCounts {
    /// How many all steps looked at.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.per_step.iter().map(|(_, count)| count).sum()
    }
}

/// What a value has at each step.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Samples.
    counts: Vec<u64>,
    /// The same, with histograms counted by their size.
    sizes: Vec<u64>,
}

impl Shape {
    pub(crate) fn of_series(series: &[Series], grid: Grid) -> Self {
        let mut shape = Self { counts: vec![0; grid.count], sizes: vec![0; grid.count] };
        for one in series {
            for step in (0..grid.count).filter(|&step| one.has(step)) {
                shape.counts[step] += 1;
                shape.sizes[step] += one.histograms.get(step).map_or(1, |histogram| histogram_size(histogram));
            }
        }
        shape
    }

    pub(crate) fn of_scalar(scalar: &Scalar) -> Self {
        Self { counts: vec![1; scalar.len()], sizes: vec![1; scalar.len()] }
    }

    pub(crate) fn total(&self) -> u64 {
        self.sizes.iter().sum()
    }
}

/// The running counts of one query.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is held now.
    current: u64,
    peak: u64,
    /// What each step of the evaluation under way has looked at.
    steps: Vec<u64>,
    /// Of each node under way, the values of its operands so far; the first is that of the query.
    operands: Vec<Vec<Shape>>,
    /// What of `current` is the window of a range function.
    window: u64,
    /// Where the evaluation under way ends, which may be behind its last step.
    end_ms: i64,
}

impl State {
    fn hold(&mut self, samples: u64) {
        self.current += samples;
        self.peak = self.peak.max(self.current);
    }

    fn look_at(&mut self, step: usize, samples: u64) {
        if let Some(count) = self.steps.get_mut(step) {
            *count += samples;
        }
    }
}

impl Account {
    pub(crate) fn new(grid: Grid, end_ms: i64) -> Self {
        Self(Mutex::new(State { steps: vec![0; grid.count], operands: vec![Vec::new()], end_ms, ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self) -> u64 {
        self.state().current
    }

    /// Where the evaluation under way ends. Prometheus evaluates subqueries up to there, though no step looks at all of it.
    pub(crate) fn end_ms(&self) -> i64 {
        self.state().end_ms
    }

    pub(crate) fn counts(&self, grid: Grid) -> SampleCounts {
        let state = self.state();
        SampleCounts { per_step: grid.times_ms().zip(state.steps.iter().copied()).collect(), peak: state.peak }
    }

    /// A node begins: its operands' values are collected.
    pub(crate) fn open(&self) {
        self.state().operands.push(Vec::new());
    }

    /// A node has all operands that it evaluates.
    pub(crate) fn close(&self) -> Vec<Shape> {
        self.state().operands.pop().unwrap_or_default()
    }

    /// A node has its value.
    pub(crate) fn give(&self, shape: Shape) {
        if let Some(operands) = self.state().operands.last_mut() {
            operands.push(shape);
        }
    }

    /// The operand that was given last, for the operator that follows.
    pub(crate) fn take(&self) -> Option<Shape> {
        self.state().operands.last_mut()?.pop()
    }

    /// An evaluation with steps of its own; gives back how many samples these looked at.
    pub(crate) fn apart<R>(&self, steps: usize, end_ms: i64, work: impl FnOnce() -> R) -> (R, u64) {
        let outer = std::mem::replace(&mut self.state().steps, vec![0; steps]);
        let outer_end_ms = std::mem::replace(&mut self.state().end_ms, end_ms);
        self.open();
        let result = work();
        self.close();
        self.state().end_ms = outer_end_ms;
        let inner = std::mem::replace(&mut self.state().steps, outer);
        (result, inner.into_iter().sum())
    }

    /// Samples that one step looks at.
    pub(crate) fn look_at(&self, step: usize, samples: u64) {
        self.state().look_at(step, samples);
    }

    /// Samples that are held from now on.
    pub(crate) fn hold(&self, samples: u64) {
        self.state().hold(samples);
    }

    /// Samples that are held no more.
    pub(crate) fn release(&self, samples: u64) {
        let mut state = self.state();
        state.current = state.current.saturating_sub(samples);
    }

    /// The value of a selector; `looked_at` when it counts as read.
    pub(crate) fn selected(&self, shape: &Shape, looked_at: bool) {
        let mut state = self.state();
        if looked_at {
            (0..).zip(&shape.sizes).for_each(|(step, &size)| state.look_at(step, size));
        }
        state.hold(shape.total());
    }

    /// The same value at every step, which was calculated once and looked at `samples`.
    pub(crate) fn repeated(&self, shape: &Shape, samples: u64) {
        let mut state = self.state();
        (0..state.steps.len()).for_each(|step| state.look_at(step, samples));
        state.hold(shape.sizes.iter().skip(1).sum());
    }

    /// `timestamp` of a selector: samples are looked at, but only their times are held, for one step.
    pub(crate) fn looked_at_times(&self, shape: &Shape) {
        let mut state = self.state();
        (0..).zip(&shape.counts).for_each(|(step, &count)| state.look_at(step, count));
    }

    /// A value that was made step by step of the operands' values at that step, all of which are held; `before` is what was held before
    /// there were operands.
    pub(crate) fn made_by_steps(&self, before: u64, operands: &[Shape], value: &Shape) {
        let mut state = self.state();
        let mut held = state.current;
        for (step, &size) in value.sizes.iter().enumerate() {
            let gathered: u64 = operands.iter().filter_map(|operand| operand.counts.get(step)).sum();
            state.peak = state.peak.max(held + gathered + size);
            held += size;
        }
        state.current = before;
        state.hold(value.total());
    }

    /// A value that takes the place of its operands'.
    pub(crate) fn made_at_once(&self, before: u64, value: &Shape) {
        let mut state = self.state();
        state.current = before;
        state.hold(value.total());
    }

    /// A window moves over the samples of one series, and a function makes a series of it.
    pub(crate) fn moved_over(&self, windows: &Windows, samples: Samples<'_>, made: &Series) {
        let sizes = window_sizes(windows, samples);
        let output = Shape::of_series(std::slice::from_ref(made), windows.grid).total();
        let mut state = self.state();
        for (step, size) in sizes.into_iter().enumerate() {
            state.current = state.current.saturating_sub(state.window);
            state.window = size;
            state.hold(size);
            state.look_at(step, size);
        }
        state.hold(output);
    }

    /// The window is over.
    pub(crate) fn end_window(&self) {
        let mut state = self.state();
        state.current = state.current.saturating_sub(std::mem::take(&mut state.window));
    }
}

/// What lies in the window of each step.
fn window_sizes(windows: &Windows, samples: Samples<'_>) -> Vec<u64> {
    let before_histogram: Vec<u64> = std::iter::once(0)
        .chain(samples.histograms.iter().scan(0, |sum, (_, histogram)| {
            *sum += histogram_size(histogram);
            Some(*sum)
        }))
        .collect();
    let size = |step: usize| {
        let end_ms = windows.end_ms(step);
        let start_ms = end_ms.saturating_sub(windows.range_ms).saturating_sub(windows.reach_before_ms);
        let end_ms = end_ms.saturating_add(windows.reach_after_ms);
        let floats = |until_ms: i64| samples.times_ms.partition_point(|&time_ms| time_ms <= until_ms);
        let histograms =
            |until_ms: i64| before_histogram[samples.histograms.partition_point(|(time_ms, _)| *time_ms <= until_ms)];
        (floats(end_ms).saturating_sub(floats(start_ms))) as u64
            + histograms(end_ms).saturating_sub(histograms(start_ms))
    };
    (0..windows.grid.count).map(size).collect()
}

/// The bytes of a histogram with its time, in Prometheus' memory, in samples of 16 bytes.
pub(crate) fn histogram_size(histogram: &FloatHistogram) -> u64 {
    const FIXED_BYTES: usize = 168 + 8;
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    let buckets = histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_bounds.len();
    ((FIXED_BYTES + 8 * (spans + buckets)) / 16) as u64
}
