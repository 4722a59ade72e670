//! Trees as text: `Display` prints what Prometheus prints, on one line, and it parses back to an equal tree.

use std::fmt::{self, Display, Formatter};

use bongsu_model::{METRIC_NAME, MatchOp, Matcher, format_duration_ms, format_float, is_legacy_label_name};

use crate::string::Quoted;
use crate::{
    AggregateExpr, At, BinaryExpr, Call, Cardinality, Duration, DurationExpr, DurationOp, Expr, ExprKind, Extent,
    MatrixSelector, NumberLiteral, SubqueryExpr, UnaryOp, VectorMatching, VectorSelector,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The left spine from its foot upwards: it may be too deep for recursion.
        let spine: Vec<&Self> = self.left_spine().collect();
        for expr in spine.into_iter().rev() {
            match &expr.kind {
                ExprKind::Binary(binary) => write!(f, " {} {}", Operator(binary), binary.rhs)?,
                ExprKind::Number(number) => number.fmt(f)?,
                ExprKind::String(text) => Quoted(text).fmt(f)?,
                ExprKind::Vector(selector) => selector.fmt(f)?,
                ExprKind::Matrix(matrix) => matrix.fmt(f)?,
                ExprKind::Subquery(subquery) => subquery.fmt(f)?,
                ExprKind::Call(call) => call.fmt(f)?,
                ExprKind::Aggregate(aggregate) => aggregate.fmt(f)?,
                ExprKind::Unary(unary) => write!(f, "{}{}", unary.op, unary.expr)?,
                ExprKind::Paren(inner) => write!(f, "({inner}){}", KeepName(inner))?,
            }
        }
        Ok(())
    }
}

/// The text, not the structure: a derived form would recurse over the left spine.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Expr`{self}`")
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            // The sign apart, because zero has one too.
            let sign = if self.value.is_sign_negative() { "-" } else { "" };
            return write!(f, "{sign}{}", format_duration_ms((self.value.abs() * 1000.0).round() as i64));
        }
        // "+Inf" would be a sign before a literal, which binds less tightly than "^".
        f.write_str(format_float(self.value).trim_start_matches('+'))
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_matchers(f)?;
        self.write_modifiers(f)
    }
}

impl VectorSelector {
    fn write_matchers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or_default();
        let is_the_name = |m: &&Matcher| m.name() == METRIC_NAME && m.op() == MatchOp::Equal && m.value() == name;
        f.write_str(name)?;
        let mut others = self.matchers.iter().filter(|m| self.name.is_none() || !is_the_name(m)).peekable();
        if others.peek().is_none() && self.name.is_some() {
            return Ok(());
        }
        write_list(f, "{", ",", "}", others.map(LabelMatcher))
    }

    fn write_modifiers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.extent {
            Extent::Plain => {}
            Extent::Anchored => f.write_str(" anchored")?,
            Extent::Smoothed => f.write_str(" smoothed")?,
        }
        write_at_and_offset(f, self.at, &self.offset)
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.selector.write_matchers(f)?;
        write!(f, "[{}]", self.range)?;
        self.selector.write_modifiers(f)
    }
}

impl Display for SubqueryExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, SubqueryTail(self))
    }
}

/// What follows the inner expression: `[1h:5m] offset 1m`.
pub(crate) struct SubqueryTail<'a>(pub &'a SubqueryExpr);

impl Display for SubqueryTail<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:", self.0.range)?;
        if let Some(step) = &self.0.step {
            step.fmt(f)?;
        }
        f.write_str("]")?;
        write_at_and_offset(f, self.0.at, &self.0.offset)
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name)?;
        write_list(f, "(", ", ", ")", &self.args)?;
        f.write_str(if self.keep_name { KEEP_NAME } else { "" })
    }
}

pub(crate) const KEEP_NAME: &str = " keep_metric_names";

/// What follows the parentheses around an expression.
pub(crate) struct KeepName<'a>(pub &'a Expr);

