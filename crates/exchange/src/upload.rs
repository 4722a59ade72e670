//! Series as remote write requests: gathered, sent, sent again when that can help.

use std::collections::{BTreeMap, HashMap};

use bongsu_model::{FloatHistogram, Labels, MetricMetadata, Sample};
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder, compress, v2};

use crate::error::Error;
use crate::receiver::{Piece, Point, Receiver};

/// A histogram counts as so many samples: requests have a size in bytes, too.
const HISTOGRAM_SAMPLES: usize = 40;
/// Families whose metadata is held.
const METADATA_MAX: usize = 100_000;
/// Reasons of refusals that are told apart.
const REFUSALS_MAX: usize = 50;
/// What a sample takes of a request, roughly.
const SAMPLE_BYTES: usize = 20;
const EXEMPLAR_SAMPLES: usize = 5;

/// Of samples that a receiver did not keep without calling them wrong.
const NOT_WRITTEN: &str =
    "not_written: the receiver did not keep them and had no complaint, as with a sender's second replica";

/// The message that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`: every receiver knows it. Start timestamps are left out.
    RemoteWrite1,
    /// `io.prometheus.write.v2.Request`.
    #[default]
    RemoteWrite2,
}

/// Carries requests.
pub trait Transport {
    /// Sends a snappy body and waits for the answer.
    fn send(&mut self, protocol: Protocol, body: &[u8]) -> Sent;

    /// Waits before the next try. False: the caller wants the end.
    fn wait(&mut self, ms: u64) -> bool;
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Kept, durably; how many floats and histograms, if the receiver says so. It may be content with fewer than it got: of two
    /// replicas of a sender one is enough.
    Taken {
        /// Floats and histograms that were kept.
        written: Option<u64>,
    },
    /// A part of it can never be kept; how many samples were, if the receiver says so, and what it says of the others.
    Partly {
        /// Floats and histograms that were kept.
        written: Option<u64>,
        /// The receiver's words.
        reason: String,
    },
    /// Not now.
    Again {
        /// Why.
        reason: String,
        /// When the receiver wants to be asked again.
        after_ms: Option<u64>,
    },
    /// No request of this kind will be taken.
    Never {
        /// Why.
        reason: String,
    },
}

/// Bounds of requests and of patience.
#[derive(Clone, Copy, Debug)]
pub struct UploadOptions {
    /// The message.
    pub protocol: Protocol,
    /// Samples of one request.
    pub samples_per_request: usize,
    /// How long a request is tried.
    pub give_up_after_ms: u64,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { protocol: Protocol::default(), samples_per_request: 20_000, give_up_after_ms: 5 * 60_000 }
    }
}

/// What was handed over, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Float samples of requests that were answered, refused ones included.
    pub samples: u64,
    /// Native histograms of the same.
    pub histograms: u64,
    /// Exemplars of the same.
    pub exemplars: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Tries that had to be repeated.
    pub retries: u64,
    /// What was refused for good, by reason.
    pub refused: BTreeMap<String, Refused>,
}

impl Counts {
    /// Samples that were refused for good.
    #[must_use]
    pub fn refused_samples(&self) -> u64 {
        self.refused.values().map(|refused| refused.count).sum()
    }
}

/// Samples that were refused for the same reason.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// The receiver's words about the first of them.
    pub example: String,
}

/// Entries of the request that is being gathered.
#[derive(Debug, Default)]
struct Pending {
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

/// See the module's text.
pub struct Uploader<'t> {
    transport: &'t mut dyn Transport,
    options: UploadOptions,
    request: Request,
    metadata: HashMap<String, MetricMetadata>,
    counts: Counts,
    /// What is in the request; its weight against the bound.
    pending: Pending,
    weight: usize,
    compressed: Vec<u8>,
    reached: Option<Point>,
    acked: Option<Point>,
    samples: Vec<Sample>,
    histograms: Vec<(i64, FloatHistogram)>,
}

