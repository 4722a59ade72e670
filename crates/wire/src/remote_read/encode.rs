//! Writes the answers.

use super::{histogram_chunk, xor};
use crate::remote_write::cursor::varint;
use crate::remote_write::encode::{push_bytes, push_label, push_sample, push_varint};
use crate::remote_write::histogram::push_histogram;

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Sample, SampleBuffer};

/// A frame's message is ended once it has so many bytes, as in Prometheus.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Samples of a chunk, as in Prometheus.
const CHUNK_SAMPLES: usize = 120;
/// `Chunk.encoding`.
const ENCODING_XOR: u64 = 1;
const ENCODING_FLOAT_HISTOGRAM: u64 = 3;

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
    /// series without samples has no frame. Chunks of floats and of native histograms follow each other in time.
    pub fn write<'a>(
        &mut self,
        query_index: usize,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        samples: &SampleBuffer,
        out: &mut Vec<u8>,
    ) {
        self.labels.clear();
        for (name, value) in labels {
            push_label(&mut self.labels, name, value);
        }
        self.series.clone_from(&self.labels);
        let (times, histograms) = (&samples.timestamps_ms, &samples.histograms);
        let (mut floats_done, mut histograms_done) = (0, 0);
        while floats_done < times.len() || histograms_done < histograms.len() {
            let until_ms = histograms.get(histograms_done).map_or(i64::MAX, |(time_ms, _)| *time_ms);
            let floats = times[floats_done..].iter().take(CHUNK_SAMPLES).take_while(|&&time| time < until_ms).count();
            // At the very end of time there is a float and no histogram.
            let floats = if histograms_done == histograms.len() { floats.max(1) } else { floats };
            if floats > 0 {
                let range = floats_done..floats_done + floats;
                let data = xor::encode(&times[range.clone()], &samples.values[range.clone()]);
                self.push_chunk((times[range.start], times[range.end - 1]), ENCODING_XOR, &data);
                floats_done = range.end;
            } else {
                let until_ms = times.get(floats_done).copied().unwrap_or(i64::MAX);
                histograms_done = self.push_histograms(histograms, histograms_done, until_ms);
            }
            let at_end = floats_done == times.len() && histograms_done == histograms.len();
            if at_end || self.series.len() >= FRAME_BYTES_MAX {
                self.finish_frame(query_index, out);
                self.series.clone_from(&self.labels);
            }
        }
    }

    /// A chunk of the histograms from `start` on that are before `until_ms`; gives back where it ends.
    fn push_histograms(&mut self, histograms: &[(i64, Arc<FloatHistogram>)], start: usize, until_ms: i64) -> usize {
        let rest = &histograms[start..];
        let most = rest.iter().take(CHUNK_SAMPLES).take_while(|(time_ms, _)| *time_ms < until_ms).count().max(1);
        let run = &rest[..histogram_chunk::run_length(rest, most).min(rest.len())];
        let (Some((first_ms, _)), Some((last_ms, _))) = (run.first(), run.last()) else { return histograms.len() };
        let before = start.checked_sub(1).map(|before| &*histograms[before].1);
        let data = histogram_chunk::encode(run, before);
        self.push_chunk((*first_ms, *last_ms), ENCODING_FLOAT_HISTOGRAM, &data);
        start + run.len()
    }

    fn push_chunk(&mut self, (first_ms, last_ms): (i64, i64), encoding: u64, data: &[u8]) {
        self.chunk.clear();
        push_varint(&mut self.chunk, varint(1));
        push_varint(&mut self.chunk, first_ms.cast_unsigned());
        push_varint(&mut self.chunk, varint(2));
        push_varint(&mut self.chunk, last_ms.cast_unsigned());
        push_varint(&mut self.chunk, varint(3));
        push_varint(&mut self.chunk, encoding);
        push_bytes(&mut self.chunk, 4, data);
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
