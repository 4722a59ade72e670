//! Lengths of time in ranges, steps and offsets.

use super::{Parser, Result, SIGN_PRECEDENCE};
use crate::lexer::TokenKind;
use crate::{
    BinaryOp, Duration, DurationErrorKind, DurationExpr, DurationOp, NumberLiteral, Place, QueryWindow, Span, UnaryOp,
};

const EXPECTED: &str = "number, duration, step(), or range()";

/// A part of a calculation with its place, which does not include parentheses around it.
pub(super) struct Part {
    pub(super) expr: DurationExpr,
    pub(super) span: Span,
}

impl Parser<'_> {
    /// The calculation between brackets; greater than 0, as far as the text tells.
    pub(super) fn positive_duration(&mut self, context: &str) -> Result<Duration> {
        let part = self.duration_expression(context, 0)?;
        let span = part.span;
        match known_duration(part) {
            Duration::Fixed(ms) if ms <= 0 => Err(self.error(span, DurationErrorKind::NotPositive.to_string())),
            duration => Ok(duration),
        }
    }

    /// What follows `offset`: one operand with one sign at most; operators after it belong to the expression around.
    pub(super) fn offset_duration(&mut self) -> Result<Duration> {
        let start = self.token.span.start;
        let sign = self.accept_sign()?;
        let operand = self.duration_operand("offset")?;
        Ok(known_duration(match sign {
            Some(op) => signed(op, operand, start),
            None => operand,
        }))
    }

    pub(super) fn duration_expression(&mut self, context: &str, precedence_min: u8) -> Result<Part> {
        let (depth, start) = (self.depth, self.token.span.start);
        let mut lhs = self.nested(|parser| match parser.accept_sign()? {
            Some(op) => Ok(signed(op, parser.duration_expression(context, SIGN_PRECEDENCE)?, start)),
            None => parser.duration_operand(context),
        })?;
        while let Some((op, precedence)) = self.duration_operator().filter(|(_, p)| *p >= precedence_min) {
            let operator = self.advance()?.span;
            let rhs_min = precedence + u8::from(op != DurationOp::Pow);
            let rhs = self.nested(|parser| parser.duration_expression(context, rhs_min))?;
            self.refuse_zero_divisor(op, operator, &rhs.expr)?;
            lhs = binary(op, lhs, rhs);
            // The tree leans to the left, one level for each operator.
            self.depth += 1;
        }
        self.depth = depth;
        Ok(lhs)
    }

    /// A written zero is refused at once, a calculated one when its value is known.
    fn refuse_zero_divisor(&self, op: DurationOp, operator: Span, divisor: &DurationExpr) -> Result<()> {
        let mut divisor = divisor;
        while let DurationExpr::Paren(inner) = divisor {
            divisor = inner;
        }
        let is_zero = matches!(divisor, DurationExpr::Literal(number) if number.value == 0.0);
        match op {
            DurationOp::Div if is_zero => Err(self.error(operator, DurationErrorKind::DivisionByZero.to_string())),
            DurationOp::Mod if is_zero => Err(self.error(operator, DurationErrorKind::ModuloByZero.to_string())),
            _ => Ok(()),
        }
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

    fn duration_operand(&mut self, context: &str) -> Result<Part> {
        let span = self.token.span;
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let number = self.number()?;
                let in_range = crate::duration::seconds_to_ms(number.value).is_some();
                let part = in_range.then_some(Part { expr: DurationExpr::Literal(number), span });
                part.ok_or_else(|| self.error(span, "duration out of range"))
            }
            TokenKind::Steps => {
                let steps = crate::metricsql::number::steps(self.word());
                self.advance()?;
                let number = NumberLiteral { value: steps.unwrap_or_default(), is_duration: false };
                let number = Part { expr: DurationExpr::Literal(number), span };
                let product = binary(DurationOp::Mul, number, Part { expr: DurationExpr::Step, span });
                Ok(Part { expr: DurationExpr::Paren(Box::new(product.expr)), span })
            }
            TokenKind::LeftParen => {
                self.advance()?;
                let Part { expr, span } = self.duration_expression(context, 0)?;
                self.expect(TokenKind::RightParen, context, "\")\"")?;
                Ok(Part { expr: expr.in_parens(), span })
            }
            TokenKind::Identifier => self.duration_function(context),
            _ => Err(self.unexpected(context, EXPECTED)),
        }
    }

    fn duration_function(&mut self, context: &str) -> Result<Part> {
        let start = self.token.span.start;
        if let Some(part) = self.template_duration(context)? {
            return Ok(part);
        }
        for (name, expr) in [("step", DurationExpr::Step), ("range", DurationExpr::Range)] {
            if self.accept_keyword(name)? {
                self.expect(TokenKind::LeftParen, context, "\"(\"")?;
                let end = self.expect(TokenKind::RightParen, context, "\")\"")?.span.end;
                return Ok(Part { expr, span: Span::new(start, end) });
            }
        }
        for (name, op) in [("min_of", DurationOp::MinOf), ("max_of", DurationOp::MaxOf)] {
            if self.accept_keyword(name)? {
                self.expect(TokenKind::LeftParen, context, "\"(\"")?;
                let a = self.duration_expression(context, 0)?;
                self.expect(TokenKind::Comma, context, "\",\"")?;
                let b = self.duration_expression(context, 0)?;
                self.expect(TokenKind::RightParen, context, "\")\"")?;
                return Ok(binary(op, a, b));
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

/// A literal has its value now; what is calculated waits for the query's time range, as in Prometheus, where it also fails only then.
fn known_duration(Part { expr, span }: Part) -> Duration {
    let duration = Duration::Computed(Box::new(expr.unparen()), Place(span));
    match &duration {
        Duration::Computed(expr, _) if matches!(**expr, DurationExpr::Literal(_)) => {
            duration.resolve(QueryWindow::default()).map_or(duration, Duration::Fixed)
        }
        _ => duration,
    }
}

fn binary(op: DurationOp, lhs: Part, rhs: Part) -> Part {
    let span = lhs.span.to(rhs.span);
    Part { expr: DurationExpr::Binary(op, Box::new(lhs.expr), Box::new(rhs.expr), Place(span)), span }
}

/// Signs of literals become part of them.
fn signed(op: UnaryOp, Part { expr, span }: Part, start: usize) -> Part {
    let expr = match (op, expr) {
        (UnaryOp::Plus, literal @ DurationExpr::Literal(_)) => literal,
        (UnaryOp::Minus, DurationExpr::Literal(mut number)) => {
            number.value = -number.value;
            DurationExpr::Literal(number)
        }
        (op, expr) => DurationExpr::Unary(op, Box::new(expr)),
    };
    Part { expr, span: Span::new(start, span.end) }
}
