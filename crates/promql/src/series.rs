//! Vectors as columns: a series has one cell for each step of the grid.

use std::ops::Deref;
use std::sync::Arc;

use bongsu_model::{FloatHistogram, Labels};
use hashbrown::HashMap;

use crate::budget::Charge;
use crate::error::QueryError;
use crate::number::{ABSENT, is_present};

/// One series over all steps.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// The metric's name does not belong to the result any more and goes at the end of the query.
    pub(crate) drop_name: bool,
    /// A float for each step; [`ABSENT`] where the series has none.
    pub(crate) values: Vec<f64>,
    pub(crate) histograms: Histograms,
}

/// A histogram as columns hold it: many steps may show the same sample.
pub(crate) type SharedHistogram = Arc<FloatHistogram>;

/// A column of histograms. Nearly every series has none, and so no memory here. No step has both a float and a histogram.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histograms(Vec<Option<SharedHistogram>>);

impl Histograms {
    /// Whether no step can have one.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, step: usize) -> Option<&SharedHistogram> {
        self.0.get(step)?.as_ref()
    }

    pub(crate) fn has(&self, step: usize) -> bool {
        self.get(step).is_some()
    }

    /// The steps that have one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &SharedHistogram)> {
        self.0.iter().enumerate().filter_map(|(step, histogram)| Some((step, histogram.as_ref()?)))
    }

    fn set(&mut self, step: usize, steps: usize, histogram: SharedHistogram) {
        self.0.resize(steps, None);
        self.0[step] = Some(histogram);
    }

    fn remove(&mut self, step: usize) {
        if let Some(cell) = self.0.get_mut(step) {
            *cell = None;
        }
    }
}

/// What a series has at one step.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Absent,
    Float(f64),
    Histogram(SharedHistogram),
}

impl Cell {
    pub(crate) fn of(histogram: FloatHistogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }

    /// A float that may be [`ABSENT`].
    pub(crate) fn float(value: f64) -> Self {
        if is_present(value) { Self::Float(value) } else { Self::Absent }
    }
}

impl Series {
    pub(crate) fn new(labels: Labels, values: Vec<f64>) -> Self {
        Self { labels, drop_name: false, values, histograms: Histograms::default() }
    }

    /// A series without samples.
    pub(crate) fn absent(labels: Labels, steps: usize) -> Self {
        Self::new(labels, vec![ABSENT; steps])
    }

    pub(crate) fn is_absent(&self) -> bool {
        !self.values.iter().any(|&value| is_present(value)) && self.histograms.iter().next().is_none()
    }

    /// Whether there is a sample at a step, of whichever kind.
    #[inline]
    pub(crate) fn has(&self, step: usize) -> bool {
        is_present(self.values[step]) || self.histograms.has(step)
    }

    pub(crate) fn cell(&self, step: usize) -> Cell {
        match self.histograms.get(step) {
            Some(histogram) => Cell::Histogram(Arc::clone(histogram)),
            None => Cell::float(self.values[step]),
        }
    }

    pub(crate) fn set(&mut self, step: usize, cell: Cell) {
        self.values[step] = ABSENT;
        match cell {
            Cell::Absent => self.histograms.remove(step),
            Cell::Float(value) => {
                self.values[step] = value;
                self.histograms.remove(step);
            }
            Cell::Histogram(histogram) => self.histograms.set(step, self.values.len(), histogram),
        }
    }

    /// Takes the sample of a step away.
    pub(crate) fn remove(&mut self, step: usize) {
        self.values[step] = ABSENT;
        self.histograms.remove(step);
    }

    /// Leaves only floats.
    pub(crate) fn remove_histograms(&mut self) {
        self.histograms = Histograms::default();
    }

    /// Takes the samples of another series at the steps at which this one has none.
    pub(crate) fn fill_from(&mut self, other: &Self) {
        for step in 0..self.values.len() {
            if !self.has(step) && other.has(step) {
                self.set(step, other.cell(step));
            }
        }
    }

    /// The same cell at `count` steps; there is only one now.
    pub(crate) fn repeat(&mut self, count: usize) {
        self.values = vec![self.values[0]; count];
        if let Some(histogram) = self.histograms.get(0).cloned() {
            self.histograms = Histograms(vec![Some(histogram); count]);
        }
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
                let target = &mut merged[*place.get()];
                for step in 0..one.values.len() {
                    match one.cell(step) {
                        Cell::Absent => {}
                        _ if target.has(step) => return Err(QueryError::same_labelset()),
                        cell => target.set(step, cell),
                    }
                }
            }
        }
    }
    *series = merged;
    Ok(())
}

/// Refuses series that have equal labels, whether they have samples at the same steps or not.
///
/// Prometheus looks at whole series in this way after a range function, and step by step elsewhere.
///
/// # Errors
/// When two series have equal labels.
pub(crate) fn refuse_same_labels(series: &[Series]) -> Result<(), QueryError> {
    if has_same_labels(series) { Err(QueryError::same_labelset()) } else { Ok(()) }
}

fn has_same_labels(series: &[Series]) -> bool {
    if series.len() < 2 || series.windows(2).all(|pair| pair[0].labels < pair[1].labels) {
        return false;
    }
    let mut seen = hashbrown::HashSet::with_capacity(series.len());
    !series.iter().all(|one| seen.insert((&one.labels, one.drop_name)))
}
