//! Functions of a range of samples: `rate(x[5m])` and its kin.
//!
//! A series is decoded once; then its window moves over the arrays, step by step, with two pointers that only go forward.

mod extended;
mod extended_histograms;
mod histograms;
mod over_time;
mod rate;
mod smoothed;
mod starts;
mod trend;
mod window;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use bongsu_model::{Labels, Summary};
use bongsu_syntax::{Call, ExprKind, Extent, FunctionId, Span};

use crate::annotation::Annotations;
use crate::budget::Budget;
use crate::error::QueryError;
use crate::number::{ABSENT, is_present};
use crate::series::{Scalar, Series};
pub(crate) use extended::shown;
use histograms::Remarks;
pub(crate) use smoothed::smoothed_series;
pub(crate) use window::{Samples, Sweep, Window, Windows};

/// One call of a range function, its scalar arguments evaluated.
pub(crate) struct RangeCall<'e> {
    pub(crate) id: FunctionId,
    /// The metric's name stays, because the query says so.
    keep_name: bool,
    extent: Extent,
    /// Place of the range vector among the arguments.
    matrix_at: usize,
    /// The scalar arguments in order: a value for each step.
    params: Vec<Scalar>,
    args_spans: Vec<Span>,
    /// From the first argument to the last.
    call_span: Span,
    annotations: &'e Annotations,
    budget: &'e Budget,
}

impl<'e> RangeCall<'e> {
    /// Checks the scalar arguments; `params` has a column for each of them.
    pub(crate) fn new(
        call: &Call,
        params: Vec<Scalar>,
        annotations: &'e Annotations,
        budget: &'e Budget,
    ) -> Result<Self, QueryError> {
        if call.function.id == FunctionId::DoubleExponentialSmoothing {
            for (name, column) in ["smoothing", "trend"].into_iter().zip(&params) {
                if let Some(bad) = column.iter().find(|&&factor| factor <= 0.0 || factor >= 1.0) {
                    let range = if name == "smoothing" { "0 < sf < 1" } else { "0 < tf < 1" };
                    return Err(QueryError::execution(format!(
                        "invalid {name} factor. Expected: {range}, got: {bad:.6}"
                    )));
                }
            }
        }
        let extent = extent_of(call);
        if !extended::allows(extent, call.function.id) {
            let modifier = if extent == Extent::Anchored { "anchored" } else { "smoothed" };
            return Err(QueryError::execution(format!(
                "{modifier} modifier can only be used with: {} - not with {}",
                extended::allowed_names(extent),
                call.function.name
            )));
        }
        Ok(Self {
            id: call.function.id,
            keep_name: call.keep_name,
            extent,
            matrix_at: matrix_place(call).unwrap_or(0),
            params,
            args_spans: call.args.iter().map(|arg| arg.unparen().span).collect(),
            call_span: Span {
                start: call.args.first().map_or(0, |arg| arg.unparen().span.start),
                end: call.args.last().map_or(0, |arg| arg.unparen().span.end),
            },
            annotations,
            budget,
        })
    }

    /// What is made of the samples of a window.
    pub(crate) fn summary(&self) -> Summary {
        use FunctionId as F;
        if self.extent != Extent::Plain {
            return Summary::Samples;
        }
        match self.id {
            F::MinOverTime => Summary::Min,
            F::MaxOverTime => Summary::Max,
            F::SumOverTime => Summary::Sum,
            F::AvgOverTime | F::CountOverTime => Summary::Mean,
            F::FirstOverTime | F::LastOverTime => Summary::Ends,
            F::PresentOverTime | F::AbsentOverTime => Summary::Presence,
            F::Rate | F::Increase => Summary::Growth,
            F::Delta => Summary::Difference,
            _ => Summary::Samples,
        }
    }

    /// Whether the result still carries the metric's name.
    pub(crate) fn keeps_name(&self) -> bool {
        self.keep_name || keeps_name(self.id)
    }

