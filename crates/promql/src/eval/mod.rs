//! Walks an expression and makes columns of it.

mod accounted;
mod call;
mod invariant;
mod pipeline;
mod select;
mod subquery;
mod totals;

use std::sync::Arc;

use bongsu_model::Source;
use bongsu_syntax::{Expr, ExprKind, QueryWindow, UnaryOp};

use crate::account::Account;
use crate::annotation::Annotations;
use crate::budget::Budget;
use crate::error::QueryError;
use crate::grid::Grid;
use crate::series::{Scalar, Series, Vector, merge_same_labels, without_name};
pub(crate) use invariant::InvariantRoots;
pub(crate) use pipeline::Stage;
pub(crate) use totals::TotalsOnly;

/// One running query.
pub(crate) struct Evaluator<'q> {
    /// For work that is enough for several threads.
    pub(crate) threads: &'q rayon::ThreadPool,
    pub(crate) source: &'q dyn Source,
    pub(crate) budget: Arc<Budget>,
    pub(crate) annotations: Annotations,
    pub(crate) invariant: InvariantRoots,
    pub(crate) totals: TotalsOnly,
    /// The whole query's range; an instant query starts and ends at its time.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The time of day.
    pub(crate) now_ms: i64,
    /// The same for durations that are calculated.
    pub(crate) window: QueryWindow,
    pub(crate) lookback_ms: i64,
    pub(crate) series_max: usize,
    pub(crate) subquery_default_step_ms: i64,
    pub(crate) label_value_bytes_max: usize,
    pub(crate) delayed_name_removal: bool,
    pub(crate) start_timestamps: bool,
    /// Counts samples as Prometheus does; the evaluation is another one then.
    pub(crate) account: Option<Account>,
}

/// The value of an expression at all steps of a grid.
#[derive(Debug)]
pub(crate) enum Evaluated {
    /// A number for each step.
    Scalar(Scalar),
    /// A column for each series.
    Vector(Vector),
    /// The same text at every step.
    String(String),
}

