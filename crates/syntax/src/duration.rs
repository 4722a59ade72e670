//! Calculated durations: `rate(x[step() * 4])`.

use crate::{Duration, Place, Span};

/// A calculation whose result is a number of seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// A number of seconds, written as a number or as a duration.
    Literal(crate::NumberLiteral),
    /// `step()`: the query's step; 0 for an instant query.
    Step,
    /// `range()`: the query's end less its start.
    Range,
    /// `-a` or `+a`
    Unary(crate::UnaryOp, Box<DurationExpr>),
    /// `a + b` and the like, or `min_of(a, b)`. Its place is from the first operand to the second.
    Binary(DurationOp, Box<DurationExpr>, Box<DurationExpr>, Place),
    /// `(a)`
    Paren(Box<DurationExpr>),
}

/// Operations on two durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    MinOf,
    MaxOf,
}

/// The time range of a whole query, which calculated durations may refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryWindow {
    /// Distance of the steps, milliseconds; 0 for an instant query.
    pub step_ms: i64,
    /// End less start, milliseconds; 0 for an instant query.
    pub range_ms: i64,
}

/// Why a duration could not be calculated, and which bytes of the text say so. `Display` has Prometheus' form, where the place of the first
/// byte, from 0, and that of the byte after the last stand in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {kind}", span.start, span.end)]
pub struct DurationError {
    /// What is wrong.
    pub kind: DurationErrorKind,
    /// The calculation.
    pub span: Span,
}

/// What is wrong with a calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationErrorKind {
    /// A divisor is 0.
    #[error("division by zero")]
    DivisionByZero,
    /// A divisor of a remainder is 0.
    #[error("modulo by zero")]
    ModuloByZero,
    /// Ranges and steps have a length.
    #[error("duration must be greater than 0")]
    NotPositive,
    /// Beyond what times can hold.
    #[error("duration is out of range")]
    OutOfRange,
}

impl Duration {
    /// The milliseconds of an offset: any sign.
    ///
    /// # Errors
    /// When the calculation has no result, or one that is out of range.
    pub fn resolve(&self, window: QueryWindow) -> Result<i64, DurationError> {
        match self {
            Self::Fixed(ms) => Ok(*ms),
            Self::Computed(expr, place) => {
                let error = DurationError { kind: DurationErrorKind::OutOfRange, span: place.0 };
                cut_to_ms(expr.seconds(window)?).ok_or(error)
            }
        }
    }

    /// The milliseconds of a range or step: greater than 0.
    ///
    /// # Errors
    /// As [`Duration::resolve`], and when the result is not positive.
    pub fn resolve_positive(&self, window: QueryWindow) -> Result<i64, DurationError> {
        let (ms, span) = match self {
            Self::Fixed(ms) => (*ms, Span::default()),
            Self::Computed(expr, place) if expr.seconds(window)? <= 0.0 => (0, place.0),
            Self::Computed(_, place) => (self.resolve(window)?, place.0),
        };
        let error = DurationError { kind: DurationErrorKind::NotPositive, span };
        if ms > 0 { Ok(ms) } else { Err(error) }
    }

    /// Whether it is no time at all, whatever the query's time range.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl DurationExpr {
    /// Whether the result depends on the query's time range.
    #[must_use]
    pub fn depends_on_window(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Step | Self::Range => true,
            Self::Unary(_, expr) | Self::Paren(expr) => expr.depends_on_window(),
            Self::Binary(_, lhs, rhs, _) => lhs.depends_on_window() || rhs.depends_on_window(),
        }
    }

    /// The expression inside any number of parentheses.
    pub(crate) fn unparen(self) -> Self {
        let mut expr = self;
        while let Self::Paren(inner) = expr {
            expr = *inner;
        }
        expr
    }

    /// The expression in parentheses; a literal without a sign needs none.
    pub(crate) fn in_parens(self) -> Self {
        match self {
            Self::Literal(number) if !number.value.is_sign_negative() => self,
            expr => Self::Paren(Box::new(expr)),
        }
    }

    /// Whether `offset` takes it without parentheses: an operand with one sign at most.
    pub(crate) fn is_signed_operand(&self) -> bool {
        let operand = match self {
            Self::Unary(_, expr) => expr,
            expr => expr,
        };
        use DurationOp::{MaxOf, MinOf};
        matches!(
            operand,
            Self::Literal(_) | Self::Step | Self::Range | Self::Paren(_) | Self::Binary(MinOf | MaxOf, ..)
        )
    }

    /// The result in seconds.
    fn seconds(&self, window: QueryWindow) -> Result<f64, DurationError> {
        Ok(match self {
            Self::Literal(number) => number.value,
            Self::Step => window.step_ms as f64 / 1000.0,
            Self::Range => window.range_ms as f64 / 1000.0,
            Self::Unary(crate::UnaryOp::Plus, expr) | Self::Paren(expr) => expr.seconds(window)?,
            Self::Unary(crate::UnaryOp::Minus, expr) => -expr.seconds(window)?,
            Self::Binary(op, lhs, rhs, place) => {
                let (lhs, rhs) = (lhs.seconds(window)?, rhs.seconds(window)?);
                op.apply(lhs, rhs).map_err(|kind| DurationError { kind, span: place.0 })?
            }
        })
    }
}

impl DurationOp {
    fn apply(self, a: f64, b: f64) -> Result<f64, DurationErrorKind> {
        Ok(match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div if b == 0.0 => return Err(DurationErrorKind::DivisionByZero),
            Self::Div => a / b,
            Self::Mod if b == 0.0 => return Err(DurationErrorKind::ModuloByZero),
            Self::Mod => a % b,
            Self::Pow => a.powf(b),
            Self::MinOf => a.min(b),
            Self::MaxOf => a.max(b),
        })
    }
}

/// 64 bits of nanoseconds, Prometheus' bound (about 292 years), as milliseconds.
const BOUND_MS: f64 = (i64::MAX / 1_000_000) as f64;

/// Rounded milliseconds; `None` beyond the bound.
pub(crate) fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    (ms.abs() <= BOUND_MS).then_some(ms as i64)
}

/// Whole milliseconds, as Prometheus takes calculated durations; `None` beyond the bound. What is whole but for the error
/// of the multiplication is whole: 1.001 s are 1001 ms.
fn cut_to_ms(seconds: f64) -> Option<i64> {
    let (ms, whole) = (seconds * 1000.0, (seconds * 1000.0).round());
    let ms = if (ms - whole).abs() < 1e-6 { whole } else { ms.trunc() };
    (ms.abs() <= BOUND_MS).then_some(ms as i64)
}
