//! The window that moves over a series' samples.

use bongsu_model::SampleBuffer;

use crate::budget::{Budget, POINTS_PER_CHECK};
use crate::error::QueryError;
use crate::grid::Grid;
use crate::number::ABSENT;
use crate::series::SharedHistogram;

/// Samples of one series without stale markers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) times_ms: &'a [i64],
    pub(crate) values: &'a [f64],
    pub(crate) histograms: &'a [(i64, SharedHistogram)],
    /// When the counting of each float began, as far as anything is known; mostly empty.
    pub(crate) starts_ms: &'a [i64],
    pub(crate) histogram_starts_ms: &'a [i64],
    /// For how many samples each float stands; mostly empty.
    pub(crate) weights: &'a [f64],
}

impl<'a> Samples<'a> {
    /// The samples of a buffer, after its stale markers have been taken out.
    pub(crate) fn of(buffer: &'a mut SampleBuffer) -> Self {
        if buffer.values.iter().any(|&value| bongsu_model::is_stale(value)) {
            let mut kept = 0;
            for at in 0..buffer.values.len() {
                if !bongsu_model::is_stale(buffer.values[at]) {
                    buffer.values[kept] = buffer.values[at];
                    buffer.timestamps_ms[kept] = buffer.timestamps_ms[at];
                    move_start(&mut buffer.start_timestamps_ms, at, kept);
                    if let Some(weight) = buffer.weights.get(at).copied() {
                        buffer.weights[kept] = weight;
                    }
                    kept += 1;
                }
            }
            buffer.values.truncate(kept);
            buffer.timestamps_ms.truncate(kept);
            buffer.start_timestamps_ms.truncate(kept);
            buffer.weights.truncate(kept);
        }
        if buffer.histograms.iter().any(|(_, histogram)| histogram.is_stale()) {
            let mut kept = 0;
            for at in 0..buffer.histograms.len() {
                if !buffer.histograms[at].1.is_stale() {
                    buffer.histograms.swap(kept, at);
                    move_start(&mut buffer.histogram_start_timestamps_ms, at, kept);
                    kept += 1;
                }
            }
            buffer.histograms.truncate(kept);
            buffer.histogram_start_timestamps_ms.truncate(kept);
        }
        Self {
            times_ms: &buffer.timestamps_ms,
            values: &buffer.values,
            histograms: &buffer.histograms,
            starts_ms: &buffer.start_timestamps_ms,
            histogram_starts_ms: &buffer.histogram_start_timestamps_ms,
            weights: &buffer.weights,
        }
    }
}

/// Moves a start to an earlier place; what is missing is not known.
fn move_start(starts_ms: &mut [i64], from: usize, to: usize) {
    if to < starts_ms.len() {
        starts_ms[to] = starts_ms.get(from).copied().unwrap_or(0);
    }
}

/// What a range function sees at one step: the samples in `(start_ms, end_ms]`, at least one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    pub(crate) times_ms: &'a [i64],
    pub(crate) values: &'a [f64],
    /// When the counting of the samples began; see [`Samples::starts_ms`].
    pub(crate) starts_ms: &'a [i64],
    /// For how many samples each stands; mostly empty.
    pub(crate) weights: &'a [f64],
    /// Place of the first sample in the whole series.
    pub(crate) first: usize,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// Number of the step, and its time.
    pub(crate) step: usize,
    pub(crate) step_time_ms: i64,
}

/// Where the windows of a selector lie: at each step of the grid, or at one fixed time (`@`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub(crate) grid: Grid,
    pub(crate) range_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) at_ms: Option<i64>,
    /// How much further samples are read on either side: for extended range selectors.
    pub(crate) reach_before_ms: i64,
    pub(crate) reach_after_ms: i64,
}

impl Windows {
    /// The end of the window of a step.
    #[inline]
    pub(crate) fn end_ms(&self, step: usize) -> i64 {
        self.at_ms.unwrap_or_else(|| self.grid.time_ms(step)).saturating_sub(self.offset_ms)
    }

    /// The first and last times that any window needs.
    pub(crate) fn bounds_ms(&self) -> (i64, i64) {
        let first_end = self.end_ms(0);
        let last_end = self.end_ms(self.grid.count.saturating_sub(1));
        let first = first_end.saturating_sub(self.range_ms).saturating_sub(self.reach_before_ms).saturating_add(1);
        (first, last_end.saturating_add(self.reach_after_ms))
    }
}

/// Windows that are to be moved over the samples of one series.
#[derive(Clone, Copy)]
pub(crate) struct Sweep<'a> {
    pub(crate) windows: &'a Windows,
    pub(crate) samples: Samples<'a>,
    pub(crate) budget: &'a Budget,
}

impl Sweep<'_> {
    /// Calls `f` for every window that holds a sample; its results make the column.
    ///
    /// # Errors
    /// When the query has to stop.
    #[inline]
    pub(crate) fn map(&self, mut f: impl FnMut(&Window<'_>) -> Option<f64>) -> Result<Vec<f64>, QueryError> {
        let Self { windows, samples, budget } = *self;
        let mut pace = budget.pace();
        let mut column = vec![ABSENT; windows.grid.count];
        let (mut first, mut end, mut first_step) = (0, 0, 0);
        // Counted for a chunk of steps at once, which costs the loop nothing. No window holds more than all samples.
        let chunk_steps = (POINTS_PER_CHECK / (samples.values.len() + 1)).max(1);
        for chunk in column.chunks_mut(chunk_steps) {
            pace.advance(chunk.len().saturating_mul(samples.values.len() + 1))?;
            for (cell, step) in chunk.iter_mut().zip(first_step..) {
                let end_ms = windows.end_ms(step);
                let start_ms = end_ms.saturating_sub(windows.range_ms);
                while samples.times_ms.get(end).is_some_and(|&time| time <= end_ms) {
                    end += 1;
                }
                while first < end && samples.times_ms[first] <= start_ms {
                    first += 1;
                }
                if first == end {
                    continue;
                }
                let window = Window {
                    times_ms: &samples.times_ms[first..end],
                    values: &samples.values[first..end],
                    starts_ms: samples.starts_ms.get(first..).unwrap_or_default(),
                    weights: samples.weights.get(first..end).unwrap_or_default(),
                    first,
                    start_ms,
                    end_ms,
                    step,
                    step_time_ms: windows.grid.time_ms(step),
                };
                if let Some(value) = f(&window) {
                    *cell = value;
                }
            }
            first_step += chunk_steps;
        }
        Ok(column)
    }
}
