//! The blocks of a tenant as files: their names, and what is found when the store is opened.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use bongsu_block::Block;
use bongsu_model::{format_duration_ms, parse_duration_ms};

use crate::error::Error;
use crate::files::Files;
use crate::partition::{Partition, Span};
use crate::tier::{self, Kept};

const SUFFIX: &str = ".block";

/// What a block covers. The name of its file says it, so that no list of blocks has to be kept beside the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockName {
    pub(crate) partition: Partition,
    /// Flushes are numbered; a block holds what these flushes wrote to its partition, first and last inclusive.
    pub(crate) first_flush: u64,
    pub(crate) last_flush: u64,
    /// Of a block of buckets, how long the stretches of time are; 0 of one of samples.
    pub(crate) resolution_secs: u32,
}

impl BlockName {
    /// Whether all that the other block may hold is in this one, going by the names.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.resolution_secs == other.resolution_secs
            && self.partition.contains(other.partition)
            && self.first_flush <= other.first_flush
            && other.last_flush <= self.last_flush
    }

    pub(crate) fn replaces(&self, other: &Self) -> bool {
        self != other && self.covers(other)
    }

    pub(crate) fn parse(file_name: &str) -> Option<Self> {
        let mut parts = file_name.strip_suffix(SUFFIX)?.split('_');
        let span = Span::parse(parts.next()?)?;
        let partition = Partition { span, index: parts.next()?.parse().ok()? };
        let (first_flush, last_flush) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let resolution_secs = match parts.next() {
            Some(word) => u32::try_from(parse_duration_ms(word).ok()? / 1000).ok().filter(|secs| *secs > 0)?,
            None => 0,
        };
        let name = Self { partition, first_flush, last_flush, resolution_secs };
        (parts.next().is_none() && name.first_flush <= name.last_flush).then_some(name)
    }
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.partition, self.first_flush, self.last_flush)?;
        if self.resolution_secs > 0 {
            write!(f, "_{}", format_duration_ms(i64::from(self.resolution_secs) * 1000))?;
        }
        f.write_str(SUFFIX)
    }
}

/// An open block that is part of the store.
#[derive(Debug)]
pub(crate) struct StoredBlock {
    pub(crate) name: BlockName,
    pub(crate) path: PathBuf,
    pub(crate) block: Arc<Block>,
    /// No merge of this block before this time, after one has failed.
    pub(crate) merge_not_before_ms: AtomicI64,
    /// Of the times that series are kept, how many are over for this block and were found to be those of no series of it.
    pub(crate) keeps_looked_for: AtomicUsize,
    /// The bucket has it as it is.
    pub(crate) in_bucket: AtomicBool,
    /// Set for a block that is only in the bucket: what is kept of it.
    pub(crate) far: Option<Arc<Kept>>,
}

impl StoredBlock {
    pub(crate) fn open(dir: &Path, name: BlockName) -> Result<Arc<Self>, bongsu_block::Error> {
        let path = dir.join(name.to_string());
        let block = Block::open(&path)?;
        let is_in_bucket = tier::is_in_bucket(&path, &block);
        Ok(Self::new(name, path, block, is_in_bucket, None))
    }

    pub(crate) fn new(
        name: BlockName,
        path: PathBuf,
        block: Arc<Block>,
        is_in_bucket: bool,
        far: Option<Arc<Kept>>,
    ) -> Arc<Self> {
        let (merge_not_before_ms, keeps_looked_for) = (AtomicI64::new(i64::MIN), AtomicUsize::new(0));
        let in_bucket = AtomicBool::new(is_in_bucket);
        Arc::new(Self { name, path, block, merge_not_before_ms, keeps_looked_for, in_bucket, far })
    }

    pub(crate) fn is_in_bucket(&self) -> bool {
        self.in_bucket.load(Ordering::Relaxed)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.block.meta().size_bytes
    }

    pub(crate) fn max_time_ms(&self) -> i64 {
        self.block.meta().max_time_ms
    }

