//! Tokens to trees: recursive descent for what has brackets, precedence climbing for operators.
//!
//! Types are checked as nodes are made. A type error does not stop the parser: an error of grammar further on says more
//! about what is wrong and is reported first, as Prometheus does.

mod call;
mod duration;
mod metricsql;
mod selector;
mod types;

use self::metricsql::Templates;
use crate::lexer::{Lexer, Token, TokenKind, parse_number};
use crate::metricsql::number::{fraction_seconds, suffixed};
use crate::{
    AggregateOp, BinaryExpr, BinaryOp, Cardinality, Expr, ExprKind, Fill, NumberLiteral, ParseError, ParseOptions,
    Span, UnaryExpr, UnaryOp, ValueType, VectorMatching,
};

type Result<T> = std::result::Result<T, ParseError>;

/// Parses one expression and checks its types.
///
/// # Errors
/// When the text is not PromQL, a type does not fit, or a bound of `options` is exceeded.
pub fn parse(text: &str, options: &ParseOptions) -> Result<Expr> {
    if text.len() > options.text_bytes_max {
        let message =
            format!("query of {} bytes is too long, at most {} are allowed", text.len(), options.text_bytes_max);
        return Err(ParseError::new(text, Span::default(), message));
    }
    let mut parser = Parser::new(text, options)?;
    if parser.token.kind == TokenKind::End {
        return Err(ParseError::new(text, Span::default(), "no expression found in input"));
    }
    let expr = parser.expression()?;
    if parser.token.kind != TokenKind::End {
        return Err(parser.unexpected("", "an operator or the end of the query"));
    }
    parser.check_alternatives(&expr);
    parser.type_error.map_or(Ok(expr), Err)
}

struct Parser<'a> {
    text: &'a str,
    options: &'a ParseOptions,
    lexer: Lexer<'a>,
    /// The token to be looked at.
    token: Token,
    /// Where the token before it ended.
    last_end: usize,
    depth: usize,
    /// Matchers so far, and those of them that are regular expressions.
    matchers: usize,
    regexes: usize,
    /// The first error of types.
    type_error: Option<ParseError>,
    /// Whether a selector that matches everything is welcome: in the second argument of `info`.
    empty_selector_allowed: bool,
    /// Definitions of `WITH`.
    templates: Templates<'a>,
}

