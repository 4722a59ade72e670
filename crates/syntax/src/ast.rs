//! The syntax tree.
//!
//! Every node knows where it stands in the query text and what type of value it gives, so that nobody has to walk the
//! tree to learn either. How deep a tree nests is bounded by [`ParseOptions::depth_max`](crate::ParseOptions), with one
//! exception: a chain of left-associative operators (`a + b + c + …`) leans to the left and is only bounded by the length of
//! the text. Code that walks trees must follow [`BinaryExpr::lhs`] in a loop; [`Expr::left_spine`] helps.

use std::fmt;

use bongsu_model::Matcher;

use crate::{AggregateOp, BinaryOp, DurationExpr, Function, UnaryOp};

/// Bytes `start..end` of the query text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// From `start` up to, not including, `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the beginning of this span to the end of another.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// Line and column of the first byte, both from 1; columns count bytes, as Prometheus does.
    #[must_use]
    pub fn line_column(self, text: &str) -> (usize, usize) {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        (before.iter().filter(|&&b| b == b'\n').count() + 1, before.len() - line_start + 1)
    }
}

/// Where something stands. All places are equal, so that a tree equals the one that is parsed from its print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place(pub Span);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One sample for each series ("instant vector").
    Vector,
    /// A range of samples for each series ("range vector").
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// The name that the documentation uses: "instant vector".
    #[must_use]
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// The short name, as the HTTP API has it in `resultType`: "vector".
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        })
    }
}

/// One expression. Equality ignores spans. `Display` prints PromQL that parses to an equal tree; `Debug` prints the same.
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
    /// What it evaluates to; correct by construction in a parsed tree.
    pub value_type: ValueType,
}

/// The kinds of expressions.
#[derive(Clone, PartialEq)]
pub enum ExprKind {
    /// `4.2` or, as a scalar in seconds, `5m`.
    Number(NumberLiteral),
    /// `"text"`
    String(String),
    /// `up{job="node"} offset 5m`
    Vector(VectorSelector),
    /// `up{job="node"}[5m]`
    Matrix(MatrixSelector),
    /// `rate(up[5m])[1h:1m]`
    Subquery(SubqueryExpr),
    /// `rate(up[5m])`
    Call(Call),
    /// `sum by (job) (up)`
    Aggregate(AggregateExpr),
    /// `a + b`
    Binary(BinaryExpr),
    /// `-a`
    Unary(UnaryExpr),
    /// `(a)`
    Paren(Box<Expr>),
}

/// A number. Equality is by bits, except that every NaN equals every other.
#[derive(Clone, Copy, Debug)]
pub struct NumberLiteral {
    /// The value; seconds when written as a duration.
    pub value: f64,
    /// Whether it was written as a duration, as in `time() - 5m`.
    pub is_duration: bool,
}

/// Selects series.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    /// The metric name when it was written before the braces: `up{…}`. It stands among the matchers too, as the last one.
    pub name: Option<String>,
    /// All conditions, the one on `__name__` included.
    pub matchers: Vec<Matcher>,
    /// How far to look back; negative: ahead.
    pub offset: Duration,
    /// The fixed time of evaluation, when there is one.
    pub at: Option<At>,
    /// How values at the borders of a range are found.
    pub extent: Extent,
}

/// Selects a range of samples of each series.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// The series; offset and `@` of the whole selector stand here too.
    pub selector: VectorSelector,
    /// Length of the range; positive when [`Duration::Fixed`].
    pub range: Duration,
}

/// Evaluates an expression over a range, at steps.
#[derive(Clone, Debug, PartialEq)]
pub struct SubqueryExpr {
    /// An instant vector.
    pub expr: Box<Expr>,
    /// Length of the range; positive when [`Duration::Fixed`].
    pub range: Duration,
    /// Distance of the steps; the engine's default when absent.
    pub step: Option<Duration>,
    /// How far to look back; negative: ahead.
    pub offset: Duration,
    /// The fixed time of evaluation, when there is one.
    pub at: Option<At>,
}

/// A function call; number and types of the arguments fit the function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which function.
    pub function: &'static Function,
    /// As many as were written: optional ones may be absent.
    pub args: Vec<Expr>,
    /// `keep_metric_names` of MetricsQL: the metric's name stays though the function makes another quantity.
    pub keep_name: bool,
}

/// An aggregation over series.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateExpr {
    /// Which aggregation.
    pub op: AggregateOp,
    /// The instant vector that is aggregated.
    pub expr: Box<Expr>,
    /// The parameter that [`AggregateOp::param_type`] asks for.
    pub param: Option<Box<Expr>>,
    /// Labels after `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether the labels are those to leave out.
    pub without: bool,
}

/// An operation on two expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryExpr {
    /// Which operation.
    pub op: BinaryOp,
    /// Left operand; this side may be very deep.
    pub lhs: Box<Expr>,
    /// Right operand.
    pub rhs: Box<Expr>,
    /// Whether a comparison gives 0 or 1 in place of filtering.
    pub return_bool: bool,
    /// How series of the two sides find each other. Present exactly when both sides are instant vectors.
    pub matching: Option<VectorMatching>,
    /// `keep_metric_names` of MetricsQL; the operation then stands in parentheses.
    pub keep_name: bool,
}

/// A signed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct UnaryExpr {
    /// The sign.
    pub op: UnaryOp,
    /// A scalar or instant vector.
    pub expr: Box<Expr>,
}

/// A fixed time of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// `@ 1609746000`; milliseconds since the Unix epoch.
    Timestamp(i64),
    /// `@ start()`: the beginning of the query's time range.
    Start,
    /// `@ end()`: the end of the query's time range.
    End,
}

/// How values at the borders of a range are found (Prometheus' extended range selectors).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The samples inside the range and no others.
    #[default]
    Plain,
    /// `anchored`: the border has the value of the last sample before it.
    Anchored,
    /// `smoothed`: the border has a value interpolated between the samples around it.
    Smoothed,
}

/// A length of time, as written in a selector.
#[derive(Clone, Debug, PartialEq)]
pub enum Duration {
    /// Milliseconds, known from the text.
    Fixed(i64),
    /// Calculated when the query's time range is known.
    Computed(Box<DurationExpr>, Place),
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self::Fixed(0);
}

/// How series of two vectors find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorMatching {
    /// How many series of one side may meet one of the other.
    pub card: Cardinality,
    /// Whether `labels` are those that must be equal (`on`), or those that are not looked at (`ignoring`).
    pub on: bool,
    /// Labels after `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Labels after `group_left` or `group_right`: taken from the "one" side.
    pub include: Vec<String>,
    /// Values that stand in for series without a partner.
    pub fill: Fill,
}

/// Values that stand in for series without a partner; equality as of [`NumberLiteral`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Fill {
    /// For a missing left side.
    pub left: Option<f64>,
    /// For a missing right side.
    pub right: Option<f64>,
}

/// How many series of one side may meet one of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One of each side.
    #[default]
    OneToOne,
    /// `group_left`: many on the left side.
    ManyToOne,
    /// `group_right`: many on the right side.
    OneToMany,
    /// Set operations.
    ManyToMany,
}

impl PartialEq for NumberLiteral {
    fn eq(&self, other: &Self) -> bool {
        self.is_duration == other.is_duration && same_number(self.value, other.value)
    }
}

impl PartialEq for Fill {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => same_number(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same(self.left, other.left) && same(self.right, other.right)
    }
}

fn same_number(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}
