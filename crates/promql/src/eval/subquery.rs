//! Subqueries: an expression evaluated at steps of its own, whose results are the samples of a range.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, ResetHint};
use bongsu_syntax::{Call, Expr, ExprKind, SubqueryExpr};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use super::Evaluator;
use crate::account::{Account, Shape};
use crate::error::{QueryError, QueryErrorKind};
use crate::grid::Grid;
use crate::number::is_present;
use crate::range::{RangeCall, Samples, Windows};
use crate::series::{Series, SharedHistogram, Vector, refuse_same_labels};

/// The most steps of one subquery: four years at a step of a minute.
const SUBQUERY_STEPS_MAX: usize = 2_102_400;

/// What a subquery gives to the function around it.
pub(crate) struct Evaluation {
    inner: Vector,
    inner_grid: Grid,
    windows: Windows,
    /// What the steps of the inner expression looked at, if that is counted.
    pub(crate) samples: u64,
}

impl Evaluator<'_> {
    /// Evaluates the inner expression at all steps that any window needs. Steps are multiples of the step's length, so that
    /// they stand still when the query's range moves.
    pub(crate) fn eval_subquery(&self, subquery: &SubqueryExpr, grid: Grid) -> Result<Evaluation, QueryError> {
        let range_ms = subquery.range.resolve_positive(self.window)?;
        let step_ms = match &subquery.step {
            Some(step) => step.resolve_positive(self.window)?,
            None => self.subquery_default_step_ms,
        };
        let at_ms = subquery.at.map(|at| self.at_ms(at));
        let offset_ms = self.offset_ms(&subquery.offset)?;
        let windows = Windows { grid, range_ms, offset_ms, at_ms, reach_before_ms: 0, reach_after_ms: 0 };
        let (first_ms, mut last_ms) = windows.bounds_ms();
        if let (Some(account), None) = (&self.account, at_ms) {
            last_ms = account.end_ms().saturating_sub(offset_ms).max(last_ms);
        }
        let start_ms = first_ms.saturating_sub(1).div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
        let inner_grid = Grid::new(start_ms, last_ms, step_ms);
        if inner_grid.count > SUBQUERY_STEPS_MAX {
            let message = format!("a subquery of {} steps; at most {SUBQUERY_STEPS_MAX} are allowed", inner_grid.count);
            return Err(QueryError::new(QueryErrorKind::Limit, message));
        }
        let evaluate = || match inner_grid.count {
            0 => self.vector(Vec::new(), inner_grid),
            _ => self.eval_vector(&subquery.expr, inner_grid),
        };
        let (inner, samples) = match &self.account {
            Some(account) => account.apart(inner_grid.count, last_ms, evaluate),
            None => (evaluate(), 0),
        };
        Ok(Evaluation { inner: inner?, inner_grid, windows, samples })
    }

    /// A range function on a subquery.
    pub(super) fn eval_range_call(&self, call: &Call, arg: &Expr, grid: Grid) -> Result<Vector, QueryError> {
        let ExprKind::Subquery(subquery) = &arg.unparen().kind else {
            return Err(QueryError::bad_data("expected a range vector"));
        };
        let evaluation = self.eval_subquery(subquery, grid)?;
        let range_call = self.range_call(call, grid)?;
        let mut vector = self.vector(Vec::new(), grid)?;
        vector.charge.grow(evaluation.inner.series.len().saturating_mul(grid.count))?;
        vector.series = match &self.account {
            Some(account) => evaluation.accounted_columns(&range_call, account)?,
            None => self.threads.install(|| evaluation.columns(&range_call))?,
        };
        let remarkable = vector.series.iter().filter(|series| range_call.may_remark_on(series));
        remarkable.for_each(|series| range_call.remark_on(series.labels.metric_name()));
        if !range_call.keeps_name() {
            vector.series.iter_mut().for_each(|series| self.drop_name(series));
            if !self.delayed_name_removal {
                refuse_same_labels(&vector.series)?;
            }
        }
        Ok(vector)
    }
}

impl Evaluation {
    fn columns(self, call: &RangeCall<'_>) -> Result<Vec<Series>, QueryError> {
        let Self { inner, inner_grid, windows, .. } = self;
        let column = |inner: Series| {
            let series = column(inner, inner_grid, &windows, call, |_, _| {})?;
            Ok((!series.is_absent()).then_some(series))
        };
        inner.series.into_par_iter().with_min_len(8).filter_map(|series| column(series).transpose()).collect()
    }

    /// The same, series by series.
    fn accounted_columns(self, call: &RangeCall<'_>, account: &Account) -> Result<Vec<Series>, QueryError> {
        let Self { inner, inner_grid, windows, .. } = self;
        let held = Shape::of_series(&inner.series, inner_grid).total();
        let mut columns = Vec::new();
        for inner in inner.series {
            let count = |samples: Samples<'_>, made: &Series| account.moved_over(&windows, samples, made);
            let series = column(inner, inner_grid, &windows, call, count)?;
            columns.extend((!series.is_absent()).then_some(series));
        }
        account.end_window();
        account.release(held);
        Ok(columns)
    }

    /// The inner vector and its grid: what an instant query for a subquery answers.
    pub(crate) fn into_inner(self) -> (Vector, Grid) {
        (self.inner, self.inner_grid)
    }
}

/// What a range function makes of the values of one series, which `see` is shown together with the result.
fn column(
    inner: Series,
    inner_grid: Grid,
    windows: &Windows,
    call: &RangeCall<'_>,
    see: impl FnOnce(Samples<'_>, &Series),
) -> Result<Series, QueryError> {
    let (times_ms, values) = points(&inner.values, inner_grid);
    let histograms: Vec<_> =
        inner.histograms.iter().map(|(step, one)| (inner_grid.time_ms(step), without_hint(one))).collect();
    let samples = Samples {
        times_ms: &times_ms,
        values: &values,
        histograms: &histograms,
        starts_ms: &[],
        histogram_starts_ms: &[],
        weights: &[],
    };
    let mut series = call.series(inner.labels, windows, samples)?;
    series.drop_name = inner.drop_name;
    see(samples, &series);
    Ok(series)
}

/// What a histogram's hint says is about the stored sample before it, which a subquery may leave out or show more than once.
fn without_hint(histogram: &SharedHistogram) -> SharedHistogram {
    match histogram.reset_hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(FloatHistogram { reset_hint: ResetHint::Unknown, ..FloatHistogram::clone(histogram) })
        }
    }
}

/// The cells that hold a sample, as times and values.
fn points(column: &[f64], grid: Grid) -> (Vec<i64>, Vec<f64>) {
    let present = || column.iter().enumerate().filter(|(_, value)| is_present(**value));
    (present().map(|(step, _)| grid.time_ms(step)).collect(), present().map(|(_, &value)| value).collect())
}
