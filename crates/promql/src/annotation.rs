//! Remarks that accompany a result: something about the query or the data is odd, yet there is an answer.
//!
//! Texts as in Prometheus' `util/annotations`, so that tools which look for them keep working.

use std::fmt;

use bongsu_syntax::{AggregateOp, BinaryOp, Span};
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use crate::functions::date;
use crate::number::{format_g, format_two_digits};
use crate::quantile::Forced;

/// How serious a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The result is probably not what was meant.
    Warning,
    /// Worth knowing; the result may be right.
    Info,
}

/// One remark about a part of the query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// How serious it is.
    pub severity: Severity,
    /// The text without severity and place.
    pub message: String,
    /// The part of the query text that it is about.
    pub span: Span,
}

impl Annotation {
    /// As the HTTP API shows it, with line and column in `query`: `PromQL info: … (1:7)`.
    #[must_use]
    pub fn render(&self, query: &str) -> String {
        let (line, column) = self.span.line_column(query);
        format!("{self} ({line}:{column})")
    }
}

/// Without the place: `PromQL warning: …`.
impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        write!(f, "PromQL {severity}: {}", self.message)
    }
}

/// What histograms were joined for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistogramOperation {
    Addition,
    Subtraction,
    Aggregation,
}

impl HistogramOperation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// A query with more different remarks than this keeps the first ones: each may name a metric, so there could be many.
const ANNOTATIONS_MAX: usize = 1_000;

/// The remarks of one running query, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    all: Mutex<HashSet<Annotation>>,
    /// By metric.
    monotonicity: Mutex<HashMap<String, ForcedSamples>>,
}

/// Classic histograms whose counts had to be made monotonic.
#[derive(Debug)]
struct ForcedSamples {
    span: Span,
    first_ms: i64,
    last_ms: i64,
    forced: Forced,
    count: usize,
}

impl ForcedSamples {
    fn annotation(&self, metric: &str) -> Annotation {
        let text = "input to histogram_quantile needed to be fixed for monotonicity (see \
                    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let Forced { lowest, highest, difference_max } = self.forced;
        let [lowest, highest] = [lowest, highest].map(format_g);
        let [first, last] = [self.first_ms, self.last_ms].map(date::rfc3339);
        let message = format!(
            "{text}{}, from buckets {lowest} to {highest}, with a max diff of {}, over {} samples from {first} to {last}",
            for_metric(metric),
            format_two_digits(difference_max),
            self.count
        );
        Annotation { severity: Severity::Info, message, span: self.span }
    }
}

impl Annotations {
    pub(crate) fn warn(&self, span: Span, message: String) {
        self.add(Annotation { severity: Severity::Warning, message, span });
    }

    pub(crate) fn info(&self, span: Span, message: String) {
        self.add(Annotation { severity: Severity::Info, message, span });
    }

    fn add(&self, annotation: Annotation) {
        let mut all = self.all.lock();
        if all.len() < ANNOTATIONS_MAX {
            all.insert(annotation);
        }
    }

    /// All of them in a stable order, warnings first. What is said in the same words of several parts of the query is said once, of the
    /// part that is evaluated last. Source: Prometheus' `util/annotations`, where the text is the key.
    pub(crate) fn take(&self) -> Vec<Annotation> {
        let mut all: Vec<Annotation> = std::mem::take(&mut *self.all.lock()).into_iter().collect();
        let monotonicity = std::mem::take(&mut *self.monotonicity.lock());
        all.extend(monotonicity.iter().map(|(metric, forced)| forced.annotation(metric)));
        let serious = |x: &Annotation| x.severity == Severity::Info;
        all.sort_by(|a, b| {
            (serious(a), &a.message).cmp(&(serious(b), &b.message)).then(evaluated(b.span).cmp(&evaluated(a.span)))
        });
        all.dedup_by(|later, kept| later.severity == kept.severity && later.message == kept.message);
        all.sort_by_key(|x| (serious(x), x.span.start));
        all
    }

    pub(crate) fn quantile_out_of_range(&self, span: Span, quantile: f64) {
        let shown = crate::number::format_g(quantile);
        self.warn(span, format!("quantile value should be between 0 and 1, got {shown}"));
    }

    pub(crate) fn ratio_capped(&self, span: Span, ratio: f64, capped: f64) {
        let (ratio, capped) = (crate::number::format_g(ratio), crate::number::format_g(capped));
        self.warn(span, format!("ratio value should be between -1 and 1, got {ratio}, capping to {capped}"));
    }

    pub(crate) fn bad_bucket_label(&self, span: Span, metric: &str, le: &str) {
        let text = format!("bucket label \"le\" is missing or has a malformed value of {le:?}");
        self.warn(span, text + &for_metric(metric));
    }

