//! From the bytes of a request to a [`Batch`].

use bongsu_model::{Exemplar, FloatHistogram, Labels, METRIC_NAME, MetricMetadata, MetricType, Sample};
use bongsu_wire::remote_write::{DecodeError, ExemplarError, HistogramSample, Item, TimeSeries, WriteRequest, v2};

use super::{Batch, BatchSeries, TimeBounds, starts};
use crate::error::{Refusal, RejectReason, Rejections};
use crate::metadata::{family, text_bytes};
use crate::span;
use crate::table::NO_SLOT;

/// One walk over one request.
pub(super) struct Walk<'w> {
    pub(super) batch: &'w mut Batch,
    /// The decompressed request.
    pub(super) bytes: &'w [u8],
    pub(super) bytes_max: usize,
    pub(super) bounds: TimeBounds,
    pub(super) rejections: &'w mut Rejections,
}

/// The labels of the series at hand for a message, as far as they can be read.
type Text<'t> = &'t dyn Fn() -> String;

impl Walk<'_> {
    pub(super) fn remote_write_1(&mut self) -> Result<(), DecodeError> {
        for item in WriteRequest::new(self.bytes) {
            self.check_memory()?;
            match item? {
                Item::Series(series) => self.add_series_1(&series)?,
                Item::Metadata(metadata) => {
                    let (help, unit) = (metadata.help.to_owned(), metadata.unit.to_owned());
                    let known = MetricMetadata { metric_type: metadata.metric_type, help, unit };
                    self.add_metadata(metadata.metric, known);
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn add_series_1(&mut self, series: &TimeSeries<'_>) -> Result<(), DecodeError> {
        let text = || Labels::from_pairs(series.labels().map_while(Result::ok)).to_string();
        let before = self.batch.ends();
        self.add_samples(series.samples().map(|sample| sample.map(|sample| (sample, 0))), &text)?;
        if series.histogram_count() > 0 {
            self.add_histograms(series.histograms(), &text)?;
        }
        if series.exemplar_count() > 0 {
            self.add_exemplars(series.exemplars(), &text)?;
        }
        if self.batch.ends() == before {
            return Ok(());
        }
        let span = series.label_span();
        let (start, len) = if span.is_empty() && series.label_count() > 0 {
            let start = self.batch.rewritten.len();
            for pair in series.labels() {
                span::encode([pair?], &mut self.batch.rewritten);
            }
            (self.bytes.len() + start, self.batch.rewritten.len() - start)
        } else {
            (span.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr()).min(self.bytes.len()), span.len())
        };
        self.push_series(start, len);
        Ok(())
    }

    /// Texts stand in a table: the table of texts may be as large as the request may be.
    pub(super) fn remote_write_2(&mut self) -> Result<(), DecodeError> {
        let request = v2::Request::parse(self.bytes, self.bytes_max)?;
        for series in request.series() {
            self.check_memory()?;
            self.add_series_2(&series?)?;
        }
        Ok(())
    }

    fn add_series_2(&mut self, series: &v2::TimeSeries<'_, '_>) -> Result<(), DecodeError> {
        let looked_up = series.labels().and_then(|labels| Ok((labels, series.metadata()?)));
        let (labels, (metric_type, help, unit)) = match looked_up {
            Ok(looked_up) => looked_up,
            Err(error) => {
                let refusal = Refusal::new(RejectReason::InvalidLabels, error.to_string());
                let samples = series.sample_count() + series.histogram_count();
                self.rejections.add(refusal, samples as u64, || "a series".to_owned());
                return Ok(());
            }
        };
        let text = || Labels::from_pairs(labels.clone()).to_string();
        let before = self.batch.ends();
        let floats = series.samples().map(|sample| {
            let v2::Sample { timestamp_ms, value, start_ms } = sample?;
            Ok((Sample { timestamp_ms, value }, start_ms.unwrap_or(0)))
        });
        self.add_samples(floats, &text)?;
        if series.histogram_count() > 0 {
            self.add_histograms(series.histograms(), &text)?;
        }
        if series.exemplar_count() > 0 {
            self.add_exemplars(series.exemplars(), &text)?;
        }
        let name = labels.clone().find(|(name, _)| *name == METRIC_NAME).map_or("", |(_, value)| value);
        self.add_metadata_2(family(name, metric_type), metric_type, help, unit);
        if self.batch.ends() == before {
            return Ok(());
        }
        let start = self.batch.rewritten.len();
        for pair in labels {
            span::encode([pair], &mut self.batch.rewritten);
            // References are short and what they stand for is long.
            if self.batch.rewritten.len() > self.bytes_max {
                return Err(self.too_large(self.batch.rewritten.len()));
            }
        }
        self.push_series(self.bytes.len() + start, self.batch.rewritten.len() - start);
        Ok(())
    }

    /// Every series of a family says the same of it, and they mostly follow each other.
    fn add_metadata_2(&mut self, metric: &str, metric_type: MetricType, help: &str, unit: &str) {
        let is_known = metric_type != MetricType::Unknown || !help.is_empty() || !unit.is_empty();
        let is_last = |(last, known): &(String, MetricMetadata)| {
            last == metric && known.metric_type == metric_type && known.help == help && known.unit == unit
        };
        if is_known && !metric.is_empty() && !self.batch.metadata.last().is_some_and(is_last) {
            let (help, unit) = (help.to_owned(), unit.to_owned());
            self.add_metadata(metric, MetricMetadata { metric_type, help, unit });
        }
    }

    fn push_series(&mut self, span_start: usize, span_len: usize) {
        let ends = self.batch.ends();
        self.batch.series.push(BatchSeries {
            span_start,
            span_len: span_len as u32,
            id: NO_SLOT,
            is_left_out: false,
            ends,
        });
    }

    fn add_metadata(&mut self, metric: &str, metadata: MetricMetadata) {
        self.batch.heap_bytes += text_bytes(metric, &metadata);
        self.batch.metadata.push((metric.to_owned(), metadata));
    }

    #[inline]
    fn add_samples(
        &mut self,
        samples: impl Iterator<Item = Result<(Sample, i64), DecodeError>>,
        text: Text<'_>,
    ) -> Result<(), DecodeError> {
        let first = self.batch.samples.len();
        let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
        for sample in samples {
            let (sample, start_ms) = sample?;
            min_ms = min_ms.min(sample.timestamp_ms);
            max_ms = max_ms.max(sample.timestamp_ms);
            self.push_sample(sample, start_ms);
            if self.batch.samples.len().is_multiple_of(4096) {
                self.check_memory()?;
            }
        }
        if min_ms < self.bounds.min_ms || max_ms > self.bounds.max_ms {
            self.refuse_outside(first, text);
        }
        self.cover(min_ms, max_ms);
        Ok(())
    }

    #[inline]
    fn cover(&mut self, min_ms: i64, max_ms: i64) {
        self.batch.min_ms = self.batch.min_ms.min(min_ms);
        self.batch.max_ms = self.batch.max_ms.max(max_ms);
    }

    #[cold]
    fn refuse_outside(&mut self, first: usize, text: Text<'_>) {
        let starts = &mut self.batch.starts.samples;
        let starts = if first < starts.len() { starts.split_off(first) } else { Vec::new() };
        for (place, sample) in self.batch.samples.split_off(first).into_iter().enumerate() {
            if self.is_inside(sample.timestamp_ms, text) {
                self.push_sample(sample, starts.get(place).copied().unwrap_or(0));
            }
        }
    }

    #[inline]
    fn push_sample(&mut self, sample: Sample, start_ms: i64) {
        self.batch.samples.push(sample);
        starts::set_last(&mut self.batch.starts.samples, self.batch.samples.len(), start_ms);
    }

    /// Whether a sample of this time is taken; counted when not.
    fn is_inside(&mut self, ms: i64, text: Text<'_>) -> bool {
        let TimeBounds { min_ms, max_ms } = self.bounds;
        if ms < min_ms {
            self.rejections.count(RejectReason::SampleTooOld, 1, || {
                (
                    text(),
                    format!(
                        "sample at {ms} ms is older than retention and samples_behind allow: taken from {min_ms} ms on"
                    ),
                )
            });
        } else if ms > max_ms {
            self.rejections.count(RejectReason::SampleTooFarInFuture, 1, || {
                (text(), format!("sample at {ms} ms is too far in the future, taken until {max_ms} ms"))
            });
        }
        min_ms <= ms && ms <= max_ms
    }

    fn add_histograms(
        &mut self,
        histograms: impl Iterator<Item = Result<HistogramSample, DecodeError>>,
        text: Text<'_>,
    ) -> Result<(), DecodeError> {
        for sample in histograms {
            let HistogramSample { timestamp_ms, start_ms, histogram, offset_bytes } = sample?;
            match histogram {
                Ok(histogram) => {
                    if self.is_inside(timestamp_ms, text) {
                        self.batch.heap_bytes += histogram_bytes(&histogram);
                        self.batch.histograms.push((timestamp_ms, histogram));
                        let count = self.batch.histograms.len();
                        starts::set_last(&mut self.batch.starts.histograms, count, start_ms.unwrap_or(0));
                        self.cover(timestamp_ms, timestamp_ms);
                        self.check_memory()?;
                    }
                }
                Err(error) => self.rejections.count(RejectReason::InvalidHistogram, 1, || {
                    (text(), format!("{error}, at byte {offset_bytes} of the decoded body"))
                }),
            }
        }
        Ok(())
    }

    /// Exemplars are extras: one that cannot be taken is counted, and only broken references are told to the sender.
    fn add_exemplars(
        &mut self,
        exemplars: impl Iterator<Item = Result<Result<Exemplar, ExemplarError>, DecodeError>>,
        text: Text<'_>,
    ) -> Result<(), DecodeError> {
        for exemplar in exemplars {
            let bounds = self.bounds;
            match exemplar? {
                Ok(exemplar) if (bounds.min_ms..=bounds.max_ms).contains(&exemplar.timestamp_ms) => {
                    self.batch.heap_bytes += exemplar.labels.packed().len();
                    self.batch.exemplars.push(exemplar);
                    self.check_memory()?;
                }
                Err(error @ ExemplarError::Symbols(_)) => {
                    self.rejections.count(RejectReason::InvalidLabels, 1, || (text(), error.to_string()));
                }
                _ => self.batch.dropped_exemplars += 1,
            }
        }
        Ok(())
    }

    /// What a request becomes in memory may not be larger than the request may be: a sample or a series of an honest one
    /// takes more bytes than its entry here, an empty one takes two.
    #[inline]
    fn check_memory(&self) -> Result<(), DecodeError> {
        let batch = &*self.batch;
        let bytes = size_of_val(batch.samples.as_slice())
            + size_of_val(batch.series.as_slice())
            + size_of_val(batch.histograms.as_slice())
            + batch.starts.bytes()
            + size_of_val(batch.exemplars.as_slice())
            + size_of_val(batch.metadata.as_slice())
            + batch.heap_bytes;
        if bytes <= self.bytes_max { Ok(()) } else { Err(self.too_large(bytes)) }
    }

    #[cold]
    fn too_large(&self, bytes: usize) -> DecodeError {
        DecodeError::TooLarge { declared_bytes: bytes as u64, bytes_max: self.bytes_max as u64 }
    }
}

/// Memory behind a histogram.
fn histogram_bytes(histogram: &FloatHistogram) -> usize {
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    let floats = histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_bounds.len();
    8 * (spans + floats)
}
