//! What is remembered of a target from scrape to scrape.
//!
//! ```text
//!  texts   raw series text ──► slot     a target writes the same bytes every time: labels are worked out once
//!  slots   labels, seen in which round, live   one per label set, however many texts lead to it
//! ```
//!
//! A slot is live while its last sample is not followed by a stale marker. When a round is over, live slots that were not
//! seen in it get their marker; texts that were not seen are forgotten, so the cache is never larger than one body.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Batch, Labels, MetricType, STALE_NAN, Sample};
use bongsu_wire::exposition::{Entry, Format, Parser, SampleEntry, Series};
use hashbrown::HashMap;

use crate::config::Job;
use crate::error::ScrapeError;
use crate::families::Families;
use crate::relabel::stored_labels;
use crate::report::Report;
use crate::target::Target;

/// The outcome of one scrape.
#[derive(Clone, Debug)]
pub struct Scraped {
    /// Samples, stale markers and the report series, to be handed on whatever the result.
    pub batch: Batch,
    /// Whether the scrape went well.
    pub result: Result<(), ScrapeError>,
    /// What was counted.
    pub counts: Counts,
}

/// What a scrape counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples in the body.
    pub scraped: u64,
    /// Those left after relabelling.
    pub kept: u64,
    /// Series that were not in the scrape before.
    pub added: u64,
    /// Samples that repeat a series of the same scrape; the first one counts.
    pub duplicates: u64,
    /// Size of the body, decompressed.
    pub body_bytes: u64,
}

/// The memory of one target.
#[derive(Debug)]
pub struct ScrapeCache {
    job: Arc<Job>,
    target_labels: Labels,
    texts: HashMap<Box<str>, Text>,
    places: HashMap<Labels, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Counts the bodies read.
    round: u64,
    families: Families,
    report: Report,
    counts: Counts,
}

/// A series text that was seen in the last body.
#[derive(Debug)]
struct Text {
    /// `None`: a rule drops the series.
    place: Option<u32>,
    seen: u64,
}

/// A stored series.
#[derive(Debug)]
struct Slot {
    labels: Labels,
    /// How many texts lead here; without any the slot is free.
    texts: u32,
    seen: u64,
    /// Whether the sample of the round `seen` calls for a stale marker when the series vanishes.
    tracked: bool,
    live: bool,
}

