//! The end of the process at a named operation of the disk.
//!
//! What is on disk changes with the disk's operations only. So every state that a crash can leave behind is reached by a
//! crash before or after one of them, and no engine needs marks of its own in its code.

use std::any::Any;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Disk, DiskFile, OsDisk};

/// The operations that change what is on disk, as a [`CrashPoint`] names them.
const OPERATIONS: [&str; 10] =
    ["mkdir", "create", "write", "cut", "sync", "rename", "link", "remove", "rmdir", "syncdir"];

/// When the process ends: `<operation> <part of the path> <number> [before|after|torn]`, as in `rename .block 3 after`.
/// `any` stands for each operation and `*` for each path. Of those that fit, the one of that number, from 1 on, is the last
/// one: it is done (`after`, the default), or not (`before`), or of a write the first half is (`torn`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    operation: Option<&'static str>,
    path_part: String,
    number: u64,
    moment: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before,
    After,
    Torn,
}

/// Why a text names no [`CrashPoint`].
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no crash point: expected <{}|any> <part of the path|*> <number> [before|after|torn]", OPERATIONS.join("|"))]
pub struct CrashPointError {
    text: String,
}

impl FromStr for CrashPoint {
    type Err = CrashPointError;

    fn from_str(text: &str) -> Result<Self, CrashPointError> {
        parse(text).ok_or_else(|| CrashPointError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<CrashPoint> {
    let mut words = text.split_whitespace();
    let operation = match words.next()? {
        "any" => None,
        word => Some(OPERATIONS.into_iter().find(|known| *known == word)?),
    };
    let path_part = words.next()?.to_owned();
    let number = words.next()?.parse().ok().filter(|number| *number > 0)?;
    let moment = match words.next().unwrap_or("after") {
        "before" => Moment::Before,
        "after" => Moment::After,
        "torn" => Moment::Torn,
        _ => return None,
    };
    words.next().is_none().then_some(CrashPoint { operation, path_part, number, moment })
}

/// The machine's file system, until the operation that a [`CrashPoint`] names; then the process ends as by `kill -9`.
#[derive(Debug)]
pub struct CrashDisk(Arc<Fuse>);

#[derive(Debug)]
struct Fuse {
    point: CrashPoint,
    /// Operations that have fitted so far.
    seen: AtomicU64,
}

impl CrashDisk {
    /// A disk that crashes there.
    #[must_use]
    pub fn new(point: CrashPoint) -> Self {
        Self(Arc::new(Fuse { point, seen: AtomicU64::new(0) }))
    }
}

impl Fuse {
    /// Whether this operation is the last one.
    fn burns(&self, operation: &str, path: &Path) -> bool {
        let CrashPoint { operation: wanted, path_part, number, .. } = &self.point;
        let fits = wanted.is_none_or(|wanted| wanted == operation)
            && (path_part == "*" || path.to_string_lossy().contains(path_part.as_str()));
        fits && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == *number
    }

    fn run<T>(&self, operation: &str, path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if !self.burns(operation, path) {
            return work();
        }
        if self.point.moment != Moment::Before {
            let _ = work();
        }
        end_process()
    }
}

/// Ends the process as `kill -9` does: nothing is flushed, no destructor runs.
fn end_process() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal is on its way.
    std::process::abort()
}

impl Disk for CrashDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.run("mkdir", dir, || OsDisk.create_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsDisk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.run("create", path, || OsDisk.create(path))?;
        Ok(Box::new(CrashFile { file, path: path.into(), fuse: Arc::clone(&self.0) }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(CrashFile { file: OsDisk.open(path)?, path: path.into(), fuse: Arc::clone(&self.0) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.run("rename", to, || OsDisk.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.run("link", to, || OsDisk.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.run("remove", path, || OsDisk.remove(path))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.run("rmdir", dir, || OsDisk.remove_dir(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.run("syncdir", dir, || OsDisk.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        OsDisk.lock(path)
    }
}

struct CrashFile {
    file: Box<dyn DiskFile>,
    path: Box<Path>,
    fuse: Arc<Fuse>,
}

impl DiskFile for CrashFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let taken = if self.fuse.point.moment == Moment::Torn { bytes.len() / 2 } else { bytes.len() };
        if self.fuse.burns("write", &self.path) {
            if self.fuse.point.moment != Moment::Before {
                let _ = self.file.write_at(offset, &bytes[..taken]);
            }
            end_process()
        }
        self.file.write_at(offset, bytes)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.fuse.run("cut", &self.path, || self.file.set_len(bytes))
    }

    fn sync(&self) -> io::Result<()> {
        self.fuse.run("sync", &self.path, || self.file.sync())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_the_operation_that_is_the_last_one() {
        let point: CrashPoint = "rename .block 2 before".parse().unwrap();
        let expected =
            CrashPoint { operation: Some("rename"), path_part: ".block".to_owned(), number: 2, moment: Moment::Before };
        assert_eq!(point, expected);
        for bad in ["", "rename", "rename x", "rename x 0", "move x 1", "any * 1 later", "any * 1 after all"] {
            let error = bad.parse::<CrashPoint>().unwrap_err().to_string();
            assert!(error.contains("expected <mkdir|create"), "{error}");
        }
        let fuse = Fuse { point, seen: AtomicU64::new(0) };
        let burns: Vec<bool> = [("rename", "a.block"), ("remove", "a.block"), ("rename", "b"), ("rename", "c.block")]
            .into_iter()
            .map(|(operation, path)| fuse.burns(operation, Path::new(path)))
            .collect();
        assert_eq!(burns, [false, false, false, true]);
    }
}
