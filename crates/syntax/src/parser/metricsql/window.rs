//! `rate(x)`: a window where none is written.

use super::embedded;
use crate::{
    Duration, DurationExpr, DurationOp, Expr, ExprKind, MatrixSelector, NumberLiteral, Place, Span, SubqueryExpr,
    ValueType,
};

/// The least window: as long as PromQL looks back for a sample, so that there is a rate at scrape intervals up to half of it.
const LEAST_SECONDS: f64 = 300.0;

/// Makes a range vector of an instant vector: of a selector by a window, of anything else by a subquery.
pub(super) fn imply(arg: &mut Expr) {
    let span = arg.span;
    let mut inner = std::mem::replace(arg, super::number(0.0, span));
    if let ExprKind::Vector(_) = inner.unparen().kind {
        while let ExprKind::Paren(next) = &mut inner.kind {
            let next = std::mem::replace(&mut **next, super::number(0.0, span));
            inner = next;
        }
    }
    *arg = match &inner.kind {
        ExprKind::Vector(selector) => matrix(selector.clone(), window(), span),
        ExprKind::Call(call) if super::filters::is_union_of_selectors(call) => {
            let mut union = inner;
            super::filters::to_matrices(&mut union, &window(), span);
            union
        }
        _ => {
            let expr = Box::new(embedded(inner, span));
            let subquery = SubqueryExpr { expr, range: window(), step: None, offset: Duration::ZERO, at: None };
            Expr::new(ExprKind::Subquery(subquery), span, ValueType::Matrix)
        }
    };
}

pub(super) fn matrix(selector: crate::VectorSelector, range: Duration, span: Span) -> Expr {
    Expr::new(ExprKind::Matrix(MatrixSelector { selector, range }), span, ValueType::Matrix)
}

/// `max_of(step(), 5m)`: each step's window touches that of the step before, and never is too short for a rate.
fn window() -> Duration {
    let least = DurationExpr::Literal(NumberLiteral { value: LEAST_SECONDS, is_duration: true });
    let (step, place) = (Box::new(DurationExpr::Step), Place::default());
    Duration::Computed(Box::new(DurationExpr::Binary(DurationOp::MaxOf, step, Box::new(least), place)), place)
}
