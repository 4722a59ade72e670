//! A disk for tests that fills up, fails, and loses power.
//!
//! The files are real ones in a directory, so that they can be read and mapped as always. Beside them stands a journal of
//! what no sync has made durable yet: bytes written and names changed. After a power cut a part of the journal, chosen by a
//! seed, is undone: nothing, all, the latest, or any of it. That is more than most file systems do to us, and all that POSIX
//! lets them do.

mod journal;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Disk, DiskFile, OsDisk};
use journal::{Inode, Journal, NameChange};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: nothing works until [`SimDisk::restart`].
    PowerCut,
    /// One operation fails.
    Error,
}

/// A disk that all of its clones share.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    root: PathBuf,
    journal: Journal,
    /// Operations left until the fault.
    fault: Option<(u64, Fault)>,
    /// Reads left until one fails.
    read_fault: Option<u64>,
    is_off: bool,
    /// Bytes that all files together may have.
    capacity_bytes: Option<u64>,
    /// Operations that changed something.
    operations: u64,
}

impl SimDisk {
    /// A disk that has what stands in a directory, durably.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn new(root: &Path) -> io::Result<Self> {
        let mut state = State {
            root: root.to_owned(),
            journal: Journal::default(),
            fault: None,
            read_fault: None,
            is_off: false,
            capacity_bytes: None,
            operations: 0,
        };
        state.journal.adopt(root)?;
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Lets something go wrong after so many more operations.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        self.0.lock().fault = Some((operations, fault));
    }

    /// Lets a read of an open file fail after so many more of them, as a bad sector does. Files that are mapped are not read
    /// this way.
    pub fn fail_read_after(&self, reads: u64) {
        self.0.lock().read_fault = Some(reads);
    }

    /// Nothing goes wrong from now on, but for the power if it is off.
    pub fn heal(&self) {
        let mut state = self.0.lock();
        (state.fault, state.read_fault, state.capacity_bytes) = (None, None, None);
    }

    /// Leaves room for so many more bytes.
    pub fn leave_space(&self, bytes: u64) {
        let mut state = self.0.lock();
        state.capacity_bytes = Some(state.journal.used_bytes() + bytes);
    }

    /// The bytes of all files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.0.lock().journal.used_bytes()
    }

    /// Operations so far that changed something.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.lock().is_off
    }

    /// What is left after a power cut, by a seed; everything works again. Nobody has a file open.
    ///
    /// # Errors
    /// When the real files cannot be changed.
    pub fn restart(&self, seed: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        (state.fault, state.read_fault, state.capacity_bytes, state.is_off) = (None, None, None, false);
        state.journal.lose(seed)?;
        let root = state.root.clone();
        state.journal = Journal::default();
        state.journal.adopt(&root)
    }
}

impl State {
    /// Counts an operation, and lets it fail when it is time to.
    fn operate(&mut self) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        match &mut self.fault {
            Some((0, fault)) => {
                self.is_off = *fault == Fault::PowerCut;
                self.fault = None;
                Err(io::Error::other("the disk does not answer"))
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How many of so many more bytes there is room for.
    fn room_for(&self, bytes: u64) -> io::Result<u64> {
        let Some(capacity_bytes) = self.capacity_bytes else { return Ok(bytes) };
        let room = capacity_bytes.saturating_sub(self.journal.used_bytes()).min(bytes);
        // The system's own error, so that messages are those that people will see.
        if room == 0 && bytes > 0 { Err(rustix::io::Errno::NOSPC.into()) } else { Ok(room) }
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        state.room_for(1)?;
        fs::create_dir(dir)?;
        state.journal.change(NameChange::Dir(dir.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsDisk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.operate()?;
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        let inode = match state.journal.inode_of(path) {
            Some(inode) => {
                state.journal.edit(inode, |known| known.set_len(0));
                inode
            }
            None => state.journal.add(path),
        };
        Ok(Box::new(SimFile { disk: self.clone(), inode, file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.0.lock();
        let file = File::options().read(true).write(true).open(path)?;
        let inode = state.journal.inode_of(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode, file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        fs::rename(from, to)?;
        state.journal.rename(from, to);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        fs::hard_link(from, to)?;
        let inode = state.journal.inode_of(from);
        state.journal.change(NameChange::Files(BTreeMap::from([(to.to_owned(), inode)])));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        fs::remove_file(path)?;
        state.journal.change(NameChange::Files(BTreeMap::from([(path.to_owned(), None)])));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        fs::remove_dir(dir)?;
        state.journal.remove_dir(dir);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        state.journal.sync_dir(dir);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        OsDisk.lock(path)
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
    file: File,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.disk.0.lock().read_fault {
            Some(0) => return Err(rustix::io::Errno::IO.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        FileExt::read_at(&self.file, into, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.operate()?;
        let end = offset + bytes.len() as u64;
        let growth = end.saturating_sub(self.file.metadata()?.len().max(offset));
        let room = state.room_for(growth)?;
        // As much as fits, as the system does it.
        let taken = &bytes[..bytes.len() - (growth - room) as usize];
        FileExt::write_all_at(&self.file, taken, offset)?;
        state.journal.edit(self.inode, |inode| inode.write(offset, taken));
        Ok(taken.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.operate()?;
        self.file.set_len(bytes)?;
        state.journal.edit(self.inode, |inode| inode.set_len(bytes));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.operate()?;
        state.journal.edit(self.inode, Inode::sync);
        Ok(())
    }
}
