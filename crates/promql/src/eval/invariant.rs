//! Finds the parts of an expression that have the same value at every step: those whose selectors all have `@`.

use std::collections::HashSet;

use bongsu_syntax::{AggregateExpr, Call, Expr, ExprKind, FunctionId, ValueType};

/// The outermost nodes of which the value does not depend on the step, by address. They are evaluated once.
#[derive(Debug, Default)]
pub(crate) struct InvariantRoots(HashSet<usize>);

impl InvariantRoots {
    /// One pass over the expression, which must not move as long as the answer is used.
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut roots = Self::default();
        if roots.visit(expr) {
            roots.add(expr);
        }
        roots
    }

    pub(crate) fn contains(&self, expr: &Expr) -> bool {
        !self.0.is_empty() && self.0.contains(&address(expr))
    }

    fn add(&mut self, expr: &Expr) {
        // A number is as cheap as its lookup would be.
        if !matches!(expr.unparen().kind, ExprKind::Number(_) | ExprKind::String(_)) {
            self.0.insert(address(expr));
        }
    }

    /// Whether the expression is invariant. When it is not, its invariant children are roots.
    fn visit(&mut self, expr: &Expr) -> bool {
        // The left spine from its foot upwards, so that deep sums need no deep recursion.
        let spine: Vec<&Expr> = expr.left_spine().collect();
        let Some((foot, operators)) = spine.split_last() else { return false };
        let (mut node, mut invariant) = (*foot, self.visit_node(foot));
        for &parent in operators.iter().rev() {
            let ExprKind::Binary(binary) = &parent.kind else { return false };
            let rhs_invariant = self.visit(&binary.rhs);
            if invariant != rhs_invariant {
                self.add(if invariant { node } else { &binary.rhs });
            }
            (node, invariant) = (parent, invariant && rhs_invariant);
        }
        invariant
    }

    fn visit_node(&mut self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => true,
            ExprKind::Vector(selector) => selector.at.is_some(),
            ExprKind::Matrix(matrix) => matrix.selector.at.is_some(),
            // The inner expression has steps of its own, so what is invariant in there is found anew.
            ExprKind::Subquery(subquery) => {
                if self.visit(&subquery.expr) {
                    self.add(&subquery.expr);
                }
                subquery.at.is_some()
            }
            ExprKind::Call(call) => self.visit_call(call),
            ExprKind::Aggregate(AggregateExpr { expr, param, .. }) => match param {
                Some(param) => self.visit_all(&[param, expr]),
                None => self.visit(expr),
            },
            ExprKind::Unary(unary) => self.visit(&unary.expr),
            ExprKind::Paren(inner) => self.visit(inner),
            ExprKind::Binary(_) => self.visit(expr),
        }
    }

    fn visit_call(&mut self, call: &Call) -> bool {
        let args: Vec<&Expr> = call.args.iter().collect();
        let args_invariant = self.visit_all(&args);
        let fixed = !depends_on_time(call);
        if args_invariant && !fixed {
            // A range vector has no value of its own.
            args.into_iter().filter(|arg| arg.value_type != ValueType::Matrix).for_each(|arg| self.add(arg));
        }
        args_invariant && fixed
    }

    fn visit_all(&mut self, exprs: &[&Expr]) -> bool {
        let invariant: Vec<bool> = exprs.iter().map(|expr| self.visit(expr)).collect();
        if invariant.iter().all(|&one| one) {
            return true;
        }
        for (expr, _) in exprs.iter().zip(invariant).filter(|(expr, one)| *one && expr.value_type != ValueType::Matrix)
        {
            self.add(expr);
        }
        false
    }
}

/// Identifies a node; never followed.
fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// Functions whose value moves with the evaluation's time though their arguments stand still.
fn depends_on_time(call: &Call) -> bool {
    use FunctionId as F;
    match call.function.id {
        F::Time | F::Timestamp | F::PredictLinear => true,
        F::DayOfMonth | F::DayOfWeek | F::DayOfYear | F::DaysInMonth | F::Hour | F::Minute | F::Month | F::Year => {
            call.args.is_empty()
        }
        _ => false,
    }
}
