//! A grammar of PromQL that makes questions about the series of [`crate::awkward`]: well typed, of bounded depth, mostly with
//! an answer, and only what Prometheus 2.42 knows, so that it can be asked too.
//!
//! ```text
//! seed ─► vector(depth) ─┬─ selector, offset, @
//!                        ├─ range function of a range selector or a subquery of vector(depth - 1)
//!                        ├─ function, aggregation of vector(depth - 1)
//!                        └─ operator between vectors or scalars of depth - 1
//! ```
//!
//! What is made carries how exactly two evaluators must agree on it ([`Precision`]): a function that jumps, such as `floor`
//! or a comparison, is only put over what both compute to the same bit.
//!
//! Windows end and begin where no sample is (see [`crate::awkward`]): questions are asked at [`WITHIN_SECOND_MS`] after a
//! second, ranges and offsets are whole seconds, and ranges of subqueries are half a second off their steps.

mod call;
mod combine;
mod select;

use crate::random::Random;

/// When in a second questions are asked, and what `@` names.
pub const WITHIN_SECOND_MS: i64 = 437;

/// How well two evaluators have to agree on a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Multiples of 1/8 of moderate size: their sums are exact in any order.
    Eighths,
    /// The same bits, as each operation on them is rounded in one way only.
    Bits,
    /// Rounded differently by the order or the algorithm.
    Rounded,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// The expression. `double_exponential_smoothing` is called `holt_winters` in Prometheus 2.
    pub text: String,
    /// How well its values have to agree.
    pub precision: Precision,
    /// Whether it can be asked for a range of times.
    pub has_range: bool,
    /// Whether the order of an instant answer is part of it.
    pub is_ordered: bool,
}

/// Makes questions without end; the same seed makes the same ones.
#[derive(Clone, Debug)]
pub struct Queries {
    random: Random,
    start_ms: i64,
}

/// An instant vector or scalar.
#[derive(Clone, Debug)]
struct Expr {
    text: String,
    /// Names of the labels that tell its series apart, beside the metric's name.
    labels: Vec<&'static str>,
    precision: Precision,
    /// Whether no value is NaN or infinite, nor its square.
    is_moderate: bool,
}

impl Expr {
    fn new(text: String, labels: &[&'static str], precision: Precision) -> Self {
        Self { text, labels: labels.to_vec(), precision, is_moderate: true }
    }

    /// The same series with other values.
    fn mapped(self, text: String, precision: Precision) -> Self {
        Self { text, precision, ..self }
    }

    fn with_moderate(self, is_moderate: bool) -> Self {
        Self { is_moderate, ..self }
    }
}

impl Queries {
    /// Questions about series that begin at `start_ms`, a whole second.
    #[must_use]
    pub fn new(seed: u64, start_ms: i64) -> Self {
        Self { random: Random::new(seed), start_ms }
    }

    /// A time to ask at, within the second half of the data or a little after its end.
    pub fn time_ms(&mut self) -> i64 {
        self.start_ms + (1500 + self.random.below(1700) as i64) * 1000 + WITHIN_SECOND_MS
    }

    /// Start, end and step of a range question.
    pub fn range_ms(&mut self) -> (i64, i64, i64) {
        let start_ms = self.time_ms();
        let step_ms = self.random.pick(&[7_500, 15_000, 30_000, 60_000, 137_000]);
        (start_ms, start_ms + step_ms * (3 + self.random.below(12) as i64), step_ms)
    }

    /// The next question.
    pub fn next_query(&mut self) -> Query {
        let depth = 1 + self.random.below(3) as u32;
        match self.random.below(40) {
            0 => self.matrix_query(),
            1 => self.ordered_query(depth),
            2 => {
                let scalar = self.scalar(depth);
                question(scalar)
            }
            3 => self.refused_query(depth),
            _ => question(self.vector(depth)),
        }
    }

    /// Samples as they are, or a subquery's.
    fn matrix_query(&mut self) -> Query {
        let (matrix, precision) = if self.random.percent(50) {
            let metric = self.metric();
            (self.range_selector(metric), metric.precision)
        } else {
            let inner = self.vector(1);
            (self.subquery(&inner), inner.precision)
        };
        Query { text: matrix, precision, has_range: false, is_ordered: false }
    }

    /// Only for one time, as the order means nothing over a range.
    fn ordered_query(&mut self, depth: u32) -> Query {
        let inner = self.exact_vector(depth);
        let function = self.random.pick(&["sort", "sort_desc"]);
        Query {
            is_ordered: true,
            has_range: false,
            ..question(inner.clone().mapped(format!("{function}({})", inner.text), inner.precision))
        }
    }

