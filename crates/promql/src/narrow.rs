//! Narrows selectors by what their partners in an operation ask for: of `a{job="x"} / b` only the `b` of that job can have a partner.
//!
//! Nothing else changes. So it is done only where partners have to agree in all labels, and only on sides on which no two series can have
//! the same labels, because Prometheus refuses those even if they have no partner.

use bongsu_model::{METRIC_NAME, MatchOp, Matcher};
use bongsu_syntax::{
    AggregateExpr, AggregateOp, BinaryExpr, BinaryOp, Call, Expr, ExprKind, ValueType, VectorSelector,
};

use crate::functions::{date, math};
use crate::range::matrix_place;
use crate::series::is_name_label;

/// Operations in a chain.
const SPINE_MAX: usize = 64;

/// The narrower expression; `None` when it would be the same.
pub(crate) fn narrow(expr: &Expr) -> Option<Expr> {
    // Chains of very many operations are walked in a loop elsewhere, and rarely have anything to narrow.
    let mut too_long = false;
    expr.walk(&mut |expr| too_long |= expr.left_spine().nth(SPINE_MAX).is_some());
    if too_long {
        return None;
    }
    let mut worth_it = false;
    expr.walk(&mut |expr| {
        worth_it |= matches!(&expr.kind, ExprKind::Binary(binary) if agrees_in_all_labels(binary)
            && (!asked_for(&binary.lhs).is_empty() || !asked_for(&binary.rhs).is_empty()));
    });
    if !worth_it {
        return None;
    }
    let mut narrowed = expr.clone();
    narrow_operations(&mut narrowed);
    Some(narrowed)
}

/// Operations from the outer ones to the inner ones, so that what is asked for outside reaches all that is inside.
fn narrow_operations(expr: &mut Expr) {
    if let ExprKind::Binary(binary) = &mut expr.kind
        && agrees_in_all_labels(binary)
    {
        let (of_left, of_right) = (asked_for(&binary.lhs), asked_for(&binary.rhs));
        demand(&mut binary.rhs, &of_left);
        if binary.op != BinaryOp::Unless {
            demand(&mut binary.lhs, &of_right);
        }
    }
    for child in expr.children_mut() {
        narrow_operations(child);
    }
}

/// Whether a result needs partners on both sides that agree in all labels but the name.
fn agrees_in_all_labels(binary: &BinaryExpr) -> bool {
    let vectors = [&binary.lhs, &binary.rhs].iter().all(|side| side.value_type == ValueType::Vector);
    let plain = binary.matching.as_ref().is_none_or(|matching| {
        let unfilled = matching.fill.left.is_none() && matching.fill.right.is_none();
        !matching.on && matching.labels.is_empty() && matching.include.is_empty() && unfilled
    });
    vectors && plain && binary.op != BinaryOp::Or && !binary.op.is_presence()
}

