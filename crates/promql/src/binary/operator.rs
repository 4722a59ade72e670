//! Arithmetic and comparison of two samples.

use bongsu_model::{FloatHistogram, IncompatibleHistograms, Joined, ResetHint};
use bongsu_syntax::{BinaryExpr, BinaryOp, Span};

use crate::annotation::{Annotations, HistogramOperation};
use crate::number::{ABSENT, is_present};
use crate::series::Cell;

/// An operator that makes one sample of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    op: BinaryOp,
    return_bool: bool,
    /// The metric's name stays, because the query says so.
    pub(crate) keeps_name: bool,
}

impl Operator {
    pub(crate) fn of(binary: &BinaryExpr) -> Self {
        // Two scalars are compared to 0 or 1 whatever is written; the parser asks for `bool` there.
        let scalars = [&binary.lhs, &binary.rhs].iter().all(|side| side.value_type == bongsu_syntax::ValueType::Scalar);
        Self { op: binary.op, return_bool: binary.return_bool || scalars, keeps_name: binary.keep_name }
    }

    /// Whether it takes samples away in place of calculating.
    pub(crate) fn filters(self) -> bool {
        self.op.is_comparison() && !self.return_bool
    }

    /// Whether the result is another quantity than the operand, so that the metric's name goes.
    pub(crate) fn drops_name(self) -> bool {
        !self.keeps_name && !self.filters() && !self.trims()
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.op.is_comparison()
    }

    /// Whether it takes observations out of histograms.
    pub(crate) fn trims(self) -> bool {
        matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
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
            BinaryOp::Default => return if left.is_nan() { right } else { left },
            BinaryOp::If => return if right.is_nan() { f64::NAN } else { left },
            BinaryOp::IfNot => return if right.is_nan() { left } else { f64::NAN },
        };
        match (self.return_bool, holds) {
            (true, _) => f64::from(u8::from(holds)),
            (false, true) => kept,
            (false, false) => ABSENT,
        }
    }
}

/// An operator at its place in the query, which remarks upon samples that do not go together.
#[derive(Clone, Copy)]
pub(crate) struct Arithmetic<'e> {
    pub(crate) operator: Operator,
    span: Span,
    annotations: &'e Annotations,
}

impl<'e> Arithmetic<'e> {
    pub(crate) fn of(binary: &BinaryExpr, annotations: &'e Annotations) -> Self {
        let span = Span { start: binary.lhs.span.start, end: binary.rhs.span.end };
        Self { operator: Operator::of(binary), span, annotations }
    }

    /// The result of two samples, one of which may be a histogram. A comparison that holds keeps a float's `kept`, or the left histogram.
    /// What does not go together is remarked upon.
    pub(crate) fn apply(&self, left: &Cell, right: &Cell, kept: f64) -> Cell {
        let (result, remark) = self.evaluate(left, right, kept);
        remark.into_iter().for_each(|remark| self.remark(remark));
        result.unwrap_or(Cell::Absent)
    }

    /// The same, with what there is to remark; `None` when the two do not go together. A comparison that does not hold is no failure.
    pub(crate) fn evaluate(&self, left: &Cell, right: &Cell, kept: f64) -> (Option<Cell>, Option<Remark>) {
        let op = self.operator.op;
        let incompatible = |left, right| (None, Some(Remark::IncompatibleTypes(left, right)));
        let cell = match (left, right) {
            (Cell::Absent, _) | (_, Cell::Absent) => Cell::Absent,
            (Cell::Float(_), Cell::Float(_)) if self.operator.trims() => return incompatible("float", "float"),
            (Cell::Float(left), Cell::Float(right)) => Cell::float(self.operator.apply(*left, *right, kept)),
            (Cell::Float(factor), Cell::Histogram(histogram)) if op == BinaryOp::Mul => {
                changed(histogram, |histogram| histogram.multiply(*factor))
            }
            (Cell::Float(_), Cell::Histogram(_)) => return incompatible("float", "histogram"),
            (Cell::Histogram(histogram), Cell::Float(number)) => match op {
                BinaryOp::Mul => changed(histogram, |histogram| histogram.multiply(*number)),
                BinaryOp::Div => changed(histogram, |histogram| histogram.divide(*number)),
                BinaryOp::TrimUpper => Cell::of(histogram.below(*number)),
                BinaryOp::TrimLower => Cell::of(histogram.above(*number)),
                _ => return incompatible("histogram", "float"),
            },
            (Cell::Histogram(a), Cell::Histogram(b)) => match op {
                BinaryOp::Add => return joined(a.plus(b), HistogramOperation::Addition),
                BinaryOp::Sub => return joined(a.minus(b), HistogramOperation::Subtraction),
                BinaryOp::Equal => self.compared(left, same(a, b)),
                BinaryOp::NotEqual => self.compared(left, !same(a, b)),
                _ => return incompatible("histogram", "histogram"),
            },
        };
        (Some(cell), None)
    }

    /// Remarks that no operator of this kind takes two floats.
    pub(crate) fn remark_on_floats(&self, column: &[f64]) {
        if column.iter().any(|&value| is_present(value)) {
            self.remark(Remark::IncompatibleTypes("float", "float"));
        }
    }

    pub(crate) fn remark(&self, remark: Remark) {
        let (annotations, span, op) = (self.annotations, self.span, self.operator.op);
        match remark {
            Remark::IncompatibleTypes(left, right) => annotations.incompatible_types(span, left, op, right),
            Remark::IncompatibleLayouts => annotations.incompatible_bucket_layout(span, op),
            Remark::ResetsCollide(operation) => annotations.reset_collision(span, operation),
            Remark::BoundsReconciled(operation) => annotations.bounds_reconciled(span, operation),
        }
    }

    fn compared(&self, left: &Cell, holds: bool) -> Cell {
        match (self.operator.return_bool, holds) {
            (true, _) => Cell::Float(f64::from(u8::from(holds))),
            (false, true) => left.clone(),
            (false, false) => Cell::Absent,
        }
    }
}

/// What there is to say of two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Remark {
    /// No operator of this kind takes them: their kinds.
    IncompatibleTypes(&'static str, &'static str),
    IncompatibleLayouts,
    ResetsCollide(HistogramOperation),
    BoundsReconciled(HistogramOperation),
}

/// A sum or difference. Histograms that contradict each other about a reset have none in Prometheus' engine, only the remark.
fn joined(
    result: Result<(FloatHistogram, Joined), IncompatibleHistograms>,
    operation: HistogramOperation,
) -> (Option<Cell>, Option<Remark>) {
    let Ok((mut histogram, joined)) = result else { return (None, Some(Remark::IncompatibleLayouts)) };
    if joined.resets_collide {
        return (None, Some(Remark::ResetsCollide(operation)));
    }
    if operation == HistogramOperation::Subtraction {
        histogram.reset_hint = ResetHint::Gauge;
    }
    histogram.compact();
    (Some(Cell::of(histogram)), joined.bounds_reconciled.then_some(Remark::BoundsReconciled(operation)))
}

fn changed(histogram: &FloatHistogram, change: impl FnOnce(&mut FloatHistogram)) -> Cell {
    let mut histogram = histogram.clone();
    change(&mut histogram);
    histogram.compact();
    Cell::of(histogram)
}

fn same(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let compact = |histogram: &FloatHistogram| {
        let mut histogram = histogram.clone();
        histogram.compact();
        histogram
    };
    a.same_as(b) || compact(a).same_as(&compact(b))
}
