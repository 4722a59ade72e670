//! Snapshots: hard links to what is on disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

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

/// Deletes what snapshots of an earlier process left that never got their name.
pub(crate) fn sweep(files: &Files, data_dir: &Path) -> Result<(), Error> {
    let dir = data_dir.join("snapshots");
    if !dir.is_dir() {
        return Ok(());
    }
    let names = files.0.list(&dir).map_err(Error::io("list", &dir))?;
    names.iter().filter(|name| name.ends_with(HALF)).try_for_each(|name| files.remove_tree(&dir.join(name)))
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
