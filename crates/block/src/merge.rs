//! Several blocks into one.

use std::path::Path;
use std::sync::Arc;

use bongsu_model::{Labels, LabelsBuffer, Mark, SampleBuffer};

use crate::buckets::Coarse;
use crate::error::Error;
use crate::footer::BlockMeta;
use crate::labels::LabelWalk;
use crate::reader::Block;
use crate::writer::{BlockWriter, SealedBlock, WriteOptions};

/// Writes what `blocks` hold into one new block at `path`, series by series: in memory are the samples of one series and
/// the index of the new block. Of two samples of a series at the same time that of the later block in the list stays,
/// whatever kinds they are of.
/// Samples before [`WriteOptions::start_ms_min`] are left out, and so are series without others.
///
/// Asks `is_cancelled` before every series.
///
/// # Errors
/// As [`Block::read`] and [`BlockWriter`], and [`Error::Cancelled`]. No file is left behind.
pub fn merge(
    blocks: &[Arc<Block>],
    path: &Path,
    options: WriteOptions,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<BlockMeta, Error> {
    merge_without(blocks, path, options, &|_, _| Vec::new(), is_cancelled)?.publish()
}

/// Which ranges of time, both ends inclusive, are gone of a series in the block at a place of the list.
pub type Removed<'a> = dyn Fn(usize, &Labels) -> Vec<(i64, i64)> + 'a;

/// The same, with samples left out, and without a name yet: `removed` is asked for each series of each block.
///
/// # Errors
/// As [`merge`].
pub fn merge_without(
    blocks: &[Arc<Block>],
    path: &Path,
    options: WriteOptions,
    removed: &Removed<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<SealedBlock, Error> {
    let (start_ms, interval_ms) = (options.start_ms_min, options.interval_ms);
    let mut writer = BlockWriter::create(path, options)?;
    let mut samples = Gathered::default();
    each_series(blocks, path, is_cancelled, &mut |labels, found| {
        samples.read(labels, found, (start_ms, interval_ms), removed)?;
        writer.push(labels, &samples.samples)
    })?;
    writer.seal()
}

/// Writes the buckets of what `blocks` hold, at the resolution of [`WriteOptions::resolution_secs`]: of samples as
/// [`merge_without`] would write them, and of buckets of a finer resolution, of which the coarser one is a multiple. Of
/// buckets, all are left out that have samples in a range that is gone.
///
/// # Errors
/// As [`merge`].
pub fn downsample(
    blocks: &[Arc<Block>],
    path: &Path,
    options: WriteOptions,
    removed: &Removed<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<SealedBlock, Error> {
    let (start_ms, interval_ms) = (options.start_ms_min, options.interval_ms);
    let resolution_ms = i64::from(options.resolution_secs.max(1)) * 1000;
    let mut writer = BlockWriter::create(path, options)?;
    let (mut samples, mut finer) = (Gathered::default(), Coarse::default());
    each_series(blocks, path, is_cancelled, &mut |labels, found| {
        if found.iter().all(|one| one.block.meta().resolution_ms == 0) {
            samples.read(labels, found, (start_ms, interval_ms), removed)?;
            return writer.push_coarse(labels, &Coarse::of(&samples.samples, resolution_ms));
        }
        finer.clear();
        for one in found {
            let mut of_block = Coarse::default();
            one.block.read_coarse(one.series, start_ms, i64::MAX, &mut of_block)?;
            of_block.remove(&mut removed(one.place, labels));
            finer.buckets.append(&mut of_block.buckets);
            let (first, middle) = (Mark::default(), finer.histograms.mark());
            finer.histograms.extend_between(&of_block.histograms, i64::MIN, i64::MAX);
            finer.histograms.overlay(first, middle);
        }
        finer.buckets.sort_by_key(|bucket| bucket.first_ms);
        writer.push_coarse(labels, &finer.coarser(resolution_ms))
    })?;
    writer.seal()
}

/// A series in one of the blocks.
struct Found<'a> {
    /// Place of the block in the list.
    place: usize,
    block: &'a Block,
    series: u32,
}

/// What becomes of a series that is found in blocks.
type TakeSeries<'t> = dyn FnMut(&Labels, &[Found<'_>]) -> Result<(), Error> + 't;

/// Calls `take` for all series of the blocks in the order of their labels.
fn each_series(
    blocks: &[Arc<Block>],
    path: &Path,
    is_cancelled: &dyn Fn() -> bool,
    take: &mut TakeSeries<'_>,
) -> Result<(), Error> {
    let mut inputs = blocks.iter().map(|block| Input::new(block)).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    while let Some(labels) = inputs.iter().filter_map(|input| input.labels.as_ref()).min().cloned() {
        if is_cancelled() {
            return Err(Error::Cancelled { path: path.to_owned() });
        }
        found.clear();
        for (place, input) in inputs.iter_mut().enumerate() {
            if input.labels.as_ref() == Some(&labels) {
                found.push(Found { place, block: input.block, series: input.series });
                input.advance()?;
            }
        }
        take(&labels, &found)?;
    }
    Ok(())
}

/// The samples of a series, of all blocks.
#[derive(Default)]
struct Gathered {
    samples: SampleBuffer,
    whole: SampleBuffer,
}

impl Gathered {
    fn read(
        &mut self,
        labels: &Labels,
        found: &[Found<'_>],
        (start_ms, interval_ms): (i64, i64),
        removed: &Removed<'_>,
    ) -> Result<(), Error> {
        let Self { samples, whole } = self;
        samples.clear();
        let first = samples.mark();
        for one in found {
            let middle = samples.mark();
            let mut gone = removed(one.place, labels);
            if gone.is_empty() {
                one.block.read(one.series, start_ms, i64::MAX, samples)?;
            } else {
                whole.clear();
                one.block.read(one.series, start_ms, i64::MAX, whole)?;
                samples.extend_without(whole, &mut gone);
            }
            samples.overlay(first, middle);
        }
        samples.keep_last_of_intervals(first, interval_ms);
        Ok(())
    }
}

/// A block and the series that is next.
struct Input<'a> {
    block: &'a Block,
    walk: LabelWalk<'a>,
    buffer: LabelsBuffer,
    series: u32,
    /// `None` at the end.
    labels: Option<Labels>,
}

impl<'a> Input<'a> {
    fn new(block: &'a Block) -> Result<Self, Error> {
        let (walk, buffer) = (block.label_walk()?, LabelsBuffer::default());
        let mut input = Self { block, walk, buffer, series: 0, labels: None };
        input.load()?;
        Ok(input)
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.series += 1;
        self.load()
    }

    fn load(&mut self) -> Result<(), Error> {
        self.labels = None;
        if self.series < self.block.meta().series_count {
            self.walk.read(self.series, &mut self.buffer)?;
            self.labels = Some(self.buffer.to_labels());
        }
        Ok(())
    }
}
