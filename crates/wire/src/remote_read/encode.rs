//! Writes the answers.

use super::xor;
use crate::remote_write::cursor::varint;
use crate::remote_write::encode::{push_bytes, push_label, push_sample, push_varint};
use crate::remote_write::histogram::push_histogram;

use bongsu_model::{Sample, SampleBuffer};

/// A frame's message is ended once it has so many bytes, as in Prometheus.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Samples of a chunk, as in Prometheus.
const CHUNK_SAMPLES: usize = 120;
/// `Chunk.encoding`.
const ENCODING_XOR: u64 = 1;

/// A `ReadResponse`: series are pushed to the result of one query after the other.
#[derive(Clone, Debug, Default)]
pub struct ReadResponseBuilder {
    bytes: Vec<u8>,
    /// The result that is being written: its length has to stand in front.
    result: Vec<u8>,
    series: Vec<u8>,
    histogram: Vec<u8>,
}

impl ReadResponseBuilder {
    /// A response without results.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a series to the result of the current query, with its floats and its native histograms.
    pub fn push_series<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>, samples: &SampleBuffer) {
        self.series.clear();
        for (name, value) in labels {
            push_label(&mut self.series, name, value);
        }
        for (timestamp_ms, value) in samples.timestamps_ms.iter().zip(&samples.values) {
            push_sample(&mut self.series, Sample { timestamp_ms: *timestamp_ms, value: *value });
        }
        for (timestamp_ms, histogram) in &samples.histograms {
            self.histogram.clear();
            push_histogram(&mut self.histogram, *timestamp_ms, None, histogram);
            push_bytes(&mut self.series, 4, &self.histogram);
        }
        push_bytes(&mut self.result, 1, &self.series);
    }

    /// Ends the result of the current query.
    pub fn finish_result(&mut self) {
        push_bytes(&mut self.bytes, 1, &self.result);
        self.result.clear();
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.result.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The finished response, not compressed yet.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Writes series as frames. The memory is reused from series to series.
#[derive(Clone, Debug, Default)]
pub struct StreamedSeries {
    labels: Vec<u8>,
    series: Vec<u8>,
    chunk: Vec<u8>,
    message: Vec<u8>,
}

impl StreamedSeries {
    /// Without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the frames of one series to `out`: one, mostly; several when its chunks are more than a frame holds. A
    /// series without samples has no frame. Floats only: there is no encoder for chunks of native histograms.
    pub fn write<'a>(
        &mut self,
        query_index: usize,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        timestamps_ms: &[i64],
        values: &[f64],
        out: &mut Vec<u8>,
    ) {
        self.labels.clear();
        for (name, value) in labels {
            push_label(&mut self.labels, name, value);
        }
        self.series.clone_from(&self.labels);
        let mut chunks = timestamps_ms.chunks(CHUNK_SAMPLES).zip(values.chunks(CHUNK_SAMPLES)).peekable();
        while let Some((times, values)) = chunks.next() {
            self.push_chunk(times, values);
            if chunks.peek().is_none() || self.series.len() >= FRAME_BYTES_MAX {
                self.finish_frame(query_index, out);
                self.series.clone_from(&self.labels);
            }
        }
    }

    fn push_chunk(&mut self, times: &[i64], values: &[f64]) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return };
        self.chunk.clear();
        push_varint(&mut self.chunk, varint(1));
        push_varint(&mut self.chunk, first.cast_unsigned());
        push_varint(&mut self.chunk, varint(2));
        push_varint(&mut self.chunk, last.cast_unsigned());
        push_varint(&mut self.chunk, varint(3));
        push_varint(&mut self.chunk, ENCODING_XOR);
        push_bytes(&mut self.chunk, 4, &xor::encode(times, values));
        push_bytes(&mut self.series, 2, &self.chunk);
    }

    fn finish_frame(&mut self, query_index: usize, out: &mut Vec<u8>) {
        self.message.clear();
        push_bytes(&mut self.message, 1, &self.series);
        // As other encoders do, zero is not written.
        if query_index > 0 {
            push_varint(&mut self.message, varint(2));
            push_varint(&mut self.message, query_index as u64);
        }
        push_varint(out, self.message.len() as u64);
        out.extend_from_slice(&crc32c::crc32c(&self.message).to_be_bytes());
        out.extend_from_slice(&self.message);
    }
}
