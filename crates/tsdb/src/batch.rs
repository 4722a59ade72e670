//! One request, decompressed, walked and checked as far as that needs no series table. Reused from request to request.

mod starts;
mod walk;

use bongsu_model::{Exemplar, FloatHistogram, METRIC_NAME, MetricMetadata, Sample};
use bongsu_wire::remote_write::{self, DecodeError, SeriesData, WriteRequestBuilder, v2};

use crate::error::{Refusal, RejectReason, Rejections};
use crate::record::Protocol;
use crate::retention::Expiry;
use crate::span;
use crate::table::NO_SLOT;
use starts::Starts;

/// Memory that is kept for the next request; more is given back.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    decoded: Vec<u8>,
    /// Spans of series whose labels do not stand next to each other in `decoded`, or not as labels; they count as if
    /// behind it.
    rewritten: Vec<u8>,
    /// The series that are taken, so far.
    pub(crate) series: Vec<BatchSeries>,
    samples: Vec<Sample>,
    histograms: Vec<(i64, FloatHistogram)>,
    starts: Starts,
    exemplars: Vec<Exemplar>,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
    /// What is taken is not what came, and has to be encoded anew.
    pub(crate) is_changed: bool,
    /// Exemplars that are not taken, whatever the store has.
    pub(crate) dropped_exemplars: u64,
    /// Memory behind histograms, exemplars and metadata.
    heap_bytes: usize,
    /// First and last time of the samples, refused ones included.
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

/// A series of the request. What it has lies between the ends of the series before and its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSeries {
    span_start: usize,
    span_len: u32,
    /// The number in the table, once resolved; [`NO_SLOT`] when refused.
    pub(crate) id: u32,
    /// Not taken, and not to be resolved.
    pub(crate) is_left_out: bool,
    ends: Ends,
}

