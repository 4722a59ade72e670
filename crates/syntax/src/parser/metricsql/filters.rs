//! `{a="b" or c="d"}`: alternatives in a selector become selectors in a `union`. What PromQL writes behind a selector goes to
//! each of them, and a range function around them is called for each.

use super::{NODE_BYTES, nodes, window};
use crate::parser::{Parser, Result};
use crate::{At, Call, Duration, Expr, ExprKind, FunctionId, Span, ValueType};

impl Parser<'_> {
    /// The union of selectors.
    pub(in crate::parser) fn alternatives(&self, selectors: Vec<Expr>, span: Span) -> Result<Expr> {
        let function = self.function(span, "union")?;
        let call = Call { function, args: selectors, keep_name: false };
        Ok(Expr::new(ExprKind::Call(call), span, ValueType::Vector))
    }

    /// `f(union(a[5m], b[5m]))` is `union(f(a[5m]), f(b[5m]))`.
    pub(super) fn each_alternative(&mut self, call: Call, place: usize, span: Span) -> Result<Expr> {
        if call.function.id == FunctionId::AbsentOverTime {
            return Err(self.error(span, "absent_over_time() of a selector with \"or\" is not supported"));
        }
        let Call { function, mut args, keep_name } = call;
        let ExprKind::Call(union) = args[place].unparen().kind.clone() else {
            return Ok(Expr::new(ExprKind::Call(Call { function, args, keep_name }), span, function.return_type));
        };
        args.remove(place);
        let copied: usize = args.iter().map(nodes).sum();
        self.charge_expansion(copied.saturating_mul(union.args.len()).saturating_mul(NODE_BYTES), span)?;
        let calls = union.args.into_iter().map(|alternative| {
            let mut args = args.clone();
            args.insert(place, alternative);
            Expr::new(ExprKind::Call(Call { function, args, keep_name }), span, function.return_type)
        });
        let calls = calls.collect();
        self.alternatives(calls, span)
    }

    /// A range vector of alternatives has no meaning but as an argument.
    pub(in crate::parser) fn check_alternatives(&mut self, expr: &Expr) {
        if alternatives_among(std::slice::from_ref(expr)).is_some() {
            let message = "a range vector with alternatives (\"or\" in a selector) must be an argument of a function";
            self.note_type_error(expr.span, message);
        }
    }
}

/// The argument that is a union of range vectors.
pub(super) fn alternatives_among(args: &[Expr]) -> Option<usize> {
    args.iter().position(|arg| {
        arg.value_type == ValueType::Matrix
            && matches!(&arg.unparen().kind, ExprKind::Call(call) if call.function.id == FunctionId::Union)
    })
}

pub(in crate::parser) fn is_union_of_selectors(call: &Call) -> bool {
    call.function.id == FunctionId::Union && call.args.iter().all(|arg| matches!(arg.kind, ExprKind::Vector(_)))
}

/// Gives every selector of a union a window.
pub(in crate::parser) fn to_matrices(union: &mut Expr, range: &Duration, span: Span) {
    if let ExprKind::Call(call) = &mut union.kind {
        for arg in &mut call.args {
            if let ExprKind::Vector(selector) = &arg.kind {
                *arg = window::matrix(selector.clone(), range.clone(), arg.span);
            }
        }
    }
    (union.value_type, union.span) = (ValueType::Matrix, span);
}

/// Sets the time of every selector of a union, where it has none yet; whether that could be done.
pub(in crate::parser) fn set_at(union: &mut Expr, time: At) -> bool {
    let ExprKind::Call(call) = &mut union.kind else { return false };
    if call.function.id != FunctionId::Union {
        return false;
    }
    call.args.iter_mut().all(|arg| match &mut arg.kind {
        ExprKind::Vector(selector) if selector.at.is_none() => {
            selector.at = Some(time);
            true
        }
        ExprKind::Matrix(matrix) if matrix.selector.at.is_none() => {
            matrix.selector.at = Some(time);
            true
        }
        _ => false,
    })
}
