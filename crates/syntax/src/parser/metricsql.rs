//! Habits of MetricsQL that are errors in PromQL: only with [`ParseOptions::metricsql`](crate::ParseOptions). What PromQL
//! can say is rewritten to that; docs/metricsql.md has the list.

mod filters;
mod offset;
mod window;
mod with;

use super::{Parser, Result, is_grouping};
use crate::lexer::TokenKind;
use crate::{AggregateExpr, AggregateOp, Call, Expr, ExprKind, Function, FunctionId, NumberLiteral, Span, ValueType};
pub(super) use filters::{is_union_of_selectors, set_at, to_matrices};
pub(super) use offset::takes_offset;
pub(super) use with::Templates;

/// What templates and rewriting may make of one query: bytes of text that are parsed again, and copied nodes at the same rate.
const EXPANSION_MAX: usize = 1 << 20;
/// What a copied node counts.
const NODE_BYTES: usize = 8;

impl<'a> Parser<'a> {
    /// What a word begins that is nothing in PromQL: a template, `WITH`, or a function that is written for another.
    pub(super) fn metricsql_named(&mut self, word: &'a str, second: Option<TokenKind>) -> Result<Option<Expr>> {
        if !self.options.metricsql {
            return Ok(None);
        }
        let called = second == Some(TokenKind::LeftParen);
        if self.with_begins() {
            let start = self.token.span;
            let expr = self.with_expression()?;
            let span = start.to(Span::new(0, self.last_end));
            return Ok(Some(embedded(expr, span)));
        }
        if let Some(expr) = self.template(word, called)? {
            return Ok(Some(expr));
        }
        match word {
            "median" if called || self.second_is_grouping() => self.median().map(Some),
            "alias" if called => self.alias().map(Some),
            "median_over_time" if called => self.median_over_time().map(Some),
            _ => Ok(None),
        }
    }

    fn second_is_grouping(&self) -> bool {
        let mut after = self.lexer;
        after.next_token().is_ok_and(|token| {
            token.kind == TokenKind::Identifier && is_grouping(&self.text[token.span.start..token.span.end])
        })
    }

    /// `median(x) by (a)` is `quantile by (a) (0.5, x)`.
    fn median(&mut self) -> Result<Expr> {
        let start = self.advance()?.span;
        let mut grouping = self.grouping()?;
        let mut args = self.arguments(false)?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = Span::new(start.start, self.last_end);
        let (Some(expr), true) = (args.pop(), args.is_empty()) else {
            return Err(self.error(span, "wrong number of arguments for median, expected 1"));
        };
        let param = number(0.5, start);
        self.check_aggregate(AggregateOp::Quantile, Some(&param), &expr);
        let (grouping, without) = grouping.unwrap_or_default();
        let (op, expr, param) = (AggregateOp::Quantile, Box::new(expr), Some(Box::new(param)));
        let aggregate = AggregateExpr { op, expr, param, grouping, without };
        Ok(Expr::new(ExprKind::Aggregate(aggregate), span, ValueType::Vector))
    }

    /// `alias(x, "name")` is `label_set(x, "__name__", "name")`.
    fn alias(&mut self) -> Result<Expr> {
        let name = self.advance()?.span;
        let mut args = self.arguments(false)?;
        if args.len() != 2 {
            let message = format!("expected 2 argument(s) in call to \"alias\", got {}", args.len());
            return Err(self.error(Span::new(name.start, self.last_end), message));
        }
        let label = bongsu_model::METRIC_NAME.to_owned();
        args.insert(1, Expr::new(ExprKind::String(label), name, ValueType::String));
        self.named_call("label_set", args, name)
    }

    /// `median_over_time(x[5m])` is `quantile_over_time(0.5, x[5m])`.
    fn median_over_time(&mut self) -> Result<Expr> {
        let name = self.advance()?.span;
        let mut args = self.arguments(false)?;
        args.insert(0, number(0.5, name));
        self.named_call("quantile_over_time", args, name)
    }

    /// A call of a function that was written otherwise.
    fn named_call(&mut self, function: &str, args: Vec<Expr>, name: Span) -> Result<Expr> {
        let function = self.function(name, function)?;
        self.metricsql_call(function, args, name)
    }