/// Places in the lists of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    samples: u32,
    histograms: u32,
    exemplars: u32,
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
        protocol: Protocol,
        body: &[u8],
        decoded_bytes_max: usize,
        bounds: TimeBounds,
        rejections: &mut Rejections,
    ) -> Result<(), DecodeError> {
        self.clear();
        let mut decoded = std::mem::take(&mut self.decoded);
        let walked = remote_write::decompress(body, decoded_bytes_max, &mut decoded).and_then(|bytes| {
            let mut walk = walk::Walk { batch: self, bytes, bytes_max: decoded_bytes_max, bounds, rejections };
            match protocol {
                Protocol::RemoteWrite1 => walk.remote_write_1(),
                Protocol::RemoteWrite2 => walk.remote_write_2(),
            }
        });
        self.decoded = decoded;
        walked
    }

    /// Forgets the request before.
    pub(crate) fn clear(&mut self) {
        if self.decoded.capacity().max(self.rewritten.capacity()) > KEPT_BYTES_MAX {
            *self = Self::default();
        }
        self.rewritten.clear();
        self.series.clear();
        self.samples.clear();
        self.histograms.clear();
        self.starts.clear();
        self.exemplars.clear();
        self.metadata.clear();
        (self.dropped_exemplars, self.heap_bytes, self.is_changed) = (0, 0, false);
        (self.min_ms, self.max_ms) = (i64::MAX, i64::MIN);
    }

    fn ends(&self) -> Ends {
        Ends {
            samples: self.samples.len() as u32,
            histograms: self.histograms.len() as u32,
            exemplars: self.exemplars.len() as u32,
        }
    }

    /// Adds a float of a series of the table, which needs no labels.
    #[inline]
    pub(crate) fn push_resolved(&mut self, id: u32, sample: Sample) {
        self.samples.push(sample);
        self.min_ms = self.min_ms.min(sample.timestamp_ms);
        self.max_ms = self.max_ms.max(sample.timestamp_ms);
        let ends = self.ends();
        self.series.push(BatchSeries { span_start: 0, span_len: 0, id, is_left_out: false, ends });
    }

    /// Whether each series has one float and nothing else, and there is at least one.
    pub(crate) fn is_one_float_each(&self) -> bool {
        let is_in_step = |(place, series): (usize, &BatchSeries)| series.ends.samples as usize == place + 1;
        self.samples.len() == self.series.len()
            && self.histograms.is_empty()
            && self.exemplars.is_empty()
            && self.starts.is_empty()
            && self.series.iter().enumerate().all(is_in_step)
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

    /// Takes one of the series out. Returns how many samples it has.
    pub(crate) fn leave_out(&mut self, place: usize) -> u64 {
        self.series[place].is_left_out = true;
        self.is_changed = true;
        self.sample_count(place)
    }

    /// Takes a label out of one of the series.
    pub(crate) fn drop_label(&mut self, place: usize, name: &str) {
        let series = self.series[place];
        let mut kept = Vec::with_capacity(series.span_len as usize);
        span::encode(span::pairs(self.span(&series)).filter(|pair| pair.0 != name), &mut kept);
        self.series[place].span_start = self.decoded.len() + self.rewritten.len();
        self.series[place].span_len = kept.len() as u32;
        self.rewritten.extend_from_slice(&kept);
        self.is_changed = true;
    }

    /// Samples of both kinds of all series.
    pub(crate) fn samples_total(&self) -> u64 {
        (self.samples.len() + self.histograms.len()) as u64
    }

    /// Samples of both kinds of one of the series.
    pub(crate) fn sample_count(&self, place: usize) -> u64 {
        let start = place.checked_sub(1).map_or(Ends::default(), |before| self.series[before].ends);
        let end = self.series[place].ends;
        u64::from(end.samples - start.samples) + u64::from(end.histograms - start.histograms)
    }

    /// Refuses the series of which all samples are past the time that a rule keeps them.
    pub(crate) fn refuse_expired(&mut self, expiry: &Expiry, rejections: &mut Rejections) {
        if self.min_ms >= expiry.whole_from_ms() {
            return;
        }
        let over: Vec<(usize, i64)> = (0..self.series.len())
            .filter(|place| self.series[*place].id != NO_SLOT)
            .filter_map(|place| {
                let start_ms = expiry.start_of(&span::labels(self.span(&self.series[place])));
                let newest_ms = self.newest_ms(place)?;
                (newest_ms < start_ms).then_some((place, newest_ms))
            })
            .collect();
        for (place, newest_ms) in over {
            let message = format!("the sample at {newest_ms} ms is older than a retention rule keeps this series");
            let refusal = Refusal::new(RejectReason::SampleTooOld, message);
            rejections.add(refusal, self.sample_count(place), || span::text(self.span(&self.series[place])));
            self.series[place].id = NO_SLOT;
        }
    }

    /// The time of the newest sample of one of the series.
    fn newest_ms(&self, place: usize) -> Option<i64> {
        let start = place.checked_sub(1).map_or(Ends::default(), |before| self.series[before].ends);
        let end = self.series[place].ends;
        let floats = &self.samples[start.samples as usize..end.samples as usize];
        let histograms = &self.histograms[start.histograms as usize..end.histograms as usize];
        let floats = floats.iter().map(|sample| sample.timestamp_ms);
        floats.chain(histograms.iter().map(|(time_ms, _)| *time_ms)).max()
    }

    /// The series that are taken, with what they have.
    #[inline]
    pub(crate) fn taken(&self) -> impl Iterator<Item = Taken<'_>> {
        let mut start = Ends::default();
        self.series.iter().filter_map(move |series| {
            let (from, to) = (start, series.ends);
            start = to;
            let samples = from.samples as usize..to.samples as usize;
            let histograms = from.histograms as usize..to.histograms as usize;
            (series.id != NO_SLOT).then(|| Taken {
                series,
                starts: starts::some(&self.starts.samples, samples.clone()),
                histogram_starts: starts::some(&self.starts.histograms, histograms.clone()),
                data: SeriesData {
                    samples: &self.samples[samples],
                    histograms: &self.histograms[histograms],
                    exemplars: &self.exemplars[from.exemplars as usize..to.exemplars as usize],
                },
            })
        })
    }

    /// A body of what is taken alone, so that a restart does not bring back what was refused.
    pub(crate) fn encode_taken(&self) -> Result<(Protocol, Vec<u8>), DecodeError> {
        let (protocol, request) = if self.starts.is_empty() {
            (Protocol::RemoteWrite1, self.encode_taken_1())
        } else {
            (Protocol::RemoteWrite2, self.encode_taken_2())
        };
        let mut body = Vec::new();
        remote_write::compress(&request, &mut body)?;
        Ok((protocol, body))
    }

    fn encode_taken_1(&self) -> Vec<u8> {
        let mut request = WriteRequestBuilder::new();
        for Taken { series, data, .. } in self.taken() {
            request.push_span(self.span(series), &data);
        }
        for (metric, metadata) in &self.metadata {
            request.push_metadata(metric, metadata);
        }
        request.finish()
    }

    /// A series stands as often as its samples have other starts; what is known of metrics stands with series without
    /// samples, which are no series for who reads them.
    fn encode_taken_2(&self) -> Vec<u8> {
        let mut request = v2::RequestBuilder::new();
        let nothing = MetricMetadata::default();
        for taken in self.taken() {
            let span = self.span(taken.series);
            let Taken { starts, histogram_starts, data: SeriesData { samples, histograms, exemplars }, .. } = taken;
            let mut push = |start_ms: i64, data| {
                let start_ms = (start_ms != 0).then_some(start_ms);
                request.push_series(span::pairs(span), &data, &nothing, start_ms);
            };
            starts::each_run(starts, samples, |start_ms, samples| {
                push(start_ms, SeriesData { samples, ..SeriesData::default() });
            });
            starts::each_run(histogram_starts, histograms, |start_ms, histograms| {
                push(start_ms, SeriesData { histograms, ..SeriesData::default() });
            });
            if !exemplars.is_empty() {
                push(0, SeriesData { exemplars, ..SeriesData::default() });
            }
        }
        for (metric, metadata) in &self.metadata {
            request.push_series([(METRIC_NAME, metric.as_str())], &SeriesData::default(), metadata, None);
        }
        request.finish()
    }
}

/// A series that is taken.
pub(crate) struct Taken<'a> {
    pub(crate) series: &'a BatchSeries,
    pub(crate) data: SeriesData<'a>,
    /// When the counting of the samples began, 0 when not known; there may be fewer than samples, and mostly are none.
    pub(crate) starts: &'a [i64],
    /// The same of the histograms.
    pub(crate) histogram_starts: &'a [i64],
}
