//! `WITH (a = 1, f(x) = x + a) f(2)`: templates, expanded where they are used.
//!
//! A definition is kept as the place of its text and the definitions that stand before it. Each use parses that text again at
//! once, with the arguments as further definitions; so a template may be a window, labels or a whole expression, whatever
//! fits its place. A template sees only those before it, so there is no recursion, and what all uses parse is bounded.

use bongsu_model::Matcher;

use super::embedded;
use crate::lexer::{Lexer, Token, TokenKind};
use crate::parser::duration::Part;
use crate::parser::{Parser, Result};
use crate::{Expr, ExprKind, Extent, Span};

const CONTEXT: &str = "WITH";
/// Definitions and arguments that may be in sight: each name of the query is looked for among them.
const DEFINITIONS_MAX: usize = 200;
/// What each use counts beside its text.
const USE_BYTES: usize = 16;

/// All definitions in sight.
#[derive(Default)]
pub(in crate::parser) struct Templates<'a> {
    /// A stack: what a `WITH` or a call defines goes at its end.
    all: Vec<Template<'a>>,
    /// The last definition that the text at hand sees.
    scope: Option<usize>,
    /// Text that has been parsed again so far.
    pub(super) expanded_bytes: usize,
}

/// One definition.
#[derive(Clone)]
struct Template<'a> {
    name: &'a str,
    /// Parameters, for those that are called.
    params: Option<Vec<&'a str>>,
    body: Body<'a>,
    /// The definition before it.
    before: Option<usize>,
}

/// A text to be parsed where it is used.
#[derive(Clone, Copy)]
struct Body<'a> {
    /// After the first token.
    lexer: Lexer<'a>,
    first: Token,
    /// Where the token after it begins.
    end: usize,
    /// The last definition that it sees.
    scope: Option<usize>,
}

impl<'a> Parser<'a> {
    /// Whether `WITH (` is at hand; `with` alone is a metric.
    pub(in crate::parser) fn with_begins(&self) -> bool {
        self.options.metricsql && self.is_keyword("with") && self.second() == Some(TokenKind::LeftParen)
    }

    /// `WITH (…) expression`; not in parentheses even if it has operators.
    pub(in crate::parser) fn with_expression(&mut self) -> Result<Expr> {
        let (defined, scope) = (self.templates.all.len(), self.templates.scope);
        self.advance()?;
        self.expect(TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        while self.token.kind != TokenKind::RightParen {
            self.definition(defined)?;
            if !self.accept(TokenKind::Comma)? && self.token.kind != TokenKind::RightParen {
                return Err(self.unexpected(CONTEXT, "\",\" or \")\""));
            }
        }
        self.advance()?;
        let expr = self.expression()?;
        self.templates.all.truncate(defined);
        self.templates.scope = scope;
        Ok(expr)
    }

    /// `name = expression` or `name(a, b) = expression`; `first` is the first definition of this `WITH`.
    fn definition(&mut self, first: usize) -> Result<()> {
        let name = self.expect(TokenKind::Identifier, CONTEXT, "name of a template")?.span;
        let word = &self.text[name.start..name.end];
        if self.templates.all[first..].iter().any(|other| other.name == word) {
            return Err(self.error(name, format!("template {word:?} is defined twice")));
        }
        let params = if self.accept(TokenKind::LeftParen)? { Some(self.parameters()?) } else { None };
        self.expect(TokenKind::Assign, CONTEXT, "\"=\"")?;
        let body = self.body()?;
        self.define(word, params, body)
    }

    fn parameters(&mut self) -> Result<Vec<&'a str>> {
        let mut params: Vec<&str> = Vec::new();
        while self.token.kind != TokenKind::RightParen {
            let name = self.expect(TokenKind::Identifier, CONTEXT, "name of a parameter")?.span;
            let word = &self.text[name.start..name.end];
            if params.contains(&word) {
                return Err(self.error(name, format!("parameter {word:?} is named twice")));
            }
            params.push(word);
            if params.len() > DEFINITIONS_MAX {
                return Err(self.error(name, format!("too many parameters, at most {DEFINITIONS_MAX} are allowed")));
            }
            if !self.accept(TokenKind::Comma)? && self.token.kind != TokenKind::RightParen {
                return Err(self.unexpected(CONTEXT, "\",\" or \")\""));
            }
        }
        self.advance()?;
        Ok(params)
    }

    /// Steps over an expression, up to a comma or parenthesis that is not its own.
    fn body(&mut self) -> Result<Body<'a>> {
        use TokenKind as T;
        let (lexer, first, scope) = (self.lexer, self.token, self.templates.scope);
        let mut depth = 0_usize;
        loop {
            match self.token.kind {
                T::Comma | T::RightParen if depth == 0 => break,
                T::End => return Err(self.unexpected(CONTEXT, "\",\" or \")\"")),
                T::LeftParen | T::LeftBrace | T::LeftBracket => depth += 1,
                T::RightParen | T::RightBrace | T::RightBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.advance()?;
        }
        let end = self.token.span.start;
        if first.span.start == end {
            return Err(self.unexpected(CONTEXT, "an expression"));
        }
        Ok(Body { lexer, first, end, scope })
    }

    fn define(&mut self, name: &'a str, params: Option<Vec<&'a str>>, body: Body<'a>) -> Result<()> {
        if self.templates.all.len() == DEFINITIONS_MAX {
            let message = format!("too many templates, at most {DEFINITIONS_MAX} are allowed");
            return Err(self.error(body.first.span, message));
        }
        let before = self.templates.scope;
        self.templates.all.push(Template { name, params, body, before });
        self.templates.scope = Some(self.templates.all.len() - 1);
        Ok(())
    }

