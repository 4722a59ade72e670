//! The series of all sources as one list, by labels.
//!
//! Every source brings runs: numbers of series in the order of their labels. They are merged as their labels are read, so
//! that of labels only those of one series of each run are in memory, and those of the first places, which are kept.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use bongsu_model::{Labels, LabelsBuffer, SourceError, SourceErrorKind};

use super::{Names, Part, Samples, check_count};

/// The labels of so many first series are kept from the merge; those of others are read anew when they are asked for.
const KEPT_LABELS: usize = 16_384;
/// Series of all sources together, each as often as it is in one: 8 bytes each.
const PARTS_MAX: usize = 1 << 27;

/// Series of one source, in the order of their labels.
pub(super) struct Run {
    pub(super) source: u32,
    pub(super) series: Vec<u32>,
}

/// The series of an answer, in the order of their labels.
#[derive(Default)]
pub(super) struct Places {
    /// Where the parts of each begin; they end where those of the next one do.
    starts: Vec<u32>,
    /// In the order of their sources.
    parts: Vec<Part>,
    /// Of the first ones.
    pub(super) labels: Vec<Labels>,
}

impl Places {
    pub(super) fn merge(runs: &[Run], sources: &[Samples], series_max: usize) -> Result<Self, SourceError> {
        let part_count = runs.iter().map(|run| run.series.len()).sum();
        check_parts(part_count)?;
        let mut places = Self { parts: Vec::with_capacity(part_count), ..Self::default() };
        if let [run] = runs {
            check_count(run.series.len(), series_max)?;
            places.starts = (0..run.series.len() as u32).collect();
            places.parts = run.series.iter().map(|series| Part { source: run.source, series: *series }).collect();
        } else {
            places.merge_all(runs, sources, series_max)?;
        }
        Ok(places)
    }

    fn merge_all(&mut self, runs: &[Run], sources: &[Samples], series_max: usize) -> Result<(), SourceError> {
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter().enumerate() {
            heads.extend(Head::new(number, run, &sources[run.source as usize])?.map(Reverse));
        }
        let mut last = LabelsBuffer::default();
        while let Some(mut top) = heads.peek_mut() {
            let head = &mut top.0;
            if self.starts.is_empty() || head.labels != last {
                check_count(self.starts.len() + 1, series_max)?;
                self.starts.push(self.parts.len() as u32);
                last.clone_from(&head.labels);
                if self.labels.len() < KEPT_LABELS {
                    self.labels.push(head.labels.to_labels());
                }
            }
            self.parts.push(Part { source: head.run.source, series: head.series });
            if !head.advance()? {
                PeekMut::pop(top);
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The parts of a series, older ones first.
    pub(super) fn parts(&self, place: usize) -> &[Part] {
        let end = self.starts.get(place + 1).map_or(self.parts.len(), |next| *next as usize);
        &self.parts[self.starts[place] as usize..end]
    }
}

/// The first series of a run that is not merged yet.
struct Head<'s> {
    labels: LabelsBuffer,
    series: u32,
    /// Decides between equal labels: those of older sources come first.
    number: usize,
    run: &'s Run,
    next: usize,
    names: Names<'s>,
}

impl<'s> Head<'s> {
    /// Boxed, as a heap moves them about. `None` for an empty run.
    fn new(number: usize, run: &'s Run, source: &'s Samples) -> Result<Option<Box<Self>>, SourceError> {
        let names = source.names()?;
        let mut head = Box::new(Self { labels: LabelsBuffer::default(), series: 0, number, run, next: 0, names });
        Ok(head.advance()?.then_some(head))
    }

    /// Goes on to the next series, unless there is none.
    fn advance(&mut self) -> Result<bool, SourceError> {
        let Some(series) = self.run.series.get(self.next) else { return Ok(false) };
        self.series = *series;
        self.next += 1;
        self.names.read(self.series, &mut self.labels)?;
        Ok(true)
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.labels.cmp(&other.labels).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

fn check_parts(count: usize) -> Result<(), SourceError> {
    if count <= PARTS_MAX {
        return Ok(());
    }
    let message = format!(
        "the selected series are found {count} times in all blocks together, at most {PARTS_MAX} are read at once: \
         select fewer series or a shorter time"
    );
    Err(SourceError { kind: SourceErrorKind::Limit, message })
}
