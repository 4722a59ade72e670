//! Functions and aggregations.

use super::select::{BUCKETS, GAPPED_COUNTER};
use super::{Expr, Precision, Queries, sum_precision};

/// Range functions that give the same bits whatever the order of operations.
const EXACT_OVER_TIME: [&str; 6] =
    ["count_over_time", "last_over_time", "max_over_time", "min_over_time", "present_over_time", "absent_over_time"];
/// Those that jump where values are equal or fall.
const JUMPING_OVER_TIME: [&str; 4] = ["changes", "resets", "idelta", "irate"];
/// Those that are rounded.
const ROUNDED_OVER_TIME: [&str; 7] =
    ["avg_over_time", "stddev_over_time", "stdvar_over_time", "quantile_over_time", "delta", "deriv", "predict_linear"];
/// Functions of a vector that jump, or whose domain ends somewhere.
const JUMPING: [&str; 14] = [
    "ceil",
    "floor",
    "round",
    "sgn",
    "sqrt",
    "ln",
    "log2",
    "log10",
    "acos",
    "acosh",
    "asin",
    "atanh",
    "tan",
    "timestamp",
];
/// Those that are smooth.
const SMOOTH: [&str; 12] = ["abs", "atan", "asinh", "cos", "cosh", "deg", "exp", "rad", "sin", "sinh", "tanh", "clamp"];
const DATES: [&str; 8] =
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];

impl Queries {
    pub(super) fn range_function(&mut self, depth: u32) -> Expr {
        match self.random.below(20) {
            0..6 => self.rate(),
            6..10 => {
                let function = self.random.pick(&EXACT_OVER_TIME);
                let (matrix, inner) = self.matrix(depth, false);
                let precision = match function {
                    "count_over_time" | "present_over_time" | "absent_over_time" => Precision::Eighths,
                    _ => inner.precision,
                };
                if function == "absent_over_time" {
                    return Expr::new(format!("{function}({matrix})"), &[], precision);
                }
                inner.mapped(format!("{function}({matrix})"), precision)
            }
            10..12 => {
                let (matrix, inner) = self.matrix(depth, false);
                let precision = sum_precision(inner.precision);
                inner.mapped(format!("sum_over_time({matrix})"), precision)
            }
            12..15 => {
                let function = self.random.pick(&JUMPING_OVER_TIME);
                let (matrix, inner) = self.matrix(depth, true);
                let precision = if function == "irate" { Precision::Rounded } else { inner.precision };
                inner.mapped(format!("{function}({matrix})"), precision)
            }
            _ => self.rounded_range_function(depth),
        }
    }

    /// A range selector or a subquery, and what is in it.
    fn matrix(&mut self, depth: u32, is_exact: bool) -> (String, Expr) {
        if self.random.percent(65) {
            let metric = self.metric();
            let like = self.selector_of(metric);
            return (self.range_selector(metric), like);
        }
        let inner = if is_exact { self.exact_vector(depth - 1) } else { self.vector(depth - 1) };
        (self.subquery(&inner), inner)
    }

    /// Of counters only; by a subquery only where that does not meet what Prometheus 2 and 3 do differently.
    pub(super) fn rate(&mut self) -> Expr {
        let function = self.random.pick(&["rate", "increase", "rate", "irate"]);
        let (matrix, like) = if self.random.percent(85) {
            let metric = self.counter();
            let like = self.selector_of(metric);
            (self.range_selector(metric), like)
        } else {
            let inner = self.selector_of(GAPPED_COUNTER);
            (self.subquery(&inner), inner)
        };
        like.mapped(format!("{function}({matrix})"), Precision::Rounded)
    }

