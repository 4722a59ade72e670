//! Selection: the series of head, frozen generation and blocks, merged by labels.

mod gathered;

use std::sync::Arc;

use bongsu_model::{Labels, Matcher, Sample, SampleBuffer, Selection, SeriesSet, SourceError};

use super::source_error;
use crate::blocks::StoredBlock;
use crate::chunk::{Chunk, LateMaps, View};
use crate::head::Frozen;
use crate::retention::Expiry;
use crate::span;
use crate::table::{Order, Table};
use crate::tenant::Tenant;
use crate::tombstones::{Deleted, Tombstones};
use gathered::{Gathered, check_count};

/// The head is copied so many series at a time, so that writes wait for microseconds.
const COPY_SERIES: usize = 1024;

/// The answer to a selection. Frozen chunks and blocks are decoded when read; of the head it holds a copy, still encoded.
#[derive(Default)]
pub(crate) struct Selected {
    start_ms: i64,
    end_ms: i64,
    /// What is past its time, where that is not the same of all series.
    hidden: Option<Expiry>,
    /// In order of labels.
    places: Vec<Place>,
    /// Those of one place stand together, in the order of their sources.
    parts: Vec<Part>,
    /// Older ones first: of two samples with the same time, that of the later source counts.
    sources: Vec<Samples>,
}

/// One series of the answer.
struct Place {
    labels: Labels,
    /// Where its parts start; they end where those of the next place start.
    start: usize,
}

/// One series in one source.
#[derive(Clone, Copy)]
struct Part {
    source: u32,
    /// The series' number there.
    series: u32,
}

/// Why the series of a block are not all gathered.
enum Halt {
    Block(bongsu_block::Error),
    Limit(SourceError),
}

impl From<bongsu_block::Error> for Halt {
    fn from(error: bongsu_block::Error) -> Self {
        Self::Block(error)
    }
}

impl From<Halt> for SourceError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Block(error) => source_error(&error),
            Halt::Limit(error) => error,
        }
    }
}

enum Samples {
    Block(Arc<StoredBlock>, Deleted),
    Frozen(Arc<Frozen>),
    Head(HeadCopy),
}

impl Selected {
    pub(crate) fn new(tenant: &Tenant, selection: &Selection, hidden: Expiry) -> Result<Self, SourceError> {
        let hidden = (selection.start_ms < hidden.whole_from_ms()).then_some(hidden);
        let mut selected = Self { start_ms: selection.start_ms, end_ms: selection.end_ms, hidden, ..Self::default() };
        if selection.start_ms > selection.end_ms {
            return Ok(selected);
        }
        let snapshot = Snapshot::take(tenant, selection);
        let mut found = Gathered::new(selection.series_max);
        for block in snapshot.blocks.iter().filter(|block| block.overlaps(selection.start_ms, selection.end_ms)) {
            selected.add_block(block, Deleted::of(&snapshot.tombstones, block), selection, &mut found)?;
        }
        if let Some(frozen) = snapshot.frozen {
            selected.add_frozen(&frozen, selection, &mut found)?;
        }
        selected.add_head(snapshot.head, selection, &mut found)?;
        selected.merge(found.parts);
        check_count(selected.places.len(), selection.series_max)?;
        Ok(selected)
    }

    fn add_block(
        &mut self,
        stored: &Arc<StoredBlock>,
        deleted: Deleted,
        selection: &Selection,
        found: &mut Gathered,
    ) -> Result<(), SourceError> {
        let block = &stored.block;
        let hits = block.select(&selection.matchers).map_err(|error| source_error(&error))?;
        check_count(hits.len(), selection.series_max)?;
        let (source, hidden) = (self.sources.len() as u32, self.hidden.clone());
        found.parts.reserve(hits.len());
        block.each_labels(&hits, |series, labels| {
            let is_over = |hidden: &Expiry| hidden.start_of(&labels) > stored.max_time_ms();
            if deleted.is_whole(&labels, stored) || hidden.as_ref().is_some_and(is_over) {
                return Ok(());
            }
            found.push(labels, Part { source, series }).map_err(Halt::Limit)
        })?;
        self.sources.push(Samples::Block(Arc::clone(stored), deleted));
        Ok(())
    }

    fn add_frozen(
        &mut self,
        frozen: &Arc<Frozen>,
        selection: &Selection,
        found: &mut Gathered,
    ) -> Result<(), SourceError> {
        if !frozen.overlaps(selection.start_ms, selection.end_ms) {
            return Ok(());
        }
        let (mut hits, order) = {
            let table = frozen.table.read();
            let hits: Vec<u32> = table.index().select(&selection.matchers).into_iter().collect();
            (hits, Arc::clone(table.order()))
        };
        let overlaps = |chunk: &Chunk| chunk.overlaps(selection.start_ms, selection.end_ms);
        hits.retain(|series| frozen.chunks.get(*series as usize).is_some_and(overlaps));
        check_count(hits.len(), selection.series_max)?;
        hits.sort_by_key(|series| order.place_of(*series));
        let source = self.sources.len() as u32;
        for series in hits {
            found.push(span::labels(frozen.spans.get(series)), Part { source, series })?;
        }
        self.sources.push(Samples::Frozen(Arc::clone(frozen)));
        Ok(())
    }

    fn add_head(&mut self, mut head: HeadCopy, selection: &Selection, found: &mut Gathered) -> Result<(), SourceError> {
        check_count(head.series.len(), selection.series_max)?;
        let source = self.sources.len() as u32;
        let labels = std::mem::take(&mut head.labels);
        let mut hits: Vec<_> = labels.into_iter().zip((0..).map(|series| Part { source, series })).collect();
        hits.sort_by_key(|(_, part)| head.order.place_of(head.series[part.series as usize].id));
        for (labels, part) in hits {
            found.push(labels, part)?;
        }
        self.sources.push(Samples::Head(head));
        Ok(())
    }

