//! Snapshots: hard links to what is on disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_disk::OsDisk;

use crate::error::Error;
use crate::files::Files;
use crate::store::{Inner, Store};
use crate::tenant::Tenant;
use crate::tier::stub;

/// Small files of a tenant that are replaced as a whole. Tombstones come before blocks: of a block that is being cleaned
/// the snapshot must not have the old one without them.
const SMALL_FILES: [&str; 3] = ["tombstones", "metadata", "exemplars"];

/// Behind the name of a snapshot that is being taken.
const HALF: &str = ".tmp";

/// Behind the name of a snapshot that a backup asked for, and deletes when it is done.
pub const BACKUP_END: &str = "-backup";
/// Locked while backups run, in the data directory.
const BACKUP_LOCK: &str = "backup.lock";

/// Deletes what snapshots of an earlier process left that never got their name, and those of backups that did not end.
pub(crate) fn sweep(files: &Files, data_dir: &Path) -> Result<(), Error> {
    let dir = data_dir.join("snapshots");
    if !dir.is_dir() {
        return Ok(());
    }
    remove_ending(files, &dir, HALF)?;
    let path = data_dir.join(BACKUP_LOCK);
    match File::open(&path) {
        // No backup was ever made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => sweep_backups(files, &dir, &file.map_err(Error::io("open", &path))?),
    }
}

/// Unless a backup runs.
fn sweep_backups(files: &Files, snapshots: &Path, lock: &File) -> Result<(), Error> {
    match lock.try_lock() {
        Ok(()) => remove_ending(files, snapshots, BACKUP_END),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", snapshots)(error)),
    }
}

fn remove_ending(files: &Files, dir: &Path, end: &str) -> Result<(), Error> {
    let names = files.0.list(dir).map_err(Error::io("list", dir))?;
    names.iter().filter(|name| name.ends_with(end)).try_for_each(|name| files.remove_tree(&dir.join(name)))
}

/// Held by a backup from before it asks for its snapshot until that is deleted. Without it, a snapshot whose name ends with
/// [`BACKUP_END`] is one of a backup that did not end, and goes with the next start or backup.
#[derive(Debug)]
pub struct BackupLock {
    _file: File,
}

impl BackupLock {
    /// Deletes what earlier backups of the data directory left, and takes the lock. Backups may run beside each other.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn take(data_dir: &Path) -> Result<Self, Error> {
        let (path, snapshots) = (data_dir.join(BACKUP_LOCK), data_dir.join("snapshots"));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        if snapshots.is_dir() {
            sweep_backups(&Files(Arc::new(OsDisk)), &snapshots, &file)?;
        }
        file.lock_shared().map_err(Error::io("lock", &path))?;
        Ok(Self { _file: file })
    }
}

impl Store {
    /// Puts hard links to all blocks of all tenants under `dir`, which becomes a data directory of its own: what a backup
    /// copies in peace. With `with_head`, everything in memory goes to blocks first.
    ///
    /// # Errors
    /// When memory cannot be written to blocks, when `dir` is there already, or on another file system.
    pub fn snapshot(&self, dir: &Path, with_head: bool) -> Result<(), Error> {
        self.inner.snapshot(dir, with_head)
    }
}

impl Inner {
    fn snapshot(&self, dir: &Path, with_head: bool) -> Result<(), Error> {
        if with_head {
            self.flush()?;
        }
        if dir.exists() {
            return Err(Error::io("create", dir)(io::ErrorKind::AlreadyExists.into()));
        }
        let parent = dir.parent().unwrap_or(Path::new("."));
        self.files.create_dir_all(parent)?;
        // It gets its name when it is whole: half a snapshot must not be taken for one.
        let mut half = dir.as_os_str().to_owned();
        half.push(HALF);
        let half = PathBuf::from(half);
        self.files.0.create_dir(&half).map_err(Error::io("create", &half))?;
        let linked = self.link_all(&half).and_then(|()| self.files.rename(&half, dir));
        linked.inspect_err(|_| _ = self.files.remove_tree(&half))?;
        self.files.sync_dir(parent)
    }

    fn link_all(&self, dir: &Path) -> Result<(), Error> {
        for tenant in self.tenants.all() {
            let target = dir.join("tenants").join(tenant.id.as_str());
            self.files.create_dir_all(&target)?;
            self.link_tenant(&tenant, &target)?;
            self.files.sync_dir(&target)?;
        }
        self.files.sync_dir(dir)
    }

    fn link_tenant(&self, tenant: &Tenant, target: &Path) -> Result<(), Error> {
        for name in SMALL_FILES {
            match self.files.0.link(&tenant.dir.join(name), &target.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("link", &tenant.dir.join(name))(error));
                }
                _ => {}
            }
        }
        // No block leaves meanwhile.
        let _leaving = self.leaving.lock();
        if tenant.is_leaving.load(Ordering::Relaxed) {
            return Ok(());
        }
        let blocks = Arc::clone(&tenant.state.read().blocks);
        blocks.iter().try_for_each(|block| {
            let (file, target) = (&block.path, target.join(block.name.to_string()));
            // Of a block that is only in the bucket, what says so.
            let (file, target) = match block.far {
                Some(_) => (stub::path(file), stub::path(&target)),
                None => (file.clone(), target),
            };
            self.files.0.link(&file, &target).map_err(Error::io("link", &file))
        })
    }
}
