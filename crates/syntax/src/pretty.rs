//! Trees as text over several lines, the way Prometheus' `format_query` sets them.
//!
//! What fits on a line stays on one. Else operands and arguments go to lines of their own, two spaces further in, and an
//! operator stands alone on a line between its operands.

use std::fmt::{self, Display, Write};

use crate::printer::{AggregateHead, KEEP_NAME, KeepName, Operator, SubqueryTail};
use crate::{BinaryExpr, Expr, ExprKind};

/// Longer expressions are split.
const LINE_BYTES_MAX: usize = 100;
/// Lines are not indented further than this: a chain of operators goes one level deeper with each.
const INDENTED_LEVELS_MAX: usize = 50;

impl Expr {
    /// The expression over as many lines as it needs; it parses back to an equal tree.
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write_pretty(self, 0, &mut out);
        out
    }
}

fn write_pretty(expr: &Expr, level: usize, out: &mut String) -> fmt::Result {
    // The left spine is walked in a loop: first up from its foot, to see which operations are too long for a line …
    let spine: Vec<&Expr> = expr.left_spine().collect();
    let mut line_bytes = 0;
    let mut split = spine.len();
    while split > 0 && line_bytes <= LINE_BYTES_MAX {
        line_bytes += match &spine[split - 1].kind {
            ExprKind::Binary(binary) => 2 + length(&Operator(binary)) + length(&binary.rhs),
            _ => length(spine[split - 1]),
        };
        split -= usize::from(line_bytes <= LINE_BYTES_MAX);
    }
    // … then those, `spine[..split]`, are split, innermost first.
    match spine.get(split) {
        Some(fits) => write!(out, "{}{fits}", Indent(level + split))?,
        None => write_split(spine[split - 1], level + split - 1, out)?,
    }
    for (at, expr) in spine[..split].iter().enumerate().rev() {
        if let ExprKind::Binary(binary) = &expr.kind {
            write_operation(binary, level + at, out)?;
        }
    }
    Ok(())
}

/// The operator on a line of its own, and the right operand.
fn write_operation(binary: &BinaryExpr, level: usize, out: &mut String) -> fmt::Result {
    writeln!(out, "\n{}{}", Indent(level), Operator(binary))?;
    write_pretty(&binary.rhs, level + 1, out)
}

/// Something that is too long for a line, and no operation.
fn write_split(expr: &Expr, level: usize, out: &mut String) -> fmt::Result {
    let indent = Indent(level);
    match &expr.kind {
        ExprKind::Paren(inner) => {
            write!(out, "{indent}")?;
            write_arguments([&**inner], level, out)?;
            write!(out, "{}", KeepName(inner))
        }
        ExprKind::Call(call) if !call.args.is_empty() => {
            write!(out, "{indent}{}", call.function.name)?;
            write_arguments(&call.args, level, out)?;
            out.write_str(if call.keep_name { KEEP_NAME } else { "" })
        }
        ExprKind::Aggregate(aggregate) => {
            write!(out, "{indent}{}", AggregateHead(aggregate))?;
            write_arguments(aggregate.param.as_deref().into_iter().chain([&*aggregate.expr]), level, out)
        }
        ExprKind::Subquery(subquery) => {
            write_pretty(&subquery.expr, level, out)?;
            write!(out, "{}", SubqueryTail(subquery))
        }
        ExprKind::Unary(unary) => {
            let mut operand = String::new();
            write_pretty(&unary.expr, level, &mut operand)?;
            write!(out, "{indent}{}{}", unary.op, operand.trim_start())
        }
        _ => write!(out, "{indent}{expr}"),
    }
}

fn write_arguments<'e>(args: impl IntoIterator<Item = &'e Expr>, level: usize, out: &mut String) -> fmt::Result {
    for (place, arg) in args.into_iter().enumerate() {
        out.push_str(if place == 0 { "(\n" } else { ",\n" });
        write_pretty(arg, level + 1, out)?;
    }
    write!(out, "\n{})", Indent(level))
}

/// Two spaces for each level.
#[derive(Clone, Copy)]
struct Indent(usize);

impl Display for Indent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:width$}", "", width = 2 * self.0.min(INDENTED_LEVELS_MAX))
    }
}

/// How long something prints; only whether it is more than [`LINE_BYTES_MAX`] is exact beyond that.
fn length(item: &impl Display) -> usize {
    /// Counts, and stops the printer when there is no need to go on.
    struct Counter(usize);

    impl Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            if self.0 > LINE_BYTES_MAX { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut counter = Counter(0);
    // An error means that it is too long, which the count tells.
    let _ = write!(counter, "{item}");
    counter.0
}
