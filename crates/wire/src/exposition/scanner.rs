//! A position in the text, and the tokens that both formats share.

use std::borrow::Cow;

use super::ParseError;

/// The most characters of the input that an error quotes.
const QUOTED_CHARS_MAX: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Back to a place that was passed.
    pub(super) fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    #[inline]
    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What was read since `start`. All positions are next to ASCII characters, so they are character boundaries.
    #[inline]
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[inline]
    pub(super) fn take_byte(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_prefix(&mut self, prefix: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(prefix.as_bytes());
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Everything up to the first byte that does not pass.
    #[inline]
    pub(super) fn take_while(&mut self, pass: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().position(|byte| !pass(*byte)).unwrap_or(rest.len());
        self.since(start)
    }

    /// Blanks and tabs.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// The rest of the line, without its end, which is stepped over.
    pub(super) fn take_line(&mut self) -> &'a str {
        let line = self.take_while(|byte| byte != b'\n');
        self.take_byte(b'\n');
        line
    }

    /// A bare name: letters, digits, `_` and, when `colons`, `:`; empty when none starts here.
    #[inline]
    pub(super) fn take_name(&mut self, colons: bool) -> &'a str {
        let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
        if self.peek().is_some_and(starts) { self.take_while(|byte| starts(byte) || byte.is_ascii_digit()) } else { "" }
    }

    /// A string in double quotes that starts here; what is between the quotes, escapes not resolved.
    pub(super) fn take_string(&mut self, line_breaks: bool) -> Result<&'a str, ParseError> {
        let open = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(self.text.get(open + 1..self.at - 1).unwrap_or_default());
                }
                b'\\' => self.at += 2,
                b'\n' if !line_breaks => break,
                _ => self.at += 1,
            }
        }
        self.at = open;
        Err(self.error("expected the string that starts here to end with a double quote".to_owned()))
    }

    /// A metric name after `# HELP` and the like, bare or quoted.
    pub(super) fn take_family_name(&mut self, keyword: &str) -> Result<Cow<'a, str>, ParseError> {
        let name = if self.peek() == Some(b'"') {
            unescape(self.take_string(false)?, true)
        } else {
            Cow::Borrowed(self.take_name(true))
        };
        if name.is_empty() { Err(self.expected(&format!("a metric name after {keyword}"))) } else { Ok(name) }
    }

    /// An error that says what should stand here, and quotes what does.
    #[cold]
    pub(super) fn expected(&self, what: &str) -> ParseError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found: String = rest.chars().take_while(|c| *c != '\n').take(QUOTED_CHARS_MAX).collect();
        self.error(match rest.chars().next() {
            None => format!("expected {what}, found the end"),
            Some('\n') => format!("expected {what}, found the end of the line"),
            Some(_) => format!("expected {what}, found {found:?}"),
        })
    }

    /// An error at this place.
    #[cold]
    pub(super) fn error(&self, message: String) -> ParseError {
        self.error_at(self.at, message)
    }

    #[cold]
    pub(super) fn error_at(&self, at: usize, message: String) -> ParseError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ParseError { line, column: before[line_start..].chars().count() + 1, message }
    }
}

/// Resolves `\\`, `\n` and, when `quotes`, `\"`. Other sequences stay as they are, as upstream's replacer leaves them.
pub(super) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut resolved = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut ahead = chars.clone();
        let replacement = match (c, ahead.next()) {
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('"')) if quotes => Some('"'),
            _ => None,
        };
        resolved.push(replacement.unwrap_or(c));
        if replacement.is_some() {
            chars = ahead;
        }
    }
    Cow::Owned(resolved)
}
