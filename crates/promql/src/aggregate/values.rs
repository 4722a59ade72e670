//! Aggregations that need all values of a group at once: `quantile`, `count_values`.

use bongsu_model::{Labels, LabelsBuilder};
use bongsu_syntax::AggregateExpr;
use hashbrown::HashMap;

use super::grouping::Groups;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::series::{Series, Vector};

impl Evaluator<'_> {
    pub(super) fn aggregate_quantile(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vector, QueryError> {
        let (quantiles, span) = self.param(aggregate, grid)?;
        for &quantile in quantiles.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
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
                if !values.is_empty() {
                    *cell = crate::quantile::quantile(quantiles[step], &mut values);
                }
            }
            result.series.push(Series { labels: group.labels, drop_name: group.drop_name, values: column });
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
        let mut result = self.vector(Vec::new(), grid)?;
        for (group, places) in groups.into_iter().zip(members) {
            self.budget.check()?;
            let mut counts: HashMap<u64, usize> = HashMap::new();
            let mut pace = self.budget.pace();
            for &place in &places {
                pace.advance(grid.count)?;
                for (step, &value) in vector.series[place].values.iter().enumerate() {
                    if !is_present(value) {
                        continue;
                    }
                    let key = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
                    let at = match counts.get(&key) {
                        Some(&at) => at,
                        None => {
                            result.charge.grow(grid.count)?;
                            let labels = with_value(&group.labels, &label, value);
                            result.series.push(Series::new(labels, vec![ABSENT; grid.count]));
                            counts.insert(key, result.series.len() - 1);
                            result.series.len() - 1
                        }
                    };
                    let cell = &mut result.series[at].values[step];
                    *cell = if is_present(*cell) { *cell + 1.0 } else { 1.0 };
                }
            }
        }
        merge_counts(&mut result.series);
        Ok(result)
    }
}

fn with_value(group: &Labels, label: &str, value: f64) -> Labels {
    let mut builder = LabelsBuilder::from_labels(group);
    builder.set(label, &bongsu_model::format_float(value));
    builder.build()
}

/// Adds up series that are the same because the label with the value has replaced one that told the groups apart.
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