impl Evaluator<'_> {
    /// The value of `expr` at each step of `grid`. Left operands are followed in a loop: they may nest as deep as the text is
    /// long.
    pub(crate) fn eval(&self, expr: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        if let Some(account) = &self.account {
            return self.eval_accounted(account, expr, grid);
        }
        let mut spine = Vec::new();
        let mut node = expr;
        if self.is_pipeline(expr, grid) {
            return self.collect_pipeline(expr, grid).map(Evaluated::Vector);
        }
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
        let mut value = self.eval_node(node, grid)?;
        while let Some(binary) = spine.pop() {
            let rhs = self.eval(&binary.rhs, grid)?;
            value = self.eval_binary(binary, value, rhs, grid)?;
        }
        Ok(value)
    }

    /// Whether the node has the same value at every step, so that one step is enough.
    fn is_constant(&self, node: &Expr, grid: Grid) -> bool {
        grid.count > 1 && self.invariant.contains(node)
    }

    fn eval_node(&self, node: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        if self.is_constant(node, grid) {
            let once = self.eval(node, Grid::at(grid.start_ms))?;
            return self.repeat(once, grid);
        }
        self.eval_varying(node, grid)
    }

    /// The value of a node that may differ from step to step.
    fn eval_varying(&self, node: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        self.budget.check()?;
        if self.is_pipeline(node, grid) {
            return self.collect_pipeline(node, grid).map(Evaluated::Vector);
        }
        match &node.kind {
            ExprKind::Number(number) => self.constant(number.value, grid).map(Evaluated::Scalar),
            ExprKind::String(text) => Ok(Evaluated::String(text.clone())),
            ExprKind::Call(call) => self.eval_call(node, call, grid),
            ExprKind::Aggregate(aggregate) => self.eval_aggregate(aggregate, node.span, grid).map(Evaluated::Vector),
            ExprKind::Unary(unary) => {
                let value = self.eval(&unary.expr, grid)?;
                match (unary.op, value) {
                    (UnaryOp::Plus, value) => Ok(value),
                    (UnaryOp::Minus, Evaluated::Scalar(mut column)) => {
                        column.values.iter_mut().for_each(|cell| *cell = -*cell);
                        Ok(Evaluated::Scalar(column))
                    }
                    (UnaryOp::Minus, Evaluated::Vector(vector)) => {
                        self.apply(&Stage::negation(), vector).map(Evaluated::Vector)
                    }
                    (UnaryOp::Minus, text) => Ok(text),
                }
            }
            // The caller has opened parentheses and operators, and selectors are pipelines.
            ExprKind::Paren(_) | ExprKind::Binary(_) | ExprKind::Vector(_) => self.eval(node, grid),
            ExprKind::Matrix(_) | ExprKind::Subquery(_) => {
                Err(QueryError::bad_data("a range vector cannot be used here; expected a function that takes one"))
            }
        }
    }

    /// A value of one step, for all steps.
    fn repeat(&self, once: Evaluated, grid: Grid) -> Result<Evaluated, QueryError> {
        Ok(match once {
            Evaluated::Scalar(column) => Evaluated::Scalar(self.constant(column[0], grid)?),
            Evaluated::Vector(mut vector) => {
                vector.charge.grow(vector.series.len() * (grid.count - 1))?;
                for series in &mut vector.series {
                    series.repeat(grid.count);
                }
                Evaluated::Vector(vector)
            }
            text @ Evaluated::String(_) => text,
        })
    }

    pub(crate) fn eval_vector(&self, expr: &Expr, grid: Grid) -> Result<Vector, QueryError> {
        match self.eval(expr, grid)? {
            Evaluated::Vector(vector) => Ok(vector),
            _ => Err(QueryError::bad_data("expected an instant vector")),
        }
    }

    pub(crate) fn eval_scalar(&self, expr: &Expr, grid: Grid) -> Result<Scalar, QueryError> {
        match self.eval(expr, grid)? {
            Evaluated::Scalar(column) => Ok(column),
            _ => Err(QueryError::bad_data("expected a scalar")),
        }
    }

    pub(crate) fn eval_string(&self, expr: &Expr) -> Result<String, QueryError> {
        match &expr.unparen().kind {
            ExprKind::String(text) => Ok(text.clone()),
            _ => Err(QueryError::bad_data("expected a string")),
        }
    }

    /// A scalar made anew, of a value for each step; its memory is charged.
    pub(crate) fn scalar(&self, values: impl Iterator<Item = f64>, grid: Grid) -> Result<Scalar, QueryError> {
        let charge = self.budget.charge(grid.count)?;
        Ok(Scalar { values: values.collect(), charge })
    }

    /// The same number at every step.
    pub(crate) fn constant(&self, value: f64, grid: Grid) -> Result<Scalar, QueryError> {
        self.scalar(std::iter::repeat_n(value, grid.count), grid)
    }

    /// A vector of series that were made anew; their memory is charged.
    pub(crate) fn vector(&self, series: Vec<Series>, grid: Grid) -> Result<Vector, QueryError> {
        let charge = self.budget.charge(series.len().saturating_mul(grid.count))?;
        Ok(Vector { series, charge })
    }

    /// Takes the names away, now or at the end of the query, and joins the series that are then the same.
    pub(crate) fn drop_names(&self, series: &mut Vec<Series>) -> Result<(), QueryError> {
        for one in series.iter_mut() {
            self.drop_name(one);
        }
        if self.delayed_name_removal { Ok(()) } else { merge_same_labels(series) }
    }

    /// Takes the name away from one series, now or at the end of the query.
    pub(crate) fn drop_name(&self, series: &mut Series) {
        if self.delayed_name_removal {
            series.drop_name = true;
        } else {
            series.labels = without_name(&series.labels);
        }
    }

    /// Carries out the name removals that were put off.
    pub(crate) fn finish(&self, series: &mut Vec<Series>) -> Result<(), QueryError> {
        for one in series.iter_mut().filter(|one| one.drop_name) {
            one.labels = without_name(&one.labels);
            one.drop_name = false;
        }
        merge_same_labels(series)
    }
}
