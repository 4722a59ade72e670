//! Aggregations that fold one value after the other into a few numbers for each group and step.

use bongsu_model::FloatHistogram;
use bongsu_syntax::AggregateExpr;
use hashbrown::HashMap;

use super::grouping::{Group, Groups};
use super::mixture::Histograms;
use crate::annotation::Annotations;
use crate::budget::{Charge, Pace};
use crate::error::QueryError;
pub(super) use crate::number::Mean;
use crate::number::{ABSENT, KahanSum, is_present};
use crate::series::{Cell, Series, Vector};
use crate::tally::{Tally, TallyKind};

/// What an aggregation makes of native histograms.
#[derive(Clone, Copy)]
pub(super) enum Treatment {
    /// They are samples as any other.
    Counted,
    Tallied(TallyKind),
    Ignored,
}

/// The state of one group at one step. The default has seen no value.
pub(super) trait Accumulator: Copy + Default + Send {
    const HISTOGRAMS: Treatment = Treatment::Ignored;

    fn add(&mut self, value: f64);

    /// Adds what another one has seen, all of it later in the order of the series.
    fn merge(&mut self, other: Self);

    /// The result; [`ABSENT`] when no value was seen.
    fn result(self) -> f64;
}

/// The states of all groups.
pub(super) struct Fold<'e, A> {
    groups: Groups<'e>,
    /// Group by group, a cell for each step.
    cells: Vec<A>,
    tallies: HashMap<(usize, usize), Histograms>,
    /// The metric of the last histogram, for remarks where parts are merged; nearly always there is one only.
    metric: String,
    steps: usize,
    charge: Charge,
    aggregate: &'e AggregateExpr,
    annotations: &'e Annotations,
}

impl<'e, A: Accumulator> Fold<'e, A> {
    pub(super) fn new(
        aggregate: &'e AggregateExpr,
        annotations: &'e Annotations,
        steps: usize,
        charge: Charge,
    ) -> Self {
        let groups = Groups::new(aggregate);
        Self {
            groups,
            cells: Vec::new(),
            tallies: HashMap::new(),
            metric: String::new(),
            steps,
            charge,
            aggregate,
            annotations,
        }
    }

