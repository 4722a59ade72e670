//! Arithmetic and comparison of two vectors: every series looks for its partner on the other side.
//!
//! Partners are found once for the whole query; only what can differ from step to step, which series of a group has a sample
//! just then, is looked at for each step.

use std::cell::RefCell;

use bongsu_model::{Labels, LabelsBuilder};
use bongsu_syntax::{BinaryExpr, Cardinality, VectorMatching};

use super::remarks::LastRemarks;
use super::{Arithmetic, Remark};
use crate::budget::Pace;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::keys::{KeyNumbers, LabelChoice};
use crate::number::{ABSENT, is_present};
use crate::series::{Cell, Series, Vector, is_name_label, merge_same_labels, without_name};

/// Series of both sides with the same key.
#[derive(Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// One matched operation, the sides named by their part in it.
struct Matched<'e> {
    arithmetic: Arithmetic<'e>,
    matching: &'e VectorMatching,
    /// Whether the "one" side is the left operand (`group_right`).
    one_is_left: bool,
    many: Vec<Series>,
    one: Vec<Series>,
    /// What stands in for a missing sample.
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    steps: usize,
    delayed_name_removal: bool,
    remarks: RefCell<LastRemarks>,
}

impl Evaluator<'_> {
    pub(super) fn eval_matched(
        &self,
        binary: &BinaryExpr,
        lhs: Vector,
        rhs: Vector,
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        let default = VectorMatching::default();
        let matching = binary.matching.as_ref().unwrap_or(&default);
        let one_is_left = matching.card == Cardinality::OneToMany;
        let _charges = (lhs.charge, rhs.charge);
        let (many, one) = if one_is_left { (rhs.series, lhs.series) } else { (lhs.series, rhs.series) };
        // With `group_right`, too, as Prometheus swaps the operands there and not what is filled in: `fill_left` stands in for the
        // "many" side, which is the right one.
        let (fill_many, fill_one) = (matching.fill.left, matching.fill.right);
        let matched = Matched {
            arithmetic: Arithmetic::of(binary, &self.annotations),
            matching,
            one_is_left,
            many,
            one,
            fill_many,
            fill_one,
            steps: grid.count,
            delayed_name_removal: self.delayed_name_removal,
            remarks: RefCell::default(),
        };
        let mut result = self.vector(Vec::new(), grid)?;
        let mut joined = Vec::new();
        for group in matched.groups() {
            self.budget.check()?;
            matched.check(&group)?;
            let before = joined.len();
            matched.join(&group, &mut self.budget.pace(), &mut joined)?;
            result.charge.grow((joined.len() - before) * grid.count)?;
        }
        matched.remarks.borrow().each(|remark| matched.arithmetic.remark(remark));
        // The sort is stable: of one place, the order of the "one" side stays.
        joined.sort_by_key(|&(place, _)| place);
        result.series = joined.into_iter().map(|(_, series)| series).collect();
        merge_same_labels(&mut result.series)?;
        Ok(result)
    }
}

