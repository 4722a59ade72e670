//! Range functions of series with native histograms. The column of the floats has been made already; here the steps whose windows hold
//! histograms get what the function makes of these, or of a mix of both.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, ResetHint};
use bongsu_syntax::{Extent, FunctionId, Span};

use super::rate::{Extrapolation, seconds_between};
use super::starts::Started;
use super::{Sweep, extended_histograms};
use crate::annotation::{Annotations, HistogramOperation};
use crate::error::QueryError;
use crate::series::{Cell, Series, SharedHistogram};
use crate::tally::{Tally, TallyKind};

/// Where remarks go, and which part of the query they are about.
#[derive(Clone, Copy)]
pub(super) struct Remarks<'e> {
    pub(super) annotations: &'e Annotations,
    /// The range vector.
    pub(super) span: Span,
    /// All arguments.
    pub(super) call: Span,
}

/// One call on one series.
pub(super) struct Mixed<'a> {
    pub(super) id: FunctionId,
    pub(super) extent: Extent,
    pub(super) sweep: &'a Sweep<'a>,
    pub(super) remarks: Remarks<'a>,
}

/// The samples of one window: times of floats and their values, and histograms, of which there is at least one.
#[derive(Clone, Copy)]
pub(super) struct MixedWindow<'a> {
    pub(super) times_ms: &'a [i64],
    pub(super) values: &'a [f64],
    pub(super) histograms: &'a [(i64, SharedHistogram)],
    /// When the counting of the floats and of the histograms began; see [`Samples`](super::Samples).
    pub(super) starts_ms: &'a [i64],
    pub(super) histogram_starts_ms: &'a [i64],
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) range_ms: i64,
}

/// A sample of either kind.
#[derive(Clone, Copy)]
pub(super) enum Either<'a> {
    Float(f64),
    Histogram(&'a FloatHistogram),
}

