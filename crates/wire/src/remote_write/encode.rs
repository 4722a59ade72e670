//! Writes a `WriteRequest`.

use bongsu_model::{MetricMetadata, Sample};

use super::cursor::{fixed64, length_delimited, varint};
use super::decode::METRIC_TYPES;

/// Appends series and metadata to the bytes of a request. The memory is reused after [`clear`](Self::clear).
#[derive(Clone, Debug, Default)]
pub struct WriteRequestBuilder {
    bytes: Vec<u8>,
    /// The series that is being written: its length has to stand in front.
    scratch: Vec<u8>,
}

impl WriteRequestBuilder {
    /// A request without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a series. Receivers expect the pairs sorted by name and the samples by time.
    pub fn push_series<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>, samples: &[Sample]) {
        self.scratch.clear();
        for (name, value) in labels {
            push_label(&mut self.scratch, name, value);
        }
        self.finish_series(samples);
    }

    /// Appends a series whose labels are the raw bytes of a [`label_span`](super::TimeSeries::label_span).
    pub fn push_span(&mut self, label_span: &[u8], samples: &[Sample]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(label_span);
        self.finish_series(samples);
    }

    fn finish_series(&mut self, samples: &[Sample]) {
        for sample in samples {
            push_sample(&mut self.scratch, *sample);
        }
        push_bytes(&mut self.bytes, 1, &self.scratch);
    }

    /// Appends what a metric family is.
    pub fn push_metadata(&mut self, metric: &str, metadata: &MetricMetadata) {
        self.scratch.clear();
        let number = METRIC_TYPES.iter().position(|kind| *kind == metadata.metric_type).unwrap_or(0);
        push_varint(&mut self.scratch, varint(1));
        push_varint(&mut self.scratch, number as u64);
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

pub(crate) fn push_sample(out: &mut Vec<u8>, sample: Sample) {
    let timestamp = sample.timestamp_ms.cast_unsigned();
    push_varint(out, length_delimited(2));
    push_varint(out, 9 + 1 + varint_bytes(timestamp) as u64);
    push_varint(out, fixed64(1));
    out.extend_from_slice(&sample.value.to_le_bytes());
    push_varint(out, varint(2));
    push_varint(out, timestamp);
}

/// A length-delimited field; all field numbers here fit one byte with their wire type.
pub(crate) fn push_bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    push_varint(out, length_delimited(field));
    push_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// What [`push_bytes`] writes for content of this length.
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
