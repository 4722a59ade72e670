//! Selection: the series of head, frozen generation and blocks, merged by labels.
//!
//! A selection holds numbers of series, 4 bytes and 8 for every source that has the series. Labels and samples stay where they are
//! until they are asked for, series by series.

mod memory;
mod merge;

use std::ops::Range;
use std::sync::Arc;

use bongsu_block::{Coarse, LabelWalk};
use bongsu_model::{Labels, LabelsBuffer, Purpose, SampleBuffer, Selection, SeriesSet, SourceError, SourceErrorKind};

use super::coarse::{self, Pieces};
use super::source_error;
use crate::blocks::StoredBlock;
use crate::head::Memory;
use crate::retention::Expiry;
use crate::tenant::Tenant;
use crate::tombstones::{Deleted, Tombstones};
use merge::{Places, Run};

/// The answer to a selection.
#[derive(Default)]
pub(crate) struct Selected {
    start_ms: i64,
    end_ms: i64,
    /// What is past its time, where that is not the same of all series.
    hidden: Option<Expiry>,
    looks: Looks,
    /// Whether what is there of a series depends on its labels.
    asks_labels: bool,
    places: Places,
    /// Older ones first: of two samples with the same time, that of the later source counts.
    sources: Vec<Samples>,
}

/// What the samples look like to who asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Looks {
    pub(crate) purpose: Purpose,
    /// The last sample of each interval stands alone, milliseconds; 0: all do.
    pub(crate) interval_ms: i64,
}

/// One series in one source.
#[derive(Clone, Copy)]
struct Part {
    source: u32,
    /// The series' number there.
    series: u32,
}

enum Samples {
    Block(Arc<StoredBlock>, Deleted),
    Memory(Memory),
}

impl Selected {
    pub(crate) fn new(
        tenant: &Tenant,
        selection: &Selection,
        looks: Looks,
        hidden: Expiry,
    ) -> Result<Self, SourceError> {
        let hidden = (selection.start_ms < hidden.whole_from_ms()).then_some(hidden);
        let (start_ms, end_ms, asks_labels) = (selection.start_ms, selection.end_ms, hidden.is_some());
        let mut selected = Self { start_ms, end_ms, hidden, asks_labels, looks, ..Self::default() };
        if selection.start_ms > selection.end_ms {
            return Ok(selected);
        }
        let snapshot = Snapshot::take(tenant, selection);
        let mut runs = Vec::new();
        let blocks = coarse::choose(&snapshot.blocks, &looks.purpose);
        for block in blocks.iter().filter(|block| block.overlaps(selection.start_ms, selection.end_ms)) {
            let deleted = Deleted::of(&snapshot.tombstones, block);
            selected.add_block(block, deleted, selection, &mut runs)?;
        }
        for memory in snapshot.memory {
            selected.add_memory(memory, selection, &mut runs)?;
        }
        selected.places = Places::merge(&runs, &selected.sources, selection.series_max)?;
        Ok(selected)
    }

    fn add_block(
        &mut self,
        stored: &Arc<StoredBlock>,
        deleted: Deleted,
        selection: &Selection,
        runs: &mut Vec<Run>,
    ) -> Result<(), SourceError> {
        let mut series = stored.block.select(&selection.matchers).map_err(|error| source_error(&error))?;
        if self.hidden.is_some() || !deleted.is_empty() {
            self.asks_labels = true;
            self.keep_present(stored, &deleted, &mut series).map_err(|error| source_error(&error))?;
        }
        check_count(series.len(), selection.series_max)?;
        if !series.is_empty() {
            runs.push(Run { source: self.sources.len() as u32, series });
            self.sources.push(Samples::Block(Arc::clone(stored), deleted));
        }
        Ok(())
    }

    fn add_memory(&mut self, memory: Memory, selection: &Selection, runs: &mut Vec<Run>) -> Result<(), SourceError> {
        let source = self.sources.len() as u32;
        for series in memory.select(&selection.matchers, (self.start_ms, self.end_ms)) {
            check_count(series.len(), selection.series_max)?;
            runs.push(Run { source, series });
        }
        self.sources.push(Samples::Memory(memory));
        Ok(())
    }

    /// Leaves out the series of a block of which nothing is to be seen.
    fn keep_present(
        &self,
        stored: &StoredBlock,
        deleted: &Deleted,
        series: &mut Vec<u32>,
    ) -> Result<(), bongsu_block::Error> {
        let (mut walk, mut labels, mut damage) = (stored.block.label_walk()?, LabelsBuffer::default(), None);
        series.retain(|number| {
            if let Err(error) = walk.read(*number, &mut labels) {
                damage = Some(error);
                return false;
            }
            let labels = labels.to_labels();
            let is_over = |hidden: &Expiry| hidden.start_of(&labels) > stored.max_time_ms();
            !deleted.is_whole(&labels, stored) && !self.hidden.as_ref().is_some_and(is_over)
        });
        damage.map_or(Ok(()), Err)
    }

