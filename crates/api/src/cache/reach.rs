//! Which samples the value of an expression at one time depends on, and whether it depends on anything else.

use bongsu_model::{METRIC_NAME, MatchOp};
use bongsu_syntax::{
    AggregateOp, At, BinaryOp, Duration, DurationExpr, Expr, ExprKind, Extent, Function, FunctionId, QueryWindow,
    VectorSelector,
};

/// Times of the samples that an expression looks at when it is evaluated at a time `t`: those from `t - behind_ms` to
/// `t + ahead_ms`, and those from `from_ms` to `until_ms`, which stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Not below zero.
    pub(super) behind_ms: i64,
    /// Not below zero.
    pub(super) ahead_ms: i64,
    /// [`i64::MAX`] when nothing stands still.
    pub(super) from_ms: i64,
    /// [`i64::MIN`] when nothing stands still.
    pub(super) until_ms: i64,
}

/// What the engine does with every expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) step_ms: i64,
    pub(super) lookback_ms: i64,
}

impl Reach {
    const NONE: Self = Self { behind_ms: 0, ahead_ms: 0, from_ms: i64::MAX, until_ms: i64::MIN };

    /// The reach of an expression; `None` when its value at a time also depends on where the query begins or ends, or on how the
    /// evaluation was divided up.
    pub(super) fn of(expr: &Expr, habits: Habits) -> Option<Self> {
        let mut reach = Self::NONE;
        for node in expr.left_spine() {
            reach = reach.and(Self::of_node(node, habits)?);
        }
        Some(reach)
    }

    /// Of a node, without the left operand of an operator.
    fn of_node(node: &Expr, habits: Habits) -> Option<Self> {
        match &node.kind {
            ExprKind::Number(_) | ExprKind::String(_) => Some(Self::NONE),
            ExprKind::Vector(selector) => Self::of_selector(selector, habits.lookback_ms, habits),
            ExprKind::Matrix(matrix) => Self::of_selector(&matrix.selector, resolve(&matrix.range, habits)?, habits),
            ExprKind::Subquery(subquery) if mixes_names(&subquery.expr) => None,
            ExprKind::Subquery(subquery) => {
                // Its own step is checked for what it refers to.
                subquery.step.as_ref().map_or(Some(0), |step| resolve(step, habits))?;
                let inner = Self::of(&subquery.expr, habits)?;
                let window = Self { behind_ms: resolve(&subquery.range, habits)?, ..Self::NONE };
                let moved = window.moved(resolve(&subquery.offset, habits)?);
                inner.seen_from(moved).fixed(subquery.at)
            }
            ExprKind::Call(call) => {
                // `info` looks for info series in the whole range of the query. `start()` and the like say themselves what they are.
                use FunctionId as F;
                if matches!(call.function.id, F::Info | F::Start | F::End | F::Range) {
                    return None;
                }
                // `now()` never stands still; the others mix names or keep them, see `mixes_names`.
                if call.keep_name || Function::metricsql_by_name(call.function.name).is_some() {
                    return None;
                }
                call.args.iter().try_fold(Self::NONE, |reach, arg| Some(reach.and(Self::of(arg, habits)?)))
            }
            ExprKind::Aggregate(aggregate) => {
                // Their last digits depend on how the series were divided into batches; those of compensated sums do not.
                if matches!(aggregate.op, AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar) {
                    return None;
                }
                // Of a parameter that changes only the extremes of the whole range are remarked upon.
                let changes = aggregate.param.as_ref().is_some_and(|param| !is_literal(param));
                if changes && matches!(aggregate.op, AggregateOp::Quantile | AggregateOp::LimitRatio) {
                    return None;
                }
                let param = aggregate.param.as_ref().map_or(Some(Self::NONE), |param| Self::of(param, habits))?;
                Some(param.and(Self::of(&aggregate.expr, habits)?))
            }
            // The left operand is the next node of the spine.
            // Whether a series is there at any step decides what `default` makes of it.
            ExprKind::Binary(binary) if binary.op.is_presence() || binary.keep_name => None,
            ExprKind::Binary(binary) => Self::of(&binary.rhs, habits),
            ExprKind::Unary(unary) if mixes_names(&unary.expr) => None,
            ExprKind::Unary(unary) => Self::of(&unary.expr, habits),
            ExprKind::Paren(inner) => Self::of(inner, habits),
        }
    }

    fn of_selector(selector: &VectorSelector, range_ms: i64, habits: Habits) -> Option<Self> {
        // See `mixes_names`.
        if !selector.matchers.iter().any(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal) {
            return None;
        }
        // Extended ranges look further on both sides.
        let further_ms = if selector.extent == Extent::Plain { 0 } else { habits.lookback_ms };
        let window = Self { behind_ms: range_ms.saturating_add(further_ms), ahead_ms: further_ms, ..Self::NONE };
        window.moved(resolve(&selector.offset, habits)?).fixed(selector.at)
    }

    fn and(self, other: Self) -> Self {
        Self {
            behind_ms: self.behind_ms.max(other.behind_ms),
            ahead_ms: self.ahead_ms.max(other.ahead_ms),
            from_ms: self.from_ms.min(other.from_ms),
            until_ms: self.until_ms.max(other.until_ms),
        }
    }

