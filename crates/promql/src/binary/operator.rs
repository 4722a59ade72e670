//! Arithmetic and comparison of two floats.

use bongsu_syntax::{BinaryExpr, BinaryOp};

use crate::number::ABSENT;

/// An operator that makes one float of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    op: BinaryOp,
    return_bool: bool,
}

impl Operator {
    pub(crate) fn of(binary: &BinaryExpr) -> Self {
        // Two scalars are compared to 0 or 1 whatever is written; the parser asks for `bool` there.
        let scalars = [&binary.lhs, &binary.rhs].iter().all(|side| side.value_type == bongsu_syntax::ValueType::Scalar);
        Self { op: binary.op, return_bool: binary.return_bool || scalars }
    }

    /// Whether it takes samples away in place of calculating.
    pub(crate) fn filters(self) -> bool {
        self.op.is_comparison() && !self.return_bool
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.op.is_comparison()
    }

    /// The result; for a comparison that holds `kept`, else [`ABSENT`].
    #[inline]
    pub(crate) fn apply(self, left: f64, right: f64, kept: f64) -> f64 {
        let holds = match self.op {
            BinaryOp::Add => return left + right,
            BinaryOp::Sub => return left - right,
            BinaryOp::Mul => return left * right,
            BinaryOp::Div => return left / right,
            BinaryOp::Mod => return left % right,
            BinaryOp::Pow => return left.powf(right),
            BinaryOp::Atan2 => return left.atan2(right),
            BinaryOp::Equal => left == right,
            BinaryOp::NotEqual => left != right,
            BinaryOp::Less => left < right,
            BinaryOp::LessEqual => left <= right,
            BinaryOp::Greater => left > right,
            BinaryOp::GreaterEqual => left >= right,
            // Set operators have no floats; trimming is for histograms.
            BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                return ABSENT;
            }
        };
        match (self.return_bool, holds) {
            (true, _) => f64::from(u8::from(holds)),
            (false, true) => kept,
            (false, false) => ABSENT,
        }
    }
}
