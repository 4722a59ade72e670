//! Function calls and aggregations.

use super::{Parser, Result, is_grouping};
use crate::function::METRICSQL_FUNCTIONS;
use crate::lexer::TokenKind;
use crate::{AggregateExpr, AggregateOp, Call, Expr, ExprKind, FUNCTIONS, Function, FunctionId, Span, ValueType};

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Result<Expr> {
        let (name_span, name) = (self.token.span, self.word());
        let function = self.function(name_span, name)?;
        self.advance()?;
        let args = self.arguments(function.id == FunctionId::Info)?;
        if self.options.metricsql {
            return self.metricsql_call(function, args, name_span);
        }
        let span = Span::new(name_span.start, self.last_end);
        self.check_call(function, &args, span);
        Ok(Expr::new(ExprKind::Call(Call { function, args, keep_name: false }), span, function.return_type))
    }

    pub(super) fn function(&self, span: Span, name: &str) -> Result<&'static Function> {
        // Those that durations know, too, are keywords, whose case does not matter.
        const KEYWORDS: [&str; 6] = ["start", "end", "step", "range", "min_of", "max_of"];
        let is_keyword = KEYWORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
        let found = if is_keyword { Function::by_name(&name.to_ascii_lowercase()) } else { Function::by_name(name) };
        let found = found.or_else(|| Function::metricsql_by_name(name).filter(|_| self.options.metricsql));
        let Some(function) = found else {
            let error = self.error(span, format!("unknown function with name {name:?}"));
            return Err(match nearest_function(name, self.options.metricsql) {
                Some(near) => error.with_hint(format!("did you mean {near}()?")),
                None => error,
            });
        };
        if function.experimental && !self.options.experimental_functions {
            return Err(self.error(span, format!("function {name:?} is not enabled")));
        }
        Ok(function)
    }

    /// `(a, b)`; the current token is the parenthesis.
    pub(super) fn arguments(&mut self, of_info: bool) -> Result<Vec<Expr>> {
        self.expect(TokenKind::LeftParen, "", "\"(\"")?;
        let mut args = Vec::new();
        while self.token.kind != TokenKind::RightParen {
            let outer = self.empty_selector_allowed;
            self.empty_selector_allowed = of_info && args.len() == 1;
            args.push(self.expression()?);
            self.empty_selector_allowed = outer;
            let separator = self.token.span;
            if self.accept(TokenKind::Comma)? {
                if self.token.kind == TokenKind::RightParen && !self.options.metricsql {
                    return Err(self.error(separator, "trailing commas not allowed in function call args"));
                }
            } else if self.token.kind != TokenKind::RightParen {
                return Err(self.unexpected("", "an operator, \",\" or \")\""));
            }
        }
        self.advance()?;
        Ok(args)
    }

    /// `sum by (a) (x)`, `sum(x) by (a)`, `topk(3, x)`
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Result<Expr> {
        let start = self.advance()?.span;
        if op.is_experimental() && !self.options.experimental_functions {
            return Err(self.error(start, format!("{op}() is experimental and not enabled")));
        }
        let mut grouping = self.grouping()?;
        let args = self.arguments(false)?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let (grouping, without) = grouping.unwrap_or_default();
        let span = Span::new(start.start, self.last_end);
        let (param, expr) = self.aggregate_arguments(op, args, span)?;
        self.check_aggregate(op, param.as_deref(), &expr);
        let aggregate = AggregateExpr { op, expr: Box::new(expr), param, grouping, without };
        Ok(Expr::new(ExprKind::Aggregate(aggregate), span, ValueType::Vector))
    }

    /// `by (…)` or `without (…)`: the labels, and whether they are those to leave out.
    pub(super) fn grouping(&mut self) -> Result<Option<(Vec<String>, bool)>> {
        if self.token.kind != TokenKind::Identifier || !is_grouping(self.word()) {
            return Ok(None);
        }
        let without = self.is_keyword("without");
        self.advance()?;
        Ok(Some((self.grouping_labels()?, without)))
    }

    fn aggregate_arguments(
        &self,
        op: AggregateOp,
        mut args: Vec<Expr>,
        span: Span,
    ) -> Result<(Option<Box<Expr>>, Expr)> {
        let expected = 1 + usize::from(op.param_type().is_some());
        let got = args.len();
        match (args.pop(), args.pop()) {
            (Some(expr), None) if expected == 1 => Ok((None, expr)),
            (Some(expr), Some(param)) if expected == 2 && got == 2 => Ok((Some(Box::new(param)), expr)),
            (None, _) => Err(self.error(span, "no arguments for aggregate expression provided")),
            _ => {
                let what = "wrong number of arguments for aggregate expression provided";
                Err(self.error(span, format!("{what}, expected {expected}, got {got}")))
            }
        }
    }
}

/// A function whose name is a slip of the pen away.
fn nearest_function(name: &str, metricsql: bool) -> Option<&'static str> {
    const NAME_BYTES_MAX: usize = 40;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let known = FUNCTIONS.iter().chain(if metricsql { METRICSQL_FUNCTIONS } else { &[] });
    let near = known.map(|function| (edits(&name, function.name), function.name)).min()?;
    (near.0 <= 1 + name.len() / 5).then_some(near.1)
}

/// Letters to insert, delete or change (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