    /// With an offset into the past.
    fn moved(self, offset_ms: i64) -> Self {
        Self {
            behind_ms: self.behind_ms.saturating_add(offset_ms).max(0),
            ahead_ms: self.ahead_ms.saturating_sub(offset_ms).max(0),
            ..self
        }
    }

    /// Of something that is evaluated at all times of a window.
    fn seen_from(self, window: Self) -> Self {
        Self {
            behind_ms: self.behind_ms.saturating_add(window.behind_ms),
            ahead_ms: self.ahead_ms.saturating_add(window.ahead_ms),
            ..self
        }
    }

    /// Of something that is evaluated at one time whatever the step.
    fn fixed(self, at: Option<At>) -> Option<Self> {
        match at {
            None => Some(self),
            Some(At::Timestamp(ms)) => Some(Self {
                behind_ms: 0,
                ahead_ms: 0,
                from_ms: self.from_ms.min(ms.saturating_sub(self.behind_ms)),
                until_ms: self.until_ms.max(ms.saturating_add(self.ahead_ms)),
            }),
            Some(At::Start | At::End) => None,
        }
    }
}

/// Whether the value is written down, with a sign perhaps.
fn is_literal(expr: &Expr) -> bool {
    match &expr.unparen().kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Unary(unary) => is_literal(&unary.expr),
        _ => false,
    }
}

/// Whether series of several names can come out of an expression whose selectors have one name each. Some functions refuse series that
/// are the same but for their names, even when these never meet at a step: an error that a part of the steps does not show.
fn mixes_names(expr: &Expr) -> bool {
    let mut mixes = false;
    expr.walk(&mut |node| {
        mixes |= match &node.kind {
            ExprKind::Binary(binary) => binary.op == BinaryOp::Or,
            ExprKind::Call(call) => matches!(call.function.id, FunctionId::LabelReplace | FunctionId::LabelJoin),
            _ => false,
        }
    });
    mixes
}

/// A duration in milliseconds, unless it depends on the length of the query's range, or has no value.
fn resolve(duration: &Duration, habits: Habits) -> Option<i64> {
    if let Duration::Computed(expr, _) = duration
        && depends_on_range(expr)
    {
        return None;
    }
    duration.resolve(QueryWindow { step_ms: habits.step_ms, range_ms: 0 }).ok()
}

fn depends_on_range(expr: &DurationExpr) -> bool {
    match expr {
        DurationExpr::Range => true,
        DurationExpr::Literal(_) | DurationExpr::Step => false,
        DurationExpr::Unary(_, expr) | DurationExpr::Paren(expr) => depends_on_range(expr),
        DurationExpr::Binary(_, lhs, rhs, _) => depends_on_range(lhs) || depends_on_range(rhs),
    }
}

#[cfg(test)]
mod tests {
    use bongsu_syntax::ParseOptions;

    use super::*;

    fn reach(text: &str) -> Option<(i64, i64, i64, i64)> {
        let expr = bongsu_syntax::parse(text, &ParseOptions { metricsql: true, ..ParseOptions::default() }).unwrap();
        let habits = Habits { step_ms: 15_000, lookback_ms: 300_000 };
        Reach::of(&expr, habits).map(|r| (r.behind_ms / 1000, r.ahead_ms / 1000, r.from_ms, r.until_ms))
    }

    #[test]
    fn how_far_expressions_see() {
        const NOT: (i64, i64) = (i64::MAX, i64::MIN);
        for (text, behind, ahead) in [
            ("1", 0, 0),
            ("time()", 0, 0),
            ("x", 300, 0),
            ("x offset 1m", 360, 0),
            ("x offset -1m", 240, 60),
            ("x offset -10m", 0, 600),
            ("sum by (a) (rate(x[1m])) / on (a) y", 300, 0),
            ("rate(x[step() * 40])", 600, 0),
            ("max_over_time(rate(x[1m])[10m:1m] offset 5m)", 960, 0),
            ("max_over_time(x[10m:1m] offset -5m)", 600, 300),
            ("increase(x[1m] smoothed)", 360, 300),
        ] {
            assert_eq!(reach(text), Some((behind, ahead, NOT.0, NOT.1)), "{text}");
        }
        assert_eq!(reach("x @ 1000"), Some((0, 0, 700_000, 1_000_000)));
        assert_eq!(reach("x @ 1000 offset -10s + y"), Some((300, 0, 710_000, 1_010_000)));
        assert_eq!(reach("sum_over_time(x[1m:10s] @ 1000)"), Some((0, 0, 640_000, 1_000_000)));
    }

    #[test]
    fn what_depends_on_more_than_its_time_has_no_reach() {
        for text in [
            "x @ end()",
            "rate(x[range()])",
            "x offset range()",
            "y + max_over_time(x[5m:1m] @ start())",
            "info(x)",
            "start()",
            "now() - x",
            "x + (y default 0)",
            "x if y",
            "(x, y)",
            "rate(x[5m]) keep_metric_names",
            "(x * y) keep_metric_names",
            "sum(x) + end()",
            "stddev(x)",
            "rate({__name__=~\"a|b\"}[1m])",
            "-(a or b)",
            "max_over_time((a or b)[5m:])",
            "avg by (a) (x)",
            "sum_over_time(stdvar(x)[5m:])",
        ] {
            assert_eq!(reach(text), None, "{text}");
        }
        assert!(reach("step()").is_some(), "the step is a part of what is kept");
    }
}
