//! Aggregations that pick some of a group's series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use bongsu_model::Labels;
use bongsu_syntax::{AggregateExpr, AggregateOp, Span};

use super::best::{Candidate, Rank, best_of};
use super::grouping::Groups;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::is_present;
use crate::series::{Scalar, Series, Vector};

impl Evaluator<'_> {
    pub(super) fn aggregate_k(&self, aggregate: &AggregateExpr, span: Span, grid: Grid) -> Result<Vector, QueryError> {
        let rank = match aggregate.op {
            AggregateOp::TopK => Rank::Greatest,
            AggregateOp::BottomK => Rank::Least,
            _ => Rank::First,
        };
        let (counts, _) = self.param(aggregate, grid)?;
        // Also where nothing is asked for: there may be errors and remarks.
        let Vector { mut series, charge } = self.eval_vector(&aggregate.expr, grid)?;
        if counts.iter().all(|&count| count < 1.0) {
            return self.vector(Vec::new(), grid);
        }
        check_counts(&counts)?;
        let (_, members) = Groups::new(aggregate).members(&series);
        let mut order = Vec::with_capacity(series.len());
        let mut chosen = Vec::new();
        let mut pace = self.budget.pace();
        for group in &members {
            self.budget.check()?;
            for (step, &count) in counts.iter().enumerate() {
                pace.advance(group.len())?;
                if rank == Rank::First {
                    let present = group.iter().filter(|&&place| series[place].has(step));
                    let late: Vec<usize> = present.skip(count.max(0.0) as usize).copied().collect();
                    late.into_iter().for_each(|place| series[place].remove(step));
                    continue;
                }
                if count >= 1.0 && group.iter().any(|&place| series[place].histograms.has(step)) {
                    self.annotations.ignored_in_aggregation(span, aggregate.op);
                }
                let samples = group.iter().map(|&place| (series[place].values[step], place));
                let present = samples.filter(|&(value, _)| is_present(value));
                best_of(present, count.max(0.0) as usize, rank, &mut chosen);
                keep_only(&mut series, group, step, &chosen);
            }
            // With one step only, the result is in the order of rank.
            if grid.count == 1 && rank != Rank::First {
                chosen.sort_by(|a, b| rank.compare(a, b));
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
        let (ratios, span) = self.param(aggregate, grid)?;
        let mut vector = self.eval_vector(&aggregate.expr, grid)?;
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(QueryError::execution("Ratio value is NaN"));
        }
        for ratio in outliers(&ratios, -1.0, 1.0) {
            self.annotations.ratio_capped(span, ratio, ratio.clamp(-1.0, 1.0));
        }
        for series in &mut vector.series {
            let share = share_of(&series.labels);
            for (step, ratio) in ratios.iter().map(|ratio| ratio.clamp(-1.0, 1.0)).enumerate() {
                let chosen = if ratio >= 0.0 { share < ratio } else { share >= 1.0 + ratio };
                if !chosen {
                    series.remove(step);
                }
            }
        }
        vector.series.retain(|series| !series.is_absent());
        Ok(vector)
    }

    /// The scalar parameter at each step, and its place.
    pub(super) fn param(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<(Scalar, Span), QueryError> {
        match &aggregate.param {
            Some(param) => Ok((self.eval_scalar(param, grid)?, param.unparen().span)),
            None => Err(QueryError::bad_data(format!("{} needs a parameter", aggregate.op))),
        }
    }
}

/// Of the numbers beyond the bounds those that there is a remark about: NaN, the greatest and the least.
pub(super) fn outliers(numbers: &[f64], lowest: f64, highest: f64) -> impl Iterator<Item = f64> {
    let nan = numbers.iter().copied().find(|number| number.is_nan());
    let greatest = numbers.iter().copied().fold(highest, f64::max);
    let least = numbers.iter().copied().fold(lowest, f64::min);
    nan.into_iter().chain((greatest > highest).then_some(greatest)).chain((least < lowest).then_some(least))
}

/// Refuses counts that no whole number of 64 bits can hold.
fn check_counts(counts: &[f64]) -> Result<(), QueryError> {
    /// The greatest float below 2^63, which is refused already.
    const GREATEST: f64 = 9_223_372_036_854_774_784.0;
    if counts.iter().any(|count| count.is_nan()) {
        return Err(QueryError::execution("Parameter value is NaN"));
    }
    let refuse = |count: f64, direction: &str| {
        let shown = crate::number::format_g(count);
        Err(QueryError::execution(format!("Scalar value {shown} {direction} int64")))
    };
    let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match (least <= i64::MIN as f64, greatest >= GREATEST) {
        (true, _) => refuse(least, "underflows"),
        (false, true) => refuse(greatest, "overflows"),
        (false, false) => Ok(()),
    }
}

fn keep_only(series: &mut [Series], group: &[usize], step: usize, chosen: &[Candidate]) {
    for &place in group {
        series[place].remove(step);
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