impl ScrapeCache {
    /// An empty memory for a target.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self {
            job: Arc::clone(target.job()),
            target_labels: target.labels().clone(),
            texts: HashMap::new(),
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            round: 0,
            families: Families::default(),
            report: Report::new(target.job(), target.timeout_ms(), target.labels()),
            counts: Counts::default(),
        }
    }

    /// Takes in a body that was fetched at `time_ms`. When anything in it is wrong or over a limit, none of its samples
    /// are taken.
    pub fn ingest(&mut self, body: &[u8], content_type: Option<&str>, time_ms: i64, duration: Duration) -> Scraped {
        self.round += 1;
        self.counts = Counts { body_bytes: body.len() as u64, ..Counts::default() };
        let mut batch = Batch { series: Vec::with_capacity(self.texts.len() + 16), metadata: Vec::new() };
        let result = self.read(body, content_type, time_ms, &mut batch);
        if result.is_err() {
            batch.clear();
        } else {
            batch.metadata = self.families.take_changed(self.round);
        }
        self.mark_vanished(result.is_ok(), time_ms, &mut batch);
        self.forget_unseen();
        self.finish(result, time_ms, duration, batch)
    }

    /// Takes note of a scrape without a usable body.
    pub fn fail(&mut self, error: ScrapeError, time_ms: i64, duration: Duration) -> Scraped {
        self.counts = Counts::default();
        let mut batch = Batch::default();
        self.mark_vanished(false, time_ms, &mut batch);
        self.finish(Err(error), time_ms, duration, batch)
    }

    /// The stale markers of everything, the report series too: the target is gone.
    pub fn end(&mut self, time_ms: i64) -> Batch {
        let mut batch = Batch::default();
        self.mark_vanished(false, time_ms, &mut batch);
        self.report.end(time_ms, &mut batch);
        batch
    }

    fn finish(
        &mut self,
        result: Result<(), ScrapeError>,
        time_ms: i64,
        duration: Duration,
        mut batch: Batch,
    ) -> Scraped {
        self.report.push(result.is_ok(), &self.counts, duration, time_ms, &mut batch);
        Scraped { batch, result, counts: self.counts }
    }

    fn read(
        &mut self,
        body: &[u8],
        content_type: Option<&str>,
        time_ms: i64,
        batch: &mut Batch,
    ) -> Result<(), ScrapeError> {
        let content_type = content_type.unwrap_or_default();
        let format = Format::of_content_type(content_type)
            .or(self.job.fallback_format)
            .ok_or_else(|| ScrapeError::ContentType(content_type.to_owned()))?;
        let text = std::str::from_utf8(body).map_err(|error| ScrapeError::Utf8(error.valid_up_to()))?;
        // The kind of the family whose lines are being read: it decides on the form of `le` and `quantile`.
        let mut metric_type = MetricType::Unknown;
        for entry in Parser::new(text, format) {
            match entry? {
                Entry::Type { metric, metric_type: kind } => {
                    metric_type = kind;
                    self.families.note_type(&metric, kind, self.round);
                }
                Entry::Help { metric, help } => self.families.note_help(&metric, &help, self.round),
                Entry::Unit { metric, unit } => self.families.note_unit(&metric, unit, self.round),
                Entry::Comment(_) => {}
                Entry::Sample(sample) => self.take_sample(&sample, metric_type, time_ms, batch)?,
            }
        }
        self.check_sample_limit()
    }

    fn take_sample(
        &mut self,
        sample: &SampleEntry<'_>,
        metric_type: MetricType,
        time_ms: i64,
        batch: &mut Batch,
    ) -> Result<(), ScrapeError> {
        self.counts.scraped += 1;
        let place = match self.texts.get_mut(sample.series.text()) {
            Some(text) => {
                text.seen = self.round;
                text.place
            }
            None => self.insert(sample.series, metric_type)?,
        };
        let Some(place) = place else { return Ok(()) };
        self.counts.kept += 1;
        let own_timestamp_ms = sample.timestamp_ms.filter(|_| self.job.honor_timestamps);
        let slot = &mut self.slots[place as usize];
        if slot.seen == self.round && own_timestamp_ms.is_none() {
            self.counts.duplicates += 1;
            return Ok(());
        }
        slot.seen = self.round;
        slot.tracked = own_timestamp_ms.is_none() || self.job.track_timestamps_staleness;
        // Over the limit samples are only counted: the scrape fails when the number is known.
        if self.job.limits.samples_max.is_none_or(|max| self.counts.kept <= max) {
            let timestamp_ms = own_timestamp_ms.unwrap_or(time_ms);
            batch.series.push((slot.labels.clone(), Sample { timestamp_ms, value: sample.value }));
        }
        Ok(())
    }

    /// Works out the labels of a text that is not known.
    fn insert(&mut self, series: Series<'_>, metric_type: MetricType) -> Result<Option<u32>, ScrapeError> {
        let labels = stored_labels(series, metric_type, &self.job, &self.target_labels)?;
        let place = labels.map(|labels| {
            self.counts.added += 1;
            self.slot_of(labels)
        });
        self.texts.insert(Box::from(series.text()), Text { place, seen: self.round });
        Ok(place)
    }

    fn slot_of(&mut self, labels: Labels) -> u32 {
        if let Some(place) = self.places.get(&labels) {
            self.slots[*place as usize].texts += 1;
            return *place;
        }
        let slot = Slot { labels: labels.clone(), texts: 1, seen: 0, tracked: false, live: false };
        let place = if let Some(place) = self.free.pop() {
            self.slots[place as usize] = slot;
            place
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("a body of at most 4 GiB holds fewer than 2^32 series")
        };
        self.places.insert(labels, place);
        place
    }

    fn check_sample_limit(&self) -> Result<(), ScrapeError> {
        match self.job.limits.samples_max {
            Some(samples_max) if self.counts.kept > samples_max => {
                Err(ScrapeError::Samples { samples: self.counts.kept, samples_max })
            }
            _ => Ok(()),
        }
    }

    /// Markers for live series that the last body, if its samples were `taken`, did not have.
    fn mark_vanished(&mut self, taken: bool, time_ms: i64, batch: &mut Batch) {
        for slot in &mut self.slots {
            if taken && slot.seen == self.round {
                slot.live = slot.tracked;
            } else if std::mem::take(&mut slot.live) {
                batch.series.push((slot.labels.clone(), Sample { timestamp_ms: time_ms, value: STALE_NAN }));
            }
        }
    }

    fn forget_unseen(&mut self) {
        let Self { texts, places, slots, free, round, .. } = self;
        texts.retain(|_, text| {
            let seen = text.seen == *round;
            if let Some(place) = text.place.filter(|_| !seen) {
                let slot = &mut slots[place as usize];
                slot.texts -= 1;
                if slot.texts == 0 {
                    places.remove(&slot.labels);
                    slot.labels = Labels::empty();
                    free.push(place);
                }
            }
            seen
        });
    }
}
