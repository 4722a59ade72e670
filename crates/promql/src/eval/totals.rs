//! Finds the selectors whose native histograms are asked for nothing but count and sum, so that their buckets need not be carried along.

use std::collections::HashSet;

use bongsu_syntax::{BinaryOp, Expr, ExprKind, FunctionId, VectorSelector};

use super::Evaluator;

/// The selectors, by address.
#[derive(Debug, Default)]
pub(crate) struct TotalsOnly(HashSet<usize>);

impl TotalsOnly {
    /// One pass over the expression, which must not move as long as the answer is used.
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut totals = Self::default();
        let mut todo = vec![(expr, false)];
        while let Some((expr, totals_asked)) = todo.pop() {
            let asked = match &expr.kind {
                ExprKind::Call(call) => match call.function.id {
                    FunctionId::HistogramCount | FunctionId::HistogramSum | FunctionId::HistogramAvg => true,
                    FunctionId::HistogramQuantile
                    | FunctionId::HistogramQuantiles
                    | FunctionId::HistogramFraction
                    | FunctionId::HistogramStddev
                    | FunctionId::HistogramStdvar => false,
                    _ => totals_asked,
                },
                // Buckets tell of resets between samples that the steps pass over.
                ExprKind::Subquery(_) => false,
                ExprKind::Binary(binary) => {
                    totals_asked && !matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
                }
                _ => totals_asked,
            };
            if asked && let Some(selector) = expr.selector() {
                totals.0.insert(address(selector));
            }
            todo.extend(expr.children().into_iter().map(|child| (child, asked)));
        }
        totals
    }
}

impl Evaluator<'_> {
    pub(super) fn skips_buckets(&self, selector: &VectorSelector) -> bool {
        !self.totals.0.is_empty() && self.totals.0.contains(&address(selector))
    }
}

/// Identifies a selector; never followed.
fn address(selector: &VectorSelector) -> usize {
    std::ptr::from_ref(selector).addr()
}