    /// Remarks about a series that gave a result.
    pub(crate) fn remark_on(&self, metric: &str) {
        let counter_wanted = matches!(self.id, FunctionId::Rate | FunctionId::Increase);
        let looks_like_counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| metric.ends_with(suffix));
        if counter_wanted && !metric.is_empty() && !looks_like_counter {
            self.annotations.possible_non_counter(self.args_spans[self.matrix_at], metric);
        }
    }

    /// Whether remarks can be about this result: counters that are histograms are known to be such.
    pub(crate) fn may_remark_on(&self, result: &Series) -> bool {
        result.values.iter().any(|&value| is_present(value))
    }

    /// The function's result at every step.
    ///
    /// # Errors
    /// When the query has to stop.
    pub(crate) fn series(&self, labels: Labels, windows: &Windows, samples: Samples<'_>) -> Result<Series, QueryError> {
        let sweep = Sweep { windows, samples, budget: self.budget };
        let values = match self.extent {
            Extent::Plain => self.column(&sweep, labels.metric_name())?,
            extent => extended::column(self.id, extent, &sweep)?,
        };
        let mut series = Series::new(labels, values);
        if !samples.histograms.is_empty() {
            let remarks =
                Remarks { annotations: self.annotations, span: self.args_spans[self.matrix_at], call: self.call_span };
            histograms::Mixed { id: self.id, extent: self.extent, sweep: &sweep, remarks }.fill(&mut series)?;
        }
        Ok(series)
    }

    /// The function of floats alone.
    fn column(&self, sweep: &Sweep<'_>, metric: &str) -> Result<Vec<f64>, QueryError> {
        use FunctionId as F;
        let Sweep { windows, samples, .. } = *sweep;
        let starts_are_known = !samples.starts_ms.is_empty();
        let range_ms = windows.range_ms;
        match self.id {
            F::Rate | F::Increase if starts_are_known => {
                let kind = rate::Extrapolation::new(self.id, range_ms);
                let remark = || self.annotations.overlapping_starts(self.args_spans[self.matrix_at], metric);
                sweep.map(|w| starts::growth(kind, w, remark))
            }
            F::Irate if starts_are_known => sweep.map(starts::instant),
            F::Resets if starts_are_known => sweep.map(starts::resets),
            F::Rate | F::Increase | F::Delta => {
                let kind = rate::Extrapolation::new(self.id, range_ms);
                let resets = if kind.is_counter { rate::reset_places(samples.values) } else { Vec::new() };
                let mut memo = rate::FactorMemo::default();
                sweep.map(|w| kind.value(w, samples.values, &resets, &mut memo))
            }
            F::Irate => sweep.map(|w| rate::instant(w, true)),
            F::Idelta => sweep.map(|w| rate::instant(w, false)),
            F::Changes => sweep.map(rate::changes),
            F::Resets => sweep.map(rate::resets),
            F::SumOverTime => sweep.map(over_time::sum),
            F::AvgOverTime => sweep.map(over_time::avg),
            F::MinOverTime => sweep.map(over_time::min),
            F::MaxOverTime => sweep.map(over_time::max),
            F::CountOverTime => sweep.map(|w| Some(over_time::count(w))),
            F::PresentOverTime | F::AbsentOverTime => sweep.map(|_| Some(1.0)),
            F::LastOverTime => sweep.map(|w| w.values.last().copied()),
            F::FirstOverTime => sweep.map(|w| w.values.first().copied()),
            F::TsOfLastOverTime => sweep.map(|w| w.times_ms.last().map(|&t| seconds(t))),
            F::TsOfFirstOverTime => sweep.map(|w| w.times_ms.first().map(|&t| seconds(t))),
            F::TsOfMaxOverTime => sweep.map(|w| over_time::time_of(w, |value, best| value >= best)),
            F::TsOfMinOverTime => sweep.map(|w| over_time::time_of(w, |value, best| value <= best)),
            F::StddevOverTime => sweep.map(|w| Some(over_time::variance(w).sqrt())),
            F::StdvarOverTime => sweep.map(|w| Some(over_time::variance(w))),
            F::MadOverTime => {
                let mut scratch = Vec::new();
                sweep.map(|w| Some(over_time::median_absolute_deviation(w, &mut scratch)))
            }
            F::QuantileOverTime => self.quantiles(sweep),
            F::Deriv => sweep.map(trend::derivative),
            F::PredictLinear => sweep.map(|w| trend::predict(w, self.params[0][w.step])),
            F::DoubleExponentialSmoothing => {
                sweep.map(|w| trend::double_exponential(w, self.params[0][w.step], self.params[1][w.step]))
            }
            // The type checker lets no other function have a range vector.
            _ => Ok(vec![ABSENT; windows.grid.count]),
        }
    }

    fn quantiles(&self, sweep: &Sweep<'_>) -> Result<Vec<f64>, QueryError> {
        let scratch = RefCell::new(Vec::new());
        sweep.map(|w| {
            let quantile = self.params[0][w.step];
            if !(0.0..=1.0).contains(&quantile) {
                self.annotations.quantile_out_of_range(self.args_spans[0], quantile);
            }
            let mut scratch = scratch.borrow_mut();
            scratch.clear();
            scratch.extend_from_slice(w.values);
            Some(crate::quantile::quantile(quantile, &mut scratch))
        })
    }
}

/// Whether a range function's result still carries the metric's name.
pub(crate) fn keeps_name(id: FunctionId) -> bool {
    matches!(id, FunctionId::LastOverTime | FunctionId::FirstOverTime)
}

/// The place of the range vector among a call's arguments, if there is one.
pub(crate) fn matrix_place(call: &Call) -> Option<usize> {
    call.args.iter().position(|arg| arg.value_type == bongsu_syntax::ValueType::Matrix)
}

/// How a call's range selector treats its borders.
fn extent_of(call: &Call) -> Extent {
    let kinds = call.args.iter().map(|arg| &arg.unparen().kind);
    let matrix = kinds.filter_map(|kind| if let ExprKind::Matrix(matrix) = kind { Some(matrix) } else { None }).next();
    matrix.map_or(Extent::Plain, |matrix| matrix.selector.extent)
}

fn seconds(time_ms: i64) -> f64 {
    time_ms as f64 / 1000.0
}
