//! Text to tokens, one at a time.
//!
//! A lexer is a position and a few flags, so looking ahead is lexing with a copy. Keywords stay identifiers: whether `sum`
//! is an aggregation or a metric is for the parser to say.

use crate::metricsql::number;
use crate::{BinaryOp, ParseError, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    End,
    /// A name or a keyword; outside of braces and brackets it may hold colons.
    Identifier,
    /// `12`, `0x1f`, `1e3`, `Inf`, `NaN`
    Number,
    /// `1h30m`
    Duration,
    /// `5i`: steps of the query, in MetricsQL.
    Steps,
    /// With its quotes.
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`
    Assign,
    /// `=~`
    RegexMatch,
    /// `!~`
    RegexNotMatch,
    /// An operator that is written with symbols; `!=` is a matcher's operator, too.
    Operator(BinaryOp),
}

/// A token and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

/// The state between two tokens.
#[derive(Clone, Copy)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    paren_depth: usize,
    in_braces: bool,
    in_brackets: bool,
    metricsql: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, metricsql: bool) -> Self {
        Self { text, at: 0, paren_depth: 0, in_braces: false, in_brackets: false, metricsql }
    }

    /// The next token; [`TokenKind::End`] again and again after the last.
    pub fn next_token(&mut self) -> Result<Token, ParseError> {
        self.skip_space_and_comments();
        let start = self.at;
        let kind = match self.peek() {
            None => self.end()?,
            Some(_) if self.number_begins() => self.number_or_duration()?,
            Some(c) if c.is_ascii_alphabetic() || c == '_' || (c == ':' && self.colons_are_letters()) => self.word(),
            Some(quote @ ('"' | '\'' | '`')) => self.string(quote)?,
            Some(c) => {
                self.at += c.len_utf8();
                self.symbol(c, start)?
            }
        };
        Ok(Token { kind, span: Span::new(start, self.at) })
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    /// `1` or `.1`, but not inside of braces.
    fn number_begins(&self) -> bool {
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let begins = is_digit(self.peek()) || (self.peek() == Some('.') && is_digit(self.peek_second()));
        begins && !self.in_braces
    }

    fn colons_are_letters(&self) -> bool {
        !self.in_braces && !self.in_brackets
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) {
        self.at += self.text.as_bytes()[self.at..].iter().take_while(|&&b| belongs(b)).count();
    }

    fn accept(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn error(&self, start: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, Span::new(start, self.at.max(start)), message)
    }

    fn skip_space_and_comments(&mut self) {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            if self.peek() != Some('#') {
                return;
            }
            self.take_while(|b| b != b'\n');
        }
    }

    fn end(&self) -> Result<TokenKind, ParseError> {
        let unclosed = if self.in_braces {
            "unexpected end of input inside braces"
        } else if self.paren_depth > 0 {
            "unclosed left parenthesis"
        } else if self.in_brackets {
            "unclosed left bracket"
        } else {
            return Ok(TokenKind::End);
        };
        Err(self.error(self.at, unclosed))
    }

    fn word(&mut self) -> TokenKind {
        let start = self.at;
        let colons = self.colons_are_letters();
        self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':'));
        let word = &self.text[start..self.at];
        let is_number = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan");
        if is_number && !self.in_braces { TokenKind::Number } else { TokenKind::Identifier }
    }

    /// Takes everything that looks like one literal and then asks what it is.
    fn number_or_duration(&mut self) -> Result<TokenKind, ParseError> {
        let start = self.at;
        let hexadecimal = self.text.as_bytes()[start..].get(1).is_some_and(|b| b.eq_ignore_ascii_case(&b'x'));
        loop {
            self.take_while(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
            let exponent = if hexadecimal { b'p' } else { b'e' };
            let signed = matches!(self.peek(), Some('+' | '-'))
                && self.text.as_bytes()[self.at - 1].eq_ignore_ascii_case(&exponent)
                && is_decimal(&self.text[start..self.at - 1]) != hexadecimal
                && self.peek_second().is_some_and(|c| c.is_ascii_digit());
            if !signed {
                break;
            }
            self.at += 1;
        }
        let literal = &self.text[start..self.at];
        if parse_number(literal) != Err(NumberError::Syntax) {
            Ok(TokenKind::Number)
        } else if is_duration(literal) {
            Ok(TokenKind::Duration)
        } else if let Some(kind) = number::kind(literal).filter(|_| self.metricsql) {
            Ok(kind)
        } else {
            Err(self.error(start, format!("bad number or duration syntax: {literal:?}")))
        }
    }

    fn string(&mut self, quote: char) -> Result<TokenKind, ParseError> {
        let start = self.at;
        self.at += 1;
        loop {
            let Some(c) = self.peek() else { return Err(self.unterminated(start, quote)) };
            match c {
                '\n' if quote != '`' => return Err(self.unterminated(start, quote)),
                '\\' if quote != '`' => {
                    self.at += 1;
                    let Some(escaped) = self.peek() else {
                        return Err(self.error(start, "escape sequence not terminated"));
                    };
                    self.at += escaped.len_utf8();
                }
                c => self.at += c.len_utf8(),
            }
            if c == quote {
                return Ok(TokenKind::String);
            }
        }
    }

    fn unterminated(&self, start: usize, quote: char) -> ParseError {
        self.error(start, if quote == '`' { "unterminated raw string" } else { "unterminated quoted string" })
    }

    fn unexpected_after(&self, symbol: char, start: usize) -> ParseError {
        let found = self.peek().map_or_else(|| "end of input".to_owned(), |c| format!("{c:?}"));
        self.error(start, format!("unexpected character after '{symbol}': {found}"))
    }

    fn symbol(&mut self, c: char, start: usize) -> Result<TokenKind, ParseError> {
        use BinaryOp as Op;
        use TokenKind::Operator;
        Ok(match c {
            ',' => TokenKind::Comma,
            '=' if self.in_braces && self.accept('~') => TokenKind::RegexMatch,
            '=' if !self.in_braces && self.accept('=') => Operator(Op::Equal),
            '=' if self.peek() == Some('~') => return Err(self.unexpected_after('=', start)),
            '=' => TokenKind::Assign,
            '!' if self.accept('=') => Operator(Op::NotEqual),
            '!' if self.in_braces && self.accept('~') => TokenKind::RegexNotMatch,
            '!' => return Err(self.unexpected_after('!', start)),
            '}' if self.in_braces => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            c if self.in_braces => {
                return Err(self.error(start, format!("unexpected character inside braces: {c:?}")));
            }
            '{' => {
                self.in_braces = true;
                TokenKind::LeftBrace
            }
            '(' => {
                self.paren_depth += 1;
                TokenKind::LeftParen
            }
            ')' => {
                let outside = || self.error(start, "unexpected right parenthesis ')'");
                self.paren_depth = self.paren_depth.checked_sub(1).ok_or_else(outside)?;
                TokenKind::RightParen
            }
            '[' if self.in_brackets => return Err(self.error(start, "unexpected left bracket '['")),
            '[' => {
                self.in_brackets = true;
                TokenKind::LeftBracket
            }
            ']' if !self.in_brackets => return Err(self.error(start, "unexpected right bracket ']'")),
            ']' => {
                self.in_brackets = false;
                TokenKind::RightBracket
            }
            ':' => TokenKind::Colon,
            '@' => TokenKind::At,
            '+' => Operator(Op::Add),
            '-' => Operator(Op::Sub),
            '*' => Operator(Op::Mul),
            '/' => Operator(Op::Div),
            '%' => Operator(Op::Mod),
            '^' => Operator(Op::Pow),
            '<' if self.accept('=') => Operator(Op::LessEqual),
            '<' if self.accept('/') => Operator(Op::TrimUpper),
            '<' => Operator(Op::Less),
            '>' if self.accept('=') => Operator(Op::GreaterEqual),
            '>' if self.accept('/') => Operator(Op::TrimLower),
            '>' => Operator(Op::Greater),
            c => return Err(self.error(start, format!("unexpected character: {c:?}"))),
        })
    }
}