    /// Whether a sample may lie in the range.
    pub(crate) fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        let meta = self.block.meta();
        let overlaps = meta.min_time_ms <= end_ms && meta.max_time_ms >= start_ms;
        if let (true, Some(kept)) = (overlaps, &self.far) {
            kept.touch();
        }
        overlaps
    }

    /// Deletes the file, and sees to it that the bucket's copy goes; those who read it go on.
    pub(crate) fn delete(&self, files: &Files) -> Result<(), Error> {
        tier::stub::leave(files, &self.path, || files.remove(&self.path))
    }
}

/// Sorts blocks so that of two samples with the same time the one of the later block was written later.
pub(crate) fn sort_by_age(blocks: &mut [Arc<StoredBlock>]) {
    blocks.sort_by_key(|block| (block.name.last_flush, block.name.partition));
}

/// What a tenant's directory holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In order of writing.
    pub(crate) blocks: Vec<Arc<StoredBlock>>,
    /// Damaged blocks: no merge may cover them, or the next start would delete them.
    pub(crate) unopened: Vec<BlockName>,
    /// The highest number of a flush, of damaged blocks too.
    pub(crate) last_flush: Option<u64>,
}

/// Opens all blocks of a tenant's directory. What a crash left over is deleted; what is damaged stays where it is and is
/// told in `damaged`. A block that the system does not let open, or that is of a later version, may be sound: that is an error,
/// not a gap in the data.
pub(crate) fn open_all(files: &Files, dir: &Path, damaged: &mut Vec<String>) -> Result<Found, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
        entries => entries.map_err(Error::io("list", dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", dir))?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if file_name.ends_with(".tmp") {
            files.remove(&entry.path())?;
        }
        names.extend(BlockName::parse(file_name));
    }
    // The system lists them in any order; what is done with them should not hang on it.
    names.sort_by_key(|name| (name.last_flush, name.partition, name.first_flush, name.resolution_secs));
    let (mut blocks, mut unopened) = (Vec::new(), Vec::new());
    for name in &names {
        match StoredBlock::open(dir, *name) {
            Ok(block) => blocks.push(block),
            Err(error @ bongsu_block::Error::Corrupt { .. }) => {
                unopened.push(*name);
                damaged.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Only a block that can be opened takes the place of others.
    let (mut kept, replaced): (Vec<_>, Vec<_>) =
        blocks.iter().cloned().partition(|block| !blocks.iter().any(|other| other.name.replaces(&block.name)));
    replaced.iter().try_for_each(|block| block.delete(files))?;
    sort_by_age(&mut kept);
    unopened.retain(|name| !kept.iter().any(|block| block.name.replaces(name)));
    Ok(Found { blocks: kept, unopened, last_flush: names.iter().map(|name| name.last_flush).max() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> BlockName {
        BlockName::parse(text).unwrap()
    }

    #[test]
    fn names_say_what_a_block_covers() {
        for text in ["2h_247893_17_20.block", "1d_-5_0_0.block", "1d_20656_3_16_5m.block", "1d_20656_3_16_1h.block"] {
            assert_eq!(name(text).to_string(), text);
        }
        for bad in [
            "2h_1_2.block",
            "2h_1_3_2.block",
            "3h_1_2_2.block",
            "2h_1_2_2",
            "2h_1_2_2_2.block",
            "2h_x_2_2.block",
            "1d_1_2_2_0s.block",
            "1d_1_2_2_5m_.block",
        ] {
            assert!(BlockName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_merged_block_replaces_what_it_was_made_of() {
        let day = name("1d_1_5_9.block");
        assert!(day.replaces(&name("2h_12_5_5.block")) && day.replaces(&name("1d_1_9_9.block")));
        assert!(!day.replaces(&name("2h_12_10_10.block")), "flushed later");
        assert!(!day.replaces(&name("2h_24_5_5.block")), "another day");
        assert!(!day.replaces(&day));
        assert!(!name("1d_1_5_9_5m.block").replaces(&day) && !day.replaces(&name("1d_1_5_9_5m.block")));
        assert!(name("1d_1_5_9_5m.block").replaces(&name("1d_1_5_7_5m.block")), "made anew of more");
        assert!(!name("2h_12_5_5.block").replaces(&day));
    }
}