impl Matched<'_> {
    fn choice(&self) -> LabelChoice<'_> {
        LabelChoice { names: &self.matching.labels, only_these: self.matching.on }
    }

    /// All groups that can give a result or an error, in the order of the "many" side.
    fn groups(&self) -> Vec<Group> {
        let mut keys = KeyNumbers::default();
        let mut groups: Vec<Group> = Vec::new();
        for (place, series) in self.many.iter().enumerate() {
            let (number, _) = keys.number(self.choice(), &series.labels);
            groups.resize_with(keys.len(), Group::default);
            groups[number].many.push(place);
        }
        for (place, series) in self.one.iter().enumerate() {
            let (number, _) = keys.number(self.choice(), &series.labels);
            groups.resize_with(keys.len(), Group::default);
            groups[number].one.push(place);
        }
        groups
    }

    /// Refuses steps at which a series has more than one partner.
    fn check(&self, group: &Group) -> Result<(), QueryError> {
        let present = |place: usize, step: usize| self.one[place].has(step);
        if let Some((a, b)) = self.overlap(&group.one, present, |step| self.is_matched(step)) {
            return Err(self.duplicate_error(a, b));
        }
        if self.matching.card == Cardinality::OneToOne {
            if self.overlap_of_many(group, &group.many) {
                return Err(QueryError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
            return Ok(());
        }
        self.check_grouped(group)
    }

    /// With `group_left`, results of one group have to differ in their labels.
    fn check_grouped(&self, group: &Group) -> Result<(), QueryError> {
        if group.many.len() < 2 {
            return Ok(());
        }
        for &one in &group.one {
            let labels: Vec<Labels> = group
                .many
                .iter()
                .map(|&many| self.result_labels(&self.many[many].labels, &self.one[one].labels))
                .collect();
            let mut places: Vec<usize> = (0..labels.len()).collect();
            places.sort_by(|&a, &b| labels[a].cmp(&labels[b]));
            for run in places.chunk_by(|&a, &b| labels[a] == labels[b]).filter(|run| run.len() > 1) {
                let same: Vec<usize> = run.iter().map(|&at| group.many[at]).collect();
                if self.overlap_of_many(group, &same) {
                    return Err(QueryError::execution(
                        "multiple matches for labels: grouping labels must ensure unique matches",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether two of these series of the "many" side have a result at the same step. What fails has none and is in nobody's way, as in
    /// Prometheus.
    fn overlap_of_many(&self, group: &Group, places: &[usize]) -> bool {
        let partner_at =
            |step: usize| self.fill_one.is_some() || group.one.iter().any(|&place| self.one[place].has(step));
        let present = |place: usize, step: usize| self.many[place].has(step);
        if !self.may_fail(group) {
            return self.overlap(places, present, partner_at).is_some();
        }
        let succeeds = |place: usize, step: usize| present(place, step) && self.succeeds(group, place, step);
        self.overlap(places, succeeds, partner_at).is_some()
    }

    /// Two series of `places` that have a sample at the same step, of those steps that count.
    fn overlap(
        &self,
        places: &[usize],
        has: impl Fn(usize, usize) -> bool,
        counts: impl Fn(usize) -> bool,
    ) -> Option<(usize, usize)> {
        if places.len() < 2 {
            return None;
        }
        for step in 0..self.steps {
            let mut present = places.iter().copied().filter(|&place| has(place, step));
            if let (Some(a), Some(b)) = (present.next(), present.next())
                && counts(step)
            {
                return Some((a, b));
            }
        }
        None
    }

    /// Without a sample on the "many" side, and nothing to fill in, nothing is matched at all, so nothing can be wrong.
    fn is_matched(&self, step: usize) -> bool {
        let fills = self.fill_many.is_some() || self.fill_one.is_some();
        fills || self.many.iter().any(|series| series.has(step))
    }

    /// Whether there may be samples in the group that do not go together.
    fn may_fail(&self, group: &Group) -> bool {
        let has_histograms =
            |side: &[Series], places: &[usize]| places.iter().any(|&at| !side[at].histograms.is_empty());
        self.arithmetic.operator.trims()
            || has_histograms(&self.many, &group.many)
            || has_histograms(&self.one, &group.one)
    }

    /// Whether a sample of the "many" side goes together with its partner, or with what stands in for one.
    fn succeeds(&self, group: &Group, many: usize, step: usize) -> bool {
        let mut partners = group.one.iter().map(|&one| self.one[one].cell(step));
        let partner = partners.find(|cell| !matches!(cell, Cell::Absent)).or(self.fill_one.map(Cell::Float));
        let many = self.many[many].cell(step);
        !matches!(many, Cell::Absent) && partner.is_some_and(|one| self.evaluate(&many, &one).0.is_some())
    }

    fn duplicate_error(&self, a: usize, b: usize) -> QueryError {
        let mut pair = [&self.one[a].labels, &self.one[b].labels];
        pair.sort();
        let group = braced(&self.choice().labels(pair[0]));
        let side = if self.one_is_left { "left" } else { "right" };
        QueryError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}]\
             ;many-to-many matching not allowed: matching labels must be unique on one side",
            braced(pair[0]),
            braced(pair[1]),
        ))
    }

    /// Calculates the results of one group, each with its place in the order of the "many" side: what has no part in that side
    /// comes last.
    fn join(&self, group: &Group, pace: &mut Pace<'_>, results: &mut Vec<(usize, Series)>) -> Result<(), QueryError> {
        let mut add = |place: usize, series: Option<Series>| results.extend(series.map(|series| (place, series)));
        for &many in &group.many {
            for &one in &group.one {
                let (left, right) = (&self.many[many], &self.one[one]);
                pace.advance(self.steps)?;
                let result = self.combined(many, left, right);
                add(many, self.result(&left.labels, &right.labels, result));
            }
            if let Some(fill) = self.fill_one {
                let series = &self.many[many];
                pace.advance(self.steps.saturating_mul(group.one.len()))?;
                let has_partner = |step: usize| group.one.iter().any(|&one| self.one[one].has(step));
                let apply = |step, cell: &Cell| self.apply((step, Some(many)), cell, &Cell::Float(fill));
                let result = self.filled(series, has_partner, apply);
                // The stand-in has the labels that are matched, also for `group_left(label)`.
                let stand_in = self.choice().labels(&series.labels);
                add(many, self.result(&series.labels, &stand_in, result));
            }
        }
        if let Some(fill) = self.fill_many {
            let may_fail = self.may_fail(group);
            // A partner that it failed with is none.
            let is_partner = |many: usize, step: usize| {
                if may_fail { self.succeeds(group, many, step) } else { self.many[many].has(step) }
            };
            for &one in &group.one {
                let series = &self.one[one];
                pace.advance(self.steps.saturating_mul(group.many.len()))?;
                let has_partner = |step: usize| group.many.iter().any(|&many| is_partner(many, step));
                let apply = |step, cell: &Cell| self.apply((step, None), &Cell::Float(fill), cell);
                let result = self.filled(series, has_partner, apply);
                let stand_in = self.choice().labels(&series.labels);
                add(usize::MAX, self.result(&stand_in, &series.labels, result));
            }
        }
        Ok(())
    }

    /// The operation at all steps at which both sides have a sample; the labels are still to come.
    fn combined(&self, place: usize, many: &Series, one: &Series) -> Series {
        if self.arithmetic.operator.trims() || !many.histograms.is_empty() || !one.histograms.is_empty() {
            let mut result = Series::absent(Labels::empty(), self.steps);
            for step in 0..self.steps {
                result.set(step, self.apply((step, Some(place)), &many.cell(step), &one.cell(step)));
            }
            return result;
        }
        let operator = self.arithmetic.operator;
        let value = |(&many, &one): (&f64, &f64)| {
            if !is_present(many) || !is_present(one) {
                return ABSENT;
            }
            let (left, right) = if self.one_is_left { (one, many) } else { (many, one) };
            operator.apply(left, right, left)
        };
        Series::new(Labels::empty(), many.values.iter().zip(&one.values).map(value).collect())
    }

    /// What `apply` makes of a series at the steps at which it has no partner.
    fn filled(
        &self,
        series: &Series,
        has_partner: impl Fn(usize) -> bool,
        apply: impl Fn(usize, &Cell) -> Cell,
    ) -> Series {
        let mut result = Series::absent(Labels::empty(), self.steps);
        for step in (0..self.steps).filter(|&step| series.has(step) && !has_partner(step)) {
            result.set(step, apply(step, &series.cell(step)));
        }
        result
    }

    /// The operation on a sample of the "many" side and one of the "one" side, at a step. `place` is that of the "many" side; `None` where
    /// a value stands in for it.
    fn apply(&self, (step, place): (usize, Option<usize>), many: &Cell, one: &Cell) -> Cell {
        let (result, remark) = self.evaluate(many, one);
        if let Some(remark) = remark {
            self.remarks.borrow_mut().add(step, place.unwrap_or(usize::MAX), remark);
        }
        result.unwrap_or(Cell::Absent)
    }

    /// The same with the remark; no result when they do not go together.
    fn evaluate(&self, many: &Cell, one: &Cell) -> (Option<Cell>, Option<Remark>) {
        let (left, right) = if self.one_is_left { (one, many) } else { (many, one) };
        let kept = if let Cell::Float(value) = left { *value } else { ABSENT };
        self.arithmetic.evaluate(left, right, kept)
    }

    /// A result with its labels; `None` when it holds nothing.
    fn result(&self, many: &Labels, one: &Labels, mut series: Series) -> Option<Series> {
        if series.is_absent() {
            return None;
        }
        series.labels = self.result_labels(many, one);
        let operator = self.arithmetic.operator;
        let is_bool = operator.is_comparison() && !operator.filters() && !operator.keeps_name;
        if is_bool && self.delayed_name_removal {
            series.drop_name = true;
        } else if is_bool {
            series.labels = without_name(&series.labels);
        }
        Some(series)
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let choice = self.choice();
        let one_to_one = self.matching.card == Cardinality::OneToOne;
        let operator = self.arithmetic.operator;
        let keeps = |name: &str| {
            if is_name_label(name) && operator.keeps_name {
                return true;
            }
            let named = is_name_label(name) && !operator.is_comparison() && !operator.trims();
            let unmatched = one_to_one && (self.matching.on != choice.names.iter().any(|one| one == name));
            !named && !unmatched
        };
        if self.matching.include.is_empty() {
            return Labels::from_sorted(many.iter().filter(|(name, _)| keeps(name)));
        }
        let mut builder = LabelsBuilder::from_labels(many);
        builder.retain(keeps);
        for name in &self.matching.include {
            builder.set(name, one.get(name).unwrap_or(""));
        }
        builder.build()
    }
}

/// Labels with the metric's name among them, as Prometheus prints them in errors.
pub(crate) fn braced(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