    pub(crate) fn sort_ineffective(&self, span: Span) {
        self.warn(span, "sort is ineffective for range queries since results are always ordered by labels".to_owned());
    }

    pub(crate) fn possible_non_counter(&self, span: Span, metric: &str) {
        let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        self.info(span, format!("{text} {metric:?}"));
    }

    /// One remark for all steps and histograms of a name, with the first of the places.
    pub(crate) fn forced_monotonicity(&self, span: Span, metric: &str, time_ms: i64, forced: Forced) {
        let mut all = self.monotonicity.lock();
        if all.len() >= ANNOTATIONS_MAX {
            return;
        }
        let new = ForcedSamples { span, first_ms: time_ms, last_ms: time_ms, forced, count: 0 };
        let known = all.entry(metric.to_owned()).or_insert(new);
        if evaluated(span) < evaluated(known.span) {
            known.span = span;
        }
        known.first_ms = known.first_ms.min(time_ms);
        known.last_ms = known.last_ms.max(time_ms);
        known.forced.lowest = known.forced.lowest.min(forced.lowest);
        known.forced.highest = known.forced.highest.max(forced.highest);
        known.forced.difference_max = known.forced.difference_max.max(forced.difference_max);
        known.count += 1;
    }
}

/// The order in which parts of a query are evaluated: an operand before its operation, a left one before a right one.
fn evaluated(span: Span) -> impl Ord {
    (span.end, std::cmp::Reverse(span.start))
}

/// Remarks about native histograms.
impl Annotations {
    pub(crate) fn overlapping_starts(&self, span: Span, metric: &str) {
        self.warn(span, "samples have overlapping start timestamps".to_owned() + &for_metric(metric));
    }

    pub(crate) fn mixed_samples(&self, span: Span, metric: &str) {
        self.warn(span, format!("encountered a mix of histograms and floats for metric name {metric:?}"));
    }

    pub(crate) fn mixed_samples_in_aggregation(&self, span: Span) {
        self.warn(span, "encountered a mix of histograms and floats for aggregation".to_owned());
    }

    pub(crate) fn mixed_classic_and_native(&self, span: Span, metric: &str) {
        self.warn(span, "vector contains a mix of classic and native histograms".to_owned() + &for_metric(metric));
    }

    pub(crate) fn mixed_schemas(&self, span: Span, metric: &str) {
        let text = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
        self.warn(span, format!("{text} {metric:?}"));
    }

    pub(crate) fn not_a_counter(&self, span: Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a counter: {metric:?}"));
    }

    pub(crate) fn not_a_gauge(&self, span: Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a gauge: {metric:?}"));
    }

    pub(crate) fn reset_collision(&self, span: Span, operation: HistogramOperation) {
        self.warn(span, format!("conflicting counter resets during histogram {}", operation.as_str()));
    }

    pub(crate) fn bounds_reconciled(&self, span: Span, operation: HistogramOperation) {
        self.info(span, format!("mismatched custom buckets were reconciled during {}", operation.as_str()));
    }

    pub(crate) fn incompatible_types(&self, span: Span, left: &str, op: BinaryOp, right: &str) {
        let text = "incompatible sample types encountered for binary operator";
        self.info(span, format!("{text} \"{op}\": {left} {op} {right}"));
    }

    pub(crate) fn incompatible_bucket_layout(&self, span: Span, op: BinaryOp) {
        self.warn(span, format!("incompatible bucket layout encountered for binary operator {op}"));
    }

    pub(crate) fn ignored_in_aggregation(&self, span: Span, op: AggregateOp) {
        self.info(span, format!("ignored histogram in {op} aggregation"));
    }

    pub(crate) fn ignored_in_range(&self, span: Span, metric: &str) {
        let text = "ignored histograms in a range containing both floats and histograms for metric name";
        self.info(span, format!("{text} {metric:?}"));
    }

    pub(crate) fn quantile_is_nan(&self, span: Span, metric: &str) {
        let text = "input to histogram_quantile has NaN observations, result is NaN";
        self.info(span, text.to_owned() + &for_metric(metric));
    }

    pub(crate) fn quantile_is_skewed(&self, span: Span, metric: &str) {
        let text = "input to histogram_quantile has NaN observations, result is skewed higher";
        self.info(span, text.to_owned() + &for_metric(metric));
    }

    pub(crate) fn fraction_without_nans(&self, span: Span, metric: &str) {
        let text = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
        self.info(span, text.to_owned() + &for_metric(metric));
    }
}

fn for_metric(metric: &str) -> String {
    if metric.is_empty() { String::new() } else { format!(" for metric name {metric:?}") }
}
