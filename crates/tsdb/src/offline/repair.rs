//! Setting aside what is damaged, and rebuilding what can be read of it.

use std::any::Any;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_block::{Block, Effort, WriteOptions};
use bongsu_disk::{Disk, OsDisk};

use super::check::{Check, CheckKind};
use crate::error::Error;
use crate::files::Files;

/// The directory that damaged files are moved to.
const ASIDE: &str = "damaged";

/// A data directory that nobody else uses while this value is there.
pub struct Repair {
    dir: PathBuf,
    files: Files,
    _lock: Box<dyn Any + Send + Sync>,
}

/// What became of a damaged file.
#[derive(Debug)]
pub struct Fixed {
    /// Where the damaged file is now; `None` when it was left where it was.
    pub aside: Option<PathBuf>,
    /// Series and samples of the block that took its place; `None` when none did.
    pub rebuilt: Option<(u64, u64)>,
    /// What was lost, in words.
    pub lost: String,
}

impl Repair {
    /// Takes the directory.
    ///
    /// # Errors
    /// When a server, or another repair, has it.
    pub fn begin(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("log").join("lock");
        let files = Files(Arc::new(OsDisk));
        files.create_dir_all(&dir.join("log"))?;
        let in_use =
            || io::Error::new(io::ErrorKind::ResourceBusy, "the data directory is in use; stop the server first");
        let lock = OsDisk.lock(&path).and_then(|lock| lock.ok_or_else(in_use)).map_err(Error::io("lock", &path))?;
        Ok(Self { dir: dir.to_owned(), files, _lock: lock })
    }

    /// Moves a damaged file to `damaged/` and puts what can be read of a block in its place. A segment of the log is left
    /// alone: a start takes what is intact and drops the rest.
    ///
    /// # Errors
    /// When files cannot be moved or written; the damaged file is then where it was, or aside.
    pub fn fix(&self, file: &Check, each: &mut dyn FnMut(u32)) -> Result<Fixed, Error> {
        let lost = match file.kind {
            CheckKind::Block => return self.fix_block(file, each),
            CheckKind::Log => {
                let lost = "what is not intact; the next start drops it and keeps the rest".to_owned();
                return Ok(Fixed { aside: None, rebuilt: None, lost });
            }
            CheckKind::Metadata => "types, helps and units, until they are sent again",
            CheckKind::Exemplars => "exemplars",
            CheckKind::Tombstones => "deletions that were not carried out yet: what they deleted is back",
        };
        let aside = self.set_aside(&file.path)?;
        Ok(Fixed { aside: Some(aside), rebuilt: None, lost: lost.to_owned() })
    }

    fn fix_block(&self, file: &Check, each: &mut dyn FnMut(u32)) -> Result<Fixed, Error> {
        let opened = Block::open(&file.path);
        if let Err(error @ (bongsu_block::Error::Version { .. } | bongsu_block::Error::Io { .. })) = opened {
            // Nothing is known to be wrong with it.
            return Err(error.into());
        }
        let aside = self.set_aside(&file.path)?;
        let fixed = |rebuilt, lost| Ok(Fixed { aside: Some(aside.clone()), rebuilt, lost });
        let block = match opened {
            Ok(block) => block,
            Err(error) => return fixed(None, format!("all of it: {error}")),
        };
        let options = WriteOptions { effort: Effort::Small, level: block.meta().level, ..WriteOptions::default() };
        match bongsu_block::salvage(&block, &file.path, options, each) {
            Ok(salvaged) => {
                if salvaged.meta.series_count == 0 {
                    self.files.remove(&file.path)?;
                    let reason = salvaged.reasons.first().map_or("it has no series", |reason| reason.as_str());
                    return fixed(None, format!("all of it: {reason}"));
                }
                let rebuilt = (u64::from(salvaged.meta.series_count), salvaged.meta.sample_count);
                let reason = salvaged.reasons.first().map_or(String::new(), |reason| format!(": {reason}"));
                let (series, samples) = (salvaged.lost_series, salvaged.lost_samples);
                fixed(Some(rebuilt), format!("{series} series with {samples} samples{reason}"))
            }
            Err(error @ bongsu_block::Error::Corrupt { .. }) => fixed(None, format!("all of it: {error}")),
            Err(error) => {
                // Back to where it was: it may be saved when there is room on the disk.
                fs::rename(&aside, &file.path).map_err(Error::io("move back", &aside))?;
                Err(error.into())
            }
        }
    }

    /// Moves a file to the same place below `damaged/`.
    fn set_aside(&self, path: &Path) -> Result<PathBuf, Error> {
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        let target = self.dir.join(ASIDE).join(inside);
        let target = free_name(target);
        let parent = target.parent().unwrap_or(&self.dir);
        self.files.create_dir_all(parent)?;
        fs::rename(path, &target).map_err(Error::io("move", path))?;
        self.files.sync_dir(parent)?;
        path.parent().map_or(Ok(()), |parent| self.files.sync_dir(parent))?;
        Ok(target)
    }
}

/// The name, or the first one with a number behind it that is not taken.
fn free_name(path: PathBuf) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    if path.exists() { (1..).map(numbered).find(|path| !path.exists()).unwrap_or(path) } else { path }
}
