//! Writes a `WriteRequest`.

use bongsu_model::{Exemplar, FloatHistogram, MetricMetadata, MetricType, Sample};

use super::cursor::{fixed64, length_delimited, varint};
use super::histogram::push_histogram;
use super::metadata::METRIC_TYPES;

/// What a series of a request has besides its labels.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeriesData<'a> {
    /// Float samples, ascending in time.
    pub samples: &'a [Sample],
    /// Native histograms with their times in milliseconds, ascending.
    pub histograms: &'a [(i64, FloatHistogram)],
    /// Exemplars, ascending in time.
    pub exemplars: &'a [Exemplar],
}

/// Appends series and metadata to the bytes of a request. The memory is reused after [`clear`](Self::clear).
#[derive(Clone, Debug, Default)]
pub struct WriteRequestBuilder {
    bytes: Vec<u8>,
    /// The series that is being written: its length has to stand in front.
    scratch: Vec<u8>,
    /// A message inside that series.
    nested: Vec<u8>,
}

impl WriteRequestBuilder {
    /// A request without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a series of floats. Receivers expect the pairs sorted by name and the samples by time.
    pub fn push_series<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>, samples: &[Sample]) {
        self.push_series_data(labels, &SeriesData { samples, ..SeriesData::default() });
    }

    /// Appends a series with whatever it has. Receivers expect the pairs sorted by name and the rest by time.
    pub fn push_series_data<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        data: &SeriesData<'_>,
    ) {
        self.scratch.clear();
        for (name, value) in labels {
            push_label(&mut self.scratch, name, value);
        }
        self.finish_series(data);
    }

    /// Appends a series whose labels are the raw bytes of a [`label_span`](super::TimeSeries::label_span).
    pub fn push_span(&mut self, label_span: &[u8], data: &SeriesData<'_>) {
        self.scratch.clear();
        self.scratch.extend_from_slice(label_span);
        self.finish_series(data);
    }

    fn finish_series(&mut self, data: &SeriesData<'_>) {
        for sample in data.samples {
            push_sample(&mut self.scratch, *sample);
        }
        for exemplar in data.exemplars {
            self.nested.clear();
            for (name, value) in &exemplar.labels {
                push_label(&mut self.nested, name, value);
            }
            push_exemplar_point(&mut self.nested, exemplar);
            push_bytes(&mut self.scratch, 3, &self.nested);
        }
        for (timestamp_ms, histogram) in data.histograms {
            self.nested.clear();
            push_histogram(&mut self.nested, *timestamp_ms, None, histogram);
            push_bytes(&mut self.scratch, 4, &self.nested);
        }
        push_bytes(&mut self.bytes, 1, &self.scratch);
    }

    /// Appends what a metric family is.
    pub fn push_metadata(&mut self, metric: &str, metadata: &MetricMetadata) {
        self.scratch.clear();
        push_metric_type(&mut self.scratch, metadata.metric_type);
        push_bytes(&mut self.scratch, 2, metric.as_bytes());
        push_bytes(&mut self.scratch, 4, metadata.help.as_bytes());
        push_bytes(&mut self.scratch, 5, metadata.unit.as_bytes());
        push_bytes(&mut self.bytes, 3, &self.scratch);
    }

    /// The request as far as it is written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the entries and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The finished request, not compressed yet.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

pub(crate) fn push_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let len = field_bytes(name.len()) + field_bytes(value.len());
    push_varint(out, length_delimited(1));
    push_varint(out, len as u64);
    push_bytes(out, 1, name.as_bytes());
    push_bytes(out, 2, value.as_bytes());
}

/// Value and time of an exemplar, which are the same fields in 1.0 and 2.0.
pub(crate) fn push_exemplar_point(out: &mut Vec<u8>, exemplar: &Exemplar) {
    push_varint(out, fixed64(2));
    out.extend_from_slice(&exemplar.value.to_le_bytes());
    push_varint(out, varint(3));
    push_varint(out, exemplar.timestamp_ms.cast_unsigned());
}

/// The kind of a metric, which is field 1 of metadata in 1.0 and 2.0.
pub(crate) fn push_metric_type(out: &mut Vec<u8>, metric_type: MetricType) {
    let number = METRIC_TYPES.iter().position(|kind| *kind == metric_type).unwrap_or(0);
    push_varint(out, varint(1));
    push_varint(out, number as u64);
}

pub(crate) fn push_sample(out: &mut Vec<u8>, sample: Sample) {
    let timestamp = sample.timestamp_ms.cast_unsigned();
    push_varint(out, length_delimited(2));
    push_varint(out, 9 + 1 + varint_bytes(timestamp) as u64);
    push_varint(out, fixed64(1));
    out.extend_from_slice(&sample.value.to_le_bytes());
    push_varint(out, varint(2));
    push_varint(out, timestamp);
}

/// A length-delimited field.
pub(crate) fn push_bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    push_varint(out, length_delimited(field));
    push_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// What [`push_bytes`] writes for content of this length in a field whose number fits one byte with its wire type.
fn field_bytes(content_len: usize) -> usize {
    1 + varint_bytes(content_len as u64) + content_len
}

fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
