//! Aggregations that need all values of a group at once: `quantile`, `count_values`.

use std::sync::Arc;

use bongsu_model::{Labels, LabelsBuilder};
use bongsu_syntax::AggregateExpr;
use hashbrown::HashMap;

use super::grouping::Groups;
use super::select::outliers;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::series::{Cell, Series, Vector};

impl Evaluator<'_> {
    pub(super) fn aggregate_quantile(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let (quantiles, span) = self.param(aggregate, grid)?;
        for quantile in outliers(&quantiles, 0.0, 1.0) {
            self.annotations.quantile_out_of_range(span, quantile);
        }
        let vector = self.eval_vector(&aggregate.expr, grid)?;
        let (groups, members) = Groups::new(aggregate).members(&vector.series);
        let mut result = self.vector(Vec::new(), grid)?;
        result.charge.grow(groups.len().saturating_mul(grid.count))?;
        let mut values = Vec::new();
        for (group, places) in groups.into_iter().zip(members) {
            self.budget.check()?;
            let mut pace = self.budget.pace();
            let mut column = vec![ABSENT; grid.count];
            for (step, cell) in column.iter_mut().enumerate() {
                pace.advance(places.len())?;
                values.clear();
                let of_step = places.iter().map(|&place| vector.series[place].values[step]);
                values.extend(of_step.filter(|&value| is_present(value)));
                if places.iter().any(|&place| vector.series[place].histograms.has(step)) {
                    self.annotations.ignored_in_aggregation(aggregate.expr.unparen().span, aggregate.op);
                }
                if !values.is_empty() {
                    *cell = crate::quantile::quantile(quantiles[step], &mut values);
                }
            }
            let series = Series { drop_name: group.drop_name, ..Series::new(group.labels, column) };
            result.series.extend((!series.is_absent()).then_some(series));
        }
        Ok(result)
    }

    /// A series for each different value of a group, which counts how many series have it.
    pub(super) fn aggregate_count_values(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let label = match &aggregate.param {
            Some(param) => self.eval_string(param)?,
            None => String::new(),
        };
        if label.is_empty() || !bongsu_syntax::is_utf8_text(&label) {
            return Err(QueryError::execution(format!("invalid label name {}", bongsu_syntax::Quoted(&label))));
        }
        let vector = self.eval_vector(&aggregate.expr, grid)?;
        let (groups, members) = Groups::new(aggregate).members(&vector.series);
        // The label is set before the series are grouped, so it goes when the aggregation is without it.
        let is_dropped = aggregate.without && aggregate.grouping.contains(&label);
        let mut result = self.vector(Vec::new(), grid)?;
        for (group, places) in groups.into_iter().zip(members) {
            self.budget.check()?;
            let mut counts: HashMap<String, usize> = HashMap::new();
            let mut pace = self.budget.pace();
            for &place in &places {
                pace.advance(grid.count)?;
                let mut last = (Cell::Absent, 0);
                for step in 0..grid.count {
                    let cell = vector.series[place].cell(step);
                    // Values mostly repeat: only another one has to be looked up.
                    if !is_same(&cell, &last.0) {
                        let text = match &cell {
                            Cell::Absent => continue,
                            Cell::Float(value) => bongsu_model::format_float(*value),
                            Cell::Histogram(histogram) => histogram.to_string(),
                        };
                        let known = counts.get(&text).copied();
                        let at = known.unwrap_or(result.series.len());
                        if known.is_none() {
                            result.charge.grow(grid.count)?;
                            let labels = if is_dropped {
                                group.labels.clone()
                            } else {
                                with_value(&group.labels, &label, &text)
                            };
                            result.series.push(Series::absent(labels, grid.count));
                            counts.insert(text, at);
                        }
                        last = (cell, at);
                    }
                    let count = &mut result.series[last.1].values[step];
                    *count = if is_present(*count) { *count + 1.0 } else { 1.0 };
                }
            }
        }
        merge_counts(&mut result.series);
        Ok(result)
    }
}

/// Whether two cells hold the same sample for sure.
fn is_same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => a.to_bits() == b.to_bits(),
        (Cell::Histogram(a), Cell::Histogram(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

fn with_value(group: &Labels, label: &str, value: &str) -> Labels {
    let mut builder = LabelsBuilder::from_labels(group);
    builder.set(label, value);
    builder.build()
}

/// Adds up series that are the same because the label with the value has replaced one that told the groups apart, or
/// is not kept.
fn merge_counts(series: &mut Vec<Series>) {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut merged: Vec<Series> = Vec::with_capacity(series.len());
    for one in series.drain(..) {
        let Some(&place) = places.get(&one.labels) else {
            places.insert(one.labels.clone(), merged.len());
            merged.push(one);
            continue;
        };
        for (cell, value) in merged[place].values.iter_mut().zip(one.values).filter(|(_, value)| is_present(*value)) {
            *cell = if is_present(*cell) { *cell + value } else { value };
        }
    }
    *series = merged;
}
