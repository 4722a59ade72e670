//! Walking, copying, comparing and dropping trees, in loops where a tree may be too deep for recursion.

use crate::{BinaryExpr, Expr, ExprKind, Span, ValueType, VectorSelector};

impl Expr {
    /// An expression; `value_type` must be the one that `kind` gives.
    #[must_use]
    pub fn new(kind: ExprKind, span: Span, value_type: ValueType) -> Self {
        Self { kind, span, value_type }
    }

    /// The expression inside any number of parentheses.
    #[must_use]
    pub fn unparen(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// This expression, its left operand, the left operand of that, and so on down to the first that is no binary
    /// operation: how to walk `a + b + c + …` without recursion.
    pub fn left_spine(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |expr| match &expr.kind {
            ExprKind::Binary(binary) => Some(&*binary.lhs),
            _ => None,
        })
    }

    /// Calls `visit` with this expression and with every expression inside it, outer ones before inner ones.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Self)) {
        for expr in self.left_spine() {
            visit(expr);
            match &expr.kind {
                ExprKind::Binary(binary) => binary.rhs.walk(visit),
                ExprKind::Unary(unary) => unary.expr.walk(visit),
                ExprKind::Paren(inner) => inner.walk(visit),
                ExprKind::Subquery(subquery) => subquery.expr.walk(visit),
                ExprKind::Call(call) => call.args.iter().for_each(|arg| arg.walk(visit)),
                ExprKind::Aggregate(aggregate) => {
                    aggregate.param.iter().for_each(|param| param.walk(visit));
                    aggregate.expr.walk(visit);
                }
                ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => {}
            }
        }
    }

    /// The expressions directly inside this one, in the order in which they are written.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Binary(binary) => vec![&binary.lhs, &binary.rhs],
            ExprKind::Unary(unary) => vec![&unary.expr],
            ExprKind::Paren(inner) => vec![inner],
            ExprKind::Subquery(subquery) => vec![&subquery.expr],
            ExprKind::Call(call) => call.args.iter().collect(),
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter().chain([&aggregate.expr]).map(AsRef::as_ref).collect()
            }
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => Vec::new(),
        }
    }

    /// The same, to be changed; who changes types or spans makes the tree worthless.
    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.kind {
            ExprKind::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
            ExprKind::Unary(unary) => vec![&mut unary.expr],
            ExprKind::Paren(inner) => vec![inner],
            ExprKind::Subquery(subquery) => vec![&mut subquery.expr],
            ExprKind::Call(call) => call.args.iter_mut().collect(),
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter_mut().chain([&mut aggregate.expr]).map(AsMut::as_mut).collect()
            }
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => Vec::new(),
        }
    }

    /// The series that this expression itself selects, when it is a selector of either kind.
    #[must_use]
    pub fn selector(&self) -> Option<&VectorSelector> {
        match &self.kind {
            ExprKind::Vector(selector) => Some(selector),
            ExprKind::Matrix(matrix) => Some(&matrix.selector),
            _ => None,
        }
    }

    /// Takes the left operand out of a binary operation and leaves a worthless node behind.
    fn take_lhs(&mut self) -> Option<Box<Self>> {
        if !matches!(self.kind, ExprKind::Binary(_)) {
            return None;
        }
        match std::mem::replace(&mut self.kind, ExprKind::String(String::new())) {
            ExprKind::Binary(binary) => Some(binary.lhs),
            _ => None,
        }
    }
}

/// Takes the left spine apart in a loop: a sum of 20,000 terms is dropped without deep recursion.
impl Drop for Expr {
    fn drop(&mut self) {
        let mut next = self.take_lhs();
        while let Some(mut expr) = next {
            next = expr.take_lhs();
        }
    }
}

/// Copies the left spine from its foot upwards, in a loop.
impl Clone for Expr {
    fn clone(&self) -> Self {
        let spine: Vec<&Self> = self.left_spine().collect();
        let mut copy: Option<Self> = None;
        for expr in spine.into_iter().rev() {
            let kind = match (&expr.kind, copy.take()) {
                (ExprKind::Binary(binary), Some(lhs)) => ExprKind::Binary(BinaryExpr {
                    op: binary.op,
                    lhs: Box::new(lhs),
                    rhs: binary.rhs.clone(),
                    return_bool: binary.return_bool,
                    matching: binary.matching.clone(),
                    keep_name: binary.keep_name,
                }),
                (kind, _) => kind.clone(),
            };
            copy = Some(Self::new(kind, expr.span, expr.value_type));
        }
        copy.expect("a spine has at least the expression itself")
    }
}

/// Compares the left spines in step, in a loop.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self, other);
        loop {
            match (&a.kind, &b.kind) {
                (ExprKind::Binary(x), ExprKind::Binary(y)) => {
                    if x.op != y.op
                        || (x.return_bool, x.keep_name) != (y.return_bool, y.keep_name)
                        || x.matching != y.matching
                        || x.rhs != y.rhs
                    {
                        return false;
                    }
                    (a, b) = (&x.lhs, &y.lhs);
                }
                (x, y) => return x == y,
            }
        }
    }
}
