//! What types must fit where.

use bongsu_model::{METRIC_NAME, Matcher};

use super::Parser;
use crate::{
    AggregateOp, BinaryOp, Cardinality, Expr, ExprKind, Function, FunctionId, Span, ValueType, VectorMatching,
};

impl Parser<'_> {
    pub(super) fn check_unary(&mut self, expr: &Expr, span: Span) {
        if !matches!(expr.value_type, ValueType::Scalar | ValueType::Vector) {
            let only = "unary expression only allowed on expressions of type scalar or instant vector";
            self.note_type_error(span, format!("{only}, got {:?}", expr.value_type.documented()));
        }
    }

    /// Gives the matching back when both sides are vectors, with the cardinality that set operations have.
    pub(super) fn check_binary(
        &mut self,
        op: BinaryOp,
        lhs: &Expr,
        rhs: &Expr,
        return_bool: bool,
        mut matching: VectorMatching,
    ) -> Option<VectorMatching> {
        let span = lhs.span.to(rhs.span);
        let between = self.without_space(Span::new(lhs.span.end, rhs.span.start));
        let (left, right) = (lhs.value_type, rhs.value_type);
        if return_bool && !op.is_comparison() {
            self.note_type_error(between, "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !return_bool && left == ValueType::Scalar && right == ValueType::Scalar {
            self.note_type_error(between, "comparisons between scalars must use BOOL modifier");
        }
        for side in [lhs, rhs] {
            if !matches!(side.value_type, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                self.note_type_error(side.span, message);
            }
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            self.note_type_error(
                span,
                format!("set operator {:?} not allowed in binary scalar expression", op.as_str()),
            );
        }
        let filled = matching.fill.left.is_some() || matching.fill.right.is_some();
        if left != ValueType::Vector || right != ValueType::Vector {
            if !matching.labels.is_empty() {
                self.note_type_error(span, "vector matching only allowed between instant vectors");
            } else if filled {
                self.note_type_error(span, "filling in missing series only allowed between instant vectors");
            }
            return None;
        }
        if op.is_set() || op.is_presence() {
            if matching.card != Cardinality::OneToOne {
                self.note_type_error(span, format!("no grouping allowed for {:?} operation", op.as_str()));
            }
            if filled {
                self.note_type_error(span, "filling in missing series not allowed for set operators");
            }
            matching.card = Cardinality::ManyToMany;
        }
        Some(matching)
    }

    pub(super) fn check_call(&mut self, function: &Function, args: &[Expr], span: Span) {
        let (name, got, min) = (function.name, args.len(), function.args_min);
        if function.args_max == Some(min) {
            if got != min {
                self.note_type_error(span, format!("expected {min} argument(s) in call to {name:?}, got {got}"));
            }
        } else if got < min {
            self.note_type_error(span, format!("expected at least {min} argument(s) in call to {name:?}, got {got}"));
        } else if let Some(max) = function.args_max.filter(|&max| got > max) {
            self.note_type_error(span, format!("expected at most {max} argument(s) in call to {name:?}, got {got}"));
        }
        let context = format!("call to function {name:?}");
        for (arg, expected) in args.iter().enumerate().filter_map(|(at, arg)| Some((arg, function.arg_type(at)?))) {
            self.expect_type(arg, expected, &context);
        }
        self.check_label_pairs(function, got, span);
        if function.id == FunctionId::Info
            && let Some(arg) = args.get(1)
            && !matches!(&arg.kind, ExprKind::Vector(selector) if selector.name.is_none())
        {
            self.note_type_error(arg.span, "expected label selectors only, got vector selector instead");
        }
    }

    pub(super) fn check_aggregate(&mut self, op: AggregateOp, param: Option<&Expr>, expr: &Expr) {
        self.expect_type(expr, ValueType::Vector, "aggregation expression");
        if let (Some(expected), Some(param)) = (op.param_type(), param) {
            self.expect_type(param, expected, "aggregation parameter");
        }
    }

    /// The span less the white space at its ends.
    fn without_space(&self, span: Span) -> Span {
        let text = &self.text[span.start..span.end];
        let start = span.end - text.trim_ascii_start().len();
        Span::new(start, start + text.trim_ascii().len())
    }

    fn expect_type(&mut self, expr: &Expr, expected: ValueType, context: &str) {
        if expr.value_type != expected {
            let (expected, got) = (expected.documented(), expr.value_type.documented());
            self.note_type_error(expr.span, format!("expected type {expected} in {context}, got {got}"));
        }
    }

    /// `matchers` do not hold that of `name` yet.
    pub(super) fn check_matchers(&mut self, name: Option<&str>, matchers: &[Matcher], span: Span) {
        match name {
            Some(name) => {
                if let Some(other) = matchers.iter().find(|matcher| matcher.name() == METRIC_NAME) {
                    let message = format!("metric name must not be set twice: {name:?} or {:?}", other.value());
                    self.note_type_error(span, message);
                }
            }
            None if !self.options.empty_selectors
                && !self.empty_selector_allowed
                && matchers.iter().all(Matcher::matches_empty) =>
            {
                self.note_type_error(span, "vector selector must contain at least one non-empty matcher");
            }
            None => {}
        }
    }
}
