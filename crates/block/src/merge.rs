//! Several blocks into one.

use std::path::Path;
use std::sync::Arc;

use bongsu_model::{Labels, LabelsBuffer, SampleBuffer};

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
    let mut inputs = blocks.iter().map(|block| Input::new(block)).collect::<Result<Vec<_>, _>>()?;
    let (mut samples, mut whole) = (SampleBuffer::default(), SampleBuffer::default());
    while let Some(labels) = inputs.iter().filter_map(|input| input.labels.as_ref()).min().cloned() {
        if is_cancelled() {
            return Err(Error::Cancelled { path: path.to_owned() });
        }
        samples.clear();
        let first = samples.mark();
        let of_series = |(_, input): &(usize, &mut Input)| input.labels.as_ref() == Some(&labels);
        for (place, input) in inputs.iter_mut().enumerate().filter(of_series) {
            let middle = samples.mark();
            let mut gone = removed(place, &labels);
            if gone.is_empty() {
                input.block.read(input.series, start_ms, i64::MAX, &mut samples)?;
            } else {
                whole.clear();
                input.block.read(input.series, start_ms, i64::MAX, &mut whole)?;
                samples.extend_without(&whole, &mut gone);
            }
            samples.overlay(first, middle);
            input.advance()?;
        }
        samples.keep_last_of_intervals(first, interval_ms);
        writer.push(&labels, &samples)?;
    }
    writer.seal()
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
