//! Operators between vectors and scalars, and changes of labels.

use super::{Expr, Precision, Queries};

const ARITHMETIC: [&str; 9] = ["+", "-", "*", "/", "+", "-", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];

/// An operator as it is written, and how well its results agree.
struct Operator {
    text: String,
    is_comparison: bool,
    is_bool: bool,
    /// Whether small differences of operands make large ones of results.
    jumps: bool,
}

impl Operator {
    fn precision(&self, left: Precision, right: Precision) -> Precision {
        let both = left.max(right);
        match &*self.text {
            "^" | "atan2" => Precision::Rounded,
            "+" | "-" => both,
            "*" | "/" | "%" => both.max(Precision::Bits),
            _ if self.is_bool => Precision::Eighths,
            _ => both,
        }
    }
}

impl Queries {
    fn operator(&mut self) -> Operator {
        if self.random.percent(65) {
            let text = self.random.pick(&ARITHMETIC);
            // A sum may be all but 0, and a divisor.
            let jumps = text != "*";
            return Operator { text: text.to_owned(), is_comparison: false, is_bool: false, jumps };
        }
        let is_bool = self.random.percent(40);
        let text = format!("{}{}", self.random.pick(&COMPARISONS), if is_bool { " bool" } else { "" });
        Operator { text, is_comparison: true, is_bool, jumps: true }
    }

    /// An operand for the operator.
    fn operand(&mut self, operator: &Operator, depth: u32) -> Expr {
        let operand = if operator.jumps { self.exact_vector(depth) } else { self.vector(depth) };
        Self::nameless(operator, operand)
    }

    /// Prometheus 2 leaves the name at the result of `atan2`, Prometheus 3 does not; so it is taken away before.
    fn nameless(operator: &Operator, operand: Expr) -> Expr {
        if operator.text != "atan2" {
            return operand;
        }
        let (text, precision) = (format!("({} + 0)", operand.text), operand.precision);
        operand.mapped(text, precision)
    }

    pub(super) fn with_scalar(&mut self, depth: u32) -> Expr {
        let operator = self.operator();
        let vector = self.operand(&operator, depth - 1);
        let mut scalar = self.scalar(depth - 1);
        while operator.jumps && scalar.precision == Precision::Rounded {
            scalar = self.scalar(0);
        }
        let swapped = self.random.percent(40);
        let precision = operator.precision(vector.precision, scalar.precision);
        let text = if swapped {
            format!("({} {} {})", scalar.text, operator.text, vector.text)
        } else {
            format!("({} {} {})", vector.text, operator.text, scalar.text)
        };
        // A factor may be negative, and make the other zero.
        let is_moderate = operator.is_comparison && vector.is_moderate || operator.is_bool;
        vector.mapped(text, precision).with_moderate(is_moderate)
    }

    pub(super) fn with_vector(&mut self, depth: u32) -> Expr {
        let operator = self.operator();
        let many = self.operand(&operator, depth - 1);
        let mut labels: Vec<_> = many.labels.iter().copied().filter(|_| self.random.percent(65)).collect();
        let is_one_to_one = operator.is_comparison && self.random.percent(30) || self.random.percent(45);
        if is_one_to_one {
            labels = many.labels.clone();
        }
        let one = self.aggregated(&operator, &labels, depth - 1);
        let others: Vec<_> = many.labels.iter().filter(|label| !labels.contains(label)).copied().collect();
        let matching = if self.random.percent(60) || others.is_empty() && self.random.percent(50) {
            format!("on({})", labels.join(", "))
        } else {
            format!("ignoring({})", others.join(", "))
        };
        let (many_text, one_text, text) = (&many.text, &one.text, &operator.text);
        let expression = if is_one_to_one && self.random.percent(50) {
            format!("({many_text} {text} {one_text})")
        } else if is_one_to_one {
            format!("({many_text} {text} {matching} {one_text})")
        } else if self.random.percent(50) {
            let extra = self.random.pick(&["", "", "()", "(nothing)"]);
            format!("({many_text} {text} {matching} group_left{extra} {one_text})")
        } else {
            format!("({one_text} {text} {matching} group_right {many_text})")
        };
        let precision = operator.precision(many.precision, one.precision);
        let is_moderate = many.is_moderate && one.is_moderate && !operator.jumps || operator.is_bool;
        // One to one on fewer labels than there are leaves those only; which ones are told apart stays the same.
        many.mapped(expression, precision).with_moderate(is_moderate)
    }

    /// One series at most for each combination of these labels.
    fn aggregated(&mut self, operator: &Operator, labels: &[&'static str], depth: u32) -> Expr {
        if labels == ["instance", "job"] && self.random.percent(60) {
            let selector = self.target_selector();
            return Self::nameless(operator, selector);
        }
        let inner = self.operand(operator, depth);
        let jumps_at_zero = operator.jumps && !inner.is_moderate;
        let aggregation = if jumps_at_zero { "count" } else { self.random.pick(&["max", "min", "count"]) };
        let precision = match aggregation {
            "count" => Precision::Eighths,
            _ if !inner.is_moderate => Precision::Rounded,
            _ => inner.precision,
        };
        let is_moderate = inner.is_moderate;
        let text = format!("{aggregation} by ({}) ({})", labels.join(", "), inner.text);
        Expr::new(text, labels, precision).with_moderate(is_moderate)
    }

    pub(super) fn set_operation(&mut self, depth: u32) -> Expr {
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        let operator = self.random.pick(&["and", "unless", "or"]);
        let matching = match self.random.below(4) {
            0 => "on(job) ",
            1 => "on() ",
            2 => "ignoring(instance) ",
            _ => "",
        };
        let text = format!("({} {operator} {matching}{})", left.text, right.text);
        if operator != "or" {
            let precision = left.precision;
            return left.mapped(text, precision);
        }
        let mut labels = [left.labels, right.labels].concat();
        labels.sort_unstable();
        labels.dedup();
        Expr::new(text, &labels, left.precision.max(right.precision))
            .with_moderate(left.is_moderate && right.is_moderate)
    }

    pub(super) fn negated(&mut self, depth: u32) -> Expr {
        let inner = self.vector(depth - 1);
        // The minus sign itself refuses names that follow each other in 2, and joins them in 3.
        let (before, after) = self.random.pick(&[("-abs(", ")"), ("-abs(", ")"), ("+", "")]);
        let (text, precision) = (format!("{before}{}{after}", inner.text), inner.precision);
        // Of a zero it makes the other one, which sums do not keep in Prometheus 3.
        inner.mapped(text, precision).with_moderate(false)
    }

    pub(super) fn labelled(&mut self, depth: u32) -> Expr {
        let inner = self.vector(depth - 1);
        let (text, label) = match self.random.below(5) {
            0 => (format!("label_join({}, \"zone\", \"-\", \"job\", \"instance\")", inner.text), "zone"),
            1 => (format!("label_join({}, \"zone\", \"\")", inner.text), ""),
            2 => (format!("label_replace({}, \"zone\", \"$2:$1\", \"instance\", \"(.):(.*)\")", inner.text), "zone"),
            3 => (format!("label_replace({}, \"zone\", \"${{x}}!\", \"job\", \"(?P<x>a)pi\")", inner.text), "zone"),
            _ => (format!("label_replace({}, \"zone\", \"$1\", \"job\", \"nothing(.*)\")", inner.text), ""),
        };
        let mut labels = inner.labels.clone();
        if !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
        Expr { labels, ..inner.clone().mapped(text, inner.precision) }
    }
}