/// What all series of the result fulfil.
fn asked_for(expr: &Expr) -> Vec<Matcher> {
    match &expr.kind {
        ExprKind::Vector(selector) => of_selector(selector),
        ExprKind::Matrix(matrix) => of_selector(&matrix.selector),
        ExprKind::Paren(inner) => asked_for(inner),
        ExprKind::Unary(unary) => asked_for(&unary.expr),
        ExprKind::Call(call) => kept_argument(call).map_or_else(Vec::new, |place| asked_for(&call.args[place])),
        ExprKind::Aggregate(aggregate) if groups_by_labels(aggregate) => {
            let mut matchers = asked_for(&aggregate.expr);
            matchers.retain(|matcher| survives(aggregate, matcher));
            matchers
        }
        // Whether there is any series at all decides what `default` gives.
        ExprKind::Binary(binary) if binary.op.is_presence() => Vec::new(),
        ExprKind::Binary(binary) => match (binary.lhs.value_type, binary.rhs.value_type) {
            (ValueType::Scalar, _) => asked_for(&binary.rhs),
            (_, ValueType::Scalar) => asked_for(&binary.lhs),
            _ if agrees_in_all_labels(binary) => asked_for(&binary.lhs),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn of_selector(selector: &VectorSelector) -> Vec<Matcher> {
    selector.matchers.iter().filter(|matcher| !is_name_label(matcher.name())).cloned().collect()
}

/// Adds conditions to the selectors that the result is made of, as far as that is safe.
fn demand(expr: &mut Expr, matchers: &[Matcher]) {
    if matchers.is_empty() {
        return;
    }
    match &mut expr.kind {
        ExprKind::Vector(selector) => demand_of_selector(selector, matchers),
        ExprKind::Matrix(matrix) => demand_of_selector(&mut matrix.selector, matchers),
        ExprKind::Paren(inner) => demand(inner, matchers),
        ExprKind::Unary(unary) => demand(&mut unary.expr, matchers),
        ExprKind::Call(call) => {
            if let Some(place) = kept_argument(call) {
                demand(&mut call.args[place], matchers);
            }
        }
        ExprKind::Aggregate(aggregate) if groups_by_labels(aggregate) => {
            let surviving: Vec<Matcher> =
                matchers.iter().filter(|matcher| survives(aggregate, matcher)).cloned().collect();
            demand(&mut aggregate.expr, &surviving);
        }
        ExprKind::Binary(binary) if binary.op.is_presence() => {}
        ExprKind::Binary(binary) => match (binary.lhs.value_type, binary.rhs.value_type) {
            (ValueType::Scalar, _) => demand(&mut binary.rhs, matchers),
            (_, ValueType::Scalar) => demand(&mut binary.lhs, matchers),
            _ if agrees_in_all_labels(binary) => {
                demand(&mut binary.lhs, matchers);
                demand(&mut binary.rhs, matchers);
            }
            _ => {}
        },
        _ => {}
    }
}

fn demand_of_selector(selector: &mut VectorSelector, matchers: &[Matcher]) {
    let one_name =
        selector.matchers.iter().any(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal);
    if !one_name {
        return;
    }
    for matcher in matchers {
        let same = |known: &Matcher| {
            known.name() == matcher.name() && known.op() == matcher.op() && known.value() == matcher.value()
        };
        if !selector.matchers.iter().any(same) {
            selector.matchers.push(matcher.clone());
        }
    }
}

/// The argument whose labels the function keeps and of each series of which it makes one.
fn kept_argument(call: &Call) -> Option<usize> {
    let id = call.function.id;
    use bongsu_syntax::FunctionId as F;
    if matches!(id, F::AbsentOverTime | F::Rate | F::Increase) {
        // Rates remark upon names that are not those of counters, also of series without a partner.
        return matrix_place(call).filter(|&place| id != F::AbsentOverTime && is_counter(&call.args[place]));
    }
    let per_value = math::function(id).is_some() || (date::function(id).is_some() && !call.args.is_empty());
    if per_value || matches!(id, F::Clamp | F::ClampMax | F::ClampMin | F::Round) {
        return Some(0);
    }
    matrix_place(call)
}

fn is_counter(arg: &Expr) -> bool {
    let name = arg.unparen().selector().and_then(|selector| {
        selector.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
    });
    name.is_some_and(|name| ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.value().ends_with(suffix)))
}

/// Whether the aggregation makes groups of labels alone.
fn groups_by_labels(aggregate: &AggregateExpr) -> bool {
    !matches!(aggregate.op, AggregateOp::CountValues)
}

/// Whether a group's series all have the same value of the label.
fn survives(aggregate: &AggregateExpr, matcher: &Matcher) -> bool {
    let named = aggregate.grouping.iter().any(|label| label == matcher.name());
    if aggregate.without { !named } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(query: &str) -> String {
        let expr = crate::testing::parse(query);
        narrow(&expr).unwrap_or(expr).to_string()
    }

    #[test]
    fn partners_are_asked_for_the_same_labels() {
        for (query, expected) in [
            (r#"a{x="1"} / b"#, r#"a{x="1"} / b{x="1"}"#),
            (r#"a - b{x=~"1.*"}"#, r#"a{x=~"1.*"} - b{x=~"1.*"}"#),
            (r#"a unless b{x="1"}"#, r#"a unless b{x="1"}"#),
            (r#"a{x="1"} unless b"#, r#"a{x="1"} unless b{x="1"}"#),
            (r#"a{x="1"} or b"#, r#"a{x="1"} or b"#),
            (r#"a{x="1"} / on(x) b"#, r#"a{x="1"} / on (x) b"#),
            (
                r#"1 - sum by(x) (rate(a_total{x="1",y="2"}[5m])) / sum by(x) (b)"#,
                r#"1 - sum by (x) (rate(a_total{x="1",y="2"}[5m])) / sum by (x) (b{x="1"})"#,
            ),
            (r#"a{x="1"} * rate(b[5m])"#, r#"a{x="1"} * rate(b[5m])"#),
            (r#"a{x="1"} * {__name__=~"b|c"}"#, r#"a{x="1"} * {__name__=~"b|c"}"#),
            (r#"a{x="1"} * label_replace(b, "x", "1", "", "")"#, r#"a{x="1"} * label_replace(b, "x", "1", "", "")"#),
            (r#"(a{x="1"} + b) * max_over_time(c[5m])"#, r#"(a{x="1"} + b{x="1"}) * max_over_time(c{x="1"}[5m])"#),
        ] {
            assert_eq!(narrowed(query), expected);
        }
    }
}