    /// The nearest definition of a name, with or without parameters.
    fn defined(&self, name: &str, called: bool) -> Option<&Template<'a>> {
        let mut place = self.templates.scope;
        while let Some(template) = place.and_then(|place| self.templates.all.get(place)) {
            if template.name == name && template.params.is_some() == called {
                return Some(template);
            }
            place = template.before;
        }
        None
    }

    /// The expression of the template that is at hand, if one is.
    pub(super) fn template(&mut self, word: &'a str, called: bool) -> Result<Option<Expr>> {
        let Some(Template { params, body, .. }) = self.defined(word, called).cloned() else { return Ok(None) };
        let start = self.advance()?.span;
        let (defined, scope) = (self.templates.all.len(), self.templates.scope);
        let mut body = body;
        if let Some(params) = params {
            let args = self.template_arguments(word, params.len(), start)?;
            self.templates.scope = body.scope;
            for (name, arg) in params.into_iter().zip(args) {
                self.define(name, None, arg)?;
            }
            body.scope = self.templates.scope;
            self.templates.scope = scope;
        }
        let expr = self.expanded(body, Self::expression)?;
        self.templates.all.truncate(defined);
        let expr = embedded(expr, Span::new(start.start, self.last_end));
        if self.token.kind == TokenKind::LeftBrace { self.with_matchers(expr).map(Some) } else { Ok(Some(expr)) }
    }

    /// `(a, b)`, not parsed yet.
    fn template_arguments(&mut self, name: &str, expected: usize, start: Span) -> Result<Vec<Body<'a>>> {
        self.expect(TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        let mut args = Vec::new();
        while self.token.kind != TokenKind::RightParen {
            args.push(self.body()?);
            self.accept(TokenKind::Comma)?;
        }
        self.advance()?;
        if args.len() != expected {
            let message = format!("expected {expected} argument(s) of template {name:?}, got {}", args.len());
            return Err(self.error(Span::new(start.start, self.last_end), message));
        }
        Ok(args)
    }

    /// Applies a rule to the text of a template and comes back.
    fn expanded<T>(&mut self, body: Body<'a>, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (place, scope) = ((self.lexer, self.token, self.last_end), self.templates.scope);
        self.charge_expansion(body.end - body.first.span.start + USE_BYTES, self.token.span)?;
        (self.lexer, self.token, self.templates.scope) = (body.lexer, body.first, body.scope);
        let result = self.nested(rule)?;
        if self.token.span.start != body.end {
            return Err(self.unexpected("a template", "an operator or its end"));
        }
        (self.lexer, self.token, self.last_end) = place;
        self.templates.scope = scope;
        Ok(result)
    }

    /// `name{a="b"}`: further conditions for the selector that a template stands for.
    fn with_matchers(&mut self, mut expr: Expr) -> Result<Expr> {
        let span = self.token.span;
        let mut sets = self.matchers()?;
        let (ExprKind::Vector(selector), Some(more), true) = (&mut expr.kind, sets.pop(), sets.is_empty()) else {
            return Err(self.error(span, "labels must follow a template that is a selector, and be without \"or\""));
        };
        if selector.name.is_some() && more.iter().any(|matcher| matcher.name() == bongsu_model::METRIC_NAME) {
            return Err(self.error(span, "metric name must not be set twice"));
        }
        selector.matchers.splice(0..0, more);
        expr.span.end = self.last_end;
        Ok(expr)
    }

    /// The conditions of a template that stands between braces by its name alone.
    pub(in crate::parser) fn template_matchers(&mut self) -> Result<Option<Vec<Matcher>>> {
        let alone = matches!(self.second(), Some(TokenKind::Comma | TokenKind::RightBrace | TokenKind::Identifier));
        if !self.options.metricsql || self.token.kind != TokenKind::Identifier || !alone {
            return Ok(None);
        }
        let Some(body) = self.defined(self.word(), false).map(|template| template.body) else { return Ok(None) };
        let span = self.token.span;
        self.advance()?;
        let outer = std::mem::replace(&mut self.empty_selector_allowed, true);
        let expr = self.expanded(body, Self::expression)?;
        self.empty_selector_allowed = outer;
        match &expr.kind {
            ExprKind::Vector(s) if s.offset.is_zero() && s.at.is_none() && s.extent == Extent::Plain => {
                Ok(Some(s.matchers.clone()))
            }
            _ => Err(self.error(span, "a template between braces must be a selector such as {a=\"b\"}")),
        }
    }

    /// The text of a template that stands where a string must.
    pub(in crate::parser) fn template_string(&mut self) -> Result<Option<String>> {
        if !self.options.metricsql || self.token.kind != TokenKind::Identifier {
            return Ok(None);
        }
        let Some(body) = self.defined(self.word(), false).map(|template| template.body) else { return Ok(None) };
        let span = self.advance()?.span;
        let expr = self.expanded(body, Self::expression)?;
        match &expr.unparen().kind {
            ExprKind::String(text) => Ok(Some(text.clone())),
            _ => Err(self.error(span, "a template in the place of a label's value must be a string")),
        }
    }

    /// The template that stands for a length of time.
    pub(in crate::parser) fn template_duration(&mut self, context: &str) -> Result<Option<Part>> {
        if !self.options.metricsql {
            return Ok(None);
        }
        let Some(body) = self.defined(self.word(), false).map(|template| template.body) else { return Ok(None) };
        let span = self.advance()?.span;
        let part = self.expanded(body, |parser| parser.duration_expression(context, 0))?;
        Ok(Some(Part { expr: part.expr.unparen().in_parens(), span }))
    }
}
