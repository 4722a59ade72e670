//! Reads selected series and makes columns of their samples, batch by batch, over all cores.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bongsu_model::{FloatHistogram, Labels, Purpose, ResetHint, SampleBuffer, Selection, SeriesSet, Summary};
use bongsu_syntax::{At, Duration, Extent, MatrixSelector, Span, VectorSelector};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Evaluator, Stage};
use crate::annotation::Annotations;
use crate::binary::braced;
use crate::error::QueryError;
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::range::{RangeCall, Samples, Windows, smoothed_series};
use crate::series::{Cell, Series, SharedHistogram, Vector};

/// A selector with the function that makes columns of its samples.
pub(super) struct Leaf<'e> {
    pub(super) selector: &'e VectorSelector,
    pub(super) windows: Windows,
    /// Where samples are read, in place of where the windows lie.
    pub(super) bounds_ms: Option<(i64, i64)>,
    pub(super) reading: Reading<'e>,
    pub(super) lost_types: LostTypes,
}

/// The types and units that series lose together with their names.
#[derive(Default)]
pub(super) struct LostTypes {
    first: OnceLock<[String; 2]>,
    differ: AtomicBool,
}

impl LostTypes {
    fn see(&self, labels: &Labels) {
        let lost = ["__type__", "__unit__"].map(|name| labels.get(name).unwrap_or(""));
        if *self.first.get_or_init(|| lost.map(str::to_owned)) != lost {
            self.differ.store(true, Ordering::Relaxed);
        }
    }

    /// Whether not all of them were the same.
    pub(super) fn differ(&self) -> bool {
        self.differ.load(Ordering::Relaxed)
    }
}