    /// Appends the samples of one part; `labels` when they are asked for.
    fn read_part(
        &self,
        part: Part,
        labels: Option<&Labels>,
        pieces: &mut Pieces,
        buffer: &mut SampleBuffer,
    ) -> Result<(), SourceError> {
        let hidden_ms = labels.zip(self.hidden.as_ref()).map(|(labels, hidden)| hidden.start_of(labels));
        let (start_ms, end_ms) = (self.start_ms.max(hidden_ms.unwrap_or(i64::MIN)), self.end_ms);
        match &self.sources[part.source as usize] {
            Samples::Block(stored, deleted) if stored.name.resolution_secs > 0 => {
                let mut coarse = Coarse::default();
                let read = stored.block.read_coarse(part.series, start_ms, end_ms, &mut coarse);
                read.map_err(|error| source_error(&error))?;
                if let Some(labels) = labels {
                    coarse.remove(&mut deleted.ranges(labels));
                }
                pieces.add(&coarse, stored, &self.looks.purpose);
            }
            Samples::Block(stored, deleted) => {
                let read = |buffer: &mut SampleBuffer| stored.block.read(part.series, start_ms, end_ms, buffer);
                let outcome = match labels {
                    Some(labels) => deleted.read(labels, buffer, read),
                    None => read(buffer),
                };
                outcome.map_err(|error| source_error(&error))?;
            }
            Samples::Memory(memory) => memory.read(part.series, start_ms, end_ms, buffer),
        }
        Ok(())
    }
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        Ok(self.labels_of(place..place + 1)?.pop().unwrap_or_default())
    }

    fn labels_of(&self, places: Range<usize>) -> Result<Vec<Labels>, SourceError> {
        let kept = places.start.min(self.places.labels.len())..places.end.min(self.places.labels.len());
        let mut found = Vec::with_capacity(places.len());
        found.extend_from_slice(&self.places.labels[kept]);
        let mut names: Vec<Option<Names<'_>>> = Vec::new();
        names.resize_with(self.sources.len(), || None);
        let mut labels = LabelsBuffer::default();
        for place in places.start + found.len()..places.end {
            let part = self.places.parts(place)[0];
            let names = match &mut names[part.source as usize] {
                Some(names) => names,
                names => names.insert(self.sources[part.source as usize].names()?),
            };
            names.read(part.series, &mut labels)?;
            found.push(labels.to_labels());
        }
        Ok(found)
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let labels = self.asks_labels.then(|| self.labels(place)).transpose()?;
        let first = buffer.mark();
        let (floats, histograms, mut pieces) = (buffer.values.len(), buffer.histograms.len(), Pieces::default());
        for part in self.places.parts(place) {
            let middle = buffer.mark();
            self.read_part(*part, labels.as_ref(), &mut pieces, buffer)?;
            buffer.overlay(first, middle);
        }
        // Buckets were made of what was left already.
        buffer.keep_last_of_intervals(first, self.looks.interval_ms);
        if !pieces.is_empty() {
            pieces.join((floats, histograms), (self.start_ms, self.end_ms), &self.looks.purpose, buffer);
        }
        Ok(())
    }
}

impl Samples {
    fn names(&self) -> Result<Names<'_>, SourceError> {
        Ok(match self {
            Self::Block(stored, _) => Names::Block(stored.block.label_walk().map_err(|error| source_error(&error))?),
            Self::Memory(memory) => Names::Memory(memory),
        })
    }
}

/// Reads the labels of the series of one source.
enum Names<'s> {
    Block(LabelWalk<'s>),
    Memory(&'s Memory),
}

impl Names<'_> {
    /// Puts the labels of a series in place of those in `labels`.
    fn read(&mut self, series: u32, labels: &mut LabelsBuffer) -> Result<(), SourceError> {
        match self {
            Self::Block(walk) => walk.read(series, labels).map_err(|error| source_error(&error))?,
            Self::Memory(memory) => memory.read_labels(series, labels),
        }
        Ok(())
    }
}

/// Everything that a selection reads, of one moment; what is written later to the head may be seen, too.
struct Snapshot {
    blocks: Arc<Vec<Arc<StoredBlock>>>,
    tombstones: Tombstones,
    memory: Vec<Memory>,
}

impl Snapshot {
    fn take(tenant: &Tenant, selection: &Selection) -> Self {
        let (start_ms, end_ms) = (selection.start_ms, selection.end_ms);
        let state = tenant.state.read();
        let frozen = state.frozen.as_ref().filter(|frozen| frozen.overlaps(start_ms, end_ms));
        let head = state.head.overlaps(start_ms, end_ms).then_some(&state.head.memory);
        let memory = frozen.map(|frozen| &frozen.memory).into_iter().chain(head).cloned().collect();
        Self { blocks: Arc::clone(&state.blocks), tombstones: Arc::clone(&state.tombstones), memory }
    }
}

/// Refuses more series than are allowed.
fn check_count(count: usize, series_max: usize) -> Result<(), SourceError> {
    if count <= series_max {
        return Ok(());
    }
    let message = format!(
        "selection has more than {series_max} series, the most that one may have (setting limits.query_series)"
    );
    Err(SourceError { kind: SourceErrorKind::Limit, message })
}
