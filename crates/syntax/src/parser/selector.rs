//! Selectors and what may follow an expression: ranges, offsets, `@` and the like.

use bongsu_model::{METRIC_NAME, MatchOp, Matcher};

use super::metricsql::{is_union_of_selectors, set_at, takes_offset, to_matrices};
use super::{Parser, Result};
use crate::lexer::TokenKind;
use crate::{
    At, BinaryOp, Duration, Expr, ExprKind, Extent, MatrixSelector, ParseError, Span, SubqueryExpr, ValueType,
    VectorSelector,
};

const MATCHING: &str = "label matching";

impl Parser<'_> {
    /// A selector whose name, if it has one before the braces, is taken already.
    pub(super) fn selector(&mut self, name: Option<Span>) -> Result<Expr> {
        let start = name.unwrap_or(self.token.span);
        let name = name.map(|span| self.text[span.start..span.end].to_owned());
        let sets = if self.token.kind == TokenKind::LeftBrace { self.matchers()? } else { vec![Vec::new()] };
        let span = Span::new(start.start, self.last_end);
        let mut selectors: Vec<Expr> = sets.into_iter().map(|set| self.selector_of(name.clone(), set, span)).collect();
        match selectors.pop() {
            Some(only) if selectors.is_empty() => Ok(only),
            last => self.alternatives(selectors.into_iter().chain(last).collect(), span),
        }
    }

    fn selector_of(&mut self, name: Option<String>, mut matchers: Vec<Matcher>, span: Span) -> Expr {
        self.check_matchers(name.as_deref(), &matchers, span);
        if let Some(name) = &name {
            matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        let selector = VectorSelector { name, matchers, offset: Duration::ZERO, at: None, extent: Extent::Plain };
        Expr::new(ExprKind::Vector(selector), span, ValueType::Vector)
    }

    /// `{a="b", "my.metric"}`; one set in PromQL, in MetricsQL more with `or` between them.
    pub(super) fn matchers(&mut self) -> Result<Vec<Vec<Matcher>>> {
        self.advance()?;
        let (mut sets, mut matchers) = (Vec::new(), Vec::new());
        while self.token.kind != TokenKind::RightBrace {
            match self.template_matchers()? {
                Some(all) => matchers.extend(all),
                None => matchers.push(self.matcher()?),
            }
            if self.options.metricsql && self.accept_keyword("or")? {
                sets.push(std::mem::take(&mut matchers));
                if self.token.kind == TokenKind::RightBrace {
                    return Err(self.unexpected(MATCHING, "identifier"));
                }
                continue;
            }
            if !self.accept(TokenKind::Comma)? && self.token.kind != TokenKind::RightBrace {
                let error = self.unexpected(MATCHING, "\",\" or \"}\"");
                return Err(if self.is_keyword("or") {
                    error.with_hint("matchers are joined by \",\", all of them must hold; join selectors with \"or\"")
                } else {
                    error
                });
            }
        }
        self.advance()?;
        sets.push(matchers);
        Ok(sets)
    }

    fn matcher(&mut self) -> Result<Matcher> {
        let (span, quoted) = (self.token.span, self.token.kind == TokenKind::String);
        self.matchers += 1;
        if self.matchers > self.options.matchers_max {
            let max = self.options.matchers_max;
            return Err(self.error(span, format!("query has too many matchers, at most {max} are allowed")));
        }
        let name = match self.token.kind {
            TokenKind::String => self.string()?,
            TokenKind::Identifier => {
                self.advance()?;
                self.text[span.start..span.end].to_owned()
            }
            _ => return Err(self.unexpected(MATCHING, "identifier or \"}\"")),
        };
        let op = match self.token.kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::RegexMatch => MatchOp::Regex,
            TokenKind::RegexNotMatch => MatchOp::NotRegex,
            // A string by itself is the metric's name.
            _ if quoted => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return Err(self.unexpected(MATCHING, "label matching operator")),
        };
        self.advance()?;
        let value_span = self.token.span;
        let value = match self.template_string()? {
            Some(text) => text,
            None if self.token.kind == TokenKind::String => self.string()?,
            None => return Err(self.unexpected(MATCHING, "string")),
        };
        if name.is_empty() {
            return Err(self.error(span, "invalid label name \"\""));
        }
        self.count_regex(op, value_span)?;
        Matcher::new(name, op, value).map_err(|error| self.error(value_span, error.to_string()))
    }

    /// Before the expression is compiled.
    fn count_regex(&mut self, op: MatchOp, span: Span) -> Result<()> {
        self.regexes += usize::from(matches!(op, MatchOp::Regex | MatchOp::NotRegex));
        if self.regexes > self.options.regexes_max {
            let max = self.options.regexes_max;
            return Err(self.error(span, format!("query has too many regular expressions, at most {max} are allowed")));
        }
        Ok(())
    }

    /// Ranges, offsets and the like, as many as there are.
    pub(super) fn modifiers(&mut self, mut expr: Expr) -> Result<Expr> {
        let mut offset_seen = false;
        loop {
            match self.token.kind {
                TokenKind::LeftBracket => expr = self.range(expr)?,
                TokenKind::At => self.at_modifier(&mut expr)?,
                TokenKind::Identifier if self.is_keyword("offset") => {
                    self.offset_modifier(&mut expr, offset_seen)?;
                    offset_seen = true;
                }
                TokenKind::Identifier if self.is_keyword("anchored") => self.extent(&mut expr, Extent::Anchored)?,
                TokenKind::Identifier if self.is_keyword("smoothed") => self.extent(&mut expr, Extent::Smoothed)?,
                _ => return Ok(expr),
            }
            expr.span.end = self.last_end;
        }
    }

    /// `[5m]` or `[5m:1m]`
    fn range(&mut self, expr: Expr) -> Result<Expr> {
        let open = self.advance()?.span;
        let range = self.positive_duration("subquery or range selector")?;
        if self.accept(TokenKind::Colon)? {
            return self.subquery(expr, range);
        }
        let close = self.expect(TokenKind::RightBracket, "subquery or range", "\":\" or \"]\"")?.span;
        self.matrix(expr, range, open.to(close))
    }

    fn subquery(&mut self, expr: Expr, range: Duration) -> Result<Expr> {
        const CONTEXT: &str = "subquery selector";
        let step = match self.token.kind {
            TokenKind::RightBracket => None,
            _ => Some(self.positive_duration(CONTEXT)?),
        };
        self.expect(TokenKind::RightBracket, CONTEXT, "\"]\"")?;
        let span = Span::new(expr.span.start, self.last_end);
        if expr.value_type != ValueType::Vector {
            let message = format!("subquery is only allowed on instant vector, got {} instead", expr.value_type);
            return Err(self.error(span, message));
        }
        let subquery = SubqueryExpr { expr: Box::new(expr), range, step, offset: Duration::ZERO, at: None };
        Ok(Expr::new(ExprKind::Subquery(subquery), span, ValueType::Matrix))
    }

    fn matrix(&mut self, mut expr: Expr, range: Duration, brackets: Span) -> Result<Expr> {
        let start = expr.span.start;
        let metricsql = self.options.metricsql;
        if matches!(&expr.kind, ExprKind::Call(call) if metricsql && is_union_of_selectors(call)) {
            to_matrices(&mut expr, &range, Span::new(start, self.last_end));
            return Ok(expr);
        }
        let ExprKind::Vector(selector) = &mut expr.kind else {
            return Err(self.error(brackets, "ranges only allowed for vector selectors"));
        };
        if metricsql {
            // What stands before the range means the same as behind it.
        } else if !selector.offset.is_zero() {
            return Err(self.error(brackets, "no offset modifiers allowed before range"));
        } else if selector.at.is_some() {
            return Err(self.error(brackets, "no @ modifiers allowed before range"));
        }
        let matrix = MatrixSelector { selector: selector.clone(), range };
        let span = Span::new(start, self.last_end);
        Ok(Expr::new(ExprKind::Matrix(matrix), span, ValueType::Matrix))
    }

    /// `repeated`: one has been read behind this expression.
    fn offset_modifier(&mut self, expr: &mut Expr, repeated: bool) -> Result<()> {
        let span = expr.span;
        self.advance()?;
        let duration = self.offset_duration()?;
        if repeated && self.options.metricsql {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        let inside = self.options.metricsql && takes_offset(expr);
        let Some((offset, _)) = placing(expr) else {
            if inside {
                return self.offset_inside(expr, &duration, span);
            }
            return Err(misplaced(self, "offset modifier", span));
        };
        if offset.is_zero() {
            *offset = duration;
            return Ok(());
        }
        if !inside {
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        // It came with a template.
        self.offset_inside(expr, &duration, span)
    }

    fn at_modifier(&mut self, expr: &mut Expr) -> Result<()> {
        let span = expr.span;
        self.advance()?;
        let time = self.at_time(span)?;
        let Some((_, at)) = placing(expr) else {
            if self.options.metricsql && set_at(expr, time) {
                return Ok(());
            }
            return Err(misplaced(self, "@ modifier", span));
        };
        if at.is_some() {
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *at = Some(time);
        Ok(())
    }

    /// `selector` is where errors about the time point to.
    fn at_time(&mut self, selector: Span) -> Result<At> {
        for (name, at) in [("start", At::Start), ("end", At::End)] {
            if self.accept_keyword(name)? {
                self.expect(TokenKind::LeftParen, "@", "\"(\"")?;
                self.expect(TokenKind::RightParen, "@", "\")\"")?;
                return Ok(at);
            }
        }
        let seconds = self.signed_number("@", "timestamp")?;
        timestamp_ms(seconds).map(At::Timestamp).ok_or_else(|| {
            let seconds =
                if seconds.is_finite() { format!("{seconds:.6}") } else { bongsu_model::format_float(seconds) };
            self.error(selector, format!("timestamp out of bounds for @ modifier: {seconds}"))
        })
    }

    fn extent(&mut self, expr: &mut Expr, extent: Extent) -> Result<()> {
        let span = expr.span;
        let name = if extent == Extent::Anchored { "anchored" } else { "smoothed" };
        if !self.options.extended_range_selectors {
            return Err(self.error(span, format!("{name} modifier is experimental and not enabled")));
        }
        self.advance()?;
        let selector = match &mut expr.kind {
            ExprKind::Vector(selector) | ExprKind::Matrix(MatrixSelector { selector, .. }) => selector,
            ExprKind::Subquery(_) => {
                return Err(self.error(span, format!("{name} modifier is not supported for subqueries")));
            }
            _ => return Err(self.error(span, format!("{name} modifier not implemented"))),
        };
        if selector.extent != Extent::Plain && selector.extent != extent {
            return Err(self.error(span, "anchored and smoothed modifiers cannot be used together"));
        }
        selector.extent = extent;
        Ok(())
    }
}

/// Rounded milliseconds; `None` for what is no number or beyond 64 bits.
fn timestamp_ms(seconds: f64) -> Option<i64> {
    /// From here on floats have no single milliseconds.
    const EXACT_MAX: f64 = (1_i64 << 53) as f64;
    let ms = (seconds * 1000.0).round();
    if ms.abs() < EXACT_MAX {
        return Some(ms as i64);
    }
    // Whole seconds, so that the time reads back as it prints.
    (!seconds.is_nan()).then_some(seconds as i64)?.checked_mul(1000)
}

/// Where an expression keeps its offset and its `@`, if it can have them.
fn placing(expr: &mut Expr) -> Option<(&mut Duration, &mut Option<At>)> {
    match &mut expr.kind {
        ExprKind::Vector(selector) | ExprKind::Matrix(MatrixSelector { selector, .. }) => {
            Some((&mut selector.offset, &mut selector.at))
        }
        ExprKind::Subquery(subquery) => Some((&mut subquery.offset, &mut subquery.at)),
        _ => None,
    }
}

fn misplaced(parser: &Parser<'_>, modifier: &str, span: Span) -> ParseError {
    let before = "an instant vector selector or range vector selector or a subquery";
    parser.error(span, format!("{modifier} must be preceded by {before}"))
}
