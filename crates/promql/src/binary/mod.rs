//! Operators between two values.

mod matching;
mod operator;
mod presence;
mod remarks;
mod sets;

use bongsu_syntax::{BinaryExpr, BinaryOp};

use crate::error::QueryError;
use crate::eval::{Evaluated, Evaluator, Stage};
use crate::grid::Grid;
pub(crate) use matching::braced;
use operator::Remark;
pub(crate) use operator::{Arithmetic, Operator};

impl Evaluator<'_> {
    /// The value of an operation whose operands are evaluated.
    pub(crate) fn eval_binary(
        &self,
        binary: &BinaryExpr,
        lhs: Evaluated,
        rhs: Evaluated,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let arithmetic = Arithmetic::of(binary, &self.annotations);
        let operator = arithmetic.operator;
        Ok(match (lhs, rhs) {
            (lhs @ Evaluated::Vector(_), rhs) | (lhs, rhs @ Evaluated::Vector(_)) if binary.op.is_presence() => {
                let (lhs, rhs) = (self.vector_of(lhs, grid)?, self.vector_of(rhs, grid)?);
                Evaluated::Vector(self.eval_presence(binary, lhs, rhs)?)
            }
            (Evaluated::Scalar(_), Evaluated::Scalar(_)) if operator.trims() => {
                let message = format!("operator \"{}\" not allowed for Scalar operations", binary.op);
                return Err(QueryError::execution(message));
            }
            (Evaluated::Scalar(mut lhs), Evaluated::Scalar(rhs)) => {
                for (left, &right) in lhs.values.iter_mut().zip(&*rhs) {
                    *left = operator.apply(*left, right, *left);
                }
                Evaluated::Scalar(lhs)
            }
            (Evaluated::Vector(vector), Evaluated::Scalar(scalar)) => {
                Evaluated::Vector(self.apply(&Stage::with_scalar(arithmetic, scalar, false), vector)?)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(vector)) => {
                Evaluated::Vector(self.apply(&Stage::with_scalar(arithmetic, scalar, true), vector)?)
            }
            (Evaluated::Vector(lhs), Evaluated::Vector(rhs)) => Evaluated::Vector(match binary.op {
                BinaryOp::And => self.eval_and(binary, lhs, rhs, true)?,
                BinaryOp::Unless => self.eval_and(binary, lhs, rhs, false)?,
                BinaryOp::Or => self.eval_or(binary, lhs, rhs)?,
                _ => self.eval_matched(binary, lhs, rhs, grid)?,
            }),
            _ => {
                return Err(QueryError::bad_data(
                    "binary expression must contain only scalar and instant vector types",
                ));
            }
        })
    }
}