impl<'t> Uploader<'t> {
    /// Sends over `transport`.
    pub fn new(transport: &'t mut dyn Transport, options: UploadOptions) -> Self {
        Self {
            transport,
            request: Request::new(options.protocol),
            options,
            metadata: HashMap::new(),
            counts: Counts::default(),
            pending: Pending::default(),
            weight: 0,
            compressed: Vec::new(),
            reached: None,
            acked: None,
            samples: Vec::new(),
            histograms: Vec::new(),
        }
    }

    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// All before this point is kept by the receiver, or was refused for good.
    #[must_use]
    pub fn acked(&self) -> Option<&Point> {
        self.acked.as_ref()
    }

    /// Sends what is gathered. The point that was reached last is done with that.
    ///
    /// # Errors
    /// The receiver does not take it.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.weight > 0 {
            let message = std::mem::replace(&mut self.request, Request::new(self.options.protocol)).finish();
            let compressed = compress(&message, &mut self.compressed);
            compressed.map_err(|error| Error::Target(format!("cannot make a request: {error}")))?;
            self.deliver()?;
            let Pending { samples, histograms, exemplars } = std::mem::take(&mut self.pending);
            self.counts.samples += samples;
            self.counts.histograms += histograms;
            self.counts.exemplars += exemplars;
            self.weight = 0;
        }
        self.acked.clone_from(&self.reached);
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), Error> {
        let (mut waited_ms, mut pause_ms) = (0, 100);
        let sent = self.pending.samples + self.pending.histograms;
        loop {
            match self.transport.send(self.options.protocol, &self.compressed) {
                Sent::Taken { written } => {
                    let count = sent.saturating_sub(written.unwrap_or(sent));
                    if count > 0 {
                        self.refuse(count, NOT_WRITTEN);
                    }
                    break;
                }
                Sent::Partly { written, reason } => {
                    self.refuse(sent.saturating_sub(written.unwrap_or(0)), &reason);
                    break;
                }
                Sent::Never { reason } => return Err(Error::Target(reason)),
                Sent::Again { reason, after_ms } => {
                    if waited_ms >= self.options.give_up_after_ms {
                        return Err(Error::Target(format!("{reason} (given up after {} s)", waited_ms / 1000)));
                    }
                    let wait_ms = after_ms.unwrap_or(0).max(pause_ms).min(30_000);
                    if !self.transport.wait(wait_ms) {
                        return Err(Error::Stopped);
                    }
                    waited_ms += wait_ms;
                    pause_ms = (pause_ms * 2).min(10_000);
                    self.counts.retries += 1;
                }
            }
        }
        self.counts.requests += 1;
        Ok(())
    }

    fn refuse(&mut self, count: u64, reason: &str) {
        let (word, _) = reason.split_once(':').unwrap_or(("", ""));
        let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let mut word = if is_word { word } else { "refused" };
        if self.counts.refused.len() >= REFUSALS_MAX && !self.counts.refused.contains_key(word) {
            word = "other";
        }
        let refused = self.counts.refused.entry(word.to_owned()).or_default();
        if refused.count == 0 {
            reason.trim().clone_into(&mut refused.example);
        }
        refused.count += count;
    }

    fn room(&self) -> usize {
        self.options.samples_per_request.saturating_sub(self.weight).max(1)
    }

    /// Adds to the request, and sends it when it is full.
    fn push(&mut self, labels: &Labels, data: &SeriesData<'_>, start_ms: i64, weight: usize) -> Result<(), Error> {
        let known = metadata_of(&self.metadata, labels.metric_name());
        self.request.push(labels, data, known, start_ms);
        self.pending.samples += data.samples.len() as u64;
        self.pending.histograms += data.histograms.len() as u64;
        self.pending.exemplars += data.exemplars.len() as u64;
        self.weight += weight + labels.packed().len() / SAMPLE_BYTES;
        if self.weight >= self.options.samples_per_request { self.flush() } else { Ok(()) }
    }

    fn push_floats(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        let Piece { labels, samples: buffer, .. } = piece;
        let mut first = 0;
        while first < buffer.timestamps_ms.len() {
            let run =
                same_start(&buffer.start_timestamps_ms, first, buffer.timestamps_ms.len().min(first + self.room()));
            let columns = buffer.timestamps_ms[first..run].iter().zip(&buffer.values[first..run]);
            let mut samples = std::mem::take(&mut self.samples);
            samples.clear();
            samples.extend(columns.map(|(timestamp_ms, value)| Sample { timestamp_ms: *timestamp_ms, value: *value }));
            let start_ms = buffer.start_timestamps_ms.get(first).copied().unwrap_or(0);
            let data = SeriesData { samples: &samples, ..SeriesData::default() };
            let pushed = self.push(labels, &data, start_ms, samples.len());
            self.samples = samples;
            pushed?;
            first = run;
        }
        Ok(())
    }

    fn push_histograms(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        let Piece { labels, samples: buffer, .. } = piece;
        let (mut first, starts) = (0, &buffer.histogram_start_timestamps_ms);
        while first < buffer.histograms.len() {
            let room = self.room().div_ceil(HISTOGRAM_SAMPLES);
            let run = same_start(starts, first, buffer.histograms.len().min(first + room));
            let mut histograms = std::mem::take(&mut self.histograms);
            histograms.clear();
            histograms.extend(buffer.histograms[first..run].iter().map(|(ms, histogram)| (*ms, (**histogram).clone())));
            let start_ms = starts.get(first).copied().unwrap_or(0);
            let data = SeriesData { histograms: &histograms, ..SeriesData::default() };
            let pushed = self.push(labels, &data, start_ms, histograms.len() * HISTOGRAM_SAMPLES);
            self.histograms = histograms;
            pushed?;
            first = run;
        }
        Ok(())
    }
}

