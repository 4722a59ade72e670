//! The head of a tenant: what came since the last flush, in memory, and the generation before while it is being flushed.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Sample};
use parking_lot::RwLock;

use crate::chunk::Chunk;
use crate::span::Spans;
use crate::table::Table;

/// A table below this size is never worth replacing.
const SMALL_TABLE: usize = 1024;

/// One generation of samples. The series table goes on from generation to generation, until most of its series are idle.
#[derive(Debug)]
pub(crate) struct Head {
    /// Grows by one at every freeze: tells a reader that copies in steps that the ground has moved.
    pub(crate) generation: u64,
    pub(crate) table: Arc<RwLock<Table>>,
    /// By series.
    pub(crate) chunks: Vec<Chunk>,
    /// Chunks that are not empty.
    pub(crate) active_count: usize,
    /// Memory that this generation's samples and new series took.
    pub(crate) bytes: usize,
    pub(crate) sample_count: u64,
    /// First and last time; reversed when there is none.
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// When the first sample was received.
    pub(crate) since_ms: Option<i64>,
}

/// A generation that takes no more samples. It answers queries until its blocks do.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Its index and order; may know newer series too.
    pub(crate) table: Arc<RwLock<Table>>,
    /// The labels of its series.
    pub(crate) spans: Spans,
    pub(crate) chunks: Vec<Chunk>,
    /// As in the head.
    pub(crate) bytes: usize,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

impl Head {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_table(0, Arc::new(RwLock::new(Table::new(seed))))
    }

    fn with_table(generation: u64, table: Arc<RwLock<Table>>) -> Self {
        let mut chunks = Vec::new();
        chunks.resize_with(table.read().len(), Chunk::default);
        Self {
            generation,
            table,
            chunks,
            active_count: 0,
            bytes: 0,
            sample_count: 0,
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            since_ms: None,
        }
    }

    /// Makes room for the series that the table got.
    pub(crate) fn grow(&mut self, series_count: usize, bytes: usize) {
        self.chunks.resize_with(series_count, Chunk::default);
        self.bytes += bytes;
    }

    /// Appends the samples of one series. Of those that have no entry in `starts` it is not known when they began.
    #[inline]
    pub(crate) fn append(&mut self, series: u32, samples: &[Sample], starts: &[i64]) {
        let chunk = &mut self.chunks[series as usize];
        self.active_count += usize::from(chunk.is_empty());
        let (with_start, without) = samples.split_at(starts.len().min(samples.len()));
        for (sample, start_ms) in with_start.iter().zip(starts) {
            self.bytes += chunk.append_with_start(*sample, *start_ms);
        }
        for sample in without {
            self.bytes += chunk.append(*sample);
        }
        self.sample_count += samples.len() as u64;
    }

    /// Appends native histograms of one series, as [`Self::append`] does floats.
    pub(crate) fn append_histograms(&mut self, series: u32, samples: &[(i64, FloatHistogram)], starts: &[i64]) {
        let chunk = &mut self.chunks[series as usize];
        self.active_count += usize::from(chunk.is_empty());
        for (place, (timestamp_ms, histogram)) in samples.iter().enumerate() {
            self.bytes += chunk.append_histogram(*timestamp_ms, histogram, starts.get(place).copied().unwrap_or(0));
        }
        self.sample_count += samples.len() as u64;
    }

    /// Widens the range of times.
    pub(crate) fn cover(&mut self, min_ms: i64, max_ms: i64, received_ms: i64) {
        self.min_ms = self.min_ms.min(min_ms);
        self.max_ms = self.max_ms.max(max_ms);
        self.since_ms.get_or_insert(received_ms);
    }

    /// Begins the next generation and returns this one, if it has samples.
    pub(crate) fn freeze(&mut self, seed: u64, series_max: usize) -> Option<Frozen> {
        if self.active_count == 0 {
            // Series whose first samples were not taken in the end: known now, and no reason to flush again.
            self.bytes = 0;
            return None;
        }
        let table = Arc::clone(&self.table);
        let spans = table.write().share_spans();
        let next_table =
            if self.is_mostly_idle(series_max) { Arc::new(RwLock::new(Table::new(seed))) } else { Arc::clone(&table) };
        let next = Self::with_table(self.generation + 1, next_table);
        let done = std::mem::replace(self, next);
        Some(Frozen { table, spans, chunks: done.chunks, bytes: done.bytes, min_ms: done.min_ms, max_ms: done.max_ms })
    }

    /// Whether to forget the table rather than carry its idle series on; the active ones are learned anew with their next
    /// samples. Earlier when idle series would make active ones meet the limit.
    fn is_mostly_idle(&self, series_max: usize) -> bool {
        let table = self.table.read();
        let (known, active) = (table.slot_count(), self.active_count);
        let crowded = table.len() >= series_max / 10 * 9 && active < table.len() / 10 * 9;
        known > SMALL_TABLE && (active < known / 2 || crowded)
    }

    /// Whether a sample may lie in the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_ms <= end_ms && self.max_ms >= start_ms
    }
}

impl Frozen {
    /// Whether a sample may lie in the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_ms <= end_ms && self.max_ms >= start_ms
    }
}
