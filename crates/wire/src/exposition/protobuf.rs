//! Writes the protobuf exposition format: `io.prometheus.client.MetricFamily`, each with its length in front.
//!
//! ```text
//! MetricFamily  1: name  3: type  4: Metric*         Histogram  2: sum  4: count  5: schema  6: zero threshold  8: zero count
//! Metric        1: LabelPair*  5: Untyped  6: time (ms)          9/12: spans, negative and positive  11/14: their counts
//!               7: Histogram                         BucketSpan 1: offset  2: length
//! ```
//!
//! Only what a federation of stored samples needs: floats without a type, and native histograms with float counts. Source: the messages of
//! `prometheus/client_model`.

use bongsu_model::{BucketSpan, FloatHistogram, METRIC_NAME, ResetHint};

use crate::remote_write::encode::{push_bytes, push_label, push_varint};
use crate::remote_write::histogram::{push_double, push_number, push_spans, zigzag};

/// The media type of what [`ProtobufWriter`] writes.
pub const PROTOBUF_CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// `MetricFamily.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FamilyType {
    Untyped = 3,
    Histogram = 4,
    GaugeHistogram = 5,
}

/// Appends samples; those of one metric and type that follow each other make a family.
#[derive(Clone, Debug, Default)]
pub struct ProtobufWriter {
    out: Vec<u8>,
    /// The family that is being written: its length has to stand in front.
    family: Vec<u8>,
    name: String,
    kind: Option<FamilyType>,
    metric: Vec<u8>,
    nested: Vec<u8>,
}

impl ProtobufWriter {
    /// Without families.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A float. `name` is the metric's; a `__name__` among the labels is left out.
    pub fn sample<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        timestamp_ms: i64,
    ) {
        self.begin(name, FamilyType::Untyped, labels);
        self.nested.clear();
        push_double(&mut self.nested, 1, value);
        push_bytes(&mut self.metric, 5, &self.nested);
        push_number(&mut self.metric, 6, timestamp_ms.cast_unsigned());
        push_bytes(&mut self.family, 4, &self.metric);
    }

    /// A native histogram with exponential buckets: the format has no others.
    pub fn histogram<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        histogram: &FloatHistogram,
        timestamp_ms: i64,
    ) {
        let is_gauge = histogram.reset_hint == ResetHint::Gauge;
        self.begin(name, if is_gauge { FamilyType::GaugeHistogram } else { FamilyType::Histogram }, labels);
        push_number(&mut self.metric, 6, timestamp_ms.cast_unsigned());
        self.nested.clear();
        push_histogram(&mut self.nested, histogram);
        push_bytes(&mut self.metric, 7, &self.nested);
        push_bytes(&mut self.family, 4, &self.metric);
    }

    /// The finished bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.end_family();
        self.out
    }

    fn begin<'l>(&mut self, name: &str, kind: FamilyType, labels: impl IntoIterator<Item = (&'l str, &'l str)>) {
        if self.kind != Some(kind) || self.name != name {
            self.end_family();
            name.clone_into(&mut self.name);
            self.kind = Some(kind);
            push_bytes(&mut self.family, 1, name.as_bytes());
            push_number(&mut self.family, 3, kind as u64);
        }
        self.metric.clear();
        for (label, value) in labels.into_iter().filter(|(label, _)| *label != METRIC_NAME) {
            push_label(&mut self.metric, label, value);
        }
    }

    fn end_family(&mut self) {
        if self.kind.take().is_some() {
            push_varint(&mut self.out, self.family.len() as u64);
            self.out.extend_from_slice(&self.family);
            self.family.clear();
        }
    }
}

fn push_histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    push_double(out, 2, histogram.sum);
    push_double(out, 4, histogram.count);
    push_number(out, 5, zigzag(histogram.schema));
    push_double(out, 6, histogram.zero_threshold);
    push_double(out, 8, histogram.zero_count);
    push_spans(out, 9, &histogram.negative_spans);
    histogram.negative_buckets.iter().for_each(|count| push_double(out, 11, *count));
    push_spans(out, 12, &histogram.positive_spans);
    let looks_classic = histogram.zero_threshold == 0.0 && histogram.zero_count == 0.0;
    if looks_classic && histogram.positive_spans.is_empty() && histogram.negative_spans.is_empty() {
        // Tells readers that it is a native one: so the messages' own description says.
        push_spans(out, 12, &[BucketSpan { offset: 0, length: 0 }]);
    }
    histogram.positive_buckets.iter().for_each(|count| push_double(out, 14, *count));
}