/// What becomes of a series' samples.
pub(super) enum Reading<'e> {
    /// The last value in the window.
    Value,
    /// The time of the last value, seconds: `timestamp(x)`.
    Timestamp,
    /// When the counting of the last sample began, seconds, 0 if that is not known: `start_timestamp(x)`. Nothing where starts are not
    /// looked at.
    StartTimestamp { looked_at: bool },
    /// As `Timestamp`, for series of floats that stay what they are.
    SampleTime,
    /// The value between the samples around each step; the selector's place is for remarks.
    Smoothed { annotations: &'e Annotations, span: Span },
    /// A function of the window.
    Function(RangeCall<'e>),
}

/// Points that one batch of series should have. A constant: the bounds of batches decide the order in which floats are
/// added, so they must not depend on the machine.
const BATCH_POINTS: usize = 32_768;

/// Series of a batch for grids of `steps`.
fn batch_series(steps: usize) -> usize {
    (BATCH_POINTS / steps.max(1)).clamp(16, 512)
}

impl Evaluator<'_> {
    /// The windows of an instant selector: as long as samples are remembered.
    pub(super) fn instant_windows(&self, selector: &VectorSelector, grid: Grid) -> Result<Windows, QueryError> {
        let mut windows = self.windows(selector, self.lookback_ms, grid)?;
        // The window itself looks back already.
        windows.reach_before_ms = 0;
        Ok(windows)
    }

    /// The windows of a range selector.
    pub(crate) fn range_windows(&self, matrix: &MatrixSelector, grid: Grid) -> Result<Windows, QueryError> {
        self.windows(&matrix.selector, matrix.range.resolve_positive(self.window)?, grid)
    }

    fn windows(&self, selector: &VectorSelector, range_ms: i64, grid: Grid) -> Result<Windows, QueryError> {
        let offset_ms = self.offset_ms(&selector.offset)?;
        let reach = |applies: bool| if applies { self.lookback_ms } else { 0 };
        Ok(Windows {
            grid,
            range_ms,
            offset_ms,
            at_ms: selector.at.map(|at| self.at_ms(at)),
            reach_before_ms: reach(selector.extent != Extent::Plain),
            reach_after_ms: reach(selector.extent == Extent::Smoothed),
        })
    }

    pub(crate) fn offset_ms(&self, offset: &Duration) -> Result<i64, QueryError> {
        Ok(offset.resolve(self.window)?)
    }

    pub(crate) fn at_ms(&self, at: At) -> i64 {
        match at {
            At::Timestamp(ms) => ms,
            At::Start => self.start_ms,
            At::End => self.end_ms,
        }
    }

    /// Asks the source for the series that any window may need.
    pub(crate) fn select(
        &self,
        selector: &VectorSelector,
        windows: &Windows,
    ) -> Result<Box<dyn SeriesSet + '_>, QueryError> {
        self.select_between(selector, windows.bounds_ms(), &Purpose::SAMPLES)
    }

    fn select_between(
        &self,
        selector: &VectorSelector,
        (start_ms, end_ms): (i64, i64),
        purpose: &Purpose,
    ) -> Result<Box<dyn SeriesSet + '_>, QueryError> {
        let selection =
            Selection { matchers: selector.matchers.clone(), start_ms, end_ms, series_max: self.series_max };
        let set = self.source.select_for(&selection, purpose)?;
        if set.len() > self.series_max {
            let message = format!(
                "the selector selects {} series; at most {} are allowed (setting limits.query_series)",
                set.len(),
                self.series_max
            );
            return Err(QueryError::new(crate::QueryErrorKind::Limit, message));
        }
        Ok(set)
    }

    /// Reads all series of a leaf in batches, on all threads: each batch goes through `stages` and `map` where it was read,
    /// and the results reach `sink` in the order of the series. Only one wave of batches is in memory at one time.
    pub(super) fn scan<R: Send>(
        &self,
        leaf: &Leaf<'_>,
        stages: &[Stage<'_>],
        map: impl Fn(Vector) -> Result<R, QueryError> + Sync,
        mut sink: impl FnMut(R) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let bounds_ms = leaf.bounds_ms.unwrap_or(leaf.windows.bounds_ms());
        let set = self.select_between(leaf.selector, bounds_ms, &leaf.purpose())?;
        let per_batch = batch_series(leaf.windows.grid.count);
        // Counts depend on the order of the series.
        let batches_at_once = if self.account.is_some() { 1 } else { self.threads.current_num_threads() * 4 };
        let per_wave = per_batch * batches_at_once;
        for wave in (0..set.len()).step_by(per_wave) {
            let batches: Vec<usize> = (wave..set.len().min(wave + per_wave)).step_by(per_batch).collect();
            let work = |first: usize| {
                self.budget.check()?;
                let batch = self.read_batch(leaf, stages, &*set, first..set.len().min(first + per_batch))?;
                map(batch)
            };
            let results: Vec<Result<R, QueryError>> = match batches.len() {
                1 => vec![work(batches[0])],
                _ => self.threads.install(|| batches.into_par_iter().map(work).collect()),
            };
            for result in results {
                self.budget.check()?;
                sink(result?)?;
            }
        }
        Ok(())
    }

    fn read_batch(
        &self,
        leaf: &Leaf<'_>,
        stages: &[Stage<'_>],
        set: &dyn SeriesSet,
        places: std::ops::Range<usize>,
    ) -> Result<Vector, QueryError> {
        let steps = leaf.windows.grid.count;
        let mut charge = self.budget.charge(places.len() * steps)?;
        let mut batch = Vec::with_capacity(places.len());
        let mut buffer = SampleBuffer::default();
        let mut remarked = String::new();
        let all = places.len();
        let mut pace = self.budget.pace();
        for (place, labels) in places.clone().zip(set.labels_of(places)?) {
            pace.advance(steps)?;
            buffer.clear();
            set.read(place, &mut buffer)?;
            self.budget.count_read(buffer.len())?;
            if !self.start_timestamps {
                buffer.start_timestamps_ms.clear();
                buffer.histogram_start_timestamps_ms.clear();
            }
            if self.skips_buckets(leaf.selector) {
                keep_totals(&mut buffer.histograms);
            }
            let series = leaf.series(labels, &mut buffer)?;
            if let (Some(account), Reading::Function(_)) = (&self.account, &leaf.reading) {
                account.moved_over(&leaf.windows, Samples::of(&mut buffer), &series);
            }
            charge.grow(histogram_points(&series))?;
            batch.extend(self.finish_leaf(leaf, stages, series, &mut remarked));
        }
        charge.shrink((all - batch.len()) * steps);
        Ok(Vector { series: batch, charge })
    }

    /// What comes after the samples are a column; `None` when nothing is left. `remarked` is the metric that was looked at last:
    /// neighbours mostly share it.
    fn finish_leaf(
        &self,
        leaf: &Leaf<'_>,
        stages: &[Stage<'_>],
        mut series: Series,
        remarked: &mut String,
    ) -> Option<Series> {
        if series.is_absent() {
            return None;
        }
        let metric = series.labels.metric_name();
        if let Reading::Function(call) = &leaf.reading
            && metric != remarked
            && call.may_remark_on(&series)
        {
            call.remark_on(metric);
            metric.clone_into(remarked);
        }
        if leaf.drops_name(stages) {
            leaf.lost_types.see(&series.labels);
        }
        if leaf.reading.drops_name() {
            self.drop_name(&mut series);
        }
        let had_histograms = !series.histograms.is_empty();
        for stage in stages {
            self.apply_to(stage, &mut series);
        }
        let may_be_absent = had_histograms || stages.iter().any(|stage| stage.filters);
        (!may_be_absent || !series.is_absent()).then_some(series)
    }
}

impl Reading<'_> {
    fn drops_name(&self) -> bool {
        match self {
            Self::Value | Self::SampleTime | Self::Smoothed { .. } => false,
            Self::Timestamp | Self::StartTimestamp { .. } => true,
            Self::Function(call) => !call.keeps_name(),
        }
    }
}

impl<'e> Leaf<'e> {
    pub(super) fn new(selector: &'e VectorSelector, windows: Windows, reading: Reading<'e>) -> Self {
        Self { selector, windows, bounds_ms: None, reading, lost_types: LostTypes::default() }
    }

    /// What is made of the samples.
    fn purpose(&self) -> Purpose {
        let summary = match &self.reading {
            Reading::Value => Summary::Value,
            Reading::Function(call) => call.summary(),
            _ => Summary::Samples,
        };
        let Windows { grid, range_ms, at_ms, .. } = self.windows;
        let steps = if at_ms.is_some() { 1 } else { grid.count };
        Purpose { summary, range_ms, first_end_ms: self.windows.end_ms(0), step_ms: grid.step_ms, steps }
    }

    /// Whether series that are the same without their names become one, or are refused; `None` when they keep their names.
    pub(super) fn joins(&self) -> Option<bool> {
        self.reading.drops_name().then_some(!matches!(self.reading, Reading::Function(_)))
    }

    /// Whether series have lost their names after the stages.
    pub(super) fn drops_name(&self, stages: &[Stage<'_>]) -> bool {
        self.reading.drops_name() || stages.iter().any(|stage| stage.drops_name)
    }

    fn series(&self, labels: Labels, buffer: &mut SampleBuffer) -> Result<Series, QueryError> {
        let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
        let values = match &self.reading {
            Reading::Smoothed { annotations, span } => {
                return Ok(smoothed_series(labels, &self.windows, Samples::of(buffer), annotations, *span));
            }
            Reading::Function(call) => return call.series(labels, &self.windows, Samples::of(buffer)),
            Reading::Value => last_samples(&self.windows, buffer, |_, _, value| value),
            Reading::StartTimestamp { looked_at: false } => return Ok(Series::absent(labels, self.windows.grid.count)),
            Reading::StartTimestamp { .. } => {
                let start = |place: usize| buffer.start_timestamps_ms.get(place).copied().unwrap_or(0);
                last_samples(&self.windows, buffer, |place, _, _| seconds(start(place)))
            }
            Reading::Timestamp | Reading::SampleTime => {
                last_samples(&self.windows, buffer, |_, time_ms, _| seconds(time_ms))
            }
        };
        let mut series = Series::new(labels, values);
        if !buffer.histograms.is_empty() {
            if matches!(self.reading, Reading::SampleTime) {
                return self.without_histograms(series, buffer);
            }
            let start = |place: usize| buffer.histogram_start_timestamps_ms.get(place).copied().unwrap_or(0);
            last_histograms(&self.windows, buffer, |step, place| {
                let (time_ms, histogram) = &buffer.histograms[place];
                let cell = match &self.reading {
                    _ if histogram.is_stale() => Cell::Absent,
                    Reading::Value | Reading::Function(_) | Reading::Smoothed { .. } => {
                        Cell::Histogram(Arc::clone(histogram))
                    }
                    Reading::StartTimestamp { .. } => Cell::Float(seconds(start(place))),
                    Reading::Timestamp | Reading::SampleTime => Cell::Float(seconds(*time_ms)),
                };
                series.set(step, cell);
            });
        }
        Ok(series)
    }
}

impl Leaf<'_> {
    /// The series, when no histogram is newer than its floats at any step.
    fn without_histograms(&self, mut series: Series, buffer: &SampleBuffer) -> Result<Series, QueryError> {
        let mut found = false;
        last_histograms(&self.windows, buffer, |step, place| {
            series.remove(step);
            found |= !buffer.histograms[place].1.is_stale();
        });
        if found {
            let labels = braced(&series.labels);
            return Err(QueryError::execution(format!("this should be an info metric, with float samples: {labels}")));
        }
        Ok(series)
    }
}

/// Leaves only count and sum of histograms, and in their hints what the buckets told of resets: enough where nothing else is asked for.
fn keep_totals(histograms: &mut [(i64, SharedHistogram)]) {
    let mut last: Option<SharedHistogram> = None;
    for (_, histogram) in histograms {
        // The schema tells those that do not go together.
        let FloatHistogram { mut reset_hint, schema, count, sum, .. } = **histogram;
        if histogram.is_stale() {
            *histogram = Arc::new(FloatHistogram { reset_hint, schema, count, sum, ..FloatHistogram::default() });
            continue;
        }
        if let (ResetHint::Unknown, Some(last)) = (reset_hint, &last) {
            reset_hint = if histogram.is_reset_after(last) { ResetHint::Reset } else { ResetHint::NotReset };
        }
        let totals = FloatHistogram { reset_hint, schema, count, sum, ..FloatHistogram::default() };
        last = Some(std::mem::replace(histogram, Arc::new(totals)));
    }
}

/// What the histograms of a column take in memory, in points; one that stands at several steps counts once.
fn histogram_points(series: &Series) -> usize {
    const NUMBERS: usize = 24;
    let mut last = std::ptr::null();
    let mut points = 0;
    for (_, histogram) in series.histograms.iter() {
        if !std::ptr::eq(Arc::as_ptr(histogram), last) {
            last = Arc::as_ptr(histogram);
            points += NUMBERS + histogram.positive_buckets.len() + histogram.negative_buckets.len();
        }
    }
    points
}

/// Calls `each` for every step at which the last sample in the window is a histogram: with its place. It may be one that ends the series.
fn last_histograms(windows: &Windows, samples: &SampleBuffer, mut each: impl FnMut(usize, usize)) {
    let (mut floats, mut histograms) = (0, 0);
    for step in 0..windows.grid.count {
        let end_ms = windows.end_ms(step);
        while samples.timestamps_ms.get(floats).is_some_and(|&time| time <= end_ms) {
            floats += 1;
        }
        while samples.histograms.get(histograms).is_some_and(|sample| sample.0 <= end_ms) {
            histograms += 1;
        }
        let Some(place) = histograms.checked_sub(1) else { continue };
        let time_ms = samples.histograms[place].0;
        let float_is_newer = floats > 0 && samples.timestamps_ms[floats - 1] > time_ms;
        if !float_is_newer && time_ms > end_ms.saturating_sub(windows.range_ms) {
            each(step, place);
        }
    }
}

/// What `pick` makes of the last sample in each window. Nothing when it is a stale marker, which ends a series here though
/// ranges overlook it.
fn last_samples(windows: &Windows, samples: &SampleBuffer, pick: impl Fn(usize, i64, f64) -> f64) -> Vec<f64> {
    let (times_ms, values) = (&samples.timestamps_ms, &samples.values);
    let mut column = vec![ABSENT; windows.grid.count];
    let mut end = 0;
    for (step, cell) in column.iter_mut().enumerate() {
        let end_ms = windows.end_ms(step);
        while times_ms.get(end).is_some_and(|&time| time <= end_ms) {
            end += 1;
        }
        let fresh = end > 0 && times_ms[end - 1] > end_ms.saturating_sub(windows.range_ms);
        if fresh && is_present(values[end - 1]) {
            *cell = pick(end - 1, times_ms[end - 1], values[end - 1]);
        }
    }
    column
}
