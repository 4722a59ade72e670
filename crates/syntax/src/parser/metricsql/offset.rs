//! `sum(x) offset 1h`: an offset behind any expression goes to the selectors inside it.

use super::{NODE_BYTES, nodes};
use crate::parser::{Parser, Result};
use crate::{
    Duration, DurationExpr, DurationOp, Expr, ExprKind, FunctionId, MatrixSelector, NumberLiteral, Place, Span,
    ValueType,
};

impl Parser<'_> {
    /// Moves what an expression looks at.
    ///
    /// # Errors
    /// When it also looks at the time itself, which no selector's offset moves.
    pub(in crate::parser) fn offset_inside(&mut self, expr: &mut Expr, offset: &Duration, span: Span) -> Result<()> {
        self.charge_expansion(nodes(expr).saturating_mul(NODE_BYTES), span)?;
        let mut bad = None;
        shift(expr, offset, &mut bad);
        match bad {
            None => Ok(()),
            Some(Bad::Time(name)) => {
                Err(self.error(span, format!("an offset behind an expression with {name}() is not supported")))
            }
            Some(Bad::Range) => Err(self.error(span, "duration out of range")),
        }
    }
}

enum Bad {
    Time(&'static str),
    Range,
}

/// Left operands in a loop: they may nest as deep as the text is long.
fn shift(expr: &mut Expr, by: &Duration, bad: &mut Option<Bad>) {
    let mut node = expr;
    while matches!(node.kind, ExprKind::Binary(_)) {
        let ExprKind::Binary(binary) = &mut node.kind else { return };
        shift(&mut binary.rhs, by, bad);
        node = &mut binary.lhs;
    }
    match &mut node.kind {
        ExprKind::Vector(selector) | ExprKind::Matrix(MatrixSelector { selector, .. }) => {
            // A fixed time stands where it is.
            if selector.at.is_none() {
                add(&mut selector.offset, by, bad);
            }
        }
        ExprKind::Subquery(subquery) => {
            if subquery.at.is_none() {
                add(&mut subquery.offset, by, bad);
            }
        }
        ExprKind::Unary(unary) => shift(&mut unary.expr, by, bad),
        ExprKind::Paren(inner) => shift(inner, by, bad),
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| shift(param, by, bad));
            shift(&mut aggregate.expr, by, bad);
        }
        ExprKind::Call(call) => {
            if depends_on_time(call.function.id, &call.args) {
                *bad = Some(Bad::Time(call.function.name));
            }
            call.args.iter_mut().for_each(|arg| shift(arg, by, bad));
        }
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Binary(_) => {}
    }
}

fn depends_on_time(id: FunctionId, args: &[Expr]) -> bool {
    use FunctionId as F;
    match id {
        F::Time | F::PredictLinear => true,
        F::Timestamp => args.iter().any(|arg| arg.unparen().selector().is_none()),
        F::DayOfMonth | F::DayOfWeek | F::DayOfYear | F::DaysInMonth | F::Hour | F::Minute | F::Month | F::Year => {
            args.is_empty()
        }
        _ => false,
    }
}

fn add(offset: &mut Duration, by: &Duration, bad: &mut Option<Bad>) {
    *offset = match (&*offset, by) {
        (Duration::Fixed(a), Duration::Fixed(b)) => {
            let sum = a.checked_add(*b).filter(|&ms| crate::duration::seconds_to_ms(ms as f64 / 1000.0) == Some(ms));
            if sum.is_none() {
                *bad = Some(Bad::Range);
            }
            Duration::Fixed(sum.unwrap_or(0))
        }
        (Duration::Fixed(0), by) => by.clone(),
        (offset, by) => {
            let sum =
                DurationExpr::Binary(DurationOp::Add, Box::new(term(offset)), Box::new(term(by)), Place::default());
            Duration::Computed(Box::new(sum), Place::default())
        }
    };
}

/// A term of a sum, with parentheses when it has operators of its own.
fn term(duration: &Duration) -> DurationExpr {
    match duration {
        Duration::Fixed(ms) => DurationExpr::Literal(NumberLiteral { value: *ms as f64 / 1000.0, is_duration: true }),
        Duration::Computed(expr, _) if expr.is_signed_operand() => (**expr).clone(),
        Duration::Computed(expr, _) => DurationExpr::Paren(expr.clone()),
    }
}

/// Whether an offset behind it is one of everything inside.
pub(in crate::parser) fn takes_offset(expr: &Expr) -> bool {
    matches!(expr.value_type, ValueType::Vector | ValueType::Matrix)
}