    /// A call whose arguments have been read: with windows and vectors where they are implied, and what may follow it.
    pub(super) fn metricsql_call(
        &mut self,
        function: &'static Function,
        mut args: Vec<Expr>,
        name: Span,
    ) -> Result<Expr> {
        let keep_name = self.keep_name_after(function)?;
        let span = Span::new(name.start, self.last_end);
        for (place, arg) in args.iter_mut().enumerate() {
            if function.arg_type(place) == Some(ValueType::Matrix) && arg.value_type == ValueType::Vector {
                window::imply(arg);
            }
            let own = Function::metricsql_by_name(function.name).is_some();
            if own && function.arg_type(place) == Some(ValueType::Vector) && arg.value_type == ValueType::Scalar {
                vector_of_scalar(arg);
            }
        }
        self.check_call(function, &args, span);
        let call = Call { function, args, keep_name };
        if let Some(place) = filters::alternatives_among(&call.args) {
            return self.each_alternative(call, place, span);
        }
        Ok(Expr::new(ExprKind::Call(call), span, function.return_type))
    }

    /// `(a, b)` is `union(a, b)`; the first is read and the comma is at hand.
    pub(super) fn union_list(&mut self, open: Span, first: Expr) -> Result<Expr> {
        let mut args = vec![first];
        while self.accept(TokenKind::Comma)? && self.token.kind != TokenKind::RightParen {
            args.push(self.expression()?);
        }
        self.expect(TokenKind::RightParen, "", "an operator, \",\" or \")\"")?;
        self.named_call("union", args, open)
    }

    /// `keep_metric_names` after a call.
    fn keep_name_after(&mut self, function: &Function) -> Result<bool> {
        use FunctionId as F;
        let span = self.token.span;
        if !self.accept_keyword("keep_metric_names")? {
            return Ok(false);
        }
        let has_none = function.return_type != ValueType::Vector
            || function.name.starts_with("histogram_")
            || matches!(
                function.id,
                F::Absent | F::AbsentOverTime | F::Timestamp | F::StartTimestamp | F::Info | F::Vector | F::LabelValue
            );
        if has_none || function.args_min == 0 {
            return Err(self.error(span, format!("keep_metric_names is not allowed after {}()", function.name)));
        }
        Ok(true)
    }

    /// `keep_metric_names` after an operation in parentheses.
    pub(super) fn keep_operand_name(&mut self, inner: &mut Expr) -> Result<()> {
        let span = self.token.span;
        if !self.options.metricsql || !self.accept_keyword("keep_metric_names")? {
            return Ok(());
        }
        match &mut inner.kind {
            ExprKind::Binary(binary) if !binary.op.is_set() && !binary.op.is_presence() => {
                binary.keep_name = true;
                Ok(())
            }
            _ => Err(self.error(span, "keep_metric_names must follow a call or an operation in parentheses")),
        }
    }

    /// Whether label functions that take pairs have been given pairs.
    pub(super) fn check_label_pairs(&mut self, function: &Function, got: usize, span: Span) {
        use FunctionId as F;
        let before = match function.id {
            F::LabelSet | F::LabelCopy | F::LabelMove => 1,
            F::LabelMap => 2,
            _ => return,
        };
        if got > before && (got - before) % 2 == 1 {
            let name = function.name;
            self.note_type_error(
                span,
                format!("expected pairs of arguments in call to {name:?}, the last one is alone"),
            );
        }
    }

    /// Counts what templates and copies make; the same bound for all.
    fn charge_expansion(&mut self, bytes: usize, span: Span) -> Result<()> {
        self.templates.expanded_bytes = self.templates.expanded_bytes.saturating_add(bytes);
        if self.templates.expanded_bytes > EXPANSION_MAX {
            let message = format!("templates of the query expand to more than {EXPANSION_MAX} bytes");
            return Err(self.error(span, message));
        }
        Ok(())
    }
}

/// An expression in the place of a word or so: with parentheses when operators around it could tear it apart.
fn embedded(mut expr: Expr, span: Span) -> Expr {
    let torn = match &expr.kind {
        ExprKind::Binary(_) | ExprKind::Unary(_) => true,
        ExprKind::Number(number) => number.value.is_sign_negative(),
        _ => false,
    };
    expr.span = span;
    if !torn {
        return expr;
    }
    let value_type = expr.value_type;
    Expr::new(ExprKind::Paren(Box::new(expr)), span, value_type)
}

fn vector_of_scalar(arg: &mut Expr) {
    let span = arg.span;
    let Some(function) = Function::by_name("vector") else { return };
    let scalar = std::mem::replace(arg, number(0.0, span));
    let call = Call { function, args: vec![scalar], keep_name: false };
    *arg = Expr::new(ExprKind::Call(call), span, ValueType::Vector);
}

fn number(value: f64, span: Span) -> Expr {
    Expr::new(ExprKind::Number(NumberLiteral { value, is_duration: false }), span, ValueType::Scalar)
}

/// How many nodes a tree has.
fn nodes(expr: &Expr) -> usize {
    let mut count = 0;
    expr.walk(&mut |_| count += 1);
    count
}
