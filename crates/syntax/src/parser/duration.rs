//! Lengths of time in ranges, steps and offsets.

use super::{Parser, Result, SIGN_PRECEDENCE};
use crate::lexer::TokenKind;
use crate::{BinaryOp, Duration, DurationError, DurationExpr, DurationOp, NumberLiteral, QueryWindow, Span, UnaryOp};

const EXPECTED: &str = "number, duration, step(), or range()";

impl Parser<'_> {
    /// The calculation between brackets; greater than 0, as far as the text tells.
    pub(super) fn positive_duration(&mut self, context: &str) -> Result<Duration> {
        let start = self.token.span.start;
        let expr = self.duration_expression(context, 0)?;
        let duration = self.known_duration(expr, Span::new(start, self.last_end))?;
        let depends = matches!(&duration, Duration::Computed(expr) if expr.depends_on_window());
        if !depends && duration.resolve_positive(QueryWindow::default()).is_err() {
            return Err(self.error(Span::new(start, self.last_end), DurationError::NotPositive.to_string()));
        }
        Ok(duration)
    }

    /// What follows `offset`: one operand with one sign at most; operators after it belong to the expression around.
    pub(super) fn offset_duration(&mut self) -> Result<Duration> {
        let start = self.token.span.start;
        let sign = self.accept_sign()?;
        let operand = self.duration_operand("offset")?;
        let expr = sign.map_or(operand.clone(), |op| signed(op, operand));
        self.known_duration(expr, Span::new(start, self.last_end))
    }

    /// A calculation that does not ask for the query's time range is tried at once, so that its errors come early.
    fn known_duration(&self, expr: DurationExpr, span: Span) -> Result<Duration> {
        let expr = expr.unparen();
        let (depends, literal) = (expr.depends_on_window(), matches!(expr, DurationExpr::Literal(_)));
        let duration = Duration::Computed(Box::new(expr));
        if depends {
            return Ok(duration);
        }
        let ms = duration.resolve(QueryWindow::default()).map_err(|error| self.error(span, error.to_string()))?;
        Ok(if literal { Duration::Fixed(ms) } else { duration })
    }

    pub(super) fn duration_expression(&mut self, context: &str, precedence_min: u8) -> Result<DurationExpr> {
        let depth = self.depth;
        let mut lhs = self.nested(|parser| match parser.accept_sign()? {
            Some(op) => Ok(signed(op, parser.duration_expression(context, SIGN_PRECEDENCE)?)),
            None => parser.duration_operand(context),
        })?;
        while let Some((op, precedence)) = self.duration_operator().filter(|(_, p)| *p >= precedence_min) {
            self.advance()?;
            let rhs_min = precedence + u8::from(op != DurationOp::Pow);
            let rhs = self.nested(|parser| parser.duration_expression(context, rhs_min))?;
            lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs));
            // The tree leans to the left, one level for each operator.
            self.depth += 1;
        }
        self.depth = depth;
        Ok(lhs)
    }

    fn duration_operator(&self) -> Option<(DurationOp, u8)> {
        let TokenKind::Operator(op) = self.token.kind else { return None };
        let duration_op = match op {
            BinaryOp::Add => DurationOp::Add,
            BinaryOp::Sub => DurationOp::Sub,
            BinaryOp::Mul => DurationOp::Mul,
            BinaryOp::Div => DurationOp::Div,
            BinaryOp::Mod => DurationOp::Mod,
            BinaryOp::Pow => DurationOp::Pow,
            _ => return None,
        };
        Some((duration_op, op.precedence()))
    }

    fn duration_operand(&mut self, context: &str) -> Result<DurationExpr> {
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let span = self.token.span;
                let number = self.number()?;
                let in_range = crate::duration::seconds_to_ms(number.value).is_some();
                in_range
                    .then_some(DurationExpr::Literal(number))
                    .ok_or_else(|| self.error(span, "duration out of range"))
            }
            TokenKind::Steps => {
                let steps = crate::metricsql::number::steps(self.word());
                self.advance()?;
                let number = NumberLiteral { value: steps.unwrap_or_default(), is_duration: false };
                let (number, step) = (Box::new(DurationExpr::Literal(number)), Box::new(DurationExpr::Step));
                Ok(DurationExpr::Paren(Box::new(DurationExpr::Binary(DurationOp::Mul, number, step))))
            }
            TokenKind::LeftParen => {
                self.advance()?;
                let inner = self.duration_expression(context, 0)?;
                self.expect(TokenKind::RightParen, context, "\")\"")?;
                Ok(DurationExpr::Paren(Box::new(inner)))
            }
            TokenKind::Identifier => self.duration_function(context),
            _ => Err(self.unexpected(context, EXPECTED)),
        }
    }

    fn duration_function(&mut self, context: &str) -> Result<DurationExpr> {
        if let Some(expr) = self.template_duration(context)? {
            return Ok(expr);
        }
        for (name, expr) in [("step", DurationExpr::Step), ("range", DurationExpr::Range)] {
            if self.accept_keyword(name)? {
                self.expect(TokenKind::LeftParen, context, "\"(\"")?;
                self.expect(TokenKind::RightParen, context, "\")\"")?;
                return Ok(expr);
            }
        }
        for (name, op) in [("min_of", DurationOp::MinOf), ("max_of", DurationOp::MaxOf)] {
            if self.accept_keyword(name)? {
                self.expect(TokenKind::LeftParen, context, "\"(\"")?;
                let a = self.duration_expression(context, 0)?;
                self.expect(TokenKind::Comma, context, "\",\"")?;
                let b = self.duration_expression(context, 0)?;
                self.expect(TokenKind::RightParen, context, "\")\"")?;
                return Ok(DurationExpr::Binary(op, Box::new(a), Box::new(b)));
            }
        }
        Err(self.unexpected(context, EXPECTED))
    }

    fn accept_sign(&mut self) -> Result<Option<UnaryOp>> {
        let op = match self.token.kind {
            TokenKind::Operator(BinaryOp::Add) => UnaryOp::Plus,
            TokenKind::Operator(BinaryOp::Sub) => UnaryOp::Minus,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(op))
    }
}

/// Signs of literals become part of them.
fn signed(op: UnaryOp, expr: DurationExpr) -> DurationExpr {
    match (op, expr) {
        (UnaryOp::Plus, literal @ DurationExpr::Literal(_)) => literal,
        (UnaryOp::Minus, DurationExpr::Literal(mut number)) => {
            number.value = -number.value;
            DurationExpr::Literal(number)
        }
        (op, expr) => DurationExpr::Unary(op, Box::new(expr)),
    }
}
