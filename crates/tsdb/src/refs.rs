//! Refs: short names of series in the log, so that labels stand there once and not with every sample.
//!
//! ```text
//! request with new series   ─► as it came; its series get the refs 0, 1, 2, …
//! the same series again     ─► refs, times and values: a third of the bytes, and a restart needs no labels to read them
//! ```
//!
//! Refs belong to a generation. Another one begins where the log was cut, after what was appended is lost, and now and then
//! by itself, so that one damaged record takes few with it.

pub(crate) mod samples;

use std::collections::BTreeMap;

use bongsu_log::{Era, Position};

use crate::batch::Batch;
use crate::table::NO_SLOT;

/// No ref.
const NO_REF: u32 = u32::MAX;
/// A generation gives no more refs than that.
pub(crate) const REFS_MAX: u32 = 1 << 26;
/// A generation ends when the log has grown by so much since it began.
const GENERATION_BYTES_MAX: u64 = 256 << 20;

/// The refs that a request gives to its series, in their order: `first` and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefRange {
    pub(crate) generation: u64,
    pub(crate) first: u32,
}

impl RefRange {
    /// Reads what stands in a record; also returns the rest.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (generation, rest) = bytes.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        Some((Self { generation: u64::from_le_bytes(*generation), first: u32::from_le_bytes(*first) }, rest))
    }
}

/// The refs of a tenant's series, for the one who writes the log.
#[derive(Debug, Default)]
pub(crate) struct Refs {
    /// Where the log ended when the generation began. No two generations of a tenant have the same.
    generation: u64,
    era: Option<Era>,
    /// By series.
    by_series: Vec<u32>,
    /// How many refs there are.
    given: u32,
}

impl Refs {
    /// Forgets all refs: what has been logged so far will not be there for those who read what comes now.
    pub(crate) fn forget(&mut self) {
        self.era = None;
    }

    /// Begins another generation if it is time, for a record with so many series.
    pub(crate) fn go_on(&mut self, era: Era, log_end: Position, series_count: usize) {
        let is_over = self.era != Some(era)
            || log_end.0 - self.generation > GENERATION_BYTES_MAX
            || REFS_MAX.saturating_sub(self.given) < series_count as u32;
        if is_over {
            self.era = Some(era);
            self.generation = log_end.0;
            self.by_series.clear();
            self.given = 0;
        }
    }

    /// The refs that the next request gives.
    pub(crate) fn next(&self) -> RefRange {
        RefRange { generation: self.generation, first: self.given }
    }

    /// Gives the series of a batch that was logged as it came the next refs.
    pub(crate) fn give(&mut self, batch: &Batch) {
        for taken in batch.taken() {
            let series = taken.series.id as usize;
            if self.by_series.len() <= series {
                self.by_series.resize(series + 1, NO_REF);
            }
            self.by_series[series] = self.given;
            self.given += 1;
        }
    }

    fn get(&self, series: u32) -> Option<u32> {
        self.by_series.get(series as usize).copied().filter(|number| *number != NO_REF)
    }
}

/// The refs of a tenant's series, for the one who reads the log.
#[derive(Debug, Default)]
pub(crate) struct KnownRefs {
    generation: u64,
    /// Series by ref.
    series: Vec<u32>,
}

impl KnownRefs {
    /// Takes the refs that a request gives. The text says why that cannot be.
    pub(crate) fn take(&mut self, range: RefRange, batch: &Batch) -> Result<(), String> {
        let RefRange { generation, first } = range;
        if first > REFS_MAX {
            return Err(format!("ref {first} is beyond {REFS_MAX}"));
        }
        if self.generation != generation {
            self.generation = generation;
            self.series.clear();
        }
        // What a lost record gave stays open.
        self.series.resize(first as usize, NO_SLOT);
        self.series.extend(batch.taken().map(|taken| taken.series.id));
        Ok(())
    }

    /// The series of a ref, unless the record that gave it is lost.
    fn get(&self, generation: u64, number: u32) -> Option<u32> {
        let series = self.series.get(number as usize).copied().filter(|_| generation == self.generation);
        series.filter(|series| *series != NO_SLOT)
    }
}

/// Samples whose refs nobody knows, by generation.
#[derive(Debug, Default)]
pub(crate) struct LostRefs(BTreeMap<u64, Lost>);

#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    records: u64,
    samples: usize,
}

impl LostRefs {
    /// So many samples of one record.
    pub(crate) fn add(&mut self, generation: u64, samples: usize) {
        let lost = self.0.entry(generation).or_default();
        lost.records += 1;
        lost.samples += samples;
    }

    /// In how many records something is missing, and how to say that. What began before the log does is not missed: a flush has
    /// written all that to blocks, and a crash kept the last of it from being cut away.
    pub(crate) fn missed(&self, log_start: Position) -> Option<(u64, String)> {
        let missed = self.0.range(log_start.0..).map(|(_, lost)| *lost);
        let all = missed.reduce(|a, b| Lost { records: a.records + b.records, samples: a.samples + b.samples })?;
        let Lost { records, samples } = all;
        let text = format!(
            "{samples} samples in {records} records are left out: the records with the labels of their series are lost"
        );
        Some((records, text))
    }
}