    /// Something that may well be an error: matching that is not one to one, equal label sets, wrong types.
    fn refused_query(&mut self, depth: u32) -> Query {
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        let text = match self.random.below(6) {
            0 => format!("({}) + on(job) ({})", left.text, right.text),
            1 => format!("({}) * ignoring(instance) group_left ({})", left.text, right.text),
            2 => format!("label_replace({}, \"instance\", \"x\", \"instance\", \".*\")", left.text),
            3 => "abs({__name__=~\"temperature|sessions\"})".to_owned(),
            4 => format!("sum({})[5m]", left.text),
            _ => format!("rate({})", left.text),
        };
        question(left.mapped(text, Precision::Rounded))
    }

    /// An instant vector.
    fn vector(&mut self, depth: u32) -> Expr {
        if depth == 0 {
            return self.selector();
        }
        match self.random.below(100) {
            0..25 => self.range_function(depth),
            25..40 => self.function(depth),
            40..65 => self.aggregation(depth),
            65..77 => self.with_scalar(depth),
            77..89 => self.with_vector(depth),
            89..93 => self.set_operation(depth),
            93..96 => self.labelled(depth),
            96..98 => self.histogram_quantile(depth),
            _ => self.negated(depth),
        }
    }

    /// A vector whose values are the same to the bit.
    fn exact_vector(&mut self, depth: u32) -> Expr {
        for _ in 0..4 {
            let vector = self.vector(depth);
            if vector.precision < Precision::Rounded {
                return vector;
            }
        }
        self.selector()
    }

    fn scalar(&mut self, depth: u32) -> Expr {
        match self.random.below(if depth == 0 { 4 } else { 6 }) {
            0..2 => Expr::new(self.number(), &[], Precision::Eighths),
            2 => Expr::new("time()".to_owned(), &[], Precision::Bits),
            3 => Expr::new(format!("-{}", self.number()), &[], Precision::Eighths),
            4 => {
                let inner = self.vector(depth - 1);
                let precision = sum_precision(inner.precision);
                Expr::new(format!("scalar(sum({}))", inner.text), &[], precision).with_moderate(false)
            }
            _ => {
                let (left, right) = (self.scalar(depth - 1), self.scalar(depth - 1));
                let operator = self.random.pick(&["+", "-", "*", "/"]);
                let precision = left.precision.max(right.precision).max(Precision::Bits);
                Expr::new(format!("({} {operator} {})", left.text, right.text), &[], precision).with_moderate(false)
            }
        }
    }

    fn number(&mut self) -> String {
        self.random.pick(&["0", "1", "2", "3.5", "0x1F", "1e2", "250.125", "1000", "0.25", "12345678"]).to_owned()
    }
}

fn question(expr: Expr) -> Query {
    Query { text: expr.text, precision: expr.precision, has_range: true, is_ordered: false }
}

/// How well sums of such values agree.
fn sum_precision(of: Precision) -> Precision {
    if of == Precision::Eighths { Precision::Eighths } else { Precision::Rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(seed: u64, count: usize) -> Vec<String> {
        let mut queries = Queries::new(seed, 0);
        (0..count).map(|_| queries.next_query().text).collect()
    }

    #[test]
    fn a_seed_tells_the_questions() {
        assert!(texts(1, 50) == texts(1, 50) && texts(1, 50) != texts(2, 50));
    }

    #[test]
    fn every_part_of_the_language_is_asked_for() {
        let all = texts(1, 4000).join("\n");
        let parts = "offset -|@ start()|@ end()|@ 1|:30s]|:]|=~|!~|on(|ignoring(|group_left|group_right|bool|unless|\
            atan2|^|%|by (|without (|topk|bottomk|quantile (|quantile(|count_values|stddev|stdvar|group (|absent(|\
            absent_over_time|avg_over_time|changes|clamp_max|count_over_time|day_of_year|delta|deriv|\
            double_exponential_smoothing|histogram_quantile|idelta|increase|irate|label_join|label_replace|\
            last_over_time|max_over_time|min_over_time|predict_linear|present_over_time|quantile_over_time|rate(|\
            resets|round|scalar(|sort(|sort_desc|stddev_over_time|stdvar_over_time|sum_over_time|timestamp|vector(";
        let missing: Vec<_> = parts.split('|').filter(|part| !all.contains(part)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