    /// Of what is exact, as most of these are differences of values that may be near each other.
    fn rounded_range_function(&mut self, depth: u32) -> Expr {
        let (matrix, inner) = self.matrix(depth, true);
        let text = match self.random.pick(&ROUNDED_OVER_TIME) {
            // Prometheus 2 gives NaN where a square is too large, Prometheus 3 gives +Inf.
            "stddev_over_time" | "stdvar_over_time" if !inner.is_moderate => format!("avg_over_time({matrix})"),
            "quantile_over_time" => {
                format!("quantile_over_time({}, {matrix})", self.random.pick(&["0.437", "0", "1", "0.9", "-1", "2"]))
            }
            // Prometheus 2 moves a window that `@` holds fast, once it is not the first step's; Prometheus 3 does not.
            "predict_linear" if matrix.contains('@') => format!("deriv({matrix})"),
            "predict_linear" => format!("predict_linear({matrix}, {})", self.random.pick(&["0", "600", "-60"])),
            "deriv" if self.random.percent(40) => {
                let factors = self.random.pick(&["0.5, 0.1", "0.3, 0.9", "0.01, 0.99"]);
                format!("double_exponential_smoothing({matrix}, {factors})")
            }
            function => format!("{function}({matrix})"),
        };
        inner.mapped(text, Precision::Rounded).with_moderate(false)
    }

    pub(super) fn function(&mut self, depth: u32) -> Expr {
        match self.random.below(20) {
            0..8 => {
                let function = self.random.pick(&JUMPING);
                let inner = self.exact_vector(depth - 1);
                let precision = match function {
                    "ceil" | "floor" | "round" | "sgn" => inner.precision,
                    "sqrt" | "timestamp" => Precision::Bits,
                    _ => Precision::Rounded,
                };
                let text = match function {
                    "round" if self.random.percent(60) => {
                        format!("round({}, {})", inner.text, self.random.pick(&["5", "0.5", "-2", "1e3"]))
                    }
                    _ => format!("{function}({})", inner.text),
                };
                inner.mapped(text, precision).with_moderate(false)
            }
            8..15 => self.smooth(depth),
            15..18 => {
                let function = self.random.pick(&DATES);
                if self.random.percent(30) {
                    return Expr::new(format!("{function}()"), &[], Precision::Eighths);
                }
                // Times of the data, or what numbers stand there: those beyond a date are not the same on every machine.
                let inner = self.target_selector();
                let text = format!("{function}(timestamp({}))", inner.text);
                inner.mapped(text, Precision::Eighths)
            }
            18 => {
                let inner = self.scalar(depth - 1);
                Expr::new(format!("vector({})", inner.text), &[], inner.precision).with_moderate(inner.is_moderate)
            }
            _ => {
                let inner = self.vector(depth - 1);
                Expr::new(format!("absent({})", inner.text), &[], Precision::Eighths)
            }
        }
    }

    fn smooth(&mut self, depth: u32) -> Expr {
        let function = self.random.pick(&SMOOTH);
        // Of angles whose cosine is near 0 a small error is a large one.
        let is_periodic = matches!(function, "sin" | "cos");
        let inner = if is_periodic { self.exact_vector(depth - 1) } else { self.vector(depth - 1) };
        let (text, precision) = match function {
            "abs" => (format!("abs({})", inner.text), inner.precision),
            "clamp" => {
                let text = match self.random.below(3) {
                    0 => format!("clamp({}, {})", inner.text, self.random.pick(&["-10, 100", "0, 0", "5, 1"])),
                    1 => format!("clamp_min({}, {})", inner.text, self.number()),
                    _ => format!("clamp_max({}, {})", inner.text, self.number()),
                };
                (text, inner.precision)
            }
            // Of angles that are not huge, as a huge one's remainder is a matter of taste.
            "sin" | "cos" => (format!("{function}(clamp({}, -50, 50))", inner.text), Precision::Rounded),
            function => (format!("{function}({})", inner.text), Precision::Rounded),
        };
        let is_moderate = inner.is_moderate && precision < Precision::Rounded;
        inner.mapped(text, precision).with_moderate(is_moderate)
    }

