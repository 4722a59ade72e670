//! The PromQL language of Prometheus 3: text in, a typed syntax tree with byte positions out, and back to text.
//!
//! ```text
//! text ─► lexer ─► parser (grammar, types, limits) ─► Expr ─► printer ─► text
//! ```
//!
//! It knows nothing of series or evaluation; the evaluator, the API's formatter and rule files use it.

mod ast;
mod duration;
mod error;
mod function;
mod lexer;
mod metricsql;
mod operator;
mod parser;
mod pretty;
mod printer;
mod string;
#[cfg(test)]
mod tests;
mod tree;

pub use ast::{
    AggregateExpr, At, BinaryExpr, Call, Cardinality, Duration, Expr, ExprKind, Extent, Fill, MatrixSelector,
    NumberLiteral, Place, Span, SubqueryExpr, UnaryExpr, ValueType, VectorMatching, VectorSelector,
};
pub use duration::{DurationError, DurationErrorKind, DurationExpr, DurationOp, QueryWindow};
pub use error::ParseError;
pub use function::{FUNCTIONS, Function, FunctionId};
pub use operator::{AggregateOp, BinaryOp, UnaryOp};
pub use parser::parse;
pub use string::{Quoted, is_utf8_text};

/// Bounds and switches of the parser.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// Longer texts are refused.
    pub text_bytes_max: usize,
    /// How deep parentheses, calls, signs and right-hand operands may nest.
    pub depth_max: usize,
    /// How many matchers all selectors together may have.
    pub matchers_max: usize,
    /// How many of them may be regular expressions, each of which may compile to megabytes.
    pub regexes_max: usize,
    /// Functions and aggregations that Prometheus calls experimental.
    pub experimental_functions: bool,
    /// `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
    /// Selectors that select every series, such as `{a=~".*"}`: fine where a selector is all there is and something else
    /// bounds the answer.
    pub empty_selectors: bool,
    /// Habits of MetricsQL that are errors in PromQL (docs/metricsql.md). Without it, nothing differs from PromQL.
    pub metricsql: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            text_bytes_max: 1 << 20,
            depth_max: 250,
            matchers_max: 10_000,
            regexes_max: 500,
            experimental_functions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
            empty_selectors: false,
            metricsql: false,
        }
    }
}
