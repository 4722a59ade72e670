//! Aggregations that pick some of a group's series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use std::cmp::Ordering;

use bongsu_model::Labels;
use bongsu_syntax::{AggregateExpr, AggregateOp, Span};

use super::grouping::Groups;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::series::{Series, Vector};

/// Which samples of a step are worth more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Greatest,
    Least,
    /// The first ones, whatever their values.
    First,
}

/// A sample of a step with the place of its series.
type Candidate = (f64, usize);

impl Rank {
    /// The better sample first; NaN is worse than every number, and of equals the first series wins.
    fn compare(self, a: &Candidate, b: &Candidate) -> Ordering {
        let by_value = match self {
            Self::Greatest => b.0.partial_cmp(&a.0),
            Self::Least => a.0.partial_cmp(&b.0),
            Self::First => Some(Ordering::Equal),
        };
        by_value.unwrap_or_else(|| a.0.is_nan().cmp(&b.0.is_nan())).then(a.1.cmp(&b.1))
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate_k(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let rank = match aggregate.op {
            AggregateOp::TopK => Rank::Greatest,
            AggregateOp::BottomK => Rank::Least,
            _ => Rank::First,
        };
        let counts = self.param(aggregate, grid)?.0.into_iter().map(count_of).collect::<Result<Vec<_>, _>>()?;
        let Vector { mut series, charge } = self.eval_vector(&aggregate.expr, grid)?;
        let (_, members) = Groups::new(aggregate).members(&series);
        let mut order = Vec::with_capacity(series.len());
        let mut chosen = Vec::new();
        for group in &members {
            self.budget.check()?;
            for (step, &count) in counts.iter().enumerate() {
                choose(&series, group, step, rank, count, &mut chosen);
                keep_only(&mut series, group, step, &chosen);
            }
            // With one step only, the result is in the order of rank.
            if grid.count == 1 && rank != Rank::First {
                order.extend(chosen.iter().map(|&(_, place)| place));
            } else {
                order.extend_from_slice(group);
            }
        }
        let mut slots: Vec<Option<Series>> = series.into_iter().map(Some).collect();
        let picked = order.into_iter().filter_map(|place| slots[place].take());
        Ok(Vector { series: picked.filter(|one| !one.is_absent()).collect(), charge })
    }

    pub(super) fn aggregate_ratio(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let (mut ratios, span) = self.param(aggregate, grid)?;
        for ratio in &mut ratios {
            *ratio = self.checked_ratio(*ratio, span)?;
        }
        let mut vector = self.eval_vector(&aggregate.expr, grid)?;
        for series in &mut vector.series {
            let share = share_of(&series.labels);
            for (cell, &ratio) in series.values.iter_mut().zip(&ratios) {
                let chosen = if ratio >= 0.0 { share < ratio } else { share >= 1.0 + ratio };
                if !chosen {
                    *cell = ABSENT;
                }
            }
        }
        vector.series.retain(|series| !series.is_absent());
        Ok(vector)
    }

    fn checked_ratio(&self, ratio: f64, span: Span) -> Result<f64, QueryError> {
        if ratio.is_nan() {
            return Err(QueryError::execution("Ratio value is NaN"));
        }
        let capped = ratio.clamp(-1.0, 1.0);
        if capped != ratio {
            self.annotations.ratio_capped(span, ratio, capped);
        }
        Ok(capped)
    }

    /// The scalar parameter at each step, and its place.
    pub(super) fn param(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<(Vec<f64>, Span), QueryError> {
        match &aggregate.param {
            Some(param) => Ok((self.eval_scalar(param, grid)?, param.span)),
            None => Err(QueryError::bad_data(format!("{} needs a parameter", aggregate.op))),
        }
    }
}

/// How many series to pick.
fn count_of(value: f64) -> Result<usize, QueryError> {
    if value.is_nan() {
        return Err(QueryError::execution("Parameter value is NaN"));
    }
    let bound = i64::MAX as f64;
    if value >= bound || value <= -bound {
        let shown = crate::number::format_g(value);
        let direction = if value > 0.0 { "overflows" } else { "underflows" };
        return Err(QueryError::execution(format!("Scalar value {shown} {direction} int64")));
    }
    Ok(value.max(0.0) as usize)
}

/// The best samples of a group at one step, best first.
fn choose(series: &[Series], group: &[usize], step: usize, rank: Rank, count: usize, chosen: &mut Vec<Candidate>) {
    chosen.clear();
    if count == 0 {
        return;
    }
    let samples = group.iter().map(|&place| (series[place].values[step], place));
    chosen.extend(samples.filter(|&(value, _)| is_present(value)));
    if chosen.len() > count {
        chosen.select_nth_unstable_by(count - 1, |a, b| rank.compare(a, b));
        chosen.truncate(count);
    }
    chosen.sort_unstable_by(|a, b| rank.compare(a, b));
}

fn keep_only(series: &mut [Series], group: &[usize], step: usize, chosen: &[Candidate]) {
    for &place in group {
        series[place].values[step] = ABSENT;
    }
    for &(value, place) in chosen {
        series[place].values[step] = value;
    }
}

/// Where a series stands in `[0, 1)`, always the same for the same labels. Prometheus hashes the same bytes as long as no name or
/// value is longer than 127 bytes, so the same series are picked.
fn share_of(labels: &Labels) -> f64 {
    xxhash_rust::xxh64::xxh64(labels.packed(), 0) as f64 / u64::MAX as f64
}