impl Receiver for Uploader<'_> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.push_floats(&piece)?;
        self.push_histograms(&piece)?;
        for exemplars in piece.exemplars.chunks(1_000) {
            let data = SeriesData { exemplars, ..SeriesData::default() };
            self.push(piece.labels, &data, 0, exemplars.len() * EXEMPLAR_SAMPLES)?;
        }
        Ok(())
    }

    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        if self.metadata.get(family) == Some(metadata) || self.metadata.len() >= METADATA_MAX {
            return Ok(());
        }
        self.metadata.insert(family.to_owned(), metadata.clone());
        if let Request::V1(builder) = &mut self.request {
            builder.push_metadata(family, metadata);
            self.weight += 1;
        }
        Ok(())
    }

    fn reached(&mut self, point: &Point) -> Result<(), Error> {
        match &mut self.reached {
            // Millions of points have the same part.
            Some(reached) if reached.part == point.part => reached.done = point.done,
            reached => *reached = Some(point.clone()),
        }
        Ok(())
    }
}

/// The end of the run of samples from `first` on that have the same start, at most `end`.
fn same_start(starts: &[i64], first: usize, end: usize) -> usize {
    let start_of = |place: usize| starts.get(place).copied().unwrap_or(0);
    if first >= starts.len() {
        return end;
    }
    (first + 1..end).find(|place| start_of(*place) != start_of(first)).unwrap_or(end)
}

/// What is known of a series' family: its name, or its name without what OpenMetrics adds for samples.
fn metadata_of<'m>(known: &'m HashMap<String, MetricMetadata>, name: &str) -> Option<&'m MetricMetadata> {
    if known.is_empty() {
        return None;
    }
    let stems = ["_total", "_bucket", "_sum", "_count", "_gsum", "_gcount", "_created", "_info"];
    let stem = || stems.iter().find_map(|suffix| known.get(name.strip_suffix(suffix)?));
    known.get(name).or_else(stem)
}

/// A request of one of the two kinds.
enum Request {
    V1(WriteRequestBuilder),
    V2(Box<v2::RequestBuilder>),
}

impl Request {
    fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::RemoteWrite1 => Self::V1(WriteRequestBuilder::new()),
            Protocol::RemoteWrite2 => Self::V2(Box::default()),
        }
    }

    fn push(&mut self, labels: &Labels, data: &SeriesData<'_>, metadata: Option<&MetricMetadata>, start_ms: i64) {
        let nothing = MetricMetadata::default();
        match self {
            Self::V1(builder) => builder.push_series_data(labels, data),
            Self::V2(builder) => {
                let start_ms = (start_ms != 0).then_some(start_ms);
                builder.push_series(labels, data, metadata.unwrap_or(&nothing), start_ms);
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::V1(builder) => builder.finish(),
            Self::V2(builder) => builder.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