    pub(super) fn add_all(&mut self, series: &[Series], pace: &mut Pace<'_>) -> Result<(), QueryError> {
        for one in series {
            pace.advance(self.steps)?;
            let number = self.groups.number(one);
            for (cell, &value) in self.row(number)?.iter_mut().zip(&one.values) {
                if is_present(value) {
                    cell.add(value);
                }
            }
            for (step, histogram) in one.histograms.iter() {
                self.add_histogram(number, step, histogram, one)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn add_histogram(
        &mut self,
        group: usize,
        step: usize,
        histogram: &FloatHistogram,
        series: &Series,
    ) -> Result<(), QueryError> {
        match A::HISTOGRAMS {
            Treatment::Counted => self.row(group)?[step].add(1.0),
            Treatment::Ignored => {
                self.annotations.ignored_in_aggregation(self.aggregate.expr.unparen().span, self.aggregate.op);
            }
            Treatment::Tallied(kind) => {
                let histograms = Histograms::Joined(Tally::new(kind, histogram));
                let after_float = is_present(self.row(group)?[step].result());
                let metric = series.labels.metric_name();
                if self.metric != metric {
                    metric.clone_into(&mut self.metric);
                }
                self.tally(group, step, histograms, after_float, metric)?;
            }
        }
        Ok(())
    }

    /// Joins what another one has seen of the histograms of a metric; `after_float`: later than a float.
    fn tally(
        &mut self,
        group: usize,
        step: usize,
        other: Histograms,
        after_float: bool,
        metric: &str,
    ) -> Result<(), QueryError> {
        /// What the numbers of a tally take beside its buckets.
        const POINTS: usize = 64;
        match self.tallies.entry((group, step)) {
            hashbrown::hash_map::Entry::Vacant(place) => {
                place.insert(if after_float { Histograms::BehindFloat } else { other });
                self.charge.grow(POINTS)?;
            }
            hashbrown::hash_map::Entry::Occupied(mut place) => place.get_mut().join(other, after_float, metric),
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, part: Self) -> Result<(), QueryError> {
        // Before the floats, as the histograms must know whether there were any earlier.
        for ((group, step), histograms) in part.tallies {
            let Group { labels, drop_name } = &part.groups.groups[group];
            let target = self.groups.number_of(labels, *drop_name);
            let is_earlier = is_present(self.row(target)?[step].result());
            self.tally(target, step, histograms, is_earlier, &part.metric)?;
        }
        for (number, Group { labels, drop_name }) in part.groups.groups.iter().enumerate() {
            let target = self.groups.number_of(labels, *drop_name);
            let row = &part.cells[number * part.steps..][..part.steps];
            for (cell, &other) in self.row(target)?.iter_mut().zip(row) {
                cell.merge(other);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vector {
        let Self { groups, cells, tallies, steps, charge, aggregate, annotations, .. } = self;
        let columns = cells.chunks(steps).map(|row| row.iter().map(|cell| cell.result()).collect());
        let series = groups.groups.into_iter().zip(columns);
        let mut series: Vec<Series> = series
            .map(|(group, values)| Series { drop_name: group.drop_name, ..Series::new(group.labels, values) })
            .collect();
        let span = aggregate.expr.unparen().span;
        for ((group, step), histograms) in tallies {
            let has_float = is_present(series[group].values[step]);
            match histograms.finish(has_float, annotations, span) {
                Some(histogram) => series[group].set(step, Cell::of(histogram)),
                None => series[group].remove(step),
            }
        }
        series.retain(|series| !series.is_absent());
        Vector { series, charge }
    }

    fn row(&mut self, number: usize) -> Result<&mut [A], QueryError> {
        let end = (number + 1) * self.steps;
        if self.cells.len() < end {
            self.charge.grow(end - self.cells.len())?;
            self.cells.resize(end, A::default());
        }
        Ok(&mut self.cells[end - self.steps..end])
    }
}

/// `sum`
#[derive(Clone, Copy, Default)]
pub(super) struct Sum(Option<KahanSum>);

impl Accumulator for Sum {
    const HISTOGRAMS: Treatment = Treatment::Tallied(TallyKind::Sum);

    fn add(&mut self, value: f64) {
        match &mut self.0 {
            Some(sum) => sum.add(value),
            None => self.0 = Some(KahanSum::new(value)),
        }
    }

    fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(sum), Some(other)) => sum.merge(other),
            (None, Some(other)) => self.0 = Some(other),
            (_, None) => {}
        }
    }

    fn result(self) -> f64 {
        self.0.map_or(ABSENT, KahanSum::value)
    }
}

/// `avg`
impl Accumulator for Mean {
    const HISTOGRAMS: Treatment = Treatment::Tallied(TallyKind::Mean);

    fn add(&mut self, value: f64) {
        self.add(value);
    }

    fn merge(&mut self, other: Self) {
        self.merge(other);
    }

    fn result(self) -> f64 {
        if self.is_empty() { ABSENT } else { self.value() }
    }
}

/// `count`
#[derive(Clone, Copy, Default)]
pub(super) struct Count(f64);

impl Accumulator for Count {
    const HISTOGRAMS: Treatment = Treatment::Counted;

    fn add(&mut self, _value: f64) {
        self.0 += 1.0;
    }

    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn result(self) -> f64 {
        if self.0 == 0.0 { ABSENT } else { self.0 }
    }
}

/// `group`
#[derive(Clone, Copy, Default)]
pub(super) struct One(Count);

impl Accumulator for One {
    const HISTOGRAMS: Treatment = Treatment::Counted;

    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    fn result(self) -> f64 {
        if is_present(self.0.result()) { 1.0 } else { ABSENT }
    }
}

macro_rules! extremum {
    ($(#[$doc:meta])* $name:ident, $better:tt) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name(f64);

        impl Default for $name {
            fn default() -> Self {
                Self(ABSENT)
            }
        }

        impl Accumulator for $name {
            fn add(&mut self, value: f64) {
                // Both NaN and the absent mark give way to anything, and compare as false.
                if self.0.is_nan() && !(value.is_nan() && is_present(self.0)) || value $better self.0 {
                    self.0 = value;
                }
            }

            fn merge(&mut self, other: Self) {
                if is_present(other.0) {
                    self.add(other.0);
                }
            }

            fn result(self) -> f64 {
                self.0
            }
        }
    };
}

extremum! {
    /// `min`: NaN only when there is nothing else.
    Min, <
}
extremum! {
    /// `max`: NaN only when there is nothing else.
    Max, >
}

/// `stdvar`: the population variance, by Welford's method.
#[derive(Clone, Copy, Default)]
pub(super) struct Stdvar {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Accumulator for Stdvar {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0.0 || other.count == 0.0 {
            *self = if self.count == 0.0 { other } else { *self };
            return;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        self.squares += other.squares + delta * delta * self.count * other.count / count;
        self.mean += delta * other.count / count;
        self.count = count;
    }

    fn result(self) -> f64 {
        if self.count == 0.0 { ABSENT } else { self.squares / self.count }
    }
}

/// `stddev`
#[derive(Clone, Copy, Default)]
pub(super) struct Stddev(Stdvar);

impl Accumulator for Stddev {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    fn result(self) -> f64 {
        let variance = self.0.result();
        if is_present(variance) { variance.sqrt() } else { ABSENT }
    }
}
