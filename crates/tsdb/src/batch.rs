//! One request, decompressed, walked and checked as far as that needs no series table. Reused from request to request.

use bongsu_model::{MetricMetadata, Sample};
use bongsu_wire::remote_write::{self, DecodeError, Item, TimeSeries, WriteRequest, WriteRequestBuilder};

use crate::error::{Refusal, RejectReason, Rejections};
use crate::span;
use crate::table::NO_SLOT;

/// Memory that is kept for the next request; more is given back.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    decoded: Vec<u8>,
    /// Spans of series whose labels do not stand next to each other in `decoded`; they count as if behind it.
    rewritten: Vec<u8>,
    /// The series that are taken, so far.
    pub(crate) series: Vec<BatchSeries>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
    /// First and last time of the samples, refused ones included.
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

/// A series of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSeries {
    span_start: usize,
    span_len: u32,
    /// Its samples lie between the end of the series before and this.
    pub(crate) samples_end: u32,
    /// The number in the table, once resolved; [`NO_SLOT`] when refused.
    pub(crate) id: u32,
}

/// Which samples are taken, both ends inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeBounds {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

impl Batch {
    /// Reads a whole body in place of what was there. After an error the content has no meaning.
    pub(crate) fn decode(
        &mut self,
        body: &[u8],
        decoded_bytes_max: usize,
        bounds: TimeBounds,
        rejections: &mut Rejections,
    ) -> Result<(), DecodeError> {
        self.clear();
        let mut decoded = std::mem::take(&mut self.decoded);
        let walked = remote_write::decompress(body, decoded_bytes_max, &mut decoded)
            .and_then(|bytes| self.walk(bytes, decoded_bytes_max, bounds, rejections));
        self.decoded = decoded;
        walked
    }

    fn clear(&mut self) {
        if self.decoded.capacity() > KEPT_BYTES_MAX {
            *self = Self::default();
        }
        self.rewritten.clear();
        self.series.clear();
        self.samples.clear();
        self.metadata.clear();
        (self.min_ms, self.max_ms) = (i64::MAX, i64::MIN);
    }