/// Binds tighter than every operator but `^`: what a sign applies to.
const SIGN_PRECEDENCE: u8 = 8;

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: &'a ParseOptions) -> Result<Self> {
        let mut lexer = Lexer::new(text, options.metricsql);
        let token = lexer.next_token()?;
        Ok(Self {
            text,
            options,
            lexer,
            token,
            last_end: 0,
            depth: 0,
            matchers: 0,
            regexes: 0,
            type_error: None,
            empty_selector_allowed: false,
            templates: Templates::default(),
        })
    }

    /// Takes the token and looks at the next.
    fn advance(&mut self) -> Result<Token> {
        let taken = self.token;
        self.last_end = taken.span.end;
        self.token = self.lexer.next_token()?;
        Ok(taken)
    }

    /// The kind of the token after the current one.
    fn second(&self) -> Option<TokenKind> {
        let mut lexer = self.lexer;
        lexer.next_token().ok().map(|token| token.kind)
    }

    fn word(&self) -> &'a str {
        &self.text[self.token.span.start..self.token.span.end]
    }

    /// Whether the current token is this word, in any case.
    fn is_keyword(&self, keyword: &str) -> bool {
        self.token.kind == TokenKind::Identifier && self.word().eq_ignore_ascii_case(keyword)
    }

    fn accept_keyword(&mut self, keyword: &str) -> Result<bool> {
        let found = self.is_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn accept(&mut self, kind: TokenKind) -> Result<bool> {
        let found = self.token.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, kind: TokenKind, context: &str, expected: &str) -> Result<Token> {
        if self.token.kind == kind { self.advance() } else { Err(self.unexpected(context, expected)) }
    }

    fn error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message)
    }

    /// `unexpected identifier "b" in grouping opts, expected label`
    fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let mut message = format!("unexpected {}", self.describe_token());
        if !context.is_empty() {
            message += &format!(" in {context}");
        }
        if !expected.is_empty() {
            message += &format!(", expected {expected}");
        }
        self.error(self.token.span, message)
    }

    fn describe_token(&self) -> String {
        let word = self.word();
        match self.token.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Identifier if aggregate_op(word).is_some() => format!("<aggr:{word}>"),
            TokenKind::Identifier if word_operator(word, self.options.metricsql).is_some() => format!("<op:{word}>"),
            TokenKind::Identifier if KEYWORDS.iter().any(|k| word.eq_ignore_ascii_case(k)) => format!("<{word}>"),
            TokenKind::Identifier if FILL_MODIFIERS.contains(&word) && self.second() == Some(TokenKind::LeftParen) => {
                format!("<{word}>")
            }
            TokenKind::Identifier => format!("identifier {word:?}"),
            TokenKind::Number => format!("number {word:?}"),
            TokenKind::Duration | TokenKind::Steps => format!("duration {word:?}"),
            TokenKind::String => format!("string {word:?}"),
            TokenKind::Operator(op) => format!("<op:{op}>"),
            TokenKind::At => "<op:@>".to_owned(),
            _ => format!("{word:?}"),
        }
    }

    /// Notes the first error of types; parsing goes on.
    fn note_type_error(&mut self, span: Span, message: impl Into<String>) {
        if self.type_error.is_none() {
            self.type_error = Some(self.error(span, message));
        }
    }

    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == self.options.depth_max {
            let message = format!("query nests too deep, at most {} levels are allowed", self.options.depth_max);
            return Err(self.error(self.token.span, message));
        }
        self.depth += 1;
        let result = rule(self)?;
        self.depth -= 1;
        Ok(result)
    }

    fn expression(&mut self) -> Result<Expr> {
        if self.with_begins() { self.nested(Self::with_expression) } else { self.binary(0) }
    }

    /// Operands joined by operators of at least this precedence.
    fn binary(&mut self, precedence_min: u8) -> Result<Expr> {
        self.nested(|parser| {
            let mut lhs = parser.operand()?;
            while let Some(op) = parser.operator().filter(|op| op.precedence() >= precedence_min) {
                let op_span = parser.advance()?.span;
                let (return_bool, matching) = parser.binary_modifiers(op_span)?;
                let right_associative = op == BinaryOp::Pow;
                let rhs = parser.binary(op.precedence() + u8::from(!right_associative))?;
                lhs = parser.make_binary(op, lhs, rhs, return_bool, matching);
            }
            Ok(lhs)
        })
    }

    /// The operator at hand.
    fn operator(&self) -> Option<BinaryOp> {
        match self.token.kind {
            TokenKind::Operator(op) => Some(op),
            TokenKind::Identifier => word_operator(self.word(), self.options.metricsql),
            _ => None,
        }
    }

    /// Something with its signs before it and its modifiers after it.
    fn operand(&mut self) -> Result<Expr> {
        match self.token.kind {
            TokenKind::Operator(BinaryOp::Add) => self.signed(UnaryOp::Plus),
            TokenKind::Operator(BinaryOp::Sub) => self.signed(UnaryOp::Minus),
            _ => {
                let expr = self.primary()?;
                self.modifiers(expr)
            }
        }
    }

    fn signed(&mut self, op: UnaryOp) -> Result<Expr> {
        let sign = self.advance()?.span;
        let mut expr = self.binary(SIGN_PRECEDENCE)?;
        let span = sign.to(expr.span);
        if let ExprKind::Number(number) = &mut expr.kind {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            expr.span = span;
            return Ok(expr);
        }
        Ok(self.make_unary(op, expr, span))
    }

    fn primary(&mut self) -> Result<Expr> {
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let span = self.token.span;
                let number = self.number()?;
                Ok(Expr::new(ExprKind::Number(number), span, ValueType::Scalar))
            }
            TokenKind::String => {
                let span = self.token.span;
                let text = self.string()?;
                Ok(Expr::new(ExprKind::String(text), span, ValueType::String))
            }
            TokenKind::LeftParen => self.parenthesised(),
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Identifier => self.named(),
            _ => Err(self.unexpected("", "an expression")),
        }
    }

    fn parenthesised(&mut self) -> Result<Expr> {
        let open = self.advance()?.span;
        let mut inner = self.expression()?;
        if self.options.metricsql && self.token.kind == TokenKind::Comma {
            return self.union_list(open, inner);
        }
        let close = self.expect(TokenKind::RightParen, "", "an operator or \")\"")?.span;
        self.keep_operand_name(&mut inner)?;
        let value_type = inner.value_type;
        Ok(Expr::new(ExprKind::Paren(Box::new(inner)), Span::new(open.start, self.last_end.max(close.end)), value_type))
    }

    /// What a word begins: an aggregation, a call, or a selector.
    fn named(&mut self) -> Result<Expr> {
        let word = self.word();
        let second = self.second();
        if let Some(expr) = self.metricsql_named(word, second)? {
            return Ok(expr);
        }
        if let Some(op) = aggregate_op(word) {
            let mut after = self.lexer;
            let grouped = after.next_token().is_ok_and(|token| {
                let next = &self.text[token.span.start..token.span.end];
                token.kind == TokenKind::Identifier && is_grouping(next)
            });
            if grouped || second == Some(TokenKind::LeftParen) {
                return self.aggregate(op);
            }
        }
        let is_any_of = |words: &[&str]| words.iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        let is_fill = second == Some(TokenKind::LeftParen) && is_any_of(&FILL_MODIFIERS);
        if is_fill || is_any_of(&NO_METRICS) {
            return Err(self.unexpected("", "an expression"));
        }
        if second == Some(TokenKind::LeftParen) && !word.contains(':') {
            return self.call();
        }
        let name = self.advance()?.span;
        self.selector(Some(name))
    }

    /// A number, or a duration as its seconds.
    fn number(&mut self) -> Result<NumberLiteral> {
        let (span, word) = (self.token.span, self.word());
        let is_duration = self.token.kind == TokenKind::Duration;
        let value = if let Some(value) = suffixed(word).filter(|_| self.options.metricsql) {
            value
        } else if let Some(seconds) = fraction_seconds(word).filter(|_| self.options.metricsql && is_duration) {
            seconds
        } else if is_duration {
            bongsu_model::parse_duration_ms(word).map_err(|e| self.error(span, e.to_string()))? as f64 / 1000.0
        } else {
            parse_number(word).map_err(|e| self.error(span, format!("error parsing number: {word:?}: {e}")))?
        };
        self.advance()?;
        Ok(NumberLiteral { value, is_duration })
    }

    /// A number that may have a sign.
    fn signed_number(&mut self, context: &str, expected: &str) -> Result<f64> {
        let sign = match self.token.kind {
            TokenKind::Operator(BinaryOp::Add) => Some(1.0),
            TokenKind::Operator(BinaryOp::Sub) => Some(-1.0),
            _ => None,
        };
        if sign.is_some() {
            self.advance()?;
        }
        if !matches!(self.token.kind, TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected(context, expected));
        }
        Ok(self.number()?.value * sign.unwrap_or(1.0))
    }

    fn string(&mut self) -> Result<String> {
        let text = crate::string::unquote(self.word()).map_err(|message| self.error(self.token.span, message))?;
        self.advance()?;
        Ok(text)
    }

    /// `bool`, `on (…)`, `group_left (…)`, `fill (…)`
    fn binary_modifiers(&mut self, op_span: Span) -> Result<(bool, VectorMatching)> {
        let return_bool = self.accept_keyword("bool")?;
        let mut matching = VectorMatching::default();
        if self.is_keyword("on") || self.is_keyword("ignoring") {
            matching.on = self.is_keyword("on");
            self.advance()?;
            matching.labels = self.grouping_labels()?;
            let card = match () {
                () if self.is_keyword("group_left") => Some(Cardinality::ManyToOne),
                () if self.is_keyword("group_right") => Some(Cardinality::OneToMany),
                () => None,
            };
            if let Some(card) = card {
                matching.card = card;
                self.advance()?;
                // Always the list of labels, never the right operand, as in Prometheus.
                if self.token.kind == TokenKind::LeftParen {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        matching.fill = self.fill_modifiers()?;
        if matching.on
            && let Some(label) = matching.labels.iter().find(|label| matching.include.contains(label))
        {
            let message = format!("label {label:?} must not occur in ON and GROUP clause at once");
            self.note_type_error(op_span, message);
        }
        Ok((return_bool, matching))
    }

    fn fill_modifiers(&mut self) -> Result<Fill> {
        let mut fill = Fill::default();
        while self.token.kind == TokenKind::Identifier && self.second() == Some(TokenKind::LeftParen) {
            let (left, right) = match self.word().to_ascii_lowercase().as_str() {
                "fill" => (true, true),
                "fill_left" => (true, false),
                "fill_right" => (false, true),
                _ => break,
            };
            if !self.options.fill_modifiers {
                return Err(self.error(self.token.span, "binop fill modifiers are experimental and not enabled"));
            }
            if (left && fill.left.is_some()) || (right && fill.right.is_some()) {
                break;
            }
            self.advance()?;
            self.advance()?;
            let value = self.signed_number("", "")?;
            self.expect(TokenKind::RightParen, "", "")?;
            fill.left = if left { Some(value) } else { fill.left };
            fill.right = if right { Some(value) } else { fill.right };
        }
        Ok(fill)
    }

    /// `(a, "b.c",)`
    fn grouping_labels(&mut self) -> Result<Vec<String>> {
        const CONTEXT: &str = "grouping opts";
        self.expect(TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        while self.token.kind != TokenKind::RightParen {
            labels.push(self.grouping_label()?);
            if !self.accept(TokenKind::Comma)? && self.token.kind != TokenKind::RightParen {
                return Err(self.unexpected(CONTEXT, "\",\" or \")\""));
            }
        }
        self.advance()?;
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Result<String> {
        let span = self.token.span;
        let label = match self.token.kind {
            TokenKind::Identifier => {
                let word = self.word().to_owned();
                self.advance()?;
                word
            }
            TokenKind::String => self.string()?,
            _ => return Err(self.unexpected("grouping opts", "label")),
        };
        if label.is_empty() {
            return Err(self.error(span, "invalid label name for grouping: \"\""));
        }
        Ok(label)
    }

    fn make_unary(&mut self, op: UnaryOp, expr: Expr, span: Span) -> Expr {
        self.check_unary(&expr, span);
        let value_type = expr.value_type;
        Expr::new(ExprKind::Unary(UnaryExpr { op, expr: Box::new(expr) }), span, value_type)
    }

    fn make_binary(&mut self, op: BinaryOp, lhs: Expr, rhs: Expr, return_bool: bool, matching: VectorMatching) -> Expr {
        let span = lhs.span.to(rhs.span);
        let matching = self.check_binary(op, &lhs, &rhs, return_bool, matching);
        let both_scalar = lhs.value_type == ValueType::Scalar && rhs.value_type == ValueType::Scalar;
        let value_type = if both_scalar { ValueType::Scalar } else { ValueType::Vector };
        let (lhs, rhs) = (Box::new(lhs), Box::new(rhs));
        Expr::new(
            ExprKind::Binary(BinaryExpr { op, lhs, rhs, return_bool, matching, keep_name: false }),
            span,
            value_type,
        )
    }
}

/// Words that are never metric names outside of braces.
const NO_METRICS: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

/// Words before a parenthesis that are no functions.
const FILL_MODIFIERS: [&str; 3] = ["fill", "fill_left", "fill_right"];

/// Words that error messages show as keywords.
const KEYWORDS: [&str; 8] = ["bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "without"];

fn is_grouping(word: &str) -> bool {
    word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without")
}

fn aggregate_op(word: &str) -> Option<AggregateOp> {
    AggregateOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.as_str()))
}

fn word_operator(word: &str, metricsql: bool) -> Option<BinaryOp> {
    use BinaryOp as Op;
    [Op::And, Op::Or, Op::Unless, Op::Atan2, Op::Default, Op::If, Op::IfNot]
        .into_iter()
        .filter(|op| metricsql || !op.is_presence())
        .find(|op| word.eq_ignore_ascii_case(op.as_str()))
}
