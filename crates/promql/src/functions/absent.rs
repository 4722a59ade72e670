//! `absent` and `absent_over_time`: a sample where there is none.

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp};
use bongsu_syntax::{Expr, ExprKind};

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::number::ABSENT;
use crate::series::{Series, Vector};

/// At which steps any series has a sample.
pub(crate) fn presence(series: &[Series], steps: usize) -> Vec<bool> {
    let mut present = vec![false; steps];
    for one in series {
        for (step, seen) in present.iter_mut().enumerate() {
            *seen |= one.has(step);
        }
    }
    present
}

impl Evaluator<'_> {
    /// One series with 1 at the steps where nothing is `present`; its labels are those that the selector asks for.
    pub(crate) fn absence(&self, arg: &Expr, present: &[bool], grid: Grid) -> Result<Vector, QueryError> {
        let column = present.iter().map(|&seen| if seen { ABSENT } else { 1.0 }).collect();
        let series = Series::new(labels_asked_for(arg), column);
        let series = if series.is_absent() { Vec::new() } else { vec![series] };
        self.vector(series, grid)
    }
}

/// What a series that the selector selects would have for labels: those that must be equal to one text.
fn labels_asked_for(arg: &Expr) -> Labels {
    let selector = match &arg.unparen().kind {
        ExprKind::Vector(selector) => selector,
        ExprKind::Matrix(matrix) => &matrix.selector,
        _ => return Labels::empty(),
    };
    let mut builder = LabelsBuilder::default();
    let mut seen = Vec::new();
    for matcher in selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        let first_equality = matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name());
        if first_equality {
            seen.push(matcher.name());
            builder.set(matcher.name(), matcher.value());
        } else {
            // Asked for in two ways: which one holds cannot be said.
            builder.del(matcher.name());
        }
    }
    builder.build()
}