impl Mixed<'_> {
    /// Changes the result at all steps whose windows hold histograms.
    pub(super) fn fill(&self, series: &mut Series) -> Result<(), QueryError> {
        let Sweep { windows, samples, budget } = *self.sweep;
        let mut pace = budget.pace();
        let metric = series.labels.metric_name().to_owned();
        for step in 0..windows.grid.count {
            let end_ms = windows.end_ms(step);
            let start_ms = end_ms.saturating_sub(windows.range_ms);
            let after_ms = start_ms.saturating_sub(windows.reach_before_ms);
            let until_ms = end_ms.saturating_add(windows.reach_after_ms);
            let from = samples.histograms.partition_point(|sample| sample.0 <= after_ms);
            let to = samples.histograms.partition_point(|sample| sample.0 <= until_ms);
            pace.advance((to - from).saturating_mul(32) + 1)?;
            if from == to {
                continue;
            }
            let first = samples.times_ms.partition_point(|&time| time <= after_ms);
            let last = samples.times_ms.partition_point(|&time| time <= until_ms);
            let window = MixedWindow {
                times_ms: &samples.times_ms[first..last],
                values: &samples.values[first..last],
                histograms: &samples.histograms[from..to],
                starts_ms: samples.starts_ms.get(first..).unwrap_or_default(),
                histogram_starts_ms: samples.histogram_starts_ms.get(from..).unwrap_or_default(),
                start_ms,
                end_ms,
                range_ms: windows.range_ms,
            };
            let cell = if self.extent == Extent::Plain {
                self.cell(&window, series.cell(step), &metric)
            } else {
                extended_histograms::cell(self.id, self.extent, &window, &self.remarks, &metric)
            };
            series.set(step, cell);
        }
        Ok(())
    }

    /// What the function makes of a window; `of_floats` is what it made of the floats in it.
    fn cell(&self, window: &MixedWindow<'_>, of_floats: Cell, metric: &str) -> Cell {
        use FunctionId as F;
        let annotations = self.remarks.annotations;
        let floats = window.values.len();
        let is_mixed = floats > 0;
        let seconds = |time_ms: i64| Cell::Float(time_ms as f64 / 1000.0);
        let (first, last) = (&window.histograms[0], &window.histograms[window.histograms.len() - 1]);
        match self.id {
            F::Rate | F::Increase | F::Delta | F::SumOverTime | F::AvgOverTime if is_mixed => {
                annotations.mixed_samples(self.remarks.span, metric);
                Cell::Absent
            }
            F::Rate | F::Increase | F::Delta => self.rate(window, metric).map_or(Cell::Absent, Cell::of),
            F::SumOverTime => self.tally(window, TallyKind::Sum, metric),
            F::AvgOverTime => self.tally(window, TallyKind::Mean, metric),
            F::Irate => self.instant(window, true, metric),
            F::Idelta => self.instant(window, false, metric),
            F::Changes => Cell::Float(changes(&window.merged())),
            F::Resets => Cell::Float(resets(&window.merged())),
            F::CountOverTime => Cell::Float((floats + window.histograms.len()) as f64),
            F::PresentOverTime | F::AbsentOverTime => Cell::Float(1.0),
            F::LastOverTime if is_mixed && window.times_ms[floats - 1] > last.0 => of_floats,
            F::LastOverTime => Cell::Histogram(Arc::clone(&last.1)),
            F::FirstOverTime if is_mixed && window.times_ms[0] < first.0 => of_floats,
            F::FirstOverTime => Cell::Histogram(Arc::clone(&first.1)),
            F::TsOfLastOverTime => seconds(window.times_ms.last().map_or(last.0, |&time| time.max(last.0))),
            F::TsOfFirstOverTime => seconds(window.times_ms.first().map_or(first.0, |&time| time.min(first.0))),
            _ => {
                if is_mixed {
                    // Prometheus points to the first argument, which is the range but for `quantile_over_time`.
                    annotations.ignored_in_range(self.remarks.call, metric);
                }
                of_floats
            }
        }
    }

    fn tally(&self, window: &MixedWindow<'_>, kind: TallyKind, metric: &str) -> Cell {
        let mut tally = Tally::new(kind, &window.histograms[0].1);
        for (_, histogram) in &window.histograms[1..] {
            if tally.add(histogram).is_err() {
                self.remarks.annotations.mixed_schemas(self.remarks.span, metric);
                return Cell::Absent;
            }
        }
        Cell::of(tally.finish(self.remarks.annotations, self.remarks.span))
    }

    /// `rate`, `increase` and `delta`: the growth, extrapolated to the window as that of floats is.
    fn rate(&self, window: &MixedWindow<'_>, metric: &str) -> Option<FloatHistogram> {
        let intervals = window.histograms.len() - 1;
        let ((first_ms, first), last_ms) = (&window.histograms[0], window.histograms[intervals].0);
        let kind = Extrapolation::new(self.id, window.range_ms);
        let start_ms = window.histogram_started(0).start_within(window.start_ms).filter(|_| kind.is_counter);
        if intervals == 0 && start_ms.is_none() {
            return None;
        }
        let grown = if intervals == 0 { None } else { Some(self.growth(window, kind.is_counter, metric)?) };
        if let Some(start_ms) = start_ms {
            // It began with nothing within the window.
            let mut growth = match grown {
                Some(grown) => self.plus(&grown, first, metric)?,
                None => FloatHistogram::clone(first),
            };
            growth.multiply(kind.factor_from((start_ms, *first_ms), last_ms, window.end_ms, intervals));
            return Some(growth);
        }
        let mut growth = grown?;
        let borders = (window.start_ms, window.end_ms);
        growth.multiply(kind.factor((*first_ms, last_ms), borders, intervals, (first.count, growth.count)));
        Some(growth)
    }

    fn growth(&self, window: &MixedWindow<'_>, is_counter: bool, metric: &str) -> Option<FloatHistogram> {
        let samples = window.histograms;
        let starts_anew =
            |place: usize| window.histogram_started(place).is_reset_after(window.histogram_started(place - 1));
        let (first, last) = (&samples[0].1, &samples[samples.len() - 1].1);
        // What was before a reset does not matter, nor does its layout.
        let nothing = FloatHistogram {
            schema: samples[1].1.schema,
            custom_bounds: samples[1].1.custom_bounds.clone(),
            ..FloatHistogram::default()
        };
        let forgets_first = is_counter && (starts_anew(1) || samples[1].1.is_reset_after(first));
        let mut previous: &FloatHistogram = if forgets_first { &nothing } else { first };
        let relevant = if is_counter { &samples[1..] } else { &samples[samples.len() - 1..] };
        let is_other_kind = |one: &FloatHistogram| one.has_custom_buckets() != previous.has_custom_buckets();
        if is_other_kind(last) {
            let an_end_is_gauge = [first, last].iter().any(|one| one.reset_hint == ResetHint::Gauge);
            if is_counter && an_end_is_gauge {
                self.remarks.annotations.not_a_counter(self.remarks.span, metric);
            }
            self.remarks.annotations.mixed_schemas(self.remarks.span, metric);
            return None;
        }
        if relevant.iter().any(|(_, one)| is_other_kind(one)) {
            self.remarks.annotations.mixed_schemas(self.remarks.span, metric);
            return None;
        }
        self.check_kind(samples, is_counter, metric);
        let mut growth = FloatHistogram::clone(last);
        growth.coarsen_to(relevant.iter().map(|(_, one)| one.schema).min()?.min(previous.schema));
        growth = self.minus(&growth, previous, metric)?;
        if is_counter {
            for (place, (_, one)) in samples.iter().enumerate().skip(1) {
                if window.histogram_started(place).overlaps(window.histogram_started(place - 1)) {
                    self.remarks.annotations.overlapping_starts(self.remarks.span, metric);
                }
                if starts_anew(place) || one.is_reset_after(previous) {
                    growth = self.plus(&growth, previous, metric)?;
                }
                previous = one;
            }
        }
        growth.reset_hint = ResetHint::Gauge;
        growth.compact();
        Some(growth)
    }

    /// Remarks when counters are expected and gauges found, or the other way round.
    fn check_kind(&self, samples: &[(i64, SharedHistogram)], is_counter: bool, metric: &str) {
        let is_gauge = |sample: &(i64, SharedHistogram)| sample.1.reset_hint == ResetHint::Gauge;
        let ends_are_gauges = is_gauge(&samples[0]) && is_gauge(&samples[samples.len() - 1]);
        if is_counter && samples.iter().any(is_gauge) {
            self.remarks.annotations.not_a_counter(self.remarks.span, metric);
        } else if !is_counter && !ends_are_gauges {
            self.remarks.annotations.not_a_gauge(self.remarks.span, metric);
        }
    }

    /// `irate` and `idelta`: from the last two samples.
    fn instant(&self, window: &MixedWindow<'_>, is_rate: bool, metric: &str) -> Cell {
        let merged = window.merged();
        let [.., (before_started, before), (last_started, last)] = merged[..] else { return Cell::Absent };
        let (before_ms, last_ms) = (before_started.time_ms, last_started.time_ms);
        let starts_anew = last_started.is_reset_after(before_started);
        let annotations = self.remarks.annotations;
        let (before, last) = match (before, last) {
            (Either::Histogram(before), Either::Histogram(last)) => (before, last),
            // The histogram is an older one.
            (Either::Float(before), Either::Float(last)) => {
                let growth = if is_rate && (last < before || starts_anew) { last } else { last - before };
                let divisor = if is_rate { seconds_between(before_ms, last_ms) } else { 1.0 };
                return Cell::float(growth / divisor);
            }
            _ => {
                annotations.mixed_samples(self.remarks.call, metric);
                return Cell::Absent;
            }
        };
        let gauges = [before, last].map(|one| one.reset_hint == ResetHint::Gauge);
        if is_rate && gauges.contains(&true) {
            annotations.not_a_counter(self.remarks.call, metric);
        } else if !is_rate && gauges.contains(&false) {
            annotations.not_a_gauge(self.remarks.call, metric);
        }
        let mut growth = last.clone();
        if !is_rate || !(starts_anew || last.is_reset_after(before)) {
            let Some(difference) = self.minus(last, before, metric) else { return Cell::Absent };
            growth = difference;
        }
        growth.reset_hint = ResetHint::Gauge;
        growth.compact();
        if is_rate {
            growth.divide(seconds_between(before_ms, last_ms));
        }
        Cell::of(growth)
    }

    fn minus(&self, a: &FloatHistogram, b: &FloatHistogram, metric: &str) -> Option<FloatHistogram> {
        self.remarks.minus(a, b, metric)
    }

    fn plus(&self, a: &FloatHistogram, b: &FloatHistogram, metric: &str) -> Option<FloatHistogram> {
        self.remarks.plus(a, b, metric)
    }
}

