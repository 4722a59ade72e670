//! The head of a tenant: what came since the last flush, in memory, and the generation before while it is being flushed.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, Sample};
use parking_lot::{RwLock, RwLockWriteGuard};

use crate::chunk::Chunk;
use crate::span::Spans;
use crate::table::Table;

/// A table below this size is never worth replacing.
const SMALL_TABLE: usize = 1024;

/// What readers of a generation need: they keep it as long as they read, also when its samples have gone to blocks meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) table: Arc<RwLock<Table>>,
    /// By series. The table may know newer ones.
    pub(crate) chunks: Arc<RwLock<Vec<Chunk>>>,
}

/// One generation of samples. The series table goes on from generation to generation, until most of its series are idle.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) memory: Memory,
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
    pub(crate) memory: Memory,
    /// The labels of its series.
    pub(crate) spans: Spans,
    /// As in the head.
    pub(crate) bytes: usize,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

impl Head {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_table(Arc::new(RwLock::new(Table::new(seed))))
    }

    fn with_table(table: Arc<RwLock<Table>>) -> Self {
        let mut chunks = Vec::new();
        chunks.resize_with(table.read().len(), Chunk::default);
        Self {
            memory: Memory { table, chunks: Arc::new(RwLock::new(chunks)) },
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
        self.memory.chunks.write().resize_with(series_count, Chunk::default);
        self.bytes += bytes;
    }

    /// To append samples; readers wait until it is gone.
    pub(crate) fn appender(&mut self) -> Appender<'_> {
        let Self { memory, active_count, bytes, sample_count, .. } = self;
        Appender { chunks: memory.chunks.write(), active_count, bytes, sample_count }
    }

    /// Series that it knows, idle ones too.
    pub(crate) fn series_count(&self) -> usize {
        self.memory.chunks.read().len()
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
        let table = Arc::clone(&self.memory.table);
        let spans = table.write().share_spans();
        let next_table = if self.is_mostly_idle(series_max) { Arc::new(RwLock::new(Table::new(seed))) } else { table };
        let done = std::mem::replace(self, Self::with_table(next_table));
        let Self { memory, bytes, min_ms, max_ms, .. } = done;
        Some(Frozen { memory, spans, bytes, min_ms, max_ms })
    }

    /// Whether to forget the table rather than carry its idle series on; the active ones are learned anew with their next
    /// samples. Earlier when idle series would make active ones meet the limit.
    fn is_mostly_idle(&self, series_max: usize) -> bool {
        let table = self.memory.table.read();
        let (known, active) = (table.slot_count(), self.active_count);
        let crowded = table.len() >= series_max / 10 * 9 && active < table.len() / 10 * 9;
        known > SMALL_TABLE && (active < known / 2 || crowded)
    }

    /// Whether a sample may lie in the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_ms <= end_ms && self.max_ms >= start_ms
    }
}

/// Takes the samples of one batch.
pub(crate) struct Appender<'h> {
    chunks: RwLockWriteGuard<'h, Vec<Chunk>>,
    active_count: &'h mut usize,
    bytes: &'h mut usize,
    sample_count: &'h mut u64,
}

impl Appender<'_> {
    /// Appends the samples of one series. Of those that have no entry in `starts` it is not known when they began.
    #[inline]
    pub(crate) fn append(&mut self, series: u32, samples: &[Sample], starts: &[i64]) {
        let chunk = &mut self.chunks[series as usize];
        *self.active_count += usize::from(chunk.is_empty());
        let (with_start, without) = samples.split_at(starts.len().min(samples.len()));
        for (sample, start_ms) in with_start.iter().zip(starts) {
            *self.bytes += chunk.append_with_start(*sample, *start_ms);
        }
        for sample in without {
            *self.bytes += chunk.append(*sample);
        }
        *self.sample_count += samples.len() as u64;
    }

    /// Appends native histograms of one series, as [`Self::append`] does floats.
    pub(crate) fn append_histograms(&mut self, series: u32, samples: &[(i64, FloatHistogram)], starts: &[i64]) {
        let chunk = &mut self.chunks[series as usize];
        *self.active_count += usize::from(chunk.is_empty());
        for (place, (timestamp_ms, histogram)) in samples.iter().enumerate() {
            *self.bytes += chunk.append_histogram(*timestamp_ms, histogram, starts.get(place).copied().unwrap_or(0));
        }
        *self.sample_count += samples.len() as u64;
    }
}

impl Frozen {
    /// Whether a sample may lie in the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_ms <= end_ms && self.max_ms >= start_ms
    }
}