    fn walk(
        &mut self,
        bytes: &[u8],
        bytes_max: usize,
        bounds: TimeBounds,
        rejections: &mut Rejections,
    ) -> Result<(), DecodeError> {
        for item in WriteRequest::new(bytes) {
            self.check_memory(bytes_max)?;
            match item? {
                Item::Series(series) => self.add_series(bytes, bytes_max, &series, bounds, rejections)?,
                Item::Metadata(metadata) => {
                    let (help, unit) = (metadata.help.to_owned(), metadata.unit.to_owned());
                    let known = MetricMetadata { metric_type: metadata.metric_type, help, unit };
                    self.metadata.push((metadata.metric.to_owned(), known));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn add_series(
        &mut self,
        bytes: &[u8],
        bytes_max: usize,
        series: &TimeSeries<'_>,
        bounds: TimeBounds,
        rejections: &mut Rejections,
    ) -> Result<(), DecodeError> {
        let first = self.samples.len();
        let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
        for sample in series.samples() {
            let sample = sample?;
            min_ms = min_ms.min(sample.timestamp_ms);
            max_ms = max_ms.max(sample.timestamp_ms);
            self.samples.push(sample);
            if self.samples.len().is_multiple_of(4096) {
                self.check_memory(bytes_max)?;
            }
        }
        if min_ms < bounds.min_ms || max_ms > bounds.max_ms {
            self.refuse_outside(first, series, bounds, rejections);
        }
        if series.has_histograms() {
            let refusal = Refusal::new(RejectReason::NativeHistogram, "native histograms are not stored yet");
            rejections.add(refusal, series.histogram_count() as u64, || labels_text(series));
        }
        if self.samples.len() == first {
            return Ok(());
        }
        self.min_ms = self.min_ms.min(min_ms);
        self.max_ms = self.max_ms.max(max_ms);
        let (span_start, span_len) = self.place_span(bytes, series)?;
        let samples_end = self.samples.len() as u32;
        self.series.push(BatchSeries { span_start, span_len: span_len as u32, samples_end, id: NO_SLOT });
        Ok(())
    }

    #[cold]
    fn refuse_outside(
        &mut self,
        first: usize,
        series: &TimeSeries<'_>,
        bounds: TimeBounds,
        rejections: &mut Rejections,
    ) {
        let added = self.samples.split_off(first);
        for sample in added {
            let ms = sample.timestamp_ms;
            if ms < bounds.min_ms {
                rejections.count(RejectReason::SampleTooOld, 1, || {
                    let begin_ms = bounds.min_ms;
                    let message =
                        format!("sample at {ms} ms is older than the retention, which begins at {begin_ms} ms");
                    (labels_text(series), message)
                });
            } else if ms > bounds.max_ms {
                rejections.count(RejectReason::SampleTooFarInFuture, 1, || {
                    let end_ms = bounds.max_ms;
                    let message = format!("sample at {ms} ms is too far in the future, taken until {end_ms} ms");
                    (labels_text(series), message)
                });
            } else {
                self.samples.push(sample);
            }
        }
    }

    /// What a request becomes in memory may not be larger than the request may be: a sample or a series of an honest one
    /// takes more bytes than its entry here, an empty one takes two.
    #[inline]
    fn check_memory(&self, bytes_max: usize) -> Result<(), DecodeError> {
        let bytes = size_of_val(self.samples.as_slice())
            + size_of_val(self.series.as_slice())
            + size_of_val(self.metadata.as_slice());
        if bytes <= bytes_max {
            return Ok(());
        }
        Err(DecodeError::TooLarge { declared_bytes: bytes as u64, bytes_max: bytes_max as u64 })
    }

    /// Where the span of the series' labels lies.
    #[inline]
    fn place_span(&mut self, bytes: &[u8], series: &TimeSeries<'_>) -> Result<(usize, usize), DecodeError> {
        let span = series.label_span();
        if !span.is_empty() || series.label_count() == 0 {
            return Ok((span.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr()).min(bytes.len()), span.len()));
        }
        let start = self.rewritten.len();
        for pair in series.labels() {
            span::encode([pair?], &mut self.rewritten);
        }
        Ok((bytes.len() + start, self.rewritten.len() - start))
    }

    /// The label bytes of a series.
    #[inline]
    pub(crate) fn span(&self, series: &BatchSeries) -> &[u8] {
        let len = series.span_len as usize;
        match series.span_start.checked_sub(self.decoded.len()) {
            Some(start) => &self.rewritten[start..start + len],
            None => &self.decoded[series.span_start..series.span_start + len],
        }
    }

    /// The series that are taken, with their samples.
    pub(crate) fn taken(&self) -> impl Iterator<Item = (&BatchSeries, &[Sample])> {
        let mut start = 0;
        self.series.iter().filter_map(move |series| {
            let samples = &self.samples[start..series.samples_end as usize];
            start = series.samples_end as usize;
            (series.id != NO_SLOT).then_some((series, samples))
        })
    }

    /// A body of what is taken alone, so that a restart does not bring back what was refused.
    pub(crate) fn encode_taken(&self) -> Result<Vec<u8>, DecodeError> {
        let mut request = WriteRequestBuilder::new();
        for (series, samples) in self.taken() {
            request.push_span(self.span(series), samples);
        }
        for (metric, metadata) in &self.metadata {
            request.push_metadata(metric, metadata);
        }
        let mut body = Vec::new();
        remote_write::compress(request.as_bytes(), &mut body)?;
        Ok(body)
    }
}

/// The labels for a message, as far as they can be read.
fn labels_text(series: &TimeSeries<'_>) -> String {
    bongsu_model::Labels::from_pairs(series.labels().map_while(Result::ok)).to_string()
}