    pub(super) fn histogram_quantile(&mut self, depth: u32) -> Expr {
        let quantile = self.random.pick(&["0.437", "0.93", "0.01", "0.999", "-1", "1.5", "0", "1"]);
        let (buckets, labels): (String, &[&'static str]) = match self.random.below(4) {
            0 => (self.selector_of(BUCKETS).text, &["instance", "job"]),
            1 => (format!("rate({})", self.range_selector(BUCKETS)), &["instance", "job"]),
            2 => (format!("sum by (le) (increase({}))", self.range_selector(BUCKETS)), &[]),
            _ => {
                let inner = self.vector(depth - 1);
                (format!("label_replace({}, \"le\", \"2\", \"\", \"\")", inner.text), &["instance", "job"])
            }
        };
        Expr::new(format!("histogram_quantile({quantile}, {buckets})"), labels, Precision::Rounded).with_moderate(false)
    }

    pub(super) fn aggregation(&mut self, depth: u32) -> Expr {
        let operator = self.random.pick(&[
            "sum",
            "sum",
            "sum",
            "avg",
            "avg",
            "min",
            "max",
            "count",
            "group",
            "stddev",
            "stdvar",
            "topk",
            "bottomk",
            "quantile",
            "count_values",
        ]);
        let inner = match operator {
            // Of equal values Prometheus 2 takes any.
            "topk" | "bottomk" => self.distinct(),
            "count_values" => self.exact_vector(depth - 1),
            _ => self.vector(depth - 1),
        };
        // Prometheus 2 finds no deviation in one value that is not finite, Prometheus 3 finds NaN.
        let operator = if matches!(operator, "stddev" | "stdvar") && !inner.is_moderate { "max" } else { operator };
        let (grouping, kept) = self.grouping(&inner.labels);
        let parameter = match operator {
            "topk" | "bottomk" => self.random.pick(&["1, ", "2, ", "3, ", "0, ", "-1, ", "100, "]),
            "quantile" => self.random.pick(&["0.437, ", "0, ", "1, ", "0.9, ", "-0.5, ", "7, "]),
            // A label that sorts last: of others Prometheus 2.42 loses series in a range.
            "count_values" => "\"zvalue\", ",
            _ => "",
        };
        let arguments = format!("({parameter}{})", inner.text);
        let text = if self.random.percent(50) {
            format!("{operator} {grouping}{arguments}")
        } else {
            format!("{operator}{arguments} {grouping}")
        };
        let precision = match operator {
            // Which zero is taken of two signs depends on the order, and of a sum of one on how it begins.
            "sum" | "min" | "max" if !inner.is_moderate => Precision::Rounded,
            "sum" => sum_precision(inner.precision),
            // Which of two zeros is the least depends on an order that Prometheus leaves to chance.
            "min" | "max" => inner.precision.max(Precision::Rounded),
            "topk" | "bottomk" => inner.precision,
            "count" | "group" | "count_values" => Precision::Eighths,
            _ => Precision::Rounded,
        };
        let labels = match operator {
            "topk" | "bottomk" => inner.labels,
            "count_values" => [kept, vec!["zvalue"]].concat(),
            _ => kept,
        };
        let is_moderate = inner.is_moderate && precision != Precision::Rounded;
        Expr::new(text.trim_end().to_owned(), &labels, precision).with_moderate(is_moderate)
    }

    /// Series whose values hardly ever are equal.
    fn distinct(&mut self) -> Expr {
        let inner = self.target_selector();
        match self.random.below(4) {
            0 => inner.clone().mapped(format!("sum by (instance, job) ({})", inner.text), inner.precision),
            1 => inner.clone().mapped(format!("({} * 3)", inner.text), Precision::Bits),
            2 => inner.clone().mapped(format!("last_over_time(({})[3m500ms:30s])", inner.text), inner.precision),
            _ => inner,
        }
    }

    /// `by` or `without`, and the labels that are left.
    fn grouping(&mut self, labels: &[&'static str]) -> (String, Vec<&'static str>) {
        let kept: Vec<_> = labels.iter().copied().filter(|_| self.random.percent(60)).collect();
        let dropped: Vec<_> = labels.iter().copied().filter(|label| !kept.contains(label)).collect();
        match self.random.below(10) {
            0..3 => (String::new(), Vec::new()),
            3..7 => (format!("by ({}) ", kept.join(", ")), kept),
            7 => (format!("by ({}, nothing) ", kept.join(", ")).replace("(, ", "("), kept),
            _ => (format!("without ({}) ", dropped.join(", ")), kept),
        }
    }
}
