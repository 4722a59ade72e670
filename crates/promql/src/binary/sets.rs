//! `and`, `or`, `unless`: which samples of one vector have a partner in the other.

use bongsu_syntax::{BinaryExpr, VectorMatching};

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::keys::{KeyNumbers, LabelChoice};
use crate::series::{Series, Vector, merge_same_labels};

/// For each key of one side: at which steps any of its series has a sample.
#[derive(Default)]
pub(super) struct Presence {
    keys: KeyNumbers,
    steps: Vec<Vec<bool>>,
}

impl Presence {
    pub(super) fn of(side: &[Series], choice: LabelChoice<'_>) -> Self {
        let mut presence = Self::default();
        for series in side {
            let (number, is_new) = presence.keys.number(choice, &series.labels);
            if is_new {
                presence.steps.push(vec![false; series.values.len()]);
            }
            for (step, seen) in presence.steps[number].iter_mut().enumerate() {
                *seen |= series.has(step);
            }
        }
        presence
    }

    /// Keeps the samples of `series` that have a partner, or those that have none.
    pub(super) fn filter(&mut self, series: &mut Series, choice: LabelChoice<'_>, with_partner: bool) {
        match self.keys.find(choice, &series.labels) {
            Some(number) => {
                for (step, _) in self.steps[number].iter().enumerate().filter(|(_, seen)| **seen != with_partner) {
                    series.remove(step);
                }
            }
            None if with_partner => *series = Series::absent(series.labels.clone(), series.values.len()),
            None => {}
        }
    }
}

pub(super) fn choice(matching: Option<&VectorMatching>) -> LabelChoice<'_> {
    match matching {
        Some(matching) => LabelChoice { names: &matching.labels, only_these: matching.on },
        None => LabelChoice { names: &[], only_these: false },
    }
}

impl Evaluator<'_> {
    /// `and` (with a partner) and `unless` (without one).
    pub(super) fn eval_and(
        &self,
        binary: &BinaryExpr,
        mut lhs: Vector,
        rhs: Vector,
        with_partner: bool,
    ) -> Result<Vector, QueryError> {
        self.budget.check()?;
        let choice = choice(binary.matching.as_ref());
        let mut presence = Presence::of(&rhs.series, choice);
        lhs.series.iter_mut().for_each(|series| presence.filter(series, choice, with_partner));
        lhs.series.retain(|series| !series.is_absent());
        Ok(lhs)
    }

    /// All of the left side, and what of the right side has no partner there.
    pub(super) fn eval_or(&self, binary: &BinaryExpr, mut lhs: Vector, mut rhs: Vector) -> Result<Vector, QueryError> {
        self.budget.check()?;
        let choice = choice(binary.matching.as_ref());
        let mut presence = Presence::of(&lhs.series, choice);
        rhs.series.iter_mut().for_each(|series| presence.filter(series, choice, false));
        lhs.series.extend(rhs.series.into_iter().filter(|series| !series.is_absent()));
        lhs.charge.absorb(rhs.charge);
        merge_same_labels(&mut lhs.series)?;
        Ok(lhs)
    }
}