/// Why a text is no number literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    #[error("invalid syntax")]
    Syntax,
    /// Beyond the largest float, or a hexadecimal integer beyond 64 bits.
    #[error("value out of range")]
    OutOfRange,
}

/// The value of a number literal: decimal or hexadecimal, underscores between digits; integers with a leading 0 are octal,
/// as in Go.
pub(crate) fn parse_number(literal: &str) -> Result<f64, NumberError> {
    let plain = without_underscores(literal).ok_or(NumberError::Syntax)?;
    let octal =
        plain.strip_prefix('0').filter(|rest| !rest.is_empty() && rest.bytes().all(|b| matches!(b, b'0'..=b'7')));
    if let Some(Ok(value)) = octal.map(|digits| i64::from_str_radix(digits, 8)) {
        return Ok(value as f64);
    }
    let value = bongsu_model::parse_float(&plain).ok_or(NumberError::Syntax)?;
    let is_word = plain.starts_with(|c: char| c.is_ascii_alphabetic());
    let hexadecimal = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X"));
    let in_range = match hexadecimal.filter(|digits| !digits.contains(['p', 'P', '.'])) {
        // Go has signed integers, and floats only with an exponent.
        Some(digits) => i64::from_str_radix(digits, 16).is_ok(),
        None => is_word || value.is_finite(),
    };
    in_range.then_some(value).ok_or(NumberError::OutOfRange)
}

/// Underscores may stand between digits and after `0x`.
fn without_underscores(literal: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !literal.contains('_') {
        return Some(literal.into());
    }
    let hexadecimal = literal.starts_with("0x") || literal.starts_with("0X");
    let bytes = literal.as_bytes();
    let is_digit = |b: u8| if hexadecimal { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    let in_place = |at: usize| {
        let after_prefix = hexadecimal && at == 2;
        at > 0 && (after_prefix || is_digit(bytes[at - 1])) && bytes.get(at + 1).is_some_and(|&b| is_digit(b))
    };
    let all_in_place = (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(in_place);
    all_in_place.then(|| literal.replace('_', "").into())
}

/// Digits, dots and underscores only.
fn is_decimal(literal: &str) -> bool {
    literal.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_')
}

/// Digits and units by turns; whether the units are in order is not asked yet.
fn is_duration(literal: &str) -> bool {
    let mut rest = literal;
    while !rest.is_empty() {
        let after_digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let after_unit = after_digits.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &after_digits[..after_digits.len() - after_unit.len()];
        if after_digits.len() == rest.len() || !["ms", "s", "m", "h", "d", "w", "y"].contains(&unit) {
            return false;
        }
        rest = after_unit;
    }
    true
}
