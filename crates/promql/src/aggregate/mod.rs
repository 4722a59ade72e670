//! Aggregations over series.
//!
//! Those that need no more of a group than a few numbers ([`fold`]) take the series batch by batch, as they are decoded;
//! the others look at all values of a group at once ([`select`], [`values`]).

mod best;
mod fold;
mod grouping;
mod mixture;
mod select;
mod values;

use bongsu_syntax::{AggregateExpr, AggregateOp, Span};

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::series::Vector;
use fold::{Accumulator, Count, Fold, Max, Mean, Min, One, Stddev, Stdvar, Sum};

impl Evaluator<'_> {
    /// `span` is the place of the whole aggregation.
    pub(crate) fn eval_aggregate(
        &self,
        aggregate: &AggregateExpr,
        span: Span,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        match aggregate.op {
            AggregateOp::Sum => self.fold::<Sum>(aggregate, grid),
            AggregateOp::Avg => self.fold::<Mean>(aggregate, grid),
            AggregateOp::Count => self.fold::<Count>(aggregate, grid),
            AggregateOp::Min => self.fold::<Min>(aggregate, grid),
            AggregateOp::Max => self.fold::<Max>(aggregate, grid),
            AggregateOp::Group => self.fold::<One>(aggregate, grid),
            AggregateOp::Stddev => self.fold::<Stddev>(aggregate, grid),
            AggregateOp::Stdvar => self.fold::<Stdvar>(aggregate, grid),
            AggregateOp::Quantile => self.aggregate_quantile(aggregate, grid),
            AggregateOp::CountValues => self.aggregate_count_values(aggregate, grid),
            AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK => self.aggregate_k(aggregate, span, grid),
            AggregateOp::LimitRatio => self.aggregate_ratio(aggregate, grid),
        }
    }

    fn fold<A: Accumulator>(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let new =
            || Ok::<_, QueryError>(Fold::<A>::new(aggregate, &self.annotations, grid.count, self.budget.charge(0)?));
        if self.streams(&aggregate.expr, grid) {
            let part = |batch: Vector| {
                let mut part = new()?;
                part.add_all(&batch.series, &mut self.budget.pace())?;
                Ok(part)
            };
            let mut all = new()?;
            if self.stream(&aggregate.expr, grid, part, |part| all.merge(part))? {
                return Ok(all.finish());
            }
        }
        let vector = self.eval_vector(&aggregate.expr, grid)?;
        let mut all = new()?;
        all.add_all(&vector.series, &mut self.budget.pace())?;
        Ok(all.finish())
    }
}
