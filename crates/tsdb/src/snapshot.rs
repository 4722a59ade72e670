//! Snapshots: hard links to what is on disk.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::store::{Inner, Store};
use crate::tenant::Tenant;

/// Small files of a tenant that are replaced as a whole. Tombstones come before blocks: of a block that is being cleaned
/// the snapshot must not have the old one without them.
const SMALL_FILES: [&str; 3] = ["tombstones", "metadata", "exemplars"];

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
        if let Some(parent) = dir.parent() {
            self.files.create_dir_all(parent)?;
        }
        self.files.0.create_dir(dir).map_err(Error::io("create", dir))?;
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
            let link = self.files.0.link(&block.path, &target.join(block.name.to_string()));
            link.map_err(Error::io("link", &block.path))
        })
    }
}