impl Remarks<'_> {
    /// The difference, with remarks; `None` when there is none. Resets are dealt with by the caller.
    pub(super) fn minus(&self, a: &FloatHistogram, b: &FloatHistogram, metric: &str) -> Option<FloatHistogram> {
        self.joined(a.minus(b), HistogramOperation::Subtraction, metric)
    }

    /// The sum, with remarks.
    pub(super) fn plus(&self, a: &FloatHistogram, b: &FloatHistogram, metric: &str) -> Option<FloatHistogram> {
        self.joined(a.plus(b), HistogramOperation::Addition, metric)
    }

    fn joined(
        &self,
        result: Result<(FloatHistogram, bongsu_model::Joined), bongsu_model::IncompatibleHistograms>,
        operation: HistogramOperation,
        metric: &str,
    ) -> Option<FloatHistogram> {
        let Ok((histogram, joined)) = result else {
            self.annotations.mixed_schemas(self.span, metric);
            return None;
        };
        if joined.bounds_reconciled {
            self.annotations.bounds_reconciled(self.span, operation);
        }
        Some(histogram)
    }
}

impl MixedWindow<'_> {
    /// All samples in the order of their times.
    pub(super) fn merged(&self) -> Vec<(Started, Either<'_>)> {
        let start = |starts_ms: &[i64], place: usize| starts_ms.get(place).copied().unwrap_or(0);
        let floats = self.times_ms.iter().zip(self.values).enumerate().map(|(place, (&time_ms, &value))| {
            (Started { time_ms, start_ms: start(self.starts_ms, place) }, Either::Float(value))
        });
        let histograms = self.histograms.iter().enumerate();
        let histograms = histograms.map(|(place, (_, one))| (self.histogram_started(place), Either::Histogram(one)));
        let mut merged: Vec<(Started, Either<'_>)> = floats.chain(histograms).collect();
        merged.sort_by_key(|(started, _)| started.time_ms);
        merged
    }

    /// The times of a histogram.
    fn histogram_started(&self, place: usize) -> Started {
        let start_ms = self.histogram_starts_ms.get(place).copied().unwrap_or(0);
        Started { time_ms: self.histograms[place].0, start_ms }
    }
}

/// How often the sample changed; NaN equals NaN here.
pub(super) fn changes(samples: &[(Started, Either<'_>)]) -> f64 {
    let differ = |pair: &&[(Started, Either<'_>)]| match (pair[0].1, pair[1].1) {
        (Either::Float(a), Either::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (Either::Histogram(a), Either::Histogram(b)) => !a.same_as(b),
        _ => true,
    };
    samples.windows(2).filter(differ).count() as f64
}

/// How often something was counted that is not any more; a change of kind is a reset, too.
pub(super) fn resets(samples: &[(Started, Either<'_>)]) -> f64 {
    let is_reset = |pair: &&[(Started, Either<'_>)]| match (pair[0].1, pair[1].1) {
        _ if pair[1].0.is_reset_after(pair[0].0) => true,
        (Either::Float(a), Either::Float(b)) => b < a,
        (Either::Histogram(a), Either::Histogram(b)) => b.is_reset_after(a),
        _ => true,
    };
    samples.windows(2).filter(is_reset).count() as f64
}
