//! Vectors as columns: a series has one cell for each step of the grid.

use std::ops::Deref;

use bongsu_model::Labels;
use hashbrown::HashMap;

use crate::budget::Charge;
use crate::error::QueryError;
use crate::number::is_present;

/// One series over all steps.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// The metric's name does not belong to the result any more and goes at the end of the query.
    pub(crate) drop_name: bool,
    /// A value for each step; [`ABSENT`](crate::number::ABSENT) where the series has none.
    pub(crate) values: Vec<f64>,
}

impl Series {
    pub(crate) fn new(labels: Labels, values: Vec<f64>) -> Self {
        Self { labels, drop_name: false, values }
    }

    pub(crate) fn is_absent(&self) -> bool {
        !self.values.iter().any(|&value| is_present(value))
    }
}

/// A number for each step.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) values: Vec<f64>,
    /// The memory of the column.
    pub(crate) charge: Charge,
}

impl Deref for Scalar {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

/// An instant vector at every step. No two series have a sample at the same step and the same labels and mark.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) series: Vec<Series>,
    /// The memory of the columns.
    pub(crate) charge: Charge,
}

/// Labels that say what a metric is, and that so go with its name.
pub(crate) fn is_name_label(name: &str) -> bool {
    matches!(name, "__name__" | "__type__" | "__unit__")
}

/// The labels without the metric's name, type and unit.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_name_label(name)) {
        Labels::from_sorted(labels.iter().filter(|(name, _)| !is_name_label(name)))
    } else {
        labels.clone()
    }
}

/// Makes one series of those that have equal labels.
///
/// # Errors
/// When two of them have a sample at the same step.
pub(crate) fn merge_same_labels(series: &mut Vec<Series>) -> Result<(), QueryError> {
    if !has_same_labels(series) {
        return Ok(());
    }
    let mut places: HashMap<(Labels, bool), usize> = HashMap::with_capacity(series.len());
    let mut merged: Vec<Series> = Vec::with_capacity(series.len());
    for one in series.drain(..) {
        match places.entry((one.labels.clone(), one.drop_name)) {
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(merged.len());
                merged.push(one);
            }
            hashbrown::hash_map::Entry::Occupied(place) => {
                let target = &mut merged[*place.get()].values;
                for (cell, value) in target.iter_mut().zip(one.values) {
                    if !is_present(value) {
                        continue;
                    }
                    if is_present(*cell) {
                        return Err(QueryError::same_labelset());
                    }
                    *cell = value;
                }
            }
        }
    }
    *series = merged;
    Ok(())
}

fn has_same_labels(series: &[Series]) -> bool {
    if series.len() < 2 || series.windows(2).all(|pair| pair[0].labels < pair[1].labels) {
        return false;
    }
    let mut seen = hashbrown::HashSet::with_capacity(series.len());
    !series.iter().all(|one| seen.insert((&one.labels, one.drop_name)))
}
