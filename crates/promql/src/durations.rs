//! Durations that are calculated, such as `x[step() * 4]`, are tried before anything is read, as in Prometheus.

use bongsu_syntax::{Duration, Expr, ExprKind, QueryWindow};

use crate::error::QueryError;

/// Refuses an expression of which any duration has no value for this query.
pub(crate) fn check_durations(expr: &Expr, window: QueryWindow) -> Result<(), QueryError> {
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        let (offset, lengths) = match &expr.kind {
            ExprKind::Vector(selector) => (&selector.offset, [None, None]),
            ExprKind::Matrix(matrix) => (&matrix.selector.offset, [Some(&matrix.range), None]),
            ExprKind::Subquery(subquery) => (&subquery.offset, [subquery.step.as_ref(), Some(&subquery.range)]),
            _ => (&Duration::ZERO, [None, None]),
        };
        offset.resolve(window)?;
        for length in lengths.into_iter().flatten() {
            length.resolve_positive(window)?;
        }
        todo.extend(expr.children().into_iter().rev());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Table;

    #[test]
    fn calculations_fail_before_anything_is_read() {
        let table = Table::default().with("x", 60_000, [1.0, 2.0, 3.0]);
        for (query, expected) in [
            ("x[5m - 5m]", "error: 2:9: duration must be greater than 0"),
            ("rate(x[(step())])", "error: 8:14: duration must be greater than 0"),
            ("x offset (1 / step())", "error: 10:20: division by zero"),
            ("x offset -(1h % (1 - 1))", "error: 11:22: modulo by zero"),
            ("sum_over_time(nothing[1m:-step()])", "error: 25:32: duration must be greater than 0"),
            ("x offset (10 ^ 30)", "error: 10:17: duration is out of range"),
            ("vector(1) + sum_over_time(nothing[min_of(-1m, 1m)])", "error: 41:48: duration must be greater than 0"),
        ] {
            assert_eq!(table.ask(query, 0), expected, "{query}");
        }
    }
}