    /// Brings the parts of a series together. Every source brought its parts sorted, mostly, and the sort makes use of it;
    /// it is stable, so that parts of the same labels keep the order of their sources.
    fn merge(&mut self, mut found: Vec<(Labels, Part)>) {
        found.sort_by(|a, b| a.0.cmp(&b.0));
        self.parts.reserve_exact(found.len());
        for (labels, part) in found {
            if self.places.last().is_none_or(|place| place.labels != labels) {
                self.places.push(Place { labels, start: self.parts.len() });
            }
            self.parts.push(part);
        }
    }

    fn parts_of(&self, place: usize) -> &[Part] {
        let end = self.places.get(place + 1).map_or(self.parts.len(), |next| next.start);
        &self.parts[self.places[place].start..end]
    }

    fn read_part(&self, part: Part, labels: &Labels, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let start_ms = self.hidden.as_ref().map_or(self.start_ms, |hidden| hidden.start_of(labels).max(self.start_ms));
        let end_ms = self.end_ms;
        match &self.sources[part.source as usize] {
            Samples::Block(stored, deleted) => {
                let read = |buffer: &mut SampleBuffer| stored.block.read(part.series, start_ms, end_ms, buffer);
                deleted.read(labels, buffer, read).map_err(|error| source_error(&error))?;
            }
            Samples::Frozen(frozen) => frozen.chunks[part.series as usize].view().read(start_ms, end_ms, buffer),
            Samples::Head(head) => head.view(part.series).read(start_ms, end_ms, buffer),
        }
        Ok(())
    }
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn labels(&self, place: usize) -> Labels {
        self.places[place].labels.clone()
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let first = buffer.mark();
        for part in self.parts_of(place) {
            let middle = buffer.mark();
            self.read_part(*part, &self.places[place].labels, buffer)?;
            buffer.overlay(first, middle);
        }
        Ok(())
    }
}

/// Everything that a selection reads, of one moment.
struct Snapshot {
    blocks: Arc<Vec<Arc<StoredBlock>>>,
    tombstones: Tombstones,
    frozen: Option<Arc<Frozen>>,
    head: HeadCopy,
}

impl Snapshot {
    fn take(tenant: &Tenant, selection: &Selection) -> Self {
        loop {
            let (blocks, tombstones, frozen, generation) = {
                let state = tenant.state.read();
                let tombstones = Arc::clone(&state.tombstones);
                (Arc::clone(&state.blocks), tombstones, state.frozen.clone(), state.head.generation)
            };
            // When the head was frozen meanwhile, its samples are where the snapshot does not look: begin again.
            if let Some(head) = HeadCopy::take(tenant, generation, selection) {
                return Self { blocks, tombstones, frozen, head };
            }
        }
    }
}

/// The encoded chunks of selected series, copied out of the head.
#[derive(Default)]
struct HeadCopy {
    series: Vec<CopiedSeries>,
    labels: Vec<Labels>,
    order: Arc<Order>,
    bytes: Vec<u8>,
    late: Vec<Sample>,
}

struct CopiedSeries {
    id: u32,
    /// Samples that came in order.
    count: u32,
    /// Where its bytes and late samples end; they start where those of the series before end.
    bytes_end: usize,
    late_end: usize,
    maps: Option<Box<LateMaps>>,
}

impl HeadCopy {
    /// The copy, unless the head of this generation is gone.
    fn take(tenant: &Tenant, generation: u64, selection: &Selection) -> Option<Self> {
        let mut copy = Self::default();
        let table = {
            let state = tenant.state.read();
            if state.head.generation != generation {
                return None;
            }
            if !state.head.overlaps(selection.start_ms, selection.end_ms) {
                return Some(copy);
            }
            Arc::clone(&state.head.table)
        };
        let hits = copy.find(&table.read(), &selection.matchers);
        for batch in hits.chunks(COPY_SERIES) {
            let state = tenant.state.read();
            if state.head.generation != generation {
                return None;
            }
            let table = table.read();
            for id in batch {
                let chunk = state.head.chunks.get(*id as usize);
                if let Some(chunk) = chunk.filter(|chunk| chunk.overlaps(selection.start_ms, selection.end_ms)) {
                    copy.add(*id, chunk.view());
                    copy.labels.push(span::labels(table.span(*id)));
                }
            }
        }
        Some(copy)
    }

    fn find(&mut self, table: &Table, matchers: &[Matcher]) -> Vec<u32> {
        self.order = Arc::clone(table.order());
        table.index().select(matchers).into_iter().collect()
    }

    fn add(&mut self, id: u32, view: View<'_>) {
        self.bytes.extend_from_slice(view.bytes);
        self.late.extend_from_slice(view.late);
        let (bytes_end, late_end) = (self.bytes.len(), self.late.len());
        let maps = view.maps.map(|maps| Box::new(maps.clone()));
        self.series.push(CopiedSeries { id, count: view.count, bytes_end, late_end, maps });
    }

    fn view(&self, place: u32) -> View<'_> {
        let place = place as usize;
        let (bytes_start, late_start) = match place.checked_sub(1) {
            Some(before) => (self.series[before].bytes_end, self.series[before].late_end),
            None => (0, 0),
        };
        let series = &self.series[place];
        View {
            bytes: &self.bytes[bytes_start..series.bytes_end],
            count: series.count,
            late: &self.late[late_start..series.late_end],
            maps: series.maps.as_deref(),
        }
    }
}
