//! The same query with every selector fixed in time, to be asked at other times: what it gives must not change.
//!
//! Source: Prometheus' promqltest, which asks every instant query in this way, too.

use bongsu_syntax::{At, Expr, ExprKind, FunctionId};

/// The query with `@ at_ms` on every selector that has no fixed time; `None` when its value depends on more than its selectors.
pub fn fixed(query: &Expr, at_ms: i64) -> Option<Expr> {
    let mut fixed = query.clone();
    fix(&mut fixed, at_ms).then_some(fixed)
}

/// At which times a query that is fixed at `at_ms` is asked.
pub fn times_ms(at_ms: i64) -> Vec<i64> {
    if at_ms == 0 { vec![-1_000, 0, 1_000] } else { vec![-10 * at_ms, 0, at_ms / 5, at_ms, 10 * at_ms] }
}

/// Fixes all but what stands inside a subquery, which has times of its own. Tells whether that is enough.
fn fix(expr: &mut Expr, at_ms: i64) -> bool {
    let at = match &mut expr.kind {
        ExprKind::Vector(selector) => Some(&mut selector.at),
        ExprKind::Matrix(matrix) => Some(&mut matrix.selector.at),
        ExprKind::Subquery(subquery) => Some(&mut subquery.at),
        ExprKind::Call(call) if depends_on_time(call.function.id) => return false,
        _ => None,
    };
    match at {
        Some(Some(At::Timestamp(_))) => true,
        Some(at) => {
            *at = Some(At::Timestamp(at_ms));
            true
        }
        None => expr.children_mut().into_iter().all(|child| fix(child, at_ms)),
    }
}

/// Functions whose value may change with the time of the evaluation though their arguments stand still.
fn depends_on_time(id: FunctionId) -> bool {
    use FunctionId as F;
    match id {
        F::DaysInMonth | F::DayOfMonth | F::DayOfWeek | F::DayOfYear | F::Hour | F::Minute | F::Month | F::Year => true,
        F::Start | F::End | F::Range | F::Step | F::Time | F::Timestamp | F::PredictLinear => true,
        // Info series are looked up at the time of the evaluation, so Prometheus' own files ask range queries only.
        F::Info => true,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn at_a_minute(query: &str) -> Option<String> {
        fixed(&bongsu_syntax::parse(query, &bongsu_syntax::ParseOptions::default()).unwrap(), 60_000)
            .map(|query| query.to_string())
    }

    #[test]
    fn every_selector_is_fixed_but_not_what_a_subquery_asks() {
        assert_eq!(at_a_minute("a + rate(b[1m])").unwrap(), "a @ 60.000 + rate(b[1m] @ 60.000)");
        assert_eq!(at_a_minute("a @ 5 - a @ end()").unwrap(), "a @ 5.000 - a @ 60.000");
        assert_eq!(at_a_minute("sum_over_time(a[1m:10s])").unwrap(), "sum_over_time(a[1m:10s] @ 60.000)");
    }

    #[test]
    fn what_depends_on_the_time_is_not_asked_elsewhere() {
        assert_eq!(at_a_minute("a + time()"), None);
        assert_eq!(
            at_a_minute("sum_over_time(timestamp(a)[1m:10s])").unwrap(),
            "sum_over_time(timestamp(a)[1m:10s] @ 60.000)"
        );
    }
}
