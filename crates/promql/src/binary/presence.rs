//! `default`, `if` and `ifnot` of MetricsQL: whether there is a sample decides.

use bongsu_model::Labels;
use bongsu_syntax::{BinaryExpr, BinaryOp};

use super::sets::{Presence, choice};
use crate::error::QueryError;
use crate::eval::{Evaluated, Evaluator};
use crate::grid::Grid;
use crate::keys::{KeyNumbers, LabelChoice};
use crate::number::ABSENT;
use crate::series::{Scalar, Series, Vector, without_name};

/// Every series has the same key.
const ANY: LabelChoice<'_> = LabelChoice { names: &[], only_these: true };

impl Evaluator<'_> {
    /// A scalar is one series without labels; NaN is no sample.
    pub(super) fn vector_of(&self, value: Evaluated, grid: Grid) -> Result<Vector, QueryError> {
        match value {
            Evaluated::Vector(vector) => Ok(vector),
            Evaluated::Scalar(Scalar { mut values, charge }) => {
                debug_assert_eq!(values.len(), grid.count);
                values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = ABSENT);
                let series = Series::new(Labels::empty(), values);
                let series = if series.is_absent() { Vec::new() } else { vec![series] };
                Ok(Vector { series, charge })
            }
            Evaluated::String(_) => Err(QueryError::bad_data("expected an instant vector or a scalar, got a string")),
        }
    }

    pub(super) fn eval_presence(
        &self,
        binary: &BinaryExpr,
        mut lhs: Vector,
        rhs: Vector,
    ) -> Result<Vector, QueryError> {
        self.budget.check()?;
        let choice = match &*rhs.series {
            // One series without labels is for all.
            [lone] if without_name(&lone.labels).is_empty() && (lone.drop_name || lone.labels.is_empty()) => ANY,
            _ => choice(binary.matching.as_ref()),
        };
        if binary.op == BinaryOp::Default {
            return self.eval_default(lhs, rhs, choice);
        }
        let mut presence = Presence::of(&rhs.series, choice);
        lhs.series.iter_mut().for_each(|series| presence.filter(series, choice, binary.op == BinaryOp::If));
        lhs.series.retain(|series| !series.is_absent());
        Ok(lhs)
    }

    /// Fills the steps at which a series of the left side has no sample from those of the right side with its key. Nothing on the
    /// left side at all: the right side.
    fn eval_default(&self, mut lhs: Vector, rhs: Vector, choice: LabelChoice<'_>) -> Result<Vector, QueryError> {
        if lhs.series.is_empty() {
            return Ok(rhs);
        }
        let mut keys = KeyNumbers::default();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (place, series) in rhs.series.iter().enumerate() {
            let (number, _) = keys.number(choice, &series.labels);
            groups.resize_with(keys.len(), Vec::new);
            groups[number].push(place);
        }
        let mut pace = self.budget.pace();
        for series in &mut lhs.series {
            let Some(number) = keys.find(choice, &series.labels) else { continue };
            pace.advance(series.values.len().saturating_mul(groups[number].len()))?;
            for &place in &groups[number] {
                series.fill_from(&rhs.series[place]);
            }
        }
        Ok(lhs)
    }
}
