//! The syntax tree.
//!
//! Every node knows where it stands in the query text and what type of value it gives, so that nobody has to walk the
//! tree to learn either. How deep a tree nests is bounded by [`ParseOptions::depth_max`](crate::ParseOptions), with one
//! exception: a chain of left-associative operators (`a + b + c + …`) leans to the left and is only bounded by the length of
//! the text. Code that walks trees must follow [`BinaryExpr::lhs`] in a loop; [`Expr::left_spine`] helps.

use std::fmt;

use bongsu_model::Matcher;

use crate::Function;
use crate::duration::DurationExpr;

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
    Computed(Box<DurationExpr>),
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

/// Signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// Operations on two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators; as_str has them as written")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
    /// `</`: keeps the part of native histograms below a bound.
    TrimUpper,
    /// `>/`: keeps the part of native histograms above a bound.
    TrimLower,
}

impl BinaryOp {
    /// As written in PromQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    /// `==`, `!=`, `<`, `<=`, `>`, `>=`.
    #[must_use]
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }

    /// `and`, `or`, `unless`.
    #[must_use]
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// How tightly it binds; higher is tighter. All are left-associative but `^`.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators; as_str has them as written")]
pub enum AggregateOp {
    Avg,
    BottomK,
    Count,
    CountValues,
    Group,
    LimitK,
    LimitRatio,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    TopK,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::BottomK,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::LimitK,
        Self::LimitRatio,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::TopK,
    ];

    /// As written in PromQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::BottomK => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::TopK => "topk",
        }
    }

    /// The type of the parameter before the vector, for those that take one.
    #[must_use]
    pub fn param_type(self) -> Option<ValueType> {
        match self {
            Self::BottomK | Self::TopK | Self::Quantile | Self::LimitK | Self::LimitRatio => Some(ValueType::Scalar),
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether Prometheus puts it behind its feature flag for experimental functions.
    #[must_use]
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}

impl fmt::Display for AggregateOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Expr {
    /// An expression; `value_type` must be the one that `kind` gives.
    #[must_use]
    pub fn new(kind: ExprKind, span: Span, value_type: ValueType) -> Self {
        Self { kind, span, value_type }
    }

    /// The expression inside any number of parentheses.
    #[must_use]
    pub fn unparen(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// This expression, its left operand, the left operand of that, and so on down to the first that is no binary
    /// operation: how to walk `a + b + c + …` without recursion.
    pub fn left_spine(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |expr| match &expr.kind {
            ExprKind::Binary(binary) => Some(&*binary.lhs),
            _ => None,
        })
    }

    /// Calls `visit` with this expression and with every expression inside it, outer ones before inner ones.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Self)) {
        for expr in self.left_spine() {
            visit(expr);
            match &expr.kind {
                ExprKind::Binary(binary) => binary.rhs.walk(visit),
                ExprKind::Unary(unary) => unary.expr.walk(visit),
                ExprKind::Paren(inner) => inner.walk(visit),
                ExprKind::Subquery(subquery) => subquery.expr.walk(visit),
                ExprKind::Call(call) => call.args.iter().for_each(|arg| arg.walk(visit)),
                ExprKind::Aggregate(aggregate) => {
                    aggregate.param.iter().for_each(|param| param.walk(visit));
                    aggregate.expr.walk(visit);
                }
                ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => {}
            }
        }
    }

    /// The series that this expression itself selects, when it is a selector of either kind.
    #[must_use]
    pub fn selector(&self) -> Option<&VectorSelector> {
        match &self.kind {
            ExprKind::Vector(selector) => Some(selector),
            ExprKind::Matrix(matrix) => Some(&matrix.selector),
            _ => None,
        }
    }

    /// Takes the left operand out of a binary operation and leaves a worthless node behind.
    fn take_lhs(&mut self) -> Option<Box<Self>> {
        if !matches!(self.kind, ExprKind::Binary(_)) {
            return None;
        }
        match std::mem::replace(&mut self.kind, ExprKind::String(String::new())) {
            ExprKind::Binary(binary) => Some(binary.lhs),
            _ => None,
        }
    }
}

/// Takes the left spine apart in a loop: a sum of 20,000 terms is dropped without deep recursion.
impl Drop for Expr {
    fn drop(&mut self) {
        let mut next = self.take_lhs();
        while let Some(mut expr) = next {
            next = expr.take_lhs();
        }
    }
}

/// Copies the left spine from its foot upwards, in a loop.
impl Clone for Expr {
    fn clone(&self) -> Self {
        let spine: Vec<&Self> = self.left_spine().collect();
        let mut copy: Option<Self> = None;
        for expr in spine.into_iter().rev() {
            let kind = match (&expr.kind, copy.take()) {
                (ExprKind::Binary(binary), Some(lhs)) => ExprKind::Binary(BinaryExpr {
                    op: binary.op,
                    lhs: Box::new(lhs),
                    rhs: binary.rhs.clone(),
                    return_bool: binary.return_bool,
                    matching: binary.matching.clone(),
                }),
                (kind, _) => kind.clone(),
            };
            copy = Some(Self::new(kind, expr.span, expr.value_type));
        }
        copy.expect("a spine has at least the expression itself")
    }
}

/// Compares the left spines in step, in a loop.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self, other);
        loop {
            match (&a.kind, &b.kind) {
                (ExprKind::Binary(x), ExprKind::Binary(y)) => {
                    if x.op != y.op || x.return_bool != y.return_bool || x.matching != y.matching || x.rhs != y.rhs {
                        return false;
                    }
                    (a, b) = (&x.lhs, &y.lhs);
                }
                (x, y) => return x == y,
            }
        }
    }
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
