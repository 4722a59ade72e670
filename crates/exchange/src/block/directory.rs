//! A directory of blocks: a data directory of Prometheus, a tenant's of Mimir, a bucket of Thanos copied to disk, or one
//! block alone.

use std::path::{Path, PathBuf};

use super::meta::Meta;
use super::reader::Block;
use crate::error::Error;
use crate::receiver::{Point, Receiver, Window};

/// Blocks lie directly in the directory, or in those of tenants below it.
const DEPTH_MAX: usize = 2;
/// Blocks of one import.
const BLOCKS_MAX: usize = 100_000;

/// The blocks of a directory, oldest first.
#[derive(Debug, Default)]
pub struct BlockDirectory {
    /// Blocks to read.
    pub blocks: Vec<Found>,
    /// Those that are not, and why.
    pub skipped: Vec<Skipped>,
    /// Whether there is a write-ahead log, which has samples that are in no block yet.
    pub has_log: bool,
}

/// A block that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its directory.
    pub dir: PathBuf,
    /// The directory's name, which is unique.
    pub name: String,
    /// First time, inclusive, milliseconds.
    pub min_ms: i64,
    /// Last time, exclusive, milliseconds.
    pub max_ms: i64,
    /// Series, as its description says.
    pub series: u64,
    /// Samples, as its description says.
    pub samples: u64,
}

/// A block that is not read.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Its directory.
    pub dir: PathBuf,
    /// Why.
    pub reason: String,
}

impl BlockDirectory {
    /// Looks for blocks.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        found.look(dir, 0)?;
        // In the order of time each series' samples ascend from block to block.
        found.blocks.sort_by(|a, b| (a.min_ms, a.max_ms, &a.name).cmp(&(b.min_ms, b.max_ms, &b.name)));
        Ok(found)
    }

    fn look(&mut self, dir: &Path, depth: usize) -> Result<(), Error> {
        if dir.join("meta.json").is_file() {
            return self.add(dir);
        }
        if depth > DEPTH_MAX {
            return Ok(());
        }
        self.has_log |= has_files(&dir.join("wal"));
        for entry in std::fs::read_dir(dir).map_err(Error::io("read", dir))? {
            let path = entry.map_err(Error::io("read", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            // Blocks that are being written or deleted end with such words; the log and what is mapped are no blocks.
            let is_other = name.contains(".tmp") || matches!(name, "wal" | "wbl" | "chunks_head" | "snapshots");
            if path.is_dir() && !is_other && self.blocks.len() < BLOCKS_MAX {
                self.look(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, dir: &Path) -> Result<(), Error> {
        let meta = Meta::read(&dir.join("meta.json"))?;
        let dir = dir.to_owned();
        if meta.thanos.downsample.resolution > 0 {
            let reason =
                format!("downsampled to {} s: its raw block has the samples", meta.thanos.downsample.resolution / 1000);
            self.skipped.push(Skipped { dir, reason });
            return Ok(());
        }
        let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (min_ms, max_ms) = (meta.min_time, meta.max_time);
        self.blocks.push(Found {
            dir,
            name,
            min_ms,
            max_ms,
            series: meta.stats.num_series,
            samples: meta.stats.num_samples,
        });
        Ok(())
    }

    /// Hands on the wanted samples of all blocks, oldest block first, from a point on.
    ///
    /// # Errors
    /// A file is damaged or cannot be read, the point names a block that is not there, or the receiver takes no more.
    pub fn read(&self, from: Option<&Point>, window: &Window, receiver: &mut dyn Receiver) -> Result<(), Error> {
        let (start, mut first) = match from {
            None => (0, 0),
            Some(point) => {
                let place = self.blocks.iter().position(|block| block.name == point.part);
                let unknown = || Error::Target(format!("there is no block {:?} to go on from", point.part));
                (place.ok_or_else(unknown)?, point.done)
            }
        };
        for found in &self.blocks[start..] {
            if found.min_ms <= window.end_ms && found.max_ms > window.start_ms {
                Block::open(&found.dir)?.read(first, window, receiver)?;
            }
            first = 0;
        }
        Ok(())
    }
}

fn has_files(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}
