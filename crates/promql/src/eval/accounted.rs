//! Evaluation node by node, in the order in which Prometheus evaluates, so that its counts of samples come out.

use bongsu_syntax::{AggregateOp, Expr, ExprKind, Extent, FunctionId};

use super::{Evaluated, Evaluator};
use crate::account::{Account, Shape};
use crate::error::QueryError;
use crate::grid::Grid;
use crate::range::matrix_place;

impl Evaluator<'_> {
    /// As [`Evaluator::eval`], which see for the loop over left operands.
    pub(super) fn eval_accounted(&self, account: &Account, expr: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        let (mut spine, mut node) = (Vec::new(), expr);
        loop {
            match &node.kind {
                _ if self.is_constant(node, grid) => break,
                ExprKind::Paren(inner) => node = inner,
                ExprKind::Binary(binary) => {
                    spine.push(binary);
                    node = &binary.lhs;
                }
                _ => break,
            }
        }
        let before = account.current();
        let mut value = self.node_accounted(account, node, grid)?;
        while let Some(binary) = spine.pop() {
            let lhs = account.take();
            account.open();
            let rhs = self.eval(&binary.rhs, grid);
            let operands: Vec<Shape> = lhs.into_iter().chain(account.close()).collect();
            value = self.eval_binary(binary, value, rhs?, grid)?;
            let shape = shape(&value, grid);
            account.made_by_steps(before, &operands, &shape);
            account.give(shape);
        }
        Ok(value)
    }

    fn node_accounted(&self, account: &Account, node: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        if self.is_constant(node, grid) {
            let (once, samples) = account.apart(1, grid.start_ms, || self.eval(node, Grid::at(grid.start_ms)));
            let value = self.repeat(once?, grid)?;
            let shape = shape(&value, grid);
            account.repeated(&shape, samples);
            account.give(shape);
            return Ok(value);
        }
        let before = account.current();
        account.open();
        let value = self.eval_varying(node, grid);
        let operands = account.close();
        let value = value?;
        let shape = shape(&value, grid);
        match Making::of(node) {
            Making::Selection { looked_at } => account.selected(&shape, looked_at),
            Making::Windows => account.end_window(),
            Making::Times => {
                account.looked_at_times(&shape);
                account.made_by_steps(before, std::slice::from_ref(&shape), &shape);
            }
            Making::InPlace => {}
            Making::AtOnce => account.made_at_once(before, &shape),
            Making::BySteps => account.made_by_steps(before, &operands, &shape),
        }
        account.give(shape);
        Ok(value)
    }
}

fn shape(value: &Evaluated, grid: Grid) -> Shape {
    match value {
        Evaluated::Scalar(scalar) => Shape::of_scalar(scalar),
        Evaluated::Vector(vector) => Shape::of_series(&vector.series, grid),
        Evaluated::String(_) => Shape::default(),
    }
}

/// How Prometheus makes the value of a node, as far as what it holds goes.
enum Making {
    Selection {
        looked_at: bool,
    },
    /// Series by series, with a window over each, which has been counted on the way.
    Windows,
    /// Of the times of selected samples.
    Times,
    /// Its operand is changed.
    InPlace,
    /// All steps of an operand at a time.
    AtOnce,
    BySteps,
}

impl Making {
    fn of(node: &Expr) -> Self {
        use FunctionId as F;
        match &node.kind {
            ExprKind::Vector(selector) => Self::Selection { looked_at: selector.extent != Extent::Smoothed },
            ExprKind::Unary(_) => Self::InPlace,
            ExprKind::Aggregate(aggregate) if aggregate.op != AggregateOp::CountValues => Self::AtOnce,
            ExprKind::Call(call) => match call.function.id {
                F::LabelReplace | F::LabelJoin => Self::InPlace,
                F::Timestamp if matches!(call.args[0].unparen().kind, ExprKind::Vector(_)) => Self::Times,
                _ if matrix_place(call).is_some() => Self::Windows,
                _ => Self::BySteps,
            },
            _ => Self::BySteps,
        }
    }
}
