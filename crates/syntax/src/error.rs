//! Why a text is not PromQL.

use crate::Span;

/// What is wrong with a query and where. `Display` gives Prometheus' form: `1:5: parse error: unexpected …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// The offending bytes.
    pub span: Span,
    /// Line of the first of them, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What the author may have meant, when that can be told.
    pub hint: Option<String>,
}

impl ParseError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let (line, column) = span.line_column(text);
        Self { span, line, column, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