impl Display for KeepName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            ExprKind::Binary(binary) if binary.keep_name => f.write_str(KEEP_NAME),
            _ => Ok(()),
        }
    }
}

impl Display for AggregateExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.param {
            Some(param) => write!(f, "{}({param}, {})", AggregateHead(self), self.expr),
            None => write!(f, "{}({})", AggregateHead(self), self.expr),
        }
    }
}

/// What stands before the arguments: `sum by (job) `.
pub(crate) struct AggregateHead<'a>(pub &'a AggregateExpr);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.without || !self.0.grouping.is_empty() {
            f.write_str(if self.0.without { " without " } else { " by " })?;
            write_labels(f, &self.0.grouping)?;
            f.write_str(" ")?;
        }
        Ok(())
    }
}

/// What stands between the operands: `* on (job) group_left ()`.
pub(crate) struct Operator<'a>(pub &'a BinaryExpr);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.return_bool {
            f.write_str(" bool")?;
        }
        self.0.matching.as_ref().map_or(Ok(()), |matching| matching.fmt(f))
    }
}

impl Display for VectorMatching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let grouping = match self.card {
            Cardinality::ManyToOne => Some(" group_left "),
            Cardinality::OneToMany => Some(" group_right "),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || grouping.is_some() {
            f.write_str(if self.on { " on " } else { " ignoring " })?;
            write_labels(f, &self.labels)?;
        }
        if let Some(grouping) = grouping {
            f.write_str(grouping)?;
            write_labels(f, &self.include)?;
        }
        match (self.fill.left, self.fill.right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", format_float(left))
            }
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", format_float(left))?;
                }
                if let Some(right) = right {
                    write!(f, " fill_right ({})", format_float(right))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for UnaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
        })
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(ms) => f.write_str(&format_duration_ms(*ms)),
            Self::Computed(expr, _) => expr.fmt(f),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(number) => number.fmt(f),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Unary(op, expr) => write!(f, "{op}{expr}"),
            Self::Binary(op @ (DurationOp::MinOf | DurationOp::MaxOf), a, b, _) => write!(f, "{op}({a}, {b})"),
            Self::Binary(op, a, b, _) => write!(f, "{a} {op} {b}"),
            Self::Paren(expr) => write!(f, "({expr})"),
        }
    }
}

impl Display for DurationOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::MinOf => "min_of",
            Self::MaxOf => "max_of",
        })
    }
}

fn write_at_and_offset(f: &mut Formatter<'_>, at: Option<At>, offset: &Duration) -> fmt::Result {
    match at {
        Some(At::Timestamp(ms)) => {
            let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
            write!(f, " @ {sign}{}.{:03}", ms / 1000, ms % 1000)?;
        }
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    match offset {
        Duration::Fixed(0) => Ok(()),
        Duration::Fixed(_) => write!(f, " offset {offset}"),
        Duration::Computed(expr, _) if expr.is_signed_operand() => write!(f, " offset {expr}"),
        // In parentheses, or else the operators would belong to the expression around the selector.
        Duration::Computed(expr, _) => write!(f, " offset ({expr})"),
    }
}

/// `(a, "b.c")`
fn write_labels(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    write_list(f, "(", ", ", ")", names.iter().map(|name| LabelName(name)))
}

fn write_list<T: Display>(
    f: &mut Formatter<'_>,
    open: &str,
    separator: &str,
    close: &str,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    f.write_str(open)?;
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    f.write_str(close)
}

struct LabelMatcher<'a>(&'a Matcher);

impl Display for LabelMatcher<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", LabelName(self.0.name()), self.0.op(), Quoted(self.0.value()))
    }
}

/// A label name, in quotes when it needs them.
struct LabelName<'a>(&'a str);

impl Display for LabelName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_legacy_label_name(self.0) { f.write_str(self.0) } else { Quoted(self.0).fmt(f) }
    }
}
